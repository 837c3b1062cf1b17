"""Agencies' own travel-time tables: kept as received, put in use, handed to the locator.

``tables_in_use`` is what the location of an event takes beside the built-in models, each in its
region; their digests belong to what decides a solution. A version is never edited: what was
computed with it can be computed again.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.gis.geos import Polygon
from django.db.models import Max, Q
from django.utils import timezone

from catalog.models import Agency, Event, User
from processing.core.agency_tables import AgencyTable, Problem, read_agency_file
from processing.core.earth_models import BORDER_DEG, Fades, OwnModel, box, check_name
from processing.models import ProcessingRun, TravelTimeTable, WorkItem
from processing.transactions import alone, writing

logger = logging.getLogger(__name__)

CODES = (
    "bad-table", "bad-table-name", "bad-table-text", "bad-fades", "bad-table-region",
    "region-too-small", "name-of-another-agency", "table-unchanged", "regions-overlap",
)  # fmt: skip
"""Why a table is not stored or not put in use."""

#: Of the events that are located anew: after everything that is new.
PRIORITY = 8
BATCH = 5000

Status = TravelTimeTable.Status
Bounds = tuple[float, float, float, float]
"""West, south, east and north [deg]."""


class Refused(Exception):
    """A table that is not stored or not put in use: a code, and the values a message needs."""

    def __init__(self, code: str, *, problems: tuple[Problem, ...] = (), **values: Any) -> None:
        super().__init__(f"{code}: {values or ''}{[p.code for p in problems] or ''}")
        self.code = code
        self.values = values
        self.problems = problems


def store(
    content: bytes,
    *,
    name: str,
    agency: Agency,
    title: str,
    provenance: str,
    region: Bounds | None = None,
    fades: Fades | None = None,
    uploaded_by: User | None = None,
) -> TravelTimeTable:
    """Keep a file as the next version of a table, as a draft.

    Parameters
    ----------
    content : bytes
        As received, of any kind.
    name : str
        By which the locator knows it: of one agency, and not that of a built-in model.
    region : tuple of float, optional
        Where it is used unasked; without one it is used only by name.
    fades : Fades, optional
        Those of built-in regional models, or where the table ends.

    Raises
    ------
    Refused
        A code of `CODES`; ``bad-table`` with the problems of the file.
    """
    title, provenance = _one_line(title, 100), provenance.strip()
    if not title or not provenance or len(provenance) > 2000 or "\x00" in provenance:
        raise Refused("bad-table-text")
    try:
        check_name(name)
    except ValueError as error:
        raise Refused("bad-table-name", found=name[:40]) from error
    if len(name) > 40:
        raise Refused("bad-table-name", found=name[:40])
    area = None if region is None else _area(region)
    read = read_agency_file(content)
    if read.problems:
        raise Refused("bad-table", problems=read.problems)
    fades = fades or read.fades()
    if not _sound(fades):
        raise Refused("bad-fades")
    row = TravelTimeTable(
        name=name,
        agency=agency,
        title=title,
        provenance=provenance,
        content=content.decode("utf-8"),
        sha256=hashlib.sha256(content).hexdigest(),
        phases=sorted(read.hodographs),
        distance_from_deg=read.distance_deg[0],
        distance_to_deg=read.distance_deg[1],
        depth_from_km=read.depth_km[0],
        depth_to_km=read.depth_km[1],
        region=area,
        **fades._asdict(),
        uploaded_by=uploaded_by,
    )
    read.kernel()  # a table that cannot be used is not kept
    with writing():
        alone(TravelTimeTable)
        versions = TravelTimeTable.objects.filter(name=name)
        if other := versions.exclude(agency=agency).first():
            raise Refused("name-of-another-agency", found=other.agency.code)
        last = versions.order_by("-version").defer("content").first()
        if last is not None and _said(last) == _said(row):
            raise Refused("table-unchanged", found=str(last))
        row.version = (versions.aggregate(last=Max("version"))["last"] or 0) + 1
        row.save(force_insert=True)
    logger.info("travel-time table %s stored: %d bytes", row, len(content))
    return row


def put_in_use(table: TravelTimeTable, actor: User | None = None) -> None:
    """Use this version from now on; the one of its name that was in use is withdrawn.

    Events in their regions are located anew.

    Raises
    ------
    Refused
        ``regions-overlap``: a table of another name is in use there.
    """
    with writing():
        alone(TravelTimeTable)
        in_use = TravelTimeTable.objects.filter(status=Status.IN_USE).defer("content")
        for other in in_use.exclude(name=table.name).order_by("name"):
            if table.region and other.region and table.region.intersection(other.region).area > 0:
                raise Refused("regions-overlap", found=str(other))
        former = list(in_use.filter(name=table.name).exclude(pk=table.pk))
        _stand(in_use.filter(pk__in=[row.pk for row in former]), Status.WITHDRAWN, actor)
        _stand(TravelTimeTable.objects.filter(pk=table.pk), Status.IN_USE, actor)
        _locate_anew([table, *former], actor)
    table.refresh_from_db()


def withdraw(table: TravelTimeTable, actor: User | None = None) -> None:
    """Use this version no longer; events in its region are located anew."""
    with writing():
        alone(TravelTimeTable)
        rows = TravelTimeTable.objects.filter(pk=table.pk)
        was_in_use = rows.filter(status=Status.IN_USE).exists()
        _stand(rows, Status.WITHDRAWN, actor)
        if was_in_use:
            _locate_anew([table], actor)
    table.refresh_from_db()


def _stand(rows: Any, status: Status, actor: User | None) -> None:
    changed = rows.exclude(status=status).update(
        status=status, status_changed_by=actor, status_changed_at=timezone.now()
    )
    if changed:
        logger.info("travel-time tables: %d %s", changed, status)


def _locate_anew(tables: Sequence[TravelTimeTable], actor: User | None) -> None:
    """Ask for the events in the tables' regions to be located again, as one run to be watched."""
    inside = Q()
    for table in tables:
        if table.region is not None:
            inside |= Q(preferred_origin__point__intersects=table.region.buffer(BORDER_DEG))
    if not inside:
        return
    wanted = list(
        Event.objects.alive()
        .filter(inside, preference__has_key="location")
        .order_by("pk")
        .values_list("pk", "evidence_version")
    )
    if not wanted:
        return
    run = ProcessingRun.objects.create(
        kind="recompute",
        stage=ProcessingRun.Stage.RECOMPUTE,
        status=ProcessingRun.Status.RUNNING,
        actor=actor,
        parameters={"tables": [str(table) for table in tables]},
    )
    for start in range(0, len(wanted), BATCH):
        WorkItem.objects.request_many(
            "recompute", wanted[start : start + BATCH], run=run, priority=PRIORITY
        )


