"""The search page: the form made from the search's words, the live count, the table, the map.

The address is the search. Some words of it are the page's own: the columns of the table, the file
the download builder shows, and the version of the catalogue a citation names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Exists, OuterRef
from django.forms.utils import flatatt
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import formats as localized
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from catalog.downloads import TooLong
from catalog.models import Agency, EventRow, FeedCounter, Report
from catalog.scales import SCALES
from catalog.search import (
    BY_WORD,
    COUNT_LIMIT,
    GROUPS,
    PAGE,
    Count,
    EventSearch,
    Kind,
    Parameter,
    SearchError,
    SearchForm,
    SearchProblem,
    parameters_of,
)
from portal import citing, download_builder, feeds, mechanism_words, result_columns
from portal.map_config import map_config, map_words
from portal.search_labels import field_label, range_label
from portal.templatetags import seismo
from portal.time_limits import within

PAGE_LENGTH = 100
MAX_PAGE_LENGTH = 1000
#: A count that takes longer is left out; the events are shown all the same.
COUNT_SECONDS = 1.5
ROWS_SECONDS = 4.0

#: Words of the address that are the page's, not the search's.
PAGE_WORDS = (result_columns.WORD, "format", *download_builder.INCLUDES, citing.VERSION_WORD)

#: Fields shown at once; the others wait under their group's heading.
PLAIN_FIELDS = frozenset(
    (
        "starttime", "endtime", "minlatitude", "maxlatitude", "minlongitude", "maxlongitude",
        "mindepth", "maxdepth", "minkr", "maxkr", "minmagnitude", "maxmagnitude", "felt",
        "agency", "orderby",
    )
)  # fmt: skip


# --- The question ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks of the page: the search or what is wrong with it, and the columns."""

    search: EventSearch | None
    problems: tuple[SearchProblem, ...]
    columns: tuple[result_columns.Column, ...]


def asked(request: HttpRequest) -> Asked:
    """Read the address; every problem is found, not the first only."""
    search = None
    problems: list[SearchProblem] = []
    columns = tuple(result_columns.BY_CODE[code] for code in result_columns.DEFAULT)
    try:
        search = EventSearch.from_query(request.GET, PAGE, ignore=PAGE_WORDS)
    except SearchError as error:
        problems += error.problems
    try:
        columns = result_columns.columns_of(request.GET)
    except SearchError as error:
        problems += error.problems
    if download_builder.given_format(request) is None:
        known = " | ".join(form.code for form in download_builder.formats_offered())
        found = result_columns.shown(request.GET["format"])
        problems.append(SearchProblem("format", "unknown-value", found, known))
    return Asked(None if problems else search, tuple(problems), columns)


def bounded_count(search: EventSearch) -> Count | None:
    """Count what matches, to ``COUNT_LIMIT`` and for ``COUNT_SECONDS``; ``None``: too slow."""
    try:
        with within(COUNT_SECONDS):
            return search.count()
    except TooLong:
        return None


def count_words(count: Count | None) -> str:
    """Say a count."""
    if count is None:
        return _("Counting these events takes too long")
    if count.exact:
        return seismo.events_counted(count.value)
    number = localized.number_format(count.value, force_grouping=True, use_l10n=True)
    return _("More than %(n)s events") % {"n": number}


@require_safe
def search_count(request: HttpRequest) -> HttpResponse:
    """How many events the form's words find, as JSON, for the live count."""
    found = asked(request)
    headers = {"Cache-Control": "no-cache"}
    if found.search is None:
        problems = [problem.as_json() for problem in found.problems]
        text = _("The search has mistakes.")
        return JsonResponse(
            {"count": None, "exact": False, "text": text, "problems": problems}, headers=headers
        )
    count = bounded_count(found.search)
    return JsonResponse(
        {
            "count": count.value if count else None,
            "exact": bool(count and count.exact),
            "text": count_words(count),
            "problems": [],
        },
        headers=headers,
    )


