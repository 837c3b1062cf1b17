"""Waveforms of a made-up earthquake at a station that ObsPy ships with its response."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.gis.geos import Point
from numpy.typing import NDArray

from catalog.models import Agency, Event, Origin

ORIGIN = datetime(2009, 8, 24, 0, 20, tzinfo=UTC)
#: About 100 km south of the station; P is due after about 17 s, S after about 30 s.
LATITUDE, LONGITUDE, DEPTH_KM = 46.84, 12.80, 10.0
BEFORE_S, SECONDS, RATE = 60.0, 240.0, 50.0
#: Of the wavelets on each component: after the origin [s], size [nm], period [s].
P_AT, S_AT = 18.5, 33.0
P_NM, S_NM, P_S, S_S = 400.0, 1500.0, 0.5, 0.7


@cache
def station_xml() -> bytes:
    """StationXML of BW.RJOB: EHZ, EHN, EHE since 2007."""
    import obspy

    return (Path(obspy.__file__).parent / "core" / "data" / "BW_RJOB.xml").read_bytes()


def counts(component: str, response: Any) -> NDArray[np.int32]:
    n = int(SECONDS * RATE)
    t = np.arange(n) / RATE - BEFORE_S
    at, nm, period = (P_AT, P_NM, P_S) if component == "Z" else (S_AT, S_NM, S_S)
    ground = nm * 1e-9 * np.exp(-(((t - at) / (3.0 * period)) ** 2))
    ground *= np.cos(2.0 * np.pi * (t - at) / period)
    frequency = np.fft.rfftfreq(2 * n, 1.0 / RATE)
    own = np.zeros(frequency.size, dtype=complex)
    own[1:] = response.get_evalresp_response_for_frequencies(frequency[1:], output="DISP")
    x = np.fft.irfft(np.fft.rfft(ground, 2 * n) * own, 2 * n)[:n]
    x += np.random.default_rng(ord(component)).normal(0.0, 20.0, n)
    return np.round(x).astype(np.int32)


@cache
def mseed(
    components: str = "ZNE",
    code: str = "RJOB",
    location: str = "",
    band: str = "EH",
    kind: str = "MSEED",
) -> bytes:
    """A file of the made-up records of some components."""
    import obspy

    inventory = obspy.read_inventory(io.BytesIO(station_xml()))
    stream = obspy.Stream()
    for component in components:
        response = inventory.get_response(f"BW.RJOB..EH{component}", obspy.UTCDateTime(ORIGIN))
        header = {
            "network": "BW", "station": code, "location": location,
            "channel": f"{band}{component}", "sampling_rate": RATE,
            "starttime": obspy.UTCDateTime(ORIGIN) - BEFORE_S,
        }  # fmt: skip
        stream.append(obspy.Trace(counts(component, response), header))
    out = io.BytesIO()
    if kind == "SAC":
        stream[0].write(out, format="SAC")
    else:
        stream.write(out, format="MSEED", encoding="STEIM2", reclen=512)
    return out.getvalue()


def earthquake(public_id: str = "kz2009rjobwv", synthetic: bool = False) -> Event:
    """An event with one reported origin, preferred."""
    agency, _ = Agency.objects.get_or_create(code="AGW")
    event = Event.objects.create(public_id=public_id, event_type="earthquake", synthetic=synthetic)
    origin = Origin.objects.create(
        event=event, agency=agency, time=ORIGIN, depth_km=DEPTH_KM,
        point=Point(LONGITUDE, LATITUDE, srid=4326),
    )  # fmt: skip
    Event.objects.filter(pk=event.pk).update(preferred_origin=origin)
    event.refresh_from_db()
    return event
