"""What an event's felt reports make together: their flags, cells, settlements, and the summary.

All of it is worked out anew each time, from all reports of the event in no order, so that it is
the same whichever came first, however often it runs and wherever it was broken off. The event's
row is held against another worker, but not against reports that come in.
"""

from __future__ import annotations

import logging
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.gis.geos import Point, Polygon
from django.db import connection
from django.utils import timezone

from catalog.models import (
    Change,
    CommunityIntensity,
    Event,
    EventRow,
    FeltReport,
    FeltSummary,
    Settlement,
)
from processing.core import felt as core
from processing.core import felt_filters, geodesy
from processing.core.felt_filters import Flag
from processing.jobs import macroseismics, publishing
from processing.jobs.felt import GONE, flags_with, indices_of, predicted

#: How values are made of reports, and by which doubts reports are left out.
METHOD_ID = f"kz-portal/felt/{core.METHOD_ID}+{felt_filters.FILTERS}"
#: How well a settlement's point places people where the report does not say [km]. Ours.
SETTLEMENT_PRECISION_KM = 5.0
#: Where fewer of those who felt it answered a question, the weighted sum tells nothing. Ours.
LEAST_ANSWERED = 0.5
#: An event with so many reports is worked out at most so often, however fast they come. Ours.
BUSY_REPORTS, BUSY_PAUSE_S = 200, 20.0
Area = CommunityIntensity.Area
CELLS = ((Area.CELL_1_KM, 1), (Area.CELL_10_KM, 10))
COMPARED = (
    "report_count", "not_felt_count", "cws", "cdi", "msk64", "ems98", "distance_km", "published",
    "method_id", "point", "outline",
)  # fmt: skip

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """A report with what is worked out of it alone."""

    report: FeltReport
    indices: Mapping[str, float] | None
    latitude: float | None
    longitude: float | None
    precision_km: float | None


def pause_s(event_key: int) -> float:
    """Return how long an event with very many reports is to wait for its next turn [s]."""
    last = FeltSummary.objects.filter(event=event_key, report_count__gte=BUSY_REPORTS).first()
    if last is None:
        return 0.0
    return max(0.0, BUSY_PAUSE_S - (timezone.now() - last.computed_at).total_seconds())


def compute(event_key: int) -> Change | None:
    """Work out an event's community intensities inside a transaction; tell of it if they changed.

    An event that is gone has none.
    """
    # Not FOR UPDATE: a report that comes in refers to the row and would have to wait.
    event = Event.objects.select_for_update(no_key=True).get(pk=event_key)
    told: list[Told] = []
    if event.status not in GONE:
        reports = FeltReport.objects.filter(event=event).select_related("settlement")
        told = [_told(report) for report in reports.order_by("pk")]
    row = EventRow.objects.filter(pk=event_key).first()
    _flag(event, told, row)
    counted = [one for one in told if one.report.counts]
    intensities = intensities_of(event, counted, row)
    changed = _store(event, intensities)
    changed |= _summarise(event, counted, intensities)
    macroseismics.assess(event)
    if not changed or row is None:
        return None
    change = publishing.publish_many([event])[0]
    return change or publishing.tell(event, ["community-intensities"])


def _told(report: FeltReport) -> Told:
    indices = indices_of(report)
    own = report.point
    theirs = report.settlement.point if report.settlement is not None else None
    by_settlement = report.place_source in (
        FeltReport.PlaceSource.SETTLEMENT,
        FeltReport.PlaceSource.WORDS,
    )
    point = (theirs or own) if by_settlement else (own or theirs)
    if point is None:
        return Told(report, indices, None, None, None)
    precision = report.precision_km
    if precision is None and point is theirs:
        precision = SETTLEMENT_PRECISION_KM
    return Told(report, indices, point.y, point.x, precision)


# --- Flags ---------------------------------------------------------------------------------------


