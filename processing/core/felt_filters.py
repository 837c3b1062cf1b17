"""What speaks against a report of what was felt: each doubt a named flag, none of them a verdict.

A flagged report waits for a person and is not counted meanwhile; nothing is deleted. That a report
whose observed intensity exceeds the prediction by more than two grades, with nobody beside it, is
in doubt follows DYFI (``dyfi/filter.py``); DYFI's own prediction is not taken, for it is not
calibrated here. All other numbers are ours.

No flag of a report depends on reports of not having felt it, so these cannot bring another one in.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from processing.core import felt as community

#: Part of the name of the method that every community intensity is stored with.
FILTERS = "felt-filters-2026.1"


class Flag(StrEnum):
    """Doubts that are found by looking at an event's reports."""

    UNREADABLE = "unreadable"
    CONTRADICTION = "contradiction"
    OUTLIER = "outlier"
    SAME_TEXT = "same-text"
    TOO_EARLY = "too-early"
    TOO_LATE = "too-late"
    TOO_FAR = "too-far"


#: Once raised it stays: the words it was found by may be deleted later.
LASTING = frozenset({Flag.SAME_TEXT})


@dataclass(frozen=True)
class Rules:
    """Every number of the filters; ours but for ``above_prediction``."""

    stated_early_s: float = 1800.0
    """A time told may be so much before the origin time."""
    received_early_s: float = 60.0
    """A report may come so long before the origin time: errors of clocks and of the origin."""
    late_days: float = 30.0
    """What comes later is memory, perhaps of another earthquake."""
    far_km: float = 100.0
    """Nearer than this nothing is too far,"""
    far_below: float = 1.0
    """farther it is where less than MSK-64 I is predicted,"""
    far_unsized_km: float = 1000.0
    """or from here on, where the event has no magnitude to predict from."""
    above_prediction: float = 2.0
    """Grades; DYFI drops a box with fewer than three reports that exceeds its prediction so."""
    beside_deg: float = 0.1
    """Reports of the same and of the eight adjoining squares of this side are beside each other."""
    agrees_within: float = 1.0
    """A report beside it that is at most so many grades lower bears it out."""
    undamaged_from: int = 8
    """A chosen grade from here on says that buildings were damaged and furniture overturned."""


RULES = Rules()
#: Index of damage -> the lowest grade whose words go with it: two below the grade of MSK-64 that
#: has such damage (VI to VIII).
LEAST_GRADE_OF_DAMAGE = ((1.0, 4), (2.0, 5), (3.0, 6))
#: What nobody reports who felt nothing.
SHAKING = ("motion", "stand", "shelf", "picture", "furniture", "damage")
SAME_TEXT_DEVICES = 3
SAME_TEXT_CHARACTERS = 20


@dataclass(frozen=True)
class Report:
    """One report as it stands to its event."""

    felt: bool
    chosen_grade: int | None
    indices: Mapping[str, float] | None
    """As ``felt.indices`` returns them; None: the answers could not be read."""
    stated_late_s: float | None
    """Time told less origin time; None: no time was told, or the event has none."""
    received_late_s: float | None
    latitude: float | None = None
    longitude: float | None = None
    distance_km: float | None = None
    intensity: float | None = None
    """Predicted at its place, MSK-64."""

    @property
    def is_answered(self) -> bool:
        """Whether more was told than that it was felt."""
        return self.indices is not None and len(self.indices) > 1

    @property
    def grade(self) -> float | None:
        """The grade chosen, else the intensity of its own answers: good for comparing only."""
        if not self.felt:
            return community.NOT_FELT
        if self.chosen_grade is not None:
            return float(self.chosen_grade)
        if self.indices is None or not self.is_answered:
            return None
        return community.community_decimal_intensity(
            community.community_weighted_sum([self.indices])
        )


def flags(reports: Sequence[Report], rules: Rules = RULES) -> list[frozenset[Flag]]:
    """Return the flags of each of an event's reports; ``SAME_TEXT`` is found by its words."""
    found = [_own_flags(report, rules) for report in reports]
    for number in _outliers(reports, rules):
        found[number].add(Flag.OUTLIER)
    return [frozenset(one) for one in found]


def _own_flags(report: Report, rules: Rules) -> set[Flag]:
    found = set()
    if report.indices is None:
        found.add(Flag.UNREADABLE)
    if contradicts_itself(report, rules):
        found.add(Flag.CONTRADICTION)
    stated, received = report.stated_late_s, report.received_late_s
    if (stated is not None and stated < -rules.stated_early_s) or (
        received is not None and received < -rules.received_early_s
    ):
        found.add(Flag.TOO_EARLY)
    if received is not None and received > rules.late_days * 86_400.0:
        found.add(Flag.TOO_LATE)
    if report.felt and report.distance_km is not None:
        if report.intensity is None:
            too_far = report.distance_km > rules.far_unsized_km
        else:
            too_far = report.distance_km > rules.far_km and report.intensity < rules.far_below
        if too_far:
            found.add(Flag.TOO_FAR)
    return found


def contradicts_itself(report: Report, rules: Rules = RULES) -> bool:
    """Return whether the parts of a report cannot all be true."""
    told = report.indices or {}
    grade = report.chosen_grade
    if not report.felt:
        return (grade is not None and grade > 1) or any(told.get(name, 0) > 0 for name in SHAKING)
    if grade is None:
        return False
    if grade <= 1:
        return True
    damage = told.get("damage")
    if damage is not None and any(
        damage >= index and grade < least for index, least in LEAST_GRADE_OF_DAMAGE
    ):
        return True
    nothing_moved = damage == 0 and told.get("shelf") == 0
    return grade >= rules.undamaged_from and nothing_moved


def _outliers(reports: Sequence[Report], rules: Rules) -> list[int]:
    """Return the numbers of reports far above the prediction that none beside them bears out."""
    squares: dict[tuple[int, int], list[float]] = defaultdict(list)
    placed: dict[int, tuple[tuple[int, int], float]] = {}
    for number, report in enumerate(reports):
        grade = report.grade
        if not report.felt or grade is None or report.latitude is None or report.longitude is None:
            continue
        side = rules.beside_deg
        square = (math.floor(report.latitude / side), math.floor(report.longitude / side))
        placed[number] = (square, grade)
        squares[square].append(grade)
    # The two highest of a square are enough: one of them may be the report itself.
    highest = {square: sorted(grades)[-2:] for square, grades in squares.items()}
    found = []
    for number, (square, grade) in placed.items():
        predicted = reports[number].intensity
        if predicted is None or grade <= predicted + rules.above_prediction:
            continue
        row, column = square
        beside = [
            other
            for across in (-1, 0, 1)
            for up in (-1, 0, 1)
            for other in highest.get((row + across, column + up), ())
        ]
        bearing = sum(other >= grade - rules.agrees_within for other in beside)
        if bearing <= 1:  # itself
            found.append(number)
    return found
