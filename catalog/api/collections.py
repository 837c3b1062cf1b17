"""What hangs on events, across all events of a search or below one: origins, arrivals, magnitudes,
station magnitudes, mechanisms, intensities, community intensities.

Only current rows of public events are told: nothing superseded, nothing of an event that was merged
away or deleted. Rows follow the order of their events; within one event, the order in which they
were stored. A page is one query whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.gis.db.models.functions import AsGeoJSON
from django.db.models import (
    Case,
    CharField,
    F,
    FloatField,
    Func,
    JSONField,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat
from django.http import HttpResponseBase, JsonResponse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from catalog.api.describing import described
from catalog.api.members import Member, Type, columns_of, in_language, told
from catalog.api.public import (
    NOT_FOR_PAGES,
    PAGING,
    Order,
    PublicView,
    asked_of,
    cursor_of,
    digest,
    event_words,
    key_of,
    kinds_of,
    next_address,
    ordering,
    respond,
    state,
    tag_of,
)
from catalog.api.shown import shown
from catalog.models import EventRow
from catalog.scales import SCALES
from catalog.search import EventSearch, Kind, Parameter

TEXT, NUMBER, INTEGER = Type.TEXT, Type.NUMBER, Type.INTEGER
BOOLEAN, TIME, TEXTS = Type.BOOLEAN, Type.TIME, Type.TEXTS


@dataclass(frozen=True)
class Word:
    """A word of one collection: how it is asked, and which rows it leaves."""

    parameter: Parameter
    narrows: Callable[[Any], Q]


@dataclass(frozen=True)
class Collection:
    """Rows that hang on events.

    ``path`` is the lookup from a row of the catalogue to them; ``current`` says which of them hold.
    """

    name: str
    #: The name of one row in the OpenAPI document, and what it is.
    one: str
    help: str
    path: str
    current: Q
    members: tuple[Member, ...]
    words: tuple[Word, ...] = ()

    @property
    def key(self) -> str:
        """The column whose order is that of rows within an event."""
        return f"{self.path}__pk"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(word.parameter for word in self.words)


# --- Shared parts ------------------------------------------------------------------------------

EVENT = Member(
    "event", TEXT, "Public id of the event, good for /events/<id>.", "kz2014m7k2ra", "public_id",
    null=False,
)  # fmt: skip


def _is(condition: Q) -> Any:
    return Case(When(condition, then=Value(True)), default=Value(False))


def _solution(
    path: str, kind: str, preferred: str, example: int, computed: Q | None = None
) -> tuple[Member, ...]:
    """Return what origins, magnitudes, mechanisms and intensities have in common.

    ``computed`` narrows down which of the rows that stand in no report were computed here.
    """
    members = [
        Member("id", TEXT, "Id of the row in this catalogue.", f"{kind}/{example}", f"{path}__pk",
               null=False, prefix=kind),
        EVENT,
        Member("agency", TEXT, "Code of the agency whose solution it is.", "SOME",
               f"{path}__agency__code"),
        Member("author", TEXT, "Author as reported.", None, f"{path}__author"),
        Member("computed", BOOLEAN, "Computed by this portal, not reported by an agency.", False,
               _is(Q(**{f"{path}__entry__isnull": True}) & (computed or Q())), null=False),
    ]  # fmt: skip
    if preferred:
        members.append(
            Member("preferred", BOOLEAN, "It is the one the catalogue prefers.", True,
                   _is(Q(**{path: F(f"event__{preferred}")})), null=False)
        )  # fmt: skip
    return tuple(members)


def _provenance(path: str) -> tuple[Member, ...]:
    return (
        Member("method", TEXT, "Method.", None, f"{path}__method_id"),
        Member("evaluation_mode", TEXT, "manual or automatic.", "manual",
               f"{path}__evaluation_mode"),
        Member("evaluation_status", TEXT, "QuakeML EvaluationStatus.", "reviewed",
               f"{path}__evaluation_status"),
        Member("created", TIME, "When its author made it.", None, f"{path}__creation_time"),
    )  # fmt: skip


def _of(path: str, *columns: tuple[str, Type, str, Any] | tuple[str, Type, str, Any, str]) -> Any:
    """Return members whose name is their column's, but for a fifth part."""
    return tuple(
        Member(name, kind, help, example, f"{path}__{column[0] if column else name}")
        for name, kind, help, example, *column in columns
    )