# --- The page ----------------------------------------------------------------------------------


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """The catalogue as a table; the address is the search."""
    found = asked(request)
    form = SearchForm(_form_values(request))
    problems = {problem.word: problem.message for problem in reversed(found.problems)}
    context: dict[str, Any] = {
        "groups": _grouped(form, problems),
        "problems": [_told(problem) for problem in found.problems],
        "search": found.search,
        "columns": [
            (column, column in found.columns, column.code == result_columns.FIRST)
            for column in result_columns.COLUMNS
        ],
        "columns_word": result_columns.columns_word(found.columns),
        "usual_columns": ",".join(result_columns.DEFAULT),
        "agency_codes": _agency_codes(),
        "feeds": feeds.told(),
        "config": map_config(),
        "words": _words(),
        "map_rows": [],
        "count_limit": COUNT_LIMIT,
    }
    status = 200
    if found.search is not None:
        try:
            context |= _answer(request, found.search, found.columns)
        except TooLong:
            context["too_slow"] = True
            status = 503
    return render(request, "portal/search.html", context, status=status)


def _answer(
    request: HttpRequest, search: EventSearch, columns: tuple[result_columns.Column, ...]
) -> dict[str, Any]:
    """Return what the page says of a search that can be asked.

    Raises
    ------
    TooLong
        When the events themselves could not be found in ``ROWS_SECONDS``.
    """
    length = min(search.limit or PAGE_LENGTH, MAX_PAGE_LENGTH)
    with within(ROWS_SECONDS):
        # One more than shown tells whether there is a next page, whatever the count says.
        asked_for = search.replace(limit=length + 1)
        rows = list(asked_for.queryset().defer("fdsn_text", "csv_line"))
        version = FeedCounter.current()
    more, rows = len(rows) > length, rows[:length]
    count = bounded_count(search)
    first, last = search.offset, search.offset + len(rows) - 1
    word = result_columns.columns_word(columns)
    page_words = {result_columns.WORD: word} if word else {}

    def query_of(search: EventSearch) -> str:
        return urlencode({**search.words(), **page_words}, safe=",:")

    panel = None
    if rows:
        known = count or Count(last, False)
        panel = download_builder.panel(request, search, known, [row.pk for row in rows])
    return {
        "rows": result_columns.lines(rows, columns),
        "count": count,
        "count_words": count_words(count),
        "headings": result_columns.headings(search, columns, query_of),
        "first": first,
        "last": last,
        "previous": query_of(search.replace(offset=max(1, first - length))) if first > 1 else "",
        "has_previous": first > 1,
        "next": query_of(search.replace(offset=first + length)) if more else "",
        "all_columns": _default_columns_query(search) if word else "",
        "map_query": search.to_query(without=("limit", "offset", "orderby")),
        "map_rows": [_on_map(row) for row in rows],
        "panel": panel,
        "cite_query": citing.query_of(search, version),
        "since": _since(request, search, version),
    }


def _default_columns_query(search: EventSearch) -> str:
    return search.to_query() or "columns="


def _since(request: HttpRequest, search: EventSearch, version: int) -> dict[str, Any] | None:
    """Say what a link with a version of the catalogue leads to; ``None`` without one."""
    text = request.GET.get(citing.VERSION_WORD, "").strip()
    if not text:
        return None
    try:
        then = citing.version_of(request.GET, version)
    except SearchError as error:
        return {"problem": error.message}
    return {"then": then, "now": version, "query": citing.query_of(search, then)}


def _told(problem: SearchProblem) -> dict[str, str]:
    """Return a problem with the field that it stands beside, "" if the form has none."""
    known = {parameter.name for parameter in parameters_of(PAGE)} - {"offset"}
    return {
        "message": problem.message,
        "field": f"id_{problem.word}" if problem.word in known else "",
    }


def _on_map(row: EventRow) -> dict[str, Any]:
    """Return an event as the map's script draws it."""
    names = (
        "depth_km", "kr", "mpva", "mlv", "ms", "mb", "ml", "mw", "magnitude", "magnitude_type",
        "felt", "synthetic", "minute_precision",
    )  # fmt: skip
    return {
        "id": row.public_id,
        "time": int(row.time.timestamp() * 1000),
        "lat": row.latitude,
        "lon": row.longitude,
        **{name: getattr(row, name) for name in names},
    }


