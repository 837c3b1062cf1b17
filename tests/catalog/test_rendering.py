"""Lines, places and QuakeML parts: what is written is what was known, and readable by others."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import obspy
import pytest
from django.contrib.gis.geos import Point
from django.utils import translation
from lxml import etree

from catalog import exchange, rendering
from catalog.formats import quakeml
from catalog.formats.records import (
    AxisRecord,
    DescriptionRecord,
    EventRecord,
    FocalMechanismRecord,
    IntensityRecord,
    MagnitudeRecord,
    NodalPlaneRecord,
    OriginRecord,
)
from catalog.models import Amplitude, Magnitude, MagnitudeAssessment, Settlement
from catalog.rendering import Facts, Place, Size, row_values
from tests.catalog.event_rows import obspy_isf, store_report

SCHEMA = Path(obspy.__file__).parent / "io/quakeml/data/QuakeML-1.2.xsd"

ORIGIN = OriginRecord(
    origin_id="origin/1",
    time=datetime(2014, 3, 1, 12, 34, 5, 60000, tzinfo=UTC),
    latitude=43.2,
    longitude=-0.000001,
    depth_km=0.0,
    agency="SOME",
)
EVENT = EventRecord(
    text="",
    first_line=0,
    last_line=0,
    event_id="kz2014aaaaaa",
    event_type="earthquake",
    origins=(ORIGIN,),
    magnitudes=(MagnitudeRecord(5.25, "mb", magnitude_id="magnitude/1", agency="KNDC"),),
    preferred_origin_id="origin/1",
    preferred_magnitude_id="magnitude/1",
)
FACTS = Facts(
    status="reviewed",
    place=Place(1, {"en": "Almaty", "ru": "Алматы", "kk": "Алматы"}, 45.2, 92.0),
    sizes={"KR": Size(11.25), "mb": Size(5.25, computed=True)},
    reporters=("SOME", "KNDC"),
    contributor="SOME",
    contributor_id="=1|2",
)


def cells(values: dict) -> dict[str, str]:
    (row,) = csv.DictReader(io.StringIO(f"{rendering.CSV_HEADER}\n{values['csv_line']}\n"))
    assert None not in row
    return row


def test_the_text_line_has_fourteen_columns():
    line = row_values(EVENT, FACTS)["fdsn_text"]
    assert line == (
        "kz2014aaaaaa|2014-03-01T12:34:05.06|43.2|0|0|SOME|KZPORTAL|SOME|=1/2|mb|5.25|KNDC|"
        "45 km E of Almaty|earthquake"
    )
    assert len(line.split("|")) == len(rendering.TEXT_HEADER.split("|")) == 14


def test_the_wide_line_guards_text_but_never_numbers():
    row = cells(row_values(replace(EVENT, origins=(replace(ORIGIN, latitude=-43.2),)), FACTS))
    assert row["contributor_id"] == "'=1|2"
    assert row["latitude"] == "-43.2"
    assert (row["KR"], row["mb"], row["MS"], row["magnitude"]) == ("11.25", "5.2", "", "5.25")
    assert row["agencies"] == "KNDC SOME"
    assert row["time"] == "2014-03-01T12:34:05.06Z"


@pytest.mark.parametrize("text", ["=1+1", "+7", "-x", "@a", "\tb", "\rc"])
def test_a_text_cell_is_never_a_formula(text):
    assert rendering.csv_cell(text).startswith("'")


def test_no_line_holds_a_line_end_or_a_control_character():
    facts = replace(FACTS, contributor_id='a\n"b",\x01\x00|c', contributor="x\r\ny")
    values = row_values(EVENT, facts)
    for line in (values["fdsn_text"], values["csv_line"]):
        assert line.isprintable()
    assert cells(values)["contributor_id"] == 'a "b",  |c'


def test_a_time_of_minutes_prints_without_seconds():
    origin = replace(ORIGIN, time=datetime(1887, 5, 28, 23, 35, tzinfo=UTC), time_uncertainty=30.0)
    values = row_values(replace(EVENT, origins=(origin,)), FACTS)
    assert values["minute_precision"]
    assert cells(values)["time"] == "1887-05-28T23:35Z"
    assert "|1887-05-28T23:35:00|" in values["fdsn_text"]


def test_the_style_is_of_the_preferred_mechanism():
    thrust = FocalMechanismRecord("a", nodal_plane_1=NodalPlaneRecord(0, 45, 90))
    slip = FocalMechanismRecord("b", t_axis=AxisRecord(45, 0), p_axis=AxisRecord(135, 0))
    event = replace(EVENT, focal_mechanisms=(thrust, slip))
    assert row_values(event, FACTS)["faulting_style"] == ""
    for key, style in (("a", "TF"), ("b", "SS")):
        values = row_values(replace(event, preferred_focal_mechanism_id=key), FACTS)
        assert (values["faulting_style"], values["has_mechanism"]) == (style, True)
    nothing = replace(EVENT, focal_mechanisms=(FocalMechanismRecord("c"),),
                      preferred_focal_mechanism_id="c")  # fmt: skip
    assert row_values(nothing, FACTS)["faulting_style"] == ""


def test_what_was_felt_comes_from_what_was_observed():
    felt = IntensityRecord("Almaty", best=4.5, felt=True)
    stronger = IntensityRecord("Talgar", minimum=5, maximum=6)
    computed = IntensityRecord("epicentre", best=8, calculated=True)
    values = row_values(replace(EVENT, intensities=(felt, stronger, computed)), FACTS)
    assert (values["felt"], values["max_intensity"]) == (True, 6)
    values = row_values(replace(EVENT, intensities=(computed,)), FACTS)
    assert (values["felt"], values["max_intensity"]) == (False, None)
    unfelt = IntensityRecord("Almaty", felt=False, best=1)
    assert not row_values(replace(EVENT, intensities=(unfelt,)), FACTS)["felt"]


def test_names_go_to_their_language():
    names = (
        DescriptionRecord("Kemin", "earthquake name"),
        DescriptionRecord("Кеминское", "earthquake name", "ru"),
        DescriptionRecord("Tien Shan", "region name"),
    )
    values = row_values(replace(EVENT, descriptions=names), FACTS)
    assert (values["name_en"], values["name_ru"], values["name_kk"]) == ("Kemin", "Кеминское", "")


# --- places ------------------------------------------------------------------------------------


def settlement(name: str, longitude: float, latitude: float, population: int | None) -> Settlement:
    return Settlement.objects.create(
        name_en=name,
        name_ru=f"{name}-ru",
        point=Point(longitude, latitude, srid=4326),
        population=population,
        country="KZ",
    )


@pytest.mark.django_db
def test_an_event_is_told_by_the_settlement_a_reader_knows(django_assert_num_queries):
    Settlement.objects.all().delete()
    settlement("Almaty", 76.95, 43.25, 2_000_000)
    settlement("Village", 77.5, 43.25, None)
    for number in range(12):
        settlement(f"Hamlet {number}", 77.45 + number / 100, 43.4, 300)
    with django_assert_num_queries(1):
        near, far, village = rendering.nearest_places(
            [(76.951, 43.25), (77.4, 43.25), (77.5, 43.3)]
        )
    assert near.text("en") == "near Almaty"
    assert far.text("en") == "37 km E of Almaty"
    assert village.text("en") == "6 km N of Village"
    (towards,) = rendering.nearest_places([(77.1, 43.1)])
    assert towards.names["en"] == "Almaty"
    assert 143 < towards.azimuth < 145
    assert towards.distance_km == pytest.approx(20.65, abs=0.02)


@pytest.mark.django_db
def test_without_settlements_the_reported_region_stands():
    Settlement.objects.all().delete()
    assert rendering.nearest_places([(77.0, 43.0)]) == [None]
    origin = replace(ORIGIN, region="EASTERN KAZAKHSTAN")
    values = row_values(replace(EVENT, origins=(origin,)), replace(FACTS, place=None))
    assert values["place_kk"] == "EASTERN KAZAKHSTAN"


def test_a_place_does_not_depend_on_the_language_now_active():
    with translation.override("ru"):
        assert FACTS.place.text("en") == "45 km E of Almaty"


# --- QuakeML -----------------------------------------------------------------------------------


def document(*events: bytes) -> bytes:
    return quakeml.document_start("smi:x.y/z") + b"".join(events) + quakeml.document_end()


@pytest.mark.django_db
@pytest.mark.parametrize("all_origins", [False, True])
@pytest.mark.parametrize("all_magnitudes", [False, True])
@pytest.mark.parametrize("arrivals", [False, True])
@pytest.mark.parametrize("mechanisms", [False, True])
def test_any_choice_of_parts_is_valid_and_says_what_was_asked(
    all_origins, all_magnitudes, arrivals, mechanisms
):
    ((_, record),) = exchange.event_records([store_report(obspy_isf())])
    parts = rendering.render_fragments(record)
    wanted = rendering.parts_wanted(
        all_origins=all_origins,
        all_magnitudes=all_magnitudes,
        arrivals=arrivals,
        mechanisms=mechanisms,
    )
    body = rendering.join_event(
        {part: body for part, body in parts.items() if part in wanted},
        all_origins=all_origins,
        all_magnitudes=all_magnitudes,
    )
    text = document(body)
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(text))
    (event,) = obspy.read_events(io.BytesIO(text), format="QUAKEML")
    assert len(event.origins) == (len(record.origins) if all_origins else 1)
    assert len(event.magnitudes) == (len(record.magnitudes) if all_magnitudes else 1)
    assert len(event.picks) == (len(record.picks) if arrivals else 0)
    preferred = event.preferred_origin()
    assert len(preferred.arrivals) == (len(record.origins[0].arrivals) if arrivals else 0)
    assert event.preferred_magnitude().mag == record.magnitudes[0].value
    assert str(event.resource_id).endswith(f"/event/{record.event_id}")


@pytest.mark.django_db
def test_all_parts_joined_are_the_whole_event():
    ((_, record),) = exchange.event_records([store_report(obspy_isf())])
    joined = rendering.join_event(
        rendering.render_fragments(record), all_origins=True, all_magnitudes=True
    )
    whole = quakeml.render_event(record, rendering.resource_id)
    assert sorted(joined.splitlines()) == sorted(whole.splitlines())


def test_a_synthetic_event_says_so_in_every_line_and_part():
    made_up = replace(EVENT, synthetic=True)
    values = row_values(made_up, FACTS)
    assert values["fdsn_text"].endswith(
        "|SYNTHETIC, not real: invented to show how the portal works; 45 km E of Almaty|earthquake"
    )
    assert len(values["fdsn_text"].split("|")) == 14
    assert cells(values)["synthetic"] == "true"
    assert b"SYNTHETIC, not real" in rendering.render_fragments(made_up)["plain"]
    assert b"SYNTHETIC" not in rendering.render_fragments(EVENT)["plain"]


def test_what_an_agency_lists_apart_is_in_a_catalogue_of_its_own():
    assert row_values(EVENT, FACTS)["catalog"] == "KZPORTAL"
    apart = row_values(EVENT, replace(FACTS, supplementary=True))
    assert apart["catalog"] == "KZPORTAL-SUPPLEMENTARY"


@pytest.mark.django_db
def test_stations_of_a_computed_size_go_out_with_it_and_leave_the_magnitude_alone():
    event = store_report(obspy_isf())
    before, _ = rendering.rendered([event])[event.pk]
    amplitude = Amplitude.objects.create(
        entry=event.reports.get().current_entry, station_code="AAA", value=2.5e-7, unit="m"
    )
    computed = Magnitude.objects.create(
        event=event, origin=event.preferred_origin, type="KR(WSG)", value=13.456, uncertainty=0.21,
        station_count=3, method_id="kz-portal/network/kr-median",
    )  # fmt: skip
    station = {"network": "KZ", "residual": 0.1, "outcome": "used", "sources": []}
    MagnitudeAssessment.objects.create(
        event=event, origin=event.preferred_origin, scale="KR_WSG", type="KR(WSG)",
        magnitude=computed, method_id=computed.method_id, inputs="x",
        stations=[
            {**station, "code": "AAA", "value": 13.5,
             "sources": [["measurement", 1], ["amplitude", amplitude.pk]]},
            {**station, "code": "BBB", "value": 17.0, "outcome": "outlier", "residual": 3.5},
            {**station, "code": "CCC", "value": None, "outcome": "period_missing"},
        ],
    )  # fmt: skip
    values, parts = rendering.rendered([event])[event.pk]
    same = ("kr", "magnitude", "magnitude_type", "fdsn_text")
    assert [values[name] for name in same] == [before[name] for name in same]

    text = document(rendering.join_event(parts, all_origins=True, all_magnitudes=True))
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.fromstring(text))
    (told,) = obspy.read_events(io.BytesIO(text), format="QUAKEML")
    (size,) = (m for m in told.magnitudes if m.magnitude_type == "KR(WSG)")
    assert (size.mag, size.mag_errors.uncertainty, size.station_count) == (13.456, 0.21, 3)
    assert str(size.method_id).endswith("/kr-median")
    assert [c.weight for c in size.station_magnitude_contributions] == [1.0, 0.0]
    ours = [m for m in told.station_magnitudes if m.station_magnitude_type == "KR(WSG)"]
    assert [(m.waveform_id.station_code, m.mag) for m in ours] == [("AAA", 13.5), ("BBB", 17.0)]
    assert str(ours[0].amplitude_id).endswith(f"/amplitude/{amplitude.pk}")
