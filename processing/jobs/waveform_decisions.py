"""An operator's word on a measurement: moved, rejected, taken back. Each is a new row."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from catalog.models import Event, User, WaveformMeasurement
from processing.core import measuring
from processing.core.magnitude_scales import BY_ID, Outcome
from processing.jobs import waveforms
from processing.jobs.station_readings import NotDecidable

Act = WaveformMeasurement.Act


def move(key: int, at: datetime, actor: User, note: str = "") -> WaveformMeasurement:
    """Read the extremum nearest to a time, inside a transaction.

    Raises
    ------
    NotDecidable
        ``changed-meanwhile``: another version took its place; ``no-extremum``: it has no trace.
    """
    old = _locked(key)
    if old.turns is None or old.noise_from is None or old.scale not in BY_ID:
        raise NotDecidable("no-extremum")
    scale = BY_ID[old.scale]
    seconds = (at - old.noise_from).total_seconds()
    pair, outcome = measuring.read_at(scale, waveforms.unpacked(old), seconds)
    if pair is None:
        raise NotDecidable("no-extremum")
    row = _copy(old, Act.MOVED, actor, note)
    waveforms.set_pair(row, pair)
    row.outcome = "" if outcome is None else outcome.value
    return _stored(old, row)


def reject(key: int, actor: User, note: str) -> WaveformMeasurement:
    """Let a measurement no longer count, inside a transaction.

    Raises
    ------
    NotDecidable
        ``changed-meanwhile``; ``note-required``: it is not said why.
    """
    if not note:
        raise NotDecidable("note-required")
    old = _locked(key)
    row = _copy(old, Act.REJECTED, actor, note)
    row.outcome = Outcome.REJECTED.value
    return _stored(old, row)


def take_back(key: int, actor: User, note: str = "") -> WaveformMeasurement:
    """Let what was measured automatically stand again, inside a transaction.

    Raises
    ------
    NotDecidable
        ``changed-meanwhile``; ``nothing-to-withdraw``: nobody has moved or rejected it.
    """
    old = _locked(key)
    if old.act not in WaveformMeasurement.BY_HAND:
        raise NotDecidable("nothing-to-withdraw")
    measured = (
        WaveformMeasurement.objects.filter(
            event=old.event_id, trace_id=old.trace_id, scale=old.scale
        )
        .exclude(act__in=WaveformMeasurement.BY_HAND)
        .order_by("-pk")
        .first()
    )
    if measured is None:
        raise NotDecidable("nothing-to-withdraw")
    row = _copy(measured, Act.RESTORED, actor, note)
    # Files, responses or the origin may have changed meanwhile.
    waveforms.request(old.event.merged_into_id or old.event_id)
    return _stored(old, row)


def _locked(key: int) -> WaveformMeasurement:
    """Return a measurement that stands, its event's row locked."""
    known = WaveformMeasurement.objects.filter(pk=key).values_list("event", flat=True).first()
    if known is None:
        raise NotDecidable("changed-meanwhile")
    Event.objects.select_for_update(no_key=True).get(pk=known)
    row = (
        WaveformMeasurement.objects.select_related("event")
        .filter(pk=key, superseded_at__isnull=True)
        .first()
    )
    if row is None:
        raise NotDecidable("changed-meanwhile")
    return row


def _copy(
    row: WaveformMeasurement, act: WaveformMeasurement.Act, actor: User, note: str
) -> WaveformMeasurement:
    """Return a new row that says the same, but for who says it."""
    own = ("id", "supersedes", "superseded_at", "created_at", "act", "actor", "note")
    values = {
        field.attname: getattr(row, field.attname)
        for field in WaveformMeasurement._meta.concrete_fields
        if field.name not in own
    }
    return WaveformMeasurement(**values, act=act, actor=actor, note=note[:500])


def _stored(old: WaveformMeasurement, row: WaveformMeasurement) -> WaveformMeasurement:
    WaveformMeasurement.objects.filter(pk=old.pk).update(superseded_at=timezone.now())
    row.supersedes = old
    row.save(force_insert=True)
    waveforms.touched(old.event.merged_into_id or old.event_id)
    return row
