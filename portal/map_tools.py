"""What the map's tools and layers need: addresses, numbers, words; the operator's fault file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_safe

from catalog.downloads import is_known
from catalog.models import FeedCounter
from portal import citing
from portal.mechanism_words import STYLES
from processing.core.preference import PreferenceRules

STATION_IN_ADDRESS = "STATION"
#: Whose stations keep their colours whatever else is loaded.
LEADING_AGENCIES = ("SOME", "KNDC")
#: A fault file larger than this the browser would refuse (static/js/map/layers/own_geojson.js).
MOST_FAULT_BYTES = 10 * 1024 * 1024


def tools_config() -> dict[str, Any]:
    """Return addresses and numbers of the map's tools, as JSON in the page."""
    faults = settings.ACTIVE_FAULTS_FILE
    with override("en"):
        cite = reverse("cite").removeprefix("/en")
    frame = next(area for area in PreferenceRules().areas if area.name == "northern-tien-shan")
    return {
        "geodesicUrl": static("vendor/geographiclib-geodesic/geographiclib-geodesic.min.js"),
        "stationsUrl": reverse("api-map-stations"),
        "mechanismsUrl": reverse("api-map-mechanisms"),
        "intensitiesUrl": reverse("api-map-intensities"),
        "placesUrl": reverse("api-map-places"),
        "stationUrl": reverse("station", args=[STATION_IN_ADDRESS]),
        "faultsUrl": reverse("map-faults") if faults else "",
        "faultsCredit": settings.ACTIVE_FAULTS_CREDIT if faults else "",
        "agencies": LEADING_AGENCIES,
        "northernTienShan": {
            "south": frame.minlatitude,
            "north": frame.maxlatitude,
            "west": frame.minlongitude,
            "east": frame.maxlongitude,
        },
        "citation": {"path": cite, "text": _citation()},
        "version": FeedCounter.current(),
    }


def _citation() -> str:
    """Return the reference with places for year, version, address and date."""
    return _(
        "%(author)s (%(year)s). %(title)s. Version %(version)s. %(address)s (accessed %(date)s)."
    ) % {
        "author": citing.author(),
        "title": _("Earthquake catalogue of Kazakhstan"),
        "year": "%(year)s",
        "version": "%(version)s",
        "address": "%(address)s",
        "date": "%(date)s",
    }


@require_safe
def faults(request: HttpRequest) -> HttpResponseBase:
    """Serve the active faults the operator has loaded: ``ACTIVE_FAULTS_FILE``, GeoJSON."""
    path = Path(settings.ACTIVE_FAULTS_FILE) if settings.ACTIVE_FAULTS_FILE else None
    try:
        found = path.stat() if path else None
    except OSError:
        found = None
    if path is None or found is None or found.st_size > MOST_FAULT_BYTES:
        text = _("No file of active faults is loaded on this server.")
        return JsonResponse({"error": text, "problems": []}, status=404)
    etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
    response: HttpResponseBase
    if is_known(request, etag):
        response = HttpResponse(status=304)
    else:
        response = FileResponse(path.open("rb"), content_type="application/geo+json")
    response["ETag"] = etag
    response["Last-Modified"] = http_date(found.st_mtime)
    response["Cache-Control"] = "no-cache"
    return response


