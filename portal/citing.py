"""Citable queries: a permalink names the catalogue's version, and says what changed since.

A permalink leads to the catalogue as it is now, beside what became of the search's events since the
version it names. The same bytes for ever are promised of stored exports and editions only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import F, Func, TextField
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog import citation
from catalog.citation import Reference
from catalog.downloads import TooLong
from catalog.models import Agency, Change, FeedCounter
from catalog.search import PAGE, EventSearch, SearchError, SearchProblem, short_id
from portal.changed import LISTED, MOST, WhatChanged, what_changed
from portal.templatetags import seismo
from portal.time_limits import within

VERSION_WORD = "catalogueversion"
#: Words of the address that are not the search's; order and page do not change what is cited.
IGNORED = (VERSION_WORD, "lang", "orderby", "limit", "offset")

COMPARE_SECONDS = 4.0
SOURCES_SECONDS = 2.0
#: A search word's value in running text: a polygon may have a thousand corners.
VALUE_LENGTH = 100


# --- The address ---------------------------------------------------------------------------------


def version_of(query: Mapping[str, Any], current: int) -> int:
    """Return the version an address names; without one the current.

    Raises
    ------
    SearchError
        For what is not a number, or a version that is yet to come.
    """
    texts = query.getlist(VERSION_WORD) if hasattr(query, "getlist") else [query[VERSION_WORD]]
    texts = [text.strip() for text in texts if text.strip()]
    if not texts:
        return current
    if len(texts) > 1:
        raise SearchError([SearchProblem(VERSION_WORD, "repeated", ", ".join(texts)[:80])])
    text = texts[0]
    expected = f"0..{current}"
    if not text.isascii() or not text.isdigit():
        found = "".join(c if c.isprintable() else "\ufffd" for c in text[:40])
        raise SearchError([SearchProblem(VERSION_WORD, "not-a-whole-number", found, expected)])
    if len(text) > 18 or int(text) > current:
        raise SearchError([SearchProblem(VERSION_WORD, "out-of-range", text[:40], expected)])
    return int(text)


def query_of(search: EventSearch, version: int) -> str:
    """Return the query of a permalink: the search, then the version."""
    words = search.words(without=("orderby", "limit", "offset"))
    return urlencode({**words, VERSION_WORD: str(version)}, safe=",:")


def permalink(request: HttpRequest, search: EventSearch, version: int) -> str:
    """Return the address to be cited: of no language, so each reader gets their own."""
    with translation.override("en"):
        path = reverse("cite").removeprefix("/en")
    return request.build_absolute_uri(f"{path}?{query_of(search, version)}")


def _asked(request: HttpRequest) -> tuple[EventSearch, int, int]:
    """Return the search, the version it names, and the current one."""
    problems: list[SearchProblem] = []
    current = version = FeedCounter.current()
    search = EventSearch()
    try:
        search = EventSearch.from_query(request.GET, PAGE, ignore=IGNORED)
    except SearchError as error:
        problems += error.problems
    try:
        version = version_of(request.GET, current)
    except SearchError as error:
        problems += error.problems
    if problems:
        raise SearchError(problems)
    return search, version, current


# --- The reference -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sources:
    """The agencies whose solutions a selection holds; ``complete`` is False if asking took long."""

    agencies: tuple[Agency, ...]
    complete: bool = True

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(agency.code for agency in self.agencies)


def sources_of(search: EventSearch) -> Sources:
    """Return the agencies that have a solution of any event of the search."""
    each = Func(F("agencies"), function="unnest", output_field=TextField())
    try:
        with within(SOURCES_SECONDS):
            codes = set(
                search.matching().annotate(code=each).values_list("code", flat=True).distinct()
            )
    except TooLong:
        return Sources((), complete=False)
    return Sources(tuple(Agency.objects.filter(code__in=codes).order_by("code")))


def _synthetic_notes(search: EventSearch) -> tuple[str, ...]:
    """Say that events were invented, if any is."""
    try:
        with within(SOURCES_SECONDS):
            if not search.matching().filter(synthetic=True).exists():
                return ()
            if not search.matching().filter(synthetic=False).exists():
                return (_("All these events are synthetic examples, not real earthquakes."),)
    except TooLong:
        return ()
    return (_("Some of these events are synthetic examples, not real earthquakes."),)


def author() -> str:
    """Return who publishes the catalogue: the portal's own agency in the reader's language."""
    own = Agency.objects.filter(is_portal=True).first()
    return own.name if own is not None else settings.PORTAL_AGENCY_CODE


def selection_words(search: EventSearch) -> str:
    """Return the search in its own words, short enough for a sentence."""
    words = search.words(without=("orderby", "limit", "offset"))
    return "; ".join(
        f"{word}={value if len(value) <= VALUE_LENGTH else value[:VALUE_LENGTH] + '…'}"
        for word, value in words.items()
    )


def reference_of(
    request: HttpRequest, search: EventSearch, version: int, sources: Sources
) -> Reference:
    """Return the reference to a search at a version, in the language now active."""
    change = Change.objects.filter(number=version).first()
    today = timezone.now().date()
    words = selection_words(search)
    title = _("Earthquake catalogue of Kazakhstan")
    key = f"{settings.PORTAL_AGENCY_CODE.lower()}-v{version}"
    if search.eventid is not None and len(search.eventid) == 1:
        event = short_id(search.eventid[0])
        title = _("Earthquake catalogue of Kazakhstan: event %(id)s") % {"id": event}
        key += f"-{event}"
        words = ""
    elif words:
        key += f"-{hashlib.sha256(words.encode()).hexdigest()[:6]}"
    return Reference(
        key=key,
        author=author(),
        title=title,
        year=(change.at.date() if change else today).year,
        version=version,
        url=permalink(request, search, version),
        accessed=today,
        language=(get_language() or "en")[:2],
        selection=words,
        sources=sources.codes,
        notes=_synthetic_notes(search),
    )


# --- Pages and files -----------------------------------------------------------------------------


def _compared(search: EventSearch, version: int, current: int) -> WhatChanged | None:
    """Return what changed; ``None`` where the database could not say in time."""
    try:
        with within(COMPARE_SECONDS):
            return what_changed(search, version, current)
    except TooLong:
        return None


@require_safe
def cite_page(request: HttpRequest) -> HttpResponse:
    """What a search was, what it is now, what changed between, and how to cite it."""
    try:
        search, version, current = _asked(request)
    except SearchError as error:
        problems = [problem.message for problem in error.problems]
        return render(request, "portal/cite.html", {"problems": problems}, status=400)
    sources = sources_of(search)
    texts = []
    for code, name in settings.LANGUAGES:
        with translation.override(code):
            texts.append(
                {
                    "language": code,
                    "name": str(name),
                    "text": citation.text(reference_of(request, search, version, sources)),
                }
            )
    here = (get_language() or "en")[:2]
    texts.sort(key=lambda text: text["language"] != here)
    lang = "" if here == "en" else f"&lang={here}"
    changed = _compared(search, version, current)
    return render(
        request,
        "portal/cite.html",
        {
            "search": search,
            "search_words": search.words(without=("orderby", "limit", "offset")).items(),
            "search_query": search.to_query(),
            "version": version,
            "current": current,
            "at": Change.objects.filter(number=version).first(),
            "permalink": permalink(request, search, version),
            "texts": texts,
            "files": [
                {
                    "name": name,
                    "url": reverse("cite-file", args=[form])
                    + f"?{query_of(search, version)}{lang}",
                }
                for form, name in (
                    ("bib", "BibTeX"),
                    ("ris", "RIS"),
                    ("csl.json", "CSL-JSON"),
                    ("json", "JSON"),
                )
            ],
            "sources": sources,
            "synthetic": _synthetic_notes(search),
            "changed": changed,
            "changes": [
                {"words": kind_words(kind, number), "number": number}
                for kind, number in changed.counts.items()
                if number
            ]
            if changed
            else [],
            "listed": [{"event": e, "kind": kind_label(e.kind)} for e in changed.listed]
            if changed
            else [],
            "words": {"copied": _("Copied")},
            "most": MOST,
            "most_listed": LISTED,
        },
    )


def kind_label(kind: str) -> str:
    """What became of an event, in a word."""
    return {
        "created": _("new"),
        "updated": _("changed"),
        "deleted": _("deleted"),
        "merged": _("merged"),
        "left": _("no longer found"),
    }[kind]


def kind_words(kind: str, number: int) -> str:
    """Say how many events something became of."""
    counted = seismo.events_counted(number)
    return {
        "created": _("%(events)s new"),
        "updated": _("%(events)s changed"),
        "deleted": _("%(events)s deleted"),
        "merged": _("%(events)s merged into others"),
        "left": _("%(events)s changed so that this search does not find them now"),
    }[kind] % {"events": counted}


_FILES: dict[str, tuple[str, Callable[[Reference], str]]] = {
    "bib": ("application/x-bibtex; charset=utf-8", citation.bibtex),
    "ris": ("application/x-research-info-systems; charset=utf-8", citation.ris),
    "csl.json": ("application/vnd.citationstyles.csl+json; charset=utf-8", citation.csl_json),
}


@require_safe
def cite_file(request: HttpRequest, form: str) -> HttpResponse:
    """A reference as a file, or all of the page as JSON; English, or the language of ``lang``."""
    language = request.GET.get("lang", "en")
    with translation.override(language if language in ("kk", "ru", "en") else "en"):
        try:
            search, version, current = _asked(request)
        except SearchError as error:
            response: HttpResponse = JsonResponse(
                {"error": error.message, "problems": [p.as_json() for p in error.problems]},
                status=400,
            )
        else:
            reference = reference_of(request, search, version, sources_of(search))
            if form == "json":
                response = JsonResponse(_as_json(search, version, current, reference))
            else:
                content_type, write = _FILES[form]
                response = HttpResponse(write(reference), content_type=content_type)
                name = f"{reference.key}.{form}"
                response["Content-Disposition"] = f'attachment; filename="{_file_name(name)}"'
        response["Content-Language"] = translation.get_language() or "en"
    response["Cache-Control"] = "no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _file_name(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in name)


def _as_json(
    search: EventSearch, version: int, current: int, reference: Reference
) -> dict[str, Any]:
    changed = _compared(search, version, current)
    answer: dict[str, Any] = {
        "catalogueversion": version,
        "current_version": current,
        "search": search.words(without=("orderby", "limit", "offset")),
        "permalink": reference.url,
        "citation": citation.text(reference),
        "csl": citation.csl(reference),
        "changes": None,
    }
    if changed is not None:
        then = changed.count_then
        answer |= {
            "count": changed.count.value,
            "count_is_exact": changed.count.exact,
            "count_then": {"least": then[0], "most": then[1]} if then else None,
            "changes": {
                "counts": changed.counts,
                "counts_are_exact": changed.exact,
                "listed": [event.as_json() for event in changed.listed],
            },
        }
    return answer
