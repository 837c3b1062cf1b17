"""The way around the staff desk: a row of rooms, and below it the pages of the room one is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()


@dataclass(frozen=True)
class Page:
    """A page of the desk, and the names of the addresses that lie below it."""

    name: str
    title: str | Promise
    below: tuple[str, ...] = ()

    def holds(self, url_name: str) -> bool:
        return url_name == self.name or url_name in self.below


@dataclass(frozen=True)
class Room:
    """Pages for one kind of work; the room opens at its first."""

    title: str | Promise
    pages: tuple[Page, ...]


ROOMS = (
    Room(_("Overview"), (Page("desk", _("Overview")), Page("desk-help", _("Help")))),
    Room(
        _("Bulletins"),
        (
            Page("upload", _("Upload")),
            Page("runs", _("Runs"), ("run",)),
            Page("mappings", _("Column mappings"), ("mapping",)),
            Page("by-hand", _("Enter by hand")),
        ),
    ),
    Room(
        _("Stations"),
        (
            Page("readings", _("Station readings")),
            Page("station-files", _("Station files"), ("station-file",)),
            Page("travel-times", _("Travel times"), ("travel-time-new", "travel-time-table")),
        ),
    ),
    Room(
        _("Macroseismics"),
        (
            Page(
                "desk-intensity-tables",
                _("Intensities"),
                ("desk-intensity-table", "desk-intensities"),
            ),
            Page("desk-felt", _("Felt reports"), ("desk-felt-report",)),
            Page("desk-settlements", _("Settlements"), ("desk-settlement", "desk-settlement-new")),
        ),
    ),
    Room(
        _("Decisions"),
        (
            Page("review", _("Review"), ("review-pair", "review-undo", "merge-event")),
            Page(
                "event-types",
                _("Event types"),
                ("event-type", "known-sources", "known-source", "known-source-new"),
            ),
            Page("desk-reversals", _("Reversed stations"), ("first-motions",)),
            Page(
                "preference-rules",
                _("Preference"),
                (
                    "preference-rule-set",
                    "preference-rules-new",
                    "preference-area-new",
                    "event-preference",
                ),
            ),
            Page("ledger", _("Ledger")),
        ),
    ),
    Room(
        _("Catalogue"),
        (
            Page("coverage-desk", _("Coverage"), ("coverage-day", "coverage-month")),
            Page(
                "desk-editions",
                _("Editions"),
                ("desk-edition", "desk-edition-new", "desk-edition-edit"),
            ),
            Page("desk-declusterings", _("Declustering"), ("desk-declustering",)),
            Page(
                "desk-magnitudes",
                _("Magnitudes"),
                ("desk-magnitudes-fit", "desk-regression", "desk-calibration", "desk-relation"),
            ),
        ),
    ),
)


@register.inclusion_tag("desk/_rooms.html")
def desk_rooms(url_name: str | None) -> dict[str, Any]:
    """The rooms with their addresses; the pages of the room that holds the address."""
    here = url_name or ""
    rooms, pages = [], []
    for room in ROOMS:
        is_here = any(page.holds(here) for page in room.pages)
        rooms.append({"title": room.title, "url": reverse(room.pages[0].name), "is_here": is_here})
        if is_here and len(room.pages) > 1:
            pages = [
                {"title": page.title, "url": reverse(page.name), "is_here": page.holds(here)}
                for page in room.pages
            ]
    return {"rooms": rooms, "pages": pages}
