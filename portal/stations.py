"""The public pages of stations: all of them on a map and in a table, and what each has read.

A station is (network or agency, code, epoch). A page is one code's; where several networks or
agencies have it, the page asks which is meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.downloads import TooLong
from catalog.models import Arrival, Pick, Station, StationAlias
from portal.map_config import map_config, map_words
from portal.plots import Path, Plot, Tick
from portal.templatetags import seismo
from portal.time_limits import within

PAGE_LENGTH = 200
#: A map with more of them would say nothing.
MOST_ON_MAP = 1500
#: Residuals shown are those of so many readings, the newest.
MOST_READINGS = 5000
READINGS_LISTED = 25
#: More readings than this are told as "more than".
COUNT_LIMIT = 100_000
SECONDS = 4.0
MOST_CHANNELS = 500
#: What the legend of the plot says of each kind of dot.
WAVES = (
    ("p", gettext_lazy("P waves")),
    ("s", gettext_lazy("S waves")),
    ("other", gettext_lazy("other phases")),
)

#: The orders of the table: word of the address, and what it sorts by.
ORDERS = {
    "code": lambda s: (s.code, s.owner),
    "name": lambda s: (s.name.casefold() or "\uffff", s.code),
    "network": lambda s: (s.network or "\uffff", s.code),
    "agency": lambda s: (s.agency or "\uffff", s.code),
    "latitude": lambda s: (s.latitude, s.code),
    "longitude": lambda s: (s.longitude, s.code),
    "elevation": lambda s: (math.inf if s.elevation_m is None else s.elevation_m, s.code),
}


@dataclass(frozen=True, slots=True)
class StationTold:
    """A station as the table and the map show it: where it stood last."""

    code: str
    network: str
    #: Code and name of the agency that runs it.
    agency: str
    agency_name: str
    name: str
    latitude: float
    longitude: float
    elevation_m: float | None
    kind: str
    kind_words: str
    epochs: tuple[Station, ...]
    synthetic: bool
    #: Its code is another's too.
    is_ambiguous: bool = False

    @property
    def owner(self) -> str:
        return self.network or self.agency

    @property
    def url(self) -> str:
        address = reverse("station", args=[self.code])
        if not self.is_ambiguous:
            return address
        return f"{address}?{urlencode({'of': self.owner})}"

    @property
    def coordinates(self) -> str:
        """With the digits they have, four at most."""
        return (
            f"{seismo.latitude(self.latitude, _places(self.latitude))}, "
            f"{seismo.longitude(self.longitude, _places(self.longitude))}"
        )

    @property
    def is_open(self) -> bool:
        """It stands, as far as is known."""
        return self.epochs[-1].end is None

    @property
    def point(self) -> dict[str, Any]:
        """What the map's script needs."""
        return {
            "code": self.code,
            "name": self.name,
            "owner": " · ".join(dict.fromkeys(filter(None, (self.network, self.agency)))),
            "agency": self.agency,
            "kind": self.kind,
            "kindWords": self.kind_words,
            "lat": self.latitude,
            "lon": self.longitude,
            "synthetic": self.synthetic,
            "url": self.url,
        }


def _places(value: float) -> int:
    return next((n for n in (2, 3) if math.isclose(round(value, n), value, abs_tol=5e-6)), 4)


def _told(stations: Iterable[Station]) -> list[StationTold]:
    """Return the epochs of each (network or agency, code) as one station, by code."""
    language = (get_language() or "en")[:2]
    groups: dict[tuple[int | None, int | None, str], list[Station]] = {}
    for station in stations:
        groups.setdefault((station.network_id, station.agency_id, station.code), []).append(station)
    number: dict[str, int] = {}
    for _network, _agency, code in groups:
        number[code] = number.get(code, 0) + 1
    beginning = datetime.min.replace(tzinfo=UTC)
    found = []
    for epochs in groups.values():
        epochs.sort(key=lambda s: s.start or beginning)
        last = epochs[-1]
        network = last.network
        agency = last.agency or (network.operator if network else None)
        found.append(
            StationTold(
                code=last.code,
                network=network.code if network else "",
                agency=agency.code if agency else "",
                agency_name=agency.name if agency else "",
                name=str(getattr(last, f"name_{language}") or last.name_en),
                latitude=last.latitude,
                longitude=last.longitude,
                elevation_m=last.elevation_m,
                kind=last.kind,
                kind_words=str(last.get_kind_display()),
                epochs=tuple(epochs),
                synthetic=all(s.synthetic for s in epochs),
                is_ambiguous=number[last.code] > 1,
            )
        )
    return sorted(found, key=ORDERS["code"])


def _stations() -> QuerySet[Station]:
    return Station.objects.select_related("network__operator", "agency")


