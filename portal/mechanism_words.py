"""What mechanisms are told by in words: faulting styles, likeness, quality."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

#: Of catalog.focal_geometry.STYLES, Zoback (1992).
STYLES: dict[str, str | Promise] = {
    "NF": gettext_lazy("normal"),
    "NS": gettext_lazy("normal with strike slip"),
    "SS": gettext_lazy("strike-slip"),
    "TS": gettext_lazy("thrust with strike slip"),
    "TF": gettext_lazy("thrust"),
    "U": gettext_lazy("undefined"),
}
#: How the two sides moved.
MEANINGS: dict[str, str | Promise] = {
    "NF": gettext_lazy("The crust was stretched: the upper side slid down."),
    "NS": gettext_lazy("The crust was stretched and sheared: the upper side slid down and aside."),
    "SS": gettext_lazy("The sides slid past each other along a steep fault."),
    "TS": gettext_lazy("The crust was squeezed and sheared: the upper side rode up and aside."),
    "TF": gettext_lazy("The crust was squeezed: the upper side rode up."),
    "U": gettext_lazy("The axes fit none of Zoback's styles, as with slip on a level plane."),
}

#: Kagan angles [deg] up to which two mechanisms are called so.
VERY_SIMILAR_DEG, ACCEPTABLE_DEG = 20.0, 40.0


def kagan_words(angle: float) -> str | Promise:
    """Say how like two mechanisms are by their Kagan angle [deg]."""
    if angle <= VERY_SIMILAR_DEG:
        return gettext_lazy("very similar")
    if angle <= ACCEPTABLE_DEG:
        return gettext_lazy("acceptable agreement")
    return gettext_lazy("different")
