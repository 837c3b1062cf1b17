"""Usual depths of earthquakes by place, where the arrivals cannot tell.

The cells are those of the ISC's default-depth grid that lie in the Northern Tien Shan, as the
project's methods paper quotes them (3.3); elsewhere, Karaganda among it, there is none here.

References
----------
Bondár & Storchak (2011), Geophys. J. Int. 186, 1220-1244. doi:10.1111/j.1365-246X.2011.05107.x;
iLoc, auxdata/FlinnEngdahl/DefaultDepth0.5.grid (Bondár, github.com/IstvanBondar/iLoc).
"""

from __future__ import annotations

CELL_DEG = 0.5

MEDIAN_DEPTH_KM: dict[tuple[float, float], float] = {
    # latitude, longitude of the cell: median depth of well-located events [km]
    (43.5, 77.5): 11.7, (43.5, 78.0): 13.2, (43.5, 79.0): 13.3, (43.0, 76.5): 13.9,
    (43.0, 77.0): 14.0, (43.0, 77.5): 13.0, (43.0, 78.0): 10.2, (43.0, 78.5): 10.2,
    (43.0, 79.5): 10.0, (42.5, 75.0): 11.9, (42.5, 76.5): 13.7, (42.5, 78.5): 10.3,
    (42.5, 79.0): 4.5, (42.5, 79.5): 5.6, (42.0, 77.0): 9.5, (42.0, 77.5): 9.7, (42.0, 79.5): 5.4,
    (41.5, 79.0): 6.7,
}  # fmt: skip


def at(latitude: float, longitude: float) -> float | None:
    """Return the usual depth [km] at a geographic place [deg], None where none is known."""
    nearest = (
        round(latitude / CELL_DEG) * CELL_DEG,
        round(longitude / CELL_DEG) * CELL_DEG,
    )
    return MEDIAN_DEPTH_KM.get(nearest)
