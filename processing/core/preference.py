"""Choose the preferred origin and magnitudes of an event, and say why.

Each origin gets a score that is the sum of named terms. The magnitudes of a scale are compared by
criteria in an order, and the first that differs decides. Terms and criteria are stored and printed,
so that anyone can see why one solution stands first. A person's choice outweighs all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from catalog.scales import MAGNITUDE_ORDER, SCALES

#: What may decide between magnitudes of one scale, after a person's choice and native before
#: converted, which always come first.
CRITERIA = ("reported", "preferred_origin", "agency", "station_count", "reviewed")
ALWAYS_FIRST = ("chosen_by_editor", "native")
SHIPPED_ORDER = ("reported", "preferred_origin", "station_count", "reviewed")
#: What "reported" is of a value computed here from station values that agencies reported: more
#: than that of one from amplitudes, which lacks their calibrations, and less than their own.
FROM_STATION_VALUES = 0.5
#: Ours: solutions with so many stations count as one unit, as in iLoc's network score.
STATIONS_PER_UNIT = 7.5
#: (360 - secondary gap) / 60 is at most this.
LARGEST_GAP_VALUE = 6.0


@dataclass(frozen=True)
class Area:
    """Where certain agencies are the authority; borders are inside."""

    name: str
    agencies: tuple[str, ...]
    """In their order, the first leads. An agency counts as the one it became."""
    scale_agencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where a scale has an order of agencies of its own."""
    minlatitude: float = -90.0
    maxlatitude: float = 90.0
    minlongitude: float = -180.0
    maxlongitude: float = 180.0

    def holds(self, latitude: float, longitude: float) -> bool:
        """Tell whether a point lies in the area."""
        return (
            self.minlatitude <= latitude <= self.maxlatitude
            and self.minlongitude <= longitude <= self.maxlongitude
        )

    def value(self, codes: Iterable[str], scale: str = "") -> float:
        """Return 1 for the first agency of the order, less for those that follow, 0 for others.

        ``codes`` are those of one agency: its own and those of what it became.
        """
        order = self.scale_agencies.get(scale, self.agencies)
        known = set(codes)
        place = next((i for i, code in enumerate(order) if code in known), None)
        return 0.0 if place is None else 1.0 - place / len(order)


@dataclass(frozen=True)
class PreferenceRules:
    """Weights of the terms, named and versioned: every decision stores the label.

    The values are those of the shipped version. Our own computed origin must not outrank a
    reviewed origin of the area's authority, nor any reviewed one: all terms of solution quality
    together weigh less than review, and review less than authority. The quality terms are those of
    iLoc's network score without its azimuthal uniformity: n/7.5 and (360 - secondary gap)/60
    (project methods 3.5). The weights are ours.
    """

    name: str = "kz-preference"
    version: int = 1
    # The first area that holds the event decides.
    areas: tuple[Area, ...] = (
        Area("northern-tien-shan", ("SOME",), {}, 41.67, 45.00, 75.00, 80.00),
        Area("elsewhere", ("KNDC",)),
    )
    chosen_weight: float = 10_000.0
    authority_weight: float = 1_000.0
    review_weight: float = 100.0
    report_choice_weight: float = 20.0
    """Among the solutions one report lists, its own choice stands for it: more than all quality
    terms together, less than any step of review."""
    station_weight: float = 1.0
    station_cap: float = 30.0
    """Stations beyond which more do not count, so that quality cannot outweigh review."""
    gap_weight: float = 1.0
    completeness_weight: float = 1.0
    automatic_weight: float = -5_000.0
    """An automatic bulletin never outranks what a person has looked at, whatever its agency."""
    scale_orders: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: dict.fromkeys(SCALES, SHIPPED_ORDER)
    )
    """Of each scale the criteria between its magnitudes, the strongest first."""

    @property
    def label(self) -> str:
        return f"{self.name}/{self.version}"

    @property
    def reach(self) -> float:
        """The most by which terms other than a person's choice can set two origins apart."""
        quality = (
            self.station_weight * self.station_cap / STATIONS_PER_UNIT
            + self.gap_weight * LARGEST_GAP_VALUE
            + self.completeness_weight
        )
        return (
            self.authority_weight + 2.0 * self.review_weight + self.report_choice_weight + quality
        )


