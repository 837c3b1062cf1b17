"""Magnitude scales in words: what each measures, what became of a station, how sure a record is.

The scales themselves are records of `processing.core.magnitude_scales`; here they become sentences
of the reader's language. Texts of the records that are prose are translated by `record_words`;
citations stay as they are printed.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.scales import CONVERTED
from portal.templatetags.seismo import as_given, decimal, scale_words
from processing.core import magnitude
from processing.core.magnitude_scales import (
    BY_ID,
    LG_FASTEST_KM_S,
    LG_SLOWEST_KM_S,
    SLOWEST_SURFACE_KM_S,
    Certainty,
    Component,
    Outcome,
    Quantity,
    Scale,
    Status,
    Window,
)

OUTCOMES: Mapping[str, Promise] = {
    Outcome.USED: gettext_lazy("used"),
    Outcome.OUTLIER: gettext_lazy("too far from the other stations"),
    Outcome.AMPLITUDE_NOT_POSITIVE: gettext_lazy("amplitude zero or negative"),
    Outcome.AMPLITUDE_MISSING: gettext_lazy("amplitude missing"),
    Outcome.PERIOD_MISSING: gettext_lazy("period missing"),
    Outcome.PERIOD_OUTSIDE: gettext_lazy("period outside the scale’s range"),
    Outcome.UNIT_UNKNOWN: gettext_lazy("unit of the amplitude unknown"),
    Outcome.DISTANCE_UNKNOWN: gettext_lazy("distance unknown: the station has no coordinates"),
    Outcome.DISTANCE_OUTSIDE: gettext_lazy("distance outside the scale’s range"),
    Outcome.DEPTH_OUTSIDE: gettext_lazy("depth outside the scale’s range"),
    Outcome.NO_CALIBRATION: gettext_lazy("no calibration for this scale"),
    Outcome.COMPONENT_MISSING: gettext_lazy("one of the two readings missing"),
    Outcome.BOUND_ONLY: gettext_lazy("only a bound was reported"),
    Outcome.SECOND_SENSOR: gettext_lazy("two sensors; the other one counts"),
    Outcome.NO_RESPONSE: gettext_lazy("instrument response missing"),
    Outcome.RESPONSE_OF_ANOTHER_CHANNEL: gettext_lazy("response of another channel"),
    Outcome.RESPONSE_OF_ANOTHER_EPOCH: gettext_lazy("response of another epoch"),
    Outcome.CLIPPED: gettext_lazy("record clipped"),
    Outcome.GAP: gettext_lazy("gap in the window"),
    Outcome.OUTSIDE_RECORD: gettext_lazy("the record does not hold the window"),
    Outcome.NOISE: gettext_lazy("not above the noise"),
    Outcome.REJECTED: gettext_lazy("rejected by an operator"),
    Outcome.DEPTH_UNKNOWN: gettext_lazy("depth of the earthquake unknown"),
    Outcome.OTHER_READING: gettext_lazy("another reading of the station counts"),
    Outcome.VALUE_OUTSIDE: gettext_lazy("gives a size that no earthquake has"),
}
REASONS: Mapping[str, Promise] = {
    "too_few_stations": gettext_lazy("too few stations have a value"),
    "no_usable_reading": gettext_lazy("no reading can be used"),
}

#: What each scale measures, for a visitor, by the record's id.
MEASURES: Mapping[str, Promise] = {
    "KR_WSG": gettext_lazy(
        "Energy class from the largest ground displacement in P and in S, by the formula of the"
        " program WSG. One class more is ten times the energy."
    ),
    "KR_ASLANOV": gettext_lazy(
        "The same energy class by another published formula, made for Dagestan; shown to tell how"
        " much depends on the formula."
    ),
    "MPVA": gettext_lazy(
        "The magnitude of Kazakhstan’s networks from short-period P waves of near earthquakes."
    ),
    "MPSP": gettext_lazy("Short-period P waves of distant earthquakes, as Obninsk measures them."),
    "MLV": gettext_lazy("Surface waves, up and down, at the largest ratio of amplitude to period."),
    "MLH": gettext_lazy("Surface waves, sideways; once the main magnitude of Soviet catalogues."),
    "MS_REG": gettext_lazy("Surface waves of near earthquakes, a scale of the region."),
    "Ms_20": gettext_lazy("Surface waves with periods about 20 seconds, the world’s classic."),
    "Ms_BB": gettext_lazy("The strongest ground velocity of surface waves, whatever their period."),
    "mb": gettext_lazy("Short-period P waves of distant earthquakes, the world’s classic."),
    "mb_MB": gettext_lazy(
        "The same waves with a newer table of distances, which also holds from 2 degrees on."
    ),
    "mb_VC": gettext_lazy("The same waves with the table that nuclear-test monitoring grew up on."),
    "mB_BB": gettext_lazy(
        "The strongest ground velocity of P waves; follows large earthquakes farther than mb."
    ),
    "ML": gettext_lazy(
        "Richter’s scale: the swing of a Wood–Anderson seismograph near the earthquake."
    ),
    "mb_Lg": gettext_lazy("Lg waves, guided by the crust of old platforms."),
    "Mw": gettext_lazy(
        "The seismic moment: area of the rupture, slip on it, stiffness of the rock. It does not"
        " saturate."
    ),
}

#: What a seismologist should know beside the record, by its id.
NOTES: Mapping[str, Promise] = {
    "KR_WSG": gettext_lazy(
        "Neither formula is shown to be Rautian’s nomogram, and neither text states the unit: at"
        " R = 100 km, 1 µm gives K 9.95 by WSG and 9.65 by Aslanov, and 1.8 ML + 4 gives 9.97."
        " Nine station values of the article on 2014, taken as peak velocity × T / 2π, come out 0.9"
        " above the published KR at the median, from 0.2 to 1.8 above. Beyond 800 km the published"
        " branch is a stub and is refused."
    ),
    "KR_ASLANOV": gettext_lazy(
        "Agrees with the WSG formula within 0.5 from 5 to 500 km and has the same excess over"
        " published values."
    ),
    "MPVA": gettext_lazy(
        "Not equal to the teleseismic MPSP: regional amplitudes of P change wildly with distance,"
        " and composite catalogues leave it out."
    ),
    "MLH": gettext_lazy(
        "Taken at the largest A/T, not at 20 s; later Soviet bulletins call it Ms, which is not the"
        " western Ms."
    ),
    "mb": gettext_lazy("The table was digitised and may be off the printed one by 0.1."),
    "mb_VC": gettext_lazy(
        "The table takes peak-to-peak amplitudes; used with zero-to-peak ones it loses 0.30."
    ),
    "ML": gettext_lazy(
        "The Wood–Anderson is simulated with the magnification 2080; with the old 2800 values are"
        " 0.13 higher."
    ),
    "Mw": gettext_lazy("Only from a moment that an agency reported; none is inverted here."),
}

STATUS: Mapping[str, Promise] = {
    Status.STANDARD: gettext_lazy("published formula and calibration"),
    Status.UNCALIBRATED: gettext_lazy(
        "published formula, not shown to agree with what the agencies publish"
    ),
    Status.NEEDS_CALIBRATION: gettext_lazy(
        "no calibration was found; values only with one fitted here and accepted by an editor"
    ),
    Status.NEEDS_PARAMETERS: gettext_lazy(
        "holds a constant of the region that was not found; no values"
    ),
}
STATUS_SHORT: Mapping[str, Promise] = {
    Status.STANDARD: gettext_lazy("standard"),
    Status.UNCALIBRATED: gettext_lazy("uncalibrated"),
    Status.NEEDS_CALIBRATION: gettext_lazy("calibration not found"),
    Status.NEEDS_PARAMETERS: gettext_lazy("constant not found"),
}
CERTAINTY: Mapping[str, Promise] = {
    Certainty.VERIFIED: gettext_lazy("the source was read"),
    Certainty.LITERATURE: gettext_lazy(
        "as generally known in the literature; the source was not at hand"
    ),
    Certainty.ASSUMED: gettext_lazy("ours, for want of a source"),
}
QUANTITY: Mapping[str, Promise] = {
    Quantity.DISPLACEMENT: gettext_lazy("ground displacement, zero to peak"),
    Quantity.VELOCITY: gettext_lazy("ground velocity, zero to peak"),
    Quantity.WOOD_ANDERSON: gettext_lazy(
        "displacement on a simulated Wood–Anderson seismograph of static gain 1, zero to peak"
    ),
    Quantity.MOMENT: gettext_lazy("scalar seismic moment; no amplitude is read"),
}
COMPONENT: Mapping[str, Promise] = {
    Component.VERTICAL: gettext_lazy("vertical"),
    Component.HORIZONTAL: gettext_lazy("the larger of the two horizontals"),
    Component.VECTOR: gettext_lazy("vector of both horizontals at nearly one time"),
    Component.P_AND_S: gettext_lazy("P on the vertical and S on the larger horizontal, added"),
}
INSTRUMENT: Mapping[str, Promise] = {
    "SKM": gettext_lazy("SKM short-period seismograph; its constants are assumed"),
    "SKD": gettext_lazy("SKD long-period seismograph (Kirnos)"),
    "WWSSN_SP": gettext_lazy("WWSSN short-period seismograph"),
    "WWSSN_LP": gettext_lazy("WWSSN long-period seismograph"),
    "WOOD_ANDERSON": gettext_lazy("Wood–Anderson seismograph"),
    "VELOCITY": gettext_lazy("none: ground velocity"),
}
TABLES: Mapping[str, Promise] = {
    "gutenberg-richter": gettext_lazy("Gutenberg and Richter (1956), by distance and depth"),
    "murphy-barker": gettext_lazy("Murphy and Barker (2003), by distance and depth"),
    "veith-clawson": gettext_lazy("Veith and Clawson (1972), by distance, for the surface"),
}

#: Prose in the records, as they have it: a record whose text is not here stays English.
_RECORD_TEXTS: Mapping[str, Promise] = {
    "A in µm": gettext_lazy("A in µm"),
    "2A peak to peak": gettext_lazy("2A peak to peak"),
    "M0 in N m": gettext_lazy("M0 in N m"),
    "unit of A: µm is the only one that fits": gettext_lazy(
        "unit of A: µm is the only one that fits"
    ),
    "instrument": gettext_lazy("instrument"),
    "window_s": gettext_lazy("length of the window"),
    "period_s": gettext_lazy("range of periods"),
    "distance_deg": gettext_lazy("range of distances"),
    "depth_km": gettext_lazy("range of depths"),
    "depth_km: the table at hand ends at 50 km": gettext_lazy(
        "range of depths: the table at hand ends at 50 km"
    ),
    "Regional P scale of Kazakhstan; σ(Δ) of Mikhailova & Neverova (1986) not found": gettext_lazy(
        "Regional P scale of Kazakhstan; σ(Δ) of Mikhailova and Neverova (1986) was not found"
    ),
    "Soviet practice of the 1982 Instruktsiya (not at hand); σ of the 1982 Instruktsiya not found":
        gettext_lazy(
            "Soviet practice of the 1982 instruction (not at hand); its table of σ was not found"
        ),
    "Regional surface-wave scale of Kazakhstan; its calibration was not found": gettext_lazy(
        "Regional surface-wave scale of Kazakhstan; its calibration was not found"
    ),
    "Akimov & Krasilov (2020), WSG, as given by Sidorov-Biryukov's K-class plug-in": gettext_lazy(
        "Akimov and Krasilov (2020), program WSG, as given by Sidorov-Biryukov’s plug-in"
    ),
    "Aslanov et al. (2015), Dagestan, as given by Sidorov-Biryukov's K-class plug-in": gettext_lazy(
        "Aslanov et al. (2015), Dagestan, as given by Sidorov-Biryukov’s plug-in"
    ),
    "Vaněk et al. (1962), the Prague formula; IASPEI (2013)": gettext_lazy(
        "Vaněk et al. (1962), the Prague formula; IASPEI (2013)"
    ),
    "IASPEI (2013); depth as iLoc": gettext_lazy("IASPEI (2013); depth as in iLoc"),
    "Veith & Clawson (1972), table 2": gettext_lazy("Veith and Clawson (1972), table 2"),
    "IASPEI (2013), attenuation of southern California by Hutton & Boore (1987)": gettext_lazy(
        "IASPEI (2013), attenuation of southern California by Hutton and Boore (1987)"
    ),
    "IASPEI (2013); γ of Kazakhstan is not known here": gettext_lazy(
        "IASPEI (2013); γ of Kazakhstan is not known here"
    ),
    "IASPEI (2013), from a reported moment": gettext_lazy("IASPEI (2013), from a reported moment"),
}  # fmt: skip


def record_words(text: str) -> str:
    """Return a record's text in the reader's language, else as it is."""
    return str(_RECORD_TEXTS.get(text, text))


def outcome_words(code: str) -> str:
    return str(OUTCOMES.get(code, code.replace("_", " ")))


def reason_words(code: str) -> str:
    """Say why a scale has no network value; it may be what kept every station from one."""
    return str(REASONS.get(code) or outcome_words(code))


def scale_name(scale: str) -> str:
    """Return what to print for a scale's id: its type."""
    return BY_ID[scale].type if scale in BY_ID else scale


