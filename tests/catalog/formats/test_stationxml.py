"""StationXML: what it says becomes records, what it holds beyond them stays valid XML."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.formats import stationxml
from catalog.formats.limits import Limits
from catalog.formats.problems import CODES, FormatError, Problem
from catalog.formats.stationxml import NAMESPACE, StationRecord

GOLDEN = Path(__file__).parents[2] / "golden_stations" / "synthetic_stations.xml"


def read(data: bytes, limits: Limits | None = None) -> tuple[list[StationRecord], list[Problem]]:
    found = list(stationxml.read(io.BytesIO(data), limits))
    problems = [item for item in found if isinstance(item, Problem)]
    assert {problem.code for problem in problems} <= set(CODES)
    return [item for item in found if isinstance(item, StationRecord)], problems


@pytest.fixture(scope="module")
def golden() -> bytes:
    return GOLDEN.read_bytes()


def test_stations_and_channels_are_read(golden: bytes) -> None:
    (first, second), _ = read(golden)
    network = first.network
    assert (network.code, network.description, network.end, network.restricted_status) == (
        "XS", "Synthetic network of the tests", None, "open",
    )  # fmt: skip
    assert (first.code, first.site, first.elevation_m) == ("SYA", "Example A", 1450.5)
    assert first.synthetic and second.synthetic  # by a comment, by the name of the site
    assert second.site == "Example B"
    assert [(c.location_code, c.code) for c in first.channels] == [
        ("00", "BHZ"), ("00", "BHZ"), ("00", "BHN"), ("", "LHZ"),
    ]  # fmt: skip
    old, new, _, slow = first.channels
    assert old.end == new.start == datetime(2012, 6, 1, tzinfo=UTC)
    assert (old.sensitivity, old.sensitivity_frequency_hz, old.sensitivity_units) == (
        6e8, 1.0, "m/s",
    )  # fmt: skip
    assert (old.dip_deg, old.depth_m, old.sample_rate_hz) == (-90.0, 3.0, 100.0)
    assert old.sensor == "Invented seismometer"
    assert slow.response is None and slow.end is None  # 2599 is no end
    assert old.response is not None and old.response.startswith(b"<Response>")
    assert b"Response" not in old.xml and old.line_number == 20


def test_what_cannot_be_used_is_told_with_its_line(golden: bytes) -> None:
    _, problems = read(golden)
    lines = golden.decode().splitlines()
    told = {(p.code, p.field): lines[p.line_number - 1] for p in problems if p.line_number}
    assert "own:Rack" in told["foreign-element", "Rack"]
    assert "own:rack" in told["foreign-element", "Channel/@rack"]
    assert "<Azimuth>400" in told["xml-not-valid", "Channel/Azimuth"]
    assert "east" in told["not-a-number", "Longitude"]
    assert "SYC" in told["missing-field", "Station/Longitude"]
    assert len(problems) == 5


def test_a_prefix_and_a_packed_file_change_nothing(golden: bytes) -> None:
    prefixed = golden.replace(b"<", b"<s:").replace(b"<s:/", b"</s:").replace(b"<s:?", b"<?")
    prefixed = prefixed.replace(b"<s:!", b"<!").replace(b"s:own:", b"own:")
    prefixed = prefixed.replace(b"xmlns=", b"xmlns:s=")
    plain, _ = read(golden)
    for data in (prefixed, gzip.compress(golden)):
        stations, _ = read(data)
        assert [s.code for s in stations] == [s.code for s in plain]
        assert [len(s.channels) for s in stations] == [len(s.channels) for s in plain]


def station(inside: str, root: str = f'xmlns="{NAMESPACE}" schemaVersion="1.2"') -> bytes:
    return (
        f"<FDSNStationXML {root}><Source/><Created>2024-01-01T00:00:00Z</Created>"
        f'<Network code="XS"><Station code="A"><Latitude>1</Latitude><Longitude>2</Longitude>'
        f"<Elevation>3</Elevation><Site><Name>(SYNTHETIC, not real)</Name></Site>{inside}"
        "</Station></Network></FDSNStationXML>"
    ).encode()


CHANNEL = (
    '<Channel code="BHZ" locationCode=""><Latitude>1</Latitude><Longitude>2</Longitude>'
    "<Elevation>3</Elevation><Depth>0</Depth>{}</Channel>"
)


def test_an_invalid_response_leaves_its_channel() -> None:
    bad = "<Response><InstrumentSensitivity><Value>x</Value></InstrumentSensitivity></Response>"
    (found,), problems = read(station(CHANNEL.format(bad)))
    assert found.channels[0].response is None
    assert ("xml-not-valid", "Response") in {(p.code, p.field) for p in problems}
    (found,), problems = read(station(CHANNEL.format("<StorageFormat>x</StorageFormat>")))
    assert [p.field for p in problems] == ["Channel/StorageFormat"]  # of version 1.0
    assert b"StorageFormat" not in found.channels[0].xml


def test_a_channel_twice_is_read_once() -> None:
    (found,), problems = read(station(CHANNEL.format("") * 2))
    assert len(found.channels) == 1
    assert [p.code for p in problems] == ["duplicate-id"]


def test_a_file_that_breaks_off_gives_what_came_before(golden: bytes) -> None:
    stations, problems = read(golden[: golden.index(b'<Channel code="HHE"')])
    assert [s.code for s in stations] == ["SYA"]
    assert problems[-1].code == "truncated"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"", "empty-file"),
        (lambda: b"<!DOCTYPE x [<!ENTITY a 'b'>]><FDSNStationXML/>", "xml-doctype"),
        (lambda: b"<FDSNStationXML/>", "wrong-format"),
        (lambda: b'{"not": "xml"}', "wrong-format"),
        (lambda: station("", 'xmlns="urn:other" schemaVersion="1.2"'), "wrong-format"),
        (lambda: station("", f'xmlns="{NAMESPACE}" schemaVersion="2.0"'), "unsupported-version"),
        (lambda: gzip.compress(b" " * 30_000_000), "packed-too-densely"),
        (lambda: station(" " * 2_000_000), "file-too-large"),
    ],
)
def test_what_is_no_stationxml_is_refused(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(FormatError) as refused:
        read(make(), Limits(max_bytes=1_000_000 if code == "file-too-large" else 50_000_000))
    assert refused.value.problem.code == code


def test_hostile_files_end_soon_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "<Vault>" * 40 + "</Vault>" * 40
    _, problems = read(station(deep))
    assert problems[0].code == "xml-too-deep"
    with pytest.raises(FormatError) as refused:
        read(station("<a>" * 500 + "</a>" * 500))
    assert refused.value.problem.code == "xml-too-deep"
    monkeypatch.setattr(stationxml, "MAX_ELEMENTS", 10_000)
    _, problems = read(station("<a/>" * 300_000))
    assert problems[0].code == "memory-limit"
    monkeypatch.setattr(stationxml, "MAX_SECONDS", -1.0)
    _, problems = read(station(""))
    assert problems[-1].code == "time-limit"


def test_text_of_ours_cannot_break_a_line_or_an_element() -> None:
    assert stationxml.line("a|b\nc", "") == b"a/b c|\n"
    assert stationxml.said("<b>\x01&") == "&lt;b&gt;&amp;"
