"""The main job on a running stack: a bulletin goes in over HTTP and comes back through ObsPy.

ObsPy reads the same files from disk; what its FDSN client brings back from the portal is compared
with that, field by field. ``docs/formats.md`` tells where each ISF field comes back.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import obspy
import pytest
import requests
from obspy.clients.fdsn import Client
from obspy.core.event import Catalog, Event, Origin
from stack import Stack

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() == 0, reason="PostgreSQL refuses root; use bin/test"),
]

OBSPY = Path(obspy.__file__).parent
ISF = OBSPY / "io/iaspei/tests/data/19670130012028.isf"
QUAKEML = OBSPY / "io/quakeml/tests/data/usgs_event.xml"

MAKE_TOKEN = """
from catalog.models import AccessToken, User
user = User.objects.create_superuser("robot")
print("token", AccessToken.issue(user, "test", ["upload"])[1])
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(web=True, worker=True, beat=True) as stack:
        stack.manage("seed_reference")
        yield stack


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    printed = stack.manage("shell", "-v0", "-c", MAKE_TOKEN).stdout
    return next(line.split()[1] for line in printed.splitlines() if line.startswith("token "))


@pytest.fixture(scope="module")
def uploaded(stack: Stack, token: str) -> dict[str, Any]:
    """Both bulletins sent and worked off; the state of each run by file name."""
    runs = {path.name: upload(stack, token, path) for path in (ISF, QUAKEML)}
    states: dict[str, Any] = {}

    def all_done() -> bool:
        for name, address in runs.items():
            answer = requests.get(address, headers=authorization(token), timeout=30)
            states[name] = answer.json()
        return all(state["status"] in ("succeeded", "failed") for state in states.values())

    stack.wait_until(all_done, timeout=90, what="both runs to end")
    return states


@pytest.fixture(scope="module")
def client(stack: Stack, uploaded: dict[str, Any]) -> Client:
    return Client(stack.url.rstrip("/"))


def authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Token {token}"}


def upload(stack: Stack, token: str, path: Path) -> str:
    """Send one file and return the address of its run."""
    with path.open("rb") as file:
        answer = requests.post(
            stack.url + "api/v1/uploads",
            headers={**authorization(token), "Idempotency-Key": path.name},
            files={"file": (path.name, file)},
            data={"agency": "ISC" if path is ISF else "NEIC"},
            timeout=60,
        )
    assert answer.status_code == 202, answer.text
    address: str = answer.json()["run"]["url"]
    return requests.compat.urljoin(stack.url, address)


def everything(client: Client, **words: Any) -> Event:
    catalog: Catalog = client.get_events(
        includeallorigins=True, includeallmagnitudes=True, includearrivals=True, **words
    )
    (event,) = catalog
    return event


def reported(origins: Iterable[Origin]) -> list[Origin]:
    """Leave out what the portal itself computed."""
    return [o for o in origins if o.creation_info.agency_id != "KZPORTAL"]


def error_of(quantity: Any) -> float | None:
    """The uncertainty of a value; an event without any has no place for it."""
    return quantity.uncertainty if quantity is not None else None


def rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)


def hypocentre(origin: Origin) -> tuple[Any, ...]:
    """All that QuakeML says of an origin, as comparable values."""
    quality, uncertainty = origin.quality, origin.origin_uncertainty
    return (
        str(origin.time),
        rounded(origin.time_errors.uncertainty),
        rounded(origin.latitude),
        rounded(origin.longitude),
        rounded(origin.depth, 3),
        rounded(origin.depth_errors.uncertainty, 3),
        origin.depth_type,
        bool(origin.time_fixed),
        bool(origin.epicenter_fixed),
        *(
            rounded(getattr(quality, name, None) if quality else None)
            for name in (
                "used_phase_count", "used_station_count", "standard_error", "azimuthal_gap",
                "minimum_distance", "maximum_distance",
            )
        ),
        *(
            rounded(getattr(uncertainty, name, None) if uncertainty else None, 3)
            for name in (
                "max_horizontal_uncertainty", "min_horizontal_uncertainty",
                "azimuth_max_horizontal_uncertainty", "confidence_level",
            )
        ),
    )  # fmt: skip


def author(origin: Origin) -> str | None:
    """The ISF author: ObsPy keeps it as author, the portal as agency."""
    info = origin.creation_info
    return info and (info.agency_id or info.author)


def readings(event: Event, origin: Origin) -> Counter[tuple[Any, ...]]:
    """Every arrival of an origin with its pick."""
    picks = {pick.resource_id.id: pick for pick in event.picks}
    found: Counter[tuple[Any, ...]] = Counter()
    for arrival in origin.arrivals:
        pick = picks[arrival.pick_id.id]
        found[
            (
                pick.waveform_id.station_code,
                str(pick.time),
                arrival.phase or "",
                rounded(arrival.distance, 2),
                rounded(arrival.azimuth, 1),
                rounded(arrival.time_residual, 2),
                rounded(pick.backazimuth, 1),
                rounded(pick.horizontal_slowness, 2),
                pick.polarity,
                pick.onset,
                pick.evaluation_mode,
            )
        ] += 1
    return found


