"""Archives: what is packed comes back, and what was made to do harm is refused."""

from __future__ import annotations

import io
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.formats import archives
from catalog.formats.limits import Limits
from catalog.formats.packing import SMALL_BYTES
from catalog.formats.problems import FormatError


def contents(data: bytes, limits: Limits | None = None) -> list[tuple[str, bytes]]:
    found = archives.members(io.BytesIO(data), limits or Limits())
    return [(name, file.read()) for name, file in found]


def refused(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(FormatError) as refusal:
        contents(data, limits)
    return refusal.value.problem.code


def zipped(
    *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return packed.getvalue()


def tarred(*members: tarfile.TarInfo, data: bytes = b"row\n") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@given(
    files=st.dictionaries(
        st.text("abcxyz_-АБВ", min_size=1, max_size=20).map(lambda name: name + ".origin"),
        st.binary(max_size=200).map(lambda b: b"row " + b),
        max_size=5,
    )
)
@settings(max_examples=40, deadline=None)
def test_what_is_packed_comes_back_in_order_of_names(files: dict[str, bytes]) -> None:
    packed = archives.pack(files.items())
    assert contents(packed) == sorted(files.items())
    assert packed == archives.pack(reversed(list(files.items())))


def test_packing_depends_on_nothing_but_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    first = archives.pack([("a", b"1"), ("b", b"2")])
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert archives.pack([("b", b"2"), ("a", b"1")]) == first


def test_zip_and_tar_are_read_alike() -> None:
    member = tarfile.TarInfo("folder/a.origin")
    assert contents(zipped(("folder/", b""), ("folder/a.origin", b"row\n"))) == [
        ("folder/a.origin", b"row\n")
    ]
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    assert contents(tarred(folder, member)) == [("folder/a.origin", b"row\n")]


def test_what_lies_in_the_first_bytes_can_be_seen() -> None:
    rows = b"row\n" * 2000
    both = [("a.arrival", rows), ("b.origin", rows)]
    assert archives.peek(archives.pack(both)) == both
    assert archives.peek(archives.pack(both)[:9000])[1][1].startswith(b"row\n")
    assert archives.peek(zipped(*both)) == both
    assert archives.peek(tarred(tarfile.TarInfo("a.arrival"), data=rows)) == both[:1]
    for cut in range(0, 200):
        archives.peek(archives.pack(both)[:cut])
        archives.peek(tarred(tarfile.TarInfo("a"))[:cut])


@pytest.mark.parametrize(
    "name",
    [
        "../a.origin",
        "a/../../b",
        "/etc/passwd",
        "C:\\a.origin",
        "..\\a",
        "\\\\host\\a",
        "a\nb",
        " ",
    ],
)
def test_a_path_that_leads_outside_is_refused(name: str) -> None:
    assert refused(zipped((name, b"x"))) == "archive-refused"
    assert refused(tarred(tarfile.TarInfo(name))) == "archive-refused"


def link(kind: bytes) -> bytes:
    member = tarfile.TarInfo("a.origin")
    member.type, member.linkname = kind, "/etc/passwd"
    return tarred(member)


def zip_link() -> bytes:
    member = zipfile.ZipInfo("a.origin")
    member.create_system, member.external_attr = 3, 0o120777 << 16
    return zipped((member, b"/etc/passwd"))


def encrypted() -> bytes:
    data = bytearray(zipped(("a.origin", b"rows"), method=zipfile.ZIP_STORED))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def doubled() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return zipped(("a.origin", b"1"), ("a.origin", b"2"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: link(tarfile.SYMTYPE),
        lambda: link(tarfile.LNKTYPE),
        lambda: link(tarfile.CHRTYPE),
        lambda: link(tarfile.FIFOTYPE),
        zip_link,
        encrypted,
        doubled,
        lambda: tarred(tarfile.TarInfo("a"), tarfile.TarInfo("a")),
        lambda: zipped(("inner.dat", zipped(("a.origin", b"x")))),
        lambda: zipped(("inner.dat", tarred(tarfile.TarInfo("a")))),
        lambda: zipped(("inner.dat", b"\x1f\x8b\x08" + bytes(20))),
        lambda: zipped(("inner.zip", b"x")),
    ],
    ids=[
        *("symlink", "hard link", "device", "pipe", "zip symlink", "encrypted", "doubled"),
        *("doubled in tar", "zip inside", "tar inside", "gzip inside", "named zip"),
    ],
)
def test_what_no_bulletin_needs_is_refused(make: Callable[[], bytes]) -> None:
    assert refused(make()) == "archive-refused"


def test_a_bomb_is_refused_by_its_ratio_and_by_its_size() -> None:
    zeros = bytes(20 * 1024 * 1024)
    assert refused(zipped(("a.origin", zeros))) == "packed-too-densely"
    little = b"0123456789abcdef" * 4096
    parts = [(f"a{n}.origin", little) for n in range(40)]
    assert refused(zipped(*parts), Limits(max_bytes=1024 * 1024)) == "file-too-large"
    big = tarfile.TarInfo("a")
    assert refused(tarred(big, data=little), Limits(max_bytes=1000)) == "file-too-large"


def test_a_member_that_lies_about_its_size_is_stopped() -> None:
    data = bytearray(zipped(("a.origin", bytes(4 * SMALL_BYTES))))
    for at in (22, data.index(b"PK\x01\x02") + 24):
        struct.pack_into("<I", data, at, 10)
    assert refused(bytes(data)) in ("archive-damaged", "packed-too-densely")


def test_too_many_members_are_refused_before_they_are_listed() -> None:
    many = [(f"{n}.origin", b"") for n in range(archives.MAX_MEMBERS + 1)]
    assert refused(zipped(*many)) == "too-many-members"
    assert refused(tarred(*(tarfile.TarInfo(name) for name, _ in many))) == "too-many-members"
    crowd = zipped(*((f"{n}.origin", b"") for n in range(20_000)))
    started = time.monotonic()
    assert refused(crowd) == "too-many-members"
    assert time.monotonic() - started < 0.5


def test_marks_of_the_format_inside_a_file_do_no_harm() -> None:
    for data in (b"row PK\x06\x06", b"PK\x06\x07 row", b"row PK\x05\x06" + b"\xff" * 30):
        assert contents(archives.pack([("a.origin", data)])) == [("a.origin", data)]


def test_a_member_without_a_name_is_refused() -> None:
    data = bytearray(archives.pack([("a", b"row\n")]))
    at = data.index(b"PK\x01\x02")
    data[at + 46 : at + 47] = b""
    struct.pack_into("<H", data, at + 28, 0)
    struct.pack_into("<I", data, data.index(b"PK\x05\x06") + 12, 46)
    assert refused(bytes(data)) in ("archive-damaged", "archive-refused")


def test_zip64_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.origin", b"row\n")
    data = packed.getvalue()
    end = data.index(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    assert refused(data[:end] + locator + data[end:]) == "archive-refused"


def test_a_cut_or_spoilt_archive_is_damaged() -> None:
    whole = zipped(("a.origin", b"row\n" * 100))
    assert refused(whole[:-30]) == "archive-damaged"
    spoilt = bytearray(whole)
    spoilt[45] ^= 0xFF
    assert refused(bytes(spoilt)) == "archive-damaged"
    assert refused(tarred(tarfile.TarInfo("a"), data=b"x" * 2000)[:1000]) == "archive-damaged"
    assert refused(b"plain text\n" * 100) == "wrong-format"
    assert refused(zlib.compress(b"x")) == "wrong-format"


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_mutation_raises_anything_else(data: st.DataObject) -> None:
    files = [("a.origin", b"row\n" * 30), ("b.arrival", b"other\n" * 30)]
    content = bytearray(
        data.draw(
            st.sampled_from(
                [
                    archives.pack(files),
                    zipped(*files),
                    tarred(tarfile.TarInfo("a"), tarfile.TarInfo("b" * 150)),
                ]
            )
        )
    )
    for _ in range(data.draw(st.integers(1, 10))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    archives.peek(bytes(content))
    try:
        contents(bytes(content))
    except FormatError as refusal:
        assert refusal.problem.code