@dataclass(frozen=True)
class OriginView:
    """One origin of an event, as the choice sees it."""

    key: str
    """Stable key; breaks ties, smallest first."""
    agency: str
    latitude: float
    longitude: float
    became: tuple[str, ...] = ()
    """Codes of what the agency became."""
    computed: bool = False
    """Made here and not reported by an agency."""
    chosen: bool = False
    """A person's choice."""
    report_choice: bool = False
    """Its report's own choice (#PRIME, preferredOriginID), or the only origin of its report."""
    evaluation_mode: str | None = None
    """QuakeML: manual, automatic."""
    evaluation_status: str | None = None
    """QuakeML: preliminary, confirmed, reviewed, final, rejected."""
    used_station_count: int | None = None
    azimuthal_gap: float | None = None
    secondary_azimuthal_gap: float | None = None
    has_depth: bool = False
    has_time_uncertainty: bool = False
    has_ellipse: bool = False
    has_magnitude: bool = False
    minute_precision: bool = False
    automatic_bulletin: bool = False
    """Of a bulletin that no person has looked at; what is computed here is not one."""


@dataclass(frozen=True)
class Term:
    """One reason: its value, its weight, and their product in the score."""

    name: str
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True)
class RankedOrigin:
    """An origin's place in the order and the terms that put it there."""

    key: str
    score: float
    terms: tuple[Term, ...]
    rules: str


def _term(name: str, value: float, weight: float) -> Term:
    return Term(name, value, weight, value * weight)


def authority(latitude: float, longitude: float, rules: PreferenceRules) -> Area | None:
    """Return the first area that holds a point."""
    return next((area for area in rules.areas if area.holds(latitude, longitude)), None)


def _review_value(origin: OriginView) -> float:
    """Return 1 for reviewed, less for what is less sure, -1 for rejected."""
    if origin.evaluation_status == "rejected":
        return -1.0
    if origin.evaluation_status in ("final", "reviewed", "confirmed"):
        return 1.0
    if origin.evaluation_status == "preliminary" or origin.evaluation_mode == "automatic":
        return 0.0
    # Bulletins made by hand often say nothing more.
    return 0.5 if origin.evaluation_mode == "manual" or not origin.computed else 0.0


def _terms(origin: OriginView, area: Area | None, rules: PreferenceRules) -> tuple[Term, ...]:
    """Return the terms of one origin."""
    stations = min(float(origin.used_station_count or 0), rules.station_cap)
    secondary = origin.secondary_azimuthal_gap
    if secondary is None:
        # Unknown counts as the worst; the primary gap bounds it from below only.
        secondary = 360.0
    parts = (
        origin.has_depth, origin.has_time_uncertainty, origin.has_ellipse, origin.has_magnitude,
        not origin.minute_precision,
    )  # fmt: skip
    authority = 0.0
    if area is not None and not origin.computed:
        authority = area.value((origin.agency, *origin.became))
    return (
        _term("chosen_by_editor", float(origin.chosen), rules.chosen_weight),
        _term("authoritative_agency", authority, rules.authority_weight),
        _term("review_status", _review_value(origin), rules.review_weight),
        _term("report_choice", float(origin.report_choice), rules.report_choice_weight),
        _term("station_count", stations / STATIONS_PER_UNIT, rules.station_weight),
        _term("azimuthal_gap", (360.0 - secondary) / 60.0, rules.gap_weight),
        _term("completeness", sum(parts) / len(parts), rules.completeness_weight),
        _term("automatic_bulletin", float(origin.automatic_bulletin), rules.automatic_weight),
    )


