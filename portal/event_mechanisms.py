"""The mechanisms of one event: drawn, put into words, and compared with each other.

What a report gives is told as it gave it; what follows from it is marked as worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from catalog import focal_geometry as geometry
from catalog import whole_mechanisms
from catalog.models import Event, FocalMechanism
from catalog.whole_mechanisms import Whole
from portal.beachball import Beachball, ball_of, projected
from portal.mechanism_words import MEANINGS, STYLES, kagan_words
from portal.templatetags import seismo
from processing.core import first_motion

#: Mechanisms compared with each other; a table of more pairs nobody reads. Ours.
MOST_COMPARED = 8
#: First motions drawn; a list beside has them all. Ours.
MOST_DRAWN = 500
#: Reported planes and axes that differ more [deg] are said to, as on reading the year book.
DISAGREE_DEG = 5.0
#: Half the width of a cross over a contradicting one, of the ball's radius.
CROSS = 0.07
#: A double couple's least share [part of 1] below which the page says that there is another part.
#: Ours.
PURE_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class PolarityShown:
    """A first motion on the lower hemisphere."""

    station: str
    up: bool
    contradicting: bool
    x: float
    y: float
    azimuth: float
    takeoff: float

    @property
    def cross(self) -> str:
        """A stroke of either slant over it."""
        x, y, r = self.x - CROSS, self.y, 2 * CROSS
        falling = f"M{x:.3f} {y - CROSS:.3f}l{r:.3f} {r:.3f}"
        return f"{falling}M{x:.3f} {y + CROSS:.3f}l{r:.3f} -{r:.3f}"


@dataclass(frozen=True, slots=True)
class RatioShown:
    """The lg ratio of the amplitudes of S and P at a station, and what the mechanism expects."""

    station: str
    read: float
    expected: float
    azimuth: float
    takeoff: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: a plane's strike, dip, rake or an axis's azimuth and plunge [deg]."""

    name: str
    values: tuple[float | None, ...]
    worked_out: bool = False
    is_fault: bool = False
    impossible: bool = False


@dataclass(frozen=True, slots=True)
class MechanismShown:
    """A mechanism, its drawing where enough is known, and what the page says of it."""

    mechanism: FocalMechanism
    whole: Whole | None
    ball: Beachball | None
    planes: list[Line]
    axes: list[Line]
    polarities: list[PolarityShown] = field(default_factory=list)
    ratios: list[RatioShown] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    description: str = ""

    @property
    def style(self) -> str:
        return self.whole.style if self.whole else ""

    @property
    def style_words(self) -> str:
        return str(STYLES[self.style]) if self.style else ""

    @property
    def style_meaning(self) -> str:
        return str(MEANINGS[self.style]) if self.style else ""

    @property
    def name(self) -> str:
        """Whose it is; two of one agency are told apart by their method."""
        return str(self.mechanism.agency or seismo.DASH)


@dataclass(frozen=True, slots=True)
class Compared:
    """How far two mechanisms of one event differ."""

    one: str
    other: str
    angle: float
    words: str


def told(event: Event) -> dict[str, Any]:
    """Return what the event's page shows of its mechanisms, the preferred one first."""
    found = list(event.focalmechanisms.current().select_related("agency").order_by("pk"))
    preferred = event.preferred_focal_mechanism_id
    found.sort(key=lambda m: (m.pk != preferred, m.is_computed, str(m.agency), m.pk))
    shown = [shown_of(m) for m in found]
    return {
        "mechanisms": shown,
        "mechanisms_compared": compared(shown),
        "mechanism_pairs_left_out": max(0, sum(m.whole is not None for m in shown) - MOST_COMPARED),
    }


def shown_of(m: FocalMechanism) -> MechanismShown:
    """Return one mechanism as the page shows it."""
    known = whole_mechanisms.of_row(m)
    ball = None
    if known is not None:
        normal, slip = geometry.fault_vectors(*known.planes[0])
        ball = ball_of(normal, slip, known.tensor)
    planes, axes = _planes(m, known), _axes(m, known)
    polarities, ratios = _polarities(m.parameters), _ratios(m.parameters)
    return MechanismShown(
        m,
        known,
        ball,
        planes,
        axes,
        polarities[:MOST_DRAWN],
        ratios,
        _facts(m, known, ratios),
        _notes(m, known, planes, polarities),
        _description(m, planes, axes) if ball else "",
    )


def _planes(m: FocalMechanism, known: Whole | None) -> list[Line]:
    lines = []
    for number in (1, 2):
        given = tuple(getattr(m, f"{angle}_{number}") for angle in ("strike", "dip", "rake"))
        name = _("Plane 1") if number == 1 else _("Plane 2")
        is_fault = m.preferred_plane == number
        if all(angle is not None for angle in given):
            impossible = not 0.0 <= given[1] <= 90.0
            lines.append(Line(name, given, is_fault=is_fault, impossible=impossible))
        elif known is not None:
            # Of planes the one that is given comes first.
            place = 1 if known.source == whole_mechanisms.PLANES else number - 1
            lines.append(Line(name, known.planes[place], True, is_fault))
        elif any(angle is not None for angle in given):
            lines.append(Line(name, given))
    return lines


