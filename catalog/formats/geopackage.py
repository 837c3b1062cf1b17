"""GeoPackage 1.3 (OGC 12-128r17): layers of points in one file that QGIS, GDAL and SQLite open.

Written by GDAL through pyogrio, batch by batch: memory stays flat, the file stands on disk. GDAL
takes care of what makes a GeoPackage: identification, reference systems, geometry headers, the
R-tree index. ``pyogrio`` brings a GDAL of its own, so what is written does not depend on the
machine's. It is loaded when the first file is made: a web process never needs its 100 MB.

A column knows its type; ``None`` is NULL, "not reported". A DATETIME has milliseconds, as the
standard has it, and is UTC.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

MEDIA_TYPE = "application/geopackage+sqlite3"
#: Raised when layers or columns change.
VERSION = "gpkg-1"
#: Not 1.4: programs of 2022 and before would warn of it, and nothing of it is used.
STANDARD = "1.3"

Point = tuple[float, float]
#: Well-known binary of a point: byte order, type 1, longitude, latitude.
_WKB = struct.Struct("<BIdd")
#: GDAL's word for UTC; with it times end in Z, as the standard wants.
_UTC = 100


class Kind(Enum):
    """The type of a column."""

    TEXT = "TEXT"
    REAL = "REAL"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"


@dataclass(frozen=True, slots=True)
class Layer:
    """A table: its columns with their types, and whether each row has a point."""

    name: str
    title: str
    columns: Mapping[str, Kind]
    has_points: bool = True


@dataclass(slots=True)
class Package:
    """A file being written. ``path`` must not exist; ``about`` becomes its metadata."""

    path: Path
    about: Mapping[str, str]
    _begun: set[str] = field(default_factory=set)

    def append(
        self,
        layer: Layer,
        rows: Sequence[Sequence[Any]],
        points: Sequence[Point | None] = (),
    ) -> None:
        """Write rows, none at all to have the layer empty.

        Parameters
        ----------
        rows
            Values in the order of the layer's columns.
        points
            Longitude and latitude [deg] of each row; ``None`` where there is no place.
        """
        from pyogrio.raw import write

        options: dict[str, Any] = {"append": layer.name in self._begun}
        if not self._begun:
            options |= {
                "dataset_options": {"VERSION": STANDARD},
                "dataset_metadata": dict(self.about),
            }
        if layer.name not in self._begun:
            options["layer_options"] = {
                "IDENTIFIER": layer.title,
                "GEOMETRY_NAME": "geom",
                "FID": "fid",
            }
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in layer.columns]
        kinds = layer.columns.values()
        made = [_ARRAYS[kind](column) for kind, column in zip(kinds, columns, strict=True)]
        geometry = None
        if layer.has_points:
            geometry = np.empty(len(rows), dtype=object)
            geometry[:] = [None if p is None else _WKB.pack(1, 1, *p) for p in points]
        write(
            self.path,
            geometry,
            [values for values, _missing in made],
            list(layer.columns),
            field_mask=[missing for _values, missing in made],
            gdal_tz_offsets={
                name: np.full(len(rows), _UTC)
                for name, kind in layer.columns.items()
                if kind is Kind.DATETIME
            },
            layer=layer.name,
            driver="GPKG",
            geometry_type="Point" if layer.has_points else None,
            crs="EPSG:4326" if layer.has_points else None,
            **options,
        )
        self._begun.add(layer.name)


Column = Sequence[Any]
Made = tuple[Any, Any]


def _missing(column: Column) -> Any:
    return np.fromiter((value is None for value in column), dtype=bool, count=len(column))


def _texts(column: Column) -> Made:
    values = np.empty(len(column), dtype=object)
    values[:] = column
    return values, None


def _numbers(kind: str, nothing: float) -> Callable[[Column], Made]:
    def make(column: Column) -> Made:
        missing = _missing(column)
        values = np.array([nothing if value is None else value for value in column], dtype=kind)
        return values, missing

    return make


def _times(column: Column) -> Made:
    plain = [
        None if value is None else value.replace(tzinfo=None)
        for value in column
        if value is None or isinstance(value, datetime)
    ]
    # Rounded half a millisecond up or down, never cut: NumPy cuts.
    exact = np.array(plain, dtype="datetime64[us]") + np.timedelta64(500, "us")
    return exact.astype("datetime64[ms]"), _missing(column)


_ARRAYS: dict[Kind, Callable[[Column], Made]] = {
    Kind.TEXT: _texts,
    Kind.REAL: _numbers("float64", np.nan),
    Kind.INTEGER: _numbers("int64", 0),
    Kind.BOOLEAN: _numbers("bool", False),
    Kind.DATETIME: _times,
}
