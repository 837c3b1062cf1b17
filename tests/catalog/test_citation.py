"""References as reference managers read them: every sign of a hostile text stays text."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from catalog import citation
from catalog.citation import Reference

HOSTILE = 'Қазақстан & {100%} of $x_1^2~ \\end # "q" <a>\r\nER  - \x00TY  - BOOK'


def reference(**values: object) -> Reference:
    return Reference(
        **{
            "key": "kzportal-v120",
            "author": "National Scientific Centre",
            "title": "Earthquake catalogue of Kazakhstan",
            "year": 2026,
            "version": 120,
            "url": "https://example.kz/cite/?minkr=9&catalogueversion=120",
            "accessed": date(2026, 3, 1),
            "language": "en",
            **values,
        }  # type: ignore[arg-type]
    )


def bibtex_fields(text: str) -> tuple[str, str, dict[str, str]]:
    """Read one entry as BibTeX does: braces count, whatever stands before them."""
    head = re.match(r"(?:%.*\n)?@(\w+)\{([^,\s{}]+),\n", text)
    assert head is not None
    fields, place = {}, head.end()
    while field := re.compile(r"\s*(\w+) = \{").match(text, place):
        depth, end = 1, field.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        fields[field[1]] = text[field.end() : end - 1]
        place = end + (text[end] == ",")
    assert text[place:] == "\n}\n"
    return head[1], head[2], fields


@pytest.mark.parametrize("words", ["Earthquakes", HOSTILE])
def test_bibtex_is_one_entry_whatever_the_words(words: str):
    made = reference(title=words, selection=words, author=words, sources=("A&B", "КНДЦ"))
    kind, key, fields = bibtex_fields(citation.bibtex(made))
    assert (kind, key) == ("misc", "kzportal-v120")
    assert fields["url"] == made.url
    assert fields["year"] == "2026" and fields["version"] == "120"
    assert fields["urldate"] == "2026-03-01"
    assert r"A\&B, КНДЦ" in fields["note"]
    for value in fields.values():
        if value is not fields["url"]:
            assert not re.search(r"(?<!\\)[#$%&_]", value)


def test_bibtex_writes_special_signs_out():
    text = citation.latex("100% of {x_1^2~} \\ #&$")
    assert text == (
        r"100\% of \textbraceleft{}x\_1\textasciicircum{}2\textasciitilde{}"
        r"\textbraceright{} \textbackslash{} \#\&\$"
    )


@pytest.mark.parametrize("words", ["Earthquakes", HOSTILE])
def test_ris_keeps_its_grammar(words: str):
    lines = citation.ris(reference(title=words, selection=words)).split("\r\n")
    assert lines[0] == "TY  - DATA" and lines[-2:] == ["ER  - ", ""]
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]  - [^\x00-\x1f]*", line) for line in lines[:-1])
    tags = [line[:2] for line in lines[:-1]]
    assert tags.count("TY") == tags.count("ER") == 1
    assert {"AU", "TI", "PY", "ET", "UR", "Y2"} <= set(tags)


def test_csl_json_is_a_dataset():
    (item,) = json.loads(citation.csl_json(reference(notes=("Invented.",))))
    assert item["type"] == "dataset" and item["version"] == "120"
    assert item["accessed"]["date-parts"] == [[2026, 3, 1]]
    assert item["note"] == "Invented."


def test_the_text_names_version_date_and_address():
    made = reference(selection="minkr=9", sources=("SOME", "KNDC"))
    assert citation.text(made) == (
        "National Scientific Centre (2026). Earthquake catalogue of Kazakhstan. Version 120. "
        "Selection: minkr=9. Data of SOME, KNDC. "
        "https://example.kz/cite/?minkr=9&catalogueversion=120 (accessed 2026-03-01)."
    )
