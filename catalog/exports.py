"""What an export can be: its formats, how each is written, what may be wrong with it.

All formats of the downloads, written by the same writers, and GeoPackage, which is a database and
therefore only whole: a stream cannot have it. Each writer here also tells how many events it has
written.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db.models.functions import Coalesce
from django.http import HttpRequest, QueryDict
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog import downloads, rendering
from catalog.downloads import ALIAS, Writer
from catalog.formats import geopackage
from catalog.formats.geopackage import Kind, Layer, Package, Point
from catalog.formats.labels import SYNTHETIC
from catalog.models import Export, FeedCounter, FocalMechanism, IntensityObservation
from catalog.scales import SCALES
from catalog.search import API, BY_WORD, EventSearch
from catalog.search import Kind as WordKind

#: Told how many events have been written so far.
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of exports: its name, and how its events are counted while it is written."""

    name: str | Promise
    #: Stands once in the bytes of each event.
    mark: bytes = b""
    counts_itself: bool = False

    @property
    def is_counted(self) -> bool:
        """False for the year book's tables, which hold some of the events only."""
        return bool(self.mark) or self.counts_itself


_YEAR_BOOK = {
    "catalogue": _("Year book: catalogue"),
    "mechanisms": _("Year book: focal mechanisms"),
    "intensity": _("Year book: felt effects"),
}

FORMATS: dict[str, Format] = {
    "csv": Format("CSV", b"\n"),
    "gpkg": Format("GeoPackage", counts_itself=True),
    "quakeml": Format("QuakeML 1.2", b"<event "),
    "geojson": Format("GeoJSON", b"\n"),
    "kml": Format("KML 2.2", b"<Placemark"),
    "text": Format(_("FDSN text"), b"\n"),
    "ndk": Format("NDK", b"CENTROID:"),
    **{
        f"year-book-{table}.{suffix}": Format(format_lazy("{} ({})", name, suffix.upper()))
        for table, name in _YEAR_BOOK.items()
        for suffix in ("csv", "xlsx")
    },
}


# --- What is wrong -----------------------------------------------------------------------------

PROBLEMS: dict[str, str | Promise] = {
    # Of an export that failed.
    "too-large": _(
        "The file would be larger than %(limit)s bytes. Ask for a shorter span of time, or for "
        "less of each event."
    ),
    "too-many": _(
        "A year book table holds at most %(most)s events. Ask for a shorter span of time, or for "
        "another format."
    ),
    "no-room": _(
        "There is no room for the file: the exports that are kept take all the space there is "
        "for them. Try again tomorrow, or download the search directly."
    ),
    "work-parked": _(
        "Making the file failed several times. The staff can see why; asking again may help."
    ),
    # Of one that cannot be asked for.
    "unknown-format": _("“%(found)s” is not a format of exports. Expected: %(expected)s."),
    "not-an-object": _("The body must be a JSON object of search words and “format”."),
    "too-many-of-address": _(
        "%(most)s exports asked for from your address are not ready yet. Wait for one of them."
    ),
    "too-many-in-all": _("%(most)s exports wait already. Try again in a moment."),
    "too-much-of-address": _(
        "The exports asked for from your address today take their share of the space. Try again "
        "tomorrow, or download the search directly."
    ),
    "expired": _("The file was kept until %(at)s. Ask for it again."),
}


def sentence(code: str, values: dict[str, Any]) -> str:
    """Return what a problem says, in the language now active."""
    return str(PROBLEMS.get(code, code)) % values


# --- The search --------------------------------------------------------------------------------


def search_of(query: QueryDict, *, ignore: Iterable[str] = ()) -> EventSearch:
    """Read a search from a form: fields left blank are not given, ticks of one name are a list.

    Raises
    ------
    SearchError
        With every problem found.
    """
    given = QueryDict(mutable=True)
    left_out = set(ignore)
    for word in query:
        if word in left_out:
            continue
        texts = [text for text in query.getlist(word) if text.strip()]
        parameter = BY_WORD.get(word.lower())
        if parameter is not None and parameter.kind in (WordKind.CHOICES, WordKind.TEXTS) and texts:
            texts = [",".join(texts)]
        if texts:
            given.setlist(word, texts)
    return EventSearch.from_query(given, API)


def search_in(export: Export) -> EventSearch:
    """Return the search an export is of."""
    return EventSearch.from_query(QueryDict(export.search), API)


def key_of(search: str, format: str, language: str, site: str) -> str:
    """Return what is the same for two exports whose files differ by the catalogue's version only.

    A new renderer writes another file, too.
    """
    parts = (search, format, language, site, rendering.RENDERER_VERSION, geopackage.VERSION)
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


# --- The writers -------------------------------------------------------------------------------


