"""Macroseismic data points of QuakeML 2.0, as archives of intensities exchange them.

The package ``macroseismic`` (http://quakeml.org/xmlns/macroseismic/0.9): ``mdp`` has an intensity,
a scale and references to an event, a ``place`` with coordinates and a report. What comes out are
the rows a table gives (``catalog.formats.intensity``). A class that is no grade is kept as it is
written: F, HF (felt), NF (not felt), and D, SD, HD (damage of no grade, so felt).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from catalog.formats import intensity, xml
from catalog.formats.intensity import PointRow
from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.values import cut

NAMESPACE = re.compile(r"http://quakeml\.org/xmlns/macroseismic/\d+(\.\d+)*")
ROOT = re.compile(rb"<(?:[\w.-]+:)?quakeml[\s>]")
#: Classes that are no grade -> the word for it.
FELT_CLASSES = {
    "F": "felt", "HF": "felt", "NF": "not felt", "D": "felt", "SD": "felt", "HD": "felt",
}  # fmt: skip
_PARTS = ("event", "mdp", "place", "literatureSource")


@dataclass(frozen=True, slots=True)
class _Point:
    line: int
    event: str
    place: str
    report: str
    scale: str
    written: str


def is_one(head: bytes) -> bool:
    """Tell whether a file begins as such a document does."""
    return ROOT.search(head) is not None and b"quakeml.org/xmlns/macroseismic/" in head


def read(stream: BinaryIO, limits: Limits) -> Iterator[PointRow | Problem]:
    """Yield the data points, each with the origin time of its event.

    Raises
    ------
    FormatError
        Nothing can be read: empty, not XML, a DOCTYPE, without data points, too many of them.
    """
    document = xml.Document(
        stream, limits, _PARTS, "macroseismicParameters", "QuakeML 2.0", lambda _tag: None
    )
    times: dict[str, str] = {}
    places: dict[str, dict[str, str]] = {}
    sources: dict[str, str] = {}
    points: list[_Point] = []
    for part in document.parts(limits.max_elements):
        element, name = part.element, xml.local(part.element.tag)
        key = str(element.get("publicID") or element.get("identifier") or "")
        if name == "event":
            times[key] = _text(element, "origin", "time", "value")
        elif name == "literatureSource":
            sources[key] = _text(element, "bibliographicCitation") or _text(element, "title")
        elif not NAMESPACE.fullmatch(xml.namespace(element.tag)):
            continue
        elif name == "place":
            places[key] = {
                "place": _text(element, "preferredName", "name"),
                "latitude": _text(element, "referenceLatitude", "value"),
                "longitude": _text(element, "referenceLongitude", "value"),
            }
        else:
            if len(points) >= intensity.MOST_ROWS:
                bound = f"<= {intensity.MOST_ROWS}"
                problem = Problem(part.first_line, "too-many-rows", "", "", bound, Severity.ERROR)
                raise FormatError(problem)
            points.append(_point(element, part.first_line))
    if document.failure is not None:
        raise FormatError(document.failure)
    if not points:
        raise FormatError(Problem(1, "missing-field", "mdp", "", "mdp", Severity.ERROR))
    for point in points:
        code = FELT_CLASSES.get(point.written)
        values = {
            "time": times.get(point.event, "").rstrip("Z"),
            "intensity": code or point.written,
            "scale": point.scale,
            "source": sources.get(point.report, "")[: intensity.LONGEST["source"]],
            "effects": f"class {point.written}" if code else "",
            **places.get(point.place, {}),
        }
        yield intensity.row_of(values, point.line)


def _point(element: Any, line: int) -> _Point:
    return _Point(
        line,
        _text(element, "eventReference"),
        _text(element, "placeReference"),
        _text(element, "reportReference"),
        _text(element, "intensity", "macroseismicScale"),
        cut(_text(element, "intensity", "expectedIntensity", "class")),
    )


def _text(element: Any, *path: str) -> str:
    """Return the text of the first element down a path of local names; "" if there is none."""
    found = element.find("/".join("{*}" + name for name in path))
    return " ".join((found.text or "").split()) if found is not None else ""