def _coordinate(function: str, *points: str) -> Func:
    point = F(points[0]) if len(points) == 1 else Coalesce(*map(F, points))
    return Func(point, function=function, output_field=FloatField())


def _codes(name: str, help: Any, lookup: str, expected: str = "A,B") -> Word:
    """Return a word of codes; letters are taken as they are or as capitals."""

    def narrows(codes: tuple[str, ...]) -> Q:
        both = list(dict.fromkeys(c for code in codes for c in (code, code.upper())))
        return Q(**{f"{lookup}__in": both})

    return Word(Parameter(name, Kind.TEXTS, "answer", help, expected=expected), narrows)


def _yes_or_no(name: str, help: Any, condition: Q) -> Word:
    return Word(
        Parameter(name, Kind.BOOLEAN, "answer", help),
        lambda wanted: condition if wanted else ~condition,
    )


def _reported_by(path: str) -> Word:
    return _codes(
        "reportedby", _("Only rows of these agencies, codes separated by commas."),
        f"{path}__agency__code",
    )  # fmt: skip


def _preferred(lookup: str, origin: str) -> Word:
    return Word(
        Parameter(
            "preferred", Kind.BOOLEAN, "answer",
            _("Only what the catalogue prefers (true), or only what stands beside it (false)."),
        ),
        # Not ~Q: over many rows an event that would ask for events without such a row.
        lambda wanted: (
            Q(**{lookup: F(f"event__{origin}")}) if wanted
            else Q(**{f"{lookup}__lt": F(f"event__{origin}")})
            | Q(**{f"{lookup}__gt": F(f"event__{origin}")})
            | Q(**{f"event__{origin}__isnull": True})
        ),
    )  # fmt: skip


# --- Origins -----------------------------------------------------------------------------------

_O = "event__origins"

ORIGINS = Collection(
    "origins",
    "Origin",
    "One hypocentre solution of an event.",
    _O,
    Q(**{f"{_O}__superseded_at": None}),
    (
        *_solution(_O, "origin", "preferred_origin", 2041),
        Member("time", TIME, "Origin time, UTC.", "2014-11-14T01:24:16.2Z", f"{_O}__time",
               null=False),
        Member("latitude", NUMBER, "Degrees north.", 42.1, _coordinate("ST_Y", f"{_O}__point"),
               null=False),
        Member("longitude", NUMBER, "Degrees east.", 77.27, _coordinate("ST_X", f"{_O}__point"),
               null=False),
        *_of(
            _O,
            ("depth_km", NUMBER, "Depth below sea level, km.", 17.0),
            ("depth_type", TEXT, "QuakeML OriginDepthType.", "from location"),
            ("time_uncertainty_s", NUMBER, "Of the time, s.", 0.4, "time_uncertainty"),
            ("time_fixed", BOOLEAN, "The time was held fixed.", None),
            ("epicenter_fixed", BOOLEAN, "The epicentre was held fixed.", None),
            ("depth_uncertainty_km", NUMBER, "Of the depth, km.", 3.0),
            ("horizontal_uncertainty_km", NUMBER, "Of the epicentre, km.", None),
            ("semi_major_axis_km", NUMBER, "Error ellipse, km.", 4.1),
            ("semi_minor_axis_km", NUMBER, "Error ellipse, km.", 2.6),
            ("major_axis_azimuth", NUMBER, "Of the error ellipse, degrees from north.", 110.0),
            ("confidence_level", NUMBER, "Of the error ellipse, percent.", 90.0),
            ("used_phases", INTEGER, "Phases the solution uses.", 31, "used_phase_count"),
            ("associated_phases", INTEGER, "Phases associated.", 38, "associated_phase_count"),
            ("used_stations", INTEGER, "Stations the solution uses.", 18, "used_station_count"),
            ("standard_error_s", NUMBER, "Root mean square of residuals, s.", 0.62,
             "standard_error"),
            ("azimuthal_gap", NUMBER, "Largest azimuthal gap, degrees.", 74.0),
            ("secondary_azimuthal_gap", NUMBER, "The same with any one station left out.", 101.0),
            ("nearest_station_deg", NUMBER, "Distance of the nearest station, degrees.", 0.35,
             "minimum_distance_deg"),
            ("farthest_station_deg", NUMBER, "Distance of the farthest station, degrees.", 7.9,
             "maximum_distance_deg"),
            ("earth_model", TEXT, "Earth model of the travel times.", "IASPEI91",
             "earth_model_id"),
            ("region", TEXT, "Region as reported.", None),
            ("event_type", TEXT, "What this author holds the event to be (QuakeML EventType).",
             "earthquake"),
        ),
        *_provenance(_O),
    ),
    (_reported_by(_O), _preferred(_O, "preferred_origin")),
)  # fmt: skip