def tools_words() -> dict[str, Any]:
    """Return every text of the tools and layers, in the reader's language."""
    return {
        "tools": _("Map tools"),
        "close": _("Close"),
        "retry": _("Try again"),
        # Area of search
        "area": _("Select an area"),
        "box": _("Box"),
        "circle": _("Circle"),
        "polygon": _("Polygon"),
        "drawHint": _(
            "Draw on the map, or give the numbers below. Events are then searched inside."
        ),
        "drawing": {
            "box": _(
                "Drag over the map, or click two opposite corners. "
                "By keyboard: arrows move the map under the cross, Enter sets a corner, Escape "
                "stops."
            ),
            "circle": _(
                "Drag from the centre outwards, or click the centre and a point of the rim. "
                "By keyboard: arrows move the map under the cross, Enter sets a point, Escape "
                "stops."
            ),
            "polygon": _(
                "Click corner after corner; click the first one again or press Finish. By "
                "keyboard: "
                "arrows move the map under the cross, Enter sets a corner, Backspace takes it back."
            ),
        },
        "second": {
            "box": _("Now the opposite corner."),
            "circle": _("Now a point of the rim. Radius:"),
        },
        "cornersSoFar": _("Corners: %(n)s"),
        "finish": _("Finish"),
        "byNumbers": _("By numbers"),
        "useNumbers": _("Search here"),
        "north": _("North, °"),
        "south": _("South, °"),
        "west": _("West, °"),
        "east": _("East, °"),
        "latitude": _("Latitude, °"),
        "longitude": _("Longitude, °"),
        "radius": _("Radius, km"),
        "corners": _("Corners: longitude latitude, longitude latitude, …"),
        "removeArea": _("Remove the area"),
        "areaFaults": {
            "notAnArea": _("Give every value as a number."),
            "outside": _("Latitude goes from −90 to 90, longitude from −180 to 360."),
            "southAboveNorth": _("The southern edge lies north of the northern one."),
            "tooSmall": _("This area is too small."),
            "tooWide": _("A radius is at most 20,004 km."),
            "fewCorners": _(
                "A polygon has at least three corners: longitude and latitude of each."
            ),
            "manyCorners": _("A polygon has at most 1000 corners."),
            "crossesItself": _("The polygon crosses itself. Draw it so that no two sides meet."),
        },
        "geodesicFailed": _("The module that computes distances could not be loaded. Try again."),
        # Measure
        "measure": _("Measure a distance"),
        "measureHint": _(
            "Click points on the map: distance and azimuth along the shortest line on the "
            "ellipsoid "
            "(WGS84). By keyboard: arrows move the map under the cross, Enter sets a point, "
            "Backspace takes it back, Escape stops."
        ),
        "addPoint": _("A point by its coordinates"),
        "add": _("Add"),
        "notCoordinates": _("This is not a pair of coordinates, for example 43.25 76.95"),
        "leg": _("Leg"),
        "distance": _("Distance"),
        "azimuth": _("Azimuth"),
        "total": _("In all:"),
        "undo": _("Take the last point back"),
        "clear": _("Clear"),
        "manyPoints": _("At most 50 points."),
        # Place search
        "findPlace": _("Find a place, coordinates or an event"),
        "findPlaceShort": _("Place, 43.2 76.9, event"),
        "removePin": _("Clear the place"),
        "eventOption": _("Event %(id)s"),
        "coordinates": _("Coordinates"),
        "centre": _("Middle of the map:"),
        "people": _("%(n)s people"),
        "noPlace": _("No such settlement. Coordinates such as 43.2 76.9 work too."),
        "placesFailed": _(
            "Places could not be looked up. Coordinates such as 43.2 76.9 still work."
        ),
        "noEvent": _("There is no event %(id)s."),
        # Own file
        "own": _("My own GeoJSON"),
        "ownHint": _(
            "Choose a GeoJSON file or drop it on the map. It is read by your browser only "
            "and stays "
            "on your device; it is gone when you leave the page."
        ),
        "chooseFile": _("GeoJSON file, at most 10 MB"),
        "ownShown": _("%(name)s: features shown: %(n)s"),
        "goThere": _("Go there"),
        "removeFile": _("Remove the file"),
        "noProperties": _("This feature has no properties."),
        "ownFaults": {
            "tooLarge": _("The file is larger than %(most)s MB."),
            "notReadable": _("The file could not be read."),
            "notJson": _("This is not JSON: %(found)s"),
            "notGeoJson": _(
                "This is JSON but not GeoJSON: type “%(found)s” instead of FeatureCollection."
            ),
            "noFeatures": _("The file holds no feature with a geometry."),
            "manyFeatures": _("The file holds more than %(most)s features."),
            "manyPositions": _("The file holds more than %(most)s positions."),
            "badGeometry": _("Feature %(number)s: geometry “%(found)s” cannot be read."),
            "badPosition": _(
                "Feature %(number)s: position %(found)s is not longitude and latitude in degrees."
            ),
        },
        # Pictures
        "picture": _("Save or print the map"),
        "pictureHint": _(
            "The picture holds the map as you see it with title, search, scale, legend and "
            "citation."
        ),
        "png": _("Save as PNG"),
        "svg": _("Save as SVG"),
        "print": _("Print on one page"),
        "svgLimit": _(
            "SVG keeps symbols, lines and names as vectors, epicentres if there are at most "
            "%(n)s in "
            "view; the relief is a picture."
        ),
        "svgCrowded": _(
            "Saved. %(n)s epicentres are too many for vectors: they are a picture in the SVG."
        ),
        "making": _("Drawing the picture…"),
        "saved": _("Saved."),
        "pictureFailed": _("The picture could not be made. A smaller window may help."),
        "pictureTitle": _("Earthquakes of Kazakhstan"),
        "pictureCount": _("Events: %(n)s; in this view: %(m)s."),
        "pictureDate": _("Made on %(date)s."),
        "narrowed": _(
            "Only a part of them is drawn: the map's legend or time window leaves others out."
        ),
        "selection": _("Selection: %(words)s."),
        "wholeCatalogue": _("The whole catalogue."),
        "credits": _(
            "Map: Natural Earth, shaded relief by Tom Patterson (public domain); "
            "settlements: GeoNames "
            "(CC BY 4.0). Solutions belong to the agencies named with them."
        ),
        "size": _("Energy class KR"),
        "depth": _("Depth"),
        "sizeUnknown": _("size not known"),
        # Full screen
        "fullScreen": _("Full screen"),
        "leaveFullScreen": _("Leave full screen"),
        # Layers
        "layers": {
            "density": _("Number of events per cell"),
            "mechanisms": _("Focal mechanisms"),
            "intensities": _("Intensities where it was felt"),
            "stations": _("Seismic stations"),
            "northern-tien-shan": _("Northern Tien Shan frame"),
            "graticule": _("Grid of coordinates"),
            "faults": _("Active faults"),
            "own": _("My own GeoJSON"),
        },
        "layerFailed": _("“%(layer)s” could not be loaded."),
        "faultsMissing": _("Active faults (not loaded)"),
        "faultsMissingLong": _(
            "No file of active faults is loaded on this server. Your own GeoJSON can be "
            "shown with the "
            "map tools."
        ),
        "northernTienShan": _("Northern Tien Shan"),
        "noRoom": _("%(n)s more find no room here: zoom in."),
        "noRoomPlaces": _("%(n)s more places find no room: zoom in."),
        "andMore": _("and %(n)s more"),
        "style": _("Faulting style"),
        "styles": {code: str(words) for code, words in STYLES.items()},
        "synthetic": _("synthetic example, not real"),
        "planes": _("Strike / dip / rake"),
        "author": _("Author"),
        "degree": _("degree %(roman)s"),
        "felt": _("felt by people"),
        "notFelt": _("not felt"),
        "calculated": _("calculated"),
        "elevation": _("Elevation %(metres)s m"),
        "stationPage": _("All about this station"),
        "syntheticStation": _("Invented for the example; nothing stands there."),
        "otherAgencies": _("other agencies"),
        "closedStation": _("closed"),
        "array": _("array"),
        "kinds": {
            "three-component": _("three-component station"),
            "array": _("array"),
            "array element": _("array element"),
        },
        "densityCell": _("Events in cells of"),
    }
