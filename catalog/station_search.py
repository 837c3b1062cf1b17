"""The search of the station service: which words it knows and what they ask the database.

``PARAMETERS`` is the list that the validator, the WADL and the human page are made from, as
``catalog.search`` has one for events; a word's kinds, ranges and mistakes are told the same way.
Its words and their meanings are those of fdsnws-station 1.1.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from math import radians
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    Exists,
    F,
    FloatField,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.models import Channel, Restriction, Station
from catalog.search import (
    READERS,
    SPHERE_RADIUS_M,
    Kind,
    Parameter,
    SearchError,
    SearchProblem,
    WrongValue,
    crossed_limits,
    unknown_word,
    written,
)

LEVELS = ("network", "station", "channel", "response")
#: FDSN's code for what has no network of its own.
NO_NETWORK = "XX"
#: What one selection line or one word may hold.
MAX_CODES = 1000
MAX_LINES = 2000
MAX_BODY_BYTES = 1024 * 1024

GROUPS: dict[str, str | Promise] = {
    "codes": _("Codes"),
    "time": _("Time"),
    "place": _("Place"),
    "answer": _("Answer"),
}


def _degrees(
    name: str, text: str | Promise, limit: float, *aliases: str, least: float | None = None
) -> Parameter:
    low = -limit if least is None else least
    return Parameter(
        name, Kind.FLOAT, "place", text, aliases, minimum=low, maximum=limit, unit="deg"
    )


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "network",
        Kind.TEXTS,
        "codes",
        _("Network codes, separated by commas; * and ? stand for any characters and any one."),
        ("net",),
        expected="KZ,I?",
    ),
    Parameter(
        "station", Kind.TEXTS, "codes", _("Station codes, likewise."), ("sta",), expected="KNDC,K*"
    ),
    Parameter(
        "location",
        Kind.TEXTS,
        "codes",
        _("Location codes, likewise; -- or nothing: the empty code."),
        ("loc",),
        expected="00,--",
    ),
    Parameter(
        "channel", Kind.TEXTS, "codes", _("Channel codes, likewise."), ("cha",), expected="BH?,HHZ"
    ),
    Parameter("starttime", Kind.TIME, "time", _("Operating at or after this time."), ("start",)),
    Parameter("endtime", Kind.TIME, "time", _("Operating at or before this time."), ("end",)),
    Parameter("startbefore", Kind.TIME, "time", _("Its epoch began before this time.")),
    Parameter("startafter", Kind.TIME, "time", _("Its epoch began after this time.")),
    Parameter("endbefore", Kind.TIME, "time", _("Its epoch ended before this time.")),
    Parameter("endafter", Kind.TIME, "time", _("Its epoch ended after this time, or goes on.")),
    Parameter(
        "updatedafter", Kind.TIME, "time", _("What is told of it changed here after this time.")
    ),
    _degrees("minlatitude", _("Southern edge, degrees."), 90, "minlat"),
    _degrees("maxlatitude", _("Northern edge, degrees."), 90, "maxlat"),
    _degrees(
        "minlongitude",
        _("Western edge, degrees; larger than the eastern edge: across the date line."),
        180,
        "minlon",
    ),
    _degrees("maxlongitude", _("Eastern edge, degrees."), 180, "maxlon"),
    _degrees("latitude", _("Latitude of the centre of a circle, degrees."), 90, "lat"),
    _degrees("longitude", _("Longitude of the centre of a circle, degrees."), 180, "lon"),
    _degrees(
        "minradius", _("At least so far from the centre, degrees on the sphere."), 180, least=0
    ),
    _degrees(
        "maxradius", _("At most so far from the centre, degrees on the sphere."), 180, least=0
    ),
    Parameter(
        "level",
        Kind.CHOICE,
        "answer",
        _("How much is told: networks, stations, channels, or these with their responses."),
        default="station",
        choices=LEVELS,
    ),
    Parameter(
        "includerestricted",
        Kind.BOOLEAN,
        "answer",
        _("Also what is marked as closed."),
        default="true",
    ),
    Parameter(
        "includeavailability",
        Kind.BOOLEAN,
        "answer",
        _("Only false: there are no waveforms here."),
        default="false",
    ),
    Parameter(
        "matchtimeseries",
        Kind.BOOLEAN,
        "answer",
        _("Only false: there are no waveforms here."),
        default="false",
    ),
    Parameter(
        "format",
        Kind.CHOICE,
        "answer",
        _("xml: StationXML 1.2; text: FDSN text, not with level=response."),
        default="xml",
        choices=("xml", "text"),
    ),
    Parameter(
        "nodata",
        Kind.CHOICE,
        "answer",
        _("Status code of an empty answer."),
        default="204",
        choices=("204", "404"),
    ),
)

BY_WORD: dict[str, Parameter] = {
    word: parameter for parameter in PARAMETERS for word in (parameter.name, *parameter.aliases)
}
_CODES = ("network", "station", "location", "channel")
_TIMES_OF_LINES = ("starttime", "endtime")
_PAIRS = (
    ("starttime", "endtime"),
    ("startafter", "startbefore"),
    ("endafter", "endbefore"),
    ("minlatitude", "maxlatitude"),
    ("minradius", "maxradius"),
)
_CODE = re.compile(r"[A-Za-z0-9_*?.-]{1,20}\Z")


@dataclass(frozen=True, slots=True)
class Selection:
    """One line of a POST: codes with wildcards, and the time they are wanted for."""

    network: str
    station: str
    location: str
    channel: str
    starttime: datetime | None
    endtime: datetime | None


@dataclass(frozen=True)
class StationSearch:
    """A search as typed values; every field but ``lines`` is a word of ``PARAMETERS``."""

    network: tuple[str, ...] | None = None
    station: tuple[str, ...] | None = None
    location: tuple[str, ...] | None = None
    channel: tuple[str, ...] | None = None
    starttime: datetime | None = None
    endtime: datetime | None = None
    startbefore: datetime | None = None
    startafter: datetime | None = None
    endbefore: datetime | None = None
    endafter: datetime | None = None
    updatedafter: datetime | None = None
    minlatitude: float | None = None
    maxlatitude: float | None = None
    minlongitude: float | None = None
    maxlongitude: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    minradius: float | None = None
    maxradius: float | None = None
    level: str = "station"
    includerestricted: bool = True
    includeavailability: bool = False
    matchtimeseries: bool = False
    format: str = "xml"
    nodata: str = "204"
    #: Of a POST; a thing is wanted if any line wants it.
    lines: tuple[Selection, ...] | None = None

    # --- reading -------------------------------------------------------------------------------

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> StationSearch:
        """Read a query string (a ``QueryDict``) or a plain mapping.

        Raises
        ------
        SearchError
            With every problem found.
        """
        given = [
            (word, str(text))
            for word in query
            for text in (query.getlist(word) if hasattr(query, "getlist") else [query[word]])
        ]
        return cls._read(given, None, [])

    @classmethod
    def from_body(cls, body: bytes) -> StationSearch:
        """Read the body of a POST: lines ``word=value``, then lines of codes and times.

        A line of the second kind is ``NET STA LOC CHA START END``; a time may be ``*``.

        Raises
        ------
        SearchError
            With every problem found; the word of one in a line is ``line 7``.
        """
        problems: list[SearchProblem] = []
        try:
            text = body.decode("ascii")
        except UnicodeDecodeError as error:
            number = body.count(b"\n", 0, error.start) + 1
            raise SearchError(
                [SearchProblem(f"line {number}", "unknown-value", "?", "ASCII")]
            ) from error
        given: list[tuple[str, str]] = []
        lines: list[Selection] = []
        for number, content in enumerate(text.splitlines(), 1):
            content = content.strip()
            if not content:
                continue
            where = f"line {number}"
            if "=" in content:
                word, _equals, value = content.partition("=")
                if lines:
                    problems.append(
                        SearchProblem(where, "unknown-value", content[:80], _LINE_EXPECTED)
                    )
                elif BY_WORD.get(word.strip().lower(), _NONE).name in (
                    *_CODES,
                    *_TIMES_OF_LINES,
                ):
                    problems.append(SearchProblem(where, "not-together", word[:40], "POST"))
                else:
                    given.append((word.strip(), value))
                continue
            try:
                lines.extend(_selections(where, content))
            except WrongValue as wrong:
                problems.append(SearchProblem(where, wrong.code, wrong.found[:80], wrong.expected))
            if len(lines) > MAX_LINES:
                problems.append(SearchProblem(where, "too-many", f"> {MAX_LINES}", str(MAX_LINES)))
                break
            if len(problems) > MAX_PROBLEMS:
                break
        if not lines and not problems:
            problems.append(SearchProblem("POST", "empty", "", _LINE_EXPECTED))
        return cls._read(given, tuple(lines), problems)

    @classmethod
    def _read(
        cls,
        given: Iterable[tuple[str, str]],
        lines: tuple[Selection, ...] | None,
        problems: list[SearchProblem],
    ) -> StationSearch:
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for word, text in given:
            parameter = BY_WORD.get(word.lower())
            if parameter is None:
                problems.append(unknown_word(word, BY_WORD))
                continue
            name = parameter.name
            if name in seen:
                problems.append(SearchProblem(name, "repeated", text[:80]))
                continue
            seen.add(name)
            try:
                if name in _CODES:
                    values[name] = _codes(parameter, text)
                elif not text.strip():
                    problems.append(SearchProblem(name, "empty", "", parameter.expectation))
                else:
                    values[name] = READERS[parameter.kind](parameter, text.strip())
            except WrongValue as wrong:
                problems.append(SearchProblem(name, wrong.code, wrong.found[:80], wrong.expected))
        search = cls(**values, lines=lines)
        problems.extend(search._contradictions(seen))
        if problems:
            raise SearchError(problems[:MAX_PROBLEMS])
        return search

    def _contradictions(self, given: set[str]) -> Iterable[SearchProblem]:
        yield from crossed_limits(self, _PAIRS)
        circle = {"minradius", "maxradius"} & given
        for word, other in (("latitude", "longitude"), ("longitude", "latitude")):
            if word not in given and (circle or other in given):
                yield SearchProblem(min(circle) if circle else other, "needs", expected=word)
        for word in ("includeavailability", "matchtimeseries"):
            if getattr(self, word):
                yield SearchProblem(word, "unknown-value", "true", "false")
        if self.format == "text" and self.level == "response":
            yield SearchProblem("format=text", "not-together", "level=response")

    # --- writing -------------------------------------------------------------------------------

    def canonical(self) -> str:
        """Return what decides an answer as one text: long names, one order, defaults left out."""
        words = {
            field.name: written(getattr(self, field.name))
            for field in fields(self)
            if field.name != "lines" and getattr(self, field.name) != field.default
        }
        return urlencode(words) + ("" if self.lines is None else repr(self.lines))

    # --- asking --------------------------------------------------------------------------------

    @property
    def asks_channels(self) -> bool:
        """True if a station is wanted only with channels: told, or asked for."""
        if self.level in ("channel", "response"):
            return True
        if self.lines is not None and any(
            line.location != "*" or line.channel != "*" for line in self.lines
        ):
            return True
        return any(codes not in (None, ("*",)) for codes in (self.location, self.channel))

    def stations(self, using: str) -> QuerySet[Any]:
        """Return the stations of the answer in order, with ``net``, ``epoch_start`` and ``_end``.

        Times are asked of the channels where these are asked for, else of the station's epoch.
        """
        stations = _stations(using).filter(*self._of_stations())
        if self.asks_channels:
            channels = self._channels(using).filter(station=OuterRef("pk"))
            stations = stations.filter(Exists(channels))
        else:
            stations = stations.filter(
                *self._of_epochs("epoch_start", "epoch_end"),
                *self._of_lines("epoch_start", "epoch_end", False),
            )
            if self.updatedafter is not None:
                stations = stations.filter(updated_at__gt=self.updatedafter)
        return stations.order_by("net", "code", "epoch_start", "pk")

    def channels(self, using: str) -> QuerySet[Any]:
        """Return the channels of the answer, in the order of their stations."""
        return (
            self._channels(using)
            .filter(
                Exists(
                    _stations(using).filter(*self._of_stations()).filter(pk=OuterRef("station_id"))
                )
            )
            .order_by("net", "sta", "station_start", "station_id", "location_code", "code", "start")
        )

    def _channels(self, using: str) -> QuerySet[Any]:
        """Return the channels whose own codes and times match."""
        channels = Channel.objects.using(using).annotate(
            net=_network_code("station__"),
            sta=F("station__code"),
            station_start=_told("start", "station__"),
        )
        channels = channels.filter(
            *(
                _like_any(column, codes)
                for column, codes in (("location_code", self.location), ("code", self.channel))
                if codes is not None
            ),
            *self._of_epochs("start", "end"),
            *self._of_lines("start", "end", True),
        )
        if self.updatedafter is not None:
            channels = channels.filter(updated_at__gt=self.updatedafter)
        if not self.includerestricted:
            channels = channels.exclude(restricted_status=Restriction.CLOSED)
        return channels

    def _of_stations(self) -> Iterable[Q]:
        for column, codes in (("net", self.network), ("code", self.station)):
            if codes is not None:
                yield _like_any(column, codes)
        if not self.includerestricted:
            closed = Restriction.CLOSED
            yield ~Q(network__restricted_status=closed) | Q(network=None)
            yield ~Q(description__restricted_status=closed) | Q(description=None)
        yield from self._box()
        yield from self._circle()

    def _of_epochs(self, start: str, end: str) -> Iterable[Q]:
        """An epoch without a start began before all times, one without an end goes on."""
        if self.starttime is not None:
            yield Q(**{f"{end}__isnull": True}) | Q(**{f"{end}__gte": self.starttime})
        if self.endtime is not None:
            yield Q(**{f"{start}__isnull": True}) | Q(**{f"{start}__lte": self.endtime})
        if self.startbefore is not None:
            yield Q(**{f"{start}__isnull": True}) | Q(**{f"{start}__lt": self.startbefore})
        if self.startafter is not None:
            yield Q(**{f"{start}__gt": self.startafter})
        if self.endbefore is not None:
            yield Q(**{f"{end}__lt": self.endbefore})
        if self.endafter is not None:
            yield Q(**{f"{end}__isnull": True}) | Q(**{f"{end}__gt": self.endafter})

    def _of_lines(self, start: str, end: str, of_channels: bool) -> Iterable[Q]:
        if self.lines is None:
            return
        # Station codes tell most lines apart, so they are compared first.
        columns = {"sta" if of_channels else "code": [line.station for line in self.lines]}
        if of_channels:
            columns["code"] = [line.channel for line in self.lines]
            columns["location_code"] = [line.location for line in self.lines]
        columns["net"] = [line.network for line in self.lines]
        yield Q(
            _WantedByALine(
                columns,
                (start, end),
                [line.starttime for line in self.lines],
                [line.endtime for line in self.lines],
            )
        )

    def _box(self) -> Iterable[Q]:
        latitude = Func(F("point"), function="ST_Y", output_field=FloatField())
        longitude = Func(F("point"), function="ST_X", output_field=FloatField())
        if self.minlatitude is not None:
            yield _compared(latitude, ">=", self.minlatitude)
        if self.maxlatitude is not None:
            yield _compared(latitude, "<=", self.maxlatitude)
        west, east = self.minlongitude, self.maxlongitude
        sides = [] if west is None else [_compared(longitude, ">=", west)]
        sides += [] if east is None else [_compared(longitude, "<=", east)]
        if west is not None and east is not None and west > east:
            yield sides[0] | sides[1]
        else:
            yield from sides

    def _circle(self) -> Iterable[Q]:
        if self.latitude is None or self.longitude is None:
            return
        centre = Func(
            Value(self.longitude, output_field=FloatField()),
            Value(self.latitude, output_field=FloatField()),
            template="(ST_SetSRID(ST_MakePoint(%(expressions)s), 4326)::geography)",
        )
        distance = Func(
            Func(F("point"), template="(%(expressions)s::geography)"),
            centre,
            Value(False, output_field=BooleanField()),  # on the sphere
            function="ST_Distance",
            output_field=FloatField(),
        )
        degree = radians(1) * SPHERE_RADIUS_M
        if self.minradius is not None:
            yield _compared(distance, ">=", self.minradius * degree)
        if self.maxradius is not None and self.maxradius < 180:
            yield _compared(distance, "<=", self.maxradius * degree)


MAX_PROBLEMS = 20
_LINE_EXPECTED = "NET STA LOC CHA START END"
_NONE = Parameter("", Kind.TEXT, "", "")


# --- codes ----------------------------------------------------------------------------------------


def _codes(parameter: Parameter, text: str) -> tuple[str, ...]:
    """Return the codes of a comma list. The empty location code is ``--``."""
    words: list[str] = []
    for part in text.split(","):
        word = part.strip()
        if parameter.name == "location" and word in ("", "--"):
            word = "--"
        elif not word:
            raise WrongValue("empty", "", parameter.expectation)
        elif not _CODE.match(word):
            found = "".join(c if c.isprintable() else "\ufffd" for c in word)
            raise WrongValue("unknown-value", found, parameter.expectation)
        words.append(word)
    if len(words) > MAX_CODES:
        raise WrongValue("too-many", str(len(words)), str(MAX_CODES))
    return tuple(dict.fromkeys(words))


def _selections(where: str, text: str) -> Iterable[Selection]:
    """Return what a line of a POST selects: one selection for each of its codes.

    Raises
    ------
    WrongValue
        It is not of the form.
    """
    words = text.split()
    if len(words) != 6:
        raise WrongValue("unknown-value", text, _LINE_EXPECTED)
    codes = [_codes(BY_WORD[name], word) for name, word in zip(_CODES, words[:4], strict=True)]
    times: list[Any] = [
        None if word == "*" else READERS[Kind.TIME](BY_WORD[name], word)
        for name, word in zip(_TIMES_OF_LINES, words[4:], strict=True)
    ]
    start, end = times
    if start is not None and end is not None and start > end:
        raise WrongValue("larger-than", words[4], words[5])
    combinations = itertools.islice(itertools.product(*codes), MAX_LINES + 1)
    return [
        Selection(network, station, location, channel, start, end)
        for network, station, location, channel in combinations
    ]


def _like(code: str) -> str:
    """Return a code with wildcards as a pattern of LIKE.

    The empty code is two blanks, as in SEED, so that ``??`` stands for it, too.
    """
    if code == "--":
        return "  "
    escaped = re.sub(r"([\\%_])", r"\\\1", code)
    return escaped.replace("*", "%").replace("?", "_")


_BLANK = "COALESCE(NULLIF({}, ''), '  ')"


def _like_any(column: str, codes: Sequence[str]) -> Q:
    patterns = [_like(code) for code in codes]
    return Q(
        Func(
            Func(F(column), template=_BLANK.format("%(expressions)s")),
            Value(patterns, output_field=ArrayField(CharField(max_length=40))),
            template="(%(expressions)s::text[]))",
            arg_joiner=" LIKE ANY (",
            output_field=BooleanField(),
        )
    )


class _WantedByALine(Func):
    """True where a row's codes and epoch are those of one of the lines of a POST."""

    output_field = BooleanField()

    def __init__(
        self,
        columns: Mapping[str, Sequence[str]],
        epoch: tuple[str, str],
        starts: Sequence[datetime | None],
        ends: Sequence[datetime | None],
    ) -> None:
        names = ArrayField(CharField(max_length=40))
        times = ArrayField(DateTimeField(null=True))
        super().__init__(
            *(F(column) for column in (*columns, *epoch)),
            *(
                Value([_like(code) for code in codes], output_field=names)
                for codes in columns.values()
            ),
            Value(list(starts), output_field=times),
            Value(list(ends), output_field=times),
        )
        self.columns = tuple(columns)

    def as_sql(
        self,
        compiler: Any,
        connection: Any,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        **extra_context: Any,
    ) -> Any:
        parts = [compiler.compile(part) for part in self.get_source_expressions()]
        count = len(self.columns)
        columns, (start, end) = parts[:count], parts[count : count + 2]
        patterns, times = parts[count + 2 : -2], parts[-2:]
        names = [f"code{number}" for number in range(count)]
        arrays = [
            *(f"{sql}::text[]" for sql, _params in patterns),
            *(f"{sql}::timestamptz[]" for sql, _params in times),
        ]
        conditions = [
            f"{_BLANK.format(sql) if column == 'location_code' else sql} LIKE wanted.{name}"
            for column, (sql, _params), name in zip(self.columns, columns, names, strict=True)
        ]
        sql = (
            f"EXISTS (SELECT 1 FROM unnest({', '.join(arrays)})"  # noqa: S608 - no value is in it
            f" AS wanted({', '.join([*names, 'since', 'until'])})"
            f" WHERE {' AND '.join(conditions)}"
            f" AND (wanted.since IS NULL OR {end[0]} IS NULL OR {end[0]} >= wanted.since)"
            f" AND (wanted.until IS NULL OR {start[0]} IS NULL OR {start[0]} <= wanted.until))"
        )
        params: list[Any] = []
        for _sql, more in (*patterns, *times, *columns, end, end, start, start):
            params.extend(more)
        return sql, params


def _compared(value: Any, sign: str, limit: float) -> Q:
    return Q(
        Func(
            value,
            Value(limit, output_field=FloatField()),
            template="(%(expressions)s)",
            arg_joiner=f" {sign} ",
            output_field=BooleanField(),
        )
    )


# --- stations as they are told --------------------------------------------------------------------


def _network_code(prefix: str = "") -> Coalesce:
    return Coalesce(F(f"{prefix}network__code"), Value(NO_NETWORK), output_field=CharField())


def _told(name: str, prefix: str = "") -> Case:
    """Return start or end of an epoch: as StationXML dates it, else as the list it is from."""
    return Case(
        When(
            **{f"{prefix}description__isnull": False},
            then=F(f"{prefix}description__{name}"),
        ),
        default=F(f"{prefix}{name}"),
        output_field=DateTimeField(),
    )


def _stations(using: str) -> QuerySet[Any]:
    return (
        Station.objects.using(using)
        .select_related("network__operator", "agency", "description")
        .annotate(net=_network_code(), epoch_start=_told("start"), epoch_end=_told("end"))
    )


def every_station(using: str) -> QuerySet[Any]:
    """Return all stations, annotated as those of an answer."""
    return _stations(using)
