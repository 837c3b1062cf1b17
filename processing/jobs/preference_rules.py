"""The rules of preference as versions: read, stored, put in force.

A version is never edited. What putting one in force changes is found by ``preference_changes``.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from catalog.models import AuthoritativeArea, PreferenceRuleSet, User
from catalog.scales import SCALES
from processing.core import preference as core
from processing.models import ProcessingRun, WorkItem
from processing.transactions import alone, writing

logger = logging.getLogger(__name__)

CODES = (
    "bad-rules-name", "bad-rules-weight", "choice-not-heaviest", "automatic-not-last",
    "bad-station-cap", "bad-rules-area", "bad-rules-agencies", "bad-rules-order", "bad-area",
    "rules-unchanged", "rules-in-force",
)  # fmt: skip
"""Why a version is not stored or not put in force."""

#: Weight of a term -> attribute of ``core.PreferenceRules``.
WEIGHTS = {
    "chosen_by_editor": "chosen_weight",
    "automatic_bulletin": "automatic_weight",
    "authoritative_agency": "authority_weight",
    "review_status": "review_weight",
    "report_choice": "report_choice_weight",
    "station_count": "station_weight",
    "azimuthal_gap": "gap_weight",
    "completeness": "completeness_weight",
}
LARGEST_WEIGHT = 1_000_000.0
MOST_STATIONS = 1_000
MOST_AREAS = 20
MOST_AGENCIES = 10
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,20}\Z")

#: Of the events that are computed anew: after everything that is new.
PRIORITY = 8
#: Key of the advisory lock that choosing shares and putting in force takes alone.
ADVISORY_LOCK = 0x6B7A7072

Status = PreferenceRuleSet.Status
SHIPPED = core.PreferenceRules(areas=())


class Refused(Exception):
    """A version that is not stored or not put in force: a code and where it is."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(f"{code}: {values or ''}")
        self.code = code
        self.values = values


# --- What a version says --------------------------------------------------------------------------


def rules_of(row: PreferenceRuleSet) -> core.PreferenceRules:
    """Return a stored version as the core takes it; its areas in order, without their borders."""
    told = row.definition
    return core.PreferenceRules(
        name=row.name,
        version=row.version,
        areas=tuple(
            core.Area(
                area["area"],
                tuple(area["agencies"]),
                {scale: tuple(codes) for scale, codes in area.get("scales", {}).items()},
            )
            for area in told["areas"]
        ),
        station_cap=float(told["station_cap"]),
        scale_orders={scale: tuple(order) for scale, order in told["scales"].items()},
        **{WEIGHTS[name]: float(weight) for name, weight in told["weights"].items()},
    )


def in_force() -> core.PreferenceRules:
    """Return the rules in force; the shipped weights without areas where no version is."""
    row = PreferenceRuleSet.objects.filter(status=Status.IN_FORCE).first()
    return SHIPPED if row is None else rules_of(row)


def hold(*, changing: bool = False) -> None:
    """Keep the rules in force as they are until the end of the transaction.

    Those who choose by them hold them together; who changes them waits for these, so that no event
    is chosen by the former version after the search for what changes has begun.
    """
    lock = "pg_advisory_xact_lock" if changing else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(%s)", [ADVISORY_LOCK])


