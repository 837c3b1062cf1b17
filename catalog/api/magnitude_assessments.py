"""Sizes computed here, station by station: ``/events/<id>/magnitude-assessments``.

The scales' records are told by ``processing.desk.magnitude_scales_api``, which knows them; what
they look like stands here, with all that the document tells.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.members import Member, Type, told
from catalog.api.public import LANG, PublicView, asked_of, respond_with
from catalog.api.shown import shown
from catalog.models import MagnitudeAssessment

TEXT, NUMBER, INTEGER, TEXTS = Type.TEXT, Type.NUMBER, Type.INTEGER, Type.TEXTS

SCALE: tuple[Member, ...] = (
    Member("id", TEXT, "Its id; assessments and calibrations name it.", "mb_MB", null=False),
    Member("type", TEXT, "Type of its magnitudes.", "mb(MB)", null=False),
    Member("column", TEXT, "The catalogue's scale it counts on; null: shown beside the others, "
           "never pooled with them.", None),
    Member("formula", TEXT, "The formula; lg is the decimal logarithm.",
           "mb(MB) = lg(A/T) + Q(Δ, h)", null=False),
    Member("quantity", TEXT, "What an amplitude is of.", "displacement", null=False,
           choices=("displacement", "velocity", "wood-anderson", "moment")),
    Member("unit", TEXT, "Unit of its amplitudes.", "nm", null=False),
    Member("component", TEXT, "Z; H: the larger horizontal; NE: their vector; Z+H: P on Z and S "
           "on the larger horizontal.", "Z", choices=("Z", "H", "NE", "Z+H")),
    Member("phases", TEXTS, "Phases its amplitudes are reported under.", ["P"], null=False),
    Member("window", TEXT, "Where the extremum is looked for.", "P",
           choices=("P", "P-S", "S", "surface", "Lg")),
    Member("window_s", NUMBER, "Length of the window, s.", 30.0),
    Member("instrument", TEXT, "Instrument simulated.", "WWSSN_SP"),
    Member("period_min_s", NUMBER, "Shortest period, s.", 0.2),
    Member("period_max_s", NUMBER, "Longest period, s.", 3.0),
    Member("distance_min_deg", NUMBER, "Nearest epicentral distance, degrees.", 2.0, null=False),
    Member("distance_max_deg", NUMBER, "Farthest epicentral distance, degrees.", 100.0,
           null=False),
    Member("hypocentral_min_km", NUMBER, "Nearest hypocentral distance, km.", None),
    Member("hypocentral_max_km", NUMBER, "Farthest hypocentral distance, km.", None),
    Member("depth_min_km", NUMBER, "Least depth, km.", 0.0, null=False),
    Member("depth_max_km", NUMBER, "Greatest depth, km.", 40.0, null=False),
    Member("calibration", TEXT, "Published table of distances; null: in the formula, or fitted.",
           "murphy-barker"),
    Member("status", TEXT, "Whether its values may stand without a warning.", "standard",
           null=False,
           choices=("standard", "uncalibrated", "needs calibration", "needs parameters")),
    Member("certainty", TEXT, "How sure the record is: the source was read, it is as generally "
           "known, or it is assumed here.", "verified", null=False,
           choices=("verified", "literature", "assumed")),
    Member("assumed", TEXTS, "Parts of the record that are ours or from memory.", [], null=False),
    Member("source", TEXT, "Where it is published.", "Murphy & Barker (2003)", null=False),
)  # fmt: skip

ASSESSMENT: tuple[Member, ...] = (
    Member("scale", TEXT, "Id of the scale, as /magnitude-scales has it.", "mb_MB", null=False),
    Member("type", TEXT, "Type of the magnitude.", "mb(MB)", null=False),
    Member("magnitude", TEXT, "The network value; null where none came of it.", "magnitude/3107",
           prefix="magnitude"),
    Member("value", NUMBER, "The network value in full; one decimal is published.", 4.83),
    Member("uncertainty", NUMBER, "Of the network value.", 0.14),
    Member("reason", TEXT, "Why there is no network value.", None),
    Member("origin", TEXT, "The origin distances and depth are from.", "origin/2041",
           prefix="origin"),
    Member("calibration", TEXT, "Version of the calibration fitted here.", None),
    Member("method", TEXT, "Method.", "kz-portal/network/iloc-median", null=False),
    Member("computed_at", Type.TIME, "When.", "2026-01-10T08:00:00Z", null=False),
    Member("stations_used", INTEGER, "Stations in the network value.", 6, null=False),
)  # fmt: skip

STATION: tuple[Member, ...] = (
    Member("network", TEXT, "Code of the network.", "KZ"),
    Member("station", TEXT, "Code of the station.", "TKM2"),
    Member("component", TEXT, "Component read.", "Z"),
    Member("amplitude", NUMBER, "In the unit of the scale.", 12.5),
    Member("second_amplitude", NUMBER, "Of a formula of two readings: S, or the other horizontal.",
           None),
    Member("period_s", NUMBER, "Period, s.", 0.9),
    Member("distance_km", NUMBER, "Epicentral distance, km.", 412.7),
    Member("azimuth", NUMBER, "Epicentre to station, degrees from north.", 318.0),
    Member("value", NUMBER, "The station's magnitude in full.", 4.91),
    Member("correction", NUMBER, "The station's correction, already in the value.", None),
    Member("residual", NUMBER, "The station's value less the network's.", 0.08),
    Member("outcome", TEXT, "What became of the station; /magnitude-scales lists the codes.",
           "used", null=False),
    Member("sources", TEXTS, "What it was made of: amplitude/17, measurement/3 ...",
           ["amplitude/17"], null=False),
)  # fmt: skip


@described(
    "event_magnitude_assessments",
    gettext_lazy("Sizes computed here, station by station"),
    (LANG,),
    "MagnitudeAssessments",
    path={"public_id": "kz2014m7k2ra"},
    tag="magnitudes",
)
class MagnitudeAssessmentsView(PublicView):
    """Every scale that was computed, also where no network value came of it.

    Each station tells its amplitude, value and residual, or why it was not used. What agencies
    reported by station is at `station-magnitudes`.
    """

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        row = shown(request, public_id, "magnitude-assessments")
        found = (
            MagnitudeAssessment.objects.current()
            .filter(event=row.pk)
            .select_related("magnitude")
            .order_by("scale", "pk")
        )
        answer = {"id": row.public_id, "assessments": [_assessment(one) for one in found]}
        return respond_with(request, answer, None)


def _assessment(one: MagnitudeAssessment) -> dict[str, Any]:
    network = one.magnitude
    values = {
        "scale": one.scale,
        "type": one.type,
        "magnitude": one.magnitude_id,
        "value": network.value if network else None,
        "uncertainty": network.uncertainty if network else None,
        "reason": one.reason,
        "origin": one.origin_id,
        "calibration": one.calibration,
        "method": one.method_id,
        "computed_at": one.created_at,
        "stations_used": sum(row.get("outcome") == "used" for row in one.stations),
    }
    stations = [_told(STATION, _station(row)) for row in one.stations]
    return {**_told(ASSESSMENT, values), "stations": stations}


def _station(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "station": row.get("code"),
        "period_s": row.get("period"),
        "sources": [f"{table}/{key}" for table, key in row.get("sources") or ()],
    }


def _told(members: tuple[Member, ...], values: dict[str, Any]) -> dict[str, Any]:
    return told(members, {f"m_{member.name}": values.get(member.name) for member in members})
