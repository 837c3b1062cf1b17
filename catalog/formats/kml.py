"""KML 2.2 (OGC 07-147r2): one Placemark an event, written from a row of the wide table.

Nothing is read from KML; the texts are English, as in the other files for programs.

A Point's third coordinate is metres above sea level (the geoid), so a depth is negative there. The
altitude mode is left at the standard's default, clampToGround: a viewer then draws the epicentre on
the terrain, where it can be seen, while programs still find the depth in the coordinates. With
"absolute" every symbol would lie under the ground. A depth that is not reported is no third
coordinate rather than a zero.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import pairwise

from catalog.formats.labels import SYNTHETIC
from catalog.formats.values import DEPTH_CLASSES_KM

VERSION = "kml-1"  # of this writer; raised when what it writes changes
MEDIA_TYPE = "application/vnd.google-earth.kml+xml"
NAMESPACE = "http://www.opengis.net/kml/2.2"

#: Column of the wide table -> type of its SimpleField, in the table's order.
COLUMNS: dict[str, str] = {
    "event_id": "string",
    "time": "string",
    "time_uncertainty_s": "double",
    "latitude": "double",
    "longitude": "double",
    "depth_km": "double",
    "depth_type": "string",
    "depth_uncertainty_km": "double",
    "horizontal_uncertainty_km": "double",
    "KR": "double",
    "MPVA": "double",
    "MLV": "double",
    "MS": "double",
    "mb": "double",
    "ML": "double",
    "Mw": "double",
    "magnitude": "double",
    "magnitude_type": "string",
    "magnitude_author": "string",
    "author": "string",
    "agencies": "string",
    "contributor": "string",
    "contributor_id": "string",
    "event_type": "string",
    "event_type_certainty": "string",
    "status": "string",
    "evaluation_mode": "string",
    "stations": "int",
    "phases": "int",
    "azimuthal_gap": "double",
    "standard_error_s": "double",
    "nearest_station_deg": "double",
    "felt": "bool",
    "max_intensity": "double",
    "mechanism": "bool",
    "synthetic": "bool",
    "place": "string",
    "name": "string",
}
#: A Placemark has a "name" of its own, and programs for maps make both one column.
_FIELDS = {**{column: column for column in COLUMNS}, "name": "event_name"}

#: The colours of the map's depth classes by day (``static/css/tokens.css``), shallow to deep; the
#: last is for a depth that is not reported.
DEPTH_COLOURS: dict[str, str] = {
    "depth-0": "#fec400",
    "depth-1": "#e16c57",
    "depth-2": "#a5373e",
    "depth-3": "#4b2fb7",
    "depth-4": "#1f153e",
    "depth-none": "#828b90",
}
_COLOUR_WORDS = ("red", "orange", "yellow", "green", "blue", "grey")

#: Scales that name an event where it has no magnitude.
_INSTEAD_OF_MAGNITUDE = ("KR", "MPVA")
_SIZES = ("KR", "MPVA", "MLV", "MS", "mb", "ML", "Mw")

#: A bool's cell -> the same in digits: GDAL reads "true" as 0, which would make the invented real.
_DIGIT = {"true": "1", "false": "0"}
_BOOLS = tuple(column for column, kind in COLUMNS.items() if kind == "bool")

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
#: What is written otherwise: these four, and the characters that XML 1.0 cannot hold.
_SPECIAL = re.compile('[&<>"\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')

DOCUMENT_END = b"</Document>\n</kml>\n"


def document_start(title: str, about: str, icon: str) -> bytes:
    """Return what stands before the first Placemark.

    Parameters
    ----------
    title, about
        Name of the document, and a sentence on where it is from.
    icon
        Address of a white symbol, which viewers multiply by the colour.
    """
    styles = "".join(
        f'<Style id="{name}"><IconStyle><color>{_colour(colour)}</color><scale>0.5</scale>'
        f"<Icon><href>{_escape(icon)}</href></Icon></IconStyle>"
        "<LabelStyle><scale>0.7</scale></LabelStyle></Style>\n"
        for name, colour in DEPTH_COLOURS.items()
    )
    fields = "".join(
        f'<SimpleField type="{kind}" name="{_FIELDS[column]}"/>\n'
        for column, kind in COLUMNS.items()
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{NAMESPACE}">\n<Document>\n'
        f"<name>{_escape(title)}</name>\n"
        f"<description>{_html((about, f'Depth: {_legend()}.'))}</description>\n"
        f'{styles}<Schema name="event" id="event">\n{fields}</Schema>\n'
    ).encode()


def placemark(cells: Mapping[str, str], page: str = "") -> str:
    """Return an event as a Placemark that ends its line.

    Parameters
    ----------
    cells
        The cells of its row of the wide table by column; "": not reported.
    page
        Address of the event's page; "": none is told.
    """
    depth_km = float(cells["depth_km"]) if cells["depth_km"] else None
    told = {**cells, **{column: _DIGIT.get(cells[column], "") for column in _BOOLS}}
    data = "".join(
        [
            f'<SimpleData name="{field}">{_escape(cell)}</SimpleData>'
            for column, field in _FIELDS.items()
            if (cell := told[column])
        ]
    )
    where = f"{cells['longitude']},{cells['latitude']}"
    if depth_km is not None:
        where += f",{-round(depth_km * 1000)}"
    return (
        f'<Placemark id="{_escape(cells["event_id"])}"><name>{_escape(_title(cells))}</name>'
        f"<description>{_html(_lines(cells), page)}</description>"
        f"<TimeStamp><when>{_when(cells['time'])}</when></TimeStamp>"
        f"<styleUrl>#{_style(depth_km)}</styleUrl>"
        f'<ExtendedData><SchemaData schemaUrl="#event">{data}</SchemaData></ExtendedData>'
        f"<Point><coordinates>{where}</coordinates></Point></Placemark>\n"
    )


def _title(cells: Mapping[str, str]) -> str:
    """Return how an event is called: its size and where it was."""
    size = ""
    if cells["magnitude"]:
        size = f"{cells['magnitude_type'] or 'M'} {cells['magnitude']}"
    else:
        size = next((f"{s} {cells[s]}" for s in _INSTEAD_OF_MAGNITUDE if cells[s]), "")
    title = ", ".join(filter(None, (size, cells["name"] or cells["place"])))
    title = title or cells["event_id"]
    return f"SYNTHETIC: {title}" if _is_true(cells["synthetic"]) else title


def _lines(cells: Mapping[str, str]) -> Iterable[str]:
    """Yield what the balloon of an event says, line by line."""
    if _is_true(cells["synthetic"]):
        yield SYNTHETIC
    yield cells["time"].replace("T", " ").replace("Z", " UTC")
    yield f"depth: {cells['depth_km']} km" if cells["depth_km"] else "depth: not reported"
    if sizes := ", ".join(f"{scale} {cells[scale]}" for scale in _SIZES if cells[scale]):
        yield sizes
    yield from filter(None, (cells["name"], cells["place"]))
    for word, column in (
        ("type", "event_type"),
        ("author", "author"),
        ("largest intensity", "max_intensity"),
        ("event id", "event_id"),
    ):
        if cells[column]:
            yield f"{word}: {cells[column]}"


def _when(time: str) -> str:
    """Return a time as xsd:dateTime, which has seconds, also where the source gives none."""
    return time.replace("Z", ":00Z") if time.count(":") == 1 else time


def _style(depth_km: float | None) -> str:
    if depth_km is None:
        return "depth-none"
    return f"depth-{bisect_right(DEPTH_CLASSES_KM, depth_km)}"


def _legend() -> str:
    bounds = [f"{bound:g}" for bound in DEPTH_CLASSES_KM]
    spans = [
        f"under {bounds[0]} km",
        *(f"{low} to {high} km" for low, high in pairwise(bounds)),
        f"{bounds[-1]} km or more",
        "not reported",
    ]
    return ", ".join(f"{colour} {span}" for colour, span in zip(_COLOUR_WORDS, spans, strict=True))


def _colour(hexadecimal: str) -> str:
    """Return #rrggbb as KML has it: opacity, blue, green, red."""
    red, green, blue = hexadecimal[1:3], hexadecimal[3:5], hexadecimal[5:7]
    return f"ff{blue}{green}{red}"


def _is_true(cell: str) -> bool:
    return cell == "true"


def _html(lines: Iterable[str], page: str = "") -> str:
    """Return lines as a description, which viewers show as HTML: our marks, others' as text."""
    text = "<br>".join(map(_escape, lines))
    if page:
        text += f'<br><a href="{_escape(page)}">{_escape(page)}</a>'
    return _escape(text)


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], "\ufffd"), text)
