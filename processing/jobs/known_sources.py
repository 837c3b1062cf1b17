"""Read a list of quarries and mines from CSV and store it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.gis.geos import Point

from catalog.formats.values import EVENT_TYPES, cut
from catalog.models import KnownSource

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
MOST_PROBLEMS = 200
REQUIRED = ("name_en", "latitude", "longitude", "radius_km", "kind", "citation")
OPTIONAL = ("name_ru", "name_kk", "valid_from", "valid_to")
RANGES = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 180.0), "radius_km": (0.001, 100.0)}


@dataclass(frozen=True)
class Problem:
    line: int
    field: str
    found: str
    expected: str


def read(content: bytes) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Return the rows of a CSV file in UTF-8 as values of the model, and what is wrong with it."""
    if len(content) > MOST_BYTES:
        return [], [Problem(0, "file", f"{len(content)} bytes", f"at most {MOST_BYTES}")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Problem(0, "file", f"byte {error.start}", "UTF-8")]
    if "\x00" in text:
        return [], [Problem(0, "file", "NUL", "text")]
    lines = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    try:
        names = lines.fieldnames or []
        missing = [name for name in REQUIRED if name not in names]
        strange = [name for name in names if name not in (*REQUIRED, *OPTIONAL)]
        if missing or strange or len(set(names)) < len(names):
            expected = ", ".join((*REQUIRED, *(f"[{name}]" for name in OPTIONAL)))
            return [], [Problem(1, "header", cut(", ".join(names)), expected)]
        for row in lines:
            if len(rows) >= MOST_ROWS or len(problems) >= MOST_PROBLEMS:
                problems.append(
                    Problem(lines.line_num, "file", "more", f"at most {MOST_ROWS} rows")
                )
                break
            rows.append(_row(row, lines.line_num, problems))
    except csv.Error as error:
        problems.append(Problem(lines.line_num, "file", str(error), "CSV"))
    return rows, problems


def _row(given: dict[str, Any], line: int, problems: list[Problem]) -> dict[str, Any]:
    def wrong(field: str, found: str, expected: str) -> None:
        problems.append(Problem(line, field, cut(found), expected))

    if given.get(""):
        wrong("row", ",".join(given[""]), "as many cells as the header")
    cells = {name: (given.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
    values: dict[str, Any] = {}
    for name, most in (("name_en", 200), ("name_ru", 200), ("name_kk", 200), ("citation", 500)):
        values[name] = cells[name]
        if len(cells[name]) > most or (not cells[name] and name in REQUIRED):
            wrong(name, cells[name], f"1 to {most} characters")
    for name, (low, high) in RANGES.items():
        try:
            number = float(cells[name])
        except ValueError:
            number = math.nan
        values[name] = number
        if not low <= number <= high:
            wrong(name, cells[name], f"{low:g} to {high:g}")
    values["kind"] = cells["kind"]
    if cells["kind"] not in EVENT_TYPES:
        wrong("kind", cells["kind"], "a QuakeML event type, such as quarry blast")
    for name in ("valid_from", "valid_to"):
        values[name] = None
        if cells[name]:
            try:
                values[name] = date.fromisoformat(cells[name])
            except ValueError:
                wrong(name, cells[name], "YYYY-MM-DD")
    if values["valid_from"] and values["valid_to"] and values["valid_to"] < values["valid_from"]:
        wrong("valid_to", cells["valid_to"], f"not before {cells['valid_from']}")
    return values


def store(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Store rows of ``read`` inside a transaction; return how many are new and how many not."""
    added = updated = 0
    for row in rows:
        values = dict(row)
        point = Point(values.pop("longitude"), values.pop("latitude"), srid=4326)
        _source, is_new = KnownSource.objects.update_or_create(
            name_en=values.pop("name_en"), point=point, synthetic=False, defaults=values
        )
        added, updated = added + is_new, updated + (not is_new)
    return added, updated
