"""Every file is recognised as what it is and as nothing else: detection is strict.

A new golden file needs a line in ``GOLDEN_FILES``; the first pattern that fits its name counts.
"""

from __future__ import annotations

import gzip
import io
import time
from fnmatch import fnmatch
from pathlib import Path

import pytest

from catalog.formats import FORMATS, HEAD_BYTES, FormatError, archives, detect, read
from tests.catalog.formats.conftest import GOLDEN, OBSPY

SHARED = Path(__file__).parents[4] / "shared" / "data"

#: Name -> the format it is recognised as, None where no reader may claim it.
GOLDEN_FILES: dict[str, str | None] = {
    "empty.txt": None,
    "wrong_format.txt": None,
    "*.isf": "isf",
    "*.gse": "gse2",
    "*nordic*": "nordic",
    "*seiscomp*.xml": "scml",
    "*.xml": "quakeml",
    "*css30*": "css30",
    "*.fdsn.txt": "fdsn-text",
    "*ussr_1962*": "wdcb-1962",
    "*hypo71*.pha": "hypo71-phase",
    "*hypo71*.sum": "hypo71-summary",
    "*bulletin_table*.csv": "bulletin-csv",
    "*year_book_catalogue*": "year-book-catalogue",
    "*year_book_mechanisms*": "year-book-mechanisms",
    "*year_book_macroseismic*": "year-book-intensity",
    "*.csv": "catalogue-csv",
}
REGISTERED = {format_.code for format_ in FORMATS}
FILES = sorted(
    path.name
    for path in GOLDEN.iterdir()
    if path.is_file() and path.name != "README.md" and not path.name.startswith(".")
)


def expected(name: str) -> str | None:
    for pattern, code in GOLDEN_FILES.items():
        if fnmatch(name, pattern):
            return code
    pytest.fail(f"{name} has no line in GOLDEN_FILES")


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_is_its_own_format_and_no_other(name: str) -> None:
    code = expected(name)
    if code is not None and code not in REGISTERED:
        pytest.skip(f"no format {code} is registered")
    head = (GOLDEN / name).read_bytes()[:HEAD_BYTES]
    wanted = [] if code is None else [code]
    assert detect(head, name) == wanted
    assert detect(head, "upload.bin") == wanted  # by content, whatever it is called
    assert detect(head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), name) == wanted or (
        archives.is_archive(head)
    )
    assert detect(gzip.compress(head), name + ".gz") == wanted


@pytest.mark.parametrize("code", sorted(REGISTERED))
def test_no_reader_claims_what_nobody_writes(code: str) -> None:
    (claims,) = [format_.detect for format_ in FORMATS if format_.code == code]
    for head in (
        b"",
        b"\n" * 50,
        b"\x00" * 600,
        b"%PDF-1.4\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"<html><body>404 Not Found</body></html>",
        b'{"type": "FeatureCollection", "features": []}',
        b"Dear colleagues,\nhere is our bulletin of 14 November 2014.\nRegards\n",
        "Уважаемые коллеги, направляем бюллетень за 14.11.2014.\n".encode("cp1251"),
        archives.pack([("letter.txt", b"Dear colleagues\n")]),
        archives.pack([]),
    ):
        assert not claims(head, "bulletin.txt"), head[:40]


#: Files of others that no reader is for ("no invented layouts").
UNKNOWN = (
    "bulletins/neic_pde_text/20031203.0737_FIJI.neic",
    "bulletins/neic_pde_text/20040224.0227_MOROCCO.neic",
    "bulletins/neic_locator/RayLocInput100620_468.txt",
    "bulletins/neic_locator/RayLocInput5112424_57.txt",
    "bulletins/neic_locator/cusInput.json",
    "bulletins/neic_locator/deepVerification.json",
    "bulletins/usgs_us2000ahv0_phases.csv",
    "bulletins/fdsnws_event-8.txt",
    "catalogs/scedc_2010_SCSN.catalog.gz",
    "catalogs/scedc_2010_SCEC_DC.catalog.gz",
)


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_layout_nobody_documented_to_us_is_unknown(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project: the shared data are absent")
    assert detect(path.read_bytes()[: 4 * HEAD_BYTES], path.name) == []


@pytest.mark.parametrize(
    "name, codes",
    [
        ("bulletins/fdsnws_event-1.txt", ["fdsn-text"]),
        ("bulletins/fdsnws_event-2.txt", ["fdsn-text"]),
        ("bulletins/fdsnws_event-3.txt", ["fdsn-text"]),
        ("bulletins/fdsnws_event-6.txt", ["quakeml"]),
    ],
)
def test_a_real_answer_of_a_service_is_recognised(name: str, codes: list[str]) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project: the shared data are absent")
    assert detect(path.read_bytes()[:HEAD_BYTES], path.name) == codes


#: Real files inside ObsPy's package, of formats that fixed columns could be confused with.
OBSPY_FILES = {
    "css/tests/data/station/default.site": ["css30"],
    "css/tests/data/station/default.remark": ["css30"],
    "css/tests/data/station/default.sitechan": [],
    "css/tests/data/test_css.wfdisc": [],
    "csv/tests/data/events.txt": ["fdsn-text"],
    "hypodd/tests/data/example.pha": [],
    "nlloc/tests/data/nlloc.obs": [],
    "ndk/tests/data/C200604092050A.ndk": ["ndk"],
    "focmec/tests/data/focmec_8sta.lst": ["focmec"],
    "focmec/tests/data/focmec_8sta.out": ["focmec"],
    "nlloc/tests/data/nlloc.hyp": [],
}


@pytest.mark.parametrize("name, codes", OBSPY_FILES.items())
def test_real_files_of_other_programs_are_not_claimed(name: str, codes: list[str]) -> None:
    path = OBSPY / name
    if not path.exists():
        pytest.skip(f"this ObsPy has no {name}")
    assert detect(path.read_bytes()[:HEAD_BYTES], "upload.txt") == codes


@pytest.mark.parametrize(
    "code", ["css30", "fdsn-text", "wdcb-1962", "hypo71-phase", "hypo71-summary"]
)
@pytest.mark.parametrize(
    "data", [b"1978" + b"1" * 5_000_000, b"1\n" * 500_000], ids=["one long line", "short lines"]
)
def test_a_large_file_of_something_else_is_given_up_soon(code: str, data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(FormatError):
        list(read(code, io.BytesIO(data)))
    assert time.process_time() - started < 3.0
