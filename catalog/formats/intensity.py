"""A macroseismic intensity as people write it, and a table of such observations.

``span`` takes what bulletins print and is lenient. ``observed`` is for what an expert enters: whole
and half grades, ranges, "felt" and "not felt" in three languages; whatever else is written gets a
code that says why it is none, so that nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from catalog.formats.limits import Limits
from catalog.formats.problems import FormatError, Problem, Severity
from catalog.formats.tables import Cells, heading_problems, moment, open_table, plain, values_of
from catalog.formats.values import INTENSITY, LATITUDE, LONGITUDE, cut

ROMAN_WORDS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
ROMAN = {word: value for value, word in enumerate(ROMAN_WORDS, start=1)}
#: Roman numerals typed with the Cyrillic letter that looks like X, or in small letters.
_ROMAN_LETTERS = str.maketrans("ХІхіixv", "XIXIIXV")
FELT_WORDS = {
    **dict.fromkeys(
        ("felt", "ощущалось", "ощутимо", "ощущалось людьми", "сезілді", "сезілген"), True
    ),
    **dict.fromkeys(
        ("not felt", "не ощущалось", "не ощутимо", "неощутимо", "сезілмеді", "сезілмеген"), False
    ),
}
_DASHES = "-–—−‑"
_CALCULATED = re.compile(r"(.*?)\s*\(?(?:calculated|calc|расч)\.?\)?")
#: What may follow a number of grades.
_GRADES = re.compile(
    r"\s*(?:балл(?:а|ов|ы)?|б|grades?|degrees?|balls?|msk(?:-?64)?|ems(?:-?98)?|mmi)\s*\Z",
    re.IGNORECASE,
)
#: An energy class or a magnitude, by the letters before or after its number.
_CLASS = re.compile(r"(?:kr?|к|кр|класс|class)\s*[=:]?\s*\d|\d\s*(?:-?й)?\s*класс", re.IGNORECASE)
_MAGNITUDE = re.compile(
    r"(?:m[a-z]{0,3}|mpva?|mlv|магнитуд\w*|magnitude)\s*[=:]?\s*\d", re.IGNORECASE
)
_HALVES = {"½": ".5", "1/2": ".5"}
LOWEST, HIGHEST = 1.0, 12.0

#: Why a text is no intensity, and what of one that is should be looked at.
REFUSALS = (
    "intensity-missing",
    "intensity-not-read",
    "intensity-out-of-range",
    "intensity-not-half",  # 7.1: an energy class quoted as "7.1 balls" looks so
    "intensity-energy-class",
    "intensity-magnitude",
)
REMARKS = (
    "intensity-reversed",  # 4-3
    "intensity-wide",  # 2-5
)
#: A range wider than this is stored and remarked upon. Ours.
WIDE = 1.0


def degree(text: str | None) -> float | None:
    """Return a grade in Arabic or Roman figures, 0 to 12; ``None`` if it is none."""
    if text is None:
        return None
    if text in ROMAN:
        return float(ROMAN[text])
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if INTENSITY[0] <= value <= INTENSITY[1] else None


@dataclass(frozen=True, slots=True)
class Span:
    """An intensity as people write it: 4, 3-4, IV, felt, not felt, 5 (calc.)."""

    low: float | None
    high: float | None
    felt: bool | None = None
    calculated: bool = False


def read_span(text: str) -> Span | None:
    """Return the intensity a text says, ``None`` if it says none."""
    felt = FELT_WORDS.get(text.strip().casefold())
    if felt is not None:
        return Span(None, None, felt)
    text = " ".join(text.split())
    marked = _CALCULATED.fullmatch(text)
    parts = re.split(f"[{_DASHES}]", marked[1] if marked else text)
    degrees = [degree(part.strip()) for part in parts]
    if len(degrees) > 2 or None in degrees:
        return None
    return Span(degrees[0], degrees[-1], calculated=marked is not None)


@dataclass(frozen=True, slots=True)
class Observed:
    """What an expert's text says; ``code`` of `REFUSALS` where it says no intensity."""

    minimum: float | None = None
    maximum: float | None = None
    felt: bool | None = None
    calculated: bool = False
    code: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def best(self) -> float | None:
        """The grade itself; of a range none, which stands as the range it is."""
        return self.minimum if self.minimum == self.maximum else None


