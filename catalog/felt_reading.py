"""Reading a felt report: every value is one that may be kept, or the word is named that is not.

Refused is only what cannot be meant: a grade of 13, a clock of tomorrow, coordinates off the Earth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.felt_questions import BY_CODE, GRADE_NUMBERS
from catalog.models.felt import FeltReport

#: A clock that is ahead by less is a phone's: the report is taken to mean now. More is a mistake.
CLOCK_AHEAD = timedelta(minutes=10)
#: Nobody alive remembers an earlier one.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
COMMENT_MOST, NAME_MOST, CONTACT_MOST, PLACE_MOST = 2000, 100, 200, 200
#: A home is not told: coordinates are kept to 0.001 degree, about 100 m.
POINT_DECIMALS = 3
PRECISION_KM = (0.05, 500.0)
#: Of a point shown on a map that did not say how far in it was.
DEFAULT_PRECISION_KM = 1.0

LANGUAGES = ("kk", "ru", "en")
LAST_RESORT_LANGUAGE = "ru"

MESSAGES: dict[str, str | Promise] = {
    "not-an-object": _("The report is no JSON object."),
    "unknown-word": _("“%(word)s” is no word of a report."),
    "missing": _("“%(word)s” is missing; expected %(expected)s."),
    "not-understood": _("“%(word)s” is “%(found)s”; expected %(expected)s."),
    "in-the-future": _(
        "The time %(found)s has not come yet; by our clock it is %(expected)s. Look at the date "
        "and the clock."
    ),
    "too-long": _("“%(word)s” has %(found)s characters; at most %(expected)s are kept."),
    "contradiction": _("“%(word)s” says “%(found)s”, which does not go with %(expected)s."),
    "unknown-event": _("There is no event %(found)s; send the report without one."),
    "unknown-settlement": _("There is no settlement number %(found)s; expected %(expected)s."),
    "unknown-place": _(
        "No settlement is called “%(found)s”. Choose one that is proposed, show the place on the "
        "map, or send it as written."
    ),
    "ambiguous-place": _("Several settlements are called “%(found)s”. Choose which one is meant."),
    "too-large": _("The report is larger than %(expected)s bytes."),
    "address-full": _(
        "Too many reports came from this address within an hour. Your report was not kept; send it "
        "again later."
    ),
    "day-full": _(
        "No more reports can be taken now. Your report was not kept; send it again later."
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a report: the word, a code of ``MESSAGES``, found, expected."""

    word: str
    code: str
    found: str = ""
    expected: str = ""

    @property
    def message(self) -> str:
        """The sentence, in the language now active."""
        words = {"word": self.word, "found": self.found, "expected": self.expected}
        return str(MESSAGES[self.code]) % words

    def as_json(self) -> dict[str, str]:
        return {
            "word": self.word,
            "code": self.code,
            "found": self.found,
            "expected": self.expected,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """A settlement that may be meant."""

    settlement_id: int
    name: str
    oblast: str
    country: str
    population: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "settlement": self.settlement_id,
            "name": self.name,
            "oblast": self.oblast,
            "country": self.country,
            "population": self.population,
        }


class Refused(ValueError):
    """A report that cannot be kept as it is; carries every problem, and settlements to choose."""

    def __init__(self, problems: Iterable[Problem], proposals: Iterable[Proposal] = ()) -> None:
        self.problems = tuple(problems)
        self.proposals = tuple(proposals)
        super().__init__("; ".join(f"{p.word}: {p.code} {p.found}" for p in self.problems))

    @property
    def message(self) -> str:
        return " ".join(problem.message for problem in self.problems)


@dataclass(frozen=True, slots=True)
class SentPoint:
    latitude: float
    longitude: float
    #: How far the true place may be [km].
    precision_km: float
    source: str


