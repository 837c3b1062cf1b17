"""Which rows of a table are its headings: one, or up to three that stand one above the other.

Printed tables group their columns: "Hypocentre" above φ, λ and h; "T" above PL and AZM. A group's
word stands in the first of its cells and the others are blank. The heading of a column is then the
lowest word, alone or with the word of its group, whichever a format knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Known = Callable[[tuple[str, ...]], int]

#: The headings stand in one of the first rows, with titles above them.
HEAD_ROWS = 20
#: So many known headings make a heading row.
KNOWN_HEADINGS = 3
MOST_LEVELS = 3
#: Rows are joined if that makes so many more headings known: a row of data may hold a word.
GAIN = 2


def may_go_on(cells: tuple[str, ...]) -> bool:
    """Tell whether the headings may go on in the row below: some cell has none."""
    return any(not cell.strip() for cell in cells)


def joined(upper: tuple[str, ...], lower: tuple[str, ...], known: Known) -> tuple[str, ...]:
    """Return the headings of two rows that stand one above the other."""
    result = []
    group = ""
    for at in range(max(len(upper), len(lower))):
        above = upper[at].strip() if at < len(upper) else ""
        below = lower[at].strip() if at < len(lower) else ""
        group = above or group
        if not below:
            result.append(above)
            continue
        both = f"{group} {below}".strip()
        result.append(both if known((both,)) else below)
    return tuple(result)


def find(
    rows: Sequence[tuple[str, ...]], at: int, known: Known
) -> tuple[int, int, tuple[str, ...]]:
    """Return the first row of the headings, the row after their last, and the headings.

    Row ``at`` is known to be one of them; the rows around it may belong to them too.
    """
    alone = known(rows[at])
    best = (at, at + 1, rows[at])
    most = alone + GAIN - 1
    for levels in range(2, MOST_LEVELS + 1):
        for start in range(max(0, at - levels + 1), at + 1):
            end = start + levels
            if end > len(rows):
                continue
            headings = rows[start]
            for row in rows[start + 1 : end]:
                headings = joined(headings, row, known)
            count = known(headings)
            if count > most:
                most, best = count, (start, end, headings)
    return best
