"""Relations between two scales of the catalogue: pairs, the line through them, where it stands."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from catalog.models import Agency, ConversionRelation, Magnitude, PreferredMagnitude, User
from catalog.querysets import COUNTED_STATUSES
from catalog.scales import CONVERTED, SCALES
from processing.core import regression as core
from processing.jobs import versions
from processing.transactions import alone, writing

#: Ours: pairs a page works with, and the command.
MOST_ON_A_PAGE, MOST_PAIRS = 100_000, 2_000_000
#: Pairs kept for the plot.
KEPT_PAIRS = 1500
#: Ours: beyond these one scale would have no errors to speak of, and that is least squares.
LEAST_RATIO, LARGEST_RATIO = 0.01, 100.0

SENTENCES = {
    "unknown-scale": _("There is no scale “%(found)s”. Expected one of: %(expected)s."),
    "same-scale": _("Choose two different scales."),
    "bad-ratio": _("The ratio of error variances is a number from 0.01 to 100."),
    "no-pairs": _("No event has both %(x)s and %(y)s in this choice."),
    "too-many-pairs": _(
        "More than %(most)s pairs: choose a shorter span of time, or use the command."
    ),
    "too-few-pairs": _("Too few events have both: %(found)s, %(needed)s are needed."),
    "narrow-range": _(
        "The values of the first scale span %(found)s units, %(needed)s are needed for a line."
    ),
    "no-correlation": _("The two scales do not vary together: there is no line."),
    "stands-so": _("“%(found)s” stands so already."),
    "built-in": _(
        "“%(found)s” is what search, downloads and services convert by: it cannot be withdrawn."
    ),
}

logger = logging.getLogger(__name__)
Status = ConversionRelation.Status


class Refused(versions.Refused):
    sentences = SENTENCES


@dataclass(frozen=True)
class Choice:
    """Which pairs a line is drawn through: y against x."""

    x: str
    y: str
    agency: Agency | None = None
    """Both values reported by it; ``None``: the values the catalogue prefers."""
    start: datetime | None = None
    end: datetime | None = None
    synthetic: bool = False
    error_ratio: float = 1.0
    """Variance of y's errors over that of x's."""
    most_pairs: int = MOST_PAIRS

    def __post_init__(self) -> None:
        for scale in (self.x, self.y):
            if scale not in SCALES:
                raise Refused("unknown-scale", found=scale[:40], expected=", ".join(SCALES))
        if self.x == self.y:
            raise Refused("same-scale")
        if not LEAST_RATIO <= self.error_ratio <= LARGEST_RATIO:
            raise Refused("bad-ratio")


@dataclass(frozen=True)
class Pairs:
    """Events that have both, in order of time."""

    x: list[float]
    y: list[float]


def pairs(choice: Choice) -> Pairs:
    """Return the native values of events that have both scales; a converted one is none.

    Raises
    ------
    Refused
        ``no-pairs``, ``too-many-pairs``.
    """
    values: dict[str, dict[int, list[float]]] = {}
    times: dict[int, datetime] = {}
    for scale, other in ((choice.x, choice.y), (choice.y, choice.x)):
        found: dict[int, list[float]] = defaultdict(list)
        same_event = _values(choice, other).filter(event=OuterRef("event"))
        rows = _values(choice, scale).filter(Exists(same_event))
        value = "magnitude__value" if choice.agency is None else "value"
        columns = ("event", value, "event__preferred_origin__time")
        for key, size, time in rows.values_list(*columns).iterator(5000):
            found[key].append(size)
            times[key] = time
            if len(found) > choice.most_pairs:
                raise Refused("too-many-pairs", most=choice.most_pairs)
        values[scale] = found
    keys = sorted(values[choice.x], key=lambda key: (times[key], key))
    if not keys:
        raise Refused("no-pairs", x=choice.x, y=choice.y)
    x, y = (
        [float(np.median(values[scale][key])) for key in keys] for scale in (choice.x, choice.y)
    )
    return Pairs(x, y)


def _values(choice: Choice, scale: str) -> Any:
    """Return the rows of native values on one scale."""
    of_event: dict[str, Any] = {
        "event__synthetic": choice.synthetic,
        "event__status__in": COUNTED_STATUSES,
        "event__preferred_origin__isnull": False,
    }
    if choice.start is not None:
        of_event["event__preferred_origin__time__gte"] = choice.start
    if choice.end is not None:
        of_event["event__preferred_origin__time__lt"] = choice.end
    if choice.agency is None:
        return PreferredMagnitude.objects.filter(
            scale=scale,
            magnitude__converted_from__isnull=True,
            magnitude__bound="",
            **of_event,
        )
    return (
        Magnitude.objects.current()
        .reported()
        .filter(
            scale=scale,
            agency=choice.agency,
            bound="",
            converted_from__isnull=True,
            entry__current_of__outranked_by__isnull=True,
            **of_event,
        )
    )


def fit(choice: Choice) -> tuple[core.Regression, Pairs]:
    """Return the line of a choice of pairs, and the pairs.

    Raises
    ------
    Refused
    """
    found = pairs(choice)
    try:
        return core.regress(found.x, found.y, choice.error_ratio), found
    except core.NoLine as none:
        raise Refused(none.code, found=f"{none.found:.3g}", needed=f"{none.needed:g}") from none


def kept(found: Pairs) -> list[list[float]]:
    """Return the pairs that are kept for a plot, evenly over time."""
    places = np.linspace(0, len(found.x) - 1, min(len(found.x), KEPT_PAIRS)).astype(int)
    return [[found.x[i], found.y[i]] for i in places.tolist()]


def store(
    choice: Choice, found: core.Regression, of: Pairs, actor: User | None = None
) -> ConversionRelation:
    """Keep a line as a proposed relation, the next of its two scales."""
    line = found.orthogonal
    with transaction.atomic():
        alone(ConversionRelation)
        row = ConversionRelation.objects.create(
            relation_id=_next_id(choice),
            from_scale=choice.x,
            to_scale=choice.y,
            slope=line.slope,
            intercept=line.intercept,
            slope_error=line.slope_error,
            intercept_error=line.intercept_error,
            range_from=found.x_range[0],
            range_to=found.x_range[1],
            sigma=line.residual_sigma,
            pair_count=found.pairs,
            regression=ConversionRelation.Regression.ORTHOGONAL,
            certainty=ConversionRelation.Certainty.FITTED,
            assumed="ratio of error variances",
            source="this catalogue",
            synthetic=choice.synthetic,
            method_id=core.METHOD,
            parameters={
                "error_ratio": choice.error_ratio,
                "correlation": round(found.correlation, 4),
                "agency": choice.agency.code if choice.agency else None,
                "from": choice.start and choice.start.astimezone(UTC).isoformat(),
                "to": choice.end and choice.end.astimezone(UTC).isoformat(),
                "ols": [found.ols.slope, found.ols.intercept],
                "ols_inverse": [found.ols_inverse.slope, found.ols_inverse.intercept],
                "lines": [asdict(found.ols), asdict(found.ols_inverse)],
            },
            pairs=kept(of),
            created_by=actor,
        )
    logger.info("relation %s: %d pairs", row, found.pairs)
    return row


def make(choice: Choice, actor: User | None = None) -> ConversionRelation:
    """Fit and store; see both."""
    found, of = fit(choice)
    return store(choice, found, of, actor)


def _next_id(choice: Choice) -> str:
    stem = f"{choice.y}-from-{choice.x}"
    if choice.agency is not None:
        stem = f"{stem}-{choice.agency.code}"
    if choice.synthetic:
        stem = f"synthetic-{stem}"
    return versions.next_name(ConversionRelation, "relation_id", stem)


def accept(row: ConversionRelation, actor: User | None = None, note: str = "") -> None:
    """Let values be converted by a relation; the one accepted before is withdrawn.

    Nothing is computed anew: a converted value is worked out where it is shown.

    Raises
    ------
    Refused
        ``stands-so``, or ``built-in`` where it would take the place of one that is.
    """
    _move(row, Status.ACCEPTED, actor, note)


def withdraw(row: ConversionRelation, actor: User | None = None, note: str = "") -> None:
    """Let nothing be converted by a relation any more; see `accept`."""
    _move(row, Status.WITHDRAWN, actor, note)


def _move(row: ConversionRelation, status: str, actor: User | None, note: str) -> None:
    with writing():
        alone(ConversionRelation)
        row.refresh_from_db(fields=["status"])
        if row.status == status:
            raise Refused("stands-so", found=row.relation_id)
        if row.relation_id == CONVERTED:
            raise Refused("built-in", found=row.relation_id)
        rivals = {
            "from_scale": row.from_scale,
            "to_scale": row.to_scale,
            "synthetic": row.synthetic,
        }
        versions.move(row, status, actor, note, rivals)
    row.refresh_from_db()
    logger.info("relation %s is %s", row, row.status)
