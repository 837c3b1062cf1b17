"""Records to rows and rows to records: the only field-by-field mapping of the project.

Field names are the same on both sides, so a mapping is a table of names with what the database
allows of each. What it would refuse (a latitude of 91, a word too long for its column) becomes a
problem and the rest stands: nothing here raises because of what a file says.

Rows go in by COPY, with keys drawn from the tables' own sequences beforehand: a bulletin of a
thousand events with twenty thousand arrivals is some hundred thousand rows. So that Python does
little for each, a batch is turned column by column: a bulletin repeats few values very often
(nothing, "Pg", "manual", 0.1), and each is checked and written once a batch.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from functools import cache, partial
from itertools import repeat
from operator import attrgetter, eq, itemgetter
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, models, router

from catalog import settlements
from catalog.focal_geometry import style_of
from catalog.formats.problems import Problem
from catalog.formats.records import (
    EPICENTRE,
    AmplitudeRecord,
    ArrivalRecord,
    AxisRecord,
    ConsequenceRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    IntensityRecord,
    InterpretationRecord,
    MagnitudeRecord,
    MomentTensorRecord,
    NodalPlaneRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.models import (
    Agency,
    Amplitude,
    Arrival,
    BulletinEntry,
    BulletinReading,
    Consequence,
    Event,
    EventDescription,
    FocalMechanism,
    IntensityObservation,
    Interpretation,
    Magnitude,
    Origin,
    Pick,
    StationMagnitude,
)
from catalog.scales import scale_of

#: Codes this module may use beside ``catalog.formats.problems.CODES``.
CODES = ("text-too-long", "duplicate-arrival", "agency-too-long")

Row = dict[str, Any]

# --- what the columns allow -----------------------------------------------------------------------

BIG = 1.7e308
ANY = (-BIG, BIG)
POSITIVE = (0.0, BIG)
COUNT = (0, 2_147_483_647)
CIRCLE = (0.0, 360.0)
SIZES = (-10.0, 25.0)
LANGUAGES = ("en", "ru", "kk")
Bounds = tuple[float, float]


def _texts(model: type[models.Model], *names: str) -> tuple[tuple[str, int], ...]:
    """Name the text columns of a model with the length each can hold."""
    longest = {field.attname: field.max_length for field in model._meta.concrete_fields}
    return tuple((name, longest[name] or 1 << 30) for name in names)


#: A value as its column can hold it; a problem's code and what was expected, if that is not all.
Fitted = tuple[Any, str, str]


def _text_that_fits(longest: int, value: str | None) -> Fitted:
    text = text_of(value) if value else ""
    if len(text) > longest:
        return text[:longest], "text-too-long", f"<= {longest}"
    return text, "", ""


def _as_it_is(value: Any) -> Fitted:
    return value, "", ""


def _number_that_fits(low: float, high: float, value: float | None) -> Fitted:
    if value is None or low <= value <= high:
        return value or 0 if value is not None else None, "", ""  # zero has no sign here
    finite = value == value and abs(value) <= BIG
    expected = f"{low:g}..{high:g}" if high < BIG else ">= 0" if low == 0 else "number"
    return None, "out-of-range" if finite else "not-finite", expected


@dataclass(frozen=True)
class Columns:
    """The columns of one kind of record that carry the same name and value on both sides."""

    texts: tuple[tuple[str, int], ...] = ()
    numbers: tuple[tuple[str, Bounds], ...] = ()
    plain: tuple[str, ...] = ()  # times and booleans
    #: What of the record goes into the column ``key``: the file's own id.
    key: str = ""
    #: True where the record has comments and the table has a column of them.
    commented: bool = False
    #: Every column with what its values must pass.
    fits: tuple[tuple[str, Callable[[Any], Fitted]], ...] = dataclass_field(init=False)

    def __post_init__(self) -> None:
        fits = (
            *((name, partial(_text_that_fits, longest)) for name, longest in self.texts),
            *((name, partial(_number_that_fits, *bounds)) for name, bounds in self.numbers),
            *((name, _as_it_is) for name in self.plain),
        )
        object.__setattr__(self, "fits", fits)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.fits)


ENTRY = Columns(
    texts=_texts(BulletinEntry, "event_type", "event_type_certainty", "source", "author"),
    plain=("synthetic", "deleted"),
)
PICK = Columns(
    key="pick_id",
    commented=True,
    texts=_texts(
        Pick,
        "phase_hint", "onset", "polarity", "evaluation_mode", "evaluation_status", "agency",
        "filter_id", "method_id",
    ),
    numbers=(
        ("time_uncertainty", ANY), ("backazimuth", CIRCLE), ("backazimuth_uncertainty", ANY),
        ("horizontal_slowness", ANY), ("horizontal_slowness_uncertainty", ANY), ("snr", ANY),
    ),
    plain=("time", "line_number"),
)  # fmt: skip
ARRIVAL = Columns(
    key="arrival_id",
    commented=True,
    texts=_texts(Arrival, "phase", "earth_model"),
    numbers=tuple(
        (name, ANY)
        for name in (
            "azimuth", "distance_deg", "takeoff_angle", "time_residual", "time_weight",
            "backazimuth_residual", "backazimuth_weight", "horizontal_slowness_residual",
            "horizontal_slowness_weight", "time_correction",
        )
    ),
    plain=(
        "time_defining", "backazimuth_defining", "horizontal_slowness_defining", "line_number",
    ),
)  # fmt: skip
#: What a magnitude is nothing without.
SIZE = Columns(numbers=(("value", SIZES),))
AMPLITUDE = Columns(
    key="amplitude_id",
    commented=True,
    texts=_texts(
        Amplitude,
        "unit", "type", "category", "magnitude_hint", "evaluation_mode", "agency", "method_id",
    ),
    numbers=(("value", ANY), ("period", ANY), ("snr", ANY), ("uncertainty", ANY)),
    plain=("time", "line_number"),
)  # fmt: skip
STATION_MAGNITUDE = Columns(
    key="station_magnitude_id",
    commented=True,
    texts=_texts(StationMagnitude, "type", "bound", "agency", "method_id"),
    numbers=(("value", SIZES), ("uncertainty", ANY), ("residual", ANY), ("weight", ANY)),
    plain=("line_number",),
)
#: Columns of ``Solution`` that a record names the same.
_SOLUTION = ("author", "method_id", "evaluation_mode", "evaluation_status")
ORIGIN = Columns(
    key="origin_id",
    commented=True,
    texts=_texts(
        Origin,
        *_SOLUTION, "depth_type", "ground_truth_level", "earth_model_id", "origin_type", "region",
        "event_type", "event_type_certainty",
    ),
    numbers=(
        ("depth_km", (-12.0, 800.0)), ("time_uncertainty", POSITIVE),
        ("depth_uncertainty_km", POSITIVE), ("latitude_uncertainty_km", ANY),
        ("longitude_uncertainty_km", ANY), ("horizontal_uncertainty_km", ANY),
        ("semi_major_axis_km", POSITIVE), ("semi_minor_axis_km", POSITIVE),
        ("major_axis_azimuth", ANY), ("confidence_level", ANY), ("used_phase_count", COUNT),
        ("associated_phase_count", COUNT), ("used_station_count", COUNT),
        ("associated_station_count", COUNT), ("depth_phase_count", COUNT), ("standard_error", ANY),
        ("azimuthal_gap", CIRCLE), ("secondary_azimuthal_gap", ANY),
        ("minimum_distance_deg", ANY), ("maximum_distance_deg", ANY),
        ("median_distance_deg", ANY),
    ),
    plain=("time", "time_fixed", "epicenter_fixed", "creation_time", "line_number"),
)  # fmt: skip
MAGNITUDE = Columns(
    key="magnitude_id",
    commented=True,
    texts=_texts(Magnitude, *_SOLUTION, "type", "bound"),
    numbers=(
        ("value", SIZES), ("uncertainty", ANY), ("station_count", COUNT),
        ("azimuthal_gap", ANY),
    ),
    plain=("creation_time", "line_number"),
)  # fmt: skip
MECHANISM = Columns(
    key="focal_mechanism_id",
    commented=True,
    texts=_texts(FocalMechanism, *_SOLUTION, "quality"),
    numbers=(
        ("preferred_plane", (1, 2)), ("station_polarity_count", COUNT), ("azimuthal_gap", ANY),
        ("misfit", ANY),
    ),
    plain=("creation_time", "line_number"),
)  # fmt: skip
PLANE = Columns(numbers=(("strike", ANY), ("dip", (0.0, 90.0)), ("rake", ANY)))
AXIS = Columns(numbers=(("azimuth", ANY), ("plunge", ANY), ("length", ANY)))
TENSOR = Columns(
    numbers=tuple(
        (name, ANY)
        for name in (
            "mrr", "mtt", "mpp", "mrt", "mrp", "mtp", "scalar_moment", "double_couple", "clvd",
            "variance_reduction",
        )
    )
)  # fmt: skip
INTENSITY = Columns(
    texts=_texts(IntensityObservation, "place", "scale", "source"),
    numbers=(
        ("minimum", (1.0, 12.0)), ("maximum", (1.0, 12.0)), ("best", (1.0, 12.0)),
        ("distance_km", ANY),
    ),
    plain=("felt", "calculated", "line_number"),
)  # fmt: skip
DESCRIPTION = Columns(texts=_texts(EventDescription, "text", "type", "language"))
INTERPRETATION = Columns(
    texts=_texts(Interpretation, "event_type", "event_type_certainty", "author")
)
CONSEQUENCE = Columns(
    texts=_texts(Consequence, "kind", "place"), numbers=(("count", COUNT),), plain=("approximate",)
)
#: A station reference: record name -> column, with the length of its column.
STATION_TEXTS = (
    ("code", "station_code", 10),
    ("network", "network_code", 10),
    ("location", "location_code", 10),
    ("channel", "channel_code", 10),
    ("agency", "station_agency", 20),
)
STATION_NUMBERS = (
    ("latitude", "station_latitude"),
    ("longitude", "station_longitude"),
    ("elevation_m", "station_elevation_m"),
)
#: Record by record, what its table takes from it under the same name.
COLUMNS: dict[type[models.Model], Columns] = {
    Origin: ORIGIN,
    Pick: PICK,
    Arrival: ARRIVAL,
    Amplitude: AMPLITUDE,
    Magnitude: MAGNITUDE,
    StationMagnitude: STATION_MAGNITUDE,
    FocalMechanism: MECHANISM,
    IntensityObservation: INTENSITY,
    EventDescription: DESCRIPTION,
    Interpretation: INTERPRETATION,
    Consequence: CONSEQUENCE,
}  # in the order of their references


# --- stations: asked of the caller ----------------------------------------------------------------


class StationQuery(NamedTuple):  # one a pick: a frozen dataclass takes five times as long
    """Which station a line means, with all that the line and its event say of it."""

    reference: StationReference
    agency_id: int | None  # of the reading
    time: datetime | None  # of the onset, else of the origin
    origin_time: datetime | None = None
    latitude: float | None = None  # of the origin
    longitude: float | None = None
    depth_km: float | None = None
    phase: str | None = None
    is_onset: bool = False  # ``time`` is an observed onset


class StationAnswer(NamedTuple):
    """The station's key, or why there is none."""

    station_id: int | None
    problem_code: str = ""
    expected: str = ""


