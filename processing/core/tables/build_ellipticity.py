"""Make ``ellipticity.npz``: what the Earth's figure adds to travel times, by phase.

Run by hand, once, where ObsPy and ellipticipy 1.0.1 (PyPI, LGPL; needed for nothing else here) are
installed::

    python -m processing.core.tables.build_ellipticity

For each family of phases, source depth and distance the three coefficients tau_0, tau_1, tau_2 [s]
of iasp91 are taken from the earliest ray of that family. Where it has none, the nearest distance's
value stands: the correction is small there, and a prediction is not to jump.

References
----------
Dziewonski & Gilbert (1976), Geophys. J. R. Astr. Soc. 44, 7-17.
Kennett & Gudmundsson (1996), Geophys. J. Int. 127, 40-48.
Russell, Irving, Jasperson & Cottaar (2023), ellipticipy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from obspy.taup import TauPyModel

from processing.core.ellipticity import DEPTHS_KM, DISTANCES_DEG, FAMILIES

SHALLOWEST_KM = 5.0
RAYS: dict[str, tuple[str, ...]] = {
    "P": ("p", "P", "Pn", "Pg", "Pdiff"),
    "S": ("s", "S", "Sn", "Sg", "Sdiff"),
    "pP": ("pP",),
    "sP": ("sP",),
    "PcP": ("PcP",),
    "ScP": ("ScP",),
    "ScS": ("ScS",),
    "PKPdf": ("PKIKP",),
    "PKPbc": ("PKP",),
    "PKPab": ("PKP",),
}


def build() -> np.ndarray:
    """Return the coefficients [s], shape (families, depths, distances, 3)."""
    from ellipticipy.tools import individual_ellipticity_coefficients

    model = TauPyModel("iasp91")
    table = np.full((len(FAMILIES), DEPTHS_KM.size, DISTANCES_DEG.size, 3), np.nan)
    for f, family in enumerate(FAMILIES):
        for d, depth in enumerate(DEPTHS_KM):
            for x, distance in enumerate(DISTANCES_DEG):
                # A depth phase needs some depth; its coefficients at the surface are P's.
                at = max(float(depth), SHALLOWEST_KM) if family in ("pP", "sP") else float(depth)
                rays = model.get_ray_paths(
                    at, min(max(float(distance), 0.5), 179.5), list(RAYS[family])
                )
                rays = [ray for ray in rays if ray.time > 0.0]
                if not rays:
                    continue
                # Of two PKP the one that comes earlier is bc, the later ab.
                ray = rays[-1] if family == "PKPab" else rays[0]
                if family == "PKPbc" and len(rays) < 2:
                    continue
                table[f, d, x] = individual_ellipticity_coefficients(ray)
            known = np.flatnonzero(np.isfinite(table[f, d, :, 0]))
            for x in range(DISTANCES_DEG.size):
                if known.size and not np.isfinite(table[f, d, x, 0]):
                    table[f, d, x] = table[f, d, known[np.argmin(np.abs(known - x))]]
    return table


def main() -> None:
    """Write the table beside this script."""
    table = build()
    if not np.isfinite(table).all():
        raise SystemExit("a family has no rays at all at some depth")
    thousandths = np.round(table * 1000.0).astype(np.int16)
    np.savez_compressed(Path(__file__).with_name("ellipticity.npz"), coefficients=thousandths)


if __name__ == "__main__":
    main()
