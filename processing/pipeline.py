"""The order of the jobs, and nothing else.

    read -> associate -> recompute (locate -> magnitudes -> preference -> publish) -> propose
                      -> confirm -> recompute of the events the final bulletin lacks
    read -> readings (those without an event) -> recompute of the events that take them
    felt reports -> tie -> community intensities of the events they are tied to
    recompute -> look again at felt reports near the events that changed

Each step asks for the next in its own transaction and ends with ``item.finish()`` there, so that a
step is either stored, finished and followed, or none of it. Every step may run twice without harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from catalog import coverage
from catalog.models import BulletinReading, Event, Report, User
from processing.jobs import (
    association,
    calibrations,
    clock_suspects,
    confirmation,
    declustering,
    event_type,
    exporting,
    felt,
    felt_decisions,
    felt_intensities,
    ingestion,
    location,
    macroseismic_points,
    macroseismics,
    magnitude,
    map_tiles,
    mechanisms,
    preference,
    preference_changes,
    publishing,
    publishing_editions,
    station_readings,
    type_decisions,
    waveforms,
)
from processing.models import ProcessingRun, WorkItem
from processing.transactions import retried, writing

#: Small bulletins first: entries of a run, and the priority of the work that follows from it.
PRIORITIES = ((50, 3), (association.BATCH_ENTRIES, 5))
LAST_PRIORITY = 7
GONE = (Event.Status.MERGED, Event.Status.DELETED)

logger = logging.getLogger(__name__)


def read(item: WorkItem) -> None:
    """Turn a file into entries and problems."""
    ProcessingRun(pk=item.object_id).progress.stage(ProcessingRun.Stage.READ)

    def store() -> None:
        # Another file of the agency with the same new events may be read for as long as that.
        with writing(settings.READ_MAX_SECONDS):
            run = ProcessingRun.objects.select_related("reading").get(pk=item.object_id)
            ingestion.read(run, run.progress)
            run = ProcessingRun.objects.select_related("reading").get(pk=item.object_id)
            if not run.is_over and run.reading is not None:
                priority = priority_of(run.reading.entry_count)
                WorkItem.objects.request("associate", run.pk, run=run, priority=priority)
                if station_readings.concerns(run.reading):
                    # After the file's own events, which these readings may belong to.
                    later = station_readings.PRIORITY
                    WorkItem.objects.request("readings", run.reading.pk, run=run, priority=later)
            item.finish()

    retried(store)


def dry_run(item: WorkItem) -> None:
    """Say what reading a file would bring, and store nothing of it."""
    run = ProcessingRun.objects.select_related("reading").get(pk=item.object_id)
    run.progress.stage(run.Stage.READ)

    def store() -> None:
        with writing(settings.READ_MAX_SECONDS):
            ingestion.dry_run(run, run.progress)
            item.finish()

    retried(store)


def associate(item: WorkItem) -> None:
    """Tie the run's entries to events, batch by batch; more urgent work goes between two."""
    run = ProcessingRun.objects.select_related("reading", "actor").get(pk=item.object_id)
    total = association.waiting(run)
    if total > association.BATCH_ENTRIES:
        association.refresh_statistics()
    run.progress.stage(run.Stage.ASSOCIATE, total)
    done = 0
    for batch in association.batches(run):

        def weigh(batch: association.Batch = batch) -> None:
            with writing():
                association.relocate(batch)

        retried(weigh)

        def store(batch: association.Batch = batch) -> None:
            with writing():
                item.hold()
                touched = association.associate(run, batch)
                WorkItem.objects.request_many("recompute", touched, run=run, priority=item.priority)

        retried(store)
        done += len(batch)
        run.progress(done, total)
        if WorkItem.objects.is_waiting(above=item.priority):
            item.release()
            return

    clocks = clock_suspects.suspect_clocks(run)

    def end() -> None:
        with writing():
            if run.reading is not None:
                coverage.infer(run.reading)
                files = (run.reading.file_id, run.reading.edition_of_id)
                confirmation.request(files, run, priority=item.priority)
            touched = association.withdraw_missing(run)
            clock_suspects.flag_clocks(run, clocks)
            WorkItem.objects.request_many("recompute", touched, run=run, priority=item.priority)
            item.finish()

    retried(end)
    run.progress.stage(run.Stage.RECOMPUTE, run.items.filter(kind="recompute").count())
    logger.info("run %(run)d: associated %(entries)d entries", {"run": run.pk, "entries": done})


def confirm(item: WorkItem) -> None:
    """Have automatic events settled anew on days of which someone said that a bulletin is final."""

    def store() -> None:
        with writing():
            touched = confirmation.touched(item.object_id)
            WorkItem.objects.request_many(
                "recompute", touched, run=item.run, priority=item.priority
            )
            item.finish()

    retried(store)


