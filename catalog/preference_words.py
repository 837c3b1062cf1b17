"""The preference rules in words: terms, criteria, areas; for pages of the site and of the desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.models import Agency, AuthoritativeArea, PreferenceRuleSet
from catalog.scales import SCALES

TERMS = {
    "chosen_by_editor": gettext_lazy("chosen by an editor"),
    "automatic_bulletin": gettext_lazy("automatic bulletin"),
    "authoritative_agency": gettext_lazy("agency authoritative for the area"),
    "review_status": gettext_lazy("reviewed by an analyst"),
    "report_choice": gettext_lazy("its report's own choice"),
    "station_count": gettext_lazy("stations used"),
    "azimuthal_gap": gettext_lazy("azimuthal gap"),
    "completeness": gettext_lazy("completeness of the solution"),
}
#: What the value of a term is, before it is multiplied by the weight.
VALUES = {
    "chosen_by_editor": gettext_lazy("1 if a person chose this solution for the event"),
    "automatic_bulletin": gettext_lazy("1 if no person has looked at the bulletin"),
    "authoritative_agency": gettext_lazy(
        "1 for the agency that leads in the area, less for those that follow, 0 for others"
    ),
    "review_status": gettext_lazy(
        "1 reviewed; 0.5 made by hand without a status; 0 preliminary or automatic; −1 rejected"
    ),
    "report_choice": gettext_lazy("1 if the report calls it its best solution, or has no other"),
    "station_count": gettext_lazy("number of stations divided by 7.5"),
    "azimuthal_gap": gettext_lazy("(360° − secondary gap) / 60°; an unknown gap counts as 360°"),
    "completeness": gettext_lazy(
        "share of: depth, error of time, error ellipse, size, seconds in the time"
    ),
}
CRITERIA = {
    "chosen_by_editor": gettext_lazy("chosen by an editor"),
    "native": gettext_lazy("measured, not converted"),
    "reported": gettext_lazy("reported by an agency"),
    "preferred_origin": gettext_lazy("belongs to the preferred solution"),
    "agency": gettext_lazy("agency's place in the area"),
    "station_count": gettext_lazy("stations used"),
    "reviewed": gettext_lazy("not of an automatic bulletin"),
}
#: Shipped areas have names in three languages; others are called what they were called.
_AREAS = {
    "Northern Tien Shan": gettext_lazy("Northern Tien Shan"),
    "Kazakhstan": gettext_lazy("Kazakhstan"),
    "": gettext_lazy("everywhere else"),
}


def term_words(name: str) -> str:
    """A term of an origin's sum in words."""
    return str(TERMS.get(name, name))


def criterion_words(name: str) -> str:
    """A criterion between magnitudes of one scale in words."""
    return str(CRITERIA.get(name, name))


def area_words(name: str) -> str:
    return str(_AREAS.get(name, name))


@dataclass(frozen=True)
class AreaTold:
    name: str
    agencies: list[str]
    scales: dict[str, list[str]]
    bounds: dict[str, float] | None
    """West, south, east, north [deg] of its border; None where it is everywhere."""
    is_box: bool


@dataclass(frozen=True)
class RulesTold:
    """A version of the rules as pages print it."""

    row: PreferenceRuleSet
    terms: list[dict[str, Any]]
    station_cap: int
    areas: list[AreaTold]
    agencies: dict[str, str]
    scales: list[dict[str, Any]]


def told(row: PreferenceRuleSet) -> RulesTold:
    """Return a version in words."""
    definition = row.definition
    borders = {
        area.name: area.area
        for area in AuthoritativeArea.objects.filter(
            name__in=[area["area"] for area in definition["areas"]]
        )
    }
    areas, codes = [], set()
    for area in definition["areas"]:
        border = borders.get(area["area"])
        bounds = None
        if border is not None:
            bounds = dict(zip(("west", "south", "east", "north"), border.extent, strict=True))
        scales = area.get("scales", {})
        codes |= {*area["agencies"], *(code for order in scales.values() for code in order)}
        areas.append(
            AreaTold(
                area_words(area["area"]),
                area["agencies"],
                scales,
                bounds,
                border is not None and border.envelope.equals(border),
            )
        )
    return RulesTold(
        row=row,
        terms=[
            {
                "name": name,
                "words": TERMS[name],
                "value": VALUES[name],
                "weight": definition["weights"][name],
            }
            for name in TERMS
        ],
        station_cap=definition["station_cap"],
        areas=areas,
        agencies={agency.code: agency.name for agency in Agency.objects.filter(code__in=codes)},
        scales=[
            {
                "scale": scale,
                "order": [
                    criterion_words(name)
                    for name in ("chosen_by_editor", "native", *definition["scales"][scale])
                ],
            }
            for scale in SCALES
        ],
    )


def in_force() -> PreferenceRuleSet | None:
    """Return the version events are chosen by."""
    return PreferenceRuleSet.objects.filter(status=PreferenceRuleSet.Status.IN_FORCE).first()


def confirmation() -> str:
    """Say whose rule it is; it stands wherever the rule is told."""
    return _(
        "That SOME leads inside the Northern Tien Shan (41.67 to 45.00 N, 75.00 to 80.00 E) and"
        " KNDC elsewhere is our rule, to be confirmed by the agencies."
    )
