"""Drawings: well formed in every language, with their colours when they stand alone."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree

import pytest
from django.utils import translation

from portal.charts import LOOKS, SVG, Axis, Chart, colours, counts, linear, log_counts, powers

LANGUAGES = ("en", "ru", "kk")


def chart() -> Chart:
    drawn = Chart("one", "Әғқңөұүһі", "A <b>line</b>", linear(0, 2.5, "x, km"), counts(12, "N"))
    drawn.bar(0, 1, 4.5)
    drawn.bar(1, 2, 3, "bar-2")
    drawn.line([(0, 0), (1.25, 7.5)])
    drawn.steps([(0, 0), (1, 5), (2, 9)])
    drawn.dot(0.3, 2)
    drawn.upright(1.5, "limit", "from here on")
    drawn.legend += [("bar", "whole"), ("bar-2", "part"), ("line-2", "fitted"), ("dot-2", "S")]
    return drawn


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_drawing_is_well_formed_and_its_numbers_know_no_comma(language: str):
    with translation.override(language):
        root = ElementTree.fromstring(chart().svg)
    assert root.tag == f"{{{SVG}}}svg" and root.get("role") == "img"
    texts = [part.text for part in root.iter() if part.tag.endswith(("title", "desc"))]
    assert texts == ["Әғқңөұүһі", "A <b>line</b>"]
    for part in root.iter():
        for name in ("x", "y", "width", "height", "cx", "cy", "d", "r"):
            assert "," not in (part.get(name) or "") and "nan" not in (part.get(name) or "")
    # Decimal marks are the reader's.
    labels = [part.text for part in root.iter() if "tick" in (part.get("class") or "")]
    assert ("0.5" if language == "en" else "0,5") in labels


def test_a_file_of_its_own_has_the_colours_and_says_where_it_is_from():
    told = "Version 7. " + "Selection: a-long-word=" + "x" * 200
    root = ElementTree.fromstring(chart().file([told]))
    known = set(colours().values())
    assert len(known) > 20
    for part in root.iter():
        assert not part.tag.endswith("style")
        if part.get("class") in LOOKS and part.tag.endswith(("rect", "path", "circle")):
            assert part.get("fill") or part.get("stroke"), part.attrib
            fill = part.get("fill", "none")
            assert fill == "none" or fill in known or fill.startswith("url(#"), fill
    shown = "".join(part.text or "" for part in root.iter() if part.get("class") == "caption")
    assert "Version 7." in shown and shown.count("x") == 200
    box = [float(n) for n in root.get("viewBox", "").split()]
    assert max(float(part.get("y", 0)) for part in root.iter(f"{{{SVG}}}text")) < box[3]


def test_every_kind_has_a_look_and_a_rule_of_the_style_sheet(settings: Any):
    css = (settings.BASE_DIR / "static" / "css" / "charts.css").read_text()
    for kind, look in LOOKS.items():
        assert all(v in colours() for v in look.values() if v.startswith("--")), kind
        if kind not in ("ground", "tick", "axis-title", "caption"):
            assert f".{kind} {{" in css, kind


@pytest.mark.parametrize("highest", [0, 1, 2, 7, 10, 99, 1_000_000])
def test_axes_of_numbers_have_whole_marks_and_hold_the_highest(highest: int):
    for axis in (counts(highest, ""), log_counts(highest, "")):
        assert axis.marks and all(v == round(v) for v, _label in axis.marks)
        assert 0 <= axis.share(max(highest, axis.low)) <= 1
    assert powers(3e7, 3e7, "").share(3e7) < 1


def test_values_below_a_logarithmic_axis_stand_at_its_foot():
    axis = Axis(0.5, 100.0, log=True)
    assert axis.share(0) == 0.0 and math.isclose(axis.share(100), 1.0)
