"""FDSN event text (fdsnws-event 1.2): 14 columns between bars. The writer; reading is separate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

COLUMNS = (
    *("EventID", "Time", "Latitude", "Longitude", "Depth/km", "Author", "Catalog"),
    *("Contributor", "ContributorID", "MagType", "Magnitude", "MagAuthor"),
    *("EventLocationName", "EventType"),
)
HEADER = "#" + "|".join(COLUMNS) + "\n"


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of the text format; what is not reported is ``None`` and stays empty."""

    event_id: str
    time: datetime
    latitude: float
    longitude: float
    depth_km: float | None = None
    author: str | None = None  # of the origin
    catalog: str | None = None
    contributor: str | None = None
    contributor_id: str | None = None  # the contributor's own id of the event
    magnitude_type: str | None = None
    magnitude: float | None = None
    magnitude_author: str | None = None
    place: str | None = None
    event_type: str | None = None  # QuakeML EventType; unknown is empty


def _word(text: str | None) -> str:
    """Return text that breaks neither the column nor the line."""
    return " ".join((text or "").replace("|", "/").split())


def render(line: EventLine) -> str:
    """Return the line with its end. Times have microseconds and no Z, as in the specification."""
    return (
        "|".join(
            (
                _word(line.event_id).lstrip("#"),
                line.time.isoformat(timespec="microseconds")[:26],
                repr(line.latitude),
                repr(line.longitude),
                "" if line.depth_km is None else repr(line.depth_km),
                _word(line.author),
                _word(line.catalog),
                _word(line.contributor),
                _word(line.contributor_id),
                _word(line.magnitude_type),
                "" if line.magnitude is None else repr(line.magnitude),
                _word(line.magnitude_author),
                _word(line.place),
                _word(line.event_type),
            )
        )
        + "\n"
    )
