"""What was made up says so in every format, and is known as such when it comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest

from catalog.formats import FORMATS, read
from catalog.formats.labels import SUPPLEMENTARY, SYNTHETIC, with_label
from catalog.formats.records import (
    EventRecord,
    FocalMechanismRecord,
    IntensityRecord,
    NodalPlaneRecord,
    OriginRecord,
)

EVENT = EventRecord(
    text="",
    first_line=0,
    last_line=0,
    event_id="SYN1",
    origins=(
        OriginRecord("1", datetime(2014, 5, 1, 3, 4, 5, tzinfo=UTC), 43.0, 77.0, depth_km=10.0),
    ),
    focal_mechanisms=(FocalMechanismRecord("m", NodalPlaneRecord(10.0, 60.0, 90.0)),),
    intensities=(IntensityRecord("Almaty", 4.0, 4.0, 4.0),),
    preferred_origin_id="1",
)
#: The year book's tables and NDK have tests of their own: they hold parts of an event.
WRITERS = [
    f for f in FORMATS if f.write is not None and not f.code.startswith(("year-book", "ndk"))
]
#: Their rows are mechanisms and settlements, which have notes of their own.
OF_PARTS = ("year-book-mechanisms", "year-book-intensity")


def there_and_back(code: str, event: EventRecord) -> EventRecord:
    (format_,) = (f for f in WRITERS if f.code == code)
    assert format_.write is not None
    written = "".join(format_.write([event]))
    assert (SYNTHETIC in written) == event.synthetic
    (back,) = (e for e in read(code, BytesIO(written.encode())) if isinstance(e, EventRecord))
    # The year book's tables number their rows.
    comments = tuple(comment for comment in back.comments if comment != "№: 1")
    return replace(back, comments=comments)


@pytest.mark.parametrize("code", [f.code for f in WRITERS])
def test_a_synthetic_event_comes_back_synthetic(code: str) -> None:
    back = there_and_back(code, replace(EVENT, synthetic=True))
    assert back.synthetic
    assert back.comments == ()


@pytest.mark.parametrize("code", [f.code for f in WRITERS if f.code not in OF_PARTS])
def test_a_synthetic_event_keeps_its_other_comments(code: str) -> None:
    back = there_and_back(code, replace(EVENT, synthetic=True, comments=(SUPPLEMENTARY,)))
    assert (back.synthetic, back.comments) == (True, (SUPPLEMENTARY,))


@pytest.mark.parametrize("code", [f.code for f in WRITERS if f.code not in OF_PARTS])
def test_a_real_event_is_not_labelled(code: str) -> None:
    back = there_and_back(code, replace(EVENT, comments=("felt in Almaty",)))
    assert (back.synthetic, back.comments) == (False, ("felt in Almaty",))


def test_the_label_is_written_once() -> None:
    assert with_label((SYNTHETIC, "more"), True) == (SYNTHETIC, "more")
