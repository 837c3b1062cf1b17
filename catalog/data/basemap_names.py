"""Make the names of the offline basemap: ``python -m catalog.data.basemap_names``.

Settlements are GeoNames' (``settlements.tsv.gz``, CC BY 4.0): every one of Kazakhstan and
Kyrgyzstan, elsewhere those of 20,000 people and more. Those that stood in the table before keep
their zoom and their names typed by hand. Names of countries, oblasts, lakes, rivers and ranges
and where they are written are ours (``map_names.csv``); a river's is moved onto the line drawn
and turned along it. The table of all languages is ``basemap_names.json``; a page fetches the file
of its own language, ``static/geo/names-kk.json`` and so on.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from itertools import accumulate
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GEO = HERE.parent.parent / "static" / "geo"
TABLE = HERE / "basemap_names.json"
LANGUAGES = ("kk", "ru", "en")
COLUMNS = ["lat", "lon", "zoom", "capital", "kk", "ru", "en"]
NAME_COLUMNS = ["kind", "lat", "lon", "from", "to", "angle", "kk", "ru", "en"]
#: West, south, east, north: the box of the basemap [deg].
BOX = (44.0, 37.0, 90.0, 58.0)
FOREIGN_PEOPLE = 20_000
#: People at least, and the first zoom at which the name is written.
ZOOMS = ((100_000, 6), (40_000, 7), (12_000, 8), (4_000, 9), (0, 10))
#: One place twice: nearer than this [deg].
SAME_DEG = 0.06
#: The map's lines are written in steps of a thousandth of a degree (static/js/map/packed.js).
STEPS_A_DEGREE = 1000
#: A river's name moves so far to its line at most [deg].
RIVER_DEG = 0.9


def settlements(kept: list[list[Any]]) -> list[list[Any]]:
    """Return rows of ``COLUMNS``, those kept first, then the larger first."""
    west, south, east, north = BOX
    found = []
    with gzip.open(HERE / "settlements.tsv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            latitude, longitude = float(row["latitude"]), float(row["longitude"])
            people = int(row["population"] or 0)
            if not (west < longitude < east and south < latitude < north):
                continue
            if row["country"] not in ("KZ", "KG") and people < FOREIGN_PEOPLE:
                continue
            if any(
                abs(latitude - other[0]) < SAME_DEG and abs(longitude - other[1]) < SAME_DEG
                for other in kept
            ):
                continue
            zoom = next(zoom for least, zoom in ZOOMS if people >= least)
            russian = row["name_ru"] or row["name_kk"]
            kazakh = row["name_kk"] or russian
            english = row["name_en"]
            names = [kazakh or english, russian or english, english]
            found.append((people, [round(latitude, 3), round(longitude, 3), zoom, 0, *names]))
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return kept + [row for _, row in found]


def rivers() -> list[list[list[float]]]:
    """Return the lines of the map's rivers, each corner longitude and latitude [deg]."""
    base = json.loads((GEO / "basemap.json").read_text(encoding="utf-8"))
    lines = []
    for steps in base["rivers"]["coordinates"]:
        xs = accumulate(step[0] for step in steps)
        ys = accumulate(step[1] for step in steps)
        points = zip(xs, ys, strict=True)
        lines.append(
            [[round(x / STEPS_A_DEGREE, 3), round(y / STEPS_A_DEGREE, 3)] for x, y in points]
        )
    return lines


def names(lines: list[list[list[float]]]) -> list[list[Any]]:
    """Return rows of ``NAME_COLUMNS``; a river without a line of the map near it is left out."""
    rows: list[list[Any]] = []
    with (HERE / "map_names.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            latitude, longitude, angle = float(row["latitude"]), float(row["longitude"]), 0
            if row["kind"] == "river":
                placed = _on_line(latitude, longitude, lines)
                if placed is None:
                    continue
                latitude, longitude, angle = placed
            zooms = [float(row["from_zoom"]), float(row["to_zoom"])]
            texts = [row["kk"], row["ru"], row["en"]]
            rows.append([row["kind"], latitude, longitude, *zooms, angle, *texts])
    return rows


def _on_line(
    latitude: float, longitude: float, lines: list[list[list[float]]]
) -> tuple[float, float, int] | None:
    """Return the line's nearest vertex and its direction there [deg, clockwise on the map]."""
    shrink = math.cos(math.radians(latitude))
    distance, line, index = min(
        (math.hypot((x - longitude) * shrink, y - latitude), number, place)
        for number, points in enumerate(lines)
        for place, (x, y) in enumerate(points)
    )
    if distance > RIVER_DEG:
        return None
    points = lines[line]
    x, y = points[index]
    ahead, behind = points[min(index + 2, len(points) - 1)], points[max(index - 2, 0)]
    angle = math.degrees(math.atan2(-(ahead[1] - behind[1]), (ahead[0] - behind[0]) * shrink))
    angle = (angle + 90) % 180 - 90  # never upside down
    return y, x, round(angle)


def in_language(data: dict[str, Any], language: str) -> dict[str, Any]:
    """Return the table with the names of one language only."""

    def only(columns: list[str], rows: list[list[Any]]) -> dict[str, Any]:
        kept = [i for i, name in enumerate(columns) if name not in LANGUAGES or name == language]
        return {
            "columns": [columns[i] for i in kept],
            "rows": [[row[i] for i in kept] for row in rows],
        }

    names = data["names"]
    return {
        "source": data["source"],
        **only(data["columns"], data["rows"]),
        "names": only(names["columns"], names["rows"]),
    }


def path_of(language: str) -> Path:
    """Return where the file of a language stands."""
    return GEO / f"names-{language}.json"


def main() -> None:
    """Write the table and the file of each language."""
    before = json.loads(TABLE.read_text(encoding="utf-8"))
    kept = before["rows"][: before["by_hand"]]
    data = {
        "source": "GeoNames, CC BY 4.0",
        "by_hand": len(kept),
        "columns": COLUMNS,
        "rows": settlements(kept),
        "names": {"columns": NAME_COLUMNS, "rows": names(rivers())},
    }
    _write(TABLE, data)
    for language in LANGUAGES:
        _write(path_of(language), in_language(data, language))


def _write(path: Path, data: dict[str, Any]) -> None:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
