"""How a value of the catalogue is written on a page: size, time, place, depth, uncertainty.

Digits are told as far as the source gives them; what is not reported says so; a time known to the
minute has no seconds. Decimal signs follow the reader's language.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django import template
from django.http import HttpRequest
from django.urls import translate_url
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, npgettext, pgettext
from django.utils.translation import gettext as _

from catalog.formats.values import DEPTH_CLASSES_KM
from catalog.models import Consequence, EventRow, IntensityObservation, Interpretation
from catalog.scales import kr_class as kr_class
from processing.desk.messages import format_name

register = template.Library()

#: Civil time of Kazakhstan's largest city; since 2024-03-01 of the whole country.
ALMATY = ZoneInfo("Asia/Almaty")

DASH = "—"

#: Codes of `processing.core.location.LocationSolution.reason`.
READING_REASONS = {
    "outlier": gettext_lazy("does not fit"),
    "clock": gettext_lazy("only S−P: clock in doubt"),
    "off": gettext_lazy("switched off"),
    "no-rule": gettext_lazy("phase not located with"),
    "no-prediction": gettext_lazy("no such wave there"),
    "too-far": gettext_lazy("too far for this phase"),
    "renamed": gettext_lazy("fits under another name"),
}


def _number(value: float, places: int) -> str:
    # Adding zero takes the sign off a value that is shown as zero.
    rounded = round(value, places) + 0.0
    text = formats.number_format(rounded, decimal_pos=places, use_l10n=True, force_grouping=False)
    return text.replace("-", "\N{MINUS SIGN}")


@register.filter
def decimal(value: float | None, places: int = 1) -> str:
    """A number with so many places, in the reader's way; a dash where there is none."""
    return DASH if value is None else _number(float(value), int(places))


@register.filter
def signed(value: float | None, places: int = 1) -> str:
    """A difference: with its sign, also where it is positive."""
    if value is None:
        return DASH
    text = _number(float(value), int(places))
    return f"+{text}" if round(value, int(places)) > 0 else text


@register.filter
def as_given(value: float | None) -> str:
    """A number with the digits it has (at most 4 places)."""
    if value is None:
        return DASH
    places = next((n for n in range(5) if math.isclose(round(value, n), value, abs_tol=5e-6)), 4)
    return _number(float(value), places)


@register.filter
def magnitude(value: float | None) -> str:
    """A magnitude or class to one place, two where its source gives two.

    A value with more places was computed; it is published to one.
    """
    if value is None:
        return DASH
    places = next((n for n in (1, 2) if math.isclose(round(value, n), value, abs_tol=1e-6)), 1)
    return _number(float(value), places)


@register.filter
def uncertainty(value: float | None, unit: str = "") -> str:
    """``± 0.3 km``; empty where none is reported."""
    if value is None:
        return ""
    number = _number(float(value), 0 if value >= 10 else 1 if value >= 0.095 else 2)
    return f"±\u00a0{number}" + (f"\u00a0{_unit(unit)}" if unit else "")


def _unit(unit: str) -> str:
    return {
        "km": pgettext("unit", "km"),
        "s": pgettext("unit", "s"),
        "deg": "°",
    }.get(unit, unit)


@register.filter
def kilometres(value: float | None, places: int = 0) -> str:
    if value is None:
        return DASH
    return f"{_number(float(value), places)}\u00a0{_unit('km')}"


@register.filter
def seconds(value: float | None, places: int = 1) -> str:
    if value is None:
        return DASH
    return f"{_number(float(value), places)}\u00a0{_unit('s')}"


@register.filter
def degrees(value: float | None, places: int = 0) -> str:
    return DASH if value is None else f"{_number(float(value), places)}°"


@register.filter
def depth(value: float | None) -> str:
    """``10 km``; zero is a depth; empty says that it was not reported."""
    if value is None:
        return _("not reported")
    return f"{as_given(round(value, 1))}\u00a0{_unit('km')}"


def depth_class(value: float | None) -> int | None:
    """The class a depth is coloured by: 0 the shallowest; None where not reported."""
    if value is None:
        return None
    return sum(value >= bound for bound in DEPTH_CLASSES_KM)


@register.filter
def depth_style(value: float | None) -> str:
    """The CSS class word of a depth."""
    number = depth_class(value)
    return "depth-none" if number is None else f"depth-{number}"