# --- Arrivals ----------------------------------------------------------------------------------

_A = f"{_O}__arrivals"
_P = f"{_A}__pick"


def _station_id(path: str) -> Any:
    """Return <network or agency>.<code> of a station the catalogue knows."""
    return Case(
        When(Q(**{f"{path}__isnull": True}), then=Value(None)),
        default=Concat(
            Coalesce(F(f"{path}__network__code"), F(f"{path}__agency__code"), Value("")),
            Value("."), F(f"{path}__code"),
            output_field=CharField(),
        ),
        output_field=CharField(),
    )  # fmt: skip


def _station(path: str) -> tuple[Member, ...]:
    return (
        Member("station", TEXT, "Code of the station, reported.", "TKM2", f"{path}__station_code"),
        Member("network", TEXT, "Code of its network, reported.", "KZ", f"{path}__network_code"),
        Member("channel", TEXT, "Code of the channel, reported.", "BHZ", f"{path}__channel_code"),
        Member("station_id", TEXT, "The station it is here, good for /stations/<id>.", "KZ.TKM2",
               _station_id(f"{path}__station")),
    )  # fmt: skip


ARRIVALS = Collection(
    "arrivals",
    "Arrival",
    "An onset read at a station, as one origin uses it.",
    _A,
    Q(**{f"{_O}__superseded_at": None}),
    (
        Member("id", TEXT, "Id of the row in this catalogue.", "arrival/88012", f"{_A}__pk",
               null=False, prefix="arrival"),
        EVENT,
        Member("origin", TEXT, "The origin that uses it.", "origin/2041", f"{_O}__pk",
               null=False, prefix="origin"),
        Member("origin_agency", TEXT, "Agency of that origin.", "SOME", f"{_O}__agency__code"),
        Member("preferred", BOOLEAN, "That origin is the preferred one.", True,
               _is(Q(**{_O: F("event__preferred_origin")})), null=False),
        Member("pick", TEXT, "The onset; several origins may use one.", "pick/50127",
               f"{_P}__pk", null=False, prefix="pick"),
        *_station(_P),
        Member("phase", TEXT, "Phase this origin takes it for.", "Pg", f"{_A}__phase"),
        *_of(
            _P,
            ("phase_hint", TEXT, "Phase as read.", "P"),
            ("time", TIME, "Onset, UTC.", "2014-11-14T01:24:23.9Z"),
            ("time_uncertainty_s", NUMBER, "Of the onset, s.", None, "time_uncertainty"),
            ("onset", TEXT, "emergent, impulsive or questionable.", "impulsive"),
            ("polarity", TEXT, "positive, negative or undecidable.", "positive"),
        ),
        *_of(
            _A,
            ("distance_deg", NUMBER, "Epicentre to station, degrees.", 0.41),
            ("azimuth", NUMBER, "Epicentre to station, degrees from north.", 318.0),
            ("takeoff_angle", NUMBER, "Degrees.", None),
            ("residual_s", NUMBER, "Observed minus predicted time, s.", -0.2, "time_residual"),
            ("weight", NUMBER, "Weight of the time.", 1.0, "time_weight"),
            ("used", BOOLEAN, "The solution uses its time.", True, "time_defining"),
            ("correction_s", NUMBER, "Correction of the time, s.", None, "time_correction"),
        ),
        *_of(
            _P,
            ("backazimuth", NUMBER, "Station to event as measured, degrees.", None),
            ("slowness_s_per_deg", NUMBER, "Horizontal slowness as measured, s/degree.", None,
             "horizontal_slowness"),
            ("snr", NUMBER, "Signal to noise.", None),
        ),
        *_of(
            _A,
            ("backazimuth_residual", NUMBER, "Degrees.", None),
            ("backazimuth_used", BOOLEAN, "The solution uses it.", None, "backazimuth_defining"),
            ("slowness_residual_s_per_deg", NUMBER, "s/degree.", None,
             "horizontal_slowness_residual"),
            ("slowness_used", BOOLEAN, "The solution uses it.", None,
             "horizontal_slowness_defining"),
            ("earth_model", TEXT, "Earth model of the prediction.", None),
        ),
        *_of(
            _P,
            ("evaluation_mode", TEXT, "manual or automatic.", "manual"),
            ("pick_agency", TEXT, "Who read it.", "SOME", "agency"),
            ("method", TEXT, "Method.", None, "method_id"),
        ),
    ),
    (
        _codes("station", _("Codes of stations as reported, separated by commas."),
               f"{_P}__station_code", "AAK,TKM2"),
        _codes("phase", _("Phases the origin takes it for, separated by commas."),
               f"{_A}__phase", "Pg,Sg"),
        Word(
            Parameter("used", Kind.BOOLEAN, "answer",
                      _("The solution uses its time (true), or does not (false).")),
            lambda wanted: Q(**{f"{_A}__time_defining": wanted}),
        ),
        _codes("reportedby", _("Only origins of these agencies, codes separated by commas."),
               f"{_O}__agency__code"),
        _preferred(_O, "preferred_origin"),
    ),
)  # fmt: skip