def size_scale_words(scale: str, magnitude_type: str) -> str:
    """Say what a size measures, from the catalogue's scale or the record of its type."""
    known = scale_words(scale)
    if known:
        return known
    record = next((one for one in BY_ID.values() if one.type == magnitude_type), None)
    return str(MEASURES[record.id]) if record is not None and record.id in MEASURES else ""


def warnings(scale: str, calibration: str) -> list[str]:
    """Return what must be said beside every value of a scale.

    Parameters
    ----------
    calibration
        The version of a calibration fitted here, "" for none.
    """
    if calibration:
        return [
            _("calibration %(version)s, fitted here and accepted by an editor")
            % {"version": calibration}
        ]
    if scale == "KR_WSG":
        # project methods 1.5: the median over the article's own values.
        return [
            _("by the WSG formula, uncalibrated: about %(classes)s above published values")
            % {"classes": decimal(0.9)}
        ]
    if scale == "KR_ASLANOV":
        return [
            _("by the formula of Aslanov, uncalibrated: within %(classes)s of the WSG formula")
            % {"classes": decimal(0.5)}
        ]
    return []


def unit_of(scale: Scale | None) -> str:
    """Return the unit of a scale's amplitudes."""
    if scale is None:
        return ""
    return {
        Quantity.DISPLACEMENT: _("nm"),
        Quantity.WOOD_ANDERSON: _("nm"),
        Quantity.VELOCITY: _("nm/s"),
        Quantity.MOMENT: _("N m"),
    }[scale.quantity]


