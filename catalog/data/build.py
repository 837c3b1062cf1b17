"""Make the shipped seeds that are derived from larger public files; run by hand, once.

    python -m catalog.data.build settlements <GeoNames cities1000 rows, tab separated, gzip>
    python -m catalog.data.build kazakhstan node_modules/world-atlas/countries-10m.json
    python -m catalog.data.build operative ../shared/data/macroseismic/kz_operational_reports.jsonl

The first writes ``settlements.tsv.gz`` (GeoNames, CC BY 4.0) with one name a language; the second
``kazakhstan.geojson`` (Natural Earth 1:10m, public domain, as packed in world-atlas) cut down to
about a kilometre, which is enough to say whose solution is preferred where; the third
``operative_reports.csv``: operative reports from public announcements as a bulletin table. A report
without coordinates becomes an event without a solution: its time, and where it was told to be, stay
words.

GeoNames' alternate names carry no language here, so a name's language is read from its letters: a
Cyrillic name with a letter of the Kazakh alphabet only is Kazakh, one of Russian letters only may
be Russian; of several the one nearest to the Latin name wins (old names lose: Верный, Шевченко).
Where only a Russian-lettered name is known it stands for both languages, because many are the same
in both. ``cities.csv`` corrects the larger cities by hand and wins over all of that.
``more_settlements.csv`` adds places of Kazakhstan and Kyrgyzstan that GeoNames has among those of
500 people but that the larger file left out (Shelek among them). Former names are apart, in
``old_names.csv``.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.gis.geos import MultiPolygon, Polygon

from catalog.formats import bulletin_csv
from catalog.formats.labels import ORIGIN_TIME, PLACE
from catalog.formats.records import EventRecord, IntensityRecord, MagnitudeRecord, OriginRecord
from catalog.formats.tables import MINUTE_UNCERTAINTY

HERE = Path(__file__).resolve().parent

KAZAKH_ONLY = frozenset("әғқңөұүһі")
RUSSIAN = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")
#: Turkic neighbours share these letters, so outside Kazakhstan they alone prove nothing.
NOT_SHARED = frozenset("ұ")
#: In Kazakhstan, but Ukrainian: the letter і alone does not tell the two apart.
UKRAINIAN = frozenset(
    ("Баутіно", "Вірний", "Цілиноград", "Акмолінськ", "Екібастуз", "Экібастуз", "Ріддер", "Ленгір")
)
LATIN = dict(
    zip("абвгдеёзийклмнопрстуфыэәғқңөұүһі", "abvgdeeziyklmnoprstufyeagqnouuhi", strict=True)
)
LATIN |= {"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya"}
LATIN |= {"ъ": "", "ь": ""}
COLUMNS = (
    "geonames_id",
    "name_en",
    "name_ru",
    "name_kk",
    "other_names",
    "latitude",
    "longitude",
    "population",
    "country",
    "region_code",
    "feature_code",
)
#: Parts and quarters of a city are not settlements of their own; PPLQ, PPLH: abandoned.
LEFT_OUT = frozenset({"PPLX", "PPLQ", "PPLH"})


def letters(name: str) -> frozenset[str]:
    return frozenset(letter for letter in name.lower() if letter.isalpha())


def nearest(latin: str, names: list[str]) -> str:
    """Return the name that reads most like the Latin one."""

    def likeness(name: str) -> float:
        spelled = "".join(LATIN.get(letter, letter) for letter in name.lower())
        return difflib.SequenceMatcher(None, spelled, latin.lower()).ratio()

    return max(names, key=likeness, default="")


def is_kazakh(name: str, country: str) -> bool:
    found = letters(name)
    if not found <= RUSSIAN | KAZAKH_ONLY or name in UKRAINIAN:
        return False
    return bool(found & (KAZAKH_ONLY if country == "KZ" else NOT_SHARED))


def settlements(source: Path) -> Iterator[dict[str, str]]:
    with open(HERE / "cities.csv", encoding="utf-8", newline="") as stream:
        by_hand = {row["geonames_id"]: row for row in csv.DictReader(stream)}
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        for line in stream:
            cells = line.rstrip("\n").split("\t")
            if cells[7] in LEFT_OUT:
                continue
            names = [name.strip() for name in cells[3].split(",") if name.strip()]
            russian = nearest(
                cells[2], [name for name in names if name and letters(name) <= RUSSIAN]
            )
            kazakh = nearest(cells[2], [name for name in names if is_kazakh(name, cells[8])])
            row = {
                "geonames_id": cells[0],
                "name_en": cells[1],
                "name_ru": russian,
                "name_kk": kazakh or russian,
                "latitude": cells[4],
                "longitude": cells[5],
                "population": "" if cells[14] == "0" else cells[14],  # 0: not known
                "country": cells[8],
                "region_code": cells[10],
                "feature_code": cells[7],
            }
            if corrected := by_hand.get(cells[0]):
                row.update({key: corrected[key] for key in ("name_en", "name_ru", "name_kk")})
            told = {row["name_en"], row["name_ru"], row["name_kk"]}
            others = {cells[1], cells[2], *names} - told
            row["other_names"] = ",".join(
                sorted(name for name in others if all(ord(letter) < 0x530 for letter in name))
            )
            yield row


def write_settlements(source: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    with open(HERE / "more_settlements.csv", encoding="utf-8", newline="") as stream:
        more = {row["geonames_id"]: row for row in csv.DictReader(stream)}
    found = {row["geonames_id"]: row for row in settlements(source)}
    rows = {**more, **found}.values()
    writer.writerows(sorted(rows, key=lambda row: int(row["geonames_id"])))
    # No time in the header: the same source gives the same bytes.
    (HERE / "settlements.tsv.gz").write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


def write_kazakhstan(source: Path) -> None:
    topology: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    (country,) = (
        geometry
        for geometry in topology["objects"]["countries"]["geometries"]
        if geometry["properties"]["name"] == "Kazakhstan"
    )
    rings = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
    shape = MultiPolygon(
        [Polygon(*(joined(topology, ring) for ring in polygon)) for polygon in rings], srid=4326
    )
    shape = rounded(shape.simplify(0.01, preserve_topology=True))
    feature = {
        "type": "Feature",
        "properties": {
            "name": "Kazakhstan",
            "source": "Natural Earth 1:10m (public domain), through world-atlas 2.0.2; "
            "simplified to 0.01 degrees",
        },
        "geometry": json.loads(shape.geojson),
    }
    (HERE / "kazakhstan.geojson").write_text(
        json.dumps(feature, separators=(",", ":")) + "\n", encoding="utf-8"
    )


def joined(topology: dict[str, Any], ring: list[int]) -> list[tuple[float, float]]:
    """Return a ring's points: arcs are delta-coded integers; ~i is arc i backwards."""
    (x_scale, y_scale), (x0, y0) = (
        topology["transform"]["scale"],
        topology["transform"]["translate"],
    )
    points: list[tuple[float, float]] = []
    for index in ring:
        x = y = 0
        arc = []
        for dx, dy in topology["arcs"][index if index >= 0 else ~index]:
            x, y = x + dx, y + dy
            arc.append((x * x_scale + x0, y * y_scale + y0))
        if index < 0:
            arc.reverse()
        points.extend(arc[1:] if points else arc)
    return points