# --- Sizes -------------------------------------------------------------------------------------

_M = "event__magnitudes"
_S = "event__reports__current_entry__station_magnitudes"
_SCALE = _("Scales, separated by commas; Mw stands for Mww, Mwc ... too.")


def _sizes(path: str) -> tuple[Member, ...]:
    return (
        Member("type", TEXT, "Type as reported.", "KR", f"{path}__type"),
        Member("value", NUMBER, "The value.", 13.6, f"{path}__value", null=False),
        Member("uncertainty", NUMBER, "Of the value.", None, f"{path}__uncertainty"),
        Member("bound", TEXT, "min: at least so much; max: at most.", None, f"{path}__bound",
               choices=("min", "max")),
    )  # fmt: skip


MAGNITUDES = Collection(
    "magnitudes",
    "Magnitude",
    "A network magnitude or energy class.",
    _M,
    Q(**{f"{_M}__superseded_at": None}),
    (
        *_solution(_M, "magnitude", "preferred_magnitude", 3107),
        Member("origin", TEXT, "The origin it belongs to.", "origin/2041", f"{_M}__origin",
               prefix="origin"),
        *_sizes(_M),
        Member("scale", TEXT, "The scale that type belongs to.", "KR", f"{_M}__scale"),
        *_of(
            _M,
            ("stations", INTEGER, "Stations it is the mean of.", 11, "station_count"),
            ("azimuthal_gap", NUMBER, "Degrees.", None),
        ),
        Member("converted_from", TEXT, "The value it was converted from.", None,
               f"{_M}__converted_from", prefix="magnitude"),
        Member("relation", TEXT, "The relation it was converted by.", None, f"{_M}__relation_id"),
        *_provenance(_M),
    ),
    (
        _reported_by(_M),
        _preferred(_M, "preferred_magnitude"),
        Word(
            Parameter("scale", Kind.TEXTS, "answer", _SCALE, choices=tuple(SCALES)),
            lambda scales: Q(**{f"{_M}__scale__in": scales}),
        ),
    ),
)  # fmt: skip