Resolve = Callable[[Sequence[StationQuery]], Sequence[StationAnswer]]


# --- records -> rows ------------------------------------------------------------------------------


def text_of(value: str) -> str:
    """Return text any PostgreSQL column can hold: no NUL, no half of a surrogate pair."""
    if value.isascii():
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}") if "\x00" in value else value
    value = value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return value.encode("utf-8", "replace").decode("utf-8")


#: A record on its way into a row, its line and entry, the columns of its station, and what the row
#: holds beside the record's own values. There are very many: a tuple is made soonest.
_Taken = tuple[Any, int | None, BulletinEntry, Row | None, Row]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table as COPY reads them."""

    statement: str
    rows: str


#: The columns of a station, and the station as the file names it.
_Station = tuple[Row, StationReference | None]


class _Batch:
    """The rows of one call, gathered before they are copied in."""

    def __init__(self, counts: dict[type[models.Model], int] | None = None) -> None:
        self.keys = _draw_keys(counts or {})
        self.entry: BulletinEntry  # the one at hand; problems are about it
        self.agencies: dict[str, int] = {}
        self.settlements: dict[str, list[settlements.Candidate]] = {}
        self.stations: dict[StationReference | None, _Station] = {}
        self.now = datetime.now(UTC)
        self.begin()

    def begin(self) -> None:
        """Forget the rows and problems so far."""
        self.taken: dict[type[models.Model], list[_Taken]] = defaultdict(list)
        self.problems: list[tuple[BulletinEntry, Problem]] = []

    def report(
        self, line: int | None, code: str, field: str, found: object, expected: str = ""
    ) -> None:
        self.problems.append(
            (self.entry, Problem(line, code, field, text_of(str(found))[:200], expected[:200]))
        )

    def take(
        self,
        model: type[models.Model],
        record: Any,
        line: int | None,
        station: Row | None = None,
        **row: Any,
    ) -> Row:
        """Take a record in under a new key; the caller adds to the row what it hangs on."""
        row["id"] = next(self.keys[model])
        self.taken[model].append((record, line, self.entry, station, row))
        return row

    def values(self, record: Any, columns: Columns, line: int | None) -> Row:
        """Return the record's values as the columns can hold them; report what they cannot."""
        row: Row = {}
        for name, fit in columns.fits:
            value = getattr(record, name)
            row[name], code, expected = fit(value)
            if code:
                self.report(line, code, name, value, expected)
        return row

    def blocks(self) -> list[Block]:
        """Return what was taken in, in the order of references; report what does not fit."""
        return [self._block(model) for model in COLUMNS if self.taken.get(model)]

    def _block(self, model: type[models.Model]) -> Block:
        taken = self.taken[model]
        records, _, _, stations, rows = zip(*taken, strict=True)
        wanted = COLUMNS[model]
        columns: dict[str, _Column] = {}
        for name, longest in wanted.texts:
            columns[name] = self._texts(taken, records, name, longest)
        for name, bounds in wanted.numbers:
            values = list(map(attrgetter(name), records))
            columns[name] = (
                values,
                (
                    _number_cells(set(values), *bounds)
                    or self._fitted(taken, values, name, partial(_number_that_fits, *bounds))
                ),
            )
        for name in wanted.plain:
            values = list(map(attrgetter(name), records))
            columns[name] = values, _cells(set(values))
        if wanted.key:
            columns["key"] = self._texts(taken, records, wanted.key, 200, "id")
        if wanted.commented:
            values = list(map(attrgetter("comments"), records))
            columns["comments"] = values, {v: _cell(self.comments(v)) for v in set(values)}
        return _block(model, rows, columns, stations if stations[0] is not None else ())

    def _texts(
        self,
        taken: Sequence[_Taken],
        records: Sequence[Any],
        name: str,
        longest: int,
        field: str = "",
    ) -> _Column:
        values = list(map(attrgetter(name), records))
        cells = _text_cells(set(values), longest)
        if cells is None:
            fit = partial(_text_that_fits, longest)
            cells = self._fitted(taken, values, field or name, fit)
        return values, cells

    def _fitted(
        self,
        taken: Sequence[_Taken],
        values: Sequence[Any],
        name: str,
        fit: Callable[[Any], Fitted],
    ) -> dict[Any, str]:
        """Return how each value is written as far as it fits; report those that do not."""
        known = {value: fit(value) for value in set(values)}
        misfits = {value: (code, expected) for value, (_, code, expected) in known.items() if code}
        for (_, line, entry, *_), value in zip(taken, values, strict=True) if misfits else ():
            if value in misfits:
                code, expected = misfits[value]
                self.entry = entry
                self.report(line, code, name, value, expected)
        return {value: _cell(fitted) for value, (fitted, *_) in known.items()}

    def comments(self, comments: Iterable[str]) -> str:
        if not comments:
            return "[]"
        return json.dumps([text_of(comment) for comment in comments], ensure_ascii=False)

    def key(self, name: str | None, line: int | None) -> str:
        """Return a file's own id as the key column holds it."""
        if not name:
            return ""
        if len(name) > 200:
            self.report(line, "text-too-long", "id", name, "<= 200")
        return text_of(name)[:200]

    def station(self, reference: StationReference | None, line: int | None) -> _Station:
        """Return the columns of a station reference and, of equal references, the first met.

        A bulletin repeats few of them very often.
        """
        known = self.stations.get(reference)
        if known is not None:
            return known
        row: Row = {}
        faults = len(self.problems)
        for name, column, longest in STATION_TEXTS:
            value = getattr(reference, name) if reference else None
            row[column], code, expected = _text_that_fits(longest, value)
            if code:
                self.report(line, code, f"station {name}", value, expected)
        for name, column in STATION_NUMBERS:
            number = getattr(reference, name) if reference else None
            row[column], code, expected = _number_that_fits(*ANY, number)
            if code:
                self.report(line, code, f"station {name}", number, expected)
        if len(self.problems) == faults:
            self.stations[reference] = row, reference
        return row, reference

    def agency(self, code: str | None, line: int | None) -> int | None:
        if not code or not code.strip():
            return None
        known = self.agencies.get(_agency_code(code))
        if known is None:
            self.report(line, "agency-too-long", "agency", code, "<= 20")
        return known

    def link(
        self, target: str | None, known: dict[str, int], line: int | None, field: str
    ) -> int | None:
        """Return the row a file's reference means; one that nothing has is reported."""
        if not target:
            return None
        found = known.get(target)
        if found is None:
            self.report(line, "dangling-reference", field, target)
        return found