def _axes(m: FocalMechanism, known: Whole | None) -> list[Line]:
    lines = []
    for letter in "tnp":
        given = (getattr(m, f"{letter}_azimuth"), getattr(m, f"{letter}_plunge"))
        if None not in given:
            lines.append(Line(letter.upper(), given))
        elif known is not None:
            lines.append(Line(letter.upper(), getattr(known, letter), True))
    return lines


def _facts(
    m: FocalMechanism, known: Whole | None, ratios: Sequence[RatioShown]
) -> list[tuple[str, str]]:
    """Return what else is known: name and value."""
    facts: list[tuple[str, str]] = []
    if known is not None and known.shmax is not None:
        facts.append((_("Largest horizontal stress (SHmax)"), _both_ends(known.shmax)))
    if m.uncertainty_deg is not None:
        facts.append((_("Uncertainty"), f"±{seismo.degrees(m.uncertainty_deg)}"))
    if m.probability is not None:
        percent = seismo.decimal(100 * m.probability, 0)
        facts.append((_("Probability within 45°"), f"{percent}\u00a0%"))
    if m.station_polarity_count is not None:
        facts.append((_("Polarities"), str(m.station_polarity_count)))
    if m.misfit is not None:
        facts.append((_("Misfit"), seismo.decimal(m.misfit, 2)))
    if ratios:
        facts.append((_("Amplitude ratios of S and P"), str(len(ratios))))
        scatter = m.parameters.get("ratio_misfit")
        if isinstance(scatter, float):
            facts.append((_("Scatter of their lg"), seismo.decimal(scatter, 2)))
    if m.azimuthal_gap is not None:
        facts.append((_("Azimuthal gap"), seismo.degrees(m.azimuthal_gap)))
    if m.takeoff_gap is not None:
        facts.append((_("Take-off angle gap"), seismo.degrees(m.takeoff_gap)))
    if m.station_distribution_ratio is not None:
        ratio = seismo.decimal(m.station_distribution_ratio, 2)
        facts.append((_("Station distribution ratio"), ratio))
    if m.scalar_moment is not None:
        unit = _("N m")
        facts.append((_("Scalar moment"), f"{m.scalar_moment:.2e}\u00a0{unit}"))
    share = _double_couple(m, known)
    if share is not None:
        facts.append((_("Double couple"), f"{seismo.decimal(100 * share, 0)}\u00a0%"))
    return facts


def _double_couple(m: FocalMechanism, known: Whole | None) -> float | None:
    if m.double_couple is not None:
        return m.double_couple
    if known is not None and known.has_tensor:
        return float(geometry.principal(known.tensor).double_couple)
    return None


def _both_ends(azimuth: float) -> str:
    """Return an azimuth without a direction as both its ends."""
    low = round(azimuth) % 180
    return f"{low}°–{low + 180}°"


def _notes(
    m: FocalMechanism,
    known: Whole | None,
    planes: Sequence[Line],
    polarities: Sequence[PolarityShown],
) -> list[str]:
    notes = []
    if known is None:
        notes.append(
            _("Too little is known to draw it: that takes a nodal plane, two axes or a tensor.")
        )
    if any(line.impossible for line in planes):
        notes.append(
            _("A dip beyond 0° to 90° cannot be: that plane is shown as reported and not used.")
        )
    if known is not None and known.source == whole_mechanisms.TENSOR:
        notes.append(_("Planes and axes were worked out from the moment tensor."))
    elif known is not None and known.source == whole_mechanisms.AXES:
        notes.append(_("Planes were worked out from the axes."))
    elif any(line.worked_out for line in planes):
        notes.append(_("The other plane was worked out from the one reported."))
    apart = whole_mechanisms.disagreement(m)
    if apart > DISAGREE_DEG:
        notes.append(
            _("The planes and axes reported do not belong together: they differ by %(angle)s (Kagan"
              " angle). Drawn are those of the first plane.") % {"angle": seismo.degrees(apart)}
        )  # fmt: skip
    share = _double_couple(m, known)
    if known is not None and known.has_tensor and share is not None and share < PURE_SHARE:
        notes.append(
            _("The tensor is not a double couple alone: the dark part follows the whole tensor, the"
              " lines are the planes of its double couple.")
        )  # fmt: skip
    if words := quality_words(m):
        notes.append(words)
    if m.uncertainty_deg is not None:
        notes.append(
            _("68 percent of what the polarities allow lies within %(angle)s of it, as the least"
              " rotation from one mechanism to another (Kagan angle).")
            % {"angle": seismo.degrees(m.uncertainty_deg)}
        )  # fmt: skip
    if len(polarities) > MOST_DRAWN:
        notes.append(_("Only the first %(n)s polarities are drawn.") % {"n": MOST_DRAWN})
    return notes