@pytest.fixture(scope="module")
def spitak(client: Client) -> Event:
    return everything(client, starttime="1967-01-30", endtime="1967-01-31")


@pytest.fixture(scope="module")
def original() -> Event:
    return obspy.read_events(str(ISF))[0]


def test_both_bulletins_are_read_to_the_end(uploaded: dict[str, Any]) -> None:
    assert {name: state["status"] for name, state in uploaded.items()} == {
        ISF.name: "succeeded",
        QUAKEML.name: "succeeded",
    }


def test_the_same_bytes_again_are_shown_and_not_doubled(
    stack: Stack, token: str, uploaded: dict[str, Any]
) -> None:
    with ISF.open("rb") as file:
        answer = requests.post(
            stack.url + "api/v1/uploads",
            headers=authorization(token),
            files={"file": (ISF.name, file)},
            data={"agency": "ISC"},
            timeout=60,
        )
    assert (answer.status_code, answer.json()["duplicate"]) == (200, True)


def test_event_is_found_in_the_data_of_the_map(stack: Stack, uploaded: dict[str, Any]) -> None:
    answer = requests.get(
        stack.url + "api/v1/map/events.json",
        params={"starttime": "1967-01-30", "endtime": "1967-01-31"},
        timeout=30,
    ).json()
    assert answer["count"] == 1
    row = dict(zip(answer["columns"], answer["rows"][0], strict=True))
    assert (row["lat"], row["lon"], row["depth_km"]) == (41.09, 44.31, 11.0)
    assert row["time"] == obspy.UTCDateTime("1967-01-30T01:20:28.7").timestamp * 1000


def test_every_origin_of_the_isf_comes_back(spitak: Event, original: Event) -> None:
    assert Counter(hypocentre(o) for o in reported(spitak.origins)) == Counter(
        hypocentre(o) for o in original.origins
    )
    # ObsPy leaves the author of an origin unread; the file's own list stands here.
    assert sorted(filter(None, map(author, reported(spitak.origins)))) == sorted(
        ["BCIS", "USCGS", "IASPEI", "MOS", "EHB", "ISC"]
    )


def test_prime_of_the_isf_is_the_preferred_origin(spitak: Event, original: Event) -> None:
    assert hypocentre(spitak.preferred_origin()) == hypocentre(original.preferred_origin())


def test_every_arrival_of_the_isf_comes_back(spitak: Event, original: Event) -> None:
    (mine,) = [o for o in reported(spitak.origins) if o.arrivals]
    (theirs,) = [o for o in original.origins if o.arrivals]
    assert len(mine.arrivals) == 255
    assert readings(spitak, mine) == readings(original, theirs)


def test_every_magnitude_of_the_isf_comes_back(spitak: Event, original: Event) -> None:
    def values(event: Event) -> Counter[tuple[Any, ...]]:
        return Counter(
            (m.mag, m.magnitude_type or None, error_of(m.mag_errors), m.station_count)
            for m in event.magnitudes
            if m.creation_info.agency_id != "KZPORTAL"
        )

    assert values(spitak) == values(original)

    def station_values(event: Event) -> Counter[tuple[Any, ...]]:
        return Counter((m.waveform_id.station_code, m.mag) for m in event.station_magnitudes)

    assert station_values(spitak) == station_values(original)
    # ObsPy leaves their type unread; in the file it is mb for all fifteen.
    assert {m.station_magnitude_type for m in spitak.station_magnitudes} == {"mb"}


def test_texts_of_the_isf_come_back(spitak: Event, original: Event) -> None:
    def words(texts: Iterable[str]) -> str:
        return " ".join(" ".join(texts).split())

    mine = words(c.text for part in (spitak, *spitak.origins) for c in part.comments)
    for origin in original.origins:
        for comment in origin.comments:
            if comment.text.strip().startswith(("location method", "(#PRIME)")):
                continue  # fields of the portal: the origin's method, the report's own choice
            assert words([comment.text.strip(" ()")]) in mine
    assert "Western Caucasus" in [d.text for d in spitak.event_descriptions]


def test_quakeml_comes_back_as_it_was_sent(client: Client) -> None:
    sent = obspy.read_events(str(QUAKEML))[0]
    first = sent.preferred_origin() or sent.origins[0]
    mine = everything(client, starttime=first.time - 1, endtime=first.time + 1)
    assert Counter(map(hypocentre, reported(mine.origins))) == Counter(
        map(hypocentre, sent.origins)
    )
    sizes = Counter((m.mag, m.magnitude_type) for m in sent.magnitudes)
    assert Counter((m.mag, m.magnitude_type) for m in mine.magnitudes) == sizes
    assert mine.event_type == sent.event_type


def test_event_page_tells_all_solutions(stack: Stack, spitak: Event) -> None:
    public_id = spitak.resource_id.id.rsplit("/", 1)[-1]
    begun = time.monotonic()
    page = requests.get(f"{stack.url}en/events/{public_id}/", timeout=30)
    assert page.status_code == 200, time.monotonic() - begun
    for code in ("BCIS", "USCGS", "IASPEI", "MOS", "EHB", "ISC"):
        assert code in page.text