def _agency_code(code: str) -> str:
    return text_of(code.strip())


def entry_from_record(
    record: EventRecord, *, reading_id: int, ordinal: int, report_id: int, content_hash: str
) -> tuple[BulletinEntry, list[Problem]]:
    """Return the entry of a record, not yet stored, and what of it does not fit."""
    batch = _Batch()
    batch.entry = BulletinEntry(
        reading_id=reading_id,
        ordinal=ordinal,
        report_id=report_id,
        content_hash=content_hash,
        first_line=max(record.first_line, 0),
        last_line=max(record.last_line, 0),
        text=text_of(record.text),
        comments=[text_of(comment) for comment in record.comments],
    )
    values = batch.values(record, ENTRY, record.first_line)
    values["event_id_reported"] = text_of(record.event_id or "")
    if len(values["event_id_reported"]) > 150:
        batch.report(record.first_line, "text-too-long", "event id", record.event_id, "<= 150")
        values["event_id_reported"] = values["event_id_reported"][:150]
    values["agency_reported"] = text_of(record.agency or "")
    if len(values["agency_reported"]) > 20:
        batch.report(record.first_line, "agency-too-long", "agency", record.agency, "<= 20")
        values["agency_reported"] = values["agency_reported"][:20]
    for name, value in values.items():
        setattr(batch.entry, name, value)
    return batch.entry, [problem for _, problem in batch.problems]


def save_entries(entries: Sequence[BulletinEntry]) -> None:
    """Store new entries; each gets its key."""
    give_keys(entries)
    _copy([block_of_entries(entries)])


def give_keys(entries: Sequence[BulletinEntry]) -> None:
    """Give new entries the keys they will be stored under."""
    keys = _draw_keys({BulletinEntry: len(entries)})[BulletinEntry]
    for entry, key in zip(entries, keys, strict=True):
        entry.pk = key
        entry._state.adding = False


def block_of_entries(entries: Sequence[BulletinEntry]) -> Block:
    names = [field.attname for field in BulletinEntry._meta.concrete_fields]
    rows = [{name: getattr(entry, name) for name in names} for entry in entries]
    for row in rows:
        row["comments"] = json.dumps(row["comments"], ensure_ascii=False)
    return _block(BulletinEntry, rows)


def save_records(
    pairs: Sequence[tuple[BulletinEntry, EventRecord]], resolve: Resolve
) -> list[tuple[BulletinEntry, Problem]]:
    """Store the parts of stored entries as rows tied to no event yet.

    Call inside a transaction: either all rows are stored or none.
    """
    blocks, problems = Draft(pairs).blocks(pairs, resolve)
    _copy(blocks)
    return problems


class Draft:
    """The parts of entries on their way into rows tied to no event yet.

    Made in two steps, so that rows made before can go in meanwhile: ``Draft`` asks the database for
    all it must know (keys, agencies, settlements), ``blocks`` makes the rows, of all entries or of
    some at a time, and asks nothing, but what the resolver asks for a station code it never met.
    """

    def __init__(self, pairs: Sequence[tuple[BulletinEntry, EventRecord]]) -> None:
        self._batch = _Batch(_counts(record for _, record in pairs))
        self._batch.agencies = _agencies(record for _, record in pairs)
        self._batch.settlements = settlements.candidates(
            {intensity.place for _, record in pairs for intensity in record.intensities}
        )

    def blocks(
        self, pairs: Sequence[tuple[BulletinEntry, EventRecord]], resolve: Resolve
    ) -> tuple[list[Block], list[tuple[BulletinEntry, Problem]]]:
        """Return the rows of some entries, and what of the records they cannot hold.

        A station that cannot be resolved is reported once an entry and code, on its first line.
        """
        batch = self._batch
        batch.begin()
        asked: list[StationQuery] = []
        askers: list[tuple[Row, BulletinEntry, int | None]] = []
        followers: list[tuple[Row, Row]] = []
        for entry, record in pairs:
            batch.entry = entry
            _save_record(batch, entry, record, asked, askers, followers)
        told: set[tuple[int, str]] = set()
        for query, (row, entry, line), answer in zip(asked, askers, resolve(asked), strict=True):
            row["station_id"] = answer.station_id
            code = query.reference.code
            if answer.problem_code and (entry.pk, code) not in told:
                told.add((entry.pk, code))
                batch.entry = entry
                batch.report(line, answer.problem_code, "station", code, answer.expected)
        for row, leader in followers:
            row["station_id"] = leader.get("station_id")
        return batch.blocks(), batch.problems


