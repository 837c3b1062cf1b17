"""The one search of the portal: which words it knows, what they mean, what they ask the database.

``PARAMETERS`` is the list everything is made from: the reading of a query string, the page's form,
the WADL, the OpenAPI parameters, the documentation and the messages about what is wrong. A page, a
map, a download and the FDSN service all ask through ``EventSearch``; nobody else reads a search
word. Limits are inclusive. A value that was not reported (NULL) never satisfies a limit on it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from dataclasses import replace as replaced
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from math import radians
from typing import Any, Literal
from urllib.parse import urlencode

from django import forms
from django.contrib.gis.geos import GEOSException, GEOSGeometry, LinearRing, MultiPolygon, Polygon
from django.db.models import BooleanField, F, FloatField, Func, OrderBy, Q, Value
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from catalog.focal_geometry import STYLES
from catalog.formats.values import EVENT_TYPES
from catalog.models import Event, EventRow
from catalog.querysets import COUNTED_STATUSES, EventRowQuerySet
from catalog.scales import CONVERTED, SCALES, as_kr, scale_of
from catalog.settlements import candidates

Surface = Literal["fdsn", "page", "api"]
FDSN: Surface = "fdsn"
PAGE: Surface = "page"
API: Surface = "api"
EVERYWHERE: frozenset[Surface] = frozenset({FDSN, PAGE, API})

#: PostGIS measures geography "on the sphere" with the mean radius of WGS 84, (2a + b) / 3. With the
#: same radius here a degree is exactly a degree, whatever the radius.
SPHERE_RADIUS_M = 6371008.7714150598
MAX_POLYGON_VERTICES = 1000
MAX_EVENT_IDS = 1000
#: A count goes no further: "more than 100,000".
COUNT_LIMIT = 100_000


class Kind(StrEnum):
    """What a word's value is."""

    TIME = "time"
    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    CHOICES = "choices"  # a comma list of listed words
    TEXTS = "texts"  # a comma list of free words
    TEXT = "text"
    NAME = "name"  # of a settlement
    POLYGON = "polygon"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One word of a search: its names, its type and range, what it means, where it is offered."""

    name: str
    kind: Kind
    group: str
    help: str | Promise
    aliases: tuple[str, ...] = ()
    default: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    #: Further choices of our own, which the FDSN service does not have.
    own_choices: tuple[str, ...] = ()
    #: The range or the choices as a message shows them; made from the above where empty.
    expected: str = ""
    unit: str = ""
    surfaces: frozenset[Surface] = EVERYWHERE

    @property
    def expectation(self) -> str:
        """What a value must look like, free of language."""
        if self.expected:
            return self.expected
        if self.choices:
            return " | ".join(self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g}..{self.maximum:g}"
        if self.minimum is not None:
            return f">= {self.minimum:g}"
        return _EXPECTED[self.kind]

    def on(self, surface: Surface) -> Parameter:
        """Return the word as a surface offers it."""
        if surface == FDSN or not self.own_choices:
            return self
        return replaced(self, choices=self.choices + self.own_choices, own_choices=())


_EXPECTED = {
    Kind.TIME: "YYYY-MM-DDTHH:MM:SS.ssssss",
    Kind.FLOAT: "-12.34",
    Kind.INTEGER: "123",
    Kind.BOOLEAN: "true | false",
    Kind.CHOICE: "",
    Kind.CHOICES: "",
    Kind.TEXTS: "A,B",
    Kind.TEXT: "text",
    Kind.NAME: "text",
    Kind.POLYGON: "75 41,80 41,80 45",
}

_SERVICE: frozenset[Surface] = frozenset({FDSN})

GROUPS: dict[str, str | Promise] = {
    "time": _("Time"),
    "place": _("Place"),
    "depth": _("Depth"),
    "size": _("Size"),
    "kind": _("Kind and source"),
    "quality": _("Quality"),
    "answer": _("Answer"),
}

_COLUMNS = {scale: scale.lower() for scale in SCALES}
#: What our own pages and API order by beside time and magnitude: word -> column.
_ORDERED_BY = {
    **{column: column for column in _COLUMNS.values()},
    "depth": "depth_km",
    "gap": "azimuthal_gap",
    "stations": "station_count",
    "phases": "phase_count",
    "intensity": "max_intensity",
    "updated": "updated_at",
}


def _scale_parameters() -> Iterable[Parameter]:
    for scale in SCALES:
        for end, text in (
            ("min", _("{scale} at least; events without a {scale} are left out.")),
            ("max", _("{scale} at most; events without a {scale} are left out.")),
        ):
            yield Parameter(
                f"{end}{scale.lower()}",
                Kind.FLOAT,
                "size",
                format_lazy(text, scale=scale),
                minimum=-10,
                maximum=25,
            )


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("starttime", Kind.TIME, "time", _("Origin time on or after."), ("start",)),
    Parameter("endtime", Kind.TIME, "time", _("Origin time on or before."), ("end",)),
    Parameter(
        "updatedafter",
        Kind.TIME,
        "time",
        _("Changed in this catalogue after; deleted events are told by the change feed."),
    ),
    Parameter(
        "minlatitude",
        Kind.FLOAT,
        "place",
        _("Southern edge, degrees."),
        ("minlat",),
        minimum=-90,
        maximum=90,
        unit="deg",
    ),
    Parameter(
        "maxlatitude",
        Kind.FLOAT,
        "place",
        _("Northern edge, degrees."),
        ("maxlat",),
        minimum=-90,
        maximum=90,
        unit="deg",
    ),
    Parameter(
        "minlongitude",
        Kind.FLOAT,
        "place",
        _("Western edge, degrees; larger than the eastern edge: across the date line."),
        ("minlon",),
        minimum=-180,
        maximum=180,
        unit="deg",
    ),
    Parameter(
        "maxlongitude",
        Kind.FLOAT,
        "place",
        _("Eastern edge, degrees."),
        ("maxlon",),
        minimum=-180,
        maximum=180,
        unit="deg",
    ),
    Parameter(
        "latitude",
        Kind.FLOAT,
        "place",
        _("Latitude of the centre of a circle, degrees."),
        ("lat",),
        minimum=-90,
        maximum=90,
        unit="deg",
    ),
    Parameter(
        "longitude",
        Kind.FLOAT,
        "place",
        _("Longitude of the centre of a circle, degrees."),
        ("lon",),
        minimum=-180,
        maximum=180,
        unit="deg",
    ),
    Parameter(
        "settlement",
        Kind.NAME,
        "place",
        _(
            "A settlement as the centre of the circle, by its name in any language; "
            "of several the one with most people."
        ),
        expected="Almaty",
    ),
    Parameter(
        "minradius",
        Kind.FLOAT,
        "place",
        _("At least so far from the centre, degrees on the sphere."),
        minimum=0,
        maximum=180,
        unit="deg",
    ),
    Parameter(
        "maxradius",
        Kind.FLOAT,
        "place",
        _("At most so far from the centre, degrees on the sphere."),
        minimum=0,
        maximum=180,
        unit="deg",
    ),
    Parameter(
        "minradiuskm",
        Kind.FLOAT,
        "place",
        _("At least so far from the centre, km on the ellipsoid."),
        minimum=0,
        maximum=20004,
        unit="km",
    ),
    Parameter(
        "maxradiuskm",
        Kind.FLOAT,
        "place",
        _("At most so far from the centre, km on the ellipsoid."),
        minimum=0,
        maximum=20004,
        unit="km",
    ),
    Parameter(
        "polygon",
        Kind.POLYGON,
        "place",
        _("Inside or on a polygon: longitude and latitude of each corner, at most 1000 corners."),
    ),
    Parameter(
        "mindepth",
        Kind.FLOAT,
        "depth",
        _("Depth at least, km."),
        minimum=-100,
        maximum=1000,
        unit="km",
    ),
    Parameter(
        "maxdepth",
        Kind.FLOAT,
        "depth",
        _("Depth at most, km."),
        minimum=-100,
        maximum=1000,
        unit="km",
    ),
    Parameter(
        "minmagnitude",
        Kind.FLOAT,
        "size",
        _("Magnitude at least. KR and MPVA never count as magnitude unless magnitudetype says so."),
        ("minmag",),
        minimum=-10,
        maximum=25,
    ),
    Parameter(
        "maxmagnitude",
        Kind.FLOAT,
        "size",
        _("Magnitude at most."),
        ("maxmag",),
        minimum=-10,
        maximum=25,
    ),
    Parameter(
        "magnitudetype",
        Kind.TEXT,
        "size",
        _(
            "Scale that minmagnitude, maxmagnitude and the order by magnitude mean; "
            "only events with a value on it. M(KR): (KR - 4) / 1.8, told beside KR."
        ),
        ("magtype",),
        expected=" | ".join((*SCALES, CONVERTED)),
    ),
    *_scale_parameters(),
    Parameter(
        "felt", Kind.BOOLEAN, "size", _("Felt by people (true), or not known to be felt (false).")
    ),
    Parameter(
        "minintensity",
        Kind.FLOAT,
        "size",
        _("Largest observed intensity at least, degrees."),
        minimum=1,
        maximum=12,
    ),
    Parameter(
        "minfelt",
        Kind.INTEGER,
        "size",
        _("Reports of the public at least, those of not having felt it among them."),
        minimum=0,
    ),
    Parameter(
        "mincdi",
        Kind.FLOAT,
        "size",
        _("Largest community intensity (from reports of the public) at least."),
        minimum=1,
        maximum=12,
    ),
    Parameter(
        "maxcdi",
        Kind.FLOAT,
        "size",
        _("Largest community intensity (from reports of the public) at most."),
        minimum=1,
        maximum=12,
    ),
    Parameter(
        "eventtype",
        Kind.CHOICES,
        "kind",
        _("QuakeML event types, separated by commas; unknown: events without a type."),
        choices=("unknown", *sorted(EVENT_TYPES)),
    ),
    Parameter(
        "agency",
        Kind.TEXTS,
        "kind",
        _("Any of these agencies has a solution of the event."),
    ),
    Parameter(
        "catalog",
        Kind.TEXTS,
        "kind",
        _("Catalogue: the merged one, or the supplementary list agencies keep apart from it."),
    ),
    Parameter(
        "contributor", Kind.TEXTS, "kind", _("Agency that contributed the preferred solution.")
    ),
    Parameter(
        "status",
        Kind.CHOICES,
        "kind",
        _(
            "Status, separated by commas. Without it: reviewed and published; what only automatic "
            "reports tell of is found when its status is named, or by eventid."
        ),
        choices=("automatic", "reviewed", "published", "not-confirmed"),
    ),
    Parameter(
        "synthetic",
        Kind.BOOLEAN,
        "kind",
        _("Only invented example events (true) or none (false); without it both, labelled."),
    ),
    Parameter(
        "hasmechanism", Kind.BOOLEAN, "quality", _("With (true) or without a focal mechanism.")
    ),
    Parameter(
        "faultingstyle",
        Kind.CHOICES,
        "quality",
        _(
            "Faulting style of the preferred mechanism (Zoback 1992), separated by commas: NF "
            "normal, NS normal with strike slip, SS strike slip, TS thrust with strike slip, TF "
            "thrust, U undefined."
        ),
        choices=STYLES,
    ),
    Parameter(
        "mingap",
        Kind.FLOAT,
        "quality",
        _("Azimuthal gap at least, degrees."),
        minimum=0,
        maximum=360,
        unit="deg",
    ),
    Parameter(
        "maxgap",
        Kind.FLOAT,
        "quality",
        _("Azimuthal gap at most, degrees."),
        minimum=0,
        maximum=360,
        unit="deg",
    ),
    Parameter("minstations", Kind.INTEGER, "quality", _("Stations used, at least."), minimum=0),
    Parameter(
        "eventid",
        Kind.TEXTS,
        "answer",
        _("Event ids, short or whole publicID, separated by commas; not with other limits."),
    ),
    Parameter(
        "orderby",
        Kind.CHOICE,
        "answer",
        _("Order: each descends, with -asc it ascends; what was not reported comes last."),
        default="time",
        choices=("time", "time-asc", "magnitude", "magnitude-asc"),
        own_choices=tuple(f"{what}{way}" for what in _ORDERED_BY for way in ("", "-asc")),
    ),
    Parameter("limit", Kind.INTEGER, "answer", _("At most so many events."), minimum=1),
    Parameter(
        "offset",
        Kind.INTEGER,
        "answer",
        _("Begin with this event of the answer, counted from 1."),
        default="1",
        minimum=1,
    ),
    Parameter(
        "includeallorigins",
        Kind.BOOLEAN,
        "answer",
        _("All origins, not the preferred one only."),
        default="false",
        surfaces=frozenset({FDSN, API}),
    ),
    Parameter(
        "includeallmagnitudes",
        Kind.BOOLEAN,
        "answer",
        _("All magnitudes, not the preferred one only."),
        default="false",
        surfaces=frozenset({FDSN, API}),
    ),
    Parameter(
        "includearrivals",
        Kind.BOOLEAN,
        "answer",
        _("Picks, arrivals, amplitudes and station magnitudes."),
        default="false",
        surfaces=frozenset({FDSN, API}),
    ),
    Parameter(
        "includemechanisms",
        Kind.BOOLEAN,
        "answer",
        _("Focal mechanisms."),
        default="false",
        surfaces=frozenset({FDSN, API}),
    ),
    Parameter(
        "format",
        Kind.CHOICE,
        "answer",
        _(
            "xml: QuakeML 1.2; text: FDSN text; csv: wide table; geojson; kml: KML 2.2; "
            "isf: IMS1.0:SHORT bulletin; ndk: moment tensors as the Global CMT has them."
        ),
        default="xml",
        choices=("xml", "text", "csv", "geojson", "kml", "isf", "ndk"),
        surfaces=_SERVICE,
    ),
    Parameter(
        "nodata",
        Kind.CHOICE,
        "answer",
        _("Status code of an empty answer."),
        default="204",
        choices=("204", "404"),
        surfaces=_SERVICE,
    ),
)

BY_WORD: dict[str, Parameter] = {
    word: parameter for parameter in PARAMETERS for word in (parameter.name, *parameter.aliases)
}


def parameters_of(surface: Surface) -> tuple[Parameter, ...]:
    """Return the words a surface offers, in their order."""
    return tuple(parameter.on(surface) for parameter in PARAMETERS if surface in parameter.surfaces)


# --- What can be wrong -------------------------------------------------------------------------

MESSAGES: dict[str, str | Promise] = {
    "unknown-word": _("“%(word)s” is not a search word."),
    "unknown-word-hint": _("“%(word)s” is not a search word. Did you mean “%(expected)s”?"),
    "not-offered-here": _("“%(word)s” is not offered here."),
    "repeated": _("“%(word)s” is given more than once."),
    "empty": _("“%(word)s” has no value. Expected: %(expected)s."),
    "not-a-time": _("%(word)s: “%(found)s” is not a UTC time. Expected: %(expected)s."),
    "not-a-number": _("%(word)s: “%(found)s” is not a plain decimal number."),
    "not-a-whole-number": _("%(word)s: “%(found)s” is not a whole number."),
    "not-a-boolean": _("%(word)s: “%(found)s” is neither true nor false."),
    "out-of-range": _("%(word)s: %(found)s is out of range. Expected: %(expected)s."),
    "unknown-value": _("%(word)s: “%(found)s” is not known. Expected: %(expected)s."),
    "too-many": _("%(word)s: %(found)s given, at most %(expected)s are allowed."),
    "not-a-polygon": _(
        "%(word)s: “%(found)s” is not a polygon that does not cross itself. Expected: %(expected)s."
    ),
    "larger-than": _("%(word)s: %(found)s is larger than %(expected)s."),
    "needs": _("%(word)s needs %(expected)s as well."),
    "not-together": _("%(word)s cannot be given together with %(found)s."),
    "cursor": _("The cursor belongs to another search, or is not a cursor of this catalogue."),
}


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """One thing wrong with a search: the word, a code, what was found, what was expected."""

    word: str
    code: str
    found: str = ""
    expected: str = ""

    @property
    def message(self) -> str:
        """The sentence, in the language now active."""
        code = "unknown-word-hint" if self.code == "unknown-word" and self.expected else self.code
        return str(MESSAGES[code]) % {
            "word": self.word,
            "found": self.found,
            "expected": self.expected,
        }

    def as_json(self) -> dict[str, str]:
        return {
            "word": self.word,
            "code": self.code,
            "found": self.found,
            "expected": self.expected,
            "message": self.message,
        }


def unknown_word(word: str, known: Iterable[str]) -> SearchProblem:
    """Return the problem of a word that is none, with the likely one."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.75)
    return SearchProblem(word[:60], "unknown-word", expected=close[0] if close else "")