STATION_MAGNITUDES = Collection(
    "station-magnitudes",
    "StationMagnitude",
    "A magnitude from one station.",
    _S,
    Q(),
    (
        Member("id", TEXT, "Id of the row in this catalogue.", "station-magnitude/911",
               f"{_S}__pk", null=False, prefix="station-magnitude"),
        EVENT,
        Member("magnitude", TEXT, "The network value it contributes to.", "magnitude/3107",
               f"{_S}__magnitude", prefix="magnitude"),
        Member("origin", TEXT, "The origin it belongs to.", "origin/2041", f"{_S}__origin",
               prefix="origin"),
        Member("agency", TEXT, "Whose value it is.", "SOME",
               Coalesce(
                   Case(When(~Q(**{f"{_S}__agency": ""}), then=F(f"{_S}__agency"))),
                   F("event__reports__agency__code"),
                   output_field=TextField(),
               )),
        *_station(_S),
        *_sizes(_S),
        *_of(
            _S,
            ("residual", NUMBER, "Difference from the network value.", 0.1),
            ("weight", NUMBER, "Its weight in the network value.", None),
        ),
        Member("amplitude", TEXT, "The amplitude it was made from.", None, f"{_S}__amplitude",
               prefix="amplitude"),
        Member("method", TEXT, "Method.", None, f"{_S}__method_id"),
    ),
    (
        _codes("station", _("Codes of stations as reported, separated by commas."),
               f"{_S}__station_code", "AAK,TKM2"),
        _codes("type", _("Types as reported, separated by commas."), f"{_S}__type", "KR,mb"),
    ),
)  # fmt: skip

# --- Mechanisms --------------------------------------------------------------------------------

_F = "event__focalmechanisms"


def _planes() -> tuple[tuple[str, Type, str, Any], ...]:
    example = {"strike_1": 250.0, "dip_1": 55.0, "rake_1": 80.0,
               "strike_2": 87.0, "dip_2": 36.0, "rake_2": 104.0,
               "t_azimuth": 190.0, "t_plunge": 77.0, "p_azimuth": 346.0,
               "p_plunge": 9.0}  # fmt: skip
    angles = {"strike": "from north, 0 to 360", "dip": "0 to 90", "rake": "-180 to 180"}
    planes = [(f"{a}_{n}", f"Nodal plane {n}, {text}, degrees.") for n in (1, 2)
              for a, text in angles.items()]  # fmt: skip
    axes = [(f"{axis}_{angle}", f"{axis.upper()} axis, {angle}, degrees.")
            for axis in "tnp" for angle in ("azimuth", "plunge")]  # fmt: skip
    lengths = [(f"{axis}_length", f"{axis.upper()} axis, N m.") for axis in "tnp"]
    tensor = [(part, "Moment tensor in the r, t, p frame, N m.")
              for part in ("mrr", "mtt", "mpp", "mrt", "mrp", "mtp")]  # fmt: skip
    return tuple(
        (name, NUMBER, help, example.get(name)) for name, help in planes + axes + lengths + tensor
    )