def save_readings(
    reading: BulletinReading, record: ReadingsRecord, resolve: Resolve
) -> list[Problem]:
    """Store readings that belong to no event, as picks of the reading itself.

    Without an origin a bare station code cannot be tried against predicted times: only an alias or
    station of the agency, coordinates, or network and code name a station. Call inside a
    transaction.
    """
    batch = _Batch({Pick: len(record.picks), Amplitude: len(record.amplitudes)})
    batch.entry = BulletinEntry(reading=reading)
    picks: dict[str, Row] = {}
    asked: list[StationQuery] = []
    askers: list[tuple[Row, int | None]] = []
    for pick in record.picks:
        if record.agency and not pick.agency:
            pick = replace(pick, agency=text_of(record.agency)[:20])
        line = pick.line_number
        row = batch.take(
            Pick,
            pick,
            line,
            batch.station(pick.station, line)[0],
            reading_id=reading.pk,
            synthetic=record.synthetic,
        )
        picks.setdefault(pick.pick_id, row)
        if pick.station.code:
            asked.append(
                StationQuery(
                    pick.station,
                    reading.agency_id,
                    pick.time,
                    phase=pick.phase_hint,
                    is_onset=pick.time is not None,
                )
            )
            askers.append((row, line))
    told: set[str] = set()
    for query, (row, line), answer in zip(asked, askers, resolve(asked), strict=True):
        row["station_id"] = answer.station_id
        code = query.reference.code
        if answer.problem_code and code not in told:
            told.add(code)
            batch.report(line, answer.problem_code, "station", code, answer.expected)
    for amplitude in record.amplitudes:
        line = amplitude.line_number
        leader = picks.get(amplitude.pick_id or "")
        if leader is None:  # of no event and no pick, it would hang in the air
            batch.report(line, "dangling-reference", "pick", amplitude.pick_id or "", "pick")
            continue
        batch.take(
            Amplitude,
            amplitude,
            line,
            batch.station(amplitude.station, line)[0],
            pick_id=leader["id"],
            station_id=leader.get("station_id"),
        )
    _copy(batch.blocks())
    return [problem for _, problem in batch.problems]


#: The row of a pick, the columns of its station, the station as the file names it.
_Leader = tuple[Row, Row, StationReference]
#: Time, latitude, longitude and depth of the origin that a station is asked for.
_About = tuple[datetime | None, float | None, float | None, float | None]


def _about(origin: OriginRecord | None) -> _About:
    if origin is None:
        return None, None, None, None
    return origin.time, origin.latitude, origin.longitude, origin.depth_km


def _has_size(batch: _Batch, record: Any, line: int | None) -> bool:
    """True if a magnitude's value is one; else it is reported."""
    low, high = SIZES
    return low <= record.value <= high or batch.values(record, SIZE, line)["value"] is not None