def depth_class_labels() -> list[str]:
    """Legend texts, shallow to deep, the last for a depth that is not reported."""
    return [
        _("under 10 km"),
        _("10 to 20 km"),
        _("20 to 40 km"),
        _("40 to 70 km"),
        _("70 km or more"),
        _("not reported"),
    ]


@register.filter
def latitude(value: float | None, places: int | None = None) -> str:
    """``49.56° N``: with the digits it has (two or three), or with so many places."""
    if value is None:
        return DASH
    side = pgettext("latitude", "N") if value >= 0 else pgettext("latitude", "S")
    return f"{_coordinate(value, places)}°\u00a0{side}"


@register.filter
def longitude(value: float | None, places: int | None = None) -> str:
    """``72.97° E``."""
    if value is None:
        return DASH
    side = pgettext("longitude", "E") if value >= 0 else pgettext("longitude", "W")
    return f"{_coordinate(value, places)}°\u00a0{side}"


def _coordinate(value: float, places: int | None) -> str:
    value = abs(value)
    if places is None:
        places = 2 if math.isclose(round(value, 2), value, abs_tol=5e-6) else 3
    return _number(value, places)


def clock(value: datetime, minute_precision: bool = False, places: int = 1) -> str:
    """``06:30`` where only the minute is known, else ``06:30:12`` or ``06:30:12.3``."""
    if minute_precision:
        return f"{value:%H:%M}"
    fraction = value.microsecond
    if not fraction or not places:
        return f"{value:%H:%M:%S}"
    # Rounding could carry into the minute, so the whole time is rounded first.
    step = 10 ** (6 - places)
    value = value + timedelta(microseconds=round(fraction / step) * step - fraction)
    return f"{value:%H:%M:%S}.{value.microsecond // step:0{places}d}"


@register.simple_tag
def origin_time(
    value: datetime | None, minute_precision: bool = False, places: int = 1
) -> SafeString | str:
    """An origin time in UTC as tables write it: ``2014-06-21 06:30:12.3``."""
    if value is None:
        return DASH
    value = value.astimezone(UTC)
    text = f"{value:%Y-%m-%d} {clock(value, minute_precision, places)}"
    machine = f"{value:%Y-%m-%dT%H:%M}Z" if minute_precision else value.isoformat()
    return format_html('<time datetime="{}">{}</time>', machine, text)


@register.filter
def long_date(value: datetime) -> str:
    """The date of a UTC time in words, by the language's own format."""
    return _date_words(value.astimezone(UTC))


def _date_words(value: datetime) -> str:
    words = formats.date_format(value, "DATE_FORMAT")
    # Kazakh writes months small inside a date; Django's catalogue has them capital.
    return words.lower() if (get_language() or "").startswith("kk") else words


@register.filter
def utc_clock(value: datetime, minute_precision: bool = False) -> str:
    return clock(value.astimezone(UTC), minute_precision)


@register.filter
def offset_words(value: datetime) -> str:
    """The offset of Almaty's civil time then: ``UTC+6``."""
    offset = value.astimezone(ALMATY).utcoffset() or timedelta()
    return utc_offset(offset.total_seconds())


def utc_offset(seconds: float) -> str:
    """Return an offset from UTC as ``UTC+6``, ``UTC+5:30``."""
    total = round(seconds / 60)
    hours, minutes = divmod(abs(total), 60)
    sign = "−" if total < 0 else "+"
    return f"UTC{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


@register.simple_tag
def local_time(value: datetime, minute_precision: bool = False) -> str:
    """Civil time in Almaty with its offset; the date too where it differs from the UTC one."""
    local = value.astimezone(ALMATY)
    text = clock(local, minute_precision, places=0)
    if local.date() != value.astimezone(UTC).date():
        text = f"{_date_words(local)}, {text}"
    return f"{text} ({offset_words(value)})"


@register.simple_tag
def local_long(value: datetime, minute_precision: bool = False) -> str:
    """Day and civil time in Almaty: ``Friday, 14 November 2014, 07:24:16 (UTC+6)``."""
    local = value.astimezone(ALMATY)
    weekday = formats.date_format(local, "l")
    if not (get_language() or "en").startswith("en"):  # English alone writes it with a capital
        weekday = weekday.lower()
    time = clock(local, minute_precision, places=0)
    return f"{weekday}, {_date_words(local)}, {time} ({offset_words(value)})"


