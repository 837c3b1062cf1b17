"""The magnitude scales as records: what each measures, where it holds, whence it is known.

A record says everything a reader or a program needs to know of a scale but the numbers of its
distance table, which `processing.core.calibration_tables` holds, or which were fitted here and
accepted by an editor (`processing.core.calibration`). A scale whose calibration nobody published
has no value until one is fitted: nothing is guessed.

References
----------
IASPEI (2013), Summary of Magnitude Working Group recommendations on standard procedures for
determining earthquake magnitudes from digital data.

Gutenberg & Richter (1956), Magnitude and energy of earthquakes, Ann. Geofis. 9, 1-15.

Vaněk, Zátopek, Kárník et al. (1962), Standardization of magnitude scales, Izv. Acad. Sci. USSR,
Geophys. Ser. 2, 153-158: the Prague formula.

Veith & Clawson (1972), Bull. Seismol. Soc. Am. 62, 435-452. Murphy & Barker (2003), Bull. Seismol.
Soc. Am. 93.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Quantity(StrEnum):
    """What an amplitude is of, in the unit formulas take it in."""

    DISPLACEMENT = "displacement"
    """Ground displacement, zero to peak, nm."""
    VELOCITY = "velocity"
    """Ground velocity, zero to peak, nm/s."""
    WOOD_ANDERSON = "wood-anderson"
    """Displacement on a Wood-Anderson simulated at static gain 1, zero to peak, nm."""
    MOMENT = "moment"
    """Scalar seismic moment, N m: no amplitude is read."""


class Component(StrEnum):
    """Which records of a station one value is read from."""

    VERTICAL = "Z"
    HORIZONTAL = "H"
    """The larger of the two horizontals."""
    VECTOR = "NE"
    """Root of the sum of squares of both horizontals at nearly one time."""
    P_AND_S = "Z+H"
    """P on the vertical and S on the larger horizontal, added."""
    NONE = ""


class Window(StrEnum):
    """Where on the record the extremum is looked for, from times of the located origin."""

    P = "P"
    """From the first P for `window_s`, and not beyond the first S."""
    P_TO_S = "P-S"
    """From the first P to the first S."""
    S = "S"
    """From the first S for `window_s`."""
    SURFACE = "surface"
    """From the first S to the arrival at 2.5 km/s (see `SLOWEST_SURFACE_KM_S`)."""
    LG = "Lg"
    """Group velocities 3.6 to 3.1 km/s."""
    NONE = ""


class Status(StrEnum):
    """Whether values may be printed without a word of warning."""

    STANDARD = "standard"
    """A published formula and calibration."""
    UNCALIBRATED = "uncalibrated"
    """Published, but not shown to agree with what the agencies publish."""
    NEEDS_CALIBRATION = "needs calibration"
    """No published calibration was found: values only with one fitted and accepted here."""
    NEEDS_PARAMETERS = "needs parameters"
    """The formula holds a regional constant that nobody published for the region."""


class Certainty(StrEnum):
    """How sure the numbers of a record are."""

    VERIFIED = "verified"
    """The source was read."""
    LITERATURE = "literature"
    """As generally known; the source was not at hand."""
    ASSUMED = "assumed"
    """Ours, for want of a source."""


SLOWEST_SURFACE_KM_S = 2.5
"""Rg and slow surface waves; HYPOSAT's default group velocity of Rg."""
LG_FASTEST_KM_S, LG_SLOWEST_KM_S = 3.6, 3.1
"""Window of Lg. Literature."""
SMALLEST, LARGEST = -10.0, 25.0
"""No station gives less or more, an energy class included; the database keeps nothing beyond."""

_WHOLE_DEPTH = (0.0, 800.0)


@dataclass(frozen=True)
class Scale:
    """One scale. Ranges are closed; ``None`` is no limit."""

    id: str
    """Unique; what calibrations, assessments and addresses name."""
    type: str
    """As printed, and as `Magnitude.type` holds it."""
    column: str
    """The catalogue's scale it counts on (`catalog.scales`); "" for one with no column of its
    own, which is shown beside the others and never pooled with them."""
    formula: str
    """The formula in words of mathematics."""
    formula_id: str
    """Names the function in `processing.core.station_magnitude`."""
    quantity: Quantity
    component: Component
    phases: tuple[str, ...]
    """Phases its amplitudes are reported under, by their first letters as ISF writes them."""
    hints: tuple[str, ...]
    """What agencies call an amplitude or station magnitude of this scale."""
    window: Window
    window_s: float | None
    instrument: str
    """Response the record is given: an id of `processing.core.instruments`."""
    period_s: tuple[float, float] | None
    distance_deg: tuple[float, float]
    depth_km: tuple[float, float]
    hypocentral_km: tuple[float, float] | None = None
    calibration: str = ""
    """Id of a published table; "" where the formula is whole or the table must be fitted."""
    status: Status = Status.STANDARD
    certainty: Certainty = Certainty.VERIFIED
    assumed: tuple[str, ...] = ()
    """Fields of this record that are ours or from memory."""
    source: str = ""

    @property
    def divides_by_period(self) -> bool:
        """True where the formula takes A/T and needs the period."""
        return "A/T" in self.formula

    @property
    def needs_depth(self) -> bool:
        """True where a depth that is not known leaves the value unknown."""
        return (
            self.hypocentral_km is not None
            or self.calibration != ""
            or self.depth_km[1] < _WHOLE_DEPTH[1]
        )