def readings(item: WorkItem) -> None:
    """Propose events for a file's readings that have none, some thousand at a time."""
    reading = BulletinReading.objects.select_related("file").get(pk=item.object_id)

    def begin() -> None:
        with writing():
            item.hold()
            station_readings.resolve_stations(reading)
            station_readings.request_location(station_readings.settle(reading), item.run)

    retried(begin)
    for spans in station_readings.batches(reading):

        def look(spans: list[station_readings.Span] = spans) -> None:
            with writing():
                item.hold()
                station_readings.request_location(station_readings.look(spans), item.run)

        retried(look)

    def end() -> None:
        with writing():
            item.finish()

    retried(end)
    logger.info("reading %(reading)d: proposals made", {"reading": reading.pk})


def propose(items: Sequence[WorkItem]) -> None:
    """Try readings again that have to do with events that are new, have moved or have ended."""

    def store() -> None:
        with writing():
            outcome = station_readings.propose([item.object_id for item in items])
            station_readings.request_location(outcome)
            WorkItem.objects.finish_many(items)

    retried(store)


def recompute(items: Sequence[WorkItem]) -> None:
    """Locate, size and choose: what follows whenever an event has new evidence."""

    def store() -> None:
        with writing():
            # Event rows in key order, as everywhere; the feed's lock comes last, in publishing.
            # No key changes: felt reports of these events are taken in meanwhile.
            events = list(
                Event.objects.select_for_update(no_key=True)
                .filter(pk__in=[item.object_id for item in items])
                .order_by("pk")
            )
            alive = [event for event in events if event.status not in GONE]
            agency = location.portal_agency()
            origins = location.locate_many(alive, agency)
            magnitude.compute_many(alive, origins, agency)
            type_decisions.follow(event.pk for event in alive)
            macroseismic_points.follow(event.pk for event in alive)
            preference.choose_many(alive)
            macroseismics.assess_many(alive)
            waveforms.request_where_moved([event.pk for event in alive])
            mechanisms.request_where_enough(alive)
            near = [(pk, 1) for pk in station_readings.near_readings(alive)]
            WorkItem.objects.request_many("propose", near, priority=station_readings.PRIORITY)
            felt.request_near(alive)
            if alive:
                publishing.publish_many(alive, actor=_actor(items))
            WorkItem.objects.finish_many(items)

    retried(store)


def rerender(items: Sequence[WorkItem]) -> None:
    """Write the read side anew where what it is made of has changed: a name, a renderer."""

    def store() -> None:
        with writing():
            keys = [item.object_id for item in items]
            events = Event.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")
            alive = [event for event in events if event.status not in GONE]
            if alive:
                publishing.publish_many(alive, actor=_actor(items))
            WorkItem.objects.finish_many(items)

    retried(store)


def export(item: WorkItem) -> None:
    """Write the file of a search, unless another is being written."""
    _in_turn(item, exporting.write, exporting.fail)


def edition(item: WorkItem) -> None:
    """Freeze an edition of the catalogue, unless an export is being written."""
    _in_turn(item, publishing_editions.freeze, publishing_editions.fail)


def _in_turn(
    item: WorkItem,
    write: Callable[[WorkItem], None],
    fail: Callable[[int, str, dict[str, Any]], None],
) -> None:
    """Write large files, one item at a time; what cannot be made is told with its reason."""
    try:
        with writing():
            turn = exporting.is_turn()
            if turn:
                write(item)
                item.finish()
    except exporting.Failed as failed:
        with writing():
            fail(item.object_id, failed.code, failed.values)
            item.finish()
        return
    if not turn:
        item.release(after_seconds=exporting.TURN_SECONDS)


def decluster(item: WorkItem) -> None:
    """Flag foreshocks, mainshocks and aftershocks of a selection."""
    with writing():
        declustering.compute(item)
        item.finish()


def screen_types(item: WorkItem) -> None:
    """Go through the catalogue for events whose type a person should look at."""

    def store() -> None:
        with writing():
            event_type.screen()
            item.finish()

    retried(store)


def make_map_tiles(item: WorkItem) -> None:
    """Pack the map's tiles anew where the catalogue has changed."""
    map_tiles.make(item.finish)


def measure(item: WorkItem) -> None:
    """Measure the waveforms of an event; its magnitudes follow."""
    result = waveforms.measure(item.object_id)

    def store() -> None:
        with writing():
            if waveforms.store(result):
                waveforms.touched(result.event)
            item.finish()

    retried(store)


def tie_felt_reports(item: WorkItem) -> None:
    """Tie the felt reports nobody has looked at yet, some hundred at a time."""

    def store() -> bool:
        with writing():
            item.hold()
            if felt.tie_batch() == felt.BATCH:
                return True
            item.finish()
            return False

    while retried(store):
        if WorkItem.objects.is_waiting(above=item.priority):
            item.release()
            return


def look_near(item: WorkItem) -> None:
    """Have felt reports near an event that changed tied anew."""

    def store() -> None:
        with writing():
            felt.look_near(item.object_id)
            item.finish()

    retried(store)