@dataclass(frozen=True, slots=True)
class SentReport:
    """What a person sent, read: every value is one that may be kept."""

    client_id: UUID
    felt: bool
    language: str
    grade: int | None = None
    event: str = ""
    felt_at: datetime | None = None
    settlement: int | None = None
    place: str = ""
    as_written: bool = False
    point: SentPoint | None = None
    place_source: str = ""
    answers: Mapping[str, str | list[str]] = field(default_factory=dict)
    comment: str = ""
    name: str = ""
    contact: str = ""
    #: What was understood otherwise than sent: "clock-ahead".
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def is_personal(self) -> bool:
        return bool(self.comment or self.name or self.contact)


# --- Reading -------------------------------------------------------------------------------------

#: Words of a report; "token" and "trap" concern the way it came.
WORDS = (
    "id", "felt", "grade", "event", "felt_at", "settlement", "place", "as_written", "latitude",
    "longitude", "precision_km", "place_source", "answers", "language", "comment", "name",
    "contact", "token", "trap",
)  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_EVENT = re.compile(r"[A-Za-z0-9]{1,20}")
#: Controls but tab and line feed, and halves of surrogate pairs, which PostgreSQL does not take.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_SOURCES = (FeltReport.PlaceSource.MAP, FeltReport.PlaceSource.PHONE)


def shown(value: Any) -> str:
    """Return something found as a sentence may show it: short, printable."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value)[:80])


class _Reader:
    """Reads word by word and gathers what is wrong."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self.words = words
        self.problems: list[Problem] = []

    def wrong(self, word: str, expected: str, found: Any = None) -> None:
        value = self.words.get(word) if found is None else found
        self.problems.append(Problem(word, "not-understood", shown(value), expected))

    def given(self, word: str) -> Any:
        """Return a word's value; None where it is left out or empty."""
        value = self.words.get(word)
        return None if value == "" else value

    def boolean(self, word: str) -> bool | None:
        value = self.given(word)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(word, "true, false")
        return None

    def whole(self, word: str, low: int, high: int) -> int | None:
        value = self.given(word)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.wrong(word, f"{low}..{high}")
        return None

    def number(self, word: str, low: float, high: float) -> float | None:
        value = self.given(word)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # An integer of a hundred digits is no float; the comparison takes it all the same.
        if is_number and low <= value <= high and math.isfinite(value):
            return float(value)
        self.wrong(word, f"{low:g}..{high:g}")
        return None

    def text(self, word: str, most: int) -> str:
        """Return a text without what is none; emoji and every script stay as they are."""
        value = self.given(word)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(word, "text")
            return ""
        value = _NO_TEXT.sub("", value.replace("\r\n", "\n")).strip()
        if len(value) > most:
            self.problems.append(Problem(word, "too-long", str(len(value)), str(most)))
            return ""
        return value

    def choice(self, word: str, choices: Iterable[str]) -> str:
        value = self.given(word)
        if value is None:
            return ""
        if isinstance(value, str) and value in choices:
            return value
        self.wrong(word, ", ".join(choices))
        return ""


def read(words: Mapping[str, Any], *, now: datetime, language: str) -> SentReport:
    """Read a report's words, as JSON has them.

    Parameters
    ----------
    words : values by the words of ``WORDS``
    now : when it came, aware
    language : of the sender's page, where the report does not say it

    Raises
    ------
    Refused
        With every problem found.
    """
    reader = _Reader(words)
    for word in words:
        if word not in WORDS:
            reader.problems.append(Problem(shown(word), "unknown-word"))
    client_id = _client_id(reader)
    grade = reader.whole("grade", GRADE_NUMBERS[0], GRADE_NUMBERS[-1])
    felt = _felt(reader, grade)
    felt_at, notes = _felt_at(reader, now)
    point = _point(reader)
    told = reader.choice("language", LANGUAGES)
    settlement = reader.whole("settlement", 1, 2**31 - 1)
    place = reader.text("place", PLACE_MOST)
    source = ""
    if point:
        source = point.source
    elif settlement:
        source = FeltReport.PlaceSource.SETTLEMENT
    elif place:
        source = FeltReport.PlaceSource.WORDS
    report = SentReport(
        client_id or UUID(int=0),
        bool(felt),
        told or (language if language in LANGUAGES else LAST_RESORT_LANGUAGE),
        grade,
        _event(reader),
        felt_at,
        settlement,
        place,
        bool(reader.boolean("as_written")),
        point,
        source,
        _answers(reader),
        reader.text("comment", COMMENT_MOST),
        reader.text("name", NAME_MOST),
        reader.text("contact", CONTACT_MOST),
        notes,
    )
    if reader.problems:
        raise Refused(reader.problems)
    return report


