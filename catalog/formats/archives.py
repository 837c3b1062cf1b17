"""Several tables of one bulletin sent as one file: a zip or tar archive, read without unpacking it.

Nothing is ever written to disk under a name from an archive. An archive that looks made to do harm
(a path that leads outside, a link, an archive inside, an encrypted or doubled member, more members
or bytes than a bulletin has) is refused as a whole. ``pack`` makes the archive in which files
uploaded together are kept.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.packing import CHUNK, LARGEST_RATIO, SMALL_BYTES, unpacked
from catalog.formats.packing import MAGIC as GZIP_MAGIC
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.text import seekable
from catalog.formats.values import cut

ZIP_MAGIC = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
#: A bulletin in tables is some ten files; a month of days of them some hundreds.
MAX_MEMBERS = 500
#: The directory at the end of a zip file names each member in some hundred bytes.
MAX_DIRECTORY_BYTES = MAX_MEMBERS * 600
#: ``pack`` must give the same bytes for the same files: this is the earliest time zip can say.
PACKED_TIME = (1980, 1, 1, 0, 0, 0)
SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")

_TAR_CHECKSUM = slice(148, 156)
_BLOCK = 512
_END_BYTES = 22  # of the record that ends a zip file
_ENCRYPTED = 0x1  # flag bits of a zip member
_SIZES_FOLLOW = 0x8
#: What zipfile and tarfile raise on content they cannot read.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


def pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip archive, nothing compressed, of files given by name: same files, same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files):
            member = zipfile.ZipInfo(name, PACKED_TIME)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return packed.getvalue()


def is_archive(head: bytes) -> bool:
    """Tell whether first bytes are those of a zip or tar archive."""
    return head.startswith((ZIP_MAGIC, EMPTY_ZIP)) or is_tar(head)


def is_tar(head: bytes) -> bool:
    """Tell whether a file begins with a tar header: its checksum is right."""
    block = head[:_BLOCK]
    if len(block) < _BLOCK or not block[0]:
        return False
    try:
        said = int(block[_TAR_CHECKSUM].split(b"\x00")[0].strip() or b"x", 8)
    except ValueError:
        return False
    return said == sum(block) - sum(block[_TAR_CHECKSUM]) + 8 * 0x20


def peek(head: bytes) -> list[tuple[str, bytes]]:
    """Return names and first bytes of the members that lie in the first bytes of an archive.

    For recognising only: nothing is checked, and names may be anything.
    """
    if is_tar(head):
        return _peek_tar(head)
    found: list[tuple[str, bytes]] = []
    at, left = 0, CHUNK  # of all together: this runs in the web process
    while left > 0 and head[at : at + 4] == ZIP_MAGIC and len(head) >= at + 30:
        flags, method = struct.unpack_from("<HH", head, at + 6)
        size, _, name_length, extra_length = struct.unpack_from("<IIHH", head, at + 18)
        begin = at + 30 + name_length + extra_length
        name = head[at + 30 : at + 30 + name_length].decode("utf-8", "replace")
        data = head[begin:] if flags & _SIZES_FOLLOW else head[begin : begin + size]
        if method == zipfile.ZIP_DEFLATED:
            try:
                data = zlib.decompressobj(-15).decompress(data, left)
            except zlib.error:
                data = b""
        elif method != zipfile.ZIP_STORED:
            data = b""
        found.append((name, data))
        left -= len(data)
        if flags & _SIZES_FOLLOW:
            break
        at = begin + size
    return found


def _peek_tar(head: bytes) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    at = 0
    while is_tar(head[at : at + _BLOCK]):
        block = head[at : at + _BLOCK]
        try:
            size = int(block[124:136].split(b"\x00")[0].strip() or b"0", 8)
        except ValueError:
            break
        begin = at + _BLOCK
        if block[156:157] in (b"0", b"\x00"):
            name = block[:100].split(b"\x00")[0].decode("utf-8", "replace")
            found.append((name, head[begin : begin + size]))
        at = begin + (size + _BLOCK - 1) // _BLOCK * _BLOCK
    return found


def members(stream: BinaryIO | IO[bytes], limits: Limits) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and content of each file of an archive, in its order.

    Raises
    ------
    FormatError
        ``wrong-format``: no archive; ``archive-damaged``, ``archive-refused``,
        ``too-many-members``, ``file-too-large``, ``packed-too-densely``.
    """
    source = seekable(unpacked(stream, limits))
    head = source.read(_BLOCK)
    source.seek(0)
    if is_tar(head):
        found = _tar_members(source, limits)
    elif head.startswith((ZIP_MAGIC, EMPTY_ZIP)):
        found = _zip_members(source, limits)
    else:
        raise _refusal("wrong-format", "", cut(head[:20].decode("latin-1")), "zip, tar, tar.gz")
    names: set[str] = set()
    try:
        for name, data in found:
            _check_name(name)
            if name in names:
                raise _refusal("archive-refused", name, "two members", "unique")
            names.add(name)
            if is_archive(data) or data.startswith(GZIP_MAGIC) or name.lower().endswith(SUFFIXES):
                raise _refusal("archive-refused", name, "archive", "plain file")
            yield name, io.BytesIO(data)
    except FormatError:
        raise
    except _BROKEN as error:
        raise _refusal("archive-damaged", "", f"{type(error).__name__}: {error}", "") from error


