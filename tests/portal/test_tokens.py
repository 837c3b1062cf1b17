"""The colours of the two token files: text reads on its ground, depths stay apart for every eye."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from tests.portal.colours import CSS, VISION, contrast, difference, lab, rgb, tokens

SCHEMES = ("light", "dark")
DEPTHS = ("depth-0", "depth-1", "depth-2", "depth-3", "depth-4")
GROUNDS = ("map-land", "map-water")
#: The least difference (CIEDE2000) of two depths, or of one and the map, whoever looks.
APART = 15.0
#: The least step in lightness (L*) from a depth to the next: they follow in grey as well.
LIGHTNESS_STEP = 7.0

PLAIN = ("paper", "surface", "surface-2")
#: Text and the grounds it is written on: 4.5:1 (WCAG 2.2, 1.4.3).
TEXT = {
    "ink": (*PLAIN, "accent-soft", "gold-soft", "danger-soft", "ok-soft"),
    "ink-2": (*PLAIN, "accent-soft", "gold-soft"),
    "ink-3": PLAIN,
    "accent": (*PLAIN, "accent-soft"),
    "accent-strong": (*PLAIN, "accent-soft"),
    "accent-ink": ("accent", "accent-strong"),
    "gold": (*PLAIN, "gold-soft"),
    "danger": (*PLAIN, "danger-soft"),
    "ok": (*PLAIN, "ok-soft"),
    "head-ink": ("head", "head-line"),
    "head-ink-2": ("head",),
    "map-label": ("map-land", "map-water", "map-halo"),
}
#: Edges and signs that tell what can be used, or what has the focus: 3:1 (1.4.11, 2.4.11).
SIGNS = {
    "line-strong": ("paper", "surface"),
    "focus": PLAIN,
    "head-focus": ("head",),
    "head-mark": ("head",),
    "accent": PLAIN,
    "symbol-line": (),
    "felt-ring": GROUNDS,
}


def test_the_difference_of_colours_is_ciede2000() -> None:
    """Pairs 1, 7, 16, 17, 25 and 34 of Sharma, Wu and Dalal (2005), table 1."""
    pairs = (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    )
    for one, other, wanted in pairs:
        found = difference(np.array(one, float), np.array(other, float))
        assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("vision", VISION)
def test_depths_stay_apart_from_each_other_and_from_the_map(scheme: str, vision: str) -> None:
    found = tokens(scheme)
    seen = {n: lab(rgb(found[n]), vision) for n in (*DEPTHS, "depth-none", *GROUNDS)}
    near = {
        (one, other): round(float(difference(seen[one], seen[other])), 1)
        for one, other in itertools.combinations(seen, 2)
        if not (one in GROUNDS and other in GROUNDS)
    }
    assert {pair: d for pair, d in near.items() if d < APART} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_deeper_is_darker(scheme: str) -> None:
    found = tokens(scheme)
    lightness = np.array([lab(rgb(found[name]))[0] for name in DEPTHS])
    assert (np.diff(lightness) <= -LIGHTNESS_STEP).all(), lightness


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("kinds", "least"), [(TEXT, 4.5), (SIGNS, 3.0)], ids=["text", "signs"])
def test_contrast(scheme: str, kinds: dict[str, tuple[str, ...]], least: float) -> None:
    found = tokens(scheme)
    low = {
        (ink, ground): round(contrast(rgb(found[ink]), rgb(found[ground])), 2)
        for ink, grounds in kinds.items()
        for ground in grounds
        if contrast(rgb(found[ink]), rgb(found[ground])) < least
    }
    assert low == {}


def test_every_colour_has_one_for_the_dark() -> None:
    light, dark = ((CSS / name).read_text() for name in ("tokens.css", "tokens-dark.css"))
    coloured = set(re.findall(r"--([\w-]+):[^;]*(?:#|rgb\()", light))
    assert coloured - set(re.findall(r"--([\w-]+):", dark)) == set()
    assert set(re.findall(r"--([\w-]+):", dark)) <= set(re.findall(r"--([\w-]+):", light))
    # Which scheme holds is the page's word, not the file's.
    assert "@media" not in light + dark


def test_colours_stand_in_the_token_files_only() -> None:
    # Paper is white and ink is black whatever the tokens say.
    allowed = {"#fff", "#000"}
    found = {
        f"{file.name}: {colour}"
        for file in sorted(CSS.glob("*.css"))
        if not file.name.startswith("tokens")
        for colour in re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)", file.read_text())
        if colour not in allowed
    }
    assert found == set()


def test_every_token_that_is_used_exists() -> None:
    text = "".join(file.read_text() for file in sorted(CSS.glob("*.css")))
    used = set(re.findall(r"var\(--([\w-]+)\)", text))
    assert used - set(re.findall(r"--([\w-]+):", text)) == set()