def rounded(shape: Any) -> MultiPolygon:
    """Return the shape with four decimals, about ten metres."""
    polygons = [shape] if isinstance(shape, Polygon) else list(shape)
    return MultiPolygon(
        [
            Polygon(*([(round(x, 4), round(y, 4)) for x, y in ring] for ring in polygon))
            for polygon in polygons
        ],
        srid=4326,
    )


#: Columns of ``operative_reports.csv``.
OPERATIVE_COLUMNS = (
    *("row", "event_id", "time", "time_uncertainty_s", "latitude", "longitude", "depth_km"),
    *("KR", "MPV", "magnitude", "magnitude_type", "event_type", "evaluation_mode"),
    *("evaluation_status", "agency", "source", "place", "intensity", "intensity_scale"),
    *("calculated", "comment"),
)


def operative_record(row: dict[str, Any]) -> EventRecord:
    """Return what an announcement says; nothing it does not say."""
    time = datetime.fromisoformat(row["origin_time_utc"])
    to_the_minute = time.second == 0
    comments = []
    if row["dist_from_almaty_km"] is not None:
        direction = f"{row['dir_from_almaty']} of" if row["dir_from_almaty"] else "from"
        comments.append(f"{PLACE}{row['dist_from_almaty_km']} km {direction} Almaty")
    origins: tuple[OriginRecord, ...] = ()
    if row["lat"] is not None and row["lon"] is not None:
        origins = (
            OriginRecord(
                origin_id="operative",
                time=time,
                latitude=row["lat"],
                longitude=row["lon"],
                depth_km=row["depth_km"],
                time_uncertainty=MINUTE_UNCERTAINTY if to_the_minute else None,
                agency=row["agency"],
                evaluation_mode="manual",
                evaluation_status="preliminary",
            ),
        )
    else:
        told = f"{time:%Y-%m-%dT%H:%M}" if to_the_minute else f"{time:%Y-%m-%dT%H:%M:%S}"
        comments.insert(0, f"{ORIGIN_TIME}{told}Z")
        if row["depth_km"] is not None:
            comments.append(f"depth: {row['depth_km']:g} km")
    if row["year"] != "stated":
        comments.append(f"year: {row['year']}")
    if row["note"]:
        comments.append(row["note"].removeprefix("TRAP: "))
    sizes = (("KR", row["energy_class_K"]), (row["mag_type"], row["mag"]))
    return EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=row["id"],
        event_type="earthquake",
        origins=origins,
        magnitudes=tuple(
            MagnitudeRecord(
                value=value,
                type=kind,
                magnitude_id=kind,
                origin_id="operative" if origins else None,
                agency=row["agency"],
            )
            for kind, value in sizes
            if value is not None
        ),
        intensities=tuple(
            IntensityRecord(
                felt["place"],
                felt["I_min"],
                felt["I_max"],
                scale="MSK-64",
                calculated=felt["calculated"],
                comment=felt["region"],
            )
            for felt in row["felt"]
        ),
        preferred_origin_id="operative" if origins else None,
        agency=row["agency"],
        source=f"Operative report of {row['agency']}, told at {row['url']}",
        comments=tuple(comments),
    )


def write_operative(source: Path) -> None:
    """Write the operative reports of a file of one JSON object a line as a bulletin table."""
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines() if line]
    text = "".join(bulletin_csv.write(map(operative_record, rows), OPERATIVE_COLUMNS))
    (HERE / "operative_reports.csv").write_bytes(text.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the shipped seeds.")
    parser.add_argument("what", choices=["settlements", "kazakhstan", "operative"])
    parser.add_argument("source", type=Path)
    arguments = parser.parse_args()
    writers = {
        "settlements": write_settlements,
        "kazakhstan": write_kazakhstan,
        "operative": write_operative,
    }
    writers[arguments.what](arguments.source)
