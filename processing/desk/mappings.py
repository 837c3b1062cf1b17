"""Column mappings: a person says what the columns of a list mean, and sees at once what is read.

Everything is one form, worked out by the server: a sample of the list goes with it, each round
shows the sample's rows under the chosen columns and the events they make. Only "save" stores
anything. The sample is cut short before it is looked at: this page parses text, in the web process.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from catalog.formats import mapped_table
from catalog.formats.limits import Limits
from catalog.formats.mapped_table import BadMapping, ColumnMapping, MappedColumn
from catalog.formats.packing import unpacked_head
from catalog.formats.problems import FormatError, Problem
from catalog.formats.records import EventRecord
from catalog.formats.text import detect_encoding, read_lines
from catalog.models import ColumnMapping as SavedMapping
from catalog.models import User
from processing.desk import messages
from processing.desk.views import staff_only
from processing.jobs.ingestion import problem_values

SAMPLE_BYTES = 64 * 1024
SAMPLE_LINES = 60
SAMPLE_CHARACTERS = 20_000
SHOWN_ROWS = 12
FIXED_ROWS = 16  # columns one can describe at once of a list in fixed places

_WORDS: dict[str, Any] = {
    "event_id": gettext_lazy("agency's event id"),
    "origin_time": gettext_lazy("date and time"),
    "date": gettext_lazy("date"),
    "time": gettext_lazy("time of day"),
    "latitude": gettext_lazy("latitude"),
    "longitude": gettext_lazy("longitude"),
    "number": gettext_lazy("number of the row"),
    "depth_km": gettext_lazy("depth"),
    "magnitude": gettext_lazy("magnitude"),
    "magnitude_type": gettext_lazy("magnitude type"),
    "magnitude_uncertainty": gettext_lazy("magnitude error"),
    "magnitude_stations": gettext_lazy("stations of the magnitude"),
    "magnitude_agency": gettext_lazy("agency of the magnitude"),
    "i0": gettext_lazy("intensity at the epicentre"),
    "intensities": gettext_lazy("intensities by place"),
    "intensity_scale": gettext_lazy("intensity scale"),
    "comment": gettext_lazy("comment"),
    "event_type": gettext_lazy("event type"),
    "agency": gettext_lazy("agency"),
    "author": gettext_lazy("author"),
    "source": gettext_lazy("source"),
    "region": gettext_lazy("region"),
    "name": gettext_lazy("name of the earthquake"),
    "time_uncertainty": gettext_lazy("time error, s"),
    "horizontal_uncertainty_km": gettext_lazy("epicentre error, km"),
    "depth_uncertainty_km": gettext_lazy("depth error, km"),
    "used_station_count": gettext_lazy("number of stations"),
    "used_phase_count": gettext_lazy("number of phases"),
    "azimuthal_gap": gettext_lazy("azimuthal gap"),
    "minimum_distance_deg": gettext_lazy("nearest station, degrees"),
    "standard_error": gettext_lazy("standard error, s"),
    "year": gettext_lazy("year"),
    "month": gettext_lazy("month"),
    "day": gettext_lazy("day"),
    "hour": gettext_lazy("hour"),
    "minute": gettext_lazy("minute"),
    "second": gettext_lazy("second"),
    "latitude_degrees": gettext_lazy("latitude, whole degrees"),
    "latitude_minutes": gettext_lazy("latitude, minutes"),
    "longitude_degrees": gettext_lazy("longitude, whole degrees"),
    "longitude_minutes": gettext_lazy("longitude, minutes"),
    "semi_major_axis_km": gettext_lazy("ellipse, long half-axis, km"),
    "semi_minor_axis_km": gettext_lazy("ellipse, short half-axis, km"),
    "major_axis_azimuth": gettext_lazy("ellipse, azimuth of the long axis"),
    "confidence_level": gettext_lazy("ellipse, confidence level, %"),
}


def field_words(name: str) -> str:
    """Return what a field is called; scales and planes go by their standard names."""
    if name in _WORDS:
        return str(_WORDS[name])
    kind, _colon, scale = name.partition(":")
    if kind == "uncertainty":
        return _("error of %(scale)s") % {"scale": scale}
    if kind == "stations":
        return _("stations of %(scale)s") % {"scale": scale}
    return scale or name.replace("_", " ")


def field_choices() -> list[tuple[str, str]]:
    return [(name, field_words(name)) for name in mapped_table.FIELDS]


@staff_only
@require_safe
def mappings(request: HttpRequest) -> HttpResponse:
    """The saved mappings, the newest version of each name."""
    newest: dict[str, SavedMapping] = {}
    for mapping in SavedMapping.objects.select_related("created_by").order_by("name", "version"):
        newest[mapping.name] = mapping
    shown = [
        {
            "mapping": mapping,
            "columns": [field_words(c["field"]) for c in mapping.definition.get("columns", ())],
        }
        for mapping in newest.values()
    ]
    return render(request, "desk/mappings.html", {"mappings": shown})


@dataclass(frozen=True)
class Looked:
    """What a mapping makes of a sample."""

    rows: list[tuple[str, ...]]
    headings: tuple[str, ...]
    events: list[EventRecord]
    problems: list[dict[str, Any]]
    refusal: str


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def mapping(request: HttpRequest) -> HttpResponse:
    """Make a mapping: the sample comes first, then its columns, then its name."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    sample, name, draft = "", "", None
    if request.method == "POST":
        name = request.POST.get("name", "").strip()
        chosen = request.FILES.get("file")
        if chosen is not None:
            sample = sample_of(chosen.read(SAMPLE_BYTES), chosen.name or "")
            known = _known(name)
            draft = (
                mapped_table.from_plain(known.definition)
                if known is not None
                else mapped_table.guess(sample.splitlines())
            )
        else:
            sample = request.POST.get("sample", "").replace("\x00", "")[:SAMPLE_CHARACTERS]
            draft = drafted(request, sample)
    elif (known := _known(request.GET.get("name", ""))) is not None:
        draft, name = mapped_table.from_plain(known.definition), known.name
    if draft is None:
        return _page(request, ColumnMapping(()), "", name)
    if request.method == "POST" and request.POST.get("do") == "save":
        problem = save(draft, name, request.user)
        if not problem:
            notices.success(request, _("Saved. Choose it as the format when you upload."))
            return redirect("mappings")
        return _page(request, draft, sample, name, problem, 400)
    return _page(request, draft, sample, name)