class _Site(HttpRequest):
    """Stands for the request, whose host the links of KML lead to, when a worker writes it."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def build_absolute_uri(self, location: str | None = None) -> str:
        return urljoin(self._address, location or "")


def writer_of(export: Export, told: Told, max_bytes: int) -> Writer:
    """Return the writer of an export.

    Parameters
    ----------
    told
        Called with the number of events written, after each batch.
    max_bytes
        A GeoPackage grows no larger on the disk.
    """
    code = export.format
    if code == "gpkg":
        return _geopackage_writer(told, max_bytes)
    if code in downloads.YEAR_BOOK_FORMATS:
        return downloads.year_book_writer(code, export.language)
    writer = downloads.writer_of(downloads.FORMATS[code], _Site(export.site))
    return _counting(writer, FORMATS[code].mark, told)


def _counting(writer: Writer, mark: bytes, told: Told) -> Writer:
    def events(search: EventSearch) -> Generator[bytes, None, None]:
        done = 0
        with closing(writer.events(search)) as batches:
            for batch in batches:  # of whole events: no mark is cut
                done += batch.count(mark)
                yield batch
                told(done)

    return replace(writer, events=events)


class TooLarge(Exception):
    """The file has grown beyond what a file may have."""


# --- GeoPackage --------------------------------------------------------------------------------

#: Rows of a layer that are written together.
LAYER_ROWS = 5000

#: Columns of the wide table that are no text.
_KINDS: dict[str, Kind] = {
    "time": Kind.DATETIME,
    **dict.fromkeys(
        (
            "time_uncertainty_s", "latitude", "longitude", "depth_km", "depth_uncertainty_km",
            "horizontal_uncertainty_km", *SCALES, "magnitude", "azimuthal_gap", "standard_error_s",
            "nearest_station_deg", "max_intensity",
        ),
        Kind.REAL,
    ),
    **dict.fromkeys(("stations", "phases"), Kind.INTEGER),
    **dict.fromkeys(("felt", "mechanism", "synthetic"), Kind.BOOLEAN),
}  # fmt: skip
_WIDE = tuple(rendering.CSV_COLUMNS)

#: The wide table; ``time_as_told`` has no seconds where the source gives none.
EVENTS = Layer(
    "events",
    "Events",
    {**{name: _KINDS.get(name, Kind.TEXT) for name in _WIDE}, "time_as_told": Kind.TEXT},
)

_MECHANISM_NUMBERS = (
    "strike_1", "dip_1", "rake_1", "strike_2", "dip_2", "rake_2", "t_azimuth", "t_plunge",
    "n_azimuth", "n_plunge", "p_azimuth", "p_plunge", "scalar_moment", "mrr", "mtt", "mpp", "mrt",
    "mrp", "mtp", "double_couple", "clvd", "azimuthal_gap", "misfit",
)  # fmt: skip
#: Degrees; tensor N m in the frame r, t, p. At the preferred epicentre of the event.
MECHANISMS = Layer(
    "focal_mechanisms",
    "Focal mechanisms",
    {
        "event_id": Kind.TEXT,
        "author": Kind.TEXT,
        **dict.fromkeys(_MECHANISM_NUMBERS, Kind.REAL),
        "preferred_plane": Kind.INTEGER,
        "polarities": Kind.INTEGER,
        "quality": Kind.TEXT,
        "preferred": Kind.BOOLEAN,
        "synthetic": Kind.BOOLEAN,
    },
)

#: Where it was felt: at the place; a place of unknown coordinates has none here, either.
INTENSITIES = Layer(
    "intensities",
    "Intensities observed in places",
    {
        "event_id": Kind.TEXT,
        "author": Kind.TEXT,
        "place": Kind.TEXT,
        "settlement": Kind.TEXT,
        "minimum": Kind.REAL,
        "maximum": Kind.REAL,
        "best": Kind.REAL,
        "felt": Kind.BOOLEAN,
        "scale": Kind.TEXT,
        "distance_km": Kind.REAL,
        "calculated": Kind.BOOLEAN,
        "source": Kind.TEXT,
        "synthetic": Kind.BOOLEAN,
    },
)

ABOUT = Layer("about", "About this file", {"name": Kind.TEXT, "value": Kind.TEXT}, has_points=False)


def _geopackage_writer(told: Told, max_bytes: int) -> Writer:
    def events(search: EventSearch) -> Generator[bytes, None, None]:
        folder = Path(settings.DATA_DIR) / "exports"
        # One export is written at a time: what lies there is of a worker that was killed.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            path = folder / "events.gpkg"
            _fill(Package(path, _about(search)), search, told, max_bytes)
            with path.open("rb") as stream:
                while batch := stream.read(downloads.BATCH_BYTES):
                    yield batch
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return Writer(geopackage.MEDIA_TYPE, "gpkg", events)


def _about(search: EventSearch) -> dict[str, str]:
    """Return what the file says of itself; in English, as its columns are."""
    version = FeedCounter.objects.using(ALIAS).values_list("value", flat=True).get(pk=1)
    return {
        "title": f"Earthquakes ({rendering.main_catalog()})",
        "catalogue_version": str(version),
        "search": search.to_query() or "all events",
        "written_at": rendering.time_text(now().replace(microsecond=0)) + "Z",
        "columns": (
            "Those of the wide table (CSV). NULL: not reported. KR is an energy class, MPVA a "
            "magnitude of its own; neither is ever the column magnitude. Depth in km below sea "
            "level, times UTC."
        ),
        "terms": (
            "What an agency reported keeps that agency's terms: see the portal's page Data "
            "sources. Cite the agencies in the columns author and contributor, and this "
            "catalogue with its version."
        ),
        "synthetic": f"Rows with synthetic = 1 are invented: {SYNTHETIC}.",
        "renderer": f"{rendering.RENDERER_VERSION}, {geopackage.VERSION}",
    }


#: Values and place of one row of a layer.
Rows = Generator[tuple[tuple[Any, ...], Point | None], None, None]


def _fill(package: Package, search: EventSearch, told: Told, max_bytes: int) -> None:
    def write(layer: Layer, rows: Rows) -> Iterator[int]:
        begun = False
        while (batch := list(islice(rows, LAYER_ROWS))) or not begun:  # empty: a layer all the same
            begun = True
            package.append(layer, [values for values, _p in batch], [p for _v, p in batch])
            if package.path.stat().st_size > max_bytes:
                raise TooLarge
            yield len(batch)

    done = 0
    with closing(_event_rows(search)) as rows:
        for written in write(EVENTS, rows):
            done += written
            told(done)
    for layer, more in ((MECHANISMS, _mechanism_rows), (INTENSITIES, _intensity_rows)):
        with closing(more(search)) as others:
            for _written in write(layer, others):
                told(done)
    package.append(ABOUT, list(package.about.items()))


def _event_rows(search: EventSearch) -> Rows:
    """Yield the finished lines of the wide table, typed: both tell the same of an event."""
    with closing(downloads.WRITERS["csv"].events(search)) as batches:
        for batch in batches:
            # No other line ends: the lines hold no control character.
            for cells in csv.reader(batch.decode().removesuffix("\n").split("\n")):
                row = dict(zip(_WIDE, cells, strict=True))
                values = tuple(_typed(_KINDS.get(name), cell) for name, cell in row.items())
                yield (*values, row["time"]), (float(row["longitude"]), float(row["latitude"]))


def _typed(kind: Kind | None, cell: str) -> Any:
    """Return the value of a cell; an empty one is not reported."""
    if not cell:
        return None
    match kind:
        case Kind.REAL:
            return float(cell)
        case Kind.INTEGER:
            return int(cell)
        case Kind.BOOLEAN:
            return cell == "true"
        case Kind.DATETIME:
            return datetime.fromisoformat(cell)
        case _:
            return rendering.unguarded(cell)


def _mechanism_rows(search: EventSearch) -> Rows:
    columns = (
        "event__public_id", "agency__code", *_MECHANISM_NUMBERS, "preferred_plane",
        "station_polarity_count", "quality",
    )  # fmt: skip
    found = (
        FocalMechanism.objects.using(ALIAS)
        .filter(superseded_at=None, event__in=search.queryset().values("event_id"))
        .order_by("-event__row__time", "event", "pk")
        .values_list(
            *columns, "pk", "event__preferred_focal_mechanism", "event__row__synthetic",
            "event__row__longitude", "event__row__latitude",
        )
    )  # fmt: skip
    solutions: Any = found.iterator(LAYER_ROWS)
    with closing(solutions) as rows:
        for *values, key, preferred, synthetic, longitude, latitude in rows:
            said = tuple(None if value == "" else value for value in values)
            yield (*said, key == preferred, synthetic), (longitude, latitude)


def _intensity_rows(search: EventSearch) -> Rows:
    found = (
        IntensityObservation.objects.using(ALIAS)
        .filter(superseded_at=None, event__in=search.queryset().values("event_id"))
        .annotate(at=Coalesce("point", "settlement__point"))
        .order_by("-event__row__time", "event", "pk")
        .values_list(
            "event__public_id", "agency__code", "place", "settlement__name_en", "minimum",
            "maximum", "best", "felt", "scale", "distance_km", "calculated", "source",
            "event__row__synthetic", "at",
        )
    )  # fmt: skip
    observations: Any = found.iterator(LAYER_ROWS)
    with closing(observations) as rows:
        for *values, at in rows:
            said = tuple(None if value == "" else value for value in values)
            yield said, None if at is None else (at.x, at.y)