def _save_record(
    batch: _Batch,
    entry: BulletinEntry,
    record: EventRecord,
    asked: list[StationQuery],
    askers: list[tuple[Row, BulletinEntry, int | None]],
    followers: list[tuple[Row, Row]],
) -> None:
    entry_id = entry.pk
    reading_id = entry.reading_id
    agency_id = entry.reading.agency_id

    def ask(
        row: Row, reference: StationReference | None, line: int | None, leader: _Leader | None
    ) -> Row:
        """Return the columns of a station, and ask for the station or follow a pick's.

        A value follows the pick it was measured with, if both name the same station.
        """
        if leader is not None and reference == leader[2]:
            columns = leader[1]
        else:
            columns, reference = batch.station(reference, line)
        if leader is not None and all(
            columns[name] == leader[1][name] for _, name, _ in STATION_TEXTS[:2]
        ):
            followers.append((row, leader[0]))
        elif reference is not None and reference.code:
            asked.append(StationQuery(reference, agency_id, about[prime][0], *about[prime]))
            askers.append((row, entry, line))
        return columns

    def solution(model: type[models.Model], part: Any) -> Row:
        row = batch.take(model, part, part.line_number)
        row["entry_id"] = entry_id
        # A row that names no author is the word of the agency that sent the bulletin.
        row["agency_id"] = batch.agency(part.agency, part.line_number) or agency_id
        row["created_at"] = batch.now
        return row

    origins: dict[str, int] = {}
    origin_of_pick: dict[str, int] = {}  # by the id of the object
    stored_origins: list[tuple[OriginRecord, int]] = []
    for origin in record.origins:
        line = origin.line_number
        if not (-90 <= origin.latitude <= 90 and -180 <= origin.longitude <= 180):
            found = f"{origin.latitude} {origin.longitude}"
            batch.report(line, "out-of-range", "epicentre", found, "-90..90 -180..180")
            continue
        row = solution(Origin, origin)
        row["point"] = _point(origin.latitude, origin.longitude)
        row["is_prime"] = bool(origin.origin_id) and origin.origin_id == record.preferred_origin_id
        stored_origins.append((origin, row["id"]))
        origins.setdefault(origin.origin_id, row["id"])
        for arrival in origin.arrivals:
            origin_of_pick.setdefault(arrival.pick_id, id(origin))
    if record.preferred_origin_id:
        batch.link(record.preferred_origin_id, origins, record.first_line, "preferred origin")
    prime_origin = next(
        (o for o, _ in stored_origins if o.origin_id == record.preferred_origin_id),
        stored_origins[0][0] if stored_origins else None,
    )
    prime = id(prime_origin) if prime_origin else None

    # What a query says of the origin; many picks share one.
    about: dict[int | None, _About] = {None: _about(None)}
    for origin, _ in stored_origins:
        about[id(origin)] = _about(origin)

    picks: dict[str, int] = {}
    leaders: dict[str | None, _Leader] = {}
    keys = batch.keys[Pick]
    take = batch.taken[Pick].append
    for pick in record.picks:
        line, reference, pk, time = pick.line_number, pick.station, next(keys), pick.time
        station, same = batch.station(reference, line)
        reference = same or reference
        row = {"id": pk, "reading_id": reading_id, "entry_id": entry_id, "station_id": None}
        take((pick, line, entry, station, row))
        picks.setdefault(pick.pick_id, pk)
        leaders.setdefault(pick.pick_id, (row, station, reference))
        if reference.code:
            origin_time, latitude, longitude, depth_km = about[
                origin_of_pick.get(pick.pick_id, prime)
            ]
            asked.append(
                StationQuery(
                    reference,
                    agency_id,
                    time or origin_time,
                    origin_time,
                    latitude,
                    longitude,
                    depth_km,
                    pick.phase_hint,
                    time is not None,
                )
            )
            askers.append((row, entry, line))

    keys = batch.keys[Arrival]
    take = batch.taken[Arrival].append
    for origin, origin_pk in stored_origins:
        used: set[int] = set()
        for arrival in origin.arrivals:
            line = arrival.line_number
            pick_pk = picks.get(arrival.pick_id) or batch.link(arrival.pick_id, picks, line, "pick")
            if pick_pk is None:
                continue
            if pick_pk in used:
                batch.report(line, "duplicate-arrival", "pick", arrival.pick_id, "unique")
                continue
            used.add(pick_pk)
            row = {"id": next(keys), "origin_id": origin_pk, "pick_id": pick_pk}
            take((arrival, line, entry, None, row))

    amplitudes: dict[str, int] = {}
    amplitude_leaders: dict[str | None, _Leader] = {}
    keys = batch.keys[Amplitude]
    take = batch.taken[Amplitude].append
    for amplitude in record.amplitudes:
        line, pk = amplitude.line_number, next(keys)
        leader = leaders.get(amplitude.pick_id)
        row = {
            "id": pk,
            "entry_id": entry_id,
            "pick_id": batch.link(amplitude.pick_id, picks, line, "pick"),
            "station_id": None,
        }
        take((amplitude, line, entry, ask(row, amplitude.station, line, leader), row))
        amplitudes.setdefault(amplitude.amplitude_id, pk)
        if leader is not None:
            amplitude_leaders.setdefault(amplitude.amplitude_id, leader)

    magnitudes: dict[str, int] = {}
    for magnitude in record.magnitudes:
        line = magnitude.line_number
        if not _has_size(batch, magnitude, line):
            continue
        row = solution(Magnitude, magnitude)
        row["origin_id"] = batch.link(magnitude.origin_id, origins, line, "origin")
        row["scale"] = scale_of(magnitude.type)
        row["is_prime"] = (
            bool(magnitude.magnitude_id) and magnitude.magnitude_id == record.preferred_magnitude_id
        )
        if magnitude.magnitude_id:
            magnitudes.setdefault(magnitude.magnitude_id, row["id"])
    if record.preferred_magnitude_id:
        batch.link(
            record.preferred_magnitude_id, magnitudes, record.first_line, "preferred magnitude"
        )

    keys = batch.keys[StationMagnitude]
    take = batch.taken[StationMagnitude].append
    for station_magnitude in record.station_magnitudes:
        line = station_magnitude.line_number
        if not _has_size(batch, station_magnitude, line):
            continue
        row = {
            "id": next(keys),
            "entry_id": entry_id,
            "origin_id": batch.link(station_magnitude.origin_id, origins, line, "origin"),
            "magnitude_id": batch.link(
                station_magnitude.magnitude_id, magnitudes, line, "magnitude"
            ),
            "amplitude_id": batch.link(
                station_magnitude.amplitude_id, amplitudes, line, "amplitude"
            ),
            "station_id": None,
        }
        leader = amplitude_leaders.get(station_magnitude.amplitude_id)
        station = ask(row, station_magnitude.station, line, leader)
        take((station_magnitude, line, entry, station, row))

    mechanisms: dict[str, int] = {}
    for mechanism in record.focal_mechanisms:
        pk = _save_mechanism(batch, mechanism, record, solution, origins)
        mechanisms.setdefault(mechanism.focal_mechanism_id, pk)
    if record.preferred_focal_mechanism_id:
        batch.link(
            record.preferred_focal_mechanism_id,
            mechanisms,
            record.first_line,
            "preferred mechanism",
        )

    for intensity in record.intensities:
        line = intensity.line_number
        row = batch.take(IntensityObservation, intensity, line)
        row["entry_id"] = entry.pk
        row["comments"] = batch.comments((intensity.comment,) if intensity.comment else ())
        row["created_at"] = batch.now
        row["agency_id"] = agency_id
        if intensity.latitude is not None and intensity.longitude is not None:
            if -90 <= intensity.latitude <= 90 and -180 <= intensity.longitude <= 180:
                row["point"] = _point(intensity.latitude, intensity.longitude)
            else:
                found = f"{intensity.latitude} {intensity.longitude}"
                batch.report(line, "out-of-range", "place", found, "-90..90 -180..180")
        row["settlement_id"] = _settlement(batch, intensity, prime_origin)

    line = record.first_line
    for description in record.descriptions:
        row = batch.take(EventDescription, description, line)
        row["entry_id"] = entry.pk
    for interpretation in record.interpretations:
        row = batch.take(Interpretation, interpretation, line)
        row["entry_id"] = entry.pk
        row["recorded_at"] = batch.now
        row.update(_note(batch, interpretation.note, interpretation.language, line))
    for consequence in record.consequences:
        row = batch.take(Consequence, consequence, line)
        row["entry_id"] = entry.pk
        row["recorded_at"] = batch.now
        row.update(_note(batch, consequence.note, consequence.language, line))


def _settlement(
    batch: _Batch, intensity: IntensityRecord, origin: OriginRecord | None
) -> int | None:
    """Return the settlement an intensity is of; one that is not sure is reported."""
    if intensity.place == EPICENTRE:
        return None
    known = intensity.latitude is not None and intensity.longitude is not None
    named = batch.settlements.get(intensity.place.strip().casefold(), [])
    chosen = settlements.choose(
        named,
        epicentre=(origin.latitude, origin.longitude) if origin else None,
        place=(intensity.latitude or 0.0, intensity.longitude or 0.0) if known else None,
    )
    if chosen is None and not known:
        expected = f"one settlement of {len(named)}" if named else "settlement"
        batch.report(
            intensity.line_number, "unknown-settlement", "place", intensity.place, expected
        )
    return chosen.settlement_id if chosen else None


def _save_mechanism(
    batch: _Batch,
    mechanism: FocalMechanismRecord,
    record: EventRecord,
    solution: Callable[[type[models.Model], Any], Row],
    origins: dict[str, int],
) -> int:
    line = mechanism.line_number
    row = solution(FocalMechanism, mechanism)
    row["triggering_origin_id"] = batch.link(
        mechanism.triggering_origin_id, origins, line, "triggering origin"
    )
    row["is_prime"] = mechanism.focal_mechanism_id == record.preferred_focal_mechanism_id
    for number, plane in ((1, mechanism.nodal_plane_1), (2, mechanism.nodal_plane_2)):
        if plane is not None:
            values = batch.values(plane, PLANE, line)
            row.update({f"{name}_{number}": value for name, value in values.items()})
    for letter, axis in (("t", mechanism.t_axis), ("n", mechanism.n_axis), ("p", mechanism.p_axis)):
        if axis is not None:
            values = batch.values(axis, AXIS, line)
            row.update({f"{letter}_{name}": value for name, value in values.items()})
    plunges = [
        axis.plunge for axis in (mechanism.t_axis, mechanism.n_axis, mechanism.p_axis) if axis
    ]
    if len(plunges) == 3:
        row["faulting_style"] = style_of(*(abs(plunge) for plunge in plunges))
    tensor = mechanism.moment_tensor
    if tensor is not None:
        row.update(batch.values(tensor, TENSOR, line))
        row["derived_origin_key"] = batch.key(tensor.derived_origin_id, line)
        row["moment_magnitude_key"] = batch.key(tensor.moment_magnitude_id, line)
    return int(row["id"])


def _note(batch: _Batch, note: str, language: str, line: int | None) -> Row:
    """Put a note into the column of its language; one we have no column for goes to English."""
    if language not in LANGUAGES:
        batch.report(line, "unknown-value", "language", language, ", ".join(LANGUAGES))
        language = "en"
    return {f"note_{language}": text_of(note)}