def _check_name(name: str) -> None:
    """Refuse a name that leads out of the place it is unpacked to."""
    parts = name.replace("\\", "/").split("/")
    if (
        not name.strip()
        or ".." in parts
        or name.startswith(("/", "\\"))
        or name[1:2] == ":"
        or not all(c.isprintable() for c in name)
    ):
        raise _refusal("archive-refused", name, "path", "file name")


def _take(file: IO[bytes], left: int, name: str) -> bytes:
    """Return the content of a member, no more than is left of the limit, whatever it says."""
    data = file.read(left + 1)
    if len(data) > left:
        raise _refusal("file-too-large", name, f"> {left}", f"<= {left} bytes")
    return data


def _zip_members(source: IO[bytes], limits: Limits) -> Iterator[tuple[str, bytes]]:
    _check_directory(source)
    left = limits.max_bytes
    with zipfile.ZipFile(source) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > MAX_MEMBERS:
            raise _refusal("too-many-members", "", str(len(infos)), f"<= {MAX_MEMBERS}")
        for info in infos:
            if info.flag_bits & _ENCRYPTED:
                raise _refusal("archive-refused", info.filename, "encrypted", "plain file")
            if (info.external_attr >> 28) & 0xF not in (0, 0x8):  # not a regular file of Unix
                raise _refusal("archive-refused", info.filename, "link", "plain file")
            _check_ratio(info.filename, info.file_size, info.compress_size)
            with archive.open(info) as file:
                data = _take(file, left, info.filename)
            _check_ratio(info.filename, len(data), info.compress_size)
            left -= len(data)
            yield info.filename, data


def _check_directory(source: IO[bytes]) -> None:
    """Refuse a zip directory of more than the members allowed, before it is read into memory.

    The record that ends a zip file is looked for where ``zipfile`` will find it: at the very end,
    else the last one before a remark of at most 64 KB.
    """
    size = source.seek(0, io.SEEK_END)
    source.seek(max(0, size - _END_BYTES - 0xFFFF))
    tail = source.read()
    source.seek(0)
    at = len(tail) - _END_BYTES
    if tail[at : at + 4] != EMPTY_ZIP or tail[-2:] != b"\x00\x00":
        at = tail.rfind(EMPTY_ZIP)
    if not 0 <= at <= len(tail) - _END_BYTES:
        return  # zipfile will say that it is damaged
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):  # meant for archives beyond 4 GB
        raise _refusal("archive-refused", "", "zip64", "zip")
    (directory_bytes,) = struct.unpack_from("<I", tail, at + 12)
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise _refusal("too-many-members", "", f"{directory_bytes} bytes", f"<= {MAX_MEMBERS}")


def _check_ratio(name: str, size: int, packed_size: int) -> None:
    if size > SMALL_BYTES and size > LARGEST_RATIO * max(1, packed_size):
        found = f"{size} / {packed_size}"
        raise _refusal("packed-too-densely", name, found, f"<= {LARGEST_RATIO}")


def _tar_members(source: IO[bytes], limits: Limits) -> Iterator[tuple[str, bytes]]:
    left = limits.max_bytes
    count = 0
    with tarfile.open(fileobj=source, mode="r:") as archive:
        for info in archive:
            count += 1
            if count > MAX_MEMBERS:
                raise _refusal("too-many-members", "", f">= {count}", f"<= {MAX_MEMBERS}")
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                raise _refusal("archive-refused", info.name, "link", "plain file")
            file = archive.extractfile(info)
            if file is None or info.size > left:
                raise _refusal("file-too-large", info.name, str(info.size), f"<= {left} bytes")
            with file:
                data = _take(file, left, info.name)
            if len(data) < info.size:
                raise _refusal("archive-damaged", info.name, str(len(data)), f"{info.size} bytes")
            left -= len(data)
            yield info.name, data


def _refusal(code: str, name: str, found: str, expected: str) -> FormatError:
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return FormatError(
        Problem(None, code, cut(printable), cut(found), cut(expected), Severity.ERROR)
    )