def community_intensities(item: WorkItem) -> None:
    """Work out what an event's felt reports make together; of very many, not all the time."""
    if pause := felt_intensities.pause_s(item.object_id):
        item.release(after_seconds=pause)
        return

    def store() -> None:
        with writing():
            felt_intensities.compute(item.object_id)
            item.finish()

    retried(store)


def mechanism(item: WorkItem) -> None:
    """Compute an event's mechanism from first motions; where it changed, choose and publish."""
    found = mechanisms.compute(item.object_id)

    def store() -> None:
        with writing():
            event = mechanisms.store(found)
            if event is not None:
                preference.choose_many([event])
                publishing.publish_many([event], actor=None)
            item.finish()

    retried(store)


#: What the work of each kind is: one thing at a time, or a small group in one transaction.
SINGLE: dict[str, Callable[[WorkItem], None]] = {
    "read": read,
    "dry-run": dry_run,
    "associate": associate,
    "confirm": confirm,
    "readings": readings,
    "export": export,
    "edition": edition,
    "decluster": decluster,
    waveforms.KIND: measure,
    "rule-change": preference_changes.change,
    "rule-preview": preference_changes.preview,
    calibrations.KIND: calibrations.change,
    event_type.KIND: screen_types,
    map_tiles.KIND: make_map_tiles,
    felt.TIE: tie_felt_reports,
    felt.NEAR: look_near,
    felt.EVENT: community_intensities,
    mechanisms.KIND: mechanism,
}
GROUPED: dict[str, Callable[[Sequence[WorkItem]], None]] = {
    "recompute": recompute,
    "rerender": rerender,
    "propose": propose,
}
#: Work on one event that a run's progress counts.
PER_EVENT = ("recompute", "rerender")


def run_items(items: Sequence[WorkItem]) -> None:
    """Do claimed items of one kind."""
    kind = items[0].kind
    if kind in GROUPED:
        GROUPED[kind](items)
        return
    for item in items:
        SINGLE[kind](item)


def follow_up(run_ids: Collection[int] | None) -> None:
    """Show how far runs are and end those with nothing left to do; ``None`` looks at all."""
    runs = ProcessingRun.objects.filter(finished_at__isnull=True)
    if run_ids is not None:
        runs = runs.filter(pk__in=run_ids)
    for run in runs.annotate(
        open=Count("items", filter=Q(items__state="open")),
        parked=Count("items", filter=Q(items__state="parked")),
        events=Count("items", filter=Q(items__kind__in=PER_EVENT)),
        waiting=Count("items", filter=Q(items__kind__in=PER_EVENT, items__state="open")),
        all_items=Count("items"),
    ):
        if run.stage == run.Stage.RECOMPUTE and run.events:
            run.progress(run.events - run.waiting, run.events)
        if run.open or not run.all_items or _events_wait(run):
            continue
        if run.parked:
            run.fail("work-parked", items=run.parked)
        else:
            run.succeed()
        logger.info(
            "run %(run)d: %(status)s, %(counts)s",
            {"run": run.pk, "status": run.status, "counts": run.counts},
        )


def sweep_exports() -> None:
    """Take away the bytes of expired exports, and see that none waits for nobody."""
    exporting.sweep()


def sweep_editions() -> None:
    """Give back editions and declusterings whose work was given up."""
    publishing_editions.sweep()
    declustering.sweep()


def screen_types_if_changed() -> None:
    """See that a changed catalogue is screened for blasts."""
    with writing():
        event_type.request_if_changed()


def map_tiles_if_changed() -> None:
    """See that the map's tiles follow a changed catalogue."""
    with writing():
        map_tiles.request_if_changed()


def felt_if_unread() -> None:
    """See that felt reports that came in are tied."""
    with writing():
        felt.request_if_unread()


def forget_senders() -> None:
    """Empty what tells felt reports' senders apart, once it is old."""
    with writing():
        felt_decisions.forget_senders()


def _events_wait(run: ProcessingRun) -> bool:
    """True while an event of the run is still to be computed for an earlier run's item."""
    if run.reading_id is None:
        return False
    events = Report.objects.filter(current_entry__reading=run.reading_id, event__isnull=False)
    return WorkItem.objects.filter(
        kind="recompute", state=WorkItem.State.OPEN, object_id__in=events.values("event")
    ).exists()


def _actor(items: Sequence[WorkItem]) -> User | None:
    """Return who is behind the work, if it is one person."""
    runs = {item.run_id for item in items}
    if None in runs:
        return None
    actors = list(User.objects.filter(runs__in=runs).distinct()[:2])
    return actors[0] if len(actors) == 1 else None


def priority_of(entries: int) -> int:
    """Return the priority of a run by its size: a duty bulletin goes before an archive."""
    return next((priority for size, priority in PRIORITIES if entries <= size), LAST_PRIORITY)
