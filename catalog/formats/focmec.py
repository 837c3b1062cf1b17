"""FOCMEC's results (Snoke): the list (``.lst``) and the summary (``.out``), through ObsPy.

Both hold the double couples that the polarities (and amplitude ratios) allow: one set, not many
mechanisms. Read is the one in its middle, whose mean Kagan angle to all others is least: the
portal's own choice, said in a comment with the spread of the set; the whole set stays in the text
as received. The list states both planes, the summary the first. The rows are held against ObsPy's,
as in the other formats it reads (``obspy_events.py``): a row it reads otherwise is not taken.

No file of FOCMEC says when or where its event was: line 2 and 4 are the user's own words, kept as
comments. So the report has no origin, and a person ties it to its event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np

from catalog import focal_geometry as geometry
from catalog.formats.limits import Limits
from catalog.formats.obspy_events import ReaderCrashed, crashed, lost, settle, through_obspy
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.records import EventRecord, FocalMechanismRecord, NodalPlaneRecord
from catalog.formats.text import detect_encoding, read_lines, seekable
from catalog.formats.values import AZIMUTH, Range, cut, number

VERSION = "focmec-1"  # of this reader; stored with each reading
METHOD = "FOCMEC"
OWN_WORDS = 4  # lines at the top, in which the user's own words stand
SET = "accepted solutions: "
#: Solutions that each is compared with to find the middle: more would take minutes.
COMPARED = 500
MOST_SOLUTIONS = 20_000
DIP: Range = (0.0, 90.0)
RAKE: Range = (-180.0, 180.0)

_TITLE = re.compile(r"\s*\w{3}\s+(\w{3}\s+\d+\s+[\d:]+\s+\d{4})\s+for program Focmec\s*\Z", re.I)
_LISTED = re.compile(r"\s*Dip,Strike,Rake\s+(.*)\Z")
_AUXILIARY = "Auxiliary Plane"
_SUMMARY = ["Dip", "Strike", "Rake"]
_STATIONS = ["Statn", "Azimuth", "TOA", "Key"]
_POLARITIES = (
    re.compile(r" *(\d+) P Pol\. +(\d+) SV Pol\. +(\d+) SH Pol\."),
    re.compile(r" Polarities/Errors:  P +(\d+)/ *[\d.]+ +SV +(\d+)/ *[\d.]+ +SH +(\d+)/"),
)
_UP, _DOWN = "CU+", "D-"


@dataclass(slots=True)
class _Set:
    """What the lines of a file say; a solution is its line, its planes and ObsPy's reading."""

    planes: list[tuple[int, str, list[NodalPlaneRecord | None]]] = field(default_factory=list)
    polarities: int | None = None
    first_motions: set[str] = field(default_factory=set)


def detect(head: bytes, filename: str) -> bool:
    """Tell whether the first line is that of FOCMEC's results."""
    first = head.decode("latin-1").replace("\r", "\n").partition("\n")[0]
    return _TITLE.match(first) is not None


def read(stream: BinaryIO, limits: Limits) -> Iterator[EventRecord | Problem]:
    """Yield the one event of a file, after its problems.

    Raises
    ------
    FormatError
        Nothing can be read: no byte, or not FOCMEC's first line.
    """
    source = seekable(stream)
    encoding = detect_encoding(source, limits)
    if encoding.blank:
        raise FormatError(Problem(1, "empty-file", "", "", "FOCMEC", Severity.ERROR))
    problems: list[Problem] = []
    lines = [line for _, line in read_lines(source, limits, problems, encoding)]
    title = _TITLE.match(lines[0])
    if title is None:
        raise FormatError(Problem(1, "wrong-format", "", cut(lines[0]), "FOCMEC", Severity.ERROR))
    text = "\n".join(lines)
    try:
        event = through_obspy(text, "FOCMEC")
    except ReaderCrashed as error:
        yield from problems
        yield crashed(error, 1, lines[0])
        return
    found = _lines(lines, problems)
    solutions = _settled(found, event, problems)
    if {"up", "down"} - found.first_motions and found.first_motions and found.polarities != 1:
        said = " ".join(found.first_motions)
        problems.append(Problem(1, "polarities-alike", "Key", said, "up, down"))
    yield from problems
    if not solutions:
        yield Problem(len(lines), "missing-block", "Dip Strike Rake", "", "", Severity.ERROR)
        return
    yield EventRecord(
        text=text,
        first_line=1,
        last_line=len(lines),
        focal_mechanisms=(_middle(solutions, found.polarities, title[1]),),
        preferred_focal_mechanism_id="mechanism-1",
        comments=tuple(line.strip() for line in (lines[1:2] + lines[3:4]) if line.strip()),
    )


