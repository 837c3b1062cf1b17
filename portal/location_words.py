"""What the portal's own location of an event says, in words: why not, by which rule, how doubtful.

`processing.jobs.location` stores codes and values; here they become sentences of the reader's
language.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.models import Event, Origin
from portal.templatetags.seismo import decimal

OURS = "kz-portal/"

WHY_NOT = {
    "too_few_arrivals": gettext_lazy(
        "fewer than four phases at three stations with known coordinates, and no array"
    ),
    "too_few_consistent_arrivals": gettext_lazy("too few readings agree with each other"),
    "no_prediction": gettext_lazy("no place predicts the readings"),
    "singular": gettext_lazy("the stations do not fix an epicentre"),
    "depth_out_of_range": gettext_lazy("the depth lies outside the travel-time tables"),
    "no_model": gettext_lazy("its travel-time table is not kept here"),
    "no_corrections": gettext_lazy("its station corrections are not kept here"),
    "not_finite": gettext_lazy("a time or coordinate is no number"),
}
DEPTH_RULES = {
    "F": gettext_lazy("free: the readings resolve it"),
    "A": gettext_lazy("held at a value chosen by an analyst"),
    "B": gettext_lazy("held at the surface: the readings press against it"),
    "G": gettext_lazy("held at the usual depth of the area (ISC grid)"),
    "H": gettext_lazy("held at the reported depth"),
    "M": gettext_lazy("held at the median of the reported depths"),
    "S": gettext_lazy("held at the surface: a man-made source"),
    "D": gettext_lazy("held at 10 km: nothing is known of it"),
}
WARNINGS = {
    "ambiguous-readings": gettext_lazy("another choice of readings fits as well"),
    "poorly-constrained": gettext_lazy("hardly more data than unknowns"),
    "other-minimum": gettext_lazy("another place fits nearly as well"),
    "model-error": gettext_lazy(
        "travel times of this area are known to be wrong, and its errors are raised for that"
    ),
}


def own_location(event: Event, origins: list[Origin]) -> dict[str, Any]:
    """Return ``why_not`` (a reason or ""), ``facts`` (name and value) and ``doubts`` of a page."""
    ours = next((o for o in origins if o.method_id.startswith(OURS)), None)
    if ours is None:
        code = (event.preference or {}).get("location", {}).get("code", "")
        return {"why_not": WHY_NOT.get(code, ""), "facts": [], "doubts": []}
    told = ours.parameters
    facts = [(_("Travel times"), ours.earth_model_id)]
    rule = DEPTH_RULES.get(told.get("depth_code", ""))
    if rule is not None:
        facts.append((_("Depth"), str(rule)))
    if told.get("confidence_ellipse_km"):
        major, minor = (decimal(axis) for axis in told["confidence_ellipse_km"])
        facts.append((_("Confidence ellipse from the residuals, km"), f"{major} × {minor}"))
    if told.get("effective_data") is not None:
        worth = decimal(told["effective_data"])
        facts.append((_("Independent data the readings are worth"), worth))
    if told.get("error_scale", 1.0) > 1.0:
        facts.append((_("Errors of readings raised by"), decimal(told["error_scale"], 2)))
    if told.get("uniformity") is not None:
        facts.append((_("Unevenness of the stations (dU, 0 to 1)"), decimal(told["uniformity"], 2)))
    if ours.ground_truth_level:
        facts.append((_("Ground truth"), _("candidate for GT5 (within 5 km)")))
    doubts = [str(WARNINGS[w]) for w in told.get("warnings", ()) if w in WARNINGS]
    return {"why_not": "", "facts": facts, "doubts": doubts}
