"""What the words of a search are called: beside fields, on the map, above statistics."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.scales import SCALES
from catalog.search import BY_WORD, EventSearch, Parameter

#: A short label in words for a search word.
_LABELS: dict[str, str | Promise] = {
    "starttime": gettext_lazy("From (UTC)"),
    "endtime": gettext_lazy("Until (UTC)"),
    "updatedafter": gettext_lazy("Changed after"),
    "minlatitude": gettext_lazy("Latitude from"),
    "maxlatitude": gettext_lazy("Latitude to"),
    "minlongitude": gettext_lazy("Longitude from"),
    "maxlongitude": gettext_lazy("Longitude to"),
    "latitude": gettext_lazy("Centre latitude"),
    "longitude": gettext_lazy("Centre longitude"),
    "settlement": gettext_lazy("Settlement as the centre"),
    "minradius": gettext_lazy("Radius from, degrees"),
    "maxradius": gettext_lazy("Radius to, degrees"),
    "minradiuskm": gettext_lazy("Radius from, km"),
    "maxradiuskm": gettext_lazy("Radius to, km"),
    "polygon": gettext_lazy("Polygon"),
    "mindepth": gettext_lazy("Depth from, km"),
    "maxdepth": gettext_lazy("Depth to, km"),
    "minmagnitude": gettext_lazy("Magnitude from"),
    "maxmagnitude": gettext_lazy("Magnitude to"),
    "magnitudetype": gettext_lazy("Magnitude scale"),
    "felt": gettext_lazy("Felt"),
    "minintensity": gettext_lazy("Intensity from"),
    "minfelt": gettext_lazy("Reports of the public, at least"),
    "mincdi": gettext_lazy("Community intensity from"),
    "maxcdi": gettext_lazy("Community intensity to"),
    "eventtype": gettext_lazy("Event type"),
    "agency": gettext_lazy("Agency"),
    "catalog": gettext_lazy("Part of the catalogue"),
    "contributor": gettext_lazy("Preferred agency"),
    "status": gettext_lazy("Status"),
    "synthetic": gettext_lazy("Synthetic events"),
    "hasmechanism": gettext_lazy("Focal mechanism"),
    "faultingstyle": gettext_lazy("Faulting style"),
    "mingap": gettext_lazy("Gap from, degrees"),
    "maxgap": gettext_lazy("Gap to, degrees"),
    "minstations": gettext_lazy("Stations, at least"),
    "eventid": gettext_lazy("Event ids"),
    "orderby": gettext_lazy("Order"),
    "limit": gettext_lazy("Events a page"),
}
#: What the two ends of a range are of, by the word of the first.
_RANGE_LABELS: dict[str, str | Promise] = {
    "starttime": gettext_lazy("Origin time, UTC"),
    "minlatitude": gettext_lazy("Latitude, degrees"),
    "minlongitude": gettext_lazy("Longitude, degrees"),
    "latitude": gettext_lazy("Centre of a circle: latitude, longitude"),
    "minradius": gettext_lazy("Distance from the centre, degrees"),
    "minradiuskm": gettext_lazy("Distance from the centre, km"),
    "mindepth": gettext_lazy("Depth, km"),
    "minmagnitude": gettext_lazy("Magnitude"),
    "minkr": gettext_lazy("Energy class KR"),
    "mincdi": gettext_lazy("Community intensity"),
    "mingap": gettext_lazy("Azimuthal gap, degrees"),
}
_SCALE_OF = {scale.lower(): scale for scale in SCALES}


def range_label(parameter: Parameter) -> str:
    """Say what the two ends of a range are of."""
    end = parameter.name[3:]
    return str(_RANGE_LABELS.get(parameter.name) or _SCALE_OF.get(end, end))


def field_label(parameter: Parameter) -> str:
    """A short label in words for a search word; the word itself where there is none."""
    if parameter.name in _LABELS:
        return str(_LABELS[parameter.name])
    scale = _SCALE_OF.get(parameter.name[3:])
    if scale is None:
        return parameter.name
    text = _("%(scale)s from") if parameter.name.startswith("min") else _("%(scale)s to")
    return text % {"scale": scale}


def told(search: EventSearch) -> list[tuple[str, str]]:
    """Return what a search asks for: label and value, in the order of its words."""
    words = search.words(without=("orderby", "limit", "offset"))
    return [(field_label(BY_WORD[word]), value) for word, value in words.items()]
