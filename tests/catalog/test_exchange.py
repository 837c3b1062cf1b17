"""Every field of every record goes into the database and comes back equal."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import exchange
from catalog.exchange import StationAnswer, StationQuery
from catalog.formats import records
from catalog.formats.records import (
    ArrivalRecord,
    EventRecord,
    IntensityRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    StationReference,
)
from catalog.models import (
    Agency,
    BulletinEntry,
    BulletinFile,
    BulletinReading,
    Event,
    Magnitude,
    Origin,
    Report,
    User,
)

pytestmark = pytest.mark.django_db
TIME = datetime(2014, 6, 21, 6, 30, 12, 345678, tzinfo=UTC)


@pytest.fixture
def reading(db: None) -> BulletinReading:
    user = User.objects.create(username="operator")
    file = BulletinFile.objects.create(sha256="0" * 64, name="a.isf", size=1, uploader=user)
    agency = Agency.objects.create(code="TEST")
    return BulletinReading.objects.create(
        file=file, number=1, agency=agency, format="isf", reader_version="isf-1", requested_by=user
    )


def entry_of(reading: BulletinReading, record: EventRecord, ordinal: int = 1) -> BulletinEntry:
    report, _ = Report.objects.get_or_create(
        agency=reading.agency, key=f"id:{record.event_id}-{ordinal}"
    )
    entry, problems = exchange.entry_from_record(
        record, reading_id=reading.pk, ordinal=ordinal, report_id=report.pk, content_hash="h"
    )
    assert problems == []
    exchange.save_entries([entry])
    return BulletinEntry.objects.select_related("reading").get(pk=entry.pk)


def nowhere(queries: Sequence[StationQuery]) -> list[StationAnswer]:
    return [StationAnswer(None) for _ in queries]


WORDS = {"kind": "landslide", "language": "ru", "bound": "min", "onset": "emergent"}
NUMBERS = {"latitude": 43.25, "longitude": 76.95, "dip": 45.5, "preferred_plane": 2, "value": 4.7}


def full(kind: type, serial: list[int], links: dict[str, str] | None = None) -> typing.Any:
    """Return a record with every field filled, each with a value of its own."""
    hints = typing.get_type_hints(kind)
    values: dict[str, typing.Any] = {}
    for field in fields(kind):
        serial[0] += 1
        n = serial[0]
        name, hint = field.name, hints[field.name]
        arguments = typing.get_args(hint)
        if isinstance(hint, types.UnionType):
            hint = next(a for a in arguments if a is not type(None))
            arguments = typing.get_args(hint)
        if name in (links or {}):
            values[name] = (links or {})[name]
        elif typing.get_origin(hint) is tuple:
            inner = arguments[0]
            values[name] = (
                tuple(f"{name} {n}.{i} «ә»" for i in range(2))
                if inner is str
                else (full(inner, serial, links), full(inner, serial, links))
            )
        elif dataclasses.is_dataclass(hint):
            values[name] = full(typing.cast(type, hint), serial, links)
        elif name in WORDS:
            values[name] = WORDS[name]
        elif name in NUMBERS:
            values[name] = NUMBERS[name]
        elif hint is str:
            values[name] = f"w{n}"
        elif hint is float:
            values[name] = 1.0 + n / 1000
        elif hint is int:
            values[name] = n
        elif hint is bool:
            values[name] = True
        elif hint is datetime:
            values[name] = TIME + timedelta(seconds=n)
        else:
            raise AssertionError(f"no value for {kind.__name__}.{name}: {hint}")
    return kind(**values)


def full_event() -> EventRecord:
    """Return an event with everything in it, its references tied."""
    event: EventRecord = full(EventRecord, [0])
    ids = [pick.pick_id for pick in event.picks]
    origin_ids = [origin.origin_id for origin in event.origins]
    magnitude_ids = [magnitude.magnitude_id for magnitude in event.magnitudes]
    amplitude_ids = [amplitude.amplitude_id for amplitude in event.amplitudes]
    return replace(
        event,
        first_line=1,
        last_line=9,
        origins=tuple(
            replace(
                origin,
                arrivals=tuple(
                    replace(arrival, pick_id=pick)
                    for arrival, pick in zip(origin.arrivals, ids, strict=True)
                ),
            )
            for origin in event.origins
        ),
        magnitudes=tuple(replace(m, origin_id=origin_ids[1]) for m in event.magnitudes),
        amplitudes=tuple(replace(a, pick_id=ids[1]) for a in event.amplitudes),
        station_magnitudes=tuple(
            replace(
                s,
                origin_id=origin_ids[0],
                magnitude_id=magnitude_ids[1],
                amplitude_id=amplitude_ids[0],
            )
            for s in event.station_magnitudes
        ),
        focal_mechanisms=tuple(
            replace(m, triggering_origin_id=origin_ids[1]) for m in event.focal_mechanisms
        ),
        preferred_origin_id=origin_ids[1],
        preferred_magnitude_id=magnitude_ids[0],
        preferred_focal_mechanism_id=event.focal_mechanisms[1].focal_mechanism_id,
    )


def test_every_field_of_every_record_comes_back_equal(reading: BulletinReading) -> None:
    record = full_event()
    entry = entry_of(reading, record)
    assert exchange.save_records([(entry, record)], nowhere) == []
    [(_, back)] = exchange.entry_records([entry])
    for field in fields(EventRecord):
        assert getattr(back, field.name) == getattr(record, field.name), field.name


#: What COPY writes in a way of its own, what repeats, and letters of several alphabets.
TEXTS = st.text(st.sampled_from("aN\t\n\r\v\\'\",. ңЯ¥𐍈"), max_size=4)
OPTIONAL: dict[type, st.SearchStrategy[typing.Any]] = {
    str: TEXTS.map(lambda text: text or None),
    float: st.floats(1, 12) | st.sampled_from([1.0, 2.5]),
    int: st.integers(1, 2),
    bool: st.booleans(),
    datetime: st.datetimes(datetime(1700, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
}


def redrawn(draw: st.DrawFn, record: typing.Any) -> typing.Any:
    """Return a full record with other values, or none, wherever they are free."""
    hints = typing.get_type_hints(type(record))
    values = {}
    for field in fields(record):
        name, hint, value = field.name, hints[field.name], getattr(record, field.name)
        arguments = typing.get_args(hint)
        if dataclasses.is_dataclass(value):
            values[name] = redrawn(draw, value)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            values[name] = tuple(redrawn(draw, part) for part in value)
        elif isinstance(value, tuple):
            values[name] = tuple(draw(st.lists(TEXTS, max_size=2)))
        elif (
            isinstance(hint, types.UnionType)
            and not name.endswith("_id")
            and name not in {"agency", "code", "place", *WORDS, *NUMBERS}
        ):
            kind = next(a for a in arguments if a is not type(None))
            values[name] = draw(st.none() | OPTIONAL[kind])
    return replace(record, **values)


@st.composite
def events(draw: st.DrawFn) -> EventRecord:
    event: EventRecord = redrawn(draw, full_event())
    return event


#: Each example draws and stores dozens of rows: half a second.
DRAWN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(DRAWN, max_examples=5)
@given(batch=st.lists(events(), min_size=1, max_size=3))
def test_whatever_stands_in_one_batch_each_record_comes_back_equal(
    reading: BulletinReading, batch: list[EventRecord]
) -> None:
    comes_back_equal(reading, batch)


@pytest.mark.long
@settings(DRAWN, max_examples=100)
@given(batch=st.lists(events(), min_size=1, max_size=3))
def test_whatever_stands_in_one_of_many_batches_comes_back_equal(
    reading: BulletinReading, batch: list[EventRecord]
) -> None:
    comes_back_equal(reading, batch)


def comes_back_equal(reading: BulletinReading, batch: list[EventRecord]) -> None:
    last = reading.entries.count()
    pairs = [(entry_of(reading, event, last + n), event) for n, event in enumerate(batch, 1)]
    assert exchange.save_records(pairs, nowhere) == []
    for (_, back), event in zip(
        exchange.entry_records([entry for entry, _ in pairs]), batch, strict=True
    ):
        for field in fields(EventRecord):
            assert getattr(back, field.name) == getattr(event, field.name), field.name


def test_a_record_that_reports_nothing_comes_back_as_its_agencys(reading: BulletinReading) -> None:
    record = EventRecord(
        text="x",
        first_line=1,
        last_line=1,
        origins=(OriginRecord("o", TIME, 0.0, 0.0),),
        magnitudes=(MagnitudeRecord(0.0, None),),
        picks=(PickRecord("p", StationReference("AAK"), None),),
    )
    entry = entry_of(reading, record)
    assert exchange.save_records([(entry, record)], nowhere) == []
    # Rows that name no author are the word of the agency that sent them; all else stays empty.
    theirs = replace(
        record,
        origins=tuple(replace(o, agency=reading.agency.code) for o in record.origins),
        magnitudes=tuple(replace(m, agency=reading.agency.code) for m in record.magnitudes),
    )
    assert [back for _, back in exchange.entry_records([entry])] == [theirs]
    origin = Origin.objects.get()
    assert (origin.depth_km, origin.time_uncertainty, origin.event) == (None, None, None)


def test_zero_depth_is_a_depth(reading: BulletinReading) -> None:
    record = EventRecord("x", 1, 1, origins=(OriginRecord("o", TIME, 1.0, 2.0, depth_km=0.0),))
    exchange.save_records([(entry_of(reading, record), record)], nowhere)
    assert Origin.objects.get().depth_km == 0.0


def test_what_the_database_refuses_becomes_a_problem_and_the_rest_stands(
    reading: BulletinReading,
) -> None:
    origin = OriginRecord(
        "o",
        TIME,
        43.0,
        77.0,
        depth_km=5000.0,
        azimuthal_gap=400.0,
        time_uncertainty=-1.0,
        standard_error=float("nan"),
        agency="A" * 21,
        region="r" * 300 + "\x00",
        line_number=3,
        arrivals=(
            ArrivalRecord("p", line_number=4),
            ArrivalRecord("p", line_number=5),
            ArrivalRecord("q", line_number=6),
        ),
    )
    record = EventRecord(
        "x\x00",
        1,
        9,
        origins=(origin, OriginRecord("far", TIME, 91.0, 0.0, line_number=7)),
        magnitudes=(MagnitudeRecord(99.0, "mb", line_number=8),),
        picks=(PickRecord("p", StationReference("S" * 12), TIME, backazimuth=-5.0, line_number=9),),
        intensities=(IntensityRecord("Алматы", best=15.0),),
        preferred_origin_id="nothing",
    )
    entry = entry_of(reading, record)
    problems = exchange.save_records([(entry, record)], nowhere)
    assert {(p.line_number, p.code, p.field) for _, p in problems} == {
        (3, "out-of-range", "depth_km"),
        (3, "out-of-range", "azimuthal_gap"),
        (3, "out-of-range", "time_uncertainty"),
        (3, "not-finite", "standard_error"),
        (3, "agency-too-long", "agency"),
        (3, "text-too-long", "region"),
        (5, "duplicate-arrival", "pick"),
        (6, "dangling-reference", "pick"),
        (7, "out-of-range", "epicentre"),
        (8, "out-of-range", "value"),
        (9, "text-too-long", "station code"),
        (9, "out-of-range", "backazimuth"),
        (None, "out-of-range", "best"),
        (None, "unknown-settlement", "place"),
        (1, "dangling-reference", "preferred origin"),
    }
    stored = Origin.objects.get()
    assert (stored.depth_km, stored.azimuthal_gap, stored.standard_error) == (None, None, None)
    assert "\x00" not in BulletinEntry.objects.get().text
    assert Magnitude.objects.count() == 0


def test_an_agency_never_met_is_made_provisional_with_its_case_kept(
    reading: BulletinReading,
) -> None:
    record = EventRecord(
        "x", 1, 1, origins=(OriginRecord("o", TIME, 1.0, 2.0, agency=" NeverMet "),)
    )
    exchange.save_records([(entry_of(reading, record), record)], nowhere)
    agency = Agency.objects.get(code="NeverMet")
    assert agency.is_provisional
    assert Origin.objects.get().agency == agency


def test_a_station_nobody_knows_is_reported_once_an_entry(reading: BulletinReading) -> None:
    picks = tuple(
        PickRecord(f"p{n}", StationReference("XXX"), TIME, line_number=n) for n in range(5, 9)
    )
    record = EventRecord("x", 1, 9, picks=picks)

    def unknown(queries: Sequence[StationQuery]) -> list[StationAnswer]:
        return [StationAnswer(None, "unknown-station") for _ in queries]

    problems = exchange.save_records([(entry_of(reading, record), record)], unknown)
    assert [(p.line_number, p.code, p.found) for _, p in problems] == [
        (5, "unknown-station", "XXX")
    ]


def test_five_hundred_events_take_as_many_statements_as_one(
    reading: BulletinReading, django_assert_max_num_queries: typing.Any
) -> None:
    record = full_event()
    pairs = []
    for ordinal in range(1, 51):
        pairs.append((entry_of(reading, record, ordinal), record))
    with CaptureQueriesContext(connection) as one:
        exchange.save_records(pairs[:1], nowhere)
    with django_assert_max_num_queries(len(one) + 1):
        exchange.save_records(pairs[1:], nowhere)


def event_with(entry: BulletinEntry, public_id: str) -> Event:
    event = Event.objects.create(public_id=public_id)
    Report.objects.filter(pk=entry.report_id).update(event=event, current_entry=entry)
    for related in (
        "origins", "magnitudes", "focalmechanisms", "intensityobservations", "descriptions",
        "interpretations", "consequences",
    ):  # fmt: skip
        getattr(entry, related).update(event=event)
    return event


def test_an_event_is_one_record_with_all_its_current_solutions(
    reading: BulletinReading, django_assert_num_queries: typing.Any
) -> None:
    record = full_event()
    events = []
    for ordinal in (1, 2, 3):
        entry = entry_of(reading, record, ordinal)
        exchange.save_records([(entry, record)], nowhere)
        event = event_with(entry, f"kz2014{ordinal}")
        event.preferred_origin = entry.origins.get(is_prime=True)
        event.preferred_magnitude = entry.magnitudes.last()
        event.save()
        events.append(event)
    entry.origins.filter(is_prime=False).update(superseded_at=TIME)

    with django_assert_num_queries(11):
        found = dict(exchange.event_records(events))
    first, last = found[events[0]], found[events[2]]
    assert first.event_id == "kz20141"
    assert first.origins[0].origin_id == first.preferred_origin_id
    assert first.origins[0].origin_id == f"origin/{events[0].preferred_origin_id}"
    assert first.magnitudes[0].magnitude_id == f"magnitude/{events[0].preferred_magnitude_id}"
    assert {a.pick_id for a in first.origins[0].arrivals} == {p.pick_id for p in first.picks}
    assert first.station_magnitudes[0].origin_id in {o.origin_id for o in first.origins}
    assert len(last.origins) == 1
    assert last.magnitudes[0].origin_id == last.origins[0].origin_id

    def size(r: EventRecord) -> list[int]:
        return [len(r.picks), len(r.amplitudes), len(r.station_magnitudes), len(r.intensities)]

    assert size(first) == [2, 2, 2, 2]
    with django_assert_num_queries(7):
        bare = dict(exchange.event_records(events, arrivals=False))
    assert size(bare[events[0]]) == [0, 0, 0, 2]
    assert all(origin.arrivals == () for origin in bare[events[0]].origins)


def test_the_tables_of_columns_name_every_field_of_the_records() -> None:
    apart = {
        records.PickRecord: {"pick_id", "station", "comments"},
        records.ArrivalRecord: {"pick_id", "arrival_id", "comments"},
        records.AmplitudeRecord: {"amplitude_id", "pick_id", "station", "comments"},
        records.OriginRecord: {
            "origin_id", "latitude", "longitude", "agency", "arrivals", "comments",
        },
        records.MagnitudeRecord: {"magnitude_id", "origin_id", "agency", "comments"},
    }  # fmt: skip
    columns = {
        records.PickRecord: exchange.PICK,
        records.ArrivalRecord: exchange.ARRIVAL,
        records.AmplitudeRecord: exchange.AMPLITUDE,
        records.OriginRecord: exchange.ORIGIN,
        records.MagnitudeRecord: exchange.MAGNITUDE,
    }
    for kind, names in apart.items():
        assert {f.name for f in fields(kind)} == names | set(columns[kind].names)