# --- All of them -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that narrows the list."""

    label: str
    title: str
    url: str
    number: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A heading that sorts."""

    label: str
    url: str
    #: "ascending", "descending", or "" where the table is in another order.
    order: str
    is_number: bool = False


@require_safe
def stations_page(request: HttpRequest) -> HttpResponse:
    """Every station on a map and in a table, by agency, sorted by a link."""
    everything = _told(_stations())
    agency = request.GET.get("agency", "")[:20]
    shown = [s for s in everything if not agency or s.agency == agency]
    asked = request.GET.get("sort", "code")
    word = asked.removeprefix("-")
    order = asked if word in ORDERS else "code"
    shown.sort(key=ORDERS[order.removeprefix("-")], reverse=order.startswith("-"))
    page = Paginator(shown, PAGE_LENGTH).get_page(request.GET.get("page"))
    on_map = shown[:MOST_ON_MAP]
    return render(
        request,
        "portal/stations.html",
        {
            "page": page,
            "total": len(everything),
            "number": len(shown),
            "choices": _choices(everything, agency),
            "columns": _columns(order, agency),
            "arrays": sum(s.kind == Station.Kind.ARRAY for s in shown),
            "not_on_map": len(shown) - len(on_map),
            "config": map_config(),
            "words": _words(),
            "points": [s.point for s in on_map],
            "some_synthetic": any(s.synthetic for s in shown),
        },
    )


def _choices(stations: Sequence[StationTold], current: str) -> list[Choice]:
    here = reverse("stations")
    names = {s.agency: s.agency_name for s in stations}
    numbers = {code: sum(s.agency == code for s in stations) for code in names}
    known = sorted((c for c in names if c), key=lambda code: (-numbers[code], code))
    return [
        Choice(str(_("All")), "", here, len(stations), not current),
        *(
            Choice(c, names[c], f"{here}?{urlencode({'agency': c})}", numbers[c], c == current)
            for c in known
        ),
    ]


def _columns(order: str, agency: str) -> list[Column]:
    labels = {
        "code": _("Code"),
        "name": _("Site"),
        "network": _("Network"),
        "agency": _("Agency"),
        "latitude": _("Latitude"),
        "longitude": _("Longitude"),
        "elevation": _("Elevation, m"),
    }
    columns = []
    for word, label in labels.items():
        is_here = order.removeprefix("-") == word
        following = f"-{word}" if order == word else word
        query = {"agency": agency} if agency else {}
        columns.append(
            Column(
                label=label,
                url=f"{reverse('stations')}?{urlencode(query | {'sort': following})}",
                order=("descending" if order.startswith("-") else "ascending") if is_here else "",
                is_number=word in ("latitude", "longitude", "elevation"),
            )
        )
    return columns


def _words() -> dict[str, Any]:
    return map_words() | {
        "mapLabel": _("Map of stations. The table holds the same stations."),
        "station": _("All about this station"),
        "array": str(Station.Kind.ARRAY.label),
        "syntheticStation": _("Synthetic example, nothing stands there"),
    }


# --- One of them -------------------------------------------------------------------------------


@require_safe
def station_page(request: HttpRequest, code: str) -> HttpResponse:
    """One station: where it stood, what stands there, and how its readings fitted."""
    found = _told(_stations().filter(code__iexact=code))
    aliases = StationAlias.objects.none()
    if not found:
        # Not a station's own code: an agency's name for one.
        aliases = StationAlias.objects.filter(code__iexact=code).select_related("agency")
        found = _told(_stations().filter(aliases__in=aliases).distinct())
        if not found:
            raise Http404(_("There is no station with this code."))
    owner = request.GET.get("of", "")
    chosen = [s for s in found if not owner or s.owner == owner]
    if not chosen:
        raise Http404(_("There is no station with this code."))
    context = {"code": code.upper(), "config": map_config(), "words": _words()}
    if len(chosen) > 1:
        choice = {"stations": chosen, "points": [s.point for s in chosen]}
        return render(request, "portal/station_choice.html", context | choice)
    station = chosen[0]
    return render(
        request,
        "portal/station.html",
        context
        | {
            "station": station,
            "called": aliases,
            "aliases": StationAlias.objects.filter(station__in=station.epochs)
            .select_related("agency")
            .order_by("agency__code", "code"),
            "elements": _told(_stations().filter(array__in=station.epochs)),
            "arrays": _told(_stations().filter(elements__in=station.epochs).distinct()),
            "channels": _channels(station),
            "points": [station.point],
            **_readings(station),
        },
    )


def _channels(station: StationTold) -> list[Any]:
    return [
        channel
        for epoch in reversed(station.epochs)
        for channel in epoch.channels.defer("xml", "response").order_by(
            F("end").desc(nulls_first=True), "location_code", "code", "start"
        )[:MOST_CHANNELS]
    ][:MOST_CHANNELS]


# --- Residuals ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Residual:
    """One reading as the preferred solution of its event uses it."""

    time: datetime
    phase: str
    #: Observed minus predicted [s].
    residual_s: float
    distance_deg: float | None
    #: False: left out of the solution. None: not told.
    is_used: bool | None
    public_id: str

    @property
    def wave(self) -> str:
        """P, S or another, by the first letter of its name."""
        first = self.phase[:1].upper()
        return first if first in ("P", "S") else "other"


@dataclass(frozen=True, slots=True)
class YearTold:
    """How the readings of one year and phase fitted."""

    year: int
    phase: str
    number: int
    median_s: float
    #: The middle half lies between these [s].
    low_s: float
    high_s: float


def _readings(station: StationTold) -> dict[str, Any]:
    """Return the number of readings, the residuals of the newest as a plot, by year, and listed."""
    picks = Pick.objects.filter(station__in=[s.pk for s in station.epochs])
    try:
        with within(SECONDS):
            number = picks.order_by()[: COUNT_LIMIT + 1].count()
            residuals = _residuals(picks)
    except TooLong:
        return {"readings_too_many": True}
    return {
        "reading_count": min(number, COUNT_LIMIT),
        "more_readings": number > COUNT_LIMIT,
        "is_cut": number > MOST_READINGS,
        "most_readings": MOST_READINGS,
        "residual_count": len(residuals),
        "plot": residual_plot(residuals) if residuals else None,
        "waves": WAVES,
        "years": by_year(residuals),
        "listed": residuals[:READINGS_LISTED],
    }


def _residuals(picks: QuerySet[Pick]) -> list[Residual]:
    newest = picks.filter(time__isnull=False).order_by("-time").values("pk")[:MOST_READINGS]
    # Neither time nor residual is empty in these.
    rows: Iterable[Any] = (
        Arrival.objects.filter(
            Q(time_residual__isnull=False),
            pick__in=list(newest.values_list("pk", flat=True)),
            origin=F("origin__event__preferred_origin"),
            origin__event__row__isnull=False,
        )
        .order_by("-pick__time", "-pk")
        .values_list(
            "pick__time", "phase", "time_residual", "distance_deg", "time_defining",
            "origin__event__public_id",
        )[:MOST_READINGS]
    )  # fmt: skip
    return [Residual(*row) for row in rows]


def by_year(residuals: Iterable[Residual]) -> list[YearTold]:
    """Return number, median and quartiles by year and phase, the newest year first."""
    groups: dict[tuple[int, str], list[float]] = {}
    for r in residuals:
        groups.setdefault((r.time.astimezone(UTC).year, r.phase), []).append(r.residual_s)
    found = []
    for (year, phase), values in groups.items():
        low, median, high = (float(q) for q in np.percentile(values, (25, 50, 75)))
        found.append(YearTold(year, phase, len(values), median, low, high))
    return sorted(found, key=lambda y: (-y.year, -y.number, y.phase))


@dataclass
class ResidualPlot(Plot):
    """Residuals over time. Dots of a kind are one path, so that thousands cost little."""

    times: list[Tick] = field(default_factory=list)

    @property
    def x_ticks(self) -> list[Tick]:
        return self.times

    @property
    def zero(self) -> float:
        return self.y(0.0)


def residual_plot(residuals: Sequence[Residual]) -> ResidualPlot:
    """Draw residuals [s] over the time of the reading.

    The frame holds 98 of 100; what lies beyond stands at its edge.
    """
    times = np.array([_decimal_year(r.time) for r in residuals])
    values = np.array([r.residual_s for r in residuals])
    half = max(1.0, math.ceil(float(np.percentile(np.abs(values), 98))))
    first, last = float(times.min()), float(times.max())
    # A few days are drawn as a month, a year as a whole one.
    room = max((last - first) * 0.02, 1 / 24)
    plot = ResidualPlot(
        x_from=first - room, x_to=last + room, y_from=-half, y_to=half,
        width=960, height=280, left=48, right=16,
    )  # fmt: skip
    plot.times = _time_ticks(plot)
    for wave in ("other", "P", "S"):
        chosen = [i for i, r in enumerate(residuals) if r.wave == wave]
        if chosen:
            d = "".join(
                f"M{plot.x(float(times[i]))} {plot.y(float(np.clip(values[i], -half, half)))}h0"
                for i in chosen
            )
            plot.paths.append(Path(d, f"dots plot__dots--{wave.lower()}"))
    return plot


def _decimal_year(time: datetime) -> float:
    time = time.astimezone(UTC)
    start = datetime(time.year, 1, 1, tzinfo=UTC)
    length = datetime(time.year + 1, 1, 1, tzinfo=UTC) - start
    return time.year + (time - start) / length


def _time_ticks(plot: Plot) -> list[Tick]:
    """Years; where there are fewer than three, months as ``2014-06``."""
    span = plot.x_to - plot.x_from
    if span >= 3:
        step = next(s for s in (1, 2, 5, 10, 20, 50) if span / s <= 10)
        years = range(math.ceil(plot.x_from / step) * step, math.floor(plot.x_to) + 1, step)
        return [Tick(plot.x(year), str(year)) for year in years]
    step = next(s for s in (1, 2, 3, 6) if span * 12 / s <= 8 or s == 6)
    months = range(math.ceil(plot.x_from * 12 / step) * step, math.floor(plot.x_to * 12) + 1, step)
    return [Tick(plot.x(m / 12), f"{m // 12}-{m % 12 + 1:02d}") for m in months]
