"""KML: a Placemark says where, when and how deep, and no name can break it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.gis.gdal import DataSource, Driver, GDALException
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html

from catalog import rendering
from catalog.formats import kml
from catalog.formats.labels import SYNTHETIC

ROOT = Path(__file__).parents[3]
K = f"{{{kml.NAMESPACE}}}"
#: Elements of a Placemark in the order of the standard's schema.
ORDER = ["name", "description", "TimeStamp", "styleUrl", "ExtendedData", "Point"]
HOSTILE = '<script>alert(1)</script> & "O\'Hara" ]]> <!-- &amp; Қарағанды 𝕏'
CELLS = {
    **dict.fromkeys(kml.COLUMNS, ""),
    "event_id": "kz2014karagn",
    "time": "2014-06-21T06:34:49.1Z",
    "latitude": "49.5",
    "longitude": "72.75",
    "depth_km": "12.345",
    "KR": "11.2",
    "mb": "5.1",
    "magnitude": "5.1",
    "magnitude_type": "mb",
    "author": "KNDC",
    "felt": "true",
    "mechanism": "false",
    "synthetic": "false",
    "place": "45 km E of Karaganda",
}


def document(*rows: dict[str, str], page: str = "") -> etree._Element:
    text = "".join(kml.placemark({**CELLS, **row}, page) for row in rows).encode()
    start = kml.document_start("Earthquakes", HOSTILE, "https://x.example/a?b&c")
    return etree.fromstring(start + text + kml.DOCUMENT_END)


def only(**cells: str) -> etree._Element:
    (found,) = document(cells).iter(f"{K}Placemark")
    return found


def text_of(mark: etree._Element, path: str) -> str:
    return mark.findtext("/".join(K + step for step in path.split("/"))) or ""


def data_of(mark: etree._Element) -> dict[str, str]:
    return {d.get("name"): d.text for d in mark.iter(f"{K}SimpleData")}


def test_its_columns_are_those_of_the_wide_table():
    assert list(kml.COLUMNS) == list(rendering.CSV_COLUMNS)


def test_its_colours_are_those_of_the_map():
    tokens = (ROOT / "static/css/tokens.css").read_text(encoding="utf-8")
    by_day = dict(reversed(re.findall(r"--(depth-\w+): (#[0-9a-f]{6});", tokens)))
    assert by_day == kml.DEPTH_COLOURS
    styles = {
        style.get("id"): text_of(style, "IconStyle/color") for style in document().iter(f"{K}Style")
    }
    assert styles["depth-0"] == "ff00c4fe"  # opacity, blue, green, red
    assert list(styles) == list(kml.DEPTH_COLOURS)


def test_a_placemark_is_as_the_schema_has_it():
    mark = only()
    assert mark.get("id") == "kz2014karagn"
    assert [child.tag.removeprefix(K) for child in mark] == ORDER
    assert text_of(mark, "name") == "mb 5.1, 45 km E of Karaganda"
    assert text_of(mark, "TimeStamp/when") == "2014-06-21T06:34:49.1Z"
    assert "depth: 12.345 km<br>KR 11.2, mb 5.1<br>" in text_of(mark, "description")
    data = data_of(mark)
    assert data["KR"] == "11.2" and (data["felt"], data["mechanism"]) == ("1", "0")
    assert "ML" not in data  # not reported is left out, neither 0 nor empty
    fields = {field.get("name") for field in document().iter(f"{K}SimpleField")}
    assert set(data) <= fields and "name" not in fields


@pytest.mark.parametrize(
    ("depth", "coordinates", "style"),
    [
        ("12.345", "72.75,49.5,-12345", "depth-1"),
        ("", "72.75,49.5", "depth-none"),
        ("0", "72.75,49.5,0", "depth-0"),
        ("-1.5", "72.75,49.5,1500", "depth-0"),
        ("9.999", "72.75,49.5,-9999", "depth-0"),
        ("10", "72.75,49.5,-10000", "depth-1"),
        ("40", "72.75,49.5,-40000", "depth-3"),
        ("212.5", "72.75,49.5,-212500", "depth-4"),
    ],
)
def test_a_depth_is_metres_below_the_sea_and_a_colour(depth: str, coordinates: str, style: str):
    mark = only(depth_km=depth)
    assert text_of(mark, "Point/coordinates") == coordinates
    assert text_of(mark, "styleUrl") == f"#{style}"
    assert mark.find(f".//{K}altitudeMode") is None  # the default: clampToGround


@pytest.mark.parametrize("time", ["2014-06-21T06:34Z", "2014-06-21T06:34:49Z", "0996-01-01T00:00Z"])
def test_a_time_is_a_whole_xsd_datetime(time: str):
    mark = only(time=time)
    when = text_of(mark, "TimeStamp/when")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", when)
    datetime.fromisoformat(when)
    assert data_of(mark)["time"] == time  # as far as the source gives it


def test_what_is_made_up_says_so_first_in_name_and_description():
    mark = only(synthetic="true")
    assert text_of(mark, "name") == "SYNTHETIC: mb 5.1, 45 km E of Karaganda"
    assert text_of(mark, "description").startswith(SYNTHETIC)
    assert data_of(mark)["synthetic"] == "1"
    assert "SYNTHETIC" not in etree.tostring(only()).decode()
    assert data_of(only())["synthetic"] == "0"


@pytest.mark.parametrize(
    ("cells", "title"),
    [
        ({"magnitude_type": ""}, "M 5.1, 45 km E of Karaganda"),
        ({"magnitude": ""}, "KR 11.2, 45 km E of Karaganda"),
        ({"magnitude": "", "KR": "", "MPVA": "4.6"}, "MPVA 4.6, 45 km E of Karaganda"),
        ({"magnitude": "", "KR": ""}, "45 km E of Karaganda"),
        ({"name": "Karaganda earthquake"}, "mb 5.1, Karaganda earthquake"),
        ({"magnitude": "", "KR": "", "place": ""}, "kz2014karagn"),
    ],
)
def test_an_event_is_named_by_what_is_known(cells: dict[str, str], title: str):
    assert text_of(only(**cells), "name") == title


def test_a_hostile_name_stays_a_name():
    page = 'https://x.example/"><script>/kz'
    (mark,) = document({"place": HOSTILE, "author": "<b>"}, page=page).iter(f"{K}Placemark")
    assert text_of(mark, "name") == f"mb 5.1, {HOSTILE}"
    assert data_of(mark)["place"] == HOSTILE
    shown = html.fromstring(text_of(mark, "description"))  # as a viewer shows it
    assert {element.tag for element in shown.iter()} <= {"div", "p", "span", "br", "a"}
    assert HOSTILE in shown.text_content()
    assert shown.xpath("//a/@href") == [page]


def test_gdal_reads_it_as_it_is_meant(tmp_path: Path):
    try:
        Driver("LIBKML")
    except GDALException:
        pytest.skip("this GDAL reads no KML")
    path = tmp_path / "events.kml"
    path.write_bytes(etree.tostring(document({"synthetic": "true"}, {"depth_km": ""})))
    (layer,) = DataSource(path)
    first, second = layer
    assert first.geom.coords == (72.75, 49.5, -12345.0)
    assert second.geom.coords[:2] == (72.75, 49.5)
    assert first["Name"].value == "SYNTHETIC: mb 5.1, 45 km E of Karaganda"
    assert (first["synthetic"].value, second["synthetic"].value) == (1, 0)
    assert (first["depth_km"].value, second["depth_km"].value) == (12.345, None)
    assert (first["KR"].value, first["event_id"].value) == (11.2, "kz2014karagn")


@given(st.text(max_size=40))
def test_any_text_is_well_formed_and_comes_back(text: str):
    text = text.encode("utf-8", "replace").decode()  # no lone surrogates: UTF-8 has none
    mark = only(place=text, name=text, author=text)
    told = data_of(mark).get("place", "") or ""
    expected = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)
    assert told == expected.replace("\r\n", "\n").replace("\r", "\n")
