"""What a reader says when it cannot use a datum: where, what was found, what was expected.

A problem is data, not prose: a code and its values, so that the desk can show it in the
operator's language whatever language the worker has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much was lost by the problem."""

    WARNING = "warning"  # the datum is kept as text only, the rest of the event stands
    ERROR = "error"  # an event (or the rest of the file) could not be read


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in a file that could not be used as a value.

    ``code`` is one of the codes listed in ``catalog.formats.problems.CODES``; ``found`` is the
    text met (cut at 200 characters) and ``expected`` a short language-free description such as
    ``"-90..90"``, ``"number"`` or ``"YYYY/MM/DD"``.
    """

    line_number: int | None
    code: str
    field: str = ""
    found: str = ""
    expected: str = ""
    severity: Severity = Severity.WARNING


class FormatError(ValueError):
    """The file as a whole cannot be read; carries the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(
            f"line {problem.line_number}: {problem.code}: {problem.field} "
            f"found {problem.found!r}, expected {problem.expected}"
        )
        self.problem = problem


#: Every code a reader may use. The sentences, in three languages, live with the desk
#: (``processing/desk/messages.py``); a test keeps the two lists equal.
CODES = (
    "empty-file",  # the file has no bytes, or white space only
    "unknown-format",  # no reader recognises the file
    "station-list",  # a list of stations, sent as a bulletin
    "wrong-format",  # the file is not of the format it was sent as
    "unsupported-version",  # a known format in a version the reader does not handle
    "file-too-large",
    "gzip-damaged",
    "packed-too-densely",  # an archive that unpacks to a hundred times its size
    "archive-damaged",
    "archive-refused",  # a path that leads outside, a link, an archive inside, encrypted, doubled
    "too-many-members",  # of an archive
    "too-many-events",
    "line-too-long",
    "time-limit",  # reading took longer than allowed
    "memory-limit",
    "reader-crashed",
    "encoding",  # bytes that are not text in the detected encoding
    "mixed-encoding",
    "xml-doctype",  # DOCTYPE, entity declaration or external reference
    "xml-syntax",
    "xml-too-deep",
    "xml-unknown-element",
    "xml-not-valid",  # against the schema of its format
    "foreign-element",  # an element or attribute of another namespace
    "truncated",  # the file ends inside a block
    "missing-field",
    "missing-block",
    "not-a-number",
    "not-a-time",
    "not-finite",
    "out-of-range",
    "zero-position",  # 0 N 0 E, which lists write where there is no position
    "implausible-time",  # outside 1700..now + 1 day
    "unknown-value",  # a word outside the standard's vocabulary
    "unknown-column",
    "duplicate-column",
    "duplicate-event-id",
    "duplicate-origin-id",
    "duplicate-id",  # of an arrival, a magnitude ...
    "dangling-reference",  # an id that nothing in the file has
    "wrong-width",  # a row of fixed columns that is longer or shorter
    "unused-text",  # text where the format has none
    "unknown-station",
    "ambiguous-station",
    "overlapping-epochs",  # of one station
    "made-up-station",  # in the place of a real one, or the other way round
    "unknown-agency",
    "unknown-settlement",
    "too-long",  # a text longer than its column
    "too-many-rows",
    "intensity-missing",
    "intensity-not-read",
    "intensity-out-of-range",  # 13
    "intensity-not-half",  # 7.1: grades are whole or half
    "intensity-energy-class",  # K 7.1
    "intensity-magnitude",
    "intensity-reversed",  # 4-3
    "intensity-wide",  # 2-5
    "unsupported-block",
    "workbook-macros",
    "sheet-not-read",  # of a workbook: one sheet is read
    "merged-cells",
    "formula-without-value",  # the program that saved the workbook did not store it
    "cell-error",  # #REF!, #DIV/0! ...
    "inconsistent-mechanism",  # planes and axes that do not belong together
    "planes-not-orthogonal",
    "planes-not-auxiliary",  # orthogonal, but the second is not the other plane of the first
    "axes-not-orthogonal",
    "inconsistent-tensor",  # a tensor and planes that do not belong together
    "tensor-incomplete",
    "tensor-trace",  # a tensor with an isotropic part
    "moment-unit",  # a moment that does not fit the magnitude: dyn cm taken as N m ...
    "unit-missing",  # a tensor without its power of ten
    "few-polarities",
    "polarities-alike",  # all up or all down
    "doubtful-date",  # an Excel date before March 1900, or no date at all
    "value-not-read",  # a reader that is not ours made something else of the text
    "ambiguous-local-time",  # the clock of the zone showed this time twice, or never
    "time-zone-not-used",  # the format's times are UTC whatever the operator says
)
