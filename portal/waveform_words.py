"""What the pages of waveforms say of outcomes and amplitudes, in the reader's language."""

from __future__ import annotations

import math

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from portal.templatetags.seismo import decimal
from processing.core.magnitude_scales import BY_ID, Outcome, Quantity

#: Of what may become of a measurement; the empty word: there is a value.
OUTCOMES = {
    "": pgettext_lazy("measurement", "read"),
    Outcome.DISTANCE_UNKNOWN: gettext_lazy("the station's place is not known"),
    Outcome.DISTANCE_OUTSIDE: gettext_lazy("distance outside the scale's range"),
    Outcome.DEPTH_OUTSIDE: gettext_lazy("depth outside the scale's range"),
    Outcome.NO_RESPONSE: gettext_lazy("no response of the instrument"),
    Outcome.RESPONSE_OF_ANOTHER_CHANNEL: gettext_lazy("only responses of other channels"),
    Outcome.RESPONSE_OF_ANOTHER_EPOCH: gettext_lazy("only responses of other times"),
    Outcome.OUTSIDE_RECORD: gettext_lazy("the window is not within the record"),
    Outcome.GAP: gettext_lazy("a gap in the window"),
    Outcome.CLIPPED: gettext_lazy("the record is clipped"),
    Outcome.NOISE: gettext_lazy("no signal above the noise before P"),
    Outcome.PERIOD_OUTSIDE: gettext_lazy("period outside the scale's range"),
    Outcome.SECOND_SENSOR: gettext_lazy("another sensor of the station counts"),
    Outcome.REJECTED: gettext_lazy("rejected by an operator"),
}


def outcome_words(outcome: str) -> str:
    return str(OUTCOMES.get(outcome, outcome))


def size_unit(largest: float) -> tuple[float, str]:
    """Return the factor from nm to the unit in which a size is easily read, and that unit."""
    if largest < 1e3:
        return 1.0, _("nm")
    if largest < 1e6:
        return 1e-3, _("µm")
    return 1e-6, _("mm")


def amplitude_words(scale: str, amplitude: float | None) -> str:
    """Say an amplitude with three digits and its unit; empty where there is none."""
    if amplitude is None or scale not in BY_ID:
        return ""
    factor, unit = size_unit(abs(amplitude))
    if BY_ID[scale].quantity is Quantity.VELOCITY:
        unit = _("%(unit)s/s") % {"unit": unit}
    return f"{significant(amplitude * factor)} {unit}"


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many digits that count, none of them before the point lost."""
    if value == 0.0 or not math.isfinite(value):
        return decimal(0.0, 0)
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return decimal(value, max(0, min(places, 6)))