def _client_id(reader: _Reader) -> UUID | None:
    value = reader.given("id")
    if value is None:
        expected = "a UUID that the sender makes and keeps for every retry"
        reader.problems.append(Problem("id", "missing", "", expected))
        return None
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    reader.wrong("id", "a UUID")
    return None


def _felt(reader: _Reader, grade: int | None) -> bool | None:
    """Return whether it was felt: as said, or as the grade means (I: not felt)."""
    felt = reader.boolean("felt")
    if felt is None:
        if reader.given("grade") is None:
            reader.problems.append(Problem("felt", "missing", "", "true, false"))
        return None if grade is None else grade > 1
    if grade is not None and felt != (grade > 1):
        found = "true" if felt else "false"
        reader.problems.append(Problem("felt", "contradiction", found, f"grade {grade}"))
    return felt


def _felt_at(reader: _Reader, now: datetime) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when it was felt and what is to be said of it; None: when the event was, or now."""
    value = reader.given("felt_at")
    if value is None:
        return None, ()
    expected = "ISO 8601 with an offset, such as 2026-01-10T08:00:00Z"
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is None or time.tzinfo is None:
            reader.wrong("felt_at", expected)
            return None, ()
        time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        reader.wrong("felt_at", expected)
        return None, ()
    if time > now + CLOCK_AHEAD:
        found, known = (f"{t.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for t in (time, now))
        reader.problems.append(Problem("felt_at", "in-the-future", found, known))
        return None, ()
    if time < EARLIEST:
        reader.wrong("felt_at", f"{EARLIEST:%Y-%m-%d}..")
        return None, ()
    return (now, ("clock-ahead",)) if time > now else (time, ())


def _point(reader: _Reader) -> SentPoint | None:
    """Return a point shown on a map or told by a phone, as finely as it is kept."""
    latitude = reader.number("latitude", -90, 90)
    longitude = reader.number("longitude", -180, 180)
    precision = reader.number("precision_km", 0, math.inf)
    source = reader.choice("place_source", _SOURCES)
    for word, other in (("latitude", "longitude"), ("longitude", "latitude")):
        if reader.given(word) is None and reader.given(other) is not None:
            reader.problems.append(Problem(word, "missing", "", "degrees"))
    if latitude is None or longitude is None:
        return None
    low, high = PRECISION_KM
    return SentPoint(
        round(latitude, POINT_DECIMALS),
        round(longitude, POINT_DECIMALS),
        min(max(precision or DEFAULT_PRECISION_KM, low), high),
        source or FeltReport.PlaceSource.MAP,
    )


def _event(reader: _Reader) -> str:
    event = reader.text("event", 40)
    if event and not _EVENT.fullmatch(event):
        reader.problems.append(Problem("event", "unknown-event", shown(event)))
    return event


def _answers(reader: _Reader) -> dict[str, str | list[str]]:
    given = reader.given("answers")
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        reader.wrong("answers", "an object of question and option")
        return {}
    answers: dict[str, str | list[str]] = {}
    for code, value in given.items():
        question = BY_CODE.get(code)
        word = f"answers.{shown(code)}"
        if question is None:
            reader.problems.append(Problem(word, "unknown-word"))
        elif question.several:
            codes = [value] if isinstance(value, str) else value
            if isinstance(codes, list) and all(c in question.codes for c in codes if c != ""):
                # In the order of the question, each once: the same answer is stored the same.
                if kept := [c for c in question.codes if c in codes]:
                    answers[code] = kept
            else:
                reader.wrong(word, ", ".join(question.codes), value)
        elif isinstance(value, str) and value in question.codes:
            answers[code] = value
        elif value not in (None, ""):
            reader.wrong(word, ", ".join(question.codes), value)
    return answers