MECHANISMS = Collection(
    "mechanisms",
    "Mechanism",
    "A fault-plane solution, with a moment tensor where there is one (Aki and Richards).",
    _F,
    Q(**{f"{_F}__superseded_at": None}),
    (
        *_solution(_F, "focal-mechanism", "preferred_focal_mechanism", 57),
        Member("origin", TEXT, "The origin it was made with.", "origin/2041",
               f"{_F}__triggering_origin", prefix="origin"),
        *_of(
            _F,
            *_planes(),
            ("preferred_plane", INTEGER, "The plane held to be the fault: 1 or 2.", None),
            ("scalar_moment", NUMBER, "N m.", None),
            ("double_couple", NUMBER, "Share of the double couple, 0 to 1.", None),
            ("clvd", NUMBER, "Share of the compensated linear vector dipole, 0 to 1.", None),
            ("variance_reduction", NUMBER, "Percent.", None),
            ("polarities", INTEGER, "First motions it rests on.", 24, "station_polarity_count"),
            ("azimuthal_gap", NUMBER, "Degrees.", None),
            ("misfit", NUMBER, "Share of polarities that do not fit, 0 to 1.", 0.04),
            ("quality", TEXT, "Class its author gave.", "B"),
        ),
        *_provenance(_F),
    ),
    (_reported_by(_F), _preferred(_F, "preferred_focal_mechanism")),
)  # fmt: skip

# --- Intensities -------------------------------------------------------------------------------

_I = "event__intensityobservations"

INTENSITIES = Collection(
    "intensities",
    "Intensity",
    "How an event was felt in one place.",
    _I,
    Q(**{f"{_I}__superseded_at": None}),
    (
        *_solution(_I, "intensity", "", 612, Q(**{f"{_I}__recorded_by__isnull": True})),
        Member("place", TEXT, "Place as reported.", "Алматы", f"{_I}__place"),
        Member("settlement", TEXT, "The settlement it is, in the language asked for.", "Almaty",
               in_language(f"{_I}__settlement__name")),
        *_of(
            f"{_I}__settlement",
            ("settlement_geonames_id", INTEGER, "Its number at GeoNames.", 1526384, "geonames_id"),
            ("country", TEXT, "Its country, ISO 3166.", "KZ"),
            ("population", INTEGER, "Its population.", 1977011),
        ),
        Member("latitude", NUMBER, "Of the observation, else of the settlement; degrees.", 43.25,
               _coordinate("ST_Y", f"{_I}__point", f"{_I}__settlement__point")),
        Member("longitude", NUMBER, "Of the observation, else of the settlement; degrees.", 76.92,
               _coordinate("ST_X", f"{_I}__point", f"{_I}__settlement__point")),
        *_of(
            _I,
            ("minimum", NUMBER, "Intensity at least, degrees of the scale.", 3.0),
            ("maximum", NUMBER, "Intensity at most.", 4.0),
            ("best", NUMBER, "Best single value.", None),
            ("felt", BOOLEAN, "Felt (true), or expressly not felt (false).", True),
            ("scale", TEXT, "MSK-64, EMS-98, MMI.", "MSK-64"),
            ("distance_km", NUMBER, "Distance from the epicentre as reported, km.", 130.0),
            ("calculated", BOOLEAN, "Calculated, not observed.", False),
            ("source", TEXT, "Who says so.", None),
            ("effects", TEXT, "What was seen and heard, in the words of the source.", None),
        ),
        *_provenance(_I),
    ),
    (
        _reported_by(_I),
        Word(
            Parameter("observed", Kind.BOOLEAN, "answer",
                      _("Observed (true), or calculated (false).")),
            lambda wanted: Q(**{f"{_I}__calculated": not wanted}),
        ),
    ),
)  # fmt: skip

# --- Community intensities ---------------------------------------------------------------------

_C = "event__community_intensities"

