"""Make rows and fragments of the read side again and compare them with what is stored."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from catalog import rendering
from catalog.models import Event, EventFragment, EventRow, FeedCounter

BATCH = 200


class Command(BaseCommand):
    help = "Recompute all (or a sample of) catalogue rows and print every difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sample", type=int, help="so many events by chance instead of all")

    def handle(self, *args: Any, sample: int | None = None, **options: Any) -> None:
        outermost = not connection.in_atomic_block
        with transaction.atomic():
            if outermost:  # one snapshot, whatever is published meanwhile
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self.compare(sample)

    def compare(self, sample: int | None) -> None:
        found = checked = 0
        # An event waiting for its recomputation may rightly differ: it is counted, not compared.
        waiting = Event.objects.unpublished().count()
        events = Event.objects.exclude(pk__in=Event.objects.unpublished().values("pk"))
        if sample is not None:
            events = events.filter(
                pk__in=list(events.order_by("?").values_list("pk", flat=True)[:sample])
            )
        stream = events.order_by("pk").iterator(BATCH)
        while batch := tuple(islice(stream, BATCH)):
            for line in differences(batch):
                found += 1
                self.stdout.write(line)
            checked += len(batch)
        highest = EventRow.objects.order_by("-change_number").values_list("change_number").first()
        if highest is not None and highest[0] > FeedCounter.current():
            found += 1
            self.stdout.write(f"change {highest[0]} lies beyond the feed")
        self.stdout.write(f"{checked} events checked, {waiting} waiting, {found} differences")
        if found:
            raise CommandError(f"{found} differences", returncode=1)


def differences(events: tuple[Event, ...]) -> list[str]:
    """Return one line for every difference between what is stored and what should be."""
    keys = [event.pk for event in events]
    rows = EventRow.objects.in_bulk(keys)
    fragments: dict[int, dict[str, EventFragment]] = {}
    for fragment in EventFragment.objects.filter(event__in=keys):
        fragments.setdefault(fragment.event_id, {})[fragment.part] = fragment
    public = [event for event in events if rendering.is_public(event)]
    should = rendering.rendered(public)
    lines = []
    for event in events:
        row, stored = rows.get(event.pk), fragments.get(event.pk, {})
        if event.pk not in should:
            if row is not None or stored:
                lines.append(f"{event.public_id}: is {event.status} but still on the read side")
            continue
        if row is None:
            lines.append(f"{event.public_id}: has no row")
            continue
        if row.version != event.published_version:
            lines.append(
                f"{event.public_id}: row of version {row.version}, published is "
                f"{event.published_version}"
            )
        values, bodies = should[event.pk]
        for name in rendering.differences(row, stored, values, bodies):
            if name.startswith("quakeml:"):
                lines.append(f"{event.public_id}: {name} differs")
                continue
            lines.append(
                f"{event.public_id}: {name} is {getattr(row, name)!r}, should be {values[name]!r}"
            )
    return lines
