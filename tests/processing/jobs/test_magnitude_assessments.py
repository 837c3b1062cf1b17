"""Amplitudes of reports become magnitudes, each station kept with what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.formats.records import (
    AmplitudeRecord,
    ArrivalRecord,
    FocalMechanismRecord,
    MomentTensorRecord,
    PickRecord,
    StationMagnitudeRecord,
    StationReference,
)
from catalog.models import Event, Magnitude, MagnitudeAssessment, Origin, Station
from processing.core.calibration import Calibration
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.magnitude_scales import BY_ID
from processing.core.station_magnitude import station_magnitudes
from processing.jobs import location, magnitude, preference_decisions
from processing.models import MagnitudeCalibration, WorkItem
from tests.processing.bulletins import START, associate, event, lay, person, picks, recompute
from tests.processing.jobs import test_location

pytestmark = pytest.mark.django_db(databases=["default", "progress"])

#: About 100 km from the epicentre of `event` (43.2, 77.1), north, east, south and west of it.
PLACES = {"NTH": (44.1, 77.1), "EST": (43.2, 78.33), "STH": (42.3, 77.1), "WST": (43.2, 75.87)}
OFFSET = Calibration(
    "kr-1", "KR_WSG", "offset", (0.0, 800.0), offset=-0.9, station_terms={".NTH": 0.1}
)


@pytest.fixture(autouse=True)
def stations() -> list[Station]:
    return [
        Station.objects.create(code=code, point=Point(lon, lat, srid=4326), elevation_m=0.0)
        for code, (lat, lon) in PLACES.items()
    ]


def amplitude(code: str, value: float | None, kind: str = "AS", **more: Any) -> AmplitudeRecord:
    return AmplitudeRecord(
        f"{code}-{kind}-{more.get('unit', 'nm')}", value, station=StationReference(code=code),
        **{"unit": "nm", "type": kind, "period": 0.6, **more},
    )  # fmt: skip


def class_amplitudes(scale: float = 1.0, codes: tuple[str, ...] = tuple(PLACES)) -> Any:
    return tuple(
        amplitude(code, scale * value, kind)
        for code in codes
        for kind, value in (("AP", 250.0), ("AS", 750.0))
    )


def report(agency: str, event_id: str, seconds: float = 0.0, **more: Any) -> None:
    associate(lay(agency, event(event_id, seconds, **more)))


def current(scale: str) -> MagnitudeAssessment:
    found: MagnitudeAssessment = MagnitudeAssessment.objects.current().get(scale=scale)
    return found


def told() -> dict[str, Any]:
    """All that is current, without keys."""
    return {
        a.scale: (
            a.type, a.reason, a.magnitude and a.magnitude.value,
            sorted((s["code"], s["outcome"], s["value"] or 0.0) for s in a.stations),
        )
        for a in MagnitudeAssessment.objects.current().select_related("magnitude")
    }  # fmt: skip


def calibrated(found: Calibration) -> None:
    """Accept a calibration, as an editor would."""
    low, high = found.distance_km
    MagnitudeCalibration.objects.create(
        version=found.version, scale=found.scale, kind=found.kind, offset=found.offset,
        method_id="by hand", distance_from_km=low, distance_to_km=high, residual_sigma=0.2,
        residual_rms=0.2, event_count=1, station_count=1, reading_count=1, first_event=START,
        last_event=START, status=MagnitudeCalibration.Status.ACCEPTED, status_changed_at=START,
        station_terms={name: [term, 0.1, 5] for name, term in found.station_terms.items()},
    )  # fmt: skip


def again() -> None:
    WorkItem.objects.request_many("recompute", [(e.pk, 1) for e in Event.objects.alive()])
    recompute()


def test_amplitudes_become_an_uncalibrated_class_of_no_column():
    report("SOME", "s1", amplitudes=class_amplitudes())
    recompute()
    kr = current("KR_WSG")
    assert kr.magnitude is not None and kr.reason == "" and kr.calibration == ""
    assert (kr.magnitude.type, kr.magnitude.scale) == ("KR(WSG)", "")
    assert kr.magnitude.value == pytest.approx(9.95, abs=0.1)
    assert kr.magnitude.value != round(kr.magnitude.value, 3)  # full precision
    assert kr.magnitude.method_id == kr.method_id == "kz-portal/amplitudes/kr-median"
    assert kr.magnitude.parameters == {"scale": "KR_WSG", "assessment": kr.inputs}
    assert kr.magnitude.station_count == 4 and kr.magnitude.agency.is_portal
    assert kr.origin == Origin.objects.get()
    assert {s["outcome"] for s in kr.stations} == {"used"}
    north = next(s for s in kr.stations if s["code"] == "NTH")
    assert north["distance_km"] == pytest.approx(100.0, abs=1.0)
    assert north["azimuth"] == pytest.approx(0.0, abs=0.1)
    assert [table for table, _key in north["sources"]] == ["amplitude", "amplitude"]
    assert current("KR_ASLANOV").magnitude is not None
    row = Event.objects.get().row
    assert row.kr is None and row.magnitude_count == 3  # mb as reported, and the two classes
    by_formula = station_magnitudes(
        BY_ID["KR_WSG"],
        [s["amplitude"] for s in kr.stations],
        second=[s["second_amplitude"] for s in kr.stations],
        distance_deg=[s["distance_km"] / KM_PER_DEGREE for s in kr.stations],
        depth_km=10.0,
    )
    assert [s["value"] for s in kr.stations] == pytest.approx(by_formula.value.tolist())
    # Run twice, nothing is written.
    before = set(MagnitudeAssessment.objects.values_list("pk", "magnitude"))
    again()
    assert set(MagnitudeAssessment.objects.values_list("pk", "magnitude")) == before


def test_amplitudes_of_picks_are_used_without_a_hint_from_the_portals_own_origin():
    ring = [
        Station.objects.create(code=f"ST{i}", point=Point(lon, lat, srid=4326), elevation_m=0.0)
        for i, (lat, lon) in enumerate(test_location.PLACES)
    ]
    read = {w: picks(ring, test_location.onsets(ring, w), w) for w in "PS"}
    both = [
        replace(part, pick_id=f"{wave}{part.pick_id}")
        for wave in "PS"
        for kind in ("picks", "arrivals")
        for part in read[wave][kind]  # type: ignore[attr-defined]
    ]
    amplitudes = tuple(
        AmplitudeRecord(f"a{wave}{i}", value, unit="nm", period=0.5, pick_id=f"{wave}p{i}")
        for i in range(len(ring))
        for wave, value in (("P", 50.0), ("S", 150.0))
    )
    report(
        "SOME", "s1", latitude=43.0, longitude=77.2, amplitudes=amplitudes,
        picks=tuple(p for p in both if isinstance(p, PickRecord)),
        arrivals=tuple(a for a in both if isinstance(a, ArrivalRecord)),
    )  # fmt: skip
    recompute()
    kr = current("KR_WSG")
    assert kr.origin.is_computed and kr.magnitude.origin == kr.origin
    assert kr.magnitude.station_count == 6
    assert {(s["network"], s["component"], s["period"]) for s in kr.stations} == {("", "", 0.5)}
    again()
    assert current("KR_WSG") == kr and MagnitudeAssessment.objects.count() == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_of_bulletins_changes_nothing(order: tuple[int, int]):
    one = ("SOME", "s1", 0.0, {"amplitudes": class_amplitudes(1.0, ("NTH", "EST", "STH"))})
    two = ("KNDC", "k1", 1.0, {"amplitudes": class_amplitudes(3.0, ("STH", "WST", "EST"))})
    for i in order:
        agency, key, seconds, more = (one, two)[i]
        report(agency, key, seconds, **more)
        recompute()
    assert Event.objects.alive().count() == 1
    found = told()["KR_WSG"]
    # Of two reports of a station the lower counts; of the others one each.
    counts = [code for code, outcome, _value in found[3] if outcome == "used"]
    assert counts == ["EST", "NTH", "STH", "WST"]
    assert [o for _c, o, _v in found[3]].count("other_reading") == 2
    assert found[2] == pytest.approx(9.95, abs=0.1)


def test_a_newer_report_supersedes_what_followed_from_the_older():
    report("SOME", "s1", amplitudes=class_amplitudes())
    recompute()
    old = current("KR_WSG")
    report("SOME", "s1", 0.5, amplitudes=class_amplitudes(10.0))
    recompute()
    new = current("KR_WSG")
    assert new.pk != old.pk and new.magnitude.value - old.magnitude.value == pytest.approx(1.84)
    old.refresh_from_db()
    assert old.superseded_at is not None
    assert Magnitude.objects.get(pk=old.magnitude_id).superseded_at is not None
    report("SOME", "s1", 0.6)
    recompute()
    assert not MagnitudeAssessment.objects.current().exists()
    assert not Magnitude.objects.current().computed().exists()


def test_every_bad_amplitude_is_kept_with_its_name():
    mb = {"kind": "", "magnitude_hint": "mb"}
    report(
        "SOME", "s1", latitude=63.2,  # 20 deg north of the stations
        amplitudes=(
            amplitude("NTH", 0.0, **mb), amplitude("EST", 9.0, **{**mb, "period": None}),
            amplitude("STH", 9.0, **{**mb, "unit": "counts"}), amplitude("NOWHERE", 9.0, **mb),
            amplitude("WST", None, **mb),
        ),
    )  # fmt: skip
    recompute()
    found = current("mb_VC")
    assert found.reason == "no_usable_reading" and found.magnitude is None
    assert {s["code"]: s["outcome"] for s in found.stations} == {
        "NTH": "amplitude_not_positive", "EST": "period_missing", "STH": "unit_unknown",
        "NOWHERE": "distance_unknown", "WST": "amplitude_missing",
    }  # fmt: skip


def test_a_value_reported_as_a_bound_is_not_used():
    bound = amplitude("NTH", 5000.0, "", magnitude_hint="mb")
    size = StationMagnitudeRecord(
        value=6.0, type="mb", bound="min", amplitude_id=bound.amplitude_id,
        station=StationReference(code="NTH"),
    )  # fmt: skip
    report("SOME", "s1", amplitudes=(bound,), station_magnitudes=(size,))
    recompute()
    assert [s["outcome"] for s in current("mb").stations] == ["bound_only"]


def test_a_person_who_moves_the_preferred_origin_moves_the_magnitudes():
    report("SOME", "s1", amplitudes=class_amplitudes(), azimuthal_gap=30.0, used_station_count=90)
    report("KNDC", "k1", 1.0, latitude=43.5)
    recompute()
    first = current("KR_WSG")
    assert first.origin.entry.report.agency.code == "SOME"
    other = Origin.objects.get(entry__report__agency__code="KNDC")
    preference_decisions.prefer_origin(other.event_id, other.pk, person("editor"))
    recompute()
    moved = current("KR_WSG")
    assert moved.origin == other and moved.pk != first.pk
    assert moved.magnitude.value != first.magnitude.value
    # The magnitude hangs on no reported origin: it is not of that agency's solution.
    assert moved.magnitude.origin is None


def test_an_accepted_calibration_gives_the_class_its_name_and_column():
    report("SOME", "s1", amplitudes=class_amplitudes())
    recompute()
    plain = current("KR_WSG").magnitude.value
    calibrated(OFFSET)
    again()
    kr = current("KR_WSG")
    assert (kr.type, kr.calibration) == ("KR", "kr-1")
    assert (kr.magnitude.type, kr.magnitude.scale) == ("KR", "KR")
    assert kr.magnitude.parameters["calibration"] == "kr-1"
    assert kr.magnitude.value == pytest.approx(plain - 0.9, abs=0.06)
    assert next(s for s in kr.stations if s["code"] == "NTH")["correction"] == 0.1
    assert Event.objects.get().row.kr == kr.magnitude.value
    assert current("KR_ASLANOV").magnitude.scale == ""


def test_agencies_station_values_go_before_amplitudes_and_their_own_value_before_both():
    calibrated(OFFSET)
    sizes = tuple(
        StationMagnitudeRecord(value=11.0, type="KR", station=StationReference(code=code))
        for code in ("NTH", "EST", "STH")
    )
    report("SOME", "s1", amplitudes=class_amplitudes(), station_magnitudes=sizes)
    recompute()
    # Four stations of amplitudes, three of station values: which is larger does not decide.
    assert Event.objects.get().row.kr == 11.0
    preferred = Event.objects.get().preferred_magnitudes.get(scale="KR").magnitude
    assert preferred.method_id == "kz-portal/network/kr-median"
    chosen = current("KR_WSG").magnitude
    preference_decisions.prefer_magnitude(preferred.event_id, chosen.pk, person("editor"))
    recompute()
    assert Event.objects.get().row.kr == chosen.value
    report("KNDC", "k1", 1.0, sizes={"KR": 12.0})
    again()
    assert Event.objects.get().row.kr == chosen.value  # a person's choice stands


def test_moments_of_mechanisms_become_mw():
    tensor = MomentTensorRecord(scalar_moment=1.2589e18)
    mechanism = FocalMechanismRecord("m", moment_tensor=tensor)
    report("GCMT", "g1", focal_mechanisms=(mechanism,))
    recompute()
    mw = current("Mw")
    assert mw.magnitude.value == pytest.approx(6.0, abs=1e-4) and mw.origin is None
    assert mw.magnitude.station_count is None
    assert [(s["code"], s["sources"][0][0]) for s in mw.stations] == [("GCMT", "mechanism")]
    assert Event.objects.get().row.magnitude_type == "Mw"


def test_the_number_of_queries_does_not_grow_with_the_events():
    for i in range(6):
        report("SOME", f"s{i}", 4000.0 * i, amplitudes=class_amplitudes())
    recompute()
    agency = location.portal_agency()

    def queries(events: list[Event]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            magnitude.compute_many(events, {}, agency)
        return len(captured)

    events = list(Event.objects.order_by("pk"))
    assert len(events) == 6
    assert queries(events[:1]) == queries(events)