def _flag(event: Event, told: Sequence[Told], row: EventRow | None) -> None:
    """Set the flags of an event's reports as they should be; those of the acceptance stay."""
    if not told:
        return
    changed = []
    same = _same_text(event)
    found = felt_filters.flags(_as_filtered(told, row))
    for one, new in zip(told, found, strict=True):
        report = one.report
        flags = flags_with(report.flags, new | {Flag.SAME_TEXT} if report.pk in same else new)
        if flags != report.flags:
            report.flags = flags
            changed.append(report)
    if changed:
        # In the order of keys, as moderators' decisions hold them.
        keys = [report.pk for report in changed]
        list(FeltReport.objects.select_for_update().filter(pk__in=keys).order_by("pk").values("pk"))
        FeltReport.objects.bulk_update(changed, ["flags"], batch_size=1000)


def _as_filtered(told: Sequence[Told], row: EventRow | None) -> list[felt_filters.Report]:
    distances = _distances(told, row)
    intensities: dict[int, float] = {}
    if row is not None and distances:
        placed = list(distances)
        mean, _sigma = predicted(
            {"MLV": row.mlv, "MS": row.ms, "KR": row.kr},
            row.depth_km,
            [distances[number] for number in placed],
        )
        if mean is not None:
            intensities = dict(zip(placed, map(float, mean), strict=True))
    return [
        felt_filters.Report(
            felt=one.report.felt,
            chosen_grade=one.report.chosen_grade,
            indices=one.indices,
            stated_late_s=_late_s(one.report.felt_at, row),
            received_late_s=_late_s(one.report.received_at, row),
            latitude=one.latitude,
            longitude=one.longitude,
            distance_km=distances.get(number),
            intensity=intensities.get(number),
        )
        for number, one in enumerate(told)
    ]


def _late_s(moment: Any, row: EventRow | None) -> float | None:
    """Return how long after the origin time a moment is [s], the origin's error in its favour."""
    if moment is None or row is None:
        return None
    late = float((moment - row.time).total_seconds())
    return late + (row.time_uncertainty or 0.0) if late < 0 else late


def _distances(told: Sequence[Told], row: EventRow | None) -> dict[int, float]:
    """Return epicentral distances [km] by the reports' numbers; of those without a place none."""
    placed = {
        number: (one.latitude, one.longitude)
        for number, one in enumerate(told)
        if one.latitude is not None and one.longitude is not None
    }
    if row is None or not placed:
        return {}
    latitudes, longitudes = zip(*placed.values(), strict=True)
    km = geodesy.ellipsoid_distance_km(row.latitude, row.longitude, latitudes, longitudes)
    return dict(zip(placed, map(float, km), strict=True))


def _same_text(event: Event) -> set[int]:
    """Return the reports whose words several devices sent alike, letter for letter."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH told AS (
                SELECT r.id, coalesce(nullif(r.device, ''), r.id::text) AS device,
                       regexp_replace(lower(btrim(p.comment)), '\\s+', ' ', 'g') AS words
                FROM catalog_feltreportpersonal p JOIN catalog_feltreport r ON r.id = p.report_id
                WHERE r.event_id = %(event)s AND length(p.comment) >= %(characters)s),
            many AS (SELECT words FROM told GROUP BY words
                     HAVING count(DISTINCT device) >= %(devices)s)
            SELECT told.id FROM told JOIN many USING (words)
            """,
            {
                "event": event.pk,
                "characters": felt_filters.SAME_TEXT_CHARACTERS,
                "devices": felt_filters.SAME_TEXT_DEVICES,
            },
        )
        return {row[0] for row in cursor.fetchall()}


# --- Cells and settlements -----------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def _cell(latitude: float, longitude: float, size_km: int) -> core.Cell | None:
    """Return the cell of a place; the same reports come again and again as others come in."""
    try:
        return core.cell(latitude, longitude, size_km)
    except ValueError:  # beyond the grid, towards the poles
        return None