class SearchError(ValueError):
    """The search cannot be asked; carries every problem, not the first only."""

    def __init__(self, problems: Iterable[SearchProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.word}: {p.code} {p.found}" for p in self.problems))

    @property
    def message(self) -> str:
        return " ".join(problem.message for problem in self.problems)


# --- Text to value -----------------------------------------------------------------------------

# S11 p. 6: a date alone, seconds, up to six decimals. A trailing Z and minutes alone do no harm.
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?Z?", re.ASCII
)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,12}", re.ASCII)
_BOOLEAN = {"true": True, "false": False}


class WrongValue(Exception):
    """A value that cannot be used: code, found, expected."""

    def __init__(self, code: str, found: str, expected: str) -> None:
        super().__init__(code)
        self.code, self.found, self.expected = code, found, expected


def _time(parameter: Parameter, text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise WrongValue("not-a-time", text, parameter.expectation)
    year, month, day, hour, minute, second, fraction = match.groups()
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "").ljust(6, "0")),
            tzinfo=UTC,
        )
    except ValueError:
        raise WrongValue("not-a-time", text, parameter.expectation) from None


def _in_range(parameter: Parameter, value: float, text: str) -> None:
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise WrongValue("out-of-range", text, parameter.expectation)


def _float(parameter: Parameter, text: str) -> float:
    # The standard forbids exponents, and Python would read "nan", "1_000" and other digits.
    if not _FLOAT.fullmatch(text):
        raise WrongValue("not-a-number", text, parameter.expectation)
    value = float(text)
    _in_range(parameter, value, text)
    return value