def _known(name: str) -> SavedMapping | None:
    # A NUL is no text for PostgreSQL, and not in any name.
    found = SavedMapping.objects.filter(name=name) if name.isprintable() and name else None
    return found.order_by("-version").first() if found is not None else None


def sample_of(head: bytes, filename: str) -> str:
    """Return the first lines of a file as text, whatever its encoding."""
    head, _name = unpacked_head(head, filename)
    source, limits = io.BytesIO(head[:SAMPLE_BYTES]), Limits(max_line_length=2_000)
    problems: list[Problem] = []
    try:
        encoding = detect_encoding(source, limits)
        lines = [line for _n, line in islice(read_lines(source, limits, problems, encoding), 200)]
    except FormatError:
        return ""
    return "\n".join(lines[:SAMPLE_LINES]).replace("\x00", "")[:SAMPLE_CHARACTERS]


def drafted(request: HttpRequest, sample: str) -> ColumnMapping:
    """Return the mapping the form describes, sound or not."""
    # Neither PostgreSQL nor a list of ours holds a NUL.
    said = request.POST.copy()
    for key in said:
        said.setlist(key, [word.replace("\x00", "") for word in said.getlist(key)])
    delimiter = said.get("delimiter", "comma")
    fixed = delimiter == "fixed"
    has_headings = "has_headings" in said
    shape = ColumnMapping(
        (),
        delimiter,
        has_headings,
        _whole(said.get("skip_lines", "")),
        said.get("comment", "")[:10],
        said.get("date_order", "ymd"),
        tuple(word for word in said.get("missing", "").split() if word)[:20],
        tuple(word for word in said.getlist("zero_is_missing") if word in mapped_table.FIELDS),
        "depth_in_metres" in said,
        said.get("magnitude_type", "").strip()[:20],
    )
    columns: list[MappedColumn] = []
    if fixed:
        for at in range(FIXED_ROWS):
            field = said.get(f"fixed-{at}", "")
            if field:
                first, last = (_whole(said.get(f"{end}-{at}", "")) for end in ("first", "last"))
                columns.append(MappedColumn(field, first=first, last=last))
    else:
        headings = look(replace(shape, columns=()), sample).headings
        for at in range(mapped_table.MOST_COLUMNS):
            field = said.get(f"column-{at}", "")
            if field:
                heading = headings[at] if has_headings and at < len(headings) else ""
                columns.append(
                    MappedColumn(field, heading or said.get(f"heading-{at}", ""), at + 1)
                )
    return replace(shape, columns=tuple(columns))


