"""Bulletin formats: one module a format, listed by hand; no Django inside.

A reader yields ``EventRecord``, ``ReadingsRecord`` (readings without an event) and ``Problem``; it
never raises on bad content, except ``FormatError`` when nothing at all can be read. The problems of
an event come before its record. A file packed with gzip is unpacked before a reader sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from catalog.formats import (
    bulletin_csv,
    catalogue_csv,
    css30,
    fdsn_text,
    gse2,
    hypo71,
    isf,
    labels,
    local_time,
    mapped_table,
    nordic,
    quakeml,
    scml,
    wdcb,
    year_book,
)
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
    """One bulletin format. ``version`` is the reader's, stored with each reading."""

    code: str
    name: str
    suffixes: tuple[str, ...]
    media_type: str
    version: str
    detect: Callable[[bytes, str], bool]
    read: Callable[[BinaryIO, Limits], Iterator[Item]]
    write: Callable[[Iterable[EventRecord]], Iterator[str]] | None = None
    needs_mapping: bool = False  # its reader asks for ``ReadOptions.mapping``
    always_utc: bool = False  # its standard leaves no other time: a civil zone is not applied


FORMATS = (
    Format(
        "isf",
        "IMS1.0:SHORT (ISF)",
        (".isf", ".ims", ".txt"),
        "text/plain",
        isf.VERSION,
        isf.detect,
        isf.read,
        isf.write,
    ),
    Format(
        "quakeml",
        "QuakeML 1.2",
        (".xml", ".qml", ".quakeml"),
        "application/xml",
        quakeml.VERSION,
        quakeml.detect,
        quakeml.read,
        quakeml.write,
        always_utc=True,
    ),
    Format(
        "scml",
        "SeisComP XML (SCML)",
        (".xml", ".scml", ".sc3ml"),
        "application/xml",
        scml.VERSION,
        scml.detect,
        scml.read,
        always_utc=True,
    ),
    Format(
        "gse2",
        "GSE2.0",
        (".gse", ".gse2", ".txt"),
        "text/plain",
        gse2.VERSION,
        gse2.detect,
        gse2.read,
    ),
    Format(
        "nordic",
        "Nordic (SEISAN)",
        (".out", ".nor", ".txt"),
        "text/plain",
        nordic.VERSION,
        nordic.detect,
        nordic.read,
    ),
    Format(
        "css30",
        "CSS3.0 tables",
        (".zip", ".tar", ".tgz", *(f".{table}" for table in css30.LAYOUTS)),
        "application/zip",
        css30.VERSION,
        css30.detect,
        css30.read,
    ),
    Format(
        "fdsn-text",
        "FDSN event text",
        (".txt", ".fdsn", ".fdsntext"),
        "text/plain",
        fdsn_text.VERSION,
        fdsn_text.detect,
        fdsn_text.read,
    ),
    Format(
        "wdcb-1962",
        "Earthquakes in the USSR 1962-1991 (WDCB)",
        (".txt", ".dat", ".cat"),
        "text/plain",
        wdcb.VERSION,
        wdcb.detect,
        wdcb.read,
    ),
    Format(
        "hypo71-phase",
        "HYPO71 phase cards",
        (".pha", ".phs", ".inp", ".txt"),
        "text/plain",
        hypo71.PHASE_VERSION,
        hypo71.detect_phase,
        hypo71.read_phase,
    ),
    Format(
        "hypo71-summary",
        "HYPO71 summary cards",
        (".sum", ".pun", ".txt"),
        "text/plain",
        hypo71.SUMMARY_VERSION,
        hypo71.detect_summary,
        hypo71.read_summary,
    ),
    Format(
        "catalogue-csv",
        "Catalogue table (CSV)",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        catalogue_csv.VERSION,
        catalogue_csv.detect,
        catalogue_csv.read,
        catalogue_csv.write,
    ),
    Format(
        "bulletin-csv",
        "Bulletin table (CSV)",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        bulletin_csv.VERSION,
        bulletin_csv.detect,
        bulletin_csv.read,
        bulletin_csv.write,
    ),
    Format(
        "year-book-catalogue",
        "Year book: catalogue",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        year_book.VERSION,
        year_book.detect_catalogue,
        year_book.read_catalogue,
        year_book.write_catalogue,
    ),
    Format(
        "year-book-mechanisms",
        "Year book: focal mechanisms",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        year_book.VERSION,
        year_book.detect_mechanisms,
        year_book.read_mechanisms,
        year_book.write_mechanisms,
    ),
    Format(
        "year-book-intensity",
        "Year book: felt effects",
        (".csv", ".tsv", ".txt", ".xlsx"),
        "text/csv",
        year_book.VERSION,
        year_book.detect_macroseismic,
        year_book.read_macroseismic,
        year_book.write_macroseismic,
    ),
    Format(
        mapped_table.CODE,
        "Table by a column mapping",
        (".csv", ".tsv", ".txt"),
        "text/plain",
        mapped_table.VERSION,
        mapped_table.detect,
        mapped_table.read,
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
    if code == mapped_table.CODE:
        mapping = options.mapping if options else None
        items: Iterator[Item] = mapped_table.read(plain, limits, mapping)
    else:
        items = by_code(code).read(plain, limits)
    taken: Iterator[Item] = map(labels.taken, items)
    if options is None or options.time_zone == "UTC":
        return taken
    if by_code(code).always_utc:
        unused = Problem(None, "time-zone-not-used", "", options.time_zone, "UTC")
        return chain((unused,), taken)
    return _in_utc(taken, options.time_zone)


def _in_utc(items: Iterable[Item], time_zone: str) -> Iterator[Item]:
    """Yield what was read with its clock times turned from civil time into UTC."""
    for item in items:
        if isinstance(item, Problem):
            yield item
            continue
        record, problems = local_time.in_utc(item, time_zone)
        yield from problems
        yield record
