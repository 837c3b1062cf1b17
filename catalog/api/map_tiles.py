"""The map of a million events: the manifest, its immutable tiles, what changed since, matching ids.

A page takes the manifest once, the tiles it has not yet (a browser keeps them for ever), then every
minute what changed since. It filters by time, size and depth itself; of any other search it asks
for the ids. ``catalog.formats.map_tiles`` tells what the bytes mean.
"""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q, TextField
from django.db.models.functions import Cast, JSONArray
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from numpy.typing import NDArray
from rest_framework.request import Request

from catalog import downloads
from catalog.api.describing import ERRORS, described
from catalog.api.public import (
    LANG,
    NOT_FOR_PAGES,
    PublicView,
    asked_of,
    event_words,
    mistake,
    respond,
    state,
    tag_of,
)
from catalog.api.views import MAP_COLUMNS, map_table
from catalog.formats import map_tiles
from catalog.models import Change, Event, EventRow, MapManifest, MapTile
from catalog.querysets import COUNTED_STATUSES
from catalog.search import EventSearch, Kind, Parameter

BINARY = "application/octet-stream"
FOR_EVER = "public, max-age=31536000, immutable"
#: More events than these are no delta: the tiles of a new manifest are fewer bytes.
CHANGED_MOST = 5000
#: Changes looked at to find them.
CHANGES_MOST = 50_000
MATCHING_MOST = 1_000_000
#: A body this small is not worth packing.
PACKED_FROM_BYTES = 1000

SINCE = Parameter(
    "since", Kind.INTEGER, "answer",
    gettext_lazy("The catalogue's version whose events are known."),
    default="0", minimum=0,
)  # fmt: skip


def takes_gzip(request: Request) -> bool:
    """True if the client takes an answer packed by gzip."""
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _semicolon, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _binary(body: bytes, *, packed: bool) -> HttpResponse:
    response = HttpResponse(body, content_type=BINARY)
    if packed:
        response["Content-Encoding"] = "gzip"
    return response