_PRAGUE = "Vaněk et al. (1962), the Prague formula; IASPEI (2013)"
_OBNINSK = "Soviet practice of the 1982 Instruktsiya (not at hand)"
_KR_PHASES = ("P", "S", "Lg")
_MB_HINTS = ("mb", "mb1", "Mb", "MB", "AMB", "IAmb")

SCALES: tuple[Scale, ...] = (
    Scale(
        id="KR_WSG",
        type="KR(WSG)",
        column="KR",
        formula="K = 1.84 (lg(A_P + A_S) + B(R)), A in µm",
        formula_id="kr_wsg",
        quantity=Quantity.DISPLACEMENT,
        component=Component.P_AND_S,
        phases=_KR_PHASES,
        hints=("KR", "K", "AP", "AS"),
        window=Window.P_TO_S,
        window_s=None,
        instrument="SKM",
        period_s=None,
        distance_deg=(0.0, 10.0),
        depth_km=(0.0, 80.0),
        hypocentral_km=(1.0, 800.0),
        status=Status.UNCALIBRATED,
        assumed=("unit of A: µm is the only one that fits", "instrument"),
        source="Akimov & Krasilov (2020), WSG, as given by Sidorov-Biryukov's K-class plug-in",
    ),
    Scale(
        id="KR_ASLANOV",
        type="KR(Aslanov)",
        column="KR",
        formula="K = 2.94 + 1.935 (lg(A_P + A_S) + 1.734 lg R), A in µm",
        formula_id="kr_aslanov",
        quantity=Quantity.DISPLACEMENT,
        component=Component.P_AND_S,
        phases=_KR_PHASES,
        hints=("KR", "K", "AP", "AS"),
        window=Window.P_TO_S,
        window_s=None,
        instrument="SKM",
        period_s=None,
        distance_deg=(0.0, 15.0),
        depth_km=(0.0, 180.0),
        hypocentral_km=(1.0, 1668.0),
        status=Status.UNCALIBRATED,
        assumed=("unit of A: µm is the only one that fits", "instrument"),
        source="Aslanov et al. (2015), Dagestan, as given by Sidorov-Biryukov's K-class plug-in",
    ),
    Scale(
        id="MPVA",
        type="MPVA",
        column="MPVA",
        formula="MPVA = lg(A/T) + σ(Δ)",
        formula_id="fitted_sigma",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("P",),
        hints=("MPVA", "MPV", "MPSP"),
        window=Window.P,
        window_s=30.0,
        instrument="SKM",
        period_s=(0.1, 3.0),
        distance_deg=(0.0, 30.0),
        depth_km=_WHOLE_DEPTH,
        status=Status.NEEDS_CALIBRATION,
        certainty=Certainty.LITERATURE,
        assumed=("window_s", "period_s", "distance_deg", "instrument"),
        source="Regional P scale of Kazakhstan; σ(Δ) of Mikhailova & Neverova (1986) not found",
    ),
    Scale(
        id="MPSP",
        type="MPSP",
        column="",
        formula="MPSP = lg(A/T) + σ(Δ, h)",
        formula_id="fitted_sigma",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("P",),
        hints=("MPSP", "MPV"),
        window=Window.P,
        window_s=30.0,
        instrument="SKM",
        period_s=(0.1, 3.0),
        distance_deg=(20.0, 100.0),
        depth_km=_WHOLE_DEPTH,
        status=Status.NEEDS_CALIBRATION,
        certainty=Certainty.LITERATURE,
        assumed=("window_s", "period_s", "instrument"),
        source=_OBNINSK + "; σ of the 1982 Instruktsiya not found",
    ),
    Scale(
        id="MLV",
        type="MLV",
        column="MLV",
        formula="MLV = lg(A/T) + 1.66 lg Δ + 3.3, A in µm",
        formula_id="prague",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("L", "M", "R"),
        hints=("MLV",),
        window=Window.SURFACE,
        window_s=None,
        instrument="SKD",
        period_s=(3.0, 60.0),
        distance_deg=(2.0, 160.0),
        depth_km=(0.0, 100.0),
        certainty=Certainty.LITERATURE,
        assumed=("period_s", "distance_deg", "depth_km"),
        source=_PRAGUE,
    ),
    Scale(
        id="MLH",
        type="MLH",
        column="",
        formula="MLH = lg(A/T) + 1.66 lg Δ + 3.3, A in µm",
        formula_id="prague",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VECTOR,
        phases=("L", "M", "R"),
        hints=("MLH",),
        window=Window.SURFACE,
        window_s=None,
        instrument="SKD",
        period_s=(3.0, 60.0),
        distance_deg=(2.0, 160.0),
        depth_km=(0.0, 100.0),
        certainty=Certainty.LITERATURE,
        assumed=("period_s", "distance_deg", "depth_km"),
        source=_PRAGUE,
    ),
    Scale(
        id="MS_REG",
        type="MS(reg)",
        column="",
        formula="MS(reg) = lg(A/T) + σ(Δ)",
        formula_id="fitted_sigma",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("L", "M", "R"),
        hints=("MS(reg)", "MSreg"),
        window=Window.SURFACE,
        window_s=None,
        instrument="SKD",
        period_s=(3.0, 60.0),
        distance_deg=(0.0, 20.0),
        depth_km=(0.0, 100.0),
        status=Status.NEEDS_CALIBRATION,
        certainty=Certainty.LITERATURE,
        assumed=("period_s", "distance_deg", "depth_km", "instrument"),
        source="Regional surface-wave scale of Kazakhstan; its calibration was not found",
    ),
    Scale(
        id="Ms_20",
        type="Ms_20",
        column="MS",
        formula="Ms_20 = lg(A/T) + 1.66 lg Δ + 0.3",
        formula_id="surface_at",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("L", "M", "R"),
        hints=("Ms_20", "MS", "Ms", "MSZ", "Ms1", "MS20", "AMS", "IAMs_20"),
        window=Window.SURFACE,
        window_s=None,
        instrument="WWSSN_LP",
        period_s=(18.0, 22.0),
        distance_deg=(20.0, 160.0),
        depth_km=(0.0, 60.0),
        source="IASPEI (2013); depth as iLoc",
    ),
    Scale(
        id="Ms_BB",
        type="Ms_BB",
        column="MS",
        formula="Ms_BB = lg(Vmax/2π) + 1.66 lg Δ + 0.3",
        formula_id="surface_velocity",
        quantity=Quantity.VELOCITY,
        component=Component.VERTICAL,
        phases=("L", "M", "R"),
        hints=("Ms_BB", "MS_BB", "IVMs_BB"),
        window=Window.SURFACE,
        window_s=None,
        instrument="VELOCITY",
        period_s=(3.0, 60.0),
        distance_deg=(2.0, 160.0),
        depth_km=(0.0, 60.0),
        assumed=("depth_km",),
        source="IASPEI (2013)",
    ),
    Scale(
        id="mb",
        type="mb",
        column="mb",
        formula="mb = lg(A/T) + Q(Δ, h) - 3.0",
        formula_id="body_gr",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("P",),
        hints=_MB_HINTS,
        window=Window.P,
        window_s=30.0,
        instrument="WWSSN_SP",
        period_s=(0.2, 3.0),
        distance_deg=(20.0, 100.0),
        depth_km=(0.0, 50.0),
        calibration="gutenberg-richter",
        assumed=("depth_km: the table at hand ends at 50 km",),
        source="Gutenberg & Richter (1956); IASPEI (2013)",
    ),
    Scale(
        id="mb_MB",
        type="mb(MB)",
        column="",
        formula="mb(MB) = lg(A/T) + Q(Δ, h)",
        formula_id="body_mb",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("P",),
        hints=(*_MB_HINTS, "mb_MB", "mb(MB)"),
        window=Window.P,
        window_s=30.0,
        instrument="WWSSN_SP",
        period_s=(0.2, 3.0),
        distance_deg=(2.0, 100.0),
        depth_km=(0.0, 40.0),
        calibration="murphy-barker",
        source="Murphy & Barker (2003)",
    ),
    Scale(
        id="mb_VC",
        type="mb(VC)",
        column="",
        formula="mb(VC) = lg(2A/T) + P(Δ, h), 2A peak to peak",
        formula_id="body_vc",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("P",),
        hints=(*_MB_HINTS, "mb_VC", "mb(VC)"),
        window=Window.P,
        window_s=30.0,
        instrument="WWSSN_SP",
        period_s=(0.2, 3.0),
        distance_deg=(2.0, 100.0),
        depth_km=(0.0, 800.0),
        calibration="veith-clawson",
        source="Veith & Clawson (1972), table 2",
    ),
    Scale(
        id="mB_BB",
        type="mB_BB",
        column="",
        formula="mB_BB = lg(Vmax/2π) + Q(Δ, h) - 3.0",
        formula_id="body_velocity",
        quantity=Quantity.VELOCITY,
        component=Component.VERTICAL,
        phases=("P",),
        hints=("mB", "mB_BB", "IVmB_BB"),
        window=Window.P,
        window_s=60.0,
        instrument="VELOCITY",
        period_s=(0.2, 30.0),
        distance_deg=(20.0, 100.0),
        depth_km=(0.0, 50.0),
        calibration="gutenberg-richter",
        assumed=("depth_km: the table at hand ends at 50 km",),
        source="Bormann & Saul (2008); IASPEI (2013)",
    ),
    Scale(
        id="ML",
        type="ML",
        column="ML",
        formula="ML = lg A + 1.11 lg R + 0.00189 R - 2.09",
        formula_id="local",
        quantity=Quantity.WOOD_ANDERSON,
        component=Component.HORIZONTAL,
        phases=("S", "Lg"),
        hints=("ML", "AML", "IAML"),
        window=Window.S,
        window_s=150.0,
        instrument="WOOD_ANDERSON",
        period_s=None,
        distance_deg=(0.0, 9.0),
        depth_km=(0.0, 80.0),
        hypocentral_km=(1.0, 1000.0),
        certainty=Certainty.LITERATURE,
        assumed=("window_s", "depth_km"),
        source="IASPEI (2013), attenuation of southern California by Hutton & Boore (1987)",
    ),
    Scale(
        id="mb_Lg",
        type="mb_Lg",
        column="",
        formula="mb_Lg = lg A + 0.833 lg r + 0.4343 γ (r - 10) - 0.87",
        formula_id="lg",
        quantity=Quantity.DISPLACEMENT,
        component=Component.VERTICAL,
        phases=("Lg",),
        hints=("mb_Lg", "mbLg", "mb_lg"),
        window=Window.LG,
        window_s=None,
        instrument="WWSSN_SP",
        period_s=(0.7, 1.3),
        distance_deg=(1.0, 30.0),
        depth_km=(0.0, 40.0),
        status=Status.NEEDS_PARAMETERS,
        certainty=Certainty.LITERATURE,
        assumed=("distance_deg", "depth_km"),
        source="IASPEI (2013); γ of Kazakhstan is not known here",
    ),
    Scale(
        id="Mw",
        type="Mw",
        column="Mw",
        formula="Mw = (lg M0 - 9.1) / 1.5, M0 in N m",
        formula_id="moment",
        quantity=Quantity.MOMENT,
        component=Component.NONE,
        phases=(),
        hints=(),
        window=Window.NONE,
        window_s=None,
        instrument="",
        period_s=None,
        distance_deg=(0.0, 180.0),
        depth_km=_WHOLE_DEPTH,
        certainty=Certainty.LITERATURE,
        source="IASPEI (2013), from a reported moment",
    ),
)

