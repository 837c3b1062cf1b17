"""Readings without an event find it, are decided on, and become evidence of it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import exchange
from catalog.formats.records import PickRecord, ReadingsRecord, StationReference
from catalog.models import (
    Agency,
    Arrival,
    BulletinFile,
    BulletinReading,
    Event,
    MergeDecision,
    Origin,
    Pick,
    PickAssociation,
    Station,
)
from processing.jobs import association, station_readings
from processing.models import WorkItem
from tests.processing.bulletins import (
    START,
    _resolve,
    associate,
    event,
    lay,
    person,
    picks,
    recompute,
)
from tests.processing.jobs.test_location import PLACES, onsets

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

Row = tuple[Station, float, str]


@pytest.fixture
def stations() -> list[Station]:
    return [
        Station.objects.create(code=f"ST{i}", point=Point(lon, lat, srid=4326), elevation_m=0.0)
        for i, (lat, lon) in enumerate(PLACES)
    ]


def send(
    *rows: Row,
    file: BulletinFile | None = None,
    synthetic: bool = False,
    options: dict[str, object] | None = None,
    agency: str = "KNET",
) -> BulletinReading:
    """Store a station bulletin as a reading would, and ask for its proposals."""
    if file is None:
        digest = hashlib.sha256(f"{BulletinFile.objects.count()}{rows}".encode()).hexdigest()
        file = BulletinFile.objects.create(
            sha256=digest, name="knet.txt", size=1, uploader=person()
        )
    file.readings.filter(is_current=True).update(is_current=False, status="replaced")
    reading = BulletinReading.objects.create(
        file=file, number=file.readings.count() + 1, format="isf", reader_version="1",
        agency=Agency.objects.get_or_create(code=agency)[0], requested_by=person(),
        is_current=True, status="read", options=options or {},
    )  # fmt: skip
    record = ReadingsRecord(
        "text", 1, len(rows), synthetic=synthetic,
        picks=tuple(
            PickRecord(
                pick_id=f"l{i}", station=StationReference(code=station.code),
                time=START + timedelta(seconds=second), phase_hint=phase, line_number=i,
            )
            for i, (station, second, phase) in enumerate(rows, 1)
        ),
    )  # fmt: skip
    exchange.save_readings(reading, record, _resolve)
    WorkItem.objects.request("readings", reading.pk)
    return reading


def shock(stations: Sequence[Station], name: str = "s1", **values: object) -> Event:
    """Report the earthquake of ``onsets`` by three stations of an agency."""
    times = onsets(list(stations))
    reported = {"latitude": 43.1, "longitude": 77.3, "depth_km": 15.0} | values
    associate(lay("SOME", event(name, **reported, **picks(stations[:3], times[:3]))))
    recompute()
    return Event.objects.alive().order_by("-pk").first()


def row_states() -> list[tuple[str, int | None]]:
    return list(PickAssociation.objects.order_by("pick", "pk").values_list("state", "event"))


def test_the_readings_of_a_network_are_proposed_to_the_event(stations):
    quake = shock(stations)
    times = onsets(stations)
    late = onsets(stations, "S")
    send(
        (stations[3], times[3], "P"), (stations[3], late[3], "S"),
        (stations[4], times[4] + 0.4, "P"), (stations[5], times[5] + 900.0, "P"),
    )  # fmt: skip
    recompute()
    rows = PickAssociation.objects.select_related("pick").order_by("pick")
    assert [(r.pick.station_code, r.phase, r.event_id, r.state) for r in rows] == [
        ("ST3", "P", quake.pk, "proposed"),
        ("ST3", "S", quake.pk, "proposed"),
        ("ST4", "P", quake.pk, "proposed"),
    ]
    assert [r.companion for r in rows] == ["consistent", "consistent", "alone"]
    assert rows[2].time_residual == pytest.approx(0.4, abs=0.1)
    assert all(r.is_clear and r.rank == 1 and r.rule_set == "kz-readings-2026.2" for r in rows)
    # Nobody decided: the event's own solution knows nothing of them.
    assert Origin.objects.current().computed().count() == 0


def test_what_fits_nothing_is_tried_again_when_an_event_appears(stations):
    times = onsets(stations)
    send(*[(s, t, "P") for s, t in zip(stations[3:], times[3:], strict=True)])
    recompute()
    assert PickAssociation.objects.count() == 0
    quake = shock(stations)
    assert row_states() == [("proposed", quake.pk)] * 3


def test_proposals_follow_an_event_that_moves(stations):
    quake = shock(stations)
    times = onsets(stations)
    send((stations[4], times[4], "P"))
    recompute()
    before = PickAssociation.objects.get()
    shock(stations, time_uncertainty=1.0, latitude=43.12)
    after = PickAssociation.objects.get()
    assert after.pk == before.pk and after.state == "proposed" and after.event_id == quake.pk
    assert after.time_residual != before.time_residual
    # Far away the reading fits it no more; back again the same row stands again.
    shock(stations, latitude=45.0)
    assert row_states() == [("obsolete", quake.pk)]
    shock(stations)
    assert row_states() == [("proposed", quake.pk)]


def test_accepted_readings_give_a_computed_origin_beside_the_agencys(stations):
    quake = shock(stations)
    times = onsets(stations)
    send(*[(s, t, "P") for s, t in zip(stations[3:], times[3:], strict=True)])
    recompute()
    reported = quake.preferred_origin
    rows = list(PickAssociation.objects.values_list("pk", flat=True))
    outcome = station_readings.accept(rows, person("editor"))
    assert outcome.counts["accepted"] == 3 and outcome.touched == {quake.pk}
    recompute()
    origin = Origin.objects.current().computed().get()
    assert origin.used_station_count == 6
    assert set(origin.arrivals.values_list("pick__station__code", flat=True)) == {
        s.code for s in stations
    }
    quake.refresh_from_db()
    assert quake.preferred_origin == reported and reported.entry is not None
    ledger = MergeDecision.objects.filter(kind="accept-pick")
    assert {d.actor.username for d in ledger} == {"editor"}
    assert {d.parts["station"] for d in ledger} == {"ST3", "ST4", "ST5"}
    assert all(d.event_id == quake.pk and d.misfit < 1 for d in ledger)
    # Proposals made anew leave decisions alone.
    assert row_states() == [("accepted", quake.pk)] * 3


def test_the_events_quakeml_has_the_accepted_readings_with_their_sender(stations):
    quake = shock(stations)
    send(*[(s, t, "P") for s, t in zip(stations[3:], onsets(stations)[3:], strict=True)])
    recompute()
    station_readings.accept(list(PickAssociation.objects.values_list("pk", flat=True)), person())
    recompute()
    ((_event, record),) = exchange.event_records([Event.objects.get(pk=quake.pk)])
    computed = next(o for o in record.origins if o.agency == "KZPORTAL")
    used = {a.pick_id for a in computed.arrivals}
    loose = [p for p in record.picks if p.station.code in ("ST3", "ST4", "ST5")]
    assert len(loose) == 3 and {p.pick_id for p in loose} <= used
    assert {p.agency for p in loose} == {"KNET"}


def test_an_acceptance_can_be_undone(stations):
    quake = shock(stations)
    send(*[(s, t, "P") for s, t in zip(stations[3:], onsets(stations)[3:], strict=True)])
    recompute()
    rows = list(PickAssociation.objects.values_list("pk", flat=True))
    station_readings.accept(rows, person())
    recompute()
    for row in rows:
        station_readings.undo(row, person("editor"))
    recompute()
    assert row_states() == [("proposed", quake.pk)] * 3
    assert Origin.objects.current().computed().count() == 0
    undone = MergeDecision.objects.filter(kind="undo")
    assert {d.undoes.kind for d in undone} == {"accept-pick"}
    with pytest.raises(station_readings.NotDecidable):
        station_readings.undo(rows[0], person())
    # And decided on anew.
    station_readings.reject(rows, person())
    recompute()
    assert row_states() == [("rejected", quake.pk)] * 3


def test_a_refused_reading_is_not_proposed_to_that_event_again(stations):
    quake = shock(stations)
    send((stations[4], onsets(stations)[4], "P"))
    recompute()
    station_readings.reject([PickAssociation.objects.get().pk], person(), "local noise")
    shock(stations, latitude=43.12)
    assert row_states() == [("rejected", quake.pk)]
    decision = MergeDecision.objects.get(kind="reject-pick")
    assert decision.note == "local noise" and decision.event_id == quake.pk


def test_a_reading_has_one_event_only(stations):
    # Two shocks within a second of each other: both fit.
    first = shock(stations)
    second = shock(stations, "s2", seconds=1.0)
    assert first != second
    send((stations[4], onsets(stations)[4] + 0.2, "P"))
    recompute()
    rows = list(PickAssociation.objects.order_by("rank"))
    assert [(r.event_id, r.is_clear) for r in rows] == [(first.pk, False), (second.pk, False)]
    outcome = station_readings.accept([r.pk for r in rows], person())
    assert (outcome.counts["accepted"], outcome.counts["overtaken"]) == (1, 1)
    assert row_states() == [("accepted", first.pk), ("obsolete", second.pk)]


def test_the_rule_accepts_what_is_clear_when_the_sender_wishes(stations):
    quake = shock(stations)
    times, late = onsets(stations), onsets(stations, "S")
    send(
        (stations[3], times[3], "P"), (stations[3], late[3] + 0.3, "S"),
        (stations[4], times[4], "P"), (stations[4], late[4] + 40.0, "S"),
        (stations[5], times[5] + 0.5, "P"),
        options={"accept_readings": True},
    )  # fmt: skip
    recompute()
    states = {
        (r.pick.station_code, r.phase): r.state
        for r in PickAssociation.objects.select_related("pick")
    }
    # The S of ST4 contradicts its P, so a person is asked.
    assert states == {
        ("ST3", "P"): "accepted", ("ST3", "S"): "accepted", ("ST4", "P"): "proposed",
        ("ST5", "P"): "accepted",
    }  # fmt: skip
    decisions = MergeDecision.objects.filter(kind="accept-pick")
    assert {(d.actor, d.rule_set, d.event_id) for d in decisions} == {
        (None, "kz-readings-2026.2", quake.pk)
    }
    assert Origin.objects.current().computed().get().used_station_count == 5


def test_the_rule_leaves_alone_what_a_person_undid(stations):
    shock(stations)
    send((stations[4], onsets(stations)[4], "P"), options={"accept_readings": True})
    recompute()
    row = PickAssociation.objects.get()
    assert row.state == "accepted"
    station_readings.undo(row.pk, person())
    recompute()
    row.refresh_from_db()
    assert row.state == "proposed"


def test_a_reading_that_an_agency_reported_is_a_repetition(stations):
    shock(stations)
    send(
        (stations[0], onsets(stations)[0] + 0.06, "P"), (stations[0], onsets(stations)[0] + 2, "P")
    )
    recompute()
    rows = PickAssociation.objects.order_by("pick")
    assert [r.state for r in rows] == ["duplicate", "proposed"]
    assert rows[0].duplicate_of.entry is not None and rows[0].event is None


def test_the_same_reading_in_two_files_is_proposed_once(stations):
    quake = shock(stations)
    time = onsets(stations)[4]
    first = send((stations[4], time, "P"))
    send((stations[4], time + 0.05, "Pg"))
    recompute()
    rows = list(PickAssociation.objects.select_related("pick").order_by("pick"))
    assert [(r.state, r.event_id) for r in rows] == [("proposed", quake.pk), ("duplicate", None)]
    assert rows[1].duplicate_of == rows[0].pick
    # The first file is read again and does not have it any more: the second takes its place.
    send(file=first.file)
    recompute()
    stands = PickAssociation.objects.exclude(state="obsolete").get()
    assert (stands.pick, stands.state, stands.event_id) == (rows[1].pick, "proposed", quake.pk)


def test_decisions_follow_a_file_that_is_read_again(stations):
    quake = shock(stations)
    times = onsets(stations)
    rows: list[Row] = [(s, t, "P") for s, t in zip(stations[3:], times[3:], strict=True)]
    reading = send(*rows)
    recompute()
    by_code = {r.pick.station_code: r.pk for r in PickAssociation.objects.select_related("pick")}
    station_readings.accept([by_code["ST3"], by_code["ST4"]], person("editor"))
    station_readings.reject([by_code["ST5"]], person("editor"))
    recompute()
    again = send(*rows[1:], file=reading.file)
    recompute()
    stands = PickAssociation.objects.exclude(state="obsolete").select_related("pick")
    assert {(r.pick.station_code, r.state, r.pick.reading_id) for r in stands} == {
        ("ST4", "accepted", again.pk),
        ("ST5", "rejected", again.pk),
    }
    assert {r.decided_by.username for r in stands} == {"editor"}
    origin = Origin.objects.current().computed().get()
    assert origin.associated_station_count == 4 and origin.event == quake


def test_decisions_follow_an_event_that_is_merged(stations):
    quake = shock(stations)
    times = onsets(stations)
    # Two reports of one agency never join by themselves; a person says that they are one event.
    associate(lay("SOME", event("s2", 8, 43.4, 77.0, depth_km=15.0)))
    recompute()
    other = Event.objects.alive().exclude(pk=quake.pk).get()
    send((stations[4], times[4], "P"))
    recompute()
    station_readings.accept([PickAssociation.objects.get(event=quake).pk], person("editor"))
    reports = list(quake.reports.all()) + list(other.reports.all())
    # The younger event has been published under another's eyes: let it survive.
    MergeDecision.objects.create(kind="same", report=reports[0], other_report=reports[1])
    touched = association.rearrange([r.pk for r in reports])
    WorkItem.objects.request_many("recompute", touched)
    recompute()
    survivor = Event.objects.alive().get()
    stands = PickAssociation.objects.exclude(state="obsolete").get()
    assert (stands.event, stands.state) == (survivor, "accepted")
    assert stands.decided_by.username == "editor"


def test_decisions_follow_into_the_survivor_whichever_it_is(stations):
    quake = shock(stations)
    send((stations[4], onsets(stations)[4], "P"), (stations[5], onsets(stations)[5], "P"))
    recompute()
    accepted, rejected = PickAssociation.objects.order_by("pick")
    station_readings.accept([accepted.pk], person("editor"))
    station_readings.reject([rejected.pk], person("editor"))
    other = Event.objects.create(public_id="kz2015zzzzzz")
    Event.objects.filter(pk=quake.pk).update(status="merged", merged_into=other)
    station_readings.follow(quake, other.pk)
    stands = PickAssociation.objects.exclude(state="obsolete").order_by("pick")
    assert [(r.event_id, r.state) for r in stands] == [
        (other.pk, "accepted"),
        (other.pk, "rejected"),
    ]
    assert WorkItem.objects.filter(kind="propose", object_id=other.pk, state="open").exists()


def test_the_readings_of_a_deleted_event_are_free_again(stations):
    run = lay("SOME", event("s1", latitude=43.1, longitude=77.3, depth_km=15.0))
    associate(run)
    recompute()
    send((stations[4], onsets(stations)[4], "P"))
    recompute()
    station_readings.accept([PickAssociation.objects.get().pk], person())
    recompute()
    associate(lay("SOME", file=run.reading.file))
    recompute()
    assert Event.objects.alive().count() == 0
    assert [state for state, _event in row_states()] == ["obsolete"]
    fresh = shock(stations)
    assert ("proposed", fresh.pk) in row_states()


def test_made_up_readings_join_made_up_events_only(stations):
    real = shock(stations)
    times = onsets(stations)
    send((stations[4], times[4], "P"), synthetic=True)
    send((stations[4], times[4], "P"))
    recompute()
    row = PickAssociation.objects.get()
    assert not row.pick.synthetic and row.event == real
    associate(lay("KNDC", event("k", latitude=43.1, longitude=77.3, depth_km=15.0, synthetic=True)))
    recompute()
    pairs = PickAssociation.objects.values_list("pick__synthetic", "event__synthetic")
    assert sorted(pairs) == [(False, False), (True, True)]


EVERY_ORDER = list(itertools.permutations(range(4)))
#: The event as each of the four steps, the files forwards and backwards.
EIGHT_ORDERS = [(*files[:n], 3, *files[n:]) for files in ((0, 1, 2), (2, 1, 0)) for n in range(4)]


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param(EIGHT_ORDERS, id="eight"),
        pytest.param(EVERY_ORDER, id="every", marks=pytest.mark.long),
    ],
)
def test_the_order_in_which_things_come_does_not_matter(stations, orders):
    times, late = onsets(stations), onsets(stations, "S")
    files: list[list[Row]] = [
        [(stations[3], times[3], "P"), (stations[3], late[3], "S")],
        [(stations[3], times[3] + 0.04, "P"), (stations[4], times[4] + 1.1, "P")],
        [(stations[4], times[4], "P"), (stations[5], late[5] + 30, "S")],
    ]
    outcomes = []
    for order in orders:
        for step in order:
            if step == 3:
                shock(stations)
            else:
                send(*files[step])
            recompute()
        told = PickAssociation.objects.exclude(state="obsolete").select_related("pick")
        outcomes.append(
            sorted(
                (r.pick.station_code, r.phase, r.state, r.companion, r.is_clear, r.time_residual)
                for r in told
                if r.state == "proposed"
                # Which of two copies stands depends on which came first; how many do, does not.
                and not (r.pick.station_code == "ST3" and r.phase == "P")
            )
        )
        assert sum(r.state == "duplicate" for r in told) == 1
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL catalog.removing_synthetic = 'on'")
            for table in ("pickassociation", "arrival"):
                cursor.execute(f"DELETE FROM catalog_{table}")
            cursor.execute("DELETE FROM catalog_pick WHERE entry_id IS NULL")
        associate(lay("SOME", event("s1", deleted=True)))
        recompute()
    assert all(outcome == outcomes[0] for outcome in outcomes) and outcomes[0]


def test_a_station_found_later_lets_the_reading_in(stations):
    quake = shock(stations)
    time = onsets(stations)[4]
    stranger = Station(code="XYZ")
    reading = send((stranger, time, "P"))
    recompute()
    assert Pick.objects.get(reading=reading).station is None
    Station.objects.create(
        code="XYZ", point=stations[4].point, elevation_m=0.0, agency=reading.agency
    )
    assert station_readings.try_again() == 1
    recompute()
    row = PickAssociation.objects.get()
    assert (row.event, row.state, row.pick.station.code) == (quake, "proposed", "XYZ")


def test_looking_again_writes_nothing(stations):
    shock(stations)
    send((stations[4], onsets(stations)[4], "P"), (stations[0], onsets(stations)[0], "P"))
    recompute()
    station_readings.try_again()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        recompute()
    written = [
        q["sql"] for q in queries
        if "pickassociation" in q["sql"] and q["sql"].startswith(("INSERT", "UPDATE"))
    ]  # fmt: skip
    assert written == []


def test_an_event_far_from_any_reading_makes_no_work(stations):
    send((stations[4], onsets(stations)[4] + 86_400.0, "P"))
    recompute()
    done = WorkItem.objects.filter(kind="propose").count()
    shock(stations)
    assert WorkItem.objects.filter(kind="propose").count() == done


def test_the_arrivals_of_an_accepted_reading_name_the_phase_it_fits(stations):
    quake = shock(stations)
    send(*[(s, t, "") for s, t in zip(stations[3:], onsets(stations)[3:], strict=True)])
    recompute()
    station_readings.accept(list(PickAssociation.objects.values_list("pk", flat=True)), person())
    recompute()
    loose = Arrival.objects.filter(pick__entry__isnull=True, origin__event=quake)
    assert [a.phase for a in loose] == ["P", "P", "P"]


def test_counts_of_a_file(stations):
    shock(stations)
    times = onsets(stations)
    reading = send(
        (stations[3], times[3], "P"), (stations[4], times[4], "P"), (stations[0], times[0], "P"),
        (Station(code="NEW"), 5.0, "P"),
    )  # fmt: skip
    recompute()
    station_readings.accept([PickAssociation.objects.filter(state="proposed").first().pk], person())
    assert station_readings.counts_of(reading) == {
        "stored": 4, "proposed": 1, "accepted": 1, "repeated": 1, "nameless": 1,
    }  # fmt: skip
