"""Pages of exports: asking for one, and what becomes of it.

The search page's form posts to the first; it works without a script, and so does watching.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from catalog import exports
from catalog.api.exports import export_json, find
from catalog.models import Export
from catalog.search import BY_WORD, PAGE, EventSearch, SearchError
from processing.desk.exports_api import IGNORED, NotUnderstood, format_of
from processing.jobs import exporting

#: Of a value (a polygon of a thousand corners) a page shows so much.
VALUE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a search as a page shows it."""

    name: str
    value: str
    meaning: str


def words_of(search: EventSearch) -> list[Word]:
    """Return a search in words: what is asked, its value, what it means."""
    return [
        Word(name, value[:VALUE_CHARACTERS], str(BY_WORD[name].help))
        for name, value in search.words(without=("format", "nodata")).items()
    ]


def _no_robots(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex"
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask_page(request: HttpRequest) -> HttpResponse:
    """Ask for an export: a POST makes it and leads to its page, a GET shows what will be asked."""
    given = request.POST if request.method == "POST" else request.GET
    problems: list[str] = []
    status, retry = 200, 0
    search = None
    try:
        search = exports.search_of(given, ignore=IGNORED)
    except SearchError as error:
        problems = [problem.message for problem in error.problems]
        status = 400
    if request.method == "POST":
        try:
            code = format_of(given)
            if search is not None:
                export, _is_new = exporting.ask(
                    search,
                    code,
                    address=request.META.get("REMOTE_ADDR", ""),
                    language=(get_language() or "en")[:2],
                    site=request.build_absolute_uri("/"),
                )
                return redirect("export", export.public_id)
        except NotUnderstood as wrong:
            problems.append(exports.sentence(wrong.code, wrong.values))
            status = 400
        except exporting.Refused as refused:
            problems.append(exports.sentence(refused.code, refused.values))
            status, retry = refused.status, refused.retry_seconds
    response = render(
        request,
        "portal/export_ask.html",
        {
            "problems": problems,
            "search": search,
            "words": words_of(search) if search else [],
            "fields": _fields(search.to_query()) if search else [],
            "formats": [(code, format.name) for code, format in exports.FORMATS.items()],
            "format": given.get("format", "gpkg"),
        },
        status=status,
    )
    if retry:
        response["Retry-After"] = str(retry)
    return _no_robots(response)


def _fields(query: str) -> list[tuple[str, str]]:
    """Return a query as hidden fields of a form."""
    return [(name, value) for name, values in QueryDict(query).lists() for value in values]


@never_cache
@require_safe
def export_page(request: HttpRequest, export_id: str) -> HttpResponse:
    """An export: waiting, being made, ready, failed, or gone (410)."""
    export = find(export_id)
    state = export.state
    search = exports.search_in(export)
    form = exports.FORMATS.get(export.format)
    context: dict[str, Any] = {
        "export": export,
        "state": state,
        "state_words": Export.Status(state).label,
        "format": form.name if form else export.format,
        "counted": bool(form and form.is_counted and export.events_total is not None),
        "words": words_of(search),
        "search_address": _search_address(search),
        "fields": [*_fields(export.search), ("format", export.format)],
        "problem": exports.sentence(export.problem_code, export.problem)
        if export.problem_code
        else "",
        "file": export_json(export, request)["url"],
        "checksum_file": reverse("api-export-checksum", args=[export.public_id]),
        "watched": not export.is_over,
        "config": {"url": reverse("api-export", args=[export.public_id])},
        "page_words": {
            "done": _("%(done)s of %(total)s events"),
            "lost": _("No answer from the server; trying again."),
        },
    }
    status = 410 if state == Export.Status.EXPIRED else 200
    return _no_robots(render(request, "portal/export.html", context, status=status))


def _search_address(search: EventSearch) -> str:
    """Return where the same search stands as a page; "" if the page has no such words."""
    words = search.words(without=("format", "nodata"))
    if any(PAGE not in BY_WORD[name].surfaces for name in words):
        return ""
    query = search.to_query()
    return reverse("search") + (f"?{query}" if query else "")