def _point(latitude: float, longitude: float) -> str:
    return f"SRID=4326;POINT({longitude!r} {latitude!r})"


def _counts(records: Iterable[EventRecord]) -> dict[type[models.Model], int]:
    """Say how many rows of each kind the records may need at most."""
    counts: dict[type[models.Model], int] = defaultdict(int)
    for record in records:
        counts[Origin] += len(record.origins)
        counts[Arrival] += sum(len(origin.arrivals) for origin in record.origins)
        counts[Pick] += len(record.picks)
        counts[Amplitude] += len(record.amplitudes)
        counts[Magnitude] += len(record.magnitudes)
        counts[StationMagnitude] += len(record.station_magnitudes)
        counts[FocalMechanism] += len(record.focal_mechanisms)
        counts[IntensityObservation] += len(record.intensities)
        counts[EventDescription] += len(record.descriptions)
        counts[Interpretation] += len(record.interpretations)
        counts[Consequence] += len(record.consequences)
    return counts


def _agencies(records: Iterable[EventRecord]) -> dict[str, int]:
    """Return the key of every agency the records name; one never met before is made provisional."""
    codes: set[str] = set()
    for record in records:
        named = [part.agency for part in record.origins]
        named += [part.agency for part in record.magnitudes]
        named += [part.agency for part in record.focal_mechanisms]
        codes.update(_agency_code(code) for code in named if code and code.strip())
    codes = {code for code in codes if len(code) <= 20}
    known = dict(Agency.objects.filter(code__in=codes).values_list("code", "pk"))
    unknown = sorted(codes - known.keys())
    if unknown:
        # In one order, so that two readings that meet the same new agencies wait, not deadlock.
        Agency.objects.bulk_create(
            [Agency(code=code, is_provisional=True) for code in unknown], ignore_conflicts=True
        )
        known.update(Agency.objects.filter(code__in=unknown).values_list("code", "pk"))
    return known


def _draw_keys(counts: dict[type[models.Model], int]) -> dict[type[models.Model], Iterator[int]]:
    """Draw keys from the tables' sequences before their rows are made, so that rows can refer."""
    wanted = {model: count for model, count in counts.items() if count}
    if not wanted:
        return {model: iter(()) for model in counts}
    drawn = "(SELECT array_agg(nextval(%s)) FROM generate_series(1, %s))"
    with connections[router.db_for_write(BulletinEntry)].cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join([drawn] * len(wanted))}",
            [value for model, count in wanted.items() for value in (_sequence(model), count)],
        )
        keys = dict(zip(wanted, cursor.fetchone(), strict=True))
    return {model: iter(keys.get(model, ())) for model in counts}


@cache
def _sequence(model: type[models.Model]) -> str:
    with connections[router.db_for_write(model)].cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        return str(cursor.fetchone()[0])


def insert(model: type[models.Model], rows: list[Row]) -> None:
    """Copy rows in, each under a new key; a column a row does not name gets the model's default."""
    if not rows:
        return
    for row, key in zip(rows, _draw_keys({model: len(rows)})[model], strict=True):
        row["id"] = key
    _copy([_block(model, rows)])


def copy_over(line: Any, blocks: Iterable[Block]) -> None:
    """Copy rows in over a connection of psycopg's, on whatever thread."""
    with line.cursor() as cursor:
        for block in blocks:
            with cursor.copy(block.statement) as copying:
                copying.write(block.rows)


def _copy(blocks: Iterable[Block]) -> None:
    connection = connections[router.db_for_write(BulletinEntry)]
    connection.ensure_connection()
    with connection.wrap_database_errors:
        copy_over(connection.connection, blocks)


#: The values of a column, and how each distinct one is written.
_Column = tuple[list[Any], dict[Any, str]]


def _block(
    model: type[models.Model],
    rows: Sequence[Row],
    known: dict[str, _Column] | None = None,
    stations: Sequence[Row] = (),
) -> Block:
    """Return rows as COPY reads them, beside the columns that are known already.

    Most columns of a batch hold one value throughout: those come last, as one piece of each line.
    The columns of a station are one piece too: stations are few, and each is written once.
    """
    quote = connections[router.db_for_write(model)].ops.quote_name
    names: list[str] = []
    varying: list[Iterable[str]] = []
    constant: dict[str, str] = {}
    shapes = set(map(tuple, rows))
    present = {name for shape in shapes for name in shape}
    station = dict.fromkeys(stations[0], "") if stations else {}
    for field in model._meta.concrete_fields:
        attribute, name = field.attname, quote(str(field.column))
        if attribute in station:
            station[attribute] = name
            continue
        if known and attribute in known:
            values, cells = known[attribute]
            if len(cells) == 1:
                constant[name] = next(iter(cells.values()))
            else:
                names.append(name)
                varying.append(map(cells.__getitem__, values))
            continue
        default = _default(field)
        if attribute not in present:
            constant[name] = _cell(default)
            continue
        if len(shapes) == 1:
            values = list(map(itemgetter(attribute), rows))
        else:
            values = [row.get(attribute, default) for row in rows]
        if values.count(values[0]) == len(values):
            constant[name] = _cell(values[0])
            continue
        names.append(name)
        if set(map(type, values)) == {int}:
            varying.append(map(str, values))
        else:
            varying.append(map(_cells(set(values)).__getitem__, values))
    if station:
        names += station.values()
        each = {id(columns): columns for columns in stations}
        pieces = {key: "\t".join(map(_cell, columns.values())) for key, columns in each.items()}
        varying.append(map(pieces.__getitem__, map(id, stations)))
    if constant:
        varying.append(repeat("\t".join(constant.values()), len(rows)))
    lines = map("\t".join, zip(*varying, strict=True))
    return Block(
        f"COPY {quote(model._meta.db_table)} ({', '.join([*names, *constant])}) FROM STDIN",
        "\n".join(lines) + "\n" if rows else "",
    )


def _default(field: models.Field[Any, Any]) -> Any:
    default = None if field.primary_key else field.get_default()
    if isinstance(field, models.JSONField):
        return json.dumps(default)
    if isinstance(field, models.CharField | models.TextField) and default is None:
        return ""
    return default


def _text_cells(values: set[Any], longest: int) -> dict[Any, str] | None:
    """Return how texts are written if all fit as they are; nothing was reported as no text."""
    texts = values - {None}
    joined = "".join(texts)
    if not joined.isascii() or "\x00" in joined or max(map(len, texts), default=0) > longest:
        return None
    cells = _cells(texts)
    if None in values:
        cells[None] = ""
    return cells


def _number_cells(values: set[Any], low: float, high: float) -> dict[Any, str] | None:
    """Return how numbers are written if all fit as they are."""
    numbers = values - {None}
    if numbers and not (
        all(map(eq, numbers, numbers))  # what is no number is not equal to itself
        and low <= min(numbers)
        and max(numbers) <= high
    ):
        return None
    cells = _cells(values)
    if 0 in cells:
        cells[0] = "0"  # zero has no sign here
    return cells


def _cells(values: set[Any]) -> dict[Any, str]:
    """Return how each of a column's values is written; those of one kind soonest."""
    some = values - {None}
    kinds = set(map(type, some))
    write: Callable[[Any], str] = _cell
    if kinds == {datetime}:
        write = datetime.isoformat
    elif kinds <= {int, float, bool} or (
        kinds == {str} and not any(map("".join(some).__contains__, "\\\n\r\t"))
    ):
        write = str
    cells = dict(zip(some, map(write, some), strict=True))
    if None in values:
        cells[None] = r"\N"
    return cells


