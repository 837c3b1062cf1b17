"""Data points of QuakeML 2.0 become the rows that a table gives."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from catalog.formats import macroseismic_quakeml as module
from catalog.formats.intensity import Observed, PointRow
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError

POINT = """<ms:mdp publicID="m/{n}"><ms:reportReference>r</ms:reportReference>
<ms:eventReference>e</ms:eventReference><ms:placeReference>p</ms:placeReference>
<ms:intensity><ms:macroseismicScale>{scale}</ms:macroseismicScale>
<ms:expectedIntensity><ms:class>{written}</ms:class></ms:expectedIntensity></ms:intensity></ms:mdp>
"""
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
{doctype}<qml:quakeml xmlns:qml="http://quakeml.org/xmlns/quakeml"
 xmlns:ms="http://quakeml.org/xmlns/macroseismic/0.9"
 xmlns:rm="http://quakeml.org/xmlns/resourcemetadata/1.0"
 xmlns="http://quakeml.org/xmlns/bed/1.3">
<eventParameters><event publicID="e"><origin publicID="o">
<time><value>2014-11-14T01:24:16.2</value></time></origin></event></eventParameters>
<ms:macroseismicParameters>{points}
<ms:place publicID="p"><ms:preferredName><ms:name>Бөкөнбаево</ms:name></ms:preferredName>
<ms:referenceLatitude><value>42.118</value></ms:referenceLatitude>
<ms:referenceLongitude><value>76.993</value></ms:referenceLongitude></ms:place>
<ms:literatureSource identifier="r"><rm:title>Field survey</rm:title></ms:literatureSource>
</ms:macroseismicParameters></qml:quakeml>
"""
REAL = Path(__file__).parents[4] / "shared/data/macroseismic/ingv_macro_norcia2016_quakeml2.xml"


def document(*classes: str, scale: str = "EMS-98", doctype: str = "") -> bytes:
    points = "".join(
        POINT.format(n=n, written=written, scale=scale) for n, written in enumerate(classes)
    )
    return DOCUMENT.format(points=points, doctype=doctype).encode()


def rows_of(data: bytes) -> list[PointRow]:
    return [row for row in module.read(io.BytesIO(data), Limits()) if isinstance(row, PointRow)]


def test_points_come_with_place_time_scale_and_source() -> None:
    data = document("6-7", "NF", "SD")
    assert module.is_one(data[:4096])
    grade, not_felt, damage = rows_of(data)
    assert (grade.place, grade.latitude, grade.longitude) == ("Бөкөнбаево", 42.118, 76.993)
    assert grade.time is not None and f"{grade.time:%Y-%m-%d %H:%M:%S.%f}".endswith("16.200000")
    assert (grade.observed, grade.scale, grade.source) == (
        *(Observed(6.0, 7.0), "EMS-98", "Field survey"),
    )
    assert (not_felt.observed.felt, damage.observed.felt) == (False, True)
    assert damage.effects == "class SD"
    assert [row.problems for row in (grade, not_felt, damage)] == [(), (), ()]


def test_an_unknown_scale_and_a_grade_that_is_none_are_refused_by_row() -> None:
    (row,) = rows_of(document("13", scale="MCS"))
    assert [p.code for p in row.problems] == ["intensity-out-of-range", "unknown-value"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (document(), "missing-field"),
        (document("5").partition(b"</qml")[0], "truncated"),
        (document("5", doctype='<!DOCTYPE x [<!ENTITY a "b">]>'), "xml-doctype"),
    ],
)
def test_a_document_that_cannot_be_read_says_why(data: bytes, code: str) -> None:
    with pytest.raises(FormatError) as refused:
        rows_of(data)
    assert refused.value.problem.code == code


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not beside the checkout")
def test_the_archive_of_the_norcia_earthquake_is_read() -> None:
    rows = rows_of(REAL.read_bytes())
    assert len(rows) == 379
    assert not [row for row in rows if row.problems]
    assert all(row.source for row in rows)
    assert max(row.observed.maximum or 0 for row in rows) == 11.0
