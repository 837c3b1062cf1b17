"""Magnitude scales: which reported type belongs to which, and which may be "the magnitude".

KR is an energy class (K = lg E in joules) and MPVA runs about 0.8 above mb and Mw, so neither is
ever "the magnitude"; each is searched and shown under its own name. Order of preference for the
untyped magnitude: Mw, then MS or MLV (surface waves), mb, ML.
"""

from __future__ import annotations

import math
import re

#: Scales that have a column in the catalogue, in the order of its tables.
SCALES = ("KR", "MPVA", "MLV", "MS", "mb", "ML", "Mw")

#: The published order in which a scale may stand for an untyped magnitude; better first.
MAGNITUDE_ORDER = ("Mw", "MS", "MLV", "mb", "ML")

#: What a magnitude converted from KR is called, and never without this name. The relation is that
#: of the composite catalogues of the former USSR, K = 1.8 M + 4 (docs/methods.md).
CONVERTED = "M(KR)"
KR_A_UNIT, KR_OF_ZERO = 1.8, 4
#: Standard error of a converted one. Assumed (docs/methods.md).
CONVERTED_SIGMA = 0.3


def as_kr(magnitude: float) -> float:
    """Return the energy class that a magnitude converted from KR comes from."""
    return round(KR_A_UNIT * magnitude + KR_OF_ZERO, 9)


def kr_class(kr: float) -> int:
    """Return the class of an energy class: k - 0.4 to k + 0.5, as the year book counts."""
    return math.ceil(round(kr - 0.5, 6))


_PATTERNS = (
    ("KR", re.compile(r"^(KR|K|K_R|К|КР|Кр)$")),
    ("MPVA", re.compile(r"^MPVA$", re.I)),
    ("MLV", re.compile(r"^MLV$")),
    ("Mw", re.compile(r"^[Mm][wW][a-zA-Z]{0,3}(\([a-zA-Z0-9_-]+\))?$")),
    ("MS", re.compile(r"^([Mm][sS](_20|_BB|_VX|[zZ]|\d+)?|MSreg)$")),
    ("mb", re.compile(r"^(mb_?[a-zA-Z0-9]{0,5}|MB|Mb)$")),
    ("ML", re.compile(r"^(ML|Ml|ml|MLv|mL)[a-z0-9]{0,4}$")),
)


def scale_of(magnitude_type: str | None) -> str:
    """Return the scale a reported type belongs to, or "" for one with no column of its own.

    Case matters where the field uses it: MLV is the Soviet surface-wave magnitude on the vertical
    component, MLv SeisComP's local magnitude. mb_Lg is regional and mB broadband: neither is
    pooled with mb. What the portal computes by a formula that is not shown to agree with the
    agencies' (KR(WSG), KR(Aslanov)), by another table than the scale's own (mb(MB), mb(VC)) or by
    a curve fitted here (MS(reg)) has no column: it stands beside the scale, never in it. MSreg is
    an agency's own value (the article on 2014) and one of MS.
    """
    if not magnitude_type:
        return ""
    name = magnitude_type.strip()
    if name.lower().startswith(("mb_lg", "mblg", "mbr")) or name in ("mb_MB", "mb_VC"):
        return ""
    for scale, pattern in _PATTERNS:
        if pattern.match(name):
            return scale
    return ""