def _cell(value: Any) -> str:
    """Return a value as COPY's text format writes it."""
    if value is None:
        return r"\N"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        if value.isalnum():
            return value
        text: str = value.replace("\\", r"\\").replace("\n", r"\n")
        return text.replace("\r", r"\r").replace("\t", r"\t")
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no cell for {value!r}")


# --- rows -> records ------------------------------------------------------------------------------


@dataclass
class _Parts:
    """The rows of one event or entry."""

    origins: list[Origin] = dataclass_field(default_factory=list)
    magnitudes: list[Magnitude] = dataclass_field(default_factory=list)
    mechanisms: list[FocalMechanism] = dataclass_field(default_factory=list)
    intensities: list[IntensityObservation] = dataclass_field(default_factory=list)
    descriptions: list[EventDescription] = dataclass_field(default_factory=list)
    interpretations: list[Interpretation] = dataclass_field(default_factory=list)
    consequences: list[Consequence] = dataclass_field(default_factory=list)
    picks: list[Pick] = dataclass_field(default_factory=list)
    arrivals: dict[int, list[Arrival]] = dataclass_field(default_factory=dict)
    amplitudes: list[Amplitude] = dataclass_field(default_factory=list)
    station_magnitudes: list[StationMagnitude] = dataclass_field(default_factory=list)


Name = Callable[[str, Any], str]


def _own_name(prefix: str, row: Any) -> str:
    """Name a row as the catalogue does: ``origin/17``."""
    return f"{prefix}/{row.pk}"


def _file_name(prefix: str, row: Any) -> str:
    """Name a row as its file did."""
    return str(row.key)


def event_records(
    events: Sequence[Event], *, arrivals: bool = True, using: str = DEFAULT_DB_ALIAS
) -> Iterator[tuple[Event, EventRecord]]:
    """Yield each event with all its current solutions as one record, the preferred ones first.

    Ids are the catalogue's: ``origin/17``, ``pick/4`` ...; ``event_id`` is the public id. Picks,
    arrivals, amplitudes and station magnitudes come only with ``arrivals``. The number of queries
    does not depend on the number of events: 7, with arrivals 11. ``using`` is the connection they
    go over, so that one snapshot holds for all.
    """
    keys = [event.pk for event in events]
    parts: dict[int, _Parts] = {key: _Parts() for key in keys}

    _gather_solutions(parts, "event", using, superseded_at=None)
    if arrivals:
        _gather_observations(
            parts,
            {
                "entry__current_of__event__in": keys,
                "entry__current_of__outranked_by": None,
            },
            "entry__current_of__event_id",
            {o.pk: (key, o) for key, part in parts.items() for o in part.origins},
            using,
        )
    for event in events:
        part = parts[event.pk]
        _first(part.origins, event.preferred_origin_id)
        _first(part.magnitudes, event.preferred_magnitude_id)
        _first(part.mechanisms, event.preferred_focal_mechanism_id)
        yield event, _event_record(event, part)


def _gather_solutions(
    parts: dict[int, _Parts], owner: str, using: str = DEFAULT_DB_ALIAS, **condition: Any
) -> None:
    """Fetch what hangs on events or entries: seven queries."""
    kinds: tuple[tuple[str, type[models.Model], bool], ...] = (
        ("origins", Origin, True),
        ("magnitudes", Magnitude, True),
        ("mechanisms", FocalMechanism, True),
        ("intensities", IntensityObservation, False),
        ("descriptions", EventDescription, False),
        ("interpretations", Interpretation, True),
        ("consequences", Consequence, False),
    )
    for name, model, has_author in kinds:
        rows: models.QuerySet[Any] = model._default_manager.using(using).filter(
            **{f"{owner}__in": list(parts)}, **condition
        )
        for row in (rows.select_related("agency") if has_author else rows).order_by("pk"):
            getattr(parts[getattr(row, f"{owner}_id")], name).append(row)


def _first(rows: list[Any], key: int | None) -> None:
    """Put the row of that key first; the others keep their order."""
    rows.sort(key=lambda row: row.pk != key)


def _gather_observations(
    parts: dict[int, _Parts],
    condition: dict[str, Any],
    owner: str,
    origins: dict[int, tuple[int, Origin]],
    using: str = DEFAULT_DB_ALIAS,
) -> None:
    """Fetch picks, arrivals, amplitudes and station magnitudes: four queries."""
    arrivals = Arrival.objects.using(using).filter(origin__in=origins)
    used: dict[int, dict[int, Pick]] = defaultdict(dict)
    for arrival in arrivals.select_related("pick").order_by("pk"):
        key, _ = origins[arrival.origin_id]
        parts[key].arrivals.setdefault(arrival.origin_id, []).append(arrival)
        used[key][arrival.pick_id] = arrival.pick
    for pick in Pick.objects.using(using).filter(**condition).annotate(owner=models.F(owner)):
        used[pick.owner][pick.pk] = pick
    _name_senders((pick for picks in used.values() for pick in picks.values()), using)
    for key, picks in used.items():
        parts[key].picks = [picks[pk] for pk in sorted(picks)]
    for model, name in ((Amplitude, "amplitudes"), (StationMagnitude, "station_magnitudes")):
        rows: models.QuerySet[Any] = model._default_manager.using(using).filter(**condition)
        for row in rows.annotate(owner=models.F(owner)).order_by("pk"):
            getattr(parts[row.owner], name).append(row)


def _name_senders(picks: Iterable[Pick], using: str) -> None:
    """Let readings of station bulletins that name no agency carry their sender's, unsaved."""
    nameless = [pick for pick in picks if pick.entry_id is None and not pick.agency]
    if nameless:
        senders = dict(
            BulletinReading.objects.using(using)
            .filter(pk__in={p.reading_id for p in nameless})
            .values_list("pk", "agency__code")
        )
        for pick in nameless:
            pick.agency = senders[pick.reading_id]


def entry_records(
    entries: Sequence[BulletinEntry],
) -> Iterator[tuple[BulletinEntry, EventRecord]]:
    """Yield each entry as the record it was made from, with the file's own ids."""
    keys = [entry.pk for entry in entries]
    parts: dict[int, _Parts] = {key: _Parts() for key in keys}

    _gather_solutions(parts, "entry")
    _gather_observations(
        parts,
        {"entry__in": keys},
        "entry_id",
        {o.pk: (key, o) for key, part in parts.items() for o in part.origins},
    )
    for entry in entries:
        part = parts[entry.pk]
        yield (
            entry,
            EventRecord(
                text=entry.text,
                first_line=entry.first_line,
                last_line=entry.last_line,
                event_id=entry.event_id_reported or None,
                agency=entry.agency_reported or None,
                comments=tuple(entry.comments),
                preferred_origin_id=_prime(part.origins),
                preferred_magnitude_id=_prime(part.magnitudes),
                preferred_focal_mechanism_id=_prime(part.mechanisms),
                **_back(entry, ENTRY),
                **_event_parts(part, _file_name),
            ),
        )


def _prime(rows: Iterable[Any]) -> str | None:
    return next((row.key for row in rows if row.is_prime), None)


