"""Bulletin formats: one module a format, listed by hand; no Django inside.

A reader yields ``EventRecord``, ``ReadingsRecord`` (readings without an event) and ``Problem``; it
never raises on bad content, except ``FormatError`` when nothing at all can be read. The problems of
an event come before its record. A file packed with gzip is unpacked before a reader sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any, BinaryIO

from catalog.formats import labels
from catalog.formats.limits import Limits
from catalog.formats.packing import unpacked, unpacked_head
from catalog.formats.problems import FormatError, Problem
from catalog.formats.records import EventRecord, ReadingsRecord

__all__ = [
    "FORMATS",
    "Format",
    "FormatError",
    "Item",
    "Limits",
    "ReadOptions",
    "by_code",
    "detect",
    "read",
]

HEAD_BYTES = 16 * 1024  # of a file are enough to recognise it

#: What a reader yields.
Item = EventRecord | ReadingsRecord | Problem


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What an operator says of a file that the file itself does not.

    ``time_zone`` is the IANA zone its clock times are written in; ``mapping`` a saved column
    mapping as plain values.
    """

    time_zone: str = "UTC"
    mapping: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One bulletin format and the module that reads it.

    The module is imported when something of it is asked for: who reads one file needs one reader,
    and all of them take longer to import than a short bulletin takes to read.
    """

    code: str
    name: str
    suffixes: tuple[str, ...]
    media_type: str
    module: str
    kind: str = ""  # which of a module's formats: what its functions' names end with
    version_name: str = "VERSION"
    writes: bool = False
    needs_mapping: bool = False  # its reader asks for ``ReadOptions.mapping``
    always_utc: bool = False  # its standard leaves no other time: a civil zone is not applied

    def _own(self, name: str, kind: str = "") -> Any:
        return getattr(import_module(f"catalog.formats.{self.module}"), name + kind)

    @property
    def version(self) -> str:
        """The reader's, stored with each reading."""
        return str(self._own(self.version_name))

    @property
    def detect(self) -> Callable[[bytes, str], bool]:
        return self._own("detect", self.kind)  # type: ignore[no-any-return]

    @property
    def read(self) -> Callable[[BinaryIO, Limits], Iterator[Item]]:
        return self._own("read", self.kind)  # type: ignore[no-any-return]

    @property
    def write(self) -> Callable[[Iterable[EventRecord]], Iterator[str]] | None:
        return self._own("write", self.kind) if self.writes else None


FORMATS = (
    Format(
        "isf",
        "IMS1.0:SHORT (ISF)",
        (".isf", ".ims", ".txt"),
        "text/plain",
        "isf",
        writes=True,
    ),
    Format(
        "quakeml",
        "QuakeML 1.2",
        (".xml", ".qml", ".quakeml"),
        "application/xml",
        "quakeml",
        writes=True,
        always_utc=True,
    ),
    Format(
        "scml",
        "SeisComP XML (SCML)",
        (".xml", ".scml", ".sc3ml"),
        "application/xml",
        "scml",
        always_utc=True,
    ),
    Format(
        "gse2",
        "GSE2.0",
        (".gse", ".gse2", ".txt"),
        "text/plain",
        "gse2",
    ),
    Format(
        "nordic",
        "Nordic (SEISAN)",
        (".out", ".nor", ".txt"),
        "text/plain",
        "nordic",
    ),
    Format(
        "css30",
        "CSS3.0 tables",
        (
            ".zip",
            ".tar",
            ".tgz",
            ".event",
            ".origin",
            ".origerr",
            ".assoc",
            ".arrival",
            ".netmag",
            ".stamag",
            ".remark",
            ".site",
            ".affiliation",
        ),
        "application/zip",
        "css30",
    ),
    Format(
        "fdsn-text",
        "FDSN event text",
        (".txt", ".fdsn", ".fdsntext"),
        "text/plain",
        "fdsn_text",
    ),
    Format(
        "wdcb-1962",
        "Earthquakes in the USSR 1962-1991 (WDCB)",
        (".txt", ".dat", ".cat"),
        "text/plain",
        "wdcb",
    ),
    Format(
        "ndk",
        "Global CMT (NDK)",
        (".ndk", ".txt"),
        "text/plain",
        "ndk",
        writes=True,
        always_utc=True,
    ),
    Format(
        "focmec",
        "FOCMEC",
        (".lst", ".out", ".txt"),
        "text/plain",
        "focmec",
    ),
    Format(
        "hypo71-phase",
        "HYPO71 phase cards",
        (".pha", ".phs", ".inp", ".txt"),
        "text/plain",
        "hypo71",
        "_phase",
        version_name="PHASE_VERSION",
    ),
    Format(
        "hypo71-summary",
        "HYPO71 summary cards",
        (".sum", ".pun", ".txt"),
        "text/plain",
        "hypo71",
        "_summary",
        version_name="SUMMARY_VERSION",
    ),
    Format(
        "catalogue-csv",
        "Catalogue table (CSV)",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        "catalogue_csv",
        writes=True,
    ),
    Format(
        "bulletin-csv",
        "Bulletin table (CSV)",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        "bulletin_csv",
        writes=True,
    ),
    Format(
        "year-book-catalogue",
        "Year book: catalogue",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        "year_book",
        "_catalogue",
        writes=True,
    ),
    Format(
        "year-book-mechanisms",
        "Year book: focal mechanisms",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        "year_book",
        "_mechanisms",
        writes=True,
    ),
    Format(
        "year-book-intensity",
        "Year book: felt effects",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        "year_book",
        "_macroseismic",
        writes=True,
    ),
    Format(
        "mapped-table",
        "Table by a column mapping",
        (".csv", ".tsv", ".txt"),
        "text/plain",
        "mapped_table",
        needs_mapping=True,
    ),
)


