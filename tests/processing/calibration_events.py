"""Events with published sizes and amplitudes after a known curve, laid into the database."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from django.contrib.gis.geos import Point

from catalog.formats.records import AmplitudeRecord, PickRecord, StationReference
from catalog.models import Agency, Event, Magnitude, MagnitudeAssessment, Origin, Station
from processing.core import geodesy
from tests.processing.bulletins import START, associate, event, lay

HOUR = 3600.0
TERMS = np.array([0.2, -0.2, 0.1, -0.1, 0.0, 0.0])


def curve(distance_km):
    """Return a made-up sigma(D)."""
    return 0.5 + 1.5 * np.log10(distance_km)


def stations() -> list[Station]:
    rng = np.random.default_rng(3)
    return [
        Station.objects.create(
            code=f"CS{n}", point=Point(76 + 4 * float(x), 42 + 3 * float(y), srid=4326)
        )
        for n, (x, y) in enumerate(rng.random((TERMS.size, 2)))
    ]


def lay_events(count: int = 25, *, synthetic: bool = False, seed: int = 5) -> list[Event]:
    """Store events of KR and MPVA, read at six stations; no pipeline runs, places are chosen."""
    known = list(Station.objects.order_by("code")) or stations()
    rng = np.random.default_rng(seed)
    records = []
    for number in range(count):
        latitude, longitude = 42.2 + 2.5 * rng.random(), 76.2 + 3.5 * rng.random()
        size = float(rng.uniform(3.0, 5.5))
        degrees, _azimuth = geodesy.distance_azimuth(
            geodesy.geocentric_latitude(latitude), longitude,
            geodesy.geocentric_latitude([s.latitude for s in known]),
            [s.longitude for s in known],
        )  # fmt: skip
        lg = size - curve(degrees * geodesy.KM_PER_DEGREE) - TERMS + rng.normal(0, 0.1, TERMS.size)
        name = f"{'made-up' if synthetic else 'real'}-{seed}-{number}"
        picks = tuple(
            PickRecord(f"{name}-{s.code}", StationReference(s.code), START, phase_hint="Pn")
            for s in known
        )
        amplitudes = tuple(
            AmplitudeRecord(
                amplitude_id=f"{name}-{s.code}-a", value=float(10.0**value), unit="nm", period=1.0,
                pick_id=f"{name}-{s.code}", station=StationReference(s.code),
            )
            for s, value in zip(known, lg, strict=True)
        )  # fmt: skip
        record = event(
            name, number * HOUR, latitude, longitude, picks=picks, synthetic=synthetic,
            sizes={"MPVA": round(size, 1), "KR": round(2.3 * size - 0.5 + rng.normal(0, 0.2), 1)},
        )  # fmt: skip
        records.append(replace(record, amplitudes=amplitudes))
    associate(lay("SOME", *records))
    events = list(Event.objects.filter(preferred_origin=None, synthetic=synthetic).order_by("pk"))
    for row in events:
        row.preferred_origin = Origin.objects.get(event=row)
    Event.objects.bulk_update(events, ["preferred_origin"])
    return events


def assess(events: list[Event], terms: dict[str, float], level: float = 0.9) -> None:
    """Store what a computation of energy classes would: each station low by level and term."""
    agency = Agency.objects.get(code="SOME")
    rng = np.random.default_rng(1)
    for row in events:
        published = Magnitude.objects.get(event=row, agency=agency, scale="KR").value
        MagnitudeAssessment.objects.create(
            event=row, scale="KR_WSG", type="KR(WSG)", reason="too_few_stations", method_id="m",
            inputs="0" * 64,
            stations=[
                {
                    "network": "", "code": code, "distance_km": 50.0 + 40.0 * place,
                    "value": published - level - term + float(rng.normal(0, 0.1)),
                    "correction": 0.0, "outcome": "used" if code != "BAD" else "rejected",
                }
                for place, (code, term) in enumerate({**terms, "BAD": 9.0}.items())
            ],
        )  # fmt: skip
