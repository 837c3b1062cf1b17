"""ObsPy as a reader, and how its answer is held against the columns it came from.

ObsPy's readers of fixed columns are forgiving: a starred residual costs the whole pick, a
magnitude without its station count vanishes, a time differs and it prints a line. Here they are
called one event at a time, quietly and with their failures caught, and nothing they return is
believed before ``settle`` has compared it with the text of its column:

* both agree: the column's own number is kept (no rounding by unit conversion);
* ObsPy left it out, and the column is plainly a number in range: the column's number is kept;
* ObsPy has something else: neither is kept, and ``value-not-read`` says what both are;
* a value of ObsPy's whose column is blank is dropped: nobody reported it.

ObsPy is imported by the first call, so that the other formats do not wait for it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog.formats.limits import Limits
from catalog.formats.problems import Problem, Severity
from catalog.formats.values import COUNT, Range, count, cut, number, plausible

KM_PER_DEGREE = 6371.0 * 3.141592653589793 / 180.0  # as ObsPy's kilometers2degrees has it
CODE = "value-not-read"
_TICK = timedelta(milliseconds=1)


class ReaderCrashed(Exception):
    """ObsPy raised on a block; the message is ObsPy's."""


def through_obspy(text: str, format_: str, **options: Any) -> Any:
    """Return the one event that ObsPy reads in ``text``, ``None`` if it reads none.

    ObsPy is given ASCII: any other character becomes ``?`` (see ``as_given``). What it prints or
    warns of is dropped, since every value is compared afterwards, and standard output belongs
    to the protocol of the reading process.

    Raises
    ------
    ReaderCrashed
        Whatever ObsPy raised.
    """
    from obspy import read_events

    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            events = read_events(io.BytesIO(as_given(text).encode()), format=format_, **options)
        except MemoryError:
            raise
        except Exception as error:  # hostile text may raise anything; the caller reports it
            raise ReaderCrashed(f"{type(error).__name__}: {error}") from error
    return events[0] if len(events) == 1 else None


def crashed(error: ReaderCrashed, line_number: int, first: str) -> Problem:
    """Return the problem of an event that is lost because ObsPy raised on it."""
    return Problem(
        line_number, "reader-crashed", "ObsPy", cut(first), cut(str(error)), Severity.ERROR
    )


def as_given(text: str) -> str:
    """Return a text as ObsPy is given it."""
    return text.encode("ascii", "replace").decode()


# --- lines cut into columns -----------------------------------------------------------------------


def numbers(
    problems: list[Problem],
    line_number: int,
    line: str,
    columns: Mapping[str, slice],
    bounds: Mapping[str, Range],
) -> dict[str, float | None]:
    """Return the numbers of a line by name; ``None`` for blank, and with a problem for unusable."""
    return {
        name: (
            count(problems, line_number, name, line[columns[name]])
            if limits is COUNT
            else number(problems, line_number, name, line[columns[name]], limits)
        )
        for name, limits in bounds.items()
    }


def cleared(line: str, columns: Mapping[str, slice], values: Mapping[str, float | None]) -> str:
    """Return the line with the unusable numbers blanked, so that ObsPy keeps the rest."""
    for name, value in values.items():
        if value is None and line[columns[name]].strip():
            line = replaced(line, columns[name], "")
    return line


def replaced(line: str, place: slice, text: str) -> str:
    """Return the line with other text in one column, flush right."""
    width = place.stop - place.start
    return line[: place.start].ljust(place.start) + text.rjust(width)[-width:] + line[place.stop :]


def stray(line: str, gaps: tuple[int, ...]) -> bool:
    """Tell whether text stands between the columns, or a tab anywhere: the line is shifted."""
    return "\t" in line or any(line[at : at + 1].strip() for at in gaps)


def unbroken(
    problems: list[Problem],
    line_number: int,
    line: str,
    columns: Mapping[str, slice],
    bounds: Mapping[str, Range],
) -> str:
    """Return a line that goes on in the next one without the number in which it was broken.

    A number cut by a wrapped line would be another number: it is reported, not read.
    """
    end = len(line.rstrip())
    for name in bounds:
        place = columns[name]
        if place.start < end <= place.stop and line[place].strip():
            problems.append(
                Problem(line_number, "truncated", name, cut(line[place].strip()), "one line")
            )
            return replaced(line, place, "")
    return line


def gaps(columns: Mapping[str, slice], width: int) -> tuple[int, ...]:
    """Return the columns of a line that no field covers."""
    covered = {at for place in columns.values() for at in range(*place.indices(width))}
    return tuple(at for at in range(width) if at not in covered)


# --- the comparison -------------------------------------------------------------------------------


def settle(
    problems: list[Problem],
    line_number: int,
    field: str,
    stated: float | None,
    read: float | None,
    tolerance: float = 1e-6,
) -> float | None:
    """Return what a column states, unless ObsPy read something else.

    Parameters
    ----------
    stated : float or None
        The number of the column, in the unit of the file.
    read : float or None
        ObsPy's value, turned back into that unit.
    tolerance : float
        Of the difference, in that unit; besides one part in a million for unit conversions.
    """
    if stated is None or read is None:
        return stated
    if abs(stated - float(read)) <= tolerance + 1e-6 * abs(stated):
        return stated
    problems.append(Problem(line_number, CODE, field, f"{stated:g}", f"{float(read):g}"))
    return None


def settle_word(
    problems: list[Problem], line_number: int, field: str, stated: str, read: str | None
) -> str | None:
    """Return the word of a column, unless ObsPy read something else; ``None`` if blank."""
    if not stated or not read or as_given(stated) == str(read):
        return stated or None
    problems.append(Problem(line_number, CODE, field, cut(stated), cut(str(read))))
    return None


def settle_time(
    problems: list[Problem], line_number: int, field: str, stated: datetime, read: Any
) -> datetime | None:
    """Return the time of a column, unless ObsPy read something else."""
    if read is None or abs(read.datetime.replace(tzinfo=UTC) - stated) <= _TICK:
        return stated
    problems.append(Problem(line_number, CODE, field, stated.isoformat(), str(read)))
    return None


def lost(line_number: int, line: str) -> Problem:
    """Return the problem of a line that ObsPy passed over."""
    return Problem(line_number, CODE, "line", cut(line.strip()), "")


def origin_time(
    problems: list[Problem], line_number: int, time: datetime | None, limits: Limits
) -> datetime | None:
    """Return an origin time that is plausible, ``None`` (with a problem) if not."""
    if time is None or plausible(problems, line_number, "time", time, limits.latest()):
        return time
    return None


def meaning(
    problems: list[Problem],
    line_number: int,
    field: str,
    text: str,
    words: Mapping[str, str | None],
) -> str | None:
    """Return the meaning of a short code, case aside; a problem if it has none."""
    key = text.strip().lower()
    if key in words:
        return words[key]
    expected = " ".join(word for word in words if word)
    problems.append(Problem(line_number, "unknown-value", field, cut(text.strip()), expected))
    return None
