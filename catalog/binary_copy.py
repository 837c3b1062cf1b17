"""Rows of one width by binary COPY, laid under an array as PostgreSQL sends them.

The bytes are those of PostgreSQL's manual, COPY, "Binary Format": a head, of each row the number of
its fields and before each field its length, two bytes after the last row. No field may be null, and
each has the same width in every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.db.backends.base.base import BaseDatabaseWrapper
from numpy.typing import NDArray

#: Signature, flags and the length of an extension that nobody uses.
HEAD_BYTES = 19


def row_of(*fields: tuple[str, str]) -> np.dtype[Any]:
    """Return the layout of a row: name and big-endian type of each field, in the order asked."""
    parts = ((f"{name}_length", ">i4", name, form) for name, form in fields)
    return np.dtype(
        [("fields", ">i2")]
        + [pair for length, size, name, form in parts for pair in ((length, size), (name, form))]
    )


def batches(
    line: BaseDatabaseWrapper,
    question: str,
    parameters: Mapping[str, Any] | Sequence[Any],
    row: np.dtype[Any],
    most: int | None = None,
) -> Iterator[NDArray[Any]]:
    """Yield the rows of a SELECT, about ``most`` at a time, or all at once; the last may be none.

    Parameters
    ----------
    row
        Their layout (``row_of``).

    Raises
    ------
    OperationalError
        When the database gave it up (``catalog.downloads.was_given_up``).
    """
    copy = f"COPY ({question}) TO STDOUT (FORMAT binary)"
    waiting, is_begun = bytearray(), False
    with (
        line.wrap_database_errors,
        line.cursor() as cursor,
        # The driver's own cursor: Django's debugging wrapper does not know COPY's parameters.
        cursor.cursor.copy(copy, parameters) as blocks,
    ):
        for block in blocks:
            waiting += block
            if not is_begun and len(waiting) >= HEAD_BYTES:
                del waiting[:HEAD_BYTES]
                is_begun = True
            if most is not None and len(waiting) >= most * row.itemsize:
                whole = len(waiting) // row.itemsize * row.itemsize
                yield np.frombuffer(bytes(waiting[:whole]), row)
                del waiting[:whole]
    # The two bytes of the end are less than a row.
    yield np.frombuffer(bytes(waiting), row, len(waiting) // row.itemsize)
