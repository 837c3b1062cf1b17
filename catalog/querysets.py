"""Questions in FDSN words that chain. They import nothing of ours: models hang them on."""

from __future__ import annotations

from typing import Any

from django.db import models

#: Statuses of events that count: ``catalog.models.Event.Status``.
COUNTED_STATUSES = ("reviewed", "published")


class EventQuerySet(models.QuerySet[Any]):
    """Questions about events on the writing side."""

    def alive(self) -> EventQuerySet:
        """Events that are neither merged away nor deleted."""
        return self.exclude(status__in=["merged", "deleted"])

    def unpublished(self) -> EventQuerySet:
        """Events whose newest evidence is not yet on the read side."""
        return self.filter(evidence_version__gt=models.F("published_version"))


class SolutionQuerySet(models.QuerySet[Any]):
    """Origins, magnitudes, mechanisms, intensities."""

    def current(self) -> SolutionQuerySet:
        """Those not superseded by a newer report or computation."""
        return self.filter(superseded_at__isnull=True)

    def reported(self) -> SolutionQuerySet:
        return self.filter(entry__isnull=False)

    def computed(self) -> SolutionQuerySet:
        return self.filter(entry__isnull=True)


class EventRowQuerySet(models.QuerySet[Any]):
    """The read side; ``catalog.search.EventSearch`` asks most of its questions."""

    def counted(self) -> EventRowQuerySet:
        """Events that a person has looked at: those that counts, statistics and editions have.

        What only automatic reports tell of is no part of them.
        """
        return self.filter(status__in=COUNTED_STATUSES)