@described(
    "map_tiles",
    gettext_lazy("The map's tiles"),
    (LANG,),
    "MapTiles",
    tag="map",
)
class TilesView(PublicView):
    """The tiles that hold all events of the catalogue (reviewed and published), newest first.

    `version` is the version of the catalogue they hold; what changed since is told by
    `map/changes.json`. While no tiles are made, it is null and the list is empty. A tile of a
    decade, year or month is named by its content and never changes. Times are milliseconds since
    1970; `end` is not included; `bytes` are those of the unpacked tile.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        manifest = MapManifest.current()
        tiles = [] if manifest is None else manifest.tiles
        version = None if manifest is None else manifest.version
        made_at = None if manifest is None else manifest.made_at
        answer = {
            "format": map_tiles.FORMAT,
            "version": version,
            "count": sum(tile["count"] for tile in tiles),
            "tiles": [
                {
                    "url": reverse("api-map-tile", args=[tile["hash"]]),
                    **{name: tile[name] for name in ("start", "end", "count", "bytes")},
                }
                for tile in tiles
            ],
        }
        return respond(
            request,
            tag_of(version or 0, "map tiles", made_at),
            made_at,
            lambda: JsonResponse(answer),
            version=version,
        )


@described(
    "map_tile",
    gettext_lazy("One tile of the map"),
    (LANG,),
    None,
    path={"tile": "0123456789abcdef0123456789abcdef"},
    tag="map",
    media_types=(BINARY,),
)
class TileView(PublicView):
    """The events of a stretch of time as columns of little-endian numbers, 20 bytes an event.

    Its name is its content, so it may be kept for ever. docs/api.md tells the layout.
    """

    def get(self, request: Request, tile: str) -> HttpResponseBase:
        asked_of(request.GET, (LANG,), events=False)
        packed = takes_gzip(request)
        tag = f'"{tile}{"-gzip" if packed else ""}"'
        found = MapTile.objects.filter(hash=tile) if tile.isprintable() else MapTile.objects.none()
        if downloads.is_known(request, tag):
            known, body = found.exists(), b""
        else:
            stored = found.values_list("body", flat=True).first()
            known, body = stored is not None, bytes(stored or b"")
        if not known:
            raise Http404(_("There is no such tile; the manifest names those of now."))

        def send() -> HttpResponse:
            return _binary(body if packed else gzip.decompress(body), packed=packed)

        response = respond(request, tag, None, send)
        response["Cache-Control"] = FOR_EVER
        return response


@described(
    "map_changes",
    gettext_lazy("What changed on the map since"),
    (SINCE, LANG),
    "MapChanges",
    example="since=800",
    tag="map",
    errors=(*ERRORS, 410),
    special={410: "MapRebuild"},
)
class ChangesView(PublicView):
    """Events that changed after a version of the catalogue, with all that the map knows of them.

    `gone` are ids of events that were merged, deleted, or no longer count. `rows` are the others as
    in `map/events.json`: a row takes the place of the event of its id. Where more than 5,000 events
    changed, or the version is none of this catalogue, the answer is 410 with the code `rebuild`:
    take the manifest anew.
    """

    def get(self, request: Request) -> HttpResponseBase:
        since = asked_of(request.GET, (SINCE, LANG), events=False).words["since"]
        now = state()
        keys = None
        if 0 <= now.version - since <= CHANGES_MOST:
            changed = Change.objects.filter(number__gt=since, number__lte=now.version)
            found = changed.order_by().values_list("event_id", flat=True).distinct()
            keys = list(found[: CHANGED_MOST + 1])
        if keys is None or len(keys) > CHANGED_MOST:
            message = _("Too much has changed since that version; take the tiles of now.")
            return mistake(410, message, more={"code": "rebuild", "version": now.version})
        return respond(
            request,
            tag_of(now.version, "map changes", since),
            now.changed_at,
            lambda: HttpResponse(
                self.body(keys, now.version),
                content_type="application/json",
            ),
            version=now.version,
        )

    def body(self, keys: list[int], version: int) -> str:
        """Return the answer."""
        counted = Q(pk__in=keys, status__in=COUNTED_STATUSES)
        rows = list(
            EventRow.objects.filter(counted)
            .order_by(F("time").desc(), F("event_id").desc())
            .values_list(Cast(JSONArray(*MAP_COLUMNS.values()), TextField()), flat=True)
        )
        gone = list(
            Event.objects.filter(pk__in=keys)
            .exclude(row__in=EventRow.objects.filter(counted))
            .order_by("pk")
            .values_list("public_id", flat=True)
        )
        return map_table(MAP_COLUMNS, rows, version=version, gone=gone)


@described(
    "map_matching",
    gettext_lazy("Ids of the events of a search, packed"),
    (*event_words("orderby", *NOT_FOR_PAGES), LANG),
    None,
    example="agency=SOME&minkr=9",
    tag="map",
    media_types=(BINARY,),
)
class MatchingView(PublicView):
    """The ids of a search that a page cannot answer from the tiles it has, 6 bytes an event.

    At most a million; `truncated` in the header says that there are more.
    """

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(request.GET, (LANG,), not_here=("orderby", *NOT_FOR_PAGES))
        now = state()
        packed = takes_gzip(request)
        return respond(
            request,
            downloads.etag(now.version, asked.search, "matching", "gzip" if packed else ""),
            now.changed_at,
            lambda: self.body(asked.search, now.version, packed),
            version=now.version,
        )

    def body(self, search: EventSearch, version: int, packed: bool) -> HttpResponse:
        ids = matching(search, MATCHING_MOST + 1)
        truncated = len(ids) > MATCHING_MOST
        if truncated:
            ids = ids[:MATCHING_MOST]
        body = map_tiles.encode_matching(ids, version, truncated=truncated)
        packed = packed and len(body) >= PACKED_FROM_BYTES
        return _binary(gzip.compress(body, 1, mtime=0) if packed else body, packed=packed)


def matching(search: EventSearch, most: int) -> NDArray[Any]:
    """Return the public ids of a search in no order, shape (n_events,): texts, or such bytes.

    The database joins them: a million rows, sent one by one, take longer than they take to find.
    """
    rows = search.matching().order_by().values_list("public_id")[:most]
    try:
        statement, parameters = rows.query.get_compiler("default").as_sql()
    except EmptyResultSet:
        return np.zeros(0, "U20")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT string_agg(public_id, E'\\n') FROM ({statement}) found",  # noqa: S608
            parameters,
        )
        text: str = cursor.fetchone()[0] or ""
    # Nearly all ids have one length: then the lines lie as they came under an array.
    width = text.find("\n") + 1
    if width > 1 and not (len(text) + 1) % width and text.isascii():
        letters = np.frombuffer(f"{text}\n".encode(), "u1").reshape(-1, width)
        ends = letters == ord("\n")
        if ends[:, -1].all() and ends.sum() == len(letters):
            return np.ascontiguousarray(letters[:, :-1]).view(f"S{width - 1}").ravel()
    return np.array(text.split("\n") if text else [], "U20")
