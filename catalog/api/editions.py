"""Editions over HTTP: what was published, when, from which version, and the files themselves.

An edition is a frozen selection of the catalogue (``catalog/models/editions.py``). What its
addresses answer stays the same for ever, but for the name of the edition that took its place.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog import citation
from catalog.api.describing import described
from catalog.api.exports import send
from catalog.api.members import Member, Type, told
from catalog.api.public import LANG, PublicView, asked_of, respond_with
from catalog.edition_contents import reference_of
from catalog.models import Edition, EditionFile

TEXT, INTEGER, OBJECT = Type.TEXT, Type.INTEGER, Type.OBJECT
#: The same bytes for ever, for everybody; asked anew each time, which the ETag makes cheap.
FOR_EVER = "public, no-cache"

#: An edition in a list.
EDITION: tuple[Member, ...] = (
    Member("edition", TEXT, "The name it is cited by: series and number.", "KZ-2014/1", null=False),
    Member("series", TEXT, "Its series.", "KZ-2014", null=False),
    Member("number", INTEGER, "Its number in the series.", 1, null=False),
    Member("title", TEXT, "Title, in the language asked for.", "The year 2014", null=False),
    Member("published", Type.TIME, "When it was published.", "2026-01-10T08:00:00Z", null=False),
    Member("catalogue_version", INTEGER, "The version of the catalogue it holds.", 812, null=False),
    Member("search", TEXT, "The words that chose its events.", "starttime=2014-01-01", null=False),
    Member("events", INTEGER, "Events that count.", 489, null=False),
    Member("synthetic", Type.BOOLEAN, "All its events are invented examples.", False, null=False),
    Member("sha256", TEXT, "SHA-256 of its list of checksums.", "0" * 64, null=False),
    Member("superseded_by", TEXT, "The edition that took its place.", None),
    Member("url", TEXT, "Its own address.", "https://example.kz/api/v1/editions/KZ-2014/1",
           null=False),
    Member("page", TEXT, "Its page.", "https://example.kz/en/editions/KZ-2014/1/", null=False),
)  # fmt: skip
FILE: tuple[Member, ...] = (
    Member("kind", TEXT, "csv, text, quakeml, list-1 …, differences.", "csv", null=False),
    Member("name", TEXT, "Name to save it under.", "KZ-2014-1.csv", null=False),
    Member("media_type", TEXT, "What it is.", "text/csv; charset=utf-8; header=present",
           null=False),
    Member("size", INTEGER, "Bytes.", 131072, null=False),
    Member("sha256", TEXT, "SHA-256 of the file.", "0" * 64, null=False),
    Member("url", TEXT, "Where it is.", "https://example.kz/api/v1/editions/KZ-2014/1/files/csv",
           null=False),
)  # fmt: skip
#: A list of events that stand beside the count.
LIST: tuple[Member, ...] = (
    Member("title", TEXT, "Title.", "Aftershocks below the threshold", null=False),
    Member("reason", TEXT, "Why it stands apart.", "KR below 6.6", null=False),
    Member("search", TEXT, "The words that chose its events.", "maxkr=6.5", null=False),
    Member("events", INTEGER, "Its events.", 12, null=False),
)
#: A declustering whose flags stand in the CSV.
RUN: tuple[Member, ...] = (
    Member("method", TEXT, "Its name.", "reasenberg-1985", null=False),
    Member("parameters", OBJECT, "Every parameter with its value.", {"tau_min_d": 1.0},
           null=False),
    Member("fitted", OBJECT, "What the method found in the data.", {}, null=False),
    Member("counts", OBJECT, "Events by role, and clusters.", {"clusters": 3}, null=False),
)  # fmt: skip
#: What one edition tells beside that.
MORE: tuple[Member, ...] = (
    Member("note", TEXT, "Note, in the language asked for.", None),
    Member("citation", TEXT, "How to cite it, in the language asked for.",
           "Agency (2026). Earthquake catalogue of Kazakhstan: The year 2014. Edition KZ-2014/1.",
           null=False),
    Member("counts", OBJECT, "By type, by class of KR, and the differences to the edition before.",
           {"events": 489, "kr_classes": {"7": 332}}, null=False),
    Member("previous", TEXT, "The edition before it in its series.", None),
    Member("checksums_url", TEXT, "Its list of checksums, as sha256sum -c reads it.",
           "https://example.kz/api/v1/editions/KZ-2014/1/SHA256SUMS", null=False),
)  # fmt: skip


def published(series: str, number: int) -> Edition:
    """Return a published edition.

    Raises
    ------
    Http404
        If there is none.
    """
    found = None
    # PostgreSQL takes no NUL in a text, and no number beyond its own.
    if series.isprintable() and number < 2**31:
        found = (
            Edition.objects.published()
            .select_related("superseded_by")
            .filter(series=series, number=number)
            .first()
        )
    if found is None:
        raise Http404(_("There is no such edition."))
    return found


def editions() -> QuerySet[Edition]:
    """Return the published editions, series by series, the newest of each first."""
    return Edition.objects.published().select_related("superseded_by").order_by("series", "-number")


def address(request: HttpRequest, edition: Edition, name: str = "api-edition", *more: str) -> str:
    place = reverse(name, args=[edition.series, edition.number, *more])
    return request.build_absolute_uri(place)


def file_address(request: HttpRequest, edition: Edition, kind: str) -> str:
    return address(request, edition, "api-edition-file", kind)


def _summary(edition: Edition, request: HttpRequest) -> dict[str, Any]:
    newer = edition.superseded_by
    values = {
        "edition": edition.name,
        "series": edition.series,
        "number": edition.number,
        "title": edition.title,
        "published": edition.published_at,
        "catalogue_version": edition.catalogue_version,
        "search": edition.search,
        "events": edition.counts.get("events", 0),
        "synthetic": edition.synthetic,
        "sha256": edition.sha256,
        "superseded_by": newer.name if newer else None,
        "url": address(request, edition),
        "page": request.build_absolute_uri(edition.get_absolute_url()),
    }
    return _told(EDITION, values)


def _told(members: tuple[Member, ...], values: dict[str, Any]) -> dict[str, Any]:
    return told(members, {f"m_{name}": value for name, value in values.items()})


def file_json(file: EditionFile, edition: Edition, request: HttpRequest) -> dict[str, Any]:
    """Return a file of an edition as JSON has it."""
    export = file.export
    values = {
        "kind": file.kind,
        "name": file.name,
        "media_type": export.media_type,
        "size": export.size,
        "sha256": export.sha256,
        "url": file_address(request, edition, file.kind),
    }
    return _told(FILE, values)


def _detail(edition: Edition, request: HttpRequest, language: str) -> dict[str, Any]:
    previous = edition.previous
    sizes = edition.counts.get("lists", [])
    values = {
        "note": edition.note,
        "citation": edition.citation.get(language, ""),
        "counts": edition.counts,
        "previous": previous.name if previous else None,
        "checksums_url": address(request, edition, "api-edition-checksums"),
    }
    files = edition.files.select_related("export").order_by("pk")
    return {
        **_summary(edition, request),
        **_told(MORE, values),
        "gaps": edition.gaps,
        "lists": [
            _told(LIST, {**one, "events": count})
            for one, count in zip(edition.lists, sizes, strict=False)
        ],
        "declustering": [
            _told(
                RUN,
                {
                    "method": run.method,
                    "parameters": run.parameters,
                    "fitted": run.fitted,
                    "counts": run.counts,
                },
            )
            for run in edition.declustering_runs.order_by("pk")
        ],
        "files": [file_json(file, edition, request) for file in files],
    }


_PATH = {"series": "KZ-2014", "number": "1"}
#: Of the reference as a file.
_REFERENCES = {
    "bib": ("application/x-bibtex; charset=utf-8", citation.bibtex),
    "ris": ("application/x-research-info-systems; charset=utf-8", citation.ris),
    "csl.json": ("application/vnd.citationstyles.csl+json; charset=utf-8", citation.csl_json),
}


@described(
    "editions", gettext_lazy("Editions"), (LANG,), "Editions", tag="editions", errors=(400, 405)
)
class EditionsView(PublicView):
    """All editions: frozen selections of the catalogue, superseded ones among them."""

    def get(self, request: Request) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        answer = {"editions": [_summary(edition, request) for edition in editions()]}
        return respond_with(request, answer, None)


@described(
    "edition",
    gettext_lazy("One edition"),
    (LANG,),
    "EditionDetail",
    tag="editions",
    path=_PATH,
    errors=(400, 404, 405),
)
class EditionView(PublicView):
    """One edition: its counts, lists, declared gaps, files with checksums, and how to cite it."""

    def get(self, request: Request, series: str, number: int) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), events=False)
        edition = published(series, number)
        return respond_with(request, _detail(edition, request, asked.language), None)


@described(
    "edition_file",
    gettext_lazy("A file of an edition"),
    (),
    None,
    tag="editions",
    path={**_PATH, "kind": "csv"},
    media_types=("application/octet-stream",),
    errors=(404, 405, 416),
    in_parts=True,
)
class EditionFileView(PublicView):
    """The same bytes for ever; the ETag is their SHA-256, and a part may be asked for."""

    def get(self, request: Request, series: str, number: int, kind: str) -> HttpResponseBase:
        edition = published(series, number)
        file = None
        if kind.isprintable():
            file = edition.files.select_related("export").filter(kind=kind).first()
        if file is None:
            raise Http404(_("The edition has no such file."))
        return send(file.export, request, cache=FOR_EVER)


@described(
    "edition_checksums",
    gettext_lazy("The checksums of an edition"),
    (),
    None,
    tag="editions",
    path=_PATH,
    media_types=("text/plain",),
    errors=(404, 405),
)
class EditionChecksumsView(PublicView):
    """SHA-256 and name of each file, as ``sha256sum -c`` reads them."""

    def get(self, request: Request, series: str, number: int) -> HttpResponseBase:
        edition = published(series, number)
        return HttpResponse(
            edition.checksums(),
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{edition.file_stem}.SHA256SUMS"',
                "ETag": f'"{edition.sha256}"',
                "Cache-Control": FOR_EVER,
            },
        )


@described(
    "edition_reference",
    gettext_lazy("How to cite an edition, as a file"),
    (LANG,),
    None,
    tag="editions",
    path={**_PATH, "form": "bib"},
    path_choices={"form": tuple(_REFERENCES)},
    media_types=("application/x-bibtex",),
    errors=(400, 404, 405),
)
class EditionReferenceView(PublicView):
    """The reference for reference managers: BibTeX, RIS, CSL-JSON."""

    def get(self, request: Request, series: str, number: int, form: str) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), events=False)
        edition = published(series, number)
        if form not in _REFERENCES:
            raise Http404(_("There is nothing at this address; see /api/v1/schema."))
        content_type, write = _REFERENCES[form]
        with translation.override(asked.language):
            reference = reference_of(edition, asked.language)
            text = write(reference)
        return HttpResponse(
            text,
            content_type=content_type,
            headers={
                "Content-Disposition": f'attachment; filename="{reference.key}.{form}"',
                "Cache-Control": "no-cache",
            },
        )
