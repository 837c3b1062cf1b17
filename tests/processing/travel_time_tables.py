"""A small travel-time table, for tests of what is done with one."""

from __future__ import annotations

import math

HEADER = "phase,distance_km,depth_km,time_s"


def straight(speed_km_s: float = 6.0, farthest_km: int = 400) -> bytes:
    """Return a table of straight rays; S is slower by the root of three."""
    rows = [
        f"{phase},{x},{h},{math.hypot(x, h) * slower / speed_km_s:.3f}"
        for phase, slower in (("Pg", 1.0), ("Sg", 3**0.5))
        for h in (0, 5, 10, 15, 20, 30)
        for x in range(0, farthest_km + 1, 10)
    ]
    return "\n".join([HEADER, *rows, ""]).encode()
