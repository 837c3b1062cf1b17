"""Finished drawings of numbers: a chart is made here once and shown in two ways.

In a page style sheets colour it by the class of each part, so light and dark both work. As a file
of its own it carries the same colours, those of ``tokens.css`` for paper, as attributes: no style
element, so it opens everywhere. What colour tells is told by form as well: hatches, dashes, hollow
dots. ``plots`` has the frames and the round values of axes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from xml.etree import ElementTree as Tree

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from portal.plots import ticks
from portal.templatetags.seismo import decimal

SVG = "http://www.w3.org/2000/svg"
FONT = "'Source Sans 3', Noto Sans, Liberation Sans, DejaVu Sans, Arial, sans-serif"
WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 16, 52
#: Width of one letter of a label, in its font size: enough for Cyrillic and Kazakh letters.
LETTER = 0.6
#: Small screens draw letters larger, so that they can be read: room is kept for them.
LARGE_SIZE = 16.0
LEGEND_ROW = 20
#: Below a drawing of its own stands what it shows and where it is from.
CAPTION_LINE = 16
#: An axis of time has about so many marks.
TIME_MARKS = 8

#: Attributes of each kind where no style sheet reaches; ``--x`` is a colour of ``tokens.css``.
LOOKS: Mapping[str, Mapping[str, str]] = {
    "ground": {"fill": "--surface"},
    "axis": {"stroke": "--line-strong", "stroke-width": "1", "fill": "none"},
    "grid": {"stroke": "--line", "stroke-width": "1", "fill": "none"},
    "tick": {"fill": "--ink-2", "font-size": "12"},
    "axis-title": {"fill": "--ink-2", "font-size": "12"},
    "caption": {"fill": "--ink-2", "font-size": "11"},
    "label": {"fill": "--ink", "font-size": "12"},
    "bar": {"fill": "--accent", "stroke": "--accent-strong", "stroke-width": "1"},
    "bar-2": {"stroke": "--accent-strong", "stroke-width": "1"},
    "hatch": {"stroke": "--accent-strong", "stroke-width": "1.5", "fill": "none"},
    "line": {"stroke": "--accent-strong", "stroke-width": "2", "fill": "none"},
    "line-2": {
        "stroke": "--gold", "stroke-width": "2", "stroke-dasharray": "7 4", "fill": "none",
    },
    "limit": {
        "stroke": "--danger", "stroke-width": "1.5", "stroke-dasharray": "2 4", "fill": "none",
    },
    "dot": {
        "fill": "--accent", "fill-opacity": "0.55", "stroke": "--accent-strong",
        "stroke-width": "1",
    },
    "dot-2": {"fill": "none", "stroke": "--ink-2", "stroke-width": "1.3"},
    "dot-this": {"fill": "--danger", "stroke": "--symbol-line", "stroke-width": "1.2"},
}  # fmt: skip


@cache
def colours() -> Mapping[str, str]:
    """Return the colours of light pages by name, as the style sheet's first block has them."""
    text = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
    block = text[text.index(":root") :]
    block = block[: block.index("}")]
    return dict(re.findall(r"(--[a-z0-9-]+):\s*(#[0-9a-fA-F]{3,8})\s*;", block))


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its ends, its title with the unit, and its marks: (value, label)."""

    low: float
    high: float
    title: str = ""
    marks: tuple[tuple[float, str], ...] = ()
    log: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at the low end, 1 at the high one."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (math.log10(max(value, self.low)) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)


def linear(low: float, high: float, title: str, most: int = 7) -> Axis:
    """Return an axis with round marks."""
    return Axis(low, high, title, tuple(ticks(low, high, most)))


def counts(highest: float, title: str) -> Axis:
    """Return an axis of numbers of events from nought: no mark stands between whole ones."""
    high = max(highest * 1.06, 1.0)
    marks = tuple((v, label) for v, label in ticks(0.0, high, 6) if v == round(v))
    return Axis(0.0, high, title, tuple((v, decimal(v, 0)) for v, _label in marks))


def log_counts(highest: float, title: str) -> Axis:
    """Return a logarithmic axis of numbers of events, from half an event up."""
    top = max(math.ceil(math.log10(max(highest, 1) * 1.3)), 1)
    marks = tuple((10.0**n, power_label(n)) for n in range(top + 1))
    return Axis(0.5, 10.0**top, title, marks, log=True)


def powers(lowest: float, highest: float, title: str) -> Axis:
    """Return a logarithmic axis of whole powers of ten around two values above nought."""
    low = math.floor(math.log10(lowest) + 1e-9)
    high = max(math.ceil(math.log10(highest) - 1e-9), low + 1)
    step = max(1, math.ceil((high - low) / 6))
    marks = tuple((10.0**n, power_label(n)) for n in range(low, high + 1, step))
    return Axis(10.0**low, 10.0**high, title, marks, log=True)


def time_axis(start: date, end: date) -> Axis:
    """Return an axis of days, marked at round days, months or years."""
    first, last = start.toordinal(), max(end.toordinal(), start.toordinal() + 1)
    days = last - first
    if days <= 60:
        step = max(1, math.ceil(days / TIME_MARKS))
        marks = [date.fromordinal(n) for n in range(first, last + 1, step)]
        return _time(first, last, [(m, f"{m:%m-%d}") for m in marks])
    if days <= 900:
        step = next(n for n in (1, 2, 3, 6, 12) if days / 30.4 / n <= TIME_MARKS or n == 12)
        months = range(start.year * 12 + start.month - 1, end.year * 12 + end.month)
        marks = [date(n // 12, n % 12 + 1, 1) for n in months if n % step == 0]
        return _time(first, last, [(m, f"{m.year:04d}-{m:%m}") for m in marks])
    years = days / 365.25
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if years / s <= TIME_MARKS
                or s == 1000)  # fmt: skip
    marks = [date(y, 1, 1) for y in range(start.year, end.year + 1) if y % step == 0 and y > 0]
    return _time(first, last, [(m, str(m.year)) for m in marks])


def _time(first: int, last: int, marks: Sequence[tuple[date, str]]) -> Axis:
    shown = tuple(
        (float(day.toordinal()), label) for day, label in marks if first <= day.toordinal() <= last
    )
    return Axis(first, last, _("Time, UTC"), shown)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def raised(number: int) -> str:
    """Return a whole number in raised figures."""
    return str(number).translate(_RAISED)


def power_label(exponent: int) -> str:
    """Return ``1``, ``10``, ``1000``, ``10⁵``."""
    return str(10**exponent) if 0 <= exponent <= 3 else f"10{raised(exponent)}"


@dataclass(frozen=True, slots=True)
class Point:
    """What a script reads out where the pointer or the arrow keys are.

    ``x`` in the drawing's units; ``start`` and ``end`` are words of a search where the chart's
    horizontal axis is time.
    """

    x: float
    label: str
    start: str = ""
    end: str = ""


@dataclass
class Chart:
    """A drawing with two axes. Parts are added in the order they lie above each other."""

    code: str
    title: str
    description: str
    x: Axis
    y: Axis
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    #: In the order of x; empty: nothing to explore.
    points: list[Point] = field(default_factory=list)
    #: (kind, text): what the forms mean; drawn as a row of samples below.
    legend: list[tuple[str, str]] = field(default_factory=list)
    _parts: list[Tree.Element] = field(default_factory=list)
    _hatched: bool = False

    # --- Where ------------------------------------------------------------------------------

    def at_x(self, value: float) -> float:
        return round(self.left + self.x.share(value) * (self.width - self.left - RIGHT), 1)

    def at_y(self, value: float) -> float:
        share = min(max(self.y.share(value), 0.0), 1.0)
        return round(self.height - BOTTOM - share * (self.height - TOP - BOTTOM), 1)

    @property
    def bottom(self) -> float:
        return float(self.height - BOTTOM)

    # --- What -------------------------------------------------------------------------------

    def bar(
        self,
        start: float,
        end: float,
        value: float,
        kind: str = "bar",
        *,
        base: float | None = None,
    ) -> None:
        """Add a bar from one value of x to another; one of no height is left out."""
        left, right, top = self.at_x(start), self.at_x(end), self.at_y(value)
        foot = self.bottom if base is None else self.at_y(base)
        if top >= foot:
            return
        gap = min(1.0, (right - left) * 0.1)
        wide = max(right - left - 2 * gap, 0.5)
        self._add("rect", kind, x=left + gap, y=top, width=wide, height=foot - top)

    def line(self, points: Sequence[tuple[float, float]], kind: str = "line") -> None:
        if points:
            self._add("path", kind, d=f"M{'L'.join(self._pairs(points))}")

    def steps(self, points: Sequence[tuple[float, float]], kind: str = "line") -> None:
        """Add a line that rises only where a value is told."""
        if points:
            (first, *rest), parts = points, []
            parts.append(f"M{self.at_x(first[0])} {self.at_y(first[1])}")
            parts += [f"H{self.at_x(x)}V{self.at_y(y)}" for x, y in rest]
            self._add("path", kind, d="".join(parts))

    def dot(self, x: float, y: float, kind: str = "dot", radius: float = 3.5) -> None:
        self._add("circle", kind, cx=self.at_x(x), cy=self.at_y(y), r=radius)

    def upright(self, x: float, kind: str = "limit", label: str = "") -> None:
        """Add a line across the drawing at a value of x, its label beside its head."""
        at = self.at_x(x)
        self._add("path", kind, d=f"M{at} {TOP}V{self.bottom}")
        if label:
            room = self.width - RIGHT - at
            to_left = room < len(label) * LETTER * LARGE_SIZE
            self._text(
                label, at + (-6 if to_left else 6), TOP + 12, "label", "end" if to_left else "start"
            )

    def level(self, y: float, kind: str = "limit") -> None:
        """Add a line across the drawing at a value of y."""
        self._add("path", kind, d=f"M{self.left} {self.at_y(y)}H{self.width - RIGHT}")

    def point(self, x: float, label: str, start: str = "", end: str = "") -> None:
        self.points.append(Point(self.at_x(x), label, start, end))

    # --- Finished ---------------------------------------------------------------------------

    @property
    def explored(self) -> dict[str, object]:
        """What the page's script needs of it."""
        return {
            "code": self.code,
            "top": TOP,
            "bottom": self.bottom,
            "points": [[p.x, p.label, p.start, p.end] for p in self.points],
        }

    @property
    def svg(self) -> SafeString:
        """The drawing for a page."""
        return mark_safe(Tree.tostring(self._tree(None), encoding="unicode"))  # noqa: S308

    def file(self, caption: Sequence[str] = ()) -> bytes:
        """Return the drawing as a file of its own, with lines of text below it."""
        text: bytes = Tree.tostring(self._tree(caption), encoding="utf-8", xml_declaration=True)
        return text

    def _tree(self, caption: Sequence[str] | None) -> Tree.Element:
        alone = caption is not None
        height = self.height
        legend = self._legend_rows()
        height += LEGEND_ROW * len(legend)
        if caption:
            caption = [self.title, *(row for text in caption for row in _wrapped(text, self.width))]
            height += 8 + CAPTION_LINE * len(caption)
        root = Tree.Element(
            "svg",
            {
                "xmlns": SVG,
                "viewBox": f"0 0 {self.width} {height}",
                "class": "chart__svg",
                "role": "img",
                "aria-labelledby": f"{self.code}-title {self.code}-desc",
            },
        )
        _child(root, "title", id=f"{self.code}-title").text = self.title
        _child(root, "desc", id=f"{self.code}-desc").text = self.description
        if alone:
            root.set("width", str(self.width))
            root.set("height", str(height))
            root.set("font-family", FONT)
            _child(root, "rect", _class="ground", width=self.width, height=height)
        if self._hatched or any(kind == "bar-2" for kind, _text in self.legend):
            pattern = _child(
                _child(root, "defs"), "pattern", id=f"{self.code}-hatch", width=6, height=6,
                patternUnits="userSpaceOnUse", patternTransform="rotate(45)",
            )  # fmt: skip
            _child(pattern, "path", _class="hatch", d="M0 0V6")
        self._axes(root)
        root.extend(self._parts)
        self._draw_legend(root, legend)
        for number, text in enumerate(caption or ()):
            line = _child(
                root, "text", _class="label" if number == 0 else "caption", x=self.left,
                y=height - CAPTION_LINE * (len(caption or ()) - number) + 8,
            )  # fmt: skip
            line.text = text
        if alone:
            _coloured(root)
        return root

    def _axes(self, root: Tree.Element) -> None:
        right = self.width - RIGHT
        for value, label in self.y.marks:
            at = self.at_y(value)
            _child(root, "path", _class="grid", d=f"M{self.left} {at}H{right}")
            _text(root, label, self.left - 7, at + 4, "tick", "end")
        for number, (value, label) in enumerate(self.x.marks):
            at = self.at_x(value)
            _child(root, "path", _class="axis", d=f"M{at} {self.bottom}v5")
            # Every second label steps back where letters are drawn larger.
            kind = "tick tick--spare" if number % 2 else "tick"
            room = len(label) * LETTER * LARGE_SIZE / 2
            at_edge = at + room > self.width
            _text(
                root, label, self.width - 1 if at_edge else at, self.bottom + 19, kind,
                "end" if at_edge else "middle",
            )  # fmt: skip
        _child(root, "path", _class="axis", d=f"M{self.left} {TOP}V{self.bottom}H{right}")
        _text(root, self.x.title, (self.left + right) / 2, self.bottom + 41, "axis-title", "middle")
        if self.y.title:
            middle = (TOP + self.bottom) / 2
            title = _text(root, self.y.title, 0, 0, "axis-title", "middle")
            title.set("transform", f"translate(15 {middle:.1f}) rotate(-90)")

    def _legend_rows(self) -> list[list[tuple[str, str, float]]]:
        rows: list[list[tuple[str, str, float]]] = []
        x = float(self.width)
        for kind, text in self.legend:
            wide = 34 + len(text) * LETTER * LARGE_SIZE
            if x + wide > self.width - RIGHT:
                rows.append([])
                x = float(self.left)
            rows[-1].append((kind, text, x))
            x += wide + 8
        return rows

    def _draw_legend(
        self, root: Tree.Element, rows: Sequence[Sequence[tuple[str, str, float]]]
    ) -> None:
        for number, row in enumerate(rows):
            y = self.height + LEGEND_ROW * number + 4
            for kind, text, x in row:
                if kind.startswith("bar"):
                    sample = _child(root, "rect", _class=kind, x=x, y=y - 5, width=20, height=10)
                    if kind == "bar-2":
                        sample.set("fill", f"url(#{self.code}-hatch)")
                elif kind.startswith("dot"):
                    _child(root, "circle", _class=kind, cx=x + 10, cy=y, r=4)
                else:
                    _child(root, "path", _class=kind, d=f"M{x} {y}h20")
                _text(root, text, x + 27, y + 4, "tick", "start")

    def _add(self, name: str, kind: str, **values: object) -> None:
        part = _element(name, _class=kind, **values)
        if kind == "bar-2":
            self._hatched = True
            part.set("fill", f"url(#{self.code}-hatch)")
        self._parts.append(part)

    def _text(self, text: str, x: float, y: float, kind: str, anchor: str) -> None:
        part = _element("text", _class=kind, x=round(x, 1), y=round(y, 1))
        part.set("text-anchor", anchor)
        part.text = text
        self._parts.append(part)

    def _pairs(self, points: Sequence[tuple[float, float]]) -> list[str]:
        return [f"{self.at_x(x)} {self.at_y(y)}" for x, y in points]