def rank_origins(
    origins: Iterable[OriginView], rules: PreferenceRules | None = None
) -> tuple[RankedOrigin, ...]:
    """Return all origins of one event, the preferred first, each with its terms.

    Parameters
    ----------
    origins : iterable of OriginView
        In any order; the result does not depend on it.
    rules : PreferenceRules, optional
        The default set if none.

    Notes
    -----
    The area is that of the event and not of each origin, so that two solutions on both sides of a
    border do not each claim authority: the mean of the reported epicentres decides (of all, if
    none is reported). Longitudes here never straddle 180 degrees.
    """
    rules = rules or PreferenceRules()
    ordered = sorted(origins, key=lambda origin: origin.key)
    if not ordered:
        return ()
    reported = [origin for origin in ordered if not origin.computed] or ordered
    area = authority(
        sum(o.latitude for o in reported) / len(reported),
        sum(o.longitude for o in reported) / len(reported),
        rules,
    )
    ranked = []
    for origin in ordered:
        terms = _terms(origin, area, rules)
        score = sum(term.contribution for term in terms)
        ranked.append(RankedOrigin(origin.key, score, terms, rules.label))
    return tuple(sorted(ranked, key=lambda r: (-r.score, r.key)))


@dataclass(frozen=True)
class MagnitudeView:
    """One magnitude of an event, as the choice sees it."""

    key: str
    """Stable key; breaks ties, smallest first."""
    scale: str
    """KR, MPVA, MLV, MS, mb, ML, Mw: the scale its reported type belongs to."""
    value: float
    agency: str = ""
    became: tuple[str, ...] = ()
    """Codes of what the agency became."""
    computed: bool = False
    """Made here of station values and not reported by an agency."""
    from_amplitudes: bool = False
    """Computed, and from amplitudes instead of the stations' reported values."""
    chosen: bool = False
    """A person's choice for this scale."""
    converted: bool = False
    """From another scale; a native value always goes before it."""
    of_preferred_origin: bool = False
    automatic_bulletin: bool = False
    station_count: int | None = None


@dataclass(frozen=True)
class RankedMagnitude:
    """A magnitude's place among those of its scale, by criteria from the strongest on."""

    key: str
    criteria: tuple[tuple[str, float], ...]
    """Name and value; the larger value goes first."""


def rank_magnitudes(
    magnitudes: Iterable[MagnitudeView],
    scale: str,
    rules: PreferenceRules | None = None,
    area: Area | None = None,
) -> tuple[RankedMagnitude, ...]:
    """Return the magnitudes of one scale, the preferred first, each with what decided.

    Parameters
    ----------
    magnitudes : iterable of MagnitudeView
        In any order, of any scale.
    area : Area, optional
        The one that holds the event; its order of agencies is the criterion ``agency``.
    """
    rules = rules or PreferenceRules()
    order = (*ALWAYS_FIRST, *rules.scale_orders.get(scale, SHIPPED_ORDER))
    ranked = []
    for m in magnitudes:
        if m.scale != scale:
            continue
        values = {
            "chosen_by_editor": float(m.chosen),
            "native": float(not m.converted),
            "reported": 1.0 if not m.computed else FROM_STATION_VALUES * (not m.from_amplitudes),
            "preferred_origin": float(m.of_preferred_origin),
            "agency": 0.0 if area is None else area.value((m.agency, *m.became), scale),
            "station_count": float(m.station_count or 0),
            "reviewed": float(not m.automatic_bulletin),
        }
        ranked.append(RankedMagnitude(m.key, tuple((name, values[name]) for name in order)))
    return tuple(sorted(ranked, key=lambda r: (*(-value for _name, value in r.criteria), r.key)))


def preferred_magnitude(magnitudes: Iterable[MagnitudeView]) -> MagnitudeView | None:
    """Return the magnitude that may stand as "the magnitude" of the event, None if there is none.

    Order of scales: `MAGNITUDE_ORDER`; a scale that is not in it is never chosen, and what was
    converted from another scale only where nothing was measured. Give one magnitude a scale, the
    one preferred on it.
    """
    rank = {scale: place for place, scale in enumerate(MAGNITUDE_ORDER)}
    return min(
        (m for m in magnitudes if m.scale in rank),
        key=lambda m: (m.converted, rank[m.scale], m.key),
        default=None,
    )