def observed(text: str) -> Observed:
    """Read an intensity as it is written in a questionnaire, a letter or a table.

    ``3-4``, ``III–IV``, ``3½``, ``2,5``, ``3 - 4 балла``, ``felt``, ``сезілмеді``. The grades are
    1 to 12, whole or half.
    """
    plain_text = " ".join(text.split()).rstrip(".!") if len(text) < 100 else text
    said = plain_text.casefold()
    if not said:
        return Observed(code="intensity-missing")
    if said in FELT_WORDS:
        return Observed(felt=FELT_WORDS[said])
    if _CLASS.search(plain_text):
        return Observed(code="intensity-energy-class")
    if _MAGNITUDE.match(plain_text):
        return Observed(code="intensity-magnitude")
    marked = _CALCULATED.fullmatch(plain_text)
    body = _GRADES.sub("", marked[1] if marked else plain_text)
    for half, decimal in _HALVES.items():
        body = re.sub(rf"(?<=\d)\s*{half}", decimal, body)
    parts = [part.strip() for part in re.split(f"[{_DASHES}]|\\.\\.\\.|…", body)]
    if not 1 <= len(parts) <= 2:
        return Observed(code="intensity-not-read")
    grades: list[float] = []
    for part in parts:
        roman = part.translate(_ROMAN_LETTERS)
        if roman in ROMAN:
            grades.append(float(ROMAN[roman]))
            continue
        number = part.replace(",", ".")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", number):
            return Observed(code="intensity-not-read")
        grades.append(float(number))
    if not all(LOWEST <= grade <= HIGHEST for grade in grades):
        return Observed(code="intensity-out-of-range")
    if any(grade * 2 != int(grade * 2) for grade in grades):
        return Observed(code="intensity-not-half")
    low, high = min(grades), max(grades)
    remarks = [
        *(["intensity-reversed"] if grades[0] > grades[-1] else []),
        *(["intensity-wide"] if high - low > WIDE else []),
    ]
    return Observed(low, high, calculated=marked is not None, remarks=tuple(remarks))


# --- The table of data points ---------------------------------------------------------------------

