"""The columns of the table of found events: which there are, what stands in their cells.

``columns=`` is a word of the page, not of the search: a comma list of codes, kept in the address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from catalog.models import Event, EventRow
from catalog.scales import SCALES
from catalog.search import BY_WORD, EventSearch, SearchError, SearchProblem
from portal import mechanism_words
from portal.templatetags import seismo

WORD = "columns"

Cell = Callable[[EventRow], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its code in the address, its heading, how a row fills it."""

    code: str
    label: str | Promise
    cell: Cell
    is_number: bool = False
    note: str | Promise = ""
    #: The word of ``orderby`` that sorts by it; offered as soon as the search knows it.
    order: str = ""


def _time(row: EventRow) -> str:
    time = seismo.origin_time(row.time, row.minute_precision)
    precision = (
        format_html('<span class="sub">{}</span>', seismo.uncertainty(30, "s"))
        if row.minute_precision
        else ""
    )
    return format_html(
        '<a href="{}">{}</a>{}', reverse("event", args=[row.public_id]), time, precision
    )


def _place(row: EventRow) -> str:
    tags = []
    if row.felt:
        tags.append(("tag tag--felt", _("felt")))
    if row.synthetic:
        tags.append(("tag tag--synthetic", _("synthetic")))
    if row.event_type and row.event_type != "earthquake":
        tags.append(("tag", seismo.event_type_words(row.event_type)))
    return format_html(
        "{}{}",
        seismo.row_place(row),
        format_html_join("", ' <span class="{}">{}</span>', tags),
    )


def _main_size(row: EventRow) -> str:
    if row.magnitude is None:
        return seismo.DASH
    return format_html(
        '{} <span class="muted">{}</span>', seismo.magnitude(row.magnitude), row.magnitude_type
    )


def _felt(row: EventRow) -> str:
    if row.max_intensity is not None:
        return seismo.intensity(row.max_intensity)
    return _("felt") if row.felt else seismo.DASH


def _plain(name: str) -> Cell:
    """Return a cell that shows a text or a count as it stands."""

    def cell(row: EventRow) -> str:
        value = getattr(row, name)
        return seismo.DASH if value in (None, "") else str(value)

    return cell


def _given(name: str) -> Cell:
    return lambda row: seismo.as_given(getattr(row, name))


def _spread(name: str) -> Cell:
    return lambda row: seismo.uncertainty(getattr(row, name)) or seismo.DASH


def _size(scale: str) -> Column:
    name = scale.lower()
    return Column(
        name, scale, lambda row: seismo.magnitude(getattr(row, name)), True,
        order=name,
    )  # fmt: skip


_STATUSES = dict(Event.Status.choices)

COLUMNS: tuple[Column, ...] = (
    Column("time", gettext_lazy("Origin time, UTC"), _time, order="time"),
    Column("place", gettext_lazy("Place"), _place),
    *(_size(scale) for scale in SCALES),
    Column("magnitude", gettext_lazy("Magnitude"), _main_size, True, order="magnitude"),
    Column("depth", gettext_lazy("Depth, km"), _given("depth_km"), True, order="depth"),
    Column(
        "latitude", gettext_lazy("Latitude"), lambda row: seismo.latitude(row.latitude, 2), True
    ),
    Column(
        "longitude", gettext_lazy("Longitude"), lambda row: seismo.longitude(row.longitude, 2), True
    ),
    Column("timeerror", gettext_lazy("Time ±, s"), _spread("time_uncertainty"), True),
    Column(
        "placeerror", gettext_lazy("Epicentre ±, km"), _spread("horizontal_uncertainty_km"), True
    ),
    Column("deptherror", gettext_lazy("Depth ±, km"), _spread("depth_uncertainty_km"), True),
    Column("rms", gettext_lazy("Standard error, s"), _given("standard_error"), True),
    Column(
        "gap",
        pgettext_lazy("azimuthal", "Gap, °"),
        lambda row: seismo.decimal(row.azimuthal_gap, 0),
        True,
        note=gettext_lazy("largest angle between stations without one between them"),
        order="gap",
    ),
    Column("stations", gettext_lazy("Stations"), _plain("station_count"), True, order="stations"),
    Column("phases", gettext_lazy("Phases"), _plain("phase_count"), True, order="phases"),
    Column(
        "nearest",
        gettext_lazy("Nearest station, °"),
        lambda row: seismo.decimal(row.minimum_distance_deg, 2),
        True,
    ),
    Column("agencies", gettext_lazy("Agencies"), lambda row: ", ".join(row.agencies)),
    Column("author", gettext_lazy("Preferred agency"), _plain("agency")),
    Column(
        "type",
        gettext_lazy("Type"),
        lambda row: (
            seismo.event_type_words(row.event_type or "earthquake")
            if row.event_type
            else seismo.DASH
        ),
    ),
    Column(
        "status", gettext_lazy("Status"), lambda row: str(_STATUSES.get(row.status, row.status))
    ),
    Column(
        "felt", gettext_lazy("Intensity"), _felt, note=gettext_lazy("largest observed, degrees")
    ),
    Column(
        "mechanism",
        gettext_lazy("Mechanism"),
        lambda row: _("yes") if row.has_mechanism else seismo.DASH,
    ),
    Column(
        "style",
        gettext_lazy("Faulting style"),
        lambda row: (
            str(mechanism_words.STYLES[row.faulting_style]) if row.faulting_style else seismo.DASH
        ),
    ),
    Column("id", gettext_lazy("Event id"), _plain("public_id")),
    Column("updated", gettext_lazy("Changed, UTC"), lambda row: f"{row.updated_at:%Y-%m-%d %H:%M}"),
)
BY_CODE = {column.code: column for column in COLUMNS}
#: Shown unless the address says otherwise; the first, the link to the event, always is.
DEFAULT = ("time", "place", "kr", "mpva", "magnitude", "depth", "agencies")
FIRST = "time"