def _one_line(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if text.isprintable() and len(text) <= most else ""


def _sound(fades: Fades) -> bool:
    return (
        all(math.isfinite(value) for value in fades)
        and 0.0 < fades.full_to_deg < fades.none_beyond_deg <= 180.0
        and 0.0 < fades.full_to_km < fades.none_beyond_km <= 700.0
    )


def _area(region: Bounds) -> Polygon:
    west, south, east, north = region
    if not (-180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0):
        raise Refused("bad-table-region")
    # Narrower than the belt in which it takes over, it would nowhere count fully.
    wide = (east - west) * math.cos(math.radians(0.5 * (south + north)))
    if min(wide, north - south) < 2.0 * BORDER_DEG:
        raise Refused("region-too-small", expected=f"{2.0 * BORDER_DEG:g}°")
    area = Polygon.from_bbox(region)
    area.srid = 4326
    return area


def _said(row: TravelTimeTable) -> tuple[object, ...]:
    """Return all that a version says."""
    return (row.sha256, row.title, row.provenance, _bounds(row), _fades(row))


def _bounds(row: TravelTimeTable) -> Bounds | None:
    return None if row.region is None else row.region.extent


def _fades(row: TravelTimeTable) -> Fades:
    return Fades(row.full_to_deg, row.none_beyond_deg, row.full_to_km, row.none_beyond_km)


# --- to the locator -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Said:
    """All of a row but its text, which it names by its hash: what a model is remembered by."""

    pk: int
    sha256: str
    name: str
    version: int
    title: str
    provenance: str
    region: Bounds | None
    fades: Fades


@lru_cache(maxsize=16)
def _model(said: _Said) -> OwnModel:
    content = TravelTimeTable.objects.values_list("content", flat=True).get(pk=said.pk)
    return read_agency_file(content.encode()).model(
        said.name,
        said.title,
        said.provenance,
        None if said.region is None else box(*said.region),
        said.fades,
        said.version,
    )


def model_of(table: TravelTimeTable) -> OwnModel:
    """Return a stored table as the locator takes it; a version is read once a process."""
    return _model(
        _Said(
            table.pk,
            table.sha256,
            table.name,
            table.version,
            table.title,
            table.provenance,
            _bounds(table),
            _fades(table),
        )
    )


def read_of(table: TravelTimeTable) -> AgencyTable:
    """Return what a stored table holds."""
    return read_agency_file(table.content.encode())


def tables_in_use() -> tuple[OwnModel, ...]:
    """Return the tables in use, for `location.locate`: in the order of their names.

    Their digests tell all of them that decides a solution.
    """
    rows = TravelTimeTable.objects.filter(status=Status.IN_USE).defer("content").order_by("name")
    return tuple(model_of(row) for row in rows)


def table_named(name: str) -> OwnModel | None:
    """Return the version in use of a table, else its newest that was not withdrawn."""
    rows = TravelTimeTable.objects.filter(name=name).defer("content")
    row = (
        rows.filter(status=Status.IN_USE).first()
        or rows.filter(status=Status.DRAFT).order_by("-version").first()
    )
    return None if row is None else model_of(row)


def table_labelled(label: str) -> OwnModel | None:
    """Return the version of a table that a label (``name.version``) names, whatever its status.

    What was computed or decided with a version can be computed with it again.
    """
    name, _dot, version = label.rpartition(".")
    if not (version.isascii() and version.isdigit()):
        return None
    row = TravelTimeTable.objects.filter(name=name, version=int(version)).defer("content").first()
    return None if row is None else model_of(row)


def labels() -> dict[str, str]:
    """Return the newest version of every table that was not withdrawn, label and title."""
    rows = (
        TravelTimeTable.objects.exclude(status=Status.WITHDRAWN)
        .order_by("name", "-version")
        .distinct("name")
    )
    return {
        f"{name}.{version}": title
        for name, version, title in rows.values_list("name", "version", "title")
    }
