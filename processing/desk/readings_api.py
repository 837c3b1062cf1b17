"""Station readings as JSON, for staff's scripts: the list of the desk, a page at a time."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import AccessToken, PickAssociation
from processing.desk import readings
from processing.desk.api import ERROR, ERROR_EXAMPLE, REFUSALS, StaffAPIView
from processing.jobs.receiving import Refused

PAGE, PAGE_MOST = 100, 500
WORDS = (*readings.SearchForm.base_fields, "after", "limit")


def _associations(name: str, **kwargs: Any) -> Any:
    return inline_serializer(
        name,
        {
            "id": serializers.IntegerField(),
            "event": serializers.CharField(allow_null=True, help_text="Public id."),
            "phase": serializers.CharField(allow_blank=True),
            "time_residual_s": serializers.FloatField(allow_null=True),
            "expected_sigma_s": serializers.FloatField(allow_null=True),
            "distance_deg": serializers.FloatField(allow_null=True),
            "p_and_s": serializers.CharField(allow_null=True),
            "unambiguous": serializers.BooleanField(),
            "rule_set": serializers.CharField(allow_blank=True),
            "decided_at": serializers.DateTimeField(allow_null=True),
        },
        **kwargs,
    )


READINGS = inline_serializer(
    "ReadingPage",
    {
        "readings": inline_serializer(
            "Reading",
            {
                "id": serializers.IntegerField(),
                "network": serializers.CharField(allow_null=True),
                "station": serializers.CharField(),
                "station_known": serializers.BooleanField(),
                "phase": serializers.CharField(allow_null=True),
                "time": serializers.DateTimeField(allow_null=True),
                "time_uncertainty_s": serializers.FloatField(allow_null=True),
                "agency": serializers.CharField(),
                "synthetic": serializers.BooleanField(),
                "file": inline_serializer(
                    "ReadingFile",
                    {
                        "id": serializers.IntegerField(),
                        "name": serializers.CharField(),
                        "line": serializers.IntegerField(allow_null=True),
                    },
                ),
                "state": serializers.CharField(),
                "accepted": _associations("ReadingAccepted", allow_null=True),
                "proposed": _associations("ReadingProposal", many=True),
                "rejected": _associations("ReadingRejection", many=True),
                "duplicate_of": serializers.IntegerField(allow_null=True),
            },
            many=True,
        ),
        "next": serializers.CharField(allow_null=True, help_text="The page that follows."),
    },
)
EXAMPLE = OpenApiExample(
    "One reading",
    {
        "readings": [
            {
                "id": 50127,
                "network": "KZ",
                "station": "TKM2",
                "station_known": True,
                "phase": "P",
                "time": "2014-11-14T01:24:23.9Z",
                "time_uncertainty_s": None,
                "agency": "SOME",
                "synthetic": False,
                "file": {"id": 17, "name": "may.isf", "line": 12},
                "state": "unassociated",
                "accepted": None,
                "proposed": [],
                "rejected": [],
                "duplicate_of": None,
            }
        ],
        "next": None,
    },
    response_only=True,
    status_codes=["200"],
)


class ReadingsView(StaffAPIView):
    """Readings without an event, and what is thought of each."""

    scopes = (AccessToken.Scope.READ_STAFF,)

    @extend_schema(
        operation_id="readings",
        summary=gettext_lazy("Station readings without an event"),
        description=(
            "The latest first. `next` is the address of the following page, null on the last."
            " States: " + ", ".join(readings.STATES) + "."
        ),
        parameters=[
            OpenApiParameter(
                name,
                OpenApiTypes.INT if name == "limit" else OpenApiTypes.STR,
                OpenApiParameter.QUERY,
            )
            for name in WORDS
        ],
        tags=["staff"],
        examples=[EXAMPLE, ERROR_EXAMPLE],
        responses={
            200: OpenApiResponse(READINGS, "A page of readings."),
            400: OpenApiResponse(ERROR, "A word is unknown, repeated, or cannot be used."),
            **REFUSALS,
        },
    )
    def get(self, request: Request) -> Response:
        given = request.query_params
        for name in given:
            if name not in WORDS or len(given.getlist(name)) > 1:
                expected = ", ".join(WORDS)
                raise Refused("bad-parameter", field=name[:50], expected=expected)
        form = readings.SearchForm(given)
        if not form.is_valid():
            name = next(iter(form.errors))
            raise Refused("bad-parameter", field=name, found=given.get(name, "")[:50])
        text = given.get("limit", str(PAGE))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PAGE_MOST):
            expected = f"1 - {PAGE_MOST}"
            raise Refused("bad-parameter", field="limit", found=text[:50], expected=expected)
        picks, following = readings.page_of(
            readings.found(form.cleaned_data), given.get("after", ""), int(text)
        )
        query = {name: str(value) for name, value in given.items() if name != "after"}
        return Response(
            {
                "readings": [_reading(line) for line in readings.shown(picks)],
                "next": f"{reverse('api-readings')}?{urlencode({**query, 'after': following})}"
                if following
                else None,
            },
            headers={"Cache-Control": "private, no-store"},
        )


def _reading(line: readings.Shown) -> dict[str, Any]:
    pick = line.pick
    return {
        "id": pick.pk,
        "network": pick.network_code or None,
        "station": pick.station_code,
        "station_known": pick.station_id is not None,
        "phase": pick.phase_hint or None,
        "time": pick.time.isoformat().replace("+00:00", "Z") if pick.time else None,
        "time_uncertainty_s": pick.time_uncertainty,
        "agency": pick.agency or pick.reading.agency.code,
        "synthetic": pick.synthetic,
        "file": {
            "id": pick.reading.file_id,
            "name": pick.reading.file.name,
            "line": pick.line_number,
        },
        "state": line.state,
        "accepted": _association(line.accepted) if line.accepted else None,
        "proposed": [_association(row) for row in line.proposed],
        "rejected": [_association(row) for row in line.rejected],
        "duplicate_of": line.duplicate.duplicate_of_id if line.duplicate else None,
    }


def _association(row: PickAssociation) -> dict[str, Any]:
    return {
        "id": row.pk,
        "event": row.event.public_id if row.event else None,
        "phase": row.phase,
        "time_residual_s": row.time_residual,
        "expected_sigma_s": row.expected_sigma_s,
        "distance_deg": row.distance_deg,
        "p_and_s": row.companion or None,
        "unambiguous": row.is_clear,
        "rule_set": row.rule_set,
        "decided_at": row.decided_at.isoformat().replace("+00:00", "Z") if row.decided_at else None,
    }
