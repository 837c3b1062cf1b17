"""The newest changes as they are sent, written once for all readers.

The form is that of the HTML standard (server-sent events): ``id`` is the change's number, ``event``
its kind, ``data`` one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: So many changes are kept for readers who come back; some megabytes.
KEPT = 10_000
#: One piece of an answer ends here.
PIECE_BYTES, PIECE_CHANGES = 64 * 1024, 200
#: A browser that lost the stream asks again after so many milliseconds.
RETRY_MS = 5000

EVENTS = "/api/v1/events/"
CHANGES = "/api/v1/changes?after="
HEARTBEAT = b":\n\n"


@dataclass(frozen=True, slots=True)
class Written:
    """A change as it is sent, cut where the site's address comes in: not all ask by one name."""

    number: int
    before: bytes
    after: bytes

    def sent_to(self, site: bytes) -> bytes:
        return self.before + site + self.after


def write(change: Mapping[str, Any]) -> Written:
    """Write a change.

    Parameters
    ----------
    change
        ``number``, ``kind``, ``id`` (public id), ``at``; ``into`` after a merge; and what the
        catalogue now says of the event, if it has it.
    """
    told = {name: _plain(value) for name, value in change.items()}
    head = f"id: {change['number']}\nevent: {change['kind']}\ndata: "
    before = f'{head}{_json(told)[:-1]},"url":"'
    return Written(change["number"], before.encode(), f'{EVENTS}{change["id"]}"}}\n\n'.encode())


def greeting(number: int) -> bytes:
    """Return what comes first: whoever is cut off before the first change knows where it stood."""
    return f"retry: {RETRY_MS}\nid: {number}\n\n".encode()


def reset(asked: int, number: int, site: bytes) -> bytes:
    """Return the event that says: what is after ``asked`` is not here, read it over there."""
    # A number of the future is that of a catalogue since put back: all of it is to be read.
    since = asked if asked <= number else 0
    data = _json({"number": number, "url": f"{site.decode()}{CHANGES}{since}"})
    return f"id: {number}\nevent: reset\ndata: {data}\n\n".encode()


def _plain(value: Any) -> Any:
    """Return a value as the JSON interface writes it, and null for what was not reported."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="microseconds")[:26]
        return text.rstrip("0").rstrip(".") + "Z"
    return None if value == "" else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class Log:
    """The newest changes, in order. Belongs to one event loop."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        #: The catalogue's last change; ``None`` until the database has been read.
        self.last: int | None = None
        self._floor = 0  # the last change that is no longer here
        self._numbers: list[int] = []
        self._written: list[Written] = []
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """What is set when something follows; take it before looking."""
        return self._news

    def wake(self) -> None:
        """Let all readers look."""
        self._news.set()
        self._news = asyncio.Event()

    def begin(self, floor: int, changes: Iterable[Written], last: int) -> None:
        """Hold these changes and no others: all between ``floor`` and ``last``."""
        self._floor, self._numbers, self._written = floor, [], []
        self.add(changes, last)

    def add(self, changes: Iterable[Written], last: int) -> None:
        """Go on with all changes up to ``last``; the oldest are dropped."""
        for change in changes:
            self._numbers.append(change.number)
            self._written.append(change)
        surplus = len(self._numbers) - self.kept
        if surplus > 0:
            self._floor = self._numbers[surplus - 1]
            del self._numbers[:surplus], self._written[:surplus]
        self.last = last
        self.wake()

    def reaches(self, number: int) -> bool:
        """True if all that follows a change is here."""
        return self.last is not None and self._floor <= number <= self.last

    def after(self, number: int, site: bytes) -> tuple[bytes, int]:
        """Return what follows a change, as far as one piece goes, and the last change in it."""
        found = bytearray()
        start = bisect_right(self._numbers, number)
        for change in self._written[start : start + PIECE_CHANGES]:
            found += change.sent_to(site)
            number = change.number
            if len(found) >= PIECE_BYTES:
                break
        return bytes(found), number