#: Field -> headings that name it, compared as ``tables.plain`` leaves them.
HEADINGS: dict[str, tuple[str, ...]] = {
    "event": ("event", "event id", "eventid", "событие", "id события", "оқиға"),
    "time": ("time", "origin time", "время", "дата время", "время в очаге", "уақыт", "utc"),
    "place": (
        *("settlement", "place", "city", "населенный пункт", "пункт", "место", "город"),
        *("елді мекен", "орын", "қала"),
    ),
    "intensity": (
        *("intensity", "интенсивность", "балл", "балльность", "баллы", "i", "қарқындылық"),
        "қарқындылығы",
    ),
    "scale": ("scale", "шкала", "шкаласы", "intensity scale"),
    "source": ("source", "источник", "дереккөз", "көзі"),
    "effects": (
        "effects",
        "description",
        "эффекты",
        "описание",
        "проявления",
        "әсері",
        "сипаттама",
    ),
    "latitude": ("latitude", "lat", "широта", "φ", "ендік", "place latitude"),
    "longitude": ("longitude", "lon", "lng", "долгота", "λ", "бойлық", "place longitude"),
    "agency": ("agency", "агентство", "организация", "агенттік"),
}
_BY_HEADING = {heading: name for name, words in HEADINGS.items() for heading in words}
#: Rows of one table; a larger one is refused.
MOST_ROWS = 2000
LONGEST = {"place": 200, "source": 300, "effects": 5000, "agency": 20, "event": 40}
SCALES = ("MSK-64", "EMS-98", "MMI")
_SCALE_WORDS = {re.sub(r"[^a-z0-9]", "", scale.casefold()): scale for scale in SCALES} | {
    "msk": "MSK-64", "мск64": "MSK-64", "мск": "MSK-64", "ems": "EMS-98", "mm": "MMI",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PointRow:
    """One row of a table of data points, as written; checked as far as the row alone allows."""

    line: int
    event: str
    time: datetime | None
    place: str
    written: str
    observed: Observed
    scale: str
    source: str
    effects: str
    agency: str
    latitude: float | None
    longitude: float | None
    problems: tuple[Problem, ...] = ()

    @property
    def refusal(self) -> Problem | None:
        """The first problem with which the row cannot be stored."""
        return next((p for p in self.problems if p.severity is Severity.ERROR), None)


def scale_word(text: str) -> str | None:
    """Return the scale a text names, ``None`` if it names none that is known."""
    letters = re.sub(r"[^a-zа-я0-9]", "", text.casefold())
    return _SCALE_WORDS.get(letters)


def _known(cells: tuple[str, ...]) -> int:
    return sum(plain(cell) in _BY_HEADING for cell in cells)


def read(stream: BinaryIO, limits: Limits) -> Iterator[PointRow | Problem]:
    """Yield the rows of a table (CSV or .xlsx), and what is wrong with the table itself.

    Raises
    ------
    FormatError
        Nothing can be read: empty, or without the columns for place and intensity and for the
        event or its time; ``too-many-rows`` after ``MOST_ROWS``.
    """
    problems: list[Problem] = []
    table = open_table(stream, limits, problems, _known)
    heading = table.heading
    fields = tuple(_BY_HEADING.get(plain(cell)) for cell in heading.cells)
    yield from problems
    problems.clear()
    for wanted in (("place", "latitude"), ("intensity",), ("event", "time")):
        if not any(name in fields for name in wanted):
            expected = ", ".join(word for name in wanted for word in HEADINGS[name][:3])
            raise FormatError(
                Problem(
                    heading.first_line, "missing-field", wanted[0], cut(heading.text), expected,
                    Severity.ERROR,
                )
            )  # fmt: skip
    yield from heading_problems(heading, fields, lambda text: plain(text) in _BY_HEADING)
    for count, row in enumerate(table.rows, start=1):
        if count > MOST_ROWS:
            raise FormatError(
                Problem(
                    row.first_line, "too-many-rows", "", str(count), f"<= {MOST_ROWS}",
                    Severity.ERROR,
                )
            )  # fmt: skip
        if not any(cell.strip() for cell in row.cells):
            continue
        cells, unread = values_of(row, heading.cells, fields, problems, table.delimiter)
        yield _row(cells, unread)
        problems.clear()


def row_of(values: dict[str, str], line: int = 1) -> PointRow:
    """Return one row as a form gives it: field of ``HEADINGS`` -> text."""
    return _row(Cells({k: v for k, v in values.items() if v.strip()}, line, []), [])


def _row(cell: Cells, unread: list[str]) -> PointRow:
    texts = {name: cell.text(name) or "" for name in LONGEST}
    for name, longest in LONGEST.items():
        if len(texts[name]) > longest:
            cell.report("too-long", name, f"<= {longest}", Severity.ERROR)
            texts[name] = texts[name][:longest]
    written = cell.text("intensity") or ""
    seen = observed(written)
    for code in (seen.code, *seen.remarks):
        if code:
            severity = Severity.ERROR if code in REFUSALS else Severity.WARNING
            cell.report(code, "intensity", "1..12, 3-4, 2.5, felt", severity)
    time = None
    if said := cell.text("time"):
        try:
            time = moment(said.replace("T", " "))[0]
        except ValueError:
            cell.report("not-a-time", "time", "YYYY-MM-DD HH:MM:SS", Severity.ERROR)
    if not texts["event"] and time is None and not said:
        cell.report("missing-field", "event", "event, time", Severity.ERROR)
    before = len(cell.problems)
    latitude, longitude = cell.number("latitude", LATITUDE), cell.number("longitude", LONGITUDE)
    wrong_place = len(cell.problems) > before
    # A place that is nowhere is a slip of the pen, also where the settlement is named.
    cell.problems[before:] = [replace(p, severity=Severity.ERROR) for p in cell.problems[before:]]
    if (latitude is None) != (longitude is None) and not wrong_place:
        cell.report("missing-field", "latitude" if latitude is None else "longitude", "number")
    if latitude is None or longitude is None:
        latitude = longitude = None
    if not texts["place"] and latitude is None:
        cell.report("missing-field", "place", "place, latitude and longitude", Severity.ERROR)
    scale = "MSK-64"
    if named := cell.text("scale"):
        known = scale_word(named)
        if known is None:
            cell.report("unknown-value", "scale", ", ".join(SCALES), Severity.ERROR)
        scale = known or scale
    effects = " | ".join(filter(None, (texts["effects"], *unread)))[: LONGEST["effects"]]
    return PointRow(
        cell.line,
        texts["event"],
        time,
        texts["place"],
        cut(written),
        seen,
        scale,
        texts["source"],
        effects,
        texts["agency"],
        latitude,
        longitude,
        tuple(cell.problems),
    )
