"""The tables of ``docs/macroseismics.md`` are what the code gives today.

Intensities and sizes are those of ``catalog/data``; DYFI's files stand beside the checkout and
their test skips where they are absent. A line that differs is shown as it should read.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

import catalog.data
from processing.core import felt, geodesy, macroseismic
from processing.core import intensity_prediction as prediction

ROOT = Path(__file__).resolve().parents[2]
TOLD = (ROOT / "docs" / "macroseismics.md").read_text(encoding="utf-8")
DATA = Path(catalog.data.__file__).parent
DYFI = ROOT.parent / "shared" / "data" / "macroseismic"
MODELS = [prediction.MODELS[m] for m in (prediction.DEFAULT, "shebalin")]

#: Names of reports that the list of settlements has otherwise.
OTHERWISE = {"Алматы": "Almaty", "Қызылорда": "Kyzylorda", "Тараз": "Taraz", "Шымкент": "Shymkent",
             "Түркістан": "Turkestan", "Талдыкорган": "Taldykorgan", "Текели": "Tekeli",
             "Нарынқол": "Narynkol", "Ұзынағаш": "Uzunagach", "Семей": "Semey",
             "Өскемен": "Ust-Kamenogorsk", "Шалкөде": "Shalkode", "Кетмен": "Ketmen"}  # fmt: skip
BEARINGS = {"N": 0, "NE": 45, "E": 90, "SE": 135, "S": 180, "SW": 225, "W": 270, "NW": 315}
#: A direction told by eight letters may be off by so much to either side [deg].
HALF_SECTOR = 22.5


@dataclass(frozen=True)
class Place:
    latitude: float
    longitude: float


def settlements() -> dict[str, Place]:
    with gzip.open(DATA / "settlements.tsv.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    rows.sort(key=lambda row: int(row["population"] or 0))
    return {row["name_en"]: Place(float(row["latitude"]), float(row["longitude"])) for row in rows}


PLACES = settlements()


@dataclass(frozen=True)
class Source:
    """An event of a list: sizes, depth, and where it was: a point, or so far from Almaty."""

    name: str
    kr: float | None
    ms: float | None
    depth_km: float | None
    points: tuple[Place, ...]
    """Its epicentre; three along the arc where only distance and direction are told."""
    almaty_km: float | None
    felt: tuple[tuple[str, str], ...]


def article() -> Iterator[Source]:
    for row in csv.DictReader((DATA / "article_2014.csv").read_text(encoding="utf-8").splitlines()):
        told = []
        for part in row["intensities"].split(";"):
            if found := re.fullmatch(r"\s*(\D+?)(?: \(.*\))? (\d(?:-\d)?)\s*", part):
                told.append((found[1], found[2]))
        ms = row["MS"] or (row["magnitude"] if row["magnitude_type"] == "MSreg" else "")
        yield Source(
            row["origin_time"][:10],
            float(row["KR"]) if row["KR"] else None,
            float(ms) if ms else None,
            float(row["depth_km"]) if row["depth_km"] else None,
            (Place(float(row["latitude"]), float(row["longitude"])),),
            None,
            (*((("epicentre", row["i0"]),) if row["i0"] else ()), *told),
        )


def reports() -> Iterator[Source]:
    events: list[list[dict[str, str]]] = []
    text = (DATA / "operative_reports.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        if row["row"] == "event":
            events.append([])
        events[-1].append(row)
    for head, *rows in events:
        sizes = {row["magnitude_type"]: row["magnitude"] for row in rows if row["magnitude"]}
        kr = head["KR"] or sizes.get("KR")
        depth = re.search(r"depth: (\d+) km", head["comment"])
        far = re.search(r"place: (\d+) km(?: ([NESW]+))? ", head["comment"])
        points: tuple[Place, ...] = ()
        if head["latitude"]:
            points = (Place(float(head["latitude"]), float(head["longitude"])),)
        elif far is not None and far[2]:
            almaty, bearing = PLACES["Almaty"], BEARINGS[far[2]]
            lat, lon = geodesy.destination(
                almaty.latitude, almaty.longitude,
                np.array([bearing - HALF_SECTOR, bearing, bearing + HALF_SECTOR]),
                float(far[1]) / geodesy.KM_PER_DEGREE,
            )  # fmt: skip
            points = tuple(map(Place, lat.tolist(), lon.tolist()))
        yield Source(
            head["event_id"].removeprefix("SOME-"),
            float(kr) if kr else None,
            None,
            float(head["depth_km"] or (depth[1] if depth else "nan")),
            points,
            None if head["latitude"] or far is None else float(far[1]),
            tuple(
                (row["place"], row["intensity"] + (" (calc.)" if row["calculated"] else ""))
                for row in rows
                if row["intensity"]
            ),
        )


def distances(source: Source, name: str) -> list[float]:
    if name == "epicentre":
        return [0.0]
    english = OTHERWISE.get(name, name)
    if english == "Almaty" and source.almaty_km is not None:
        return [source.almaty_km]
    if english not in PLACES or not source.points:
        return []
    place = PLACES[english]
    return [
        float(
            geodesy.ellipsoid_distance_km(p.latitude, p.longitude, place.latitude, place.longitude)
        )
        for p in source.points
    ]


def between(values: list[float], digits: int) -> str:
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def line(source: Source, name: str, told: str) -> str:
    sizes = {scale: v for scale, v in (("KR", source.kr), ("MS", source.ms)) if v is not None}
    size = prediction.input_magnitude(sizes)
    far = distances(source, name)
    depth = source.depth_km
    shown = "not told" if depth is None or np.isnan(depth) else f"{depth:g}"
    h = prediction.DEPTH_WITHOUT_KM if shown == "not told" else depth
    cells = [source.name, OTHERWISE.get(name, name), told]
    if size is None:
        return " | ".join([*cells, "none (MPV only)", shown, "", "", ""])
    words = f"{size.value:.2f} ({'KR' if size.converted else size.scale})"
    if not far:
        return " | ".join([*cells, words, shown, "place not in the list", "", ""])
    predicted = [
        between([float(prediction.predict(m, size.value, h, r)[0]) for r in far], 1) for m in MODELS
    ]
    return " | ".join([*cells, words, shown, between(far, 0), *predicted])


def test_observed_intensities_against_both_predictions():
    sources = [*article(), *reports()]
    lines = [f"| {line(s, place, told)} |" for s in sources for place, told in s.felt]
    assert len(lines) == 5 + 18
    missing = [one for one in lines if one not in TOLD]
    assert not missing, "docs/macroseismics.md should say:\n" + "\n".join(lines)


def test_dyfi_cells_of_napa_and_gorkha():
    if not DYFI.is_dir():
        pytest.skip("../shared/data/macroseismic is not there")
    napa = json.loads((DYFI / "napa2014" / "dyfi_geo_10km.geojson").read_text())
    corner_error = 0.0
    for feature in napa["features"]:
        ring = np.array(feature["geometry"]["coordinates"][0])
        (code,) = set(re.findall(r"UTM:\((.*?)\)", feature["properties"]["name"]))
        lon, lat = ring.mean(axis=0)
        cell = felt.cell(lat, lon, 10)
        assert cell.code == code
        corner_error = max(corner_error, float(np.abs(np.array(cell.outline[:4]) - ring).max()))
        distance = geodesy.ellipsoid_distance_km(38.2152, -122.3123, cell.latitude, cell.longitude)
        told = feature["properties"]["dist"]
        # Hypocentral and cut to whole kilometres; those far away are not quite the geodesic.
        shorter = 0.05 + 0.006 * told * (told > 500)
        assert -shorter <= float(np.hypot(distance, 11.12)) - told < 1.0
    assert len(napa["features"]) == 374
    assert corner_error < 1.1e-5  # printed to 5 places
    seen = {}
    for name, size in (("napa2014/dyfi_dat.xml.small", 1), ("nepal2015/nepal_dyfi_dat.xml", 10)):
        stations = re.findall(r"<station [^>]*UTM[^>]*>", (DYFI / name).read_text())
        differ = []
        for station in stations:
            code = re.search(r"UTM:\((.*?)\)", station)[1]
            lat, lon = (float(re.search(rf'{w}="(.*?)"', station)[1]) for w in ("lat", "lon"))
            cell = felt.cell(lat, lon, size)
            if cell.code != code:
                differ.append((code, cell.code))
            else:
                assert abs(cell.latitude - lat) < 2e-4 and abs(cell.longitude - lon) < 2e-4
        seen[name] = (len(stations), differ)
    assert seen["napa2014/dyfi_dat.xml.small"] == (222, [])
    # Its centre lies beyond 84 E, where the next zone begins; the reports of it do not.
    gorkha = [("44R 079 312 10000", "45R 020 312 10000")]
    assert seen["nepal2015/nepal_dyfi_dat.xml"] == (72, gorkha)


def norcia() -> macroseismic.Points:
    """Graded points of the 2016-10-30 earthquake (ASMI; EMS-98); damage words and "F" have none."""
    tree = etree.parse(DYFI / "ingv_macro_norcia2016_quakeml2.xml")
    ms, bed = "{http://quakeml.org/xmlns/macroseismic/0.9}", "{http://quakeml.org/xmlns/bed/1.3}"
    places = {
        place.get("publicID"): tuple(
            float(place.findtext(f"{ms}reference{way}/{bed}value"))
            for way in ("Latitude", "Longitude")
        )
        for place in tree.iter(f"{ms}place")
    }
    rows = []
    for point in tree.iter(f"{ms}mdp"):
        grade = point.findtext(f"{ms}intensity/{ms}expectedIntensity/{ms}class")
        if found := re.fullmatch(r"(\d+)(?:-(\d+))?", grade or ""):
            ends = [float(end) for end in found.groups() if end]
            rows.append((*places[point.findtext(f"{ms}placeReference")], sum(ends) / len(ends)))
    return macroseismic.Points.of(rows)


@pytest.mark.parametrize("start", [(42.83, 13.11), (43.3, 13.6)], ids=["instrumental", "60 km off"])
def test_norcia_2016_from_its_intensities(start):
    if not DYFI.is_dir():
        pytest.skip("../shared/data/macroseismic is not there")
    points = norcia()
    assert len(points) == 320
    found = macroseismic.epicentre(points, *start, 10.0, MODELS[0])
    off = geodesy.ellipsoid_distance_km(42.83, 13.11, found.latitude, found.longitude)
    decay = macroseismic.decay(points.intensity, macroseismic.distances_km(points, 42.83, 13.11))
    told = (
        f"epicentre {off:.0f} km from the instrumental one (told error {found.error_km:.0f} km); "
        f"magnitude {found.magnitude.value:.1f}; depth {decay.depth_km:.0f} km "
        f"({decay.depth_low_km:.0f}-{decay.depth_high_km:.0f})"
    )
    assert told in " ".join(TOLD.split()), told
