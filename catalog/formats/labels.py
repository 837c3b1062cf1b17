"""What an event's comments may say that the catalogue acts upon, the same words in every format.

No exchange format has a field for "this was made up", and it must not be lost on the way: so every
writer puts the label among the event's comments, and ``catalog.formats.read`` takes it back from
there, whatever the format. A made-up event stays known as such wherever its file goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from catalog.formats.problems import Problem
from catalog.formats.records import EventRecord, ReadingsRecord

#: Said of every event that was made up.
SYNTHETIC = "SYNTHETIC, not real: invented to show how the portal works"
#: Said of an event that its agency lists apart from the main catalogue.
SUPPLEMENTARY = "supplementary list"
#: What a report without coordinates says in words: when, and where from a town.
ORIGIN_TIME = "origin time: "
PLACE = "place: "
#: Between the comments of a table's one cell.
BETWEEN = " | "

Item = TypeVar("Item", bound=EventRecord | ReadingsRecord | Problem)


def with_label(comments: Iterable[str], synthetic: bool) -> tuple[str, ...]:
    """Return comments as a file carries them: of a made-up event the label comes first."""
    given = tuple(comments)
    return (SYNTHETIC, *given) if synthetic and SYNTHETIC not in given else given


def without_label(comments: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """Return a file's comments without the label, and whether it was there."""
    kept: list[str] = []
    found = False
    for comment in comments:
        text = comment.strip()
        if text == SYNTHETIC:
            found = True
        elif text.startswith(SYNTHETIC + BETWEEN):
            found = True
            kept.append(text.removeprefix(SYNTHETIC + BETWEEN))
        else:
            kept.append(comment)
    return tuple(kept), found


def taken(item: Item) -> Item:
    """Return what a reader yielded, marked synthetic if its comments say so."""
    if isinstance(item, Problem) or not item.comments:
        return item
    comments, found = without_label(item.comments)
    return replace(item, comments=comments, synthetic=True) if found else item
