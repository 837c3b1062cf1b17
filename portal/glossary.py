"""The glossary page: terms in three languages, read from docs/glossary.md, their one source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from portal.context_processors import LANGUAGE_LABELS

FILE = settings.BASE_DIR / "docs" / "glossary.md"
#: Headings of the table by language: the term, and what it means.
COLUMNS = {
    "en": ("English", "meaning"),
    "ru": ("Russian", "meaning in Russian"),
    "kk": ("Kazakh", "meaning in Kazakh"),
}


@dataclass(frozen=True)
class Term:
    """One line of the glossary."""

    #: By language; every line has all three.
    words: dict[str, str]
    #: By language; some terms explain themselves, and some are explained in English only.
    meanings: dict[str, str]

    @property
    def anchor(self) -> str:
        return slugify(self.words["en"])


@dataclass(frozen=True, slots=True)
class TermTold:
    """A term as a reader of one language is told it."""

    anchor: str
    word: str
    meaning: str
    #: The language the meaning is in.
    meaning_language: str
    #: Code and name of each other language, and its word.
    others: list[tuple[str, str, str]]


def read(file: Path = FILE) -> list[Term]:
    """Return the lines of a glossary's table.

    Raises
    ------
    ValueError
        Where a line lacks one of the three words.
    """
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and not set(line) <= set("|-: ")
    ]
    heading = rows[0]
    terms = []
    for row in rows[1:]:
        cells = dict(zip(heading, row, strict=False))
        words = {code: cells.get(word, "") for code, (word, _meaning) in COLUMNS.items()}
        if not all(words.values()):
            raise ValueError(f"{file.name}: a term lacks a language: {row}")
        meanings = {code: cells.get(meaning, "") for code, (_word, meaning) in COLUMNS.items()}
        terms.append(Term(words, meanings))
    return terms


@lru_cache(maxsize=1)
def _terms() -> list[Term]:
    return read()


@require_safe
def glossary_page(request: HttpRequest) -> HttpResponse:
    """Every term, in the order of the reader's language."""
    language = (get_language() or "en")[:2]
    terms = sorted(
        (_told(term, language) for term in _terms()), key=lambda t: _order(t.word, language)
    )
    return render(request, "portal/glossary.html", {"terms": terms})


def _told(term: Term, language: str) -> TermTold:
    own = term.meanings[language]
    return TermTold(
        anchor=term.anchor,
        word=term.words[language],
        meaning=own or term.meanings["en"],
        meaning_language=language if own else "en",
        others=[
            (code, LANGUAGE_LABELS[code][1], word)
            for code, word in term.words.items()
            if code != language
        ],
    )


#: The alphabets' orders; the code points of Kazakh letters and of ё are others.
ALPHABETS = {
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "kk": "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя",
}


def _order(word: str, language: str) -> list[int]:
    alphabet = ALPHABETS.get(language, "")
    return [
        alphabet.index(letter) if letter in alphabet else 1000 + ord(letter)
        for letter in word.lower()
    ]
