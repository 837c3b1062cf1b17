"""Kazakh and Russian are complete, true to placeholders and plurals, and no copy of each other.

Reads the message files as text, so it needs neither a database nor compiled catalogues.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

LOCALE = settings.BASE_DIR / "portal" / "locale"
LANGUAGES = ("kk", "ru")
PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sd]|%[sd]|%%|\{[a-z_]*\}")
TAG = re.compile(r"</?[a-z][a-z0-9]*")
PLURAL_FORMS = {"kk": 2, "ru": 4}


def messages(language: str) -> polib.POFile:
    return polib.pofile(str(LOCALE / language / "LC_MESSAGES" / "django.po"))


def listed(name: str) -> set[str]:
    """Strings that may stay equal, one a line; a line that begins with # explains."""
    lines = (LOCALE / name).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def translations(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    if entry.msgid_plural:
        for index, text in entry.msgstr_plural.items():
            yield (entry.msgid if int(index) == 0 else entry.msgid_plural), text
    else:
        yield entry.msgid, entry.msgstr


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str | None, str]]:
    """What the sources ask for today, extracted from a copy: makemessages writes beside them."""
    copy: Path = tmp_path_factory.mktemp("sources")
    for room in ("portal", "catalog", "processing", "templates"):
        shutil.copytree(
            settings.BASE_DIR / room,
            copy / room,
            ignore=shutil.ignore_patterns("locale", "__pycache__", "tables", "data"),
        )
    # So that messages of an application go to the folder below and not to its own.
    messages_folder = copy / "locale"
    messages_folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        with override_settings(LOCALE_PATHS=[messages_folder]):
            call_command("makemessages", locale=["ru"], verbosity=0)
    found = polib.pofile(str(messages_folder / "ru" / "LC_MESSAGES" / "django.po"))
    return {(entry.msgctxt, entry.msgid) for entry in found if not entry.obsolete}


@pytest.mark.parametrize("language", LANGUAGES)
def test_message_file_holds_exactly_what_the_sources_ask_for(
    language: str, extracted: set[tuple[str | None, str]]
) -> None:
    held = {(entry.msgctxt, entry.msgid) for entry in messages(language) if not entry.obsolete}
    assert held == extracted, "run: manage.py makemessages -l kk -l ru (see CONTRIBUTING.md)"


def test_no_message_hides_in_an_f_string() -> None:
    """What is asked for inside an f-string is not extracted, so it would never be translated."""
    hidden = [
        f"{path.relative_to(settings.BASE_DIR)}:{call.lineno}"
        for room in ("portal", "catalog", "processing")
        for path in sorted((settings.BASE_DIR / room).rglob("*.py"))
        for text in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and (call.func.id == "_" or "gettext" in call.func.id)
    ]
    assert hidden == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language: str) -> None:
    file = messages(language)
    assert [entry.msgid for entry in file.untranslated_entries()] == []
    assert [entry.msgid for entry in file.fuzzy_entries()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_equals_its_source(language: str) -> None:
    allowed = listed("same-as-english.txt")
    same = [
        source
        for entry in messages(language)
        for source, text in translations(entry)
        if text == source and source not in allowed
    ]
    assert same == []


def test_no_kazakh_text_equals_the_russian() -> None:
    allowed = listed("same-in-kazakh-and-russian.txt") | listed("same-as-english.txt")
    russian = {(e.msgctxt, e.msgid): e.msgstr for e in messages("ru") if not e.msgid_plural}
    same = [
        entry.msgid
        for entry in messages("kk")
        if not entry.msgid_plural
        and entry.msgstr == russian.get((entry.msgctxt, entry.msgid))
        and entry.msgid not in allowed
    ]
    assert same == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_tags_survive_translation(language: str) -> None:
    wrong = []
    for entry in messages(language):
        for source, text in translations(entry):
            wanted = sorted(PLACEHOLDER.findall(entry.msgid_plural or source))
            if sorted(PLACEHOLDER.findall(text)) != wanted or sorted(TAG.findall(text)) != sorted(
                TAG.findall(source)
            ):
                wrong.append((source, text))
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_form_is_given(language: str) -> None:
    for entry in messages(language):
        if entry.msgid_plural:
            assert len(entry.msgstr_plural) == PLURAL_FORMS[language], entry.msgid
            assert all(entry.msgstr_plural.values()), entry.msgid


@pytest.mark.parametrize("language", LANGUAGES)
def test_terms_follow_the_glossary(language: str) -> None:
    """A message that is a term of docs/glossary.md has the glossary's translation."""
    wrong = []
    known = {entry.msgid.lower(): entry.msgstr for entry in messages(language)}
    for english, kazakh, russian in glossary():
        text = known.get(english.lower())
        wanted = kazakh if language == "kk" else russian
        # A term may have synonyms, parted by commas.
        if text is not None and text.lower() not in {word.strip() for word in wanted.split(",")}:
            wrong.append((english, text, wanted))
    assert wrong == []


def glossary() -> list[tuple[str, str, str]]:
    """Rows of docs/glossary.md: English, Kazakh, Russian, each in lower case."""
    text = (settings.BASE_DIR / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip().lower() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not set(line) <= set("|-: ")
    ]
    at = {name: rows[0].index(name) for name in ("english", "kazakh", "russian")}
    return [
        (english.strip(), row[at["kazakh"]], row[at["russian"]])
        for row in rows[1:]
        for english in row[at["english"]].split(",")
    ]