_Solution = tuple[int, list[NodalPlaneRecord]]


def _lines(lines: list[str], problems: list[Problem]) -> _Set:
    found = _Set()
    table = ""
    for n, line in enumerate(lines, start=1):
        words = line.split()
        if n > OWN_WORDS and ("\t" in line or not line.isascii()):  # the program writes neither
            problems.append(Problem(n, "unused-text", "", cut(line.strip()), "ASCII without tabs"))
        elif words[:3] == _SUMMARY:
            table = "summary"
        elif words[:4] == _STATIONS:
            table = "stations"
        elif match := next((m for p in _POLARITIES if (m := p.match(line))), None):
            found.polarities, table = sum(int(digits) for digits in match.groups()), ""
        elif listed := _LISTED.match(line):
            auxiliary = line.rstrip().endswith(_AUXILIARY)
            plane = _plane(listed[1].split()[:3], n, problems)
            if not auxiliary:
                found.planes.append((n, line, [plane]))
            elif found.planes and len(found.planes[-1][2]) == 1:
                found.planes[-1][2].append(plane)
            else:
                problems.append(Problem(n, "unused-text", _AUXILIARY, cut(line.strip()), ""))
        elif table == "summary" and words:
            found.planes.append((n, line, [_plane(words[:3], n, problems)]))
        elif table == "stations" and len(words) >= 4:
            key = words[3]
            found.first_motions |= {"up"} if key in _UP else {"down"} if key in _DOWN else set()
        if len(found.planes) > MOST_SOLUTIONS:
            problems.append(Problem(n, "too-many-rows", "", "", f"<= {MOST_SOLUTIONS}"))
            found.planes.pop()
            break
    return found


def _plane(words: list[str], n: int, problems: list[Problem]) -> NodalPlaneRecord | None:
    """Return a plane of dip, strike and rake."""
    if len(words) < 3:
        problems.append(
            Problem(n, "wrong-width", "Dip Strike Rake", cut(" ".join(words)), "3 numbers")
        )
        return None
    dip = number(problems, n, "dip", words[0], DIP)
    strike = number(problems, n, "strike", words[1], AZIMUTH)
    rake = number(problems, n, "rake", words[2], RAKE)
    if dip is None or strike is None or rake is None:
        return None
    return NodalPlaneRecord(strike, dip, rake)


def _settled(found: _Set, event: Any, problems: list[Problem]) -> list[_Solution]:
    """Return the solutions that ObsPy reads as they are written."""
    read = list(event.focal_mechanisms) if event is not None else []
    solutions = []
    for k, (n, line, planes) in enumerate(found.planes):
        if planes[0] is None:
            continue  # told already
        if k >= len(read):
            problems.append(lost(n, line))
            continue
        nodal = read[k].nodal_planes
        whole = True
        for at, (plane, got) in enumerate(
            zip(planes, (nodal.nodal_plane_1, nodal.nodal_plane_2), strict=False)
        ):
            if plane is None or got is None:
                continue
            for name in ("dip", "strike", "rake"):
                value = settle(problems, n + at, name, getattr(plane, name), getattr(got, name))
                whole = whole and value is not None
        if whole:
            solutions.append((n, [plane for plane in planes if plane is not None]))
    return solutions


def _middle(solutions: list[_Solution], polarities: int | None, made: str) -> FocalMechanismRecord:
    """Return the solution nearest to all others, and how far these are from it."""
    columns = zip(*((p[0].strike, p[0].dip, p[0].rake) for _, p in solutions), strict=True)
    axes = geometry.axes_of(*geometry.fault_vectors(*(np.array(column) for column in columns)))
    step = -(-len(solutions) // COMPARED)
    means = np.zeros(len(solutions))
    for k in range(0, len(solutions), step):
        means += geometry.kagan_angle(axes, geometry.Axes(*(axis[k] for axis in axes)))
    middle = int(means.argmin())
    apart = geometry.kagan_angle(axes, geometry.Axes(*(axis[middle] for axis in axes)))
    line_number, planes = solutions[middle]
    spread = f", 68 % of them within {float(np.quantile(apart, 0.68)):.1f} deg of this one (Kagan)"
    return FocalMechanismRecord(
        "mechanism-1",
        planes[0],
        planes[1] if len(planes) > 1 else None,
        station_polarity_count=polarities,
        method_id=METHOD,
        creation_time=_made(made),
        comments=(f"{SET}{len(solutions)}{spread if len(solutions) > 1 else ''}",),
        line_number=line_number,
    )


def _made(text: str) -> datetime | None:
    """Return when the program ran, by the clock of its computer."""
    try:
        return datetime.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
