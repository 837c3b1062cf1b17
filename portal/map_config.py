"""What the scripts of every page with a map need: settings, addresses, words."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from catalog.formats.values import DEPTH_CLASSES_KM
from catalog.search import BY_WORD, PAGE
from portal.search_labels import field_label
from portal.templatetags import seismo

LIST_LENGTH = 100
#: Words of the map's address that are not search words (static/js/url_state.js); tools add theirs.
MAP_WORDS = (
    "map", "inview", "sort", "selected", "window", "depths", "classes", "layers",
)  # fmt: skip
EVENT_IN_ADDRESS = "EVENT"


def map_config() -> dict[str, Any]:
    """What the map's script needs, as JSON in the page."""
    language = (get_language() or "en")[:2]
    return {
        "language": language,
        "decimal": "." if language == "en" else ",",
        "eventsUrl": reverse("api-map-events"),
        "tilesUrl": reverse("api-map-tiles"),
        "changesUrl": reverse("api-map-changes"),
        "matchingUrl": reverse("api-map-matching"),
        "searchWords": sorted(word for word, known in BY_WORD.items() if PAGE in known.surfaces),
        "eventUrl": reverse("event", args=[EVENT_IN_ADDRESS]),
        "basemapUrl": static("geo/basemap.json"),
        "namesUrl": static(f"geo/names-{language}.json"),
        "reliefUrl": static("geo/relief.webp"),
        "reliefBounds": [[37, 44], [58, 90]],
        "worldUrl": static("vendor/world-atlas/land-110m.json"),
        "center": settings.LEAFLET_CONFIG["DEFAULT_CENTER"],
        "zoom": settings.LEAFLET_CONFIG["DEFAULT_ZOOM"],
        "minZoom": settings.LEAFLET_CONFIG["MIN_ZOOM"],
        "maxZoom": settings.LEAFLET_CONFIG["MAX_ZOOM"],
        "onlineTiles": settings.ONLINE_TILES_URL,
        "refreshSeconds": 60,
        "listLength": LIST_LENGTH,
        "offsets": seismo.almaty_offsets(),
        "depthBounds": DEPTH_CLASSES_KM,
    }


def map_words() -> dict[str, Any]:
    """Every text the scripts write, in the reader's language."""
    return {
        "depth": seismo.depth_class_labels(),
        "depthOf": _("depth %(depth)s"),
        "depthUnknown": _("depth not reported"),
        "km": seismo.kilometres(0).split("\u00a0")[-1],
        "north": seismo.latitude(1).split("\u00a0")[-1],
        "south": seismo.latitude(-1).split("\u00a0")[-1],
        "east": seismo.longitude(1).split("\u00a0")[-1],
        "west": seismo.longitude(-1).split("\u00a0")[-1],
        "sizes": [seismo.size_words(m) for m in (1.0, 3.0, 4.5, 5.5, 6.5, 7.5, 8.5)],
        "sizeUnknown": seismo.size_words(None),
        "labels": {
            word: field_label(known) for word, known in BY_WORD.items() if PAGE in known.surfaces
        },
        "felt": _("felt"),
        "feltIntensity": _("felt, intensity up to %(intensity)s"),
        "synthetic": _("synthetic"),
        "syntheticLong": _("Synthetic example event, not a real earthquake"),
        "agencies": _("Reported by"),
        "almaty": _("in Almaty"),
        "minute": seismo.uncertainty(30, "s"),
        "details": _("All about this event"),
        "shown": _("%(shown)s of %(count)s events"),
        "oneAndMore": _("More than %(count)s events; the newest are shown"),
        "none": _("No events match."),
        "noneInView": _("No events in this part of the map."),
        "loading": _("Loading events…"),
        "slow": _("This takes longer than usual. The list shows what has arrived."),
        "failed": _("Events could not be loaded. The list shows what the page came with."),
        "updated": _("Updated"),
        "unknownWords": _("This address holds words this map does not know: %(words)s."),
        "thinned": _("This browser draws without WebGL: %(count)s smaller events are left out."),
        "moreHere": _("%(count)s more here"),
        "oneOfHere": _("%(number)s of %(count)s here"),
        "epicentres": _("Epicentres"),
        "layerGroups": {
            "quakes": _("Earthquakes"),
            "network": _("Network and observations"),
            "base": _("Background"),
            "own": _("Your own data"),
        },
        "layerFailed": _("The layer could not be loaded: %(layer)s."),
        "play": _("Play"),
        "pause": _("Pause"),
        # Numbers only: the same in every language.
        "timelineWindow": "%(from)s – %(until)s: %(count)s",
        "timelineScale": _("tallest bar: %(most)s; line: %(count)s in all"),
        "newData": _("The catalogue has changed; the map was updated."),
        "mapLabel": _("Map of epicentres. The list beside it holds the same events."),
        "zoomIn": _("Zoom in"),
        "zoomOut": _("Zoom out"),
        "home": _("Whole country"),
        "relief": _("Relief"),
        "places": _("Place names"),
        "oblasts": _("Regions"),
        "borders": _("Borders"),
        "layers": _("Layers"),
        "close": _("Close"),
        "preferred": _("preferred"),
        # What a person has looked at needs no word.
        "statuses": {
            "automatic": _("automatic, not reviewed"),
            "not-confirmed": _("automatic, not confirmed"),
        },
        "types": {
            code: seismo.event_type_words(code)
            for code in (
                "explosion",
                "quarry blast",
                "nuclear explosion",
                "chemical explosion",
                "mining explosion",
                "induced or triggered event",
                "rock burst",
                "collapse",
                "mine collapse",
            )
        },
    }