def _event_record(event: Event, part: _Parts) -> EventRecord:
    def name(prefix: str, key: int | None) -> str | None:
        return None if key is None else f"{prefix}/{key}"

    return EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=event.public_id,
        event_type=event.event_type or None,
        event_type_certainty=event.event_type_certainty or None,
        preferred_origin_id=name("origin", event.preferred_origin_id),
        preferred_magnitude_id=name("magnitude", event.preferred_magnitude_id),
        preferred_focal_mechanism_id=name("focal-mechanism", event.preferred_focal_mechanism_id),
        synthetic=event.synthetic,
        deleted=event.status == Event.Status.DELETED,
        **_event_parts(part, _own_name),
    )


def _event_parts(part: _Parts, name: Name) -> dict[str, Any]:
    origins = {row.pk: name("origin", row) for row in part.origins}
    picks = {row.pk: name("pick", row) for row in part.picks}
    magnitudes = {row.pk: name("magnitude", row) for row in part.magnitudes}
    amplitudes = {row.pk: name("amplitude", row) for row in part.amplitudes}
    by_key = {(row.entry_id, row.key): row.pk for row in reversed(part.origins) if row.key}
    magnitude_by_key = {
        (row.entry_id, row.key): row.pk for row in reversed(part.magnitudes) if row.key
    }
    return {
        "descriptions": tuple(
            DescriptionRecord(**_back(row, DESCRIPTION)) for row in part.descriptions
        ),
        "origins": tuple(
            OriginRecord(
                origin_id=origins[row.pk],
                latitude=row.point.y,
                longitude=row.point.x,
                arrivals=tuple(
                    ArrivalRecord(
                        pick_id=picks[arrival.pick_id],
                        arrival_id=name("arrival", arrival) or None,
                        comments=tuple(arrival.comments),
                        **_back(arrival, ARRIVAL),
                    )
                    for arrival in part.arrivals.get(row.pk, ())
                ),
                **_solution_back(row, ORIGIN),
            )
            for row in part.origins
        ),
        "magnitudes": tuple(
            MagnitudeRecord(
                magnitude_id=magnitudes[row.pk] or None,
                origin_id=origins.get(row.origin_id) if row.origin_id else None,
                **_solution_back(row, MAGNITUDE),
            )
            for row in part.magnitudes
        ),
        "picks": tuple(
            PickRecord(
                pick_id=picks[row.pk],
                station=_station_back(row) or StationReference(""),
                comments=tuple(row.comments),
                **_back(row, PICK),
            )
            for row in part.picks
        ),
        "amplitudes": tuple(
            AmplitudeRecord(
                amplitude_id=amplitudes[row.pk],
                pick_id=picks.get(row.pick_id) if row.pick_id else None,
                station=_station_back(row),
                comments=tuple(row.comments),
                **_back(row, AMPLITUDE),
            )
            for row in part.amplitudes
        ),
        "station_magnitudes": tuple(
            StationMagnitudeRecord(
                station=_station_back(row),
                station_magnitude_id=name("station-magnitude", row) or None,
                origin_id=origins.get(row.origin_id) if row.origin_id else None,
                amplitude_id=amplitudes.get(row.amplitude_id) if row.amplitude_id else None,
                magnitude_id=(magnitudes.get(row.magnitude_id) if row.magnitude_id else None),
                comments=tuple(row.comments),
                **_back(row, STATION_MAGNITUDE),
            )
            for row in part.station_magnitudes
        ),
        "focal_mechanisms": tuple(
            _mechanism_back(row, name, origins, magnitudes, by_key, magnitude_by_key)
            for row in part.mechanisms
        ),
        "intensities": tuple(
            IntensityRecord(
                latitude=row.point.y if row.point else None,
                longitude=row.point.x if row.point else None,
                comment=row.comments[0] if row.comments else "",
                **_back(row, INTENSITY),
            )
            for row in part.intensities
        ),
        "interpretations": tuple(
            InterpretationRecord(
                **{**_back(row, INTERPRETATION), "author": _interpreter(row)}, **_note_back(row)
            )
            for row in part.interpretations
        ),
        "consequences": tuple(
            ConsequenceRecord(**{**_back(row, CONSEQUENCE), "place": row.place}, **_note_back(row))
            for row in part.consequences
        ),
    }


def _back(row: Any, columns: Columns) -> Row:
    """Return a row's values under the record's names; an empty text was not reported."""
    values: Row = {name: getattr(row, name) or None for name, _ in columns.texts}
    for name, _ in columns.numbers:
        values[name] = getattr(row, name)
    for name in columns.plain:
        values[name] = getattr(row, name)
    return values


def _solution_back(row: Any, columns: Columns) -> Row:
    values = _back(row, columns)
    values["agency"] = row.agency.code if row.agency else None
    values["comments"] = tuple(row.comments)
    return values


def _station_back(row: Any) -> StationReference | None:
    values: Row = {name: getattr(row, column) or None for name, column, _ in STATION_TEXTS}
    for name, column in STATION_NUMBERS:
        values[name] = getattr(row, column)
    if all(value is None for value in values.values()):
        return None
    values["code"] = values["code"] or ""
    return StationReference(**values)


def _interpreter(row: Interpretation) -> str | None:
    return row.author or (row.agency.code if row.agency else None)


def _note_back(row: Any) -> Row:
    """Return a row's note and its language; of several languages the English one."""
    for language in LANGUAGES:
        note = getattr(row, f"note_{language}")
        if note:
            return {"note": note, "language": language}
    return {}


def _mechanism_back(
    row: FocalMechanism,
    name: Name,
    origins: dict[int, str],
    magnitudes: dict[int, str],
    origin_keys: dict[tuple[int | None, str], int],
    magnitude_keys: dict[tuple[int | None, str], int],
) -> FocalMechanismRecord:
    def plane(number: int) -> NodalPlaneRecord | None:
        strike, dip, rake = (getattr(row, f"{n}_{number}") for n in ("strike", "dip", "rake"))
        return None if None in (strike, dip, rake) else NodalPlaneRecord(strike, dip, rake)

    def axis(letter: str) -> AxisRecord | None:
        azimuth, plunge = getattr(row, f"{letter}_azimuth"), getattr(row, f"{letter}_plunge")
        if azimuth is None or plunge is None:
            return None
        return AxisRecord(azimuth, plunge, getattr(row, f"{letter}_length"))

    def named(key: str, keys: dict[tuple[int | None, str], int], names: dict[int, str]) -> Any:
        pk = keys.get((row.entry_id, key))
        if pk is not None:
            return names[pk]
        return key if key and name is _file_name else None

    tensor: MomentTensorRecord | None = MomentTensorRecord(
        derived_origin_id=named(row.derived_origin_key, origin_keys, origins),
        moment_magnitude_id=named(row.moment_magnitude_key, magnitude_keys, magnitudes),
        **_back(row, TENSOR),
    )
    if tensor == MomentTensorRecord():
        tensor = None
    return FocalMechanismRecord(
        focal_mechanism_id=name("focal-mechanism", row),
        nodal_plane_1=plane(1),
        nodal_plane_2=plane(2),
        t_axis=axis("t"),
        n_axis=axis("n"),
        p_axis=axis("p"),
        moment_tensor=tensor,
        triggering_origin_id=(
            origins.get(row.triggering_origin_id) if row.triggering_origin_id else None
        ),
        **_solution_back(row, MECHANISM),
    )