def _words() -> dict[str, Any]:
    """The texts the page's script writes."""
    return map_words() | {
        "mapLabel": _("Map of the events of this page. The table holds the same."),
        "counting": _("Counting…"),
        "countFailed": _("The number of events could not be asked for."),
        "notANumber": _("This is not a number."),
        "copied": _("Copied"),
        "bytes": download_builder.size_units(),
        "underASecond": _("under 1 s"),
        "seconds": _("%(n)s s"),
        "minutes": _("%(n)s min"),
    }


def _agency_codes() -> list[str]:
    """Codes of the agencies that have reported something."""
    reports = Report.objects.filter(agency=OuterRef("pk"))
    return list(
        Agency.objects.filter(Exists(reports), is_portal=False)
        .order_by("code")
        .values_list("code", flat=True)
    )


# --- The form ----------------------------------------------------------------------------------


def _form_values(request: HttpRequest) -> dict[str, Any]:
    """What the form shows again, errors or not: the words as they were given."""
    values: dict[str, Any] = {}
    for word in request.GET:
        parameter = BY_WORD.get(word.lower())
        if parameter is None:
            continue
        texts = request.GET.getlist(word)
        if parameter.kind is Kind.CHOICES:
            known = {choice.lower(): choice for choice in parameter.choices}
            words = (t.strip() for text in texts for t in text.split(","))
            values[parameter.name] = [known.get(w.lower(), w.lower()) for w in words if w]
        elif parameter.kind is Kind.BOOLEAN:
            values[parameter.name] = texts[-1].lower()
        elif parameter.kind is Kind.TEXTS:
            values[parameter.name] = ",".join(text for text in texts if text)
        else:
            values[parameter.name] = texts[-1]
    return values


@dataclass(frozen=True, slots=True)
class FieldShown:
    """One input of the form with its word, its name for people, and what is wrong with it."""

    word: str
    label: str
    help: str
    expected: str
    error: str
    html: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One line of the form: a single input, or the two ends of a range."""

    label: str
    fields: list[FieldShown]
    kind: Kind
    wide: bool = False

    @property
    def is_range(self) -> bool:
        return len(self.fields) > 1

    @property
    def has_error(self) -> bool:
        return any(field.error for field in self.fields)


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one group of words: those shown at once, and those that wait."""

    code: str
    title: str
    plain: list[FieldRow] = field(default_factory=list)
    more: list[FieldRow] = field(default_factory=list)

    @property
    def rows(self) -> list[FieldRow]:
        return [*self.plain, *self.more]

    @property
    def is_open(self) -> bool:
        """True where a line that waits is used or wrong."""
        return any(f.is_used or f.error for row in self.more for f in row.fields)


def _grouped(form: SearchForm, problems: Mapping[str, str]) -> list[Group]:
    groups = []
    for code, title in GROUPS.items():
        group = Group(code, str(title))
        parameters = [p for p in parameters_of(PAGE) if p.group == code and p.name != "offset"]
        for pair in _paired(parameters):
            fields = [_field(form, parameter, problems) for parameter in pair]
            row = FieldRow(
                label=range_label(pair[0]) if len(pair) > 1 else fields[0].label,
                fields=fields,
                kind=pair[0].kind,
                wide=pair[0].kind in (Kind.POLYGON, Kind.CHOICES),
            )
            (group.plain if pair[0].name in PLAIN_FIELDS else group.more).append(row)
        groups.append(group)
    return groups


def _paired(parameters: Iterable[Parameter]) -> list[tuple[Parameter, ...]]:
    """Put the two ends of a range together: ``minkr`` and ``maxkr``; order as it was."""
    by_name = {parameter.name: parameter for parameter in parameters}
    pairs: list[tuple[Parameter, ...]] = []
    seen: set[str] = set()
    for name, parameter in by_name.items():
        other = _OTHER_END.get(name) or (f"max{name[3:]}" if name.startswith("min") else "")
        if name in seen:
            continue
        seen.add(name)
        if other in by_name:
            seen.add(other)
            pairs.append((parameter, by_name[other]))
        else:
            pairs.append((parameter,))
    return pairs


_OTHER_END = {"starttime": "endtime", "latitude": "longitude"}


