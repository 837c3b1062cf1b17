"""Which earthquake a report is about that names none: time, place and what was to be felt there.

An event is a candidate where its time and the report's are near enough, and where it could be felt
at the report's place. Of several candidates the one that was to be felt most strongly is chosen,
less a grade for every ten minutes apart. The rule and all its numbers are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

RULE = "felt-tie-2026.1"


@dataclass(frozen=True)
class Rules:
    """Every number of the rule; all are ours."""

    stated_off_s: float = 1800.0
    """A time a person tells may be off by so much, either way."""
    received_after_s: float = 3600.0
    """Who tells no time writes at most so long after the shaking,"""
    received_before_s: float = 60.0
    """and no earlier than this before it, for clocks and for the error of the origin time."""
    farthest_km: float = 1500.0
    """Nothing beyond is a candidate, whatever a prediction says there."""
    felt_from: float = 2.0
    """MSK-64 II: the weakest that anybody feels."""
    sigmas: float = 1.0
    """So many standard deviations above the prediction still count."""
    grade_s: float = 600.0
    """Seconds apart that weigh as much as one grade of intensity."""
    unsized_km: float = 150.0
    """Of an event without a magnitude to predict from, only what is so near is a candidate,"""
    unsized_intensity: float = 2.0
    """and it weighs as if it were just felt there."""
    rivals_told: int = 5

    @property
    def earliest_s(self) -> float:
        """How long before a report's time an event may have been."""
        return max(self.stated_off_s, self.received_after_s)

    @property
    def latest_s(self) -> float:
        """How long after a report's time an event may have been."""
        return max(self.stated_off_s, self.received_before_s)


RULES = Rules()


@dataclass(frozen=True)
class Candidate:
    """An event as it stands to one report."""

    event: int
    public_id: str
    late_s: float
    """Time of the report less origin time."""
    distance_km: float
    intensity: float | None
    """Predicted at the report's place, MSK-64; None: the event has no magnitude to predict from."""
    sigma: float

    def score(self, rules: Rules = RULES) -> float:
        grade = rules.unsized_intensity if self.intensity is None else self.intensity
        return grade - abs(self.late_s) / rules.grade_s

    def is_possible(self, stated: bool, rules: Rules = RULES) -> bool:
        """Return whether the report may be about this event; ``stated``: a time was told."""
        if stated:
            in_time = abs(self.late_s) <= rules.stated_off_s
        else:
            in_time = -rules.received_before_s <= self.late_s <= rules.received_after_s
        if not in_time or self.distance_km > rules.farthest_km:
            return False
        if self.intensity is None:
            return self.distance_km <= rules.unsized_km
        return self.intensity + rules.sigmas * self.sigma >= rules.felt_from

    def terms(self, rules: Rules = RULES) -> dict[str, Any]:
        """Return what the tie's record tells of it."""
        told = asdict(self)
        told["score"] = self.score(rules)
        for name in ("late_s", "distance_km", "intensity", "score"):
            told[name] = None if told[name] is None else round(told[name], 2)
        del told["event"], told["sigma"]
        return told


def choose(
    candidates: Iterable[Candidate], stated: bool, rules: Rules = RULES
) -> tuple[Candidate | None, dict[str, Any]]:
    """Return the event a report is about, if any, and the terms of the choice, rivals included.

    The result does not depend on the order of the candidates: of equal scores the earlier event
    is taken, then the lesser id.
    """
    possible = sorted(
        (c for c in candidates if c.is_possible(stated, rules)),
        key=lambda c: (-c.score(rules), -c.late_s, c.public_id),
    )
    if not possible:
        return None, {}
    first, *rivals = possible
    terms = first.terms(rules)
    if rivals:
        terms["rivals"] = [rival.terms(rules) for rival in rivals[: rules.rivals_told]]
    return first, terms