def _whole(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def look(draft: ColumnMapping, sample: str) -> Looked:
    """Return the rows of a sample, and the events a mapping makes of them."""
    if draft.delimiter not in mapped_table.DELIMITERS:
        return Looked([], (), [], [], messages.sentence("unknown-value", {"field": "delimiter"}))
    lines = [
        line
        for number, line in enumerate(sample.splitlines(), start=1)
        if number > draft.skip_lines
        and line.strip()
        and not (draft.comment and line.startswith(draft.comment))
    ]
    headings: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = [(line,) for line in lines]
    if draft.delimiter != "fixed":
        rows = [mapped_table.cells_of(line, draft) for line in lines]
        headings = tuple(c.strip() for c in rows[0]) if rows and draft.has_headings else ()
    body = rows[1:] if draft.has_headings else rows
    events: list[EventRecord] = []
    problems: list[dict[str, Any]] = []
    refusal = ""
    if draft.columns and sample.strip():
        try:
            source = io.BytesIO(sample.encode("utf-8", "replace"))
            for item in mapped_table.read(source, Limits(), draft.as_plain()):
                if isinstance(item, EventRecord):
                    events.append(item)
                else:
                    problems.append(_described(item))
        except FormatError as error:
            refusal = messages.sentence(error.problem.code, problem_values(error.problem))
    return Looked(body[:SHOWN_ROWS], headings, events[:SHOWN_ROWS], problems[:20], refusal)


def _described(problem: Problem) -> dict[str, Any]:
    return {
        **problem_values(problem),
        "code": problem.code,
        "expected": messages.expected(problem.expected),
        "severity": problem.severity.value,
        "meaning": messages.meaning(problem.code),
    }


def save(draft: ColumnMapping, name: str, user: User) -> str:
    """Store a mapping as the next version of its name; return why not, or nothing."""
    try:
        validate_slug(name)
    except ValidationError:
        return _("Give it a name of letters a-z, digits, hyphens: for example wsg-export.")
    if len(name) > 50:
        return _("The name is too long.")
    try:
        mapped_table.check(draft)
    except BadMapping as error:
        return messages.sentence(error.problem.code, problem_values(error.problem))
    with transaction.atomic():
        last = SavedMapping.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
        SavedMapping.objects.create(
            name=name, version=last + 1, definition=draft.as_plain(), created_by=user
        )
    return ""


def _page(
    request: HttpRequest,
    draft: ColumnMapping,
    sample: str,
    name: str,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    looked = look(draft, sample)
    chosen = {column.number - 1: column for column in draft.columns}
    by_heading = {column.heading: column for column in draft.columns if column.heading}
    width = max([len(looked.headings), *(len(row) for row in looked.rows), 0])
    columns = []
    for at in range(0 if draft.delimiter == "fixed" else min(width, mapped_table.MOST_COLUMNS)):
        heading = looked.headings[at] if at < len(looked.headings) else ""
        column = chosen.get(at) or (by_heading.get(heading) if heading else None)
        columns.append(
            {
                "at": at,
                "heading": heading,
                "field": column.field if column else "",
            }
        )
    fixed = [*draft.columns, *[None] * FIXED_ROWS][:FIXED_ROWS]
    return render(
        request,
        "desk/mapping.html",
        {
            "draft": draft,
            "sample": sample,
            "name": name,
            "problem": problem or (looked.refusal if draft.columns else ""),
            "looked": looked,
            "columns": columns,
            "rows": [[*row, *[""] * (width - len(row))] for row in looked.rows],
            "fixed_columns": list(enumerate(fixed)),
            "fields": field_choices(),
            "delimiters": delimiter_choices(),
            "date_orders": date_order_choices(),
            "missing": " ".join(draft.missing),
            "zero_fields": [
                (column.field, field_words(column.field), column.field in draft.zero_is_missing)
                for column in draft.columns
                if column.field.startswith("scale:") or column.field in ("magnitude", "depth_km")
            ],
            "problems": looked.problems,
            "is_delimited": draft.delimiter != "fixed",
        },
        status=status,
    )


def delimiter_choices() -> list[tuple[str, str]]:
    return [
        ("comma", _("comma")),
        ("semicolon", _("semicolon")),
        ("tab", _("tab")),
        ("bar", _("vertical bar")),
        ("spaces", _("spaces")),
        ("fixed", _("fixed places")),
    ]


def date_order_choices() -> list[tuple[str, str]]:
    return [
        ("ymd", _("year month day")),
        ("dmy", _("day month year")),
        ("mdy", _("month day year")),
    ]