def _element(name: str, **values: object) -> Tree.Element:
    attributes = {key.replace("_class", "class"): _written(v) for key, v in values.items()}
    return Tree.Element(name, attributes)


def _child(parent: Tree.Element, name: str, **values: object) -> Tree.Element:
    child = _element(name, **values)
    parent.append(child)
    return child


def _text(
    parent: Tree.Element, text: str, x: float, y: float, kind: str, anchor: str
) -> Tree.Element:
    child = _child(parent, "text", _class=kind, x=round(x, 1), y=round(y, 1))
    child.set("text-anchor", anchor)
    child.text = text
    return child


def _written(value: object) -> str:
    # Never localized: an attribute of SVG knows no decimal comma.
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wrapped(text: str, width: int) -> list[str]:
    """Break a line of caption at blanks; a word that is too long is broken anywhere."""
    most = int((width - LEFT - RIGHT) / (11 * 0.58))
    rows, row = [], ""
    for word in text.split():
        while len(word) > most:
            word, rest = word[:most], word[most:]
            rows += [row, word] if row else [word]
            row, word = "", rest
        if row and len(row) + 1 + len(word) > most:
            rows.append(row)
            row = word
        else:
            row = f"{row} {word}".strip()
    return [*rows, row] if row else rows


def _coloured(root: Tree.Element) -> None:
    """Give every part the attributes of its kind."""
    known = colours()
    for part in root.iter():
        for name, value in LOOKS.get(part.get("class", "").partition(" ")[0], {}).items():
            if part.get(name) is None:
                part.set(name, known[value] if value.startswith("--") else value)