def quality_words(m: FocalMechanism) -> str:
    """Explain a grade; one an agency gave is told as its own."""
    if not m.quality:
        return ""
    if not m.method_id.startswith(first_motion.METHOD):
        return _("Quality %(grade)s is the author's own grade.") % {"grade": m.quality}
    if m.quality in first_motion.QUALITY:
        least, widest, most, spread = first_motion.QUALITY[m.quality]
        return _(
            "Quality %(grade)s: probability at least %(least)s, uncertainty at most %(widest)s,"
            " misfit at most %(most)s, station distribution ratio at least %(spread)s; gaps at most"
            " %(gap)s in azimuth and %(takeoff)s in take-off angle. A is the best grade."
        ) % {
            "grade": m.quality,
            "least": seismo.decimal(least, 1),
            "widest": seismo.degrees(widest),
            "most": seismo.decimal(most, 2),
            "spread": seismo.decimal(spread, 1),
            "gap": seismo.degrees(first_motion.MOST_AZIMUTHAL_GAP_DEG),
            "takeoff": seismo.degrees(first_motion.MOST_TAKEOFF_GAP_DEG),
        }
    return _("Quality %(grade)s: the limits of grades A to C are not kept. Use it with care.") % {
        "grade": m.quality
    }


def _polarities(parameters: Any) -> list[PolarityShown]:
    """Return the first motions a computation kept; what cannot be drawn is left out."""
    kept = parameters.get("stations") if isinstance(parameters, dict) else None
    usable = []
    for one in kept if isinstance(kept, list) else ():
        try:
            azimuth, takeoff = float(one["azimuth"]), float(one["takeoff"])
            up = float(one["sign"]) > 0
            station, wrong = str(one.get("station") or ""), bool(one.get("contradicting"))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if np.isfinite((azimuth, takeoff)).all():
            usable.append((station, up, wrong, azimuth, takeoff))
    if not usable:
        return []
    angles = np.array([one[3:] for one in usable])
    spots = projected(geometry.axis_vector(angles[:, 0], 90.0 - angles[:, 1])).round(3).tolist()
    return [
        PolarityShown(station, up, wrong, x, y, azimuth, takeoff)
        for (station, up, wrong, azimuth, takeoff), (x, y) in zip(usable, spots, strict=True)
    ]


def _ratios(parameters: Any) -> list[RatioShown]:
    """Return the amplitude ratios a computation kept; what cannot be read is left out."""
    kept = parameters.get("ratios") if isinstance(parameters, dict) else None
    shown = []
    for one in kept if isinstance(kept, list) else ():
        try:
            read, azimuth, takeoff = (
                float(one[name]) for name in ("log_ratio", "azimuth", "takeoff")
            )
            expected = read - float(one["residual"])
            station = str(one.get("station") or "")
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if np.isfinite((read, expected, azimuth, takeoff)).all():
            shown.append(RatioShown(station, read, expected, azimuth, takeoff))
    return shown


def _description(m: FocalMechanism, planes: Sequence[Line], axes: Sequence[Line]) -> str:
    """Say the drawing in numbers."""

    def angles(lines: Sequence[Line]) -> str:
        return "; ".join(
            f"{line.name}: {', '.join(seismo.degrees(value) for value in line.values)}"
            for line in lines
        )

    return _(
        "Focal mechanism of %(agency)s, lower hemisphere, compression dark. Strike, dip, rake of"
        " %(planes)s. Azimuth and plunge of %(axes)s."
    ) % {"agency": m.agency or seismo.DASH, "planes": angles(planes), "axes": angles(axes)}


def compared(shown: Sequence[MechanismShown]) -> list[Compared]:
    """Return how far each two mechanisms differ, the nearest to the first one first."""
    known = [one for one in shown if one.whole is not None][:MOST_COMPARED]
    names = _names(known)
    pairs = []
    for i, one in enumerate(known):
        for j, other in enumerate(known[i + 1 :], start=i + 1):
            if one.whole is None or other.whole is None:
                continue
            angle = float(geometry.kagan_angle(one.whole.axes, other.whole.axes))
            pairs.append(Compared(names[i], names[j], angle, str(kagan_words(angle))))
    return pairs


def _names(shown: Sequence[MechanismShown]) -> list[str]:
    """Return names that tell mechanisms apart."""
    names: list[str] = []
    for one in shown:
        name = one.name
        if one.mechanism.is_computed:
            name += " (" + _("computed") + ")"
        if name in names:
            name = f"{name} {sum(n.startswith(name) for n in names) + 1}"
        names.append(name)
    return names