def window_words(scale: Scale) -> str:
    """Say where on the record the extremum is looked for."""
    match scale.window:
        case Window.P:
            return _("%(seconds)s s from P, not beyond S") % {"seconds": as_given(scale.window_s)}
        case Window.P_TO_S:
            return _("P: from P to S; S: from S on")
        case Window.S:
            return _("%(seconds)s s from S") % {"seconds": as_given(scale.window_s)}
        case Window.SURFACE:
            return _("from S to the arrival at %(speed)s km/s") % {
                "speed": as_given(SLOWEST_SURFACE_KM_S)
            }
        case Window.LG:
            return _("group velocities from %(fast)s to %(slow)s km/s") % {
                "fast": as_given(LG_FASTEST_KM_S),
                "slow": as_given(LG_SLOWEST_KM_S),
            }
    return ""


def network_rule(scale: Scale) -> magnitude.NetworkRule:
    """Return the rule that makes one value of the stations' on a scale."""
    return magnitude.SCALE_RULES[scale.id]


def rule_words(rule: magnitude.NetworkRule) -> str:
    """Say how the stations of a scale become one value."""
    parts = [_("median of the stations, at least %(n)s") % {"n": rule.minimum_stations}]
    if rule.maximum_deviation is not None:
        parts.append(
            _("left out: more than %(value)s from the median")
            % {"value": decimal(rule.maximum_deviation)}
        )
    if rule.maximum_mads is not None:
        parts.append(
            _("left out: more than %(n)s scaled median absolute deviations from the median")
            % {"n": as_given(rule.maximum_mads)}
        )
    if rule.spared:
        parts.append(
            _("kept in any case: within %(value)s of the median") % {"value": decimal(rule.spared)}
        )
    spread = _("uncertainty: 1.4826 times the median absolute deviation")
    if rule.trim:
        spread += " " + _("of the middle %(percent)s percent") % {
            "percent": decimal(100.0 * (1.0 - rule.trim), 0)
        }
    return "; ".join([*parts, spread])


def formula_words(scale: Scale) -> tuple[str, str]:
    """Return a formula and the remark behind it, the remark in the reader's language."""
    formula, comma, remark = scale.formula.rpartition(", ")
    # A comma inside σ(Δ, h) parts no remark.
    if not comma or formula.count("(") != formula.count(")"):
        return scale.formula, ""
    return formula, record_words(remark)


def relation_words(relation: str) -> str:
    """Name a relation that a value was converted by."""
    if relation == CONVERTED:
        return "M = (KR − 4) / 1.8"
    return relation
