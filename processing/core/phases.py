"""What the phase names of bulletins mean: which table they are predicted by, how sure they are.

Agencies write the same wave in many ways (``Pn``, ``PN``, ``P1``, ``P*``, ``LG``). Here a reported
name becomes an IASPEI name, and each IASPEI name has one row: how it is predicted, to which
distance it may define a location, and its a-priori error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class ErrorBand:
    """A-priori travel-time error up to a distance."""

    to_deg: float
    sigma_s: float


@dataclass(frozen=True)
class Phase:
    """One IASPEI phase and how a locator treats it."""

    name: str
    family: str
    """P or S for what arrives as P or S at the station; else the name: like compares with like."""
    table_phase: str | None
    """Name in `travel_times.PHASES`; None if there is no prediction."""
    fallback: str | None
    """First arrival used where the named branch does not exist at that distance and depth."""
    bands: tuple[ErrorBand, ...] = ()
    """Empty: the phase is kept and its residual shown, but it never defines a location."""
    slowness_sigma: float | None = None
    """A-priori error of an array's horizontal slowness [s/deg]; None: it does not define."""

    def sigma_s(self, distance_deg: float) -> float | None:
        """Return the a-priori error [s], None where the phase may not define a location."""
        for band in self.bands:
            if distance_deg <= band.to_deg:
                return band.sigma_s
        return None


# A-priori errors: iLoc, IASPEIPhaseMap.txt, PhaseWeight (Bondár, github.com/IstvanBondar/iLoc).
_P = (ErrorBand(15.0, 0.8), ErrorBand(28.0, 1.2), ErrorBand(99.0, 0.8))
_PN = (ErrorBand(15.0, 0.8), ErrorBand(28.0, 1.2))
_S = (ErrorBand(15.0, 1.5), ErrorBand(28.0, 1.8), ErrorBand(100.0, 1.5))
_SN = (ErrorBand(15.0, 1.5), ErrorBand(28.0, 1.8))
_PG = (ErrorBand(9.0, 0.8),)
_SG = (ErrorBand(9.0, 1.5),)
_DEPTH = (ErrorBand(100.0, 1.3),)
_PKP = (ErrorBand(180.0, 1.3),)

BACKAZIMUTH_SIGMA_DEG = 15.0
"""A-priori error of an array's back-azimuth, the same for all regional phases in the source."""

PHASES: dict[str, Phase] = {
    phase.name: phase
    for phase in (
        Phase("P", "P", "P", None, _P, 2.2),
        Phase("Pn", "P", "Pn", "P", _PN, 2.2),
        Phase("Pg", "P", "Pg", "P", _PG, 2.8),
        Phase("Pb", "P", "Pb", "P", _PG, 2.8),
        # The source gives 3.0 to 3.5 s/deg for S and Sn: the larger is taken.
        Phase("S", "S", "S", None, _S, 3.5),
        Phase("Sn", "S", "Sn", "S", _SN, 3.5),
        Phase("Sg", "S", "Sg", "S", _SG, 3.5),
        Phase("Sb", "S", "Sb", "S", _SG, 3.5),
        Phase("Lg", "S", "Lg", None, _SG, 3.5),
        # The fundamental Rayleigh wave of explosions has no a-priori error in the source.
        Phase("Rg", "Rg", "Rg", None),
        Phase("pP", "pP", "pP", None, _DEPTH),
        Phase("sP", "sP", "sP", None, _DEPTH),
        Phase("PcP", "PcP", "PcP", None, _DEPTH),
        # No a-priori error in the source: compared, never located with.
        Phase("ScP", "ScP", "ScP", None),
        Phase("ScS", "ScS", "ScS", None),
        Phase("PKPdf", "PKP", "PKPdf", None, _PKP),
        Phase("PKPbc", "PKP", "PKPbc", None, _PKP),
        Phase("PKPab", "PKP", "PKPab", None, _PKP),
        Phase("PKiKP", "PKP", "PKiKP", None),
        Phase("Pdiff", "P", "P", None),
        Phase("Sdiff", "S", "S", None),
        Phase("PP", "PP", "PP", None),
        Phase("SS", "SS", "SS", None),
        # Known names without a table here: kept, never located with.
        Phase("LR", "LR", None, None),
        Phase("LQ", "LQ", None, None),
        Phase("T", "T", None, None),
    )
}

# Names in use that are not the IASPEI name itself. Case matters (pP is not PP) except where a
# bulletin in capitals can mean one thing only.
SYNONYMS: dict[str, str] = {
    "P1": "P", "PN": "Pn", "PG": "Pg", "PB": "Pb", "P*": "Pb", "PgPg": "Pg", "PnPn": "Pn",
    "S1": "S", "SN": "Sn", "SG": "Sg", "SB": "Sb", "S*": "Sb", "SgSg": "Sg", "SnSn": "Sn",
    "LG": "Lg", "Lg1": "Lg", "Lg2": "Lg", "RG": "Rg", "PKIKP": "PKPdf", "PKP": "PKPdf",
    "PKPDF": "PKPdf", "PKP1": "PKPbc", "PKP2": "PKPab", "PKPBC": "PKPbc", "PKPAB": "PKPab",
    "Pdif": "Pdiff", "PDIFF": "Pdiff", "PDIF": "Pdiff", "Sdif": "Sdiff", "PCP": "PcP",
    "SCP": "ScP", "SCS": "ScS",
}  # fmt: skip

ONSETS = "eiq"
"""Letters some bulletins write before the phase: emergent, impulsive, questionable."""


@lru_cache(maxsize=1024)
def standard_name(reported: str) -> str | None:
    """Return the IASPEI name of a reported phase name, None if it is not known here.

    An onset letter in front (``ePn``, ``iP``, ``EP``) and the marks of doubt ``(P)`` and ``P?`` are
    taken off first.
    """
    name = reported.strip().strip("()?").strip()
    for candidate in (name, name[1:] if name[:1].lower() in tuple(ONSETS) else ""):
        if candidate in PHASES:
            return candidate
        if candidate in SYNONYMS:
            return SYNONYMS[candidate]
    return None


def family(reported: str) -> str | None:
    """Return the family by which phases of two bulletins are compared, None if not known."""
    name = standard_name(reported)
    return None if name is None else PHASES[name].family