def intensities_of(
    event: Event, counted: Sequence[Told], row: EventRow | None
) -> list[CommunityIntensity]:
    """Return the intensities of all areas with a report that counts, not yet stored."""
    areas: dict[tuple[str, str], list[Told]] = defaultdict(list)
    shapes: dict[tuple[str, str], core.Cell | Settlement] = {}
    for one in counted:
        settlement = one.report.settlement
        if settlement is not None:
            key = (str(Area.SETTLEMENT), str(settlement.pk))
            areas[key].append(one)
            shapes[key] = settlement
        if one.latitude is None or one.longitude is None or one.precision_km is None:
            continue
        for area, size in CELLS:
            if one.precision_km > size:
                continue
            cell = _cell(one.latitude, one.longitude, size)
            if cell is not None:
                key = (str(area), cell.code)
                areas[key].append(one)
                shapes[key] = cell
    found = [_intensity(event, key, areas[key], shapes[key]) for key in sorted(areas)]
    if row is not None and found:
        km = geodesy.ellipsoid_distance_km(
            row.latitude, row.longitude, [i.point.y for i in found], [i.point.x for i in found]
        )
        for intensity, distance in zip(found, km, strict=True):
            intensity.distance_km = round(float(distance), 3)
    return found


def _intensity(
    event: Event, key: tuple[str, str], told: Sequence[Told], shape: core.Cell | Settlement
) -> CommunityIntensity:
    felt = [one for one in told if one.report.felt]
    answered = [one for one in felt if one.indices is not None and len(one.indices) > 1]
    cws = cdi = ems98 = None
    if not felt or len(answered) >= LEAST_ANSWERED * len(felt):
        cws = core.community_weighted_sum([one.indices for one in told if one.indices is not None])
        cdi = core.community_decimal_intensity(cws)
        _msk64, ems98 = core.equivalent(cdi)
    grades = [g for one in told if (g := _grade(one.report)) is not None]
    enough = settings.FELT_MINIMUM_REPORTS
    msk64 = statistics.median(grades) if len(grades) >= enough else None
    intensity = CommunityIntensity(
        event=event,
        area=key[0],
        code=key[1],
        report_count=len(told),
        not_felt_count=len(told) - len(felt),
        cws=cws,
        cdi=cdi,
        msk64=msk64,
        ems98=ems98,
        published=len(told) >= enough and (cdi is not None or msk64 is not None),
        method_id=METHOD_ID,
    )
    if isinstance(shape, Settlement):
        intensity.settlement, intensity.point = shape, shape.point
    else:
        intensity.point = Point(shape.longitude, shape.latitude, srid=4326)
        intensity.outline = Polygon(shape.outline, srid=4326)
    return intensity


def _grade(report: FeltReport) -> float | None:
    """Return the grade whose words a person chose; who felt nothing chose the first."""
    if not report.felt:
        return core.NOT_FELT
    return None if report.chosen_grade is None else float(report.chosen_grade)


def _store(event: Event, intensities: Sequence[CommunityIntensity]) -> bool:
    """Store what differs from what is stored; return whether anything published does."""
    stored = {(i.area, i.code): i for i in CommunityIntensity.objects.filter(event=event)}
    now = timezone.now()
    new: list[CommunityIntensity] = []
    told = False
    for intensity in intensities:
        old = stored.pop((intensity.area, intensity.code), None)
        if old is not None and all(getattr(old, n) == getattr(intensity, n) for n in COMPARED):
            continue
        told |= intensity.published or (old is not None and old.published)
        intensity.computed_at = now
        new.append(intensity)
    told |= any(old.published for old in stored.values())
    CommunityIntensity.objects.filter(pk__in=[old.pk for old in stored.values()]).delete()
    CommunityIntensity.objects.bulk_create(
        new,
        update_conflicts=True,
        unique_fields=["event", "area", "code"],
        update_fields=[*COMPARED, "settlement", "computed_at"],
    )
    return told


def _summarise(
    event: Event, counted: Sequence[Told], intensities: Sequence[CommunityIntensity]
) -> bool:
    """Store the event's summary; return whether it says something new."""
    values = {
        "report_count": len(counted),
        "not_felt_count": sum(not one.report.felt for one in counted),
        "max_cdi": max(
            (i.cdi for i in intensities if i.published and i.cdi is not None), default=None
        ),
        "method_id": METHOD_ID,
    }
    stored = FeltSummary.objects.filter(event=event)
    old = stored.first()
    if not counted:
        stored.delete()
        return old is not None
    if old is not None and all(getattr(old, name) == value for name, value in values.items()):
        return False
    FeltSummary.objects.update_or_create(
        event=event, defaults={**values, "computed_at": timezone.now()}
    )
    return True