def checked(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition in its one form.

    Raises
    ------
    Refused
        A code of `CODES`, with what was found where.
    """
    weights = {}
    for name in WEIGHTS:
        weight = definition["weights"].get(name)
        sound = isinstance(weight, int | float) and math.isfinite(weight)
        if (
            not sound
            or abs(weight) > LARGEST_WEIGHT
            or (weight < 0) != (name == "automatic_bulletin")
        ):
            raise Refused("bad-rules-weight", field=name, found=str(weight))
        weights[name] = float(weight)
    cap = definition["station_cap"]
    if not isinstance(cap, int | float) or not 1 <= cap <= MOST_STATIONS:
        raise Refused("bad-station-cap", field="station_cap", found=str(cap))
    areas = [_area(area) for area in definition["areas"]]
    names = [area["area"] for area in areas]
    known = set(AuthoritativeArea.objects.filter(name__in=names).values_list("name", flat=True))
    for name in names:
        if (name and name not in known) or names.count(name) > 1 or len(names) > MOST_AREAS:
            raise Refused("bad-rules-area", found=name)
    scales = {}
    for scale in SCALES:
        order = list(definition["scales"].get(scale, ()))
        if len(set(order)) != len(order) or not set(order) <= set(core.CRITERIA):
            raise Refused("bad-rules-order", found=f"{scale}: {', '.join(order)}"[:80])
        scales[scale] = order
    told = {"weights": weights, "station_cap": int(cap), "areas": areas, "scales": scales}
    rules = rules_of(PreferenceRuleSet(name="x", version=1, definition=told))
    # What these two terms mean is no matter of taste: a person decides, and what no person has
    # looked at never goes before what one has.
    if -rules.automatic_weight <= rules.reach:
        raise Refused(
            "automatic-not-last", field="automatic_bulletin", expected=_number(-rules.reach)
        )
    least = rules.reach - rules.automatic_weight
    if rules.chosen_weight <= least:
        raise Refused("choice-not-heaviest", field="chosen_by_editor", expected=_number(least))
    return told


def _number(value: float) -> str:
    return f"{value:g}"


def _area(area: Mapping[str, Any]) -> dict[str, Any]:
    orders = {"": area["agencies"], **area.get("scales", {})}
    for scale, codes in orders.items():
        sound = all(isinstance(code, str) and _CODE.match(code) for code in codes)
        if not (sound and 0 < len(codes) <= MOST_AGENCIES and len(set(codes)) == len(codes)):
            raise Refused("bad-rules-agencies", found=", ".join(map(str, codes))[:80])
        if scale and scale not in SCALES:
            raise Refused("bad-rules-agencies", found=str(scale)[:80])
    told: dict[str, Any] = {"area": str(area["area"]), "agencies": list(area["agencies"])}
    if area.get("scales"):
        told["scales"] = {
            scale: list(area["scales"][scale]) for scale in SCALES if scale in area["scales"]
        }
    return told


# --- Versions -------------------------------------------------------------------------------------


def store(
    name: str, definition: Mapping[str, Any], *, note: str = "", created_by: User | None = None
) -> PreferenceRuleSet:
    """Keep a definition as the next version of its name, as a draft.

    Raises
    ------
    Refused
        A code of `CODES`.
    """
    if not _NAME.match(name) or len(name) > 40:
        raise Refused("bad-rules-name", field="name", found=name[:40])
    told = checked(definition)
    with writing():
        alone(PreferenceRuleSet)
        versions = PreferenceRuleSet.objects.filter(name=name)
        last = versions.order_by("-version").first()
        if last is not None and last.definition == told:
            raise Refused("rules-unchanged", found=str(last))
        number = (versions.aggregate(last=Max("version"))["last"] or 0) + 1
        row = PreferenceRuleSet.objects.create(
            name=name, version=number, definition=told, note=note.strip(), created_by=created_by
        )
    logger.info("preference rules %s stored", row)
    return row


def add_area(name: str, west: float, south: float, east: float, north: float) -> AuthoritativeArea:
    """Keep a box in degrees as an area that rules may name; it is never moved afterwards.

    Raises
    ------
    Refused
        ``bad-area``.
    """
    name = " ".join(name.split())
    sound = -180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0
    if not name or len(name) > 100 or not name.isprintable() or not sound:
        raise Refused("bad-area", found=name[:100])
    box = MultiPolygon(Polygon.from_bbox((west, south, east, north)), srid=4326)
    area, created = AuthoritativeArea.objects.get_or_create(name=name, defaults={"area": box})
    if not created:
        raise Refused("bad-area", found=name)
    return area


def put_in_force(row: PreferenceRuleSet, actor: User | None = None) -> ProcessingRun:
    """Let events be chosen by this version from now on; return the run that does so.

    What is being computed by the former version is waited for, so that none of it is overlooked.

    Raises
    ------
    Refused
        ``rules-in-force``: it is already.
    """
    with writing():
        alone(PreferenceRuleSet)
        hold(changing=True)
        now = timezone.now()
        if PreferenceRuleSet.objects.filter(pk=row.pk, status=Status.IN_FORCE).exists():
            raise Refused("rules-in-force", found=str(row))
        moved = {"status_changed_by": actor, "status_changed_at": now}
        PreferenceRuleSet.objects.filter(status=Status.IN_FORCE).update(
            status=Status.RETIRED, **moved
        )
        PreferenceRuleSet.objects.filter(pk=row.pk).update(status=Status.IN_FORCE, **moved)
        run = ProcessingRun.objects.create(
            kind=ProcessingRun.Kind.RECOMPUTE,
            stage=ProcessingRun.Stage.RECOMPUTE,
            status=ProcessingRun.Status.RUNNING,
            actor=actor,
            parameters={"preference_rules": str(row)},
        )
        WorkItem.objects.request("rule-change", run.pk, run=run, priority=PRIORITY)
    row.refresh_from_db()
    logger.info("preference rules %s in force, run %d", row, run.pk)
    return run


def retire(row: PreferenceRuleSet, actor: User | None = None) -> None:
    """Put a draft aside that shall not come in force.

    Raises
    ------
    Refused
        ``rules-in-force``: events are chosen by it.
    """
    with writing():
        alone(PreferenceRuleSet)
        row.refresh_from_db()
        if row.status == Status.IN_FORCE:
            raise Refused("rules-in-force", found=str(row))
        PreferenceRuleSet.objects.filter(pk=row.pk).update(
            status=Status.RETIRED, status_changed_by=actor, status_changed_at=timezone.now()
        )
    row.refresh_from_db()