BY_ID: dict[str, Scale] = {scale.id: scale for scale in SCALES}


class Outcome(StrEnum):
    """What became of one station on one scale. All but `USED` and `OUTLIER` have no value."""

    USED = "used"
    OUTLIER = "outlier"
    """Has a value; dropped from the network's by the scale's rule."""
    AMPLITUDE_NOT_POSITIVE = "amplitude_not_positive"
    AMPLITUDE_MISSING = "amplitude_missing"
    PERIOD_MISSING = "period_missing"
    PERIOD_OUTSIDE = "period_outside"
    UNIT_UNKNOWN = "unit_unknown"
    """No unit, or none of the scale's quantity: counts, millimetres of a trace."""
    DISTANCE_UNKNOWN = "distance_unknown"
    DISTANCE_OUTSIDE = "distance_outside"
    DEPTH_UNKNOWN = "depth_unknown"
    """The origin has no depth, and the scale holds for some depths only."""
    DEPTH_OUTSIDE = "depth_outside"
    NO_CALIBRATION = "no_calibration"
    COMPONENT_MISSING = "component_missing"
    """A formula of two readings found one, or the reading is of a component the scale has not."""
    VALUE_OUTSIDE = "value_outside"
    """The amplitude gives what no earthquake has: below -10 or above 25."""
    BOUND_ONLY = "bound_only"
    """Reported as "at least" or "at most"."""
    SECOND_SENSOR = "second_sensor"
    """The station has another sensor whose reading counts."""
    OTHER_READING = "other_reading"
    """The station has another reading that counts: of the waveform, a larger one, another report's.
    """
    NO_RESPONSE = "no_response"
    RESPONSE_OF_ANOTHER_CHANNEL = "response_of_another_channel"
    RESPONSE_OF_ANOTHER_EPOCH = "response_of_another_epoch"
    CLIPPED = "clipped"
    GAP = "gap"
    OUTSIDE_RECORD = "outside_record"
    """The window is not within the record."""
    NOISE = "noise"
    """The signal does not rise above the noise before P."""
    REJECTED = "rejected"
    """By an operator."""