def columns_of(query: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns an address asks for, in the table's own order.

    Raises
    ------
    SearchError
        For a code there is not.
    """
    texts = query.getlist(WORD) if hasattr(query, "getlist") else [query.get(WORD, "")]
    codes = {code.strip().lower() for text in texts for code in text.split(",") if code.strip()}
    unknown = sorted(codes - set(BY_CODE))
    if unknown:
        expected = " | ".join(BY_CODE)
        raise SearchError(
            SearchProblem(WORD, "unknown-value", shown(code), expected) for code in unknown[:10]
        )
    wanted = codes or set(DEFAULT)
    return tuple(column for column in COLUMNS if column.code in wanted or column.code == FIRST)


def shown(found: str) -> str:
    """Return what was found as a message may repeat it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in found[:80])


def columns_word(columns: tuple[Column, ...]) -> str:
    """Return the address's value for these columns; "" for those shown anyway."""
    codes = tuple(column.code for column in columns)
    return "" if set(codes) == set(DEFAULT) else ",".join(codes)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's head: how it is sorted now, and the address that sorts it."""

    column: Column
    query: str
    aria: str

    @property
    def arrow(self) -> str:
        return {"ascending": "↑", "descending": "↓"}.get(self.aria, "")


def headings(
    search: EventSearch, columns: tuple[Column, ...], query_of: Callable[[EventSearch], str]
) -> list[Heading]:
    """Return the heads; one whose order the search knows is a link that turns the order round."""
    found = []
    for column in columns:
        query = aria = ""
        if column.order in BY_WORD["orderby"].choices:
            ascending = f"{column.order}-asc"
            aria = {column.order: "descending", ascending: "ascending"}.get(search.orderby, "")
            following = ascending if search.orderby == column.order else column.order
            query = query_of(search.replace(orderby=following, offset=1))
        found.append(Heading(column, query, aria))
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """An event as the table's row: its head cell, then class words, label and text of each cell."""

    public_id: str
    head: str
    cells: list[tuple[str, str, str]]


def lines(rows: Iterable[EventRow], columns: tuple[Column, ...]) -> list[Line]:
    """Return the rows of the table; what does not change from row to row is made once."""
    first, *others = columns
    fixed = [
        (
            column.cell,
            f"cell--{column.code}" + (" num" if column.is_number else ""),
            str(column.label),
        )
        for column in others
    ]
    found = []
    for row in rows:
        texts = [(cell(row), style, label) for cell, style, label in fixed]
        found.append(
            Line(
                row.public_id,
                first.cell(row),
                [
                    (f"{style} is-empty" if text == seismo.DASH else style, label, text)
                    for text, style, label in texts
                ],
            )
        )
    return found