def _field(form: SearchForm, parameter: Parameter, problems: Mapping[str, str]) -> FieldShown:
    name, error = parameter.name, problems.get(parameter.name, "")
    _suit(form, parameter)
    bound = form[name]
    attrs: dict[str, Any] = {"aria-describedby": f"id_{name}_error id_{name}_help"}
    if error:
        attrs["aria-invalid"] = "true"
    if parameter.kind is not Kind.CHOICES:  # there each check mark has its own label
        attrs |= {"aria-label": field_label(parameter), "autocomplete": "off"}
    if parameter.kind is Kind.TIME:
        attrs["placeholder"] = _("year-month-day")
    elif parameter.kind is Kind.TEXTS:
        attrs["placeholder"] = ""
    if name in ("agency", "contributor"):
        attrs["list"] = "agency-codes"
    return FieldShown(
        word=name,
        label=field_label(parameter),
        help=str(parameter.help),
        expected=_expected(parameter),
        error=error,
        html=_input(bound, attrs),
        is_used=bound.data not in (None, "", []) and bound.data != parameter.default,
    )


def _expected(parameter: Parameter) -> str:
    """What a value must look like, as short as the form has room for."""
    text = parameter.expectation
    unit = {"deg": "°", "km": pgettext("unit", "km")}.get(parameter.unit, parameter.unit)
    if parameter.kind in (Kind.FLOAT, Kind.INTEGER) and unit:
        return f"{text} {unit}"
    return text if len(text) <= 60 else f"{text[:58]}…"


def _suit(form: SearchForm, parameter: Parameter) -> None:
    """Put the reader's words on what a field lets choose; the address keeps the search's words.

    Lists of words get check marks, which a keyboard can set one by one; the scales get a menu.
    """
    name = parameter.name
    given = form.data.get(name) or []
    if name == "magnitudetype":
        others = [given] if given and given not in SCALES else []
        choices = [("", "—"), *((scale, scale) for scale in [*SCALES, *others])]
        form.fields[name] = forms.ChoiceField(required=False, choices=choices)
        return
    chosen: forms.Field = form.fields[name]
    if not isinstance(chosen, forms.ChoiceField) or not parameter.choices:
        return
    words = {str(code): str(text) for code, text in _choice_words(name).items()}
    if parameter.kind is Kind.CHOICES:
        chosen.widget = forms.CheckboxSelectMultiple()
    # Types without words here are rare; one the address names stays chosen.
    rare = name == "eventtype"
    chosen.choices = [
        (code, words.get(code, code))
        for code in parameter.choices
        if not rare or code in words or code in given
    ]


def _choice_words(name: str) -> Mapping[str, str | Promise]:
    """Return the reader's words for a field's choices."""
    match name:
        case "orderby":
            words: dict[str, str | Promise] = {}
            for column in filter(lambda column: column.order, result_columns.COLUMNS):
                said = {"column": column.label}
                words[column.order] = _("%(column)s, largest first") % said
                words[f"{column.order}-asc"] = _("%(column)s, smallest first") % said
            return words | {
                "time": _("Newest first"),
                "time-asc": _("Oldest first"),
                "magnitude": _("Largest first"),
                "magnitude-asc": _("Smallest first"),
            }
        case "status":
            return {
                "automatic": _("automatic, not yet reviewed"),
                "reviewed": _("reviewed"),
                "published": _("published"),
                "not-confirmed": _("automatic, not confirmed"),
            }
        case "faultingstyle":
            return {code: f"{code}: {words}" for code, words in mechanism_words.STYLES.items()}
        case "eventtype":
            return {"unknown": _("no type given"), **seismo.event_types()}
    return {}


def _input(bound: forms.BoundField, attrs: dict[str, Any]) -> str:
    """Return a field's element; a plain input without the detour over a template of its own."""
    widget = bound.field.widget
    if not isinstance(widget, forms.TextInput | forms.NumberInput):
        return bound.as_widget(attrs=attrs)
    every = {
        "type": widget.input_type,
        "name": bound.html_name,
        "value": bound.data or None,
        "id": bound.id_for_label,
        **widget.attrs,
        **attrs,
    }
    return format_html("<input{}>", flatatt(every))