COMMUNITY_INTENSITIES = Collection(
    "community-intensities",
    "CommunityIntensity",
    "What the reports of the public in one cell or settlement make together.",
    _C,
    Q(**{f"{_C}__published": True}),
    (
        Member("id", TEXT, "Id of the row in this catalogue.", "community-intensity/88",
               f"{_C}__pk", null=False, prefix="community-intensity"),
        EVENT,
        Member("area", TEXT, "What the reports are gathered by.", "10km", f"{_C}__area", null=False,
               choices=("1km", "10km", "settlement")),
        Member("code", TEXT, "UTM zone and band, easting and northing in cells, size in metres; or "
               "the settlement's number.", "43T 066 478 10000", f"{_C}__code", null=False),
        Member("settlement", TEXT, "The settlement, in the language asked for.", None,
               in_language(f"{_C}__settlement__name")),
        Member("latitude", NUMBER, "Of the middle, degrees.", 43.22,
               _coordinate("ST_Y", f"{_C}__point"), null=False),
        Member("longitude", NUMBER, "Of the middle, degrees.", 76.91,
               _coordinate("ST_X", f"{_C}__point"), null=False),
        *_of(
            _C,
            ("reports", INTEGER, "Reports that count.", 41, "report_count"),
            ("reports_not_felt", INTEGER, "Of them, those that did not feel it.", 6,
             "not_felt_count"),
            ("cdi", NUMBER, "Community decimal intensity (DYFI); null where most of those who felt "
             "it answered no question.", 3.8),
            ("cws", NUMBER, "Community weighted sum it is made of.", 11.08),
            ("msk64", NUMBER, "MSK-64: the median grade whose words were chosen; null for too "
             "few.", 4.0),
            ("ems98_equivalent", NUMBER, "EMS-98, and MSK-64, that the CDI is taken as equal to.",
             4.0, "ems98"),
            ("distance_km", NUMBER, "Epicentral distance of the middle, km.", 24.3),
            ("method", TEXT, "Method.", "kz-portal/felt/dyfi-cdi-1+felt-filters-2026.1",
             "method_id"),
            ("computed_at", TIME, "When.", "2026-01-10T08:00:00Z"),
        ),
        Member("outline", Type.OBJECT,
               "Outline of the cell, a GeoJSON polygon; null: a settlement.", None,
               Cast(AsGeoJSON(f"{_C}__outline", precision=6), JSONField())),
    ),
    (
        Word(
            Parameter("area", Kind.TEXTS, "answer", _("Only these kinds of areas."),
                      choices=("1km", "10km", "settlement")),
            lambda wanted: Q(**{f"{_C}__area__in": wanted}),
        ),
    ),
)  # fmt: skip

COLLECTIONS = (
    ORIGINS, ARRIVALS, MAGNITUDES, STATION_MAGNITUDES, MECHANISMS, INTENSITIES,
    COMMUNITY_INTENSITIES,
)  # fmt: skip


# --- Views -------------------------------------------------------------------------------------


class CollectionView(PublicView):
    """A page of rows across the events of a search."""

    collection: Collection

    def get(self, request: Request) -> HttpResponseBase:
        asked = asked_of(
            request.GET, (*self.collection.parameters, *PAGING), not_here=NOT_FOR_PAGES
        )
        now = state()
        answer = Page(request, self.collection, asked.search, asked.words)
        return respond(
            request,
            tag_of(now.version, self.collection.name, *answer.identity()),
            now.changed_at,
            lambda: JsonResponse({"version": now.version, **answer.body()}),
            version=now.version,
        )


class BelowEventView(PublicView):
    """A page of the rows of one event."""

    collection: Collection

    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        asked = asked_of(request.GET, (*self.collection.parameters, *PAGING), events=False)
        row = shown(request, public_id, self.collection.name)
        answer = Page(request, self.collection, EventSearch(), asked.words, row)
        return respond(
            request,
            tag_of(row.change_number, self.collection.name, public_id, *answer.identity()),
            row.updated_at,
            lambda: JsonResponse({"id": row.public_id, "version": row.version, **answer.body()}),
        )