def _integer(parameter: Parameter, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise WrongValue("not-a-whole-number", text, parameter.expectation)
    value = int(text)
    _in_range(parameter, value, text)
    return value


def _boolean(parameter: Parameter, text: str) -> bool:
    try:
        return _BOOLEAN[text.lower()]
    except KeyError:
        raise WrongValue("not-a-boolean", text, parameter.expectation) from None


def _choice(parameter: Parameter, text: str) -> str:
    if text.lower() not in parameter.choices:
        raise WrongValue("unknown-value", text, parameter.expectation)
    return text.lower()


def _texts(parameter: Parameter, text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise WrongValue("empty", text, parameter.expectation)
    if len(words) > MAX_EVENT_IDS:
        raise WrongValue("too-many", str(len(words)), str(MAX_EVENT_IDS))
    for word in words:
        if not word.isprintable():  # PostgreSQL takes no NUL in a text; no name has any of these
            found = "".join(c if c.isprintable() else "\ufffd" for c in word)
            raise WrongValue("unknown-value", found, parameter.expectation)
    return words


def _choices(parameter: Parameter, text: str) -> tuple[str, ...]:
    known = {choice.lower(): choice for choice in parameter.choices}
    words = _texts(parameter, text.lower())
    for word in words:
        if word not in known:
            raise WrongValue("unknown-value", word, parameter.expectation)
    return tuple(known[word] for word in words)


def _polygon(parameter: Parameter, text: str) -> tuple[tuple[float, float], ...]:
    """Read longitude and latitude of each corner; longitudes up to 360 pass the date line."""
    tokens = [token for token in re.split(r"[\s,]+", text.strip()) if token]
    if len(tokens) % 2 or not all(_FLOAT.fullmatch(token) for token in tokens):
        raise WrongValue("not-a-polygon", text[:80], parameter.expectation)
    numbers = [float(token) for token in tokens]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if len(corners) > MAX_POLYGON_VERTICES:
        raise WrongValue("too-many", str(len(corners)), str(MAX_POLYGON_VERTICES))
    if len(corners) < 3:
        raise WrongValue("not-a-polygon", text[:80], parameter.expectation)
    for longitude, latitude in corners:
        if not (-180 <= longitude <= 360 and -90 <= latitude <= 90):
            raise WrongValue("out-of-range", f"{longitude:g} {latitude:g}", "-180..360 -90..90")
    if not _ring(tuple(corners)).valid:
        raise WrongValue("not-a-polygon", text[:80], parameter.expectation)
    return tuple(corners)


def _ring(corners: tuple[tuple[float, float], ...]) -> Polygon:
    try:
        return Polygon(LinearRing(*corners, corners[0]), srid=4326)
    except GEOSException:
        return Polygon(srid=4326)


def _name(parameter: Parameter, text: str) -> str:
    if not text.isprintable():
        raise WrongValue("unknown-value", ascii(text), parameter.expectation)
    return text


def _scale(parameter: Parameter, text: str) -> str:
    """Return the scale a magnitude type means; case is forgiven where it does not decide."""
    if text == "MLv":  # SeisComP's local magnitude; MLV is the surface-wave one
        return "ML"
    if text.lower() == CONVERTED.lower():
        return CONVERTED
    for scale in SCALES:
        if scale.lower() == text.lower():
            return scale
    found = scale_of(text)
    if not found:
        raise WrongValue("unknown-value", text, parameter.expectation)
    return found


READERS = {
    Kind.TIME: _time,
    Kind.FLOAT: _float,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: _choice,
    Kind.CHOICES: _choices,
    Kind.TEXTS: _texts,
    Kind.TEXT: _scale,
    Kind.NAME: _name,
    Kind.POLYGON: _polygon,
}


def written(value: Any) -> str:
    """Write a value so that reading gives it back, as short as it can be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        text = value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        if value.microsecond:
            return f"{text}.{value.microsecond:06d}".rstrip("0")
        return text[:10] if text.endswith("T00:00:00") else text
    if isinstance(value, float):
        return _plain(value)
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):
            return ",".join(f"{_plain(x)} {_plain(y)}" for x, y in value)
        return ",".join(value)
    return str(value)


def _plain(value: float) -> str:
    """Write a float without exponent, every digit kept."""
    text = repr(value)
    if "e" in text:
        text = f"{value:.20f}".rstrip("0")
    return text.removesuffix(".0").removesuffix(".") or "0"


# --- The search --------------------------------------------------------------------------------


def _geography() -> Func:
    # Exactly the expression of the index "row_geography".
    return Func(F("point"), template="(%(expressions)s::geography)")


def _geometry(geometry: GEOSGeometry) -> Func:
    # As text: COPY, which binds no parameters, can carry it too.
    geometry.srid = 4326
    return Func(
        Value(geometry.hexewkb.decode()),
        template="ST_GeomFromEWKB(decode(%(expressions)s, 'hex'))",
    )


@dataclass(frozen=True, slots=True)
class Count:
    """How many events match; ``exact`` is False where counting stopped: "more than"."""

    value: int
    exact: bool


def crossed_limits(search: Any, pairs: Iterable[tuple[str, str]]) -> Iterable[SearchProblem]:
    """Yield the problems of limits of which the lower is above the upper."""
    for low, high in pairs:
        least, most = getattr(search, low), getattr(search, high)
        if least is not None and most is not None and least > most:
            yield SearchProblem(low, "larger-than", written(least), f"{high}={written(most)}")


@dataclass(frozen=True)
class EventSearch:
    """A search as typed values; every field is a word of ``PARAMETERS``, ``None`` if not given."""

    starttime: datetime | None = None
    endtime: datetime | None = None
    updatedafter: datetime | None = None
    minlatitude: float | None = None
    maxlatitude: float | None = None
    minlongitude: float | None = None
    maxlongitude: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    settlement: str | None = None
    minradius: float | None = None
    maxradius: float | None = None
    minradiuskm: float | None = None
    maxradiuskm: float | None = None
    polygon: tuple[tuple[float, float], ...] | None = None
    mindepth: float | None = None
    maxdepth: float | None = None
    minmagnitude: float | None = None
    maxmagnitude: float | None = None
    magnitudetype: str | None = None
    minkr: float | None = None
    maxkr: float | None = None
    minmpva: float | None = None
    maxmpva: float | None = None
    minmlv: float | None = None
    maxmlv: float | None = None
    minms: float | None = None
    maxms: float | None = None
    minmb: float | None = None
    maxmb: float | None = None
    minml: float | None = None
    maxml: float | None = None
    minmw: float | None = None
    maxmw: float | None = None
    felt: bool | None = None
    minintensity: float | None = None
    minfelt: int | None = None
    mincdi: float | None = None
    maxcdi: float | None = None
    eventtype: tuple[str, ...] | None = None
    agency: tuple[str, ...] | None = None
    catalog: tuple[str, ...] | None = None
    contributor: tuple[str, ...] | None = None
    status: tuple[str, ...] | None = None
    synthetic: bool | None = None
    hasmechanism: bool | None = None
    faultingstyle: tuple[str, ...] | None = None
    mingap: float | None = None
    maxgap: float | None = None
    minstations: int | None = None
    eventid: tuple[str, ...] | None = None
    orderby: str = "time"
    limit: int | None = None
    offset: int = 1
    includeallorigins: bool = False
    includeallmagnitudes: bool = False
    includearrivals: bool = False
    includemechanisms: bool = False
    format: str = "xml"
    nodata: str = "204"
    surface: Surface = field(default=API, compare=False, repr=False)

    # --- reading -------------------------------------------------------------------------------

    @classmethod
    def from_query(
        cls, query: Mapping[str, Any], surface: Surface = API, *, ignore: Iterable[str] = ()
    ) -> EventSearch:
        """Read a query string (a ``QueryDict``) or a plain mapping.

        Parameters
        ----------
        query
            What was asked; a ``QueryDict`` may hold a word several times.
        surface
            Where it was asked: which words are offered. An empty value on a page is a field left
            blank; elsewhere it is a mistake.
        ignore
            Words that belong to the address but not to the search (``lang``, ``cursor``).

        Raises
        ------
        SearchError
            With every problem found.
        """
        problems: list[SearchProblem] = []
        given: dict[str, list[str]] = {}
        ignored = set(ignore)
        for word in query:
            if word in ignored:
                continue
            found: list[Any] = query.getlist(word) if hasattr(query, "getlist") else [query[word]]
            texts = [str(text).strip() for text in found]
            parameter = BY_WORD.get(word.lower())
            if parameter is None:
                problems.append(unknown_word(word, BY_WORD))
            elif surface not in parameter.surfaces:
                problems.append(SearchProblem(word, "not-offered-here"))
            else:
                given.setdefault(parameter.name, []).extend(texts)
        values: dict[str, Any] = {}
        for name, texts in given.items():
            parameter = BY_WORD[name].on(surface)
            if surface == PAGE:
                texts = [text for text in texts if text]
                if not texts:
                    continue
                if parameter.kind in (Kind.CHOICES, Kind.TEXTS):  # checkboxes of one name
                    texts = [",".join(texts)]
            if name == "eventid" and all(texts):
                texts = [",".join(texts)]
            if len(texts) > 1:
                problems.append(SearchProblem(name, "repeated", ", ".join(texts)[:80]))
            elif not texts[0]:
                problems.append(SearchProblem(name, "empty", "", parameter.expectation))
            else:
                try:
                    values[name] = READERS[parameter.kind](parameter, texts[0])
                except WrongValue as wrong:
                    problems.append(
                        SearchProblem(name, wrong.code, wrong.found[:80], wrong.expected)
                    )
        search = cls(**values, surface=surface)
        problems.extend(search._contradictions(set(given)))
        if problems:
            raise SearchError(problems)
        return search

    def _contradictions(self, given: set[str]) -> Iterable[SearchProblem]:
        yield from crossed_limits(self, _PAIRS)
        circle = {"minradius", "maxradius", "minradiuskm", "maxradiuskm"} & given
        if "settlement" in given:
            yield from self._wrong_settlement(circle, {"latitude", "longitude"} & given)
            circle = set()
        for word in ("latitude", "longitude"):
            other = "longitude" if word == "latitude" else "latitude"
            if word not in given and (circle or other in given):
                yield SearchProblem(min(circle) if circle else other, "needs", expected=word)
        if "eventid" in given:
            limits = sorted(given - _WITH_EVENTID)
            if limits:
                yield SearchProblem("eventid", "not-together", ", ".join(limits))

    def _wrong_settlement(self, circle: set[str], centre: set[str]) -> Iterable[SearchProblem]:
        if centre:
            yield SearchProblem("settlement", "not-together", ", ".join(sorted(centre)))
        if not circle:
            yield SearchProblem("settlement", "needs", expected="maxradiuskm")
        if self.settlement and self.centre is None:
            expected = BY_WORD["settlement"].expectation
            yield SearchProblem("settlement", "unknown-value", self.settlement[:80], expected)

    # --- writing -------------------------------------------------------------------------------

    def to_query(self, *, without: Iterable[str] = ()) -> str:
        """Return the canonical query string: long names, one order, defaults left out."""
        return urlencode(self.words(without=without))

    def words(self, *, without: Iterable[str] = ()) -> dict[str, str]:
        """Return the words that say something, with their values as text."""
        left_out = set(without)
        return {
            name: written(getattr(self, name))
            for name, default in _DEFAULTS.items()
            if name not in left_out and getattr(self, name) != default
        }

    def replace(self, **values: Any) -> EventSearch:
        """Return the same search with other values."""
        return replaced(self, **values)

    # --- asking --------------------------------------------------------------------------------

    def matching(self) -> EventRowQuerySet:
        """Return all rows that match, in no order, limit and offset not applied."""
        rows: EventRowQuerySet = EventRow.objects.filter(*self._conditions())
        return rows

    def queryset(self) -> EventRowQuerySet:
        """Return the rows of the answer: matching, in order, from offset, at most limit."""
        rows = self.matching().order_by(*self.ordering())
        first = self.offset - 1
        if self.limit is not None:
            rows = rows[first : first + self.limit]
        elif first:
            rows = rows[first:]
        return rows

    def count(self, limit: int | None = COUNT_LIMIT) -> Count:
        """Count what matches; beyond ``limit`` say only that there is more."""
        if limit is None:
            return Count(self.matching().count(), True)
        value = self.matching().order_by()[: limit + 1].count()
        return Count(min(value, limit), value <= limit)

    def sent_of(self, matching: int) -> int:
        """Return how many of so many matching rows the answer has: from offset, at most limit."""
        left = max(0, matching - (self.offset - 1))
        return left if self.limit is None else min(left, self.limit)

    @property
    def says_status(self) -> bool:
        """False for a search that leaves out what only automatic reports tell of.

        Whoever names a status, or an event, gets what was named.
        """
        return self.status is not None or self.eventid is not None

    @property
    def converts(self) -> bool:
        """True if magnitudes converted from KR are asked for."""
        return self.magnitudetype == CONVERTED

    @cached_property
    def magnitude_column(self) -> str:
        """The column that "magnitude" means in this search; one converted from KR grows with it."""
        if self.magnitudetype is None:
            return "magnitude"
        return _COLUMNS["KR" if self.converts else self.magnitudetype]

    def ordering(self) -> tuple[OrderBy, ...]:
        """Return a total order: equal times and sizes are settled by the event's number."""
        newest = (F("time").desc(), F("event_id").desc())
        what, _dash, way = self.orderby.partition("-")
        if what == "time":
            return (F("time").asc(), F("event_id").asc()) if way else newest
        column = F(self.magnitude_column if what == "magnitude" else _ORDERED_BY[what])
        first = column.asc(nulls_last=True) if way else column.desc(nulls_last=True)
        return (first, *newest)

    def _conditions(self) -> list[Q]:
        conditions = [
            Q(**{condition: value})
            for name, condition in _SIMPLE.items()
            if (value := getattr(self, name)) is not None
        ]
        size = self.magnitude_column
        for bound, comparison in ((self.minmagnitude, "gte"), (self.maxmagnitude, "lte")):
            if bound is not None:
                value = as_kr(bound) if self.converts else bound
                conditions.append(Q(**{f"{size}__{comparison}": value}))
        if self.magnitudetype is not None:
            conditions.append(Q(**{f"{size}__isnull": False}))
        if self.eventtype is not None:
            types = ["" if word == "unknown" else word for word in self.eventtype]
            conditions.append(Q(event_type__in=types))
        for name, condition in (
            ("agency", "agencies__overlap"),
            ("catalog", "catalog__in"),
            ("contributor", "contributor__in"),
        ):
            if (codes := getattr(self, name)) is not None:
                both_cases = list(dict.fromkeys(c for code in codes for c in (code, code.upper())))
                conditions.append(Q(**{condition: both_cases}))
        conditions.extend(self._box())
        conditions.extend(self._circle())
        if self.polygon is not None:
            conditions.append(_intersects(_on_earth(self.polygon)))
        if not self.says_status:
            conditions.append(Q(status__in=COUNTED_STATUSES))
        if self.eventid is not None:
            conditions.append(Q(event_id__in=list(self.event_numbers().values())))
        return conditions

    def _box(self) -> Iterable[Q]:
        south, north, west, east = (
            self.minlatitude,
            self.maxlatitude,
            self.minlongitude,
            self.maxlongitude,
        )
        if south is not None:
            yield Q(latitude__gte=south)
        if north is not None:
            yield Q(latitude__lte=north)
        west_of, east_of = Q(longitude__gte=west), Q(longitude__lte=east)
        across = west is not None and east is not None and west > east
        if across:
            yield west_of | east_of
        elif west is not None or east is not None:
            yield (west_of if west is not None else Q()) & (east_of if east is not None else Q())
        if all(edge is None for edge in (south, north, west, east)):
            return
        # The columns decide exactly; the geometry's index (in single precision) finds candidates.
        low = -90.0 if south is None else south
        high = 90.0 if north is None else north
        left = -180.0 if west is None else west
        right = 180.0 if east is None else east
        spans = [(left, 180.0), (-180.0, right)] if across else [(left, right)]
        candidates = Q()
        for start, stop in spans:
            candidates |= Q(
                Func(
                    F("point"),
                    _geometry(Polygon.from_bbox((start, low, stop, high))),
                    template="(%(expressions)s)",
                    arg_joiner=" && ",
                    output_field=BooleanField(),
                )
            )
        yield candidates

    @cached_property
    def centre(self) -> tuple[float, float] | None:
        """Latitude and longitude of the centre of the circle, that of the settlement if named."""
        if self.settlement is not None:
            name = self.settlement.strip().casefold()
            known = candidates([name]).get(name, [])
            best = max(known, key=lambda c: (c.population, -c.settlement_id), default=None)
            return None if best is None else (best.latitude, best.longitude)
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude

    def _circle(self) -> Iterable[Q]:
        if self.centre is None:
            return
        latitude, longitude = self.centre
        centre = Func(
            Value(longitude, output_field=FloatField()),
            Value(latitude, output_field=FloatField()),
            template="(ST_SetSRID(ST_MakePoint(%(expressions)s), 4326)::geography)",
        )
        for least, most, metres, ellipsoid in (
            (self.minradius, self.maxradius, radians(1) * SPHERE_RADIUS_M, False),
            (self.minradiuskm, self.maxradiuskm, 1000.0, True),
        ):
            shape = Value(ellipsoid, output_field=BooleanField())
            if most is not None and (ellipsoid or most < 180):
                yield Q(
                    Func(
                        _geography(),
                        centre,
                        Value(most * metres, output_field=FloatField()),
                        shape,
                        function="ST_DWithin",
                        output_field=BooleanField(),
                    )
                )
            if least:
                yield Q(
                    Func(
                        Func(_geography(), centre, shape, function="ST_Distance"),
                        Value(least * metres, output_field=FloatField()),
                        template="(%(expressions)s)",
                        arg_joiner=" >= ",
                        output_field=BooleanField(),
                    )
                )

    def event_numbers(self) -> dict[str, int]:
        """Return for each event id asked for the key of the event that now answers to it.

        A merged event's id answers with its successor; an id that nothing has is left out.
        """
        return {word: event.pk for word, event in successors(self.eventid or ()).items()}


def short_id(word: str) -> str:
    """Return the short id in a short id or a whole publicID (``smi:authority/event/kz2014...``)."""
    return word.rsplit("/", 1)[-1].strip()


def successors(words: Iterable[str]) -> dict[str, Event]:
    """Return for each known id the event that answers to it now, merges followed."""
    asked = {word: short_id(word) for word in words}
    events = {
        event.public_id: event for event in Event.objects.filter(public_id__in=asked.values())
    }
    current = {word: events[short] for word, short in asked.items() if short in events}
    while True:
        merged = {e.merged_into_id for e in current.values() if e.merged_into_id is not None}
        if not merged:
            return current
        into = Event.objects.in_bulk(merged)
        current = {
            word: into[e.merged_into_id] if e.merged_into_id is not None else e
            for word, e in current.items()
        }


def _on_earth(corners: tuple[tuple[float, float], ...]) -> GEOSGeometry:
    """Return the polygon with what lies beyond 180 degrees east brought back to the west."""
    polygon = _ring(corners)
    if polygon.extent[2] <= 180:
        return polygon
    parts: list[Polygon] = []
    beyond = tuple((longitude - 360, latitude) for longitude, latitude in corners)
    for shape in (polygon, _ring(beyond)):
        cut = shape.intersection(Polygon.from_bbox((-180, -90, 180, 90)))
        for part in cut if isinstance(cut, MultiPolygon) else (cut,):
            if isinstance(part, Polygon) and not part.empty:
                parts.append(part)
    return MultiPolygon(*parts, srid=4326)


def _intersects(geometry: GEOSGeometry) -> Q:
    return Q(
        Func(
            F("point"),
            _geometry(geometry),
            function="ST_Intersects",  # the border belongs to it
            output_field=BooleanField(),
        )
    )


_DEFAULTS: dict[str, Any] = {
    parameter.name: next(f.default for f in fields(EventSearch) if f.name == parameter.name)
    for parameter in PARAMETERS
}

_PAIRS = (
    ("starttime", "endtime"),
    ("minlatitude", "maxlatitude"),  # not longitude: across the date line west exceeds east
    ("minradius", "maxradius"),
    ("minradiuskm", "maxradiuskm"),
    ("mindepth", "maxdepth"),
    ("minmagnitude", "maxmagnitude"),
    *((f"min{column}", f"max{column}") for column in _COLUMNS.values()),
    ("mincdi", "maxcdi"),
    ("mingap", "maxgap"),
)

_WITH_EVENTID = {
    "eventid",
    "orderby",
    "limit",
    "offset",
    "format",
    "nodata",
    "includeallorigins",
    "includeallmagnitudes",
    "includearrivals",
    "includemechanisms",
}

_SIMPLE: dict[str, str] = {
    "starttime": "time__gte",
    "endtime": "time__lte",
    "updatedafter": "updated_at__gt",
    "mindepth": "depth_km__gte",
    "maxdepth": "depth_km__lte",
    **{f"min{column}": f"{column}__gte" for column in _COLUMNS.values()},
    **{f"max{column}": f"{column}__lte" for column in _COLUMNS.values()},
    "felt": "felt",
    "minintensity": "max_intensity__gte",
    "minfelt": "felt_report_count__gte",
    "mincdi": "max_cdi__gte",
    "maxcdi": "max_cdi__lte",
    "status": "status__in",
    "synthetic": "synthetic",
    "hasmechanism": "has_mechanism",
    "faultingstyle": "faulting_style__in",
    "mingap": "azimuthal_gap__gte",
    "maxgap": "azimuthal_gap__lte",
    "minstations": "station_count__gte",
}


# --- The form ----------------------------------------------------------------------------------


class SearchForm(forms.Form):
    """The page's form, one field a word; reading and checking is ``EventSearch.from_query``'s."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in parameters_of(PAGE):
            self.fields[parameter.name] = _form_field(parameter)


def _form_field(parameter: Parameter) -> forms.Field:
    common: dict[str, Any] = {
        "required": False,
        "help_text": parameter.help,
        "label": parameter.name,
    }
    number = {"step": "any"}
    if parameter.minimum is not None:
        number["min"] = f"{parameter.minimum:g}"
    if parameter.maximum is not None:
        number["max"] = f"{parameter.maximum:g}"
    match parameter.kind:
        case Kind.FLOAT | Kind.INTEGER:
            if parameter.kind is Kind.INTEGER:
                number["step"] = "1"
            # Never localized: the address bar and the services write 43.25.
            return forms.CharField(widget=forms.NumberInput(attrs=number), **common)
        case Kind.BOOLEAN:
            choices = [("", "—"), ("true", _("yes")), ("false", _("no"))]
            return forms.ChoiceField(choices=choices, **common)
        case Kind.CHOICE:
            return forms.ChoiceField(choices=[(c, c) for c in parameter.choices], **common)
        case Kind.CHOICES:
            return forms.MultipleChoiceField(choices=[(c, c) for c in parameter.choices], **common)
        case _:
            attrs = {"placeholder": parameter.expectation}
            return forms.CharField(widget=forms.TextInput(attrs=attrs), **common)


__all__ = [
    "API",
    "BY_WORD",
    "COUNT_LIMIT",
    "FDSN",
    "GROUPS",
    "PAGE",
    "PARAMETERS",
    "Count",
    "EventSearch",
    "Kind",
    "Parameter",
    "SearchError",
    "SearchForm",
    "SearchProblem",
    "parameters_of",
    "short_id",
    "successors",
]
