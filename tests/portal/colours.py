"""What a colour looks like to an eye: contrast, lightness, difference, colour-blind vision.

Colours are arrays of shape (..., 3). Sources stand with each function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

CSS = Path(__file__).resolve().parents[2] / "static" / "css"

#: Machado, Oliveira and Fernandes (2009), IEEE Trans. Vis. Comput. Graph. 15, 1291-1298,
#: doi:10.1109/TVCG.2009.113: severity 1.0, on linear RGB.
VISION: Mapping[str, FloatArray] = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
#: IEC 61966-2-1: linear sRGB to XYZ for D65, and the white both are relative to.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _XYZ.sum(axis=1)


def tokens(scheme: str) -> dict[str, str]:
    """Return the custom properties of ``tokens.css`` as they stand in "light" or "dark"."""
    text = re.sub(r"/\*.*?\*/", "", (CSS / "tokens.css").read_text(encoding="utf-8"), flags=re.S)
    if scheme == "dark":
        text += re.sub(
            r"/\*.*?\*/", "", (CSS / "tokens-dark.css").read_text(encoding="utf-8"), flags=re.S
        )
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", text))


def rgb(value: str) -> FloatArray:
    """Return ``#rrggbb`` as three numbers from 0 to 1, gamma-encoded."""
    if not re.fullmatch(r"#[0-9a-f]{6}", value):
        raise ValueError(f"a colour must read #rrggbb, not {value!r}")
    return np.array([int(value[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0


def linear(colour: FloatArray) -> FloatArray:
    """Return linear sRGB (IEC 61966-2-1)."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(one: FloatArray, other: FloatArray) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: FloatArray) -> float:
    return float(linear(colour) @ np.array([0.2126, 0.7152, 0.0722]))


def lab(colour: FloatArray, vision: str = "usual") -> FloatArray:
    """Return CIE L*a*b* (D65) of a colour as that vision has it."""
    seen = np.clip(linear(colour) @ VISION[vision].T, 0.0, 1.0)
    xyz = seen @ _XYZ.T / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def difference(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return CIEDE2000 between two colours in L*a*b*.

    Equations 2 to 22 of Sharma, Wu and Dalal (2005), Color Res. Appl. 30, 21-30,
    doi:10.1002/col.20070.
    """
    l1, a1, b1 = (one[..., i] for i in range(3))
    l2, a2, b2 = (other[..., i] for i in range(3))
    c_mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    dl, dc = l2 - l1, c2 - c1
    grey = c1 * c2 == 0
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2
    far = np.abs(h1 - h2) > 180
    h_mean = (h1 + h2) / 2 + np.where(far, np.where(h1 + h2 < 360, 180.0, -180.0), 0.0)
    h_mean = np.where(grey, h1 + h2, h_mean)
    t = (
        1
        - 0.17 * np.cos(np.radians(h_mean - 30))
        + 0.24 * np.cos(np.radians(2 * h_mean))
        + 0.32 * np.cos(np.radians(3 * h_mean + 6))
        - 0.20 * np.cos(np.radians(4 * h_mean - 63))
    )
    s_l = 1 + 0.015 * (l_mean - 50) ** 2 / np.sqrt(20 + (l_mean - 50) ** 2)
    s_c = 1 + 0.045 * c_mean
    s_h = 1 + 0.015 * c_mean * t
    r_t = (
        -2
        * np.sqrt(c_mean**7 / (c_mean**7 + 25.0**7))
        * np.sin(np.radians(60 * np.exp(-(((h_mean - 275) / 25) ** 2))))
    )
    return np.asarray(
        np.sqrt((dl / s_l) ** 2 + (dc / s_c) ** 2 + (dh / s_h) ** 2 + r_t * (dc / s_c) * (dh / s_h))
    )
