"""Flag foreshocks, mainshocks and aftershocks of a selection, and keep the flags with their method.

The methods know magnitudes; most events here have an energy class. So the size of an event is
M(KR) = (KR - 4) / 1.8 where it has a KR, else "the" magnitude, never MPVA; one without either is
kept and said to be without. What that means for each run stands with its parameters.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import connection, transaction

from catalog.downloads import ALIAS, one_snapshot
from catalog.edition_contents import Chosen, canonical
from catalog.models import DeclusteringRun, Edition, User
from catalog.scales import CONVERTED, KR_A_UNIT, KR_OF_ZERO
from catalog.search import EventSearch
from processing.core.declustering import METHODS, ROLES, Declustered
from processing.leases import database_now
from processing.models import WorkItem

#: After every bulletin, before exports.
PRIORITY = 8
#: How a size is chosen, as it is told beside the parameters.
SIZE = f"{CONVERTED}|M"
#: Events that are labelled at once; of more, ask in parts.
MOST = 1_000_000
BATCH = 5000

logger = logging.getLogger(__name__)


class Refused(Exception):
    """A declustering cannot be asked for: a code and its values."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


# --- Asking ------------------------------------------------------------------------------------


def checked(method: str, given: Mapping[str, Any]) -> dict[str, float]:
    """Return all parameters of a method, those given in the place of the published ones.

    Raises
    ------
    Refused
        An unknown method or parameter, or a value that is no number or cannot be.
    """
    known = METHODS.get(method)
    if known is None:
        raise Refused("unknown-method", found=method[:40], expected=", ".join(METHODS))
    values = {name: value for name, value in known.parameters.items() if value is not None}
    for name, value in given.items():
        if name not in known.parameters:
            expected = ", ".join(known.parameters) or "-"
            raise Refused("unknown-parameter", found=str(name)[:40], expected=expected)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or abs(number) > 1e6:
            raise Refused("not-a-number", found=f"{name}={value}"[:60], expected="1.5")
        values[name] = number
    try:
        known.decluster([], [], [], [], **values)
    except ValueError as wrong:
        raise Refused("bad-parameter", expected=str(wrong)) from None
    return values


def request(
    query: str, method: str, given: Mapping[str, Any], *, actor: User | None
) -> DeclusteringRun:
    """Ask for the flags of a selection; a worker makes them.

    Raises
    ------
    Refused
        The method or a parameter cannot be.
    SearchError
        The search cannot be.
    """
    parameters = checked(method, given)
    search = canonical(query)
    with transaction.atomic():
        run = DeclusteringRun.objects.create(
            method=method,
            parameters={**parameters, "size": SIZE},
            search=search,
            asked_by=actor,
            asked_at=database_now(),
        )
        WorkItem.objects.request("decluster", run.pk, priority=PRIORITY)
    return run


# --- Doing -------------------------------------------------------------------------------------


@dataclass
class Selection:
    """The events that are looked at, as they are gathered."""

    keys: list[int] = field(default_factory=list)
    #: Public ids, where they are wanted.
    names: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    latitudes: list[float] = field(default_factory=list)
    longitudes: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)

    def add(
        self,
        key: int,
        time: float,
        latitude: float,
        longitude: float,
        kr: float | None,
        magnitude: float | None,
    ) -> None:
        """Add an event; its time in seconds."""
        self.keys.append(key)
        self.times.append(time)
        self.latitudes.append(latitude)
        self.longitudes.append(longitude)
        self.sizes.append(size_of(kr, magnitude))

    def declustered(self, method: str, parameters: Mapping[str, Any]) -> Declustered:
        """Return what a method says of them, by those of the parameters that are numbers."""
        numbers = {n: v for n, v in parameters.items() if isinstance(v, int | float)}
        return METHODS[method].decluster(
            np.array(self.times),
            np.array(self.latitudes),
            np.array(self.longitudes),
            np.array(self.sizes),
            **numbers,
        )

    def counts(self, found: Declustered) -> dict[str, Any]:
        roles = Counter(ROLES[role] for role in found.role.tolist())
        return {
            "events": len(self.keys),
            "without_size": sum(math.isnan(size) for size in self.sizes),
            "clusters": int(found.cluster.max(initial=0)),
            **{role: roles.get(role, 0) for role in ROLES},
        }


def size_of(kr: float | None, magnitude: float | None) -> float:
    """Return the magnitude an event is declustered by; NaN: it has none."""
    if kr is not None:
        return (kr - KR_OF_ZERO) / KR_A_UNIT
    return math.nan if magnitude is None else magnitude


def compute(item: WorkItem) -> None:
    """Give the events of a run their flags, in the caller's transaction."""
    run = DeclusteringRun.objects.select_for_update().get(pk=item.object_id)
    if run.status != DeclusteringRun.Status.WAITING:
        return
    selection = Selection()
    with one_snapshot() as version:
        search = Chosen.of(run.search)
        if not search.count(MOST).exact:
            _fail(run, "too-many", most=MOST)
            return
        for row in _rows(search):
            selection.add(row[0], row[1].timestamp(), *row[2:])
    found = selection.declustered(run.method, run.parameters)
    run.catalogue_version = version
    run.fitted = dict(found.fitted)
    run.counts = selection.counts(found)
    run.status = DeclusteringRun.Status.DONE
    run.finished_at = database_now()
    run.save()
    store_labels(run, selection.keys, found)
    logger.info("declustering %(run)d: %(counts)s", {"run": run.pk, "counts": run.counts})


def _rows(search: EventSearch) -> Iterator[tuple[Any, ...]]:
    rows = search.queryset().using(ALIAS)
    columns = ("event_id", "time", "latitude", "longitude", "kr", "magnitude")
    stream: Any = rows.values_list(*columns).iterator(BATCH)
    with closing(stream) as found:
        yield from found


def _fail(run: DeclusteringRun, code: str, **values: Any) -> None:
    run.status, run.problem_code, run.problem = DeclusteringRun.Status.FAILED, code, values
    run.finished_at = database_now()
    run.save()


def store_labels(run: DeclusteringRun, keys: Sequence[int], found: Declustered) -> None:
    """Write a run's flags; one COPY."""
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(
            "COPY catalog_declusteringlabel (run_id, event_id, cluster, role) FROM STDIN"
        ) as rows,
    ):
        for key, cluster, role in zip(
            keys, found.cluster.tolist(), found.role.tolist(), strict=True
        ):
            rows.write_row((run.pk, key, cluster, ROLES[role]))


def part_of_edition(
    edition: Edition, selection: Selection, version: int, method: str, parameters: Mapping[str, Any]
) -> tuple[DeclusteringRun, Declustered]:
    """Store a run that belongs to an edition that is being frozen; it is written once."""
    found = selection.declustered(method, parameters)
    now = database_now()
    run = DeclusteringRun.objects.create(
        method=method,
        parameters=dict(parameters),
        fitted=dict(found.fitted),
        search=edition.search,
        catalogue_version=version,
        edition=edition,
        status=DeclusteringRun.Status.DONE,
        counts=selection.counts(found),
        asked_by=edition.published_by,
        asked_at=now,
        finished_at=now,
    )
    store_labels(run, selection.keys, found)
    return run, found


def sweep() -> None:
    """End runs whose work was given up."""
    waiting = DeclusteringRun.objects.filter(status=DeclusteringRun.Status.WAITING)
    parked = WorkItem.objects.filter(kind="decluster", state=WorkItem.State.PARKED)
    for run in waiting.filter(pk__in=parked.values("object_id")):
        _fail(run, "work-parked")
