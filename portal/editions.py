"""Public pages of editions: what was frozen, how to cite it, what differs from the one before.

An *edition* is a published, frozen selection of the catalogue (``catalog/models/editions.py``).
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog import edition_contents
from catalog.api import editions as api
from catalog.edition_contents import CHANGED, LIST, Difference, events_of
from catalog.models import Edition, EditionEvent, Event
from catalog.search import SearchError
from portal.exports import words_of
from processing.core.declustering import METHODS, ROLES

#: Differences listed on the page; the file has them all.
LISTED = 100
PAGE = 100
#: Columns of the wide table that the page of an edition's events shows.
SHOWN = (
    "event_id", "time", "latitude", "longitude", "depth_km", "KR", "MPVA", "magnitude",
    "magnitude_type", "author", "event_type", "place",
)  # fmt: skip


@require_safe
def editions_page(request: HttpRequest) -> HttpResponse:
    """All editions, series by series."""
    series: dict[str, list[Edition]] = {}
    for edition in api.editions():
        series.setdefault(edition.series, []).append(edition)
    return render(request, "portal/editions.html", {"series": series})


@require_safe
def edition_page(request: HttpRequest, series: str, number: int) -> HttpResponse:
    """One edition."""
    edition = api.published(series, number)
    previous = edition.previous
    files = [
        {**api.file_json(file, edition, request), "words": kind_words(file.kind)}
        for file in edition.files.select_related("export").order_by("pk")
    ]
    here = (get_language() or "en")[:2]
    texts = [
        {"language": code, "name": str(name), "text": edition.citation.get(code, "")}
        for code, name in settings.LANGUAGES
    ]
    texts.sort(key=lambda text: text["language"] != here)
    listed: list[Difference] = []
    if previous is not None:
        listed = list(islice(edition_contents.differences(previous, edition), LISTED))
    return render(
        request,
        "portal/edition.html",
        {
            "edition": edition,
            "previous": previous,
            "files": files,
            "checksums": api.address(request, edition, "api-edition-checksums"),
            "references": [
                {
                    "name": name,
                    "url": reverse("api-edition-reference", args=[series, number, form])
                    + ("" if here == "en" else f"?lang={here}"),
                }
                for form, name in (("bib", "BibTeX"), ("ris", "RIS"), ("csl.json", "CSL-JSON"))
            ],
            "texts": texts,
            "words": _words(edition),
            "search_query": edition.search,
            "lists": [
                {"number": place, "told": told, "events": count}
                for place, (told, count) in enumerate(
                    zip(edition.lists, edition.counts.get("lists", []), strict=False), 1
                )
            ],
            "runs": [
                {
                    "run": run,
                    "title": METHODS[run.method].title if run.method in METHODS else run.method,
                    "source": METHODS[run.method].source if run.method in METHODS else "",
                    "roles": [(role_words(role), run.counts.get(role, 0)) for role in ROLES],
                }
                for run in edition.declustering_runs.order_by("pk")
            ],
            "differences": [
                {"one": one, "kind": difference_words(one.kind), "values": _values(one)}
                for one in listed
            ],
            "difference_counts": edition.counts.get("differences", {}),
            "listed": LISTED,
        },
    )


def _words(edition: Edition) -> list[Any]:
    """Return the search in words; a word that is no more known leaves the query itself."""
    try:
        return words_of(edition_contents.Chosen.of(edition.search).replace(orderby="time"))
    except SearchError:
        return []


def editions_of(event: Event) -> list[dict[str, Any]]:
    """Return the editions an event stands in, the newest first, with its roles by method."""
    roles: dict[int | None, list[dict[str, str]]] = {}
    for label in event.declustering_labels.filter(run__edition__isnull=False).select_related("run"):
        method = METHODS.get(label.run.method)
        roles.setdefault(label.run.edition_id, []).append(
            {
                "role": str(label.get_role_display()),
                "method": method.title if method is not None else label.run.method,
            }
        )
    found = (
        EditionEvent.objects.filter(event=event, edition__status=Edition.Status.PUBLISHED)
        .select_related("edition")
        .defer("csv_line", "fdsn_text")
        .order_by("-edition__published_at")
    )
    return [
        {
            "edition": one.edition,
            "list": one.edition.lists[one.list - 1]["title"] if one.list else "",
            "roles": roles.get(one.edition_id, []),
        }
        for one in found
    ]


def kind_words(kind: str) -> str:
    """What a file of an edition is."""
    if kind.startswith("list-"):
        return _("List %(number)s, CSV") % {"number": kind.removeprefix("list-")}
    return {
        "csv": _("Events, wide table (CSV)"),
        "text": _("Events, FDSN text"),
        "quakeml": _("Events, QuakeML 1.2"),
        "differences": _("Differences to the edition before, CSV"),
    }.get(kind, kind)


def role_words(role: str) -> str:
    """The number of events of a role is told under this."""
    return {
        "single": _("single events"),
        "foreshock": _("foreshocks"),
        "mainshock": _("mainshocks"),
        "aftershock": _("aftershocks"),
    }[role]


def difference_words(kind: str) -> str:
    """What became of an event between two editions, in a word."""
    return {
        "added": pgettext("event of an edition", "added"),
        "removed": pgettext("event of an edition", "removed"),
        "changed": pgettext("event of an edition", "changed"),
    }[kind]


def _values(one: Difference) -> list[tuple[str, str, str]]:
    """Return changed values as the page shows them."""
    if one.kind != CHANGED:
        return []
    count = _("the count")
    return [
        (_("list"), old or count, new or count) if name == LIST else (name, old or "—", new or "—")
        for name, old, new in one.values
    ]


@require_safe
def edition_events_page(request: HttpRequest, series: str, number: int) -> HttpResponse:
    """The events of an edition as it froze them, or those of one of its lists (``?list=1``)."""
    edition = api.published(series, number)
    word = request.GET.get("list", "0")
    sizes = [edition.counts.get("events", 0), *edition.counts.get("lists", [])]
    if not (word.isascii() and word.isdigit() and len(word) < 4 and int(word) < len(sizes)):
        raise Http404
    place = int(word)
    page = Paginator(range(sizes[place]), PAGE).get_page(request.GET.get("page"))
    rows = events_of(edition, place, page.start_index() - 1, page.end_index())
    return render(
        request,
        "portal/edition_events.html",
        {
            "edition": edition,
            "list": edition.lists[place - 1] if place else None,
            "columns": [name for name in SHOWN if name in edition.columns],
            "rows": [
                [row.get(name, "") for name in SHOWN if name in edition.columns] for row in rows
            ],
            "events": sizes[place],
            "page": page,
        },
    )