@dataclass
class Page:
    """One page of a collection: of all events of a search, or of one event."""

    request: Request
    collection: Collection
    search: EventSearch
    words: dict[str, Any]
    event: EventRow | None = None

    def __post_init__(self) -> None:
        self.order = Order(self.search)
        self.narrowed = {
            word.parameter.name: value
            for word in self.collection.words
            if (value := self.words[word.parameter.name]) is not None
        }
        self.bound = digest(
            self.collection.name,
            self.event.public_id if self.event else "",
            self.search.to_query(),
            self.narrowed,
        )
        kinds = [*kinds_of(self.order), int]
        text = self.words["cursor"]
        self.key = None if text is None else key_of(text, self.bound, kinds)

    def identity(self) -> tuple[object, ...]:
        """Return what decides the answer, beside the catalogue's version."""
        return (self.bound, self.key, self.words["pagesize"], self.words["lang"])

    def body(self) -> dict[str, Any]:
        collection, size = self.collection, self.words["pagesize"]
        if self.event is not None:
            events = EventRow.objects.filter(pk=self.event.pk)
        else:
            events = self.search.matching()
        # One filter: all that is asked of a row is asked of the same row.
        wanted = collection.current & Q(**{f"{collection.key}__isnull": False})
        for word in collection.words:
            if word.parameter.name in self.narrowed:
                wanted &= word.narrows(self.narrowed[word.parameter.name])
        if self.key is not None:
            wanted &= self.order.after(self.key, collection.key)
        names = [f"k_{name}" for name in self.order.names]
        keys = {f"k_{name}": F(name) for name in self.order.names} | {"k_row": F(collection.key)}
        rows = list(
            events.filter(wanted)
            .order_by(*ordering(self.search, collection.key))
            .values(**keys, **columns_of(collection.members, self.words["lang"]))[: size + 1]
        )
        cursor = None
        if len(rows) > size:
            rows.pop()
            cursor = cursor_of(self.bound, [rows[-1][name] for name in (*names, "k_row")])
        asked = {**self.search.words(), **{n: _text(v) for n, v in self.narrowed.items()}}
        return {
            **({} if self.event else {"search": asked}),
            collection.name.replace("-", "_"): [told(collection.members, row) for row in rows],
            "next": next_address(self.request, asked, cursor),
        }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value)


_SUMMARIES = {
    "origins": (_("Origins of many events"), _("Origins of one event")),
    "arrivals": (_("Arrivals of many events"), _("Arrivals of one event")),
    "magnitudes": (_("Magnitudes of many events"), _("Magnitudes of one event")),
    "station-magnitudes": (
        _("Station magnitudes of many events"),
        _("Station magnitudes of one event"),
    ),
    "mechanisms": (_("Focal mechanisms of many events"), _("Focal mechanisms of one event")),
    "intensities": (_("Intensities of many events"), _("Intensities of one event")),
    "community-intensities": (
        _("Community intensities of many events"),
        _("Community intensities of one event"),
    ),
}


def across_events(collection: Collection) -> type[PublicView]:
    """Return the view of a collection across events."""
    name = collection.name.replace("-", "_")
    view = type(
        f"{collection.one}PageView",
        (CollectionView,),
        {"collection": collection, "get": _own(CollectionView.get), "__doc__": _ABOUT},
    )
    return described(
        name,
        _SUMMARIES[collection.name][0],
        (*event_words(*NOT_FOR_PAGES), *collection.parameters, *PAGING),
        f"{collection.one}Page",
        example="starttime=2014-01-01&endtime=2014-12-31&minkr=11&pagesize=10",
        tag=collection.name,
    )(view)


def below_event(collection: Collection) -> type[PublicView]:
    """Return the view of a collection below one event."""
    name = collection.name.replace("-", "_")
    view = type(
        f"{collection.one}sOfEventView",
        (BelowEventView,),
        {"collection": collection, "get": _own(BelowEventView.get), "__doc__": _ABOUT_BELOW},
    )
    return described(
        f"event_{name}",
        _SUMMARIES[collection.name][1],
        (*collection.parameters, *PAGING),
        f"Event{collection.one}Page",
        path={"public_id": "kz2014m7k2ra"},
        tag=collection.name,
    )(view)


def _own(method: Any) -> Any:
    """Return a view's own copy of a method: its description hangs on it."""

    def get(self: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = method(self, *args, **kwargs)
        return answer

    return get


_ABOUT = """Rows of the events that a search finds, in the order of the events.

The search words choose events, the words of this address choose their rows. Follow `next` to the
end: no row unchanged meanwhile is skipped or doubled.
"""
_ABOUT_BELOW = """Rows of one event, in the order in which they were stored; follow `next`."""
