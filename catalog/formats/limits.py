"""How much of a file a reader is willing to take in: one frozen value passed to every reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: Instrumental and historical bulletins begin later than this.
EARLIEST_TIME = datetime(1700, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on size and nesting; beyond one, a reader says so and stops or cuts.

    ``latest_time`` is the latest plausible origin time; ``None`` means now + 1 day.
    """

    max_bytes: int = 50 * 1024 * 1024
    max_events: int = 1_000_000
    max_line_length: int = 20_000  # characters of a text line
    max_depth: int = 32  # nested XML elements
    max_text_length: int = 100_000  # characters of one XML text
    max_elements: int = 3_000_000  # XML elements of one event
    latest_time: datetime | None = None

    def latest(self) -> datetime:
        """Return the latest plausible time."""
        return self.latest_time or datetime.now(UTC) + timedelta(days=1)