@lru_cache(maxsize=1)
def almaty_offsets() -> list[tuple[int, int]]:
    """When Almaty's offset changed: (ms since the epoch, minutes), oldest first.

    Given to the map's script, so that it writes the same local times as the pages whatever age
    the browser's own time-zone tables have.
    """

    def minutes(moment: datetime) -> int:
        return round((moment.astimezone(ALMATY).utcoffset() or timedelta()).total_seconds() / 60)

    moment, end = datetime(1900, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
    # Before 1970 too: an origin time of 1889 has the offset of the first entry.
    found = [(-(2**53) + 1, minutes(moment))]
    while moment < end:
        later = moment + timedelta(days=7)
        if minutes(later) != minutes(moment):
            low, high = moment, later
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if minutes(middle) == minutes(moment) else (low, middle)
            change = (high + timedelta(seconds=30)).replace(second=0, microsecond=0)
            found.append((int(change.timestamp() * 1000), minutes(later)))
        moment = later
    return found


# --- Size ------------------------------------------------------------------------------------


def equivalent_magnitude(kr: float | None, mpva: float | None, other: float | None) -> float | None:
    """A magnitude for *words and symbol size only*: M = (KR - 4) / 1.8; KR = 2.31 MPVA - 0.52.

    The first is Rautian's relation, the second the regression of KR and MPVA as the network
    issued them; both are stated on the methods page. The value itself is never shown.
    """
    if kr is not None:
        return (kr - 4.0) / 1.8
    if other is not None:
        return other
    if mpva is not None:
        return (2.31 * mpva - 0.52 - 4.0) / 1.8
    return None


def size_words(value: float | None) -> str:
    """How strong, in a word, by the usual classes of magnitude."""
    if value is None:
        return _("size not known")
    words = (
        (2.0, _("micro earthquake")),
        (4.0, _("minor earthquake")),
        (5.0, _("light earthquake")),
        (6.0, _("moderate earthquake")),
        (7.0, _("strong earthquake")),
        (8.0, _("major earthquake")),
    )
    return next((word for bound, word in words if value < bound), _("great earthquake"))


SIZE_COLUMNS = (
    ("KR", "kr"),
    ("Mw", "mw"),
    ("MS", "ms"),
    ("MLV", "mlv"),
    ("mb", "mb"),
    ("ML", "ml"),
    ("MPVA", "mpva"),
)


def sizes(row: EventRow) -> list[tuple[str, float]]:
    """The sizes a catalogue row has, KR first, as (scale, value)."""
    return [
        (scale, value)
        for scale, column in SIZE_COLUMNS
        if (value := getattr(row, column)) is not None
    ]


@register.filter
def size_list(row: EventRow) -> list[dict[str, str]]:
    """For templates: ``[{"scale": "KR", "value": "11.7"}, ...]``."""
    return [{"scale": scale, "value": magnitude(value)} for scale, value in sizes(row)]


@register.filter
def row_size_words(row: EventRow) -> str:
    equal = equivalent_magnitude(row.kr, row.mpva, row.magnitude)
    return size_words(equal)


@register.filter
def intensity(value: float | None) -> str:
    """An intensity as macroseismic lists write it: ``4``, ``3-4``."""
    if value is None:
        return DASH
    low = math.floor(value)
    return str(low) if value == low else f"{low}–{low + 1}"


def place_of(row: EventRow) -> str:
    """The event's name in the reader's language, else its place."""
    return row_name(row) or row_place(row)


@register.filter
def row_place(row: EventRow) -> str:
    """Distance and direction from the nearest settlement, else the coordinates."""
    language = (get_language() or "en")[:2]
    text = getattr(row, f"place_{language}") or row.place_en
    return str(text) or f"{latitude(row.latitude)}, {longitude(row.longitude)}"


@register.filter
def row_name(row: EventRow) -> str:
    """The event's own name in the reader's language; mostly there is none."""
    language = (get_language() or "en")[:2]
    return str(getattr(row, f"name_{language}"))


@register.filter
def row_title(row: EventRow) -> str:
    """The event's name where it has one, else its place."""
    return place_of(row)


@register.filter
def note(record: Consequence | Interpretation) -> str:
    """The note of a record in the reader's language, else in English, else in any."""
    language = (get_language() or "en")[:2]
    texts = [getattr(record, f"note_{code}") for code in (language, "en", "ru", "kk")]
    return next((text for text in texts if text), "")


# --- Words of the field -----------------------------------------------------------------------


@register.filter
def event_type_words(value: str) -> str:
    """A QuakeML event type in the reader's language; an unknown one as reported."""
    return event_types().get(value or "earthquake", value)


def event_types() -> dict[str, str]:
    """The event types met in catalogues and their words in the reader's language."""
    return {
        "earthquake": _("earthquake"),
        "induced or triggered event": _("induced or triggered event"),
        "explosion": _("explosion"),
        "chemical explosion": _("chemical explosion"),
        "nuclear explosion": _("nuclear explosion"),
        "mining explosion": _("mining explosion"),
        "quarry blast": _("quarry blast"),
        "industrial explosion": _("industrial explosion"),
        "rock burst": _("rock burst"),
        "collapse": _("collapse"),
        "cavity collapse": _("cavity collapse"),
        "mine collapse": _("mine collapse"),
        "landslide": _("landslide"),
        "anthropogenic event": _("anthropogenic event"),
        "not reported": _("type not reported"),
        "other event": _("other event"),
    }


@register.filter
def format_words(code: str) -> str:
    """A bulletin format's name in the reader's language."""
    return format_name(code)


#: How bulletins write the place of I0, the intensity at the epicentre (the portal's own tables).
EPICENTRE = "epicentre"


def is_at_epicentre(observation: IntensityObservation) -> bool:
    """I0 is not the intensity of a settlement, whatever column it came in."""
    return observation.settlement is None and observation.place.strip().lower() == EPICENTRE


@register.filter
def felt_place(observation: IntensityObservation) -> str:
    """Where it was felt: the settlement, ``I0 (at the epicentre)``, or the place as reported."""
    if is_at_epicentre(observation):
        return _("I0 (at the epicentre)")
    return str(observation.settlement.name if observation.settlement else observation.place)


@register.filter
def certainty_words(value: str) -> str:
    return {"known": _("certain"), "suspected": _("suspected")}.get(value, value)


@register.filter
def reading_reason(comments: list[str]) -> str:
    """Say why a computed solution does not use a reading; empty for an ordinary one."""
    for comment in comments or ():
        reason = READING_REASONS.get(str(comment).removeprefix("location:"))
        if reason is not None and str(comment).startswith("location:"):
            return str(reason)
    return ""


@register.filter
def mode_words(value: str) -> str:
    return {"automatic": _("automatic"), "manual": _("manual")}.get(value, value)


@register.filter
def scale_words(scale: str) -> str:
    """What a scale is, for a reader who does not know it."""
    return {
        "KR": _("energy class (Rautian): the decimal logarithm of the seismic energy in joules"),
        "MPVA": _("regional body-wave magnitude from P waves, short-period instruments"),
        "MLV": _("surface-wave magnitude from the vertical component"),
        "MS": _("surface-wave magnitude"),
        "mb": _("body-wave magnitude from short-period P waves"),
        "ML": _("local magnitude"),
        "Mw": _("moment magnitude, from the size of the rupture and its slip"),
    }.get(scale, "")


@register.filter
def people(value: int | None) -> str:
    """A number of people or things with its thousands apart; a dash where it is not known."""
    if value is None:
        return DASH
    return formats.number_format(value, force_grouping=True, use_l10n=True)


@register.simple_tag
def events_counted(count: int) -> str:
    return npgettext("count", "%(count)s event", "%(count)s events", count) % {
        "count": formats.number_format(count, force_grouping=True, use_l10n=True)
    }


# --- Addresses ---------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def language_address(context: template.Context, code: str) -> str:
    """The same page, the same search, in another language."""
    request: HttpRequest | None = context.get("request")
    if request is None:
        return f"/{code}/"
    return translate_url(request.get_full_path(), code)


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: object) -> str:
    """This page's address with some query words changed; an empty value takes a word away."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return "?" + query.urlencode(safe="/:,") if query else "?"
