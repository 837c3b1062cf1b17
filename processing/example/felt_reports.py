"""Felt reports of the example year: made up for two events, from the prediction plus scatter.

Each is drawn at one of the towns nearest to the true hypocentre. Its grade is the intensity of
``files.intensity`` there plus normal scatter with the sigma of that equation; below II nothing is
felt, nor by one in ten elsewhere. The answers are those that make about that grade by the weights
of DYFI. All say that they are synthetic, name no event, and are tied by the rule as any report is.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from processing.core import geodesy
from processing.example import seismicity
from processing.example.files import SEED, Town, intensity
from processing.example.seismicity import Source

NAME = "felt_reports_2014.jsonl"
EVENTS = 2
#: Reports from the nearest town, the next and so on.
BY_TOWN = (12, 8, 5, 3, 2)
#: Bindi et al. (2011), fixed depth: standard deviation of one observation [grades].
SIGMA = 0.689
#: How far from the middle of their town people are [km]: standard deviation east and north.
SPREAD_KM = 0.5
#: Share that stops at the tap, the words of a grade, and share that noticed nothing at all.
TAPS, UNAWARE = 0.2, 0.1
#: By phone the place is known so well [km].
PHONE_KM = 0.05
NAMESPACE = uuid.UUID("6f0f1a52-0c0e-5b0a-9d2e-2014aa2014aa")

#: Grade -> answers whose weighted sum is about that of the grade (CDI = 3.3996 ln CWS - 4.3781).
ANSWERS: dict[int, dict[str, str | list[str]]] = {
    1: {"motion": "none", "shelf": "no"},
    2: {"others": "some", "motion": "weak", "reaction": "very_little", "shelf": "no"},
    3: {"others": "most", "motion": "mild", "reaction": "very_little", "shelf": "rattled_slightly"},
    4: {
        "others": "most", "motion": "moderate", "reaction": "excitement", "picture": "moved",
        "shelf": "rattled_loudly", "damage": ["none"],
    },
    5: {
        "others": "everyone", "motion": "moderate", "reaction": "somewhat_frightened",
        "stand": "yes", "picture": "moved", "shelf": "rattled_loudly", "damage": ["none"],
    },
    6: {
        "others": "everyone", "motion": "strong", "reaction": "very_frightened", "stand": "yes",
        "picture": "fell", "shelf": "few_fell", "damage": ["hairline_cracks"],
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Felt:
    source: Source
    towns: tuple[tuple[float, Town], ...]
    """The nearest, with epicentral distances [km]."""


def make(towns: Sequence[Town], seed: int = SEED) -> bytes:
    """Return the reports as lines of JSON, in order of their arrival."""
    sources = seismicity.year(np.random.default_rng(seed))
    felt = sorted(
        (_near(source, towns) for source in sources if source.felt),
        key=lambda one: -intensity(one.source, one.towns[0][0]),
    )
    rows = [row for one in felt[:EVENTS] for row in _reports(one, seed)]
    rows.sort(key=lambda row: str(row["received_at"]))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _near(source: Source, towns: Sequence[Town]) -> _Felt:
    km = geodesy.ellipsoid_distance_km(
        source.latitude,
        source.longitude,
        [town.latitude for town in towns],
        [town.longitude for town in towns],
    )
    order = np.argsort(km, kind="stable")[: len(BY_TOWN)]
    return _Felt(source, tuple((float(km[i]), towns[i]) for i in order))


def _reports(felt: _Felt, seed: int) -> Iterable[dict[str, object]]:
    source = felt.source
    rng = np.random.default_rng([seed, 77, source.number])
    for (km, town), count in zip(felt.towns, BY_TOWN, strict=True):
        for number in range(count):
            value = intensity(source, km) + SIGMA * float(rng.standard_normal())
            grade = 1 if rng.random() < UNAWARE else min(max(round(value), 1), max(ANSWERS))
            east, north = (SPREAD_KM * float(x) for x in rng.standard_normal(2))
            by_phone, tap = rng.random() < 0.6, rng.random() < TAPS
            after = timedelta(seconds=round(60.0 + float(rng.exponential(400.0))))
            latitude = town.latitude + north / 110.57
            longitude = town.longitude + east / (111.32 * math.cos(math.radians(town.latitude)))
            yield {
                "client_id": str(uuid.uuid5(NAMESPACE, f"{seed}/{source.number}/{town}/{number}")),
                "felt": grade > 1,
                "received_at": (source.time + min(after, timedelta(minutes=50))).isoformat(),
                "settlement": town.name,
                "latitude": round(latitude, 4) if by_phone else None,
                "longitude": round(longitude, 4) if by_phone else None,
                "precision_km": PHONE_KM if by_phone else None,
                "place_source": "phone" if by_phone else "settlement",
                "chosen_grade": grade if grade > 1 else None,
                "answers": {} if tap else ANSWERS[grade],
                "language": ("ru", "kk", "en")[int(rng.choice(3, p=(0.6, 0.35, 0.05)))],
            }
