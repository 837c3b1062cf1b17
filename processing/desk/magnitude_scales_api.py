"""The magnitude scales as JSON, for everybody: ``/api/v1/magnitude-scales``."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.magnitude_assessments import SCALE
from catalog.api.members import told
from catalog.api.public import LANG, PublicView, asked_of, respond_with
from catalog.scales import scale_of
from processing.core.magnitude_scales import SCALES, Outcome, Quantity, Scale

UNITS = {
    Quantity.DISPLACEMENT: "nm",
    Quantity.VELOCITY: "nm/s",
    Quantity.WOOD_ANDERSON: "nm",
    Quantity.MOMENT: "N m",
}


@described(
    "magnitude_scales",
    gettext_lazy("Scales of magnitude and energy class"),
    (LANG,),
    "MagnitudeScales",
    tag="magnitudes",
)
class MagnitudeScalesView(PublicView):
    """Every scale sizes are computed on, with its formula, ranges, calibration and source.

    A scale whose calibration nobody published says so and has values only with one fitted here.
    Texts are English. `outcomes` are the codes of what may become of a station.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        answer = {
            "scales": [scale_json(scale) for scale in SCALES],
            "outcomes": [str(outcome) for outcome in Outcome],
        }
        return respond_with(request, answer, None)


def scale_json(scale: Scale) -> dict[str, Any]:
    """Return a scale's record as the answer has it."""
    values = {
        **{name: getattr(scale, name) for name in _AS_THEY_ARE},
        # As the catalogue counts: an uncalibrated KR(WSG) is no KR.
        "column": scale_of(scale.type),
        "unit": UNITS[scale.quantity],
        "phases": list(scale.phases),
        "assumed": list(scale.assumed),
        **_bounds("period_{}_s", scale.period_s),
        **_bounds("distance_{}_deg", scale.distance_deg),
        **_bounds("hypocentral_{}_km", scale.hypocentral_km),
        **_bounds("depth_{}_km", scale.depth_km),
    }
    return told(SCALE, {f"m_{member.name}": values[member.name] for member in SCALE})


_AS_THEY_ARE = (
    "id", "type", "formula", "quantity", "component", "window", "window_s",
    "instrument", "calibration", "status", "certainty", "source",
)  # fmt: skip


def _bounds(name: str, bounds: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = bounds or (None, None)
    return {name.format("min"): low, name.format("max"): high}