def by_code(code: str) -> Format:
    """Return the format with this code; ``KeyError`` if there is none."""
    for format_ in FORMATS:
        if format_.code == code:
            return format_
    raise KeyError(code)


def detect(head: bytes, filename: str = "") -> list[str]:
    """Return the codes of the formats a file may be in, best first: by content, then suffix."""
    head, filename = unpacked_head(head, filename)
    if not head.startswith(b"PK"):  # the words of a workbook lie anywhere in it
        head = head[:HEAD_BYTES]
    suffix = "." + filename.rsplit(".", 1)[-1].lower() if "." in filename else ""
    found = [format_ for format_ in FORMATS if format_.detect(head, filename)]
    found.sort(key=lambda format_: suffix not in format_.suffixes)
    return [format_.code for format_ in found]


def read(
    code: str,
    stream: BinaryIO,
    limits: Limits | None = None,
    options: ReadOptions | None = None,
) -> Iterator[Item]:
    """Yield what a file in the named format says.

    Raises
    ------
    FormatError
        While iterating, when nothing can be read.
    """
    limits = limits or Limits()
    plain = unpacked(stream, limits)
    if by_code(code).needs_mapping:
        from catalog.formats import mapped_table

        mapping = options.mapping if options else None
        items: Iterator[Item] = mapped_table.read(plain, limits, mapping)
    else:
        items = by_code(code).read(plain, limits)
    taken = _with_mechanisms(map(labels.taken, items))
    if options is None or options.time_zone == "UTC":
        return taken
    if by_code(code).always_utc:
        unused = Problem(None, "time-zone-not-used", "", options.time_zone, "UTC")
        return chain((unused,), taken)
    return _in_utc(taken, options.time_zone)


def _with_mechanisms(items: Iterable[Item]) -> Iterator[Item]:
    """Yield what was read, its mechanisms checked and their missing parts computed."""
    for item in items:
        if isinstance(item, EventRecord) and item.focal_mechanisms:
            from catalog.formats import mechanism_checks

            item, problems = mechanism_checks.checked(item)
            yield from problems
        yield item


def _in_utc(items: Iterable[Item], time_zone: str) -> Iterator[Item]:
    """Yield what was read with its clock times turned from civil time into UTC."""
    from catalog.formats import local_time

    for item in items:
        if isinstance(item, Problem):
            yield item
            continue
        record, problems = local_time.in_utc(item, time_zone)
        yield from problems
        yield record
