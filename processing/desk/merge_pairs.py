"""What the merge desk shows of reports: each agency's word in short, and how far two are apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from catalog import ledger
from catalog.models import Magnitude, MergeDecision, Origin, Report
from processing.core import geodesy
from processing.jobs.merge_queue import Waiting

NOT_SHOWN = ("reason", "total", "by")


@dataclass
class Side:
    """One report as it stands."""

    report: Report
    origin: Origin | None
    magnitudes: list[Magnitude]

    @property
    def event_id(self) -> str:
        return self.report.event.public_id if self.report.event else ""

    @property
    def is_synthetic(self) -> bool:
        return bool(self.report.current_entry and self.report.current_entry.synthetic)

    def came_after(self, moment: datetime) -> bool:
        """True where its current entry was tied to an event after a moment."""
        entry = self.report.current_entry
        return (
            entry is not None and entry.associated_at is not None and (entry.associated_at > moment)
        )

    @property
    def name(self) -> str:
        """The agency with its own id of the event, where it gives one."""
        kind, _colon, key = self.report.key.partition(":")
        return f"{self.report.agency.code} {key}" if kind == "id" else self.report.agency.code


@dataclass(frozen=True)
class Apart:
    """How far the second of two reports is from the first; ``None`` where one does not say."""

    seconds: float | None
    km: float | None
    depth_km: float | None
    sizes: tuple[tuple[str, float], ...]


def sides(reports: Collection[int]) -> dict[int, Side]:
    """Return reports with their prime solution and sizes, whatever has become of them."""
    found = (
        Report.objects.filter(pk__in=reports)
        .select_related("agency", "event__row", "current_entry__reading__file")
        .defer("current_entry__text", "current_entry__comments")
        .in_bulk()
    )
    entries = {r.current_entry_id: pk for pk, r in found.items() if r.current_entry_id}
    origins: dict[int, Origin] = {}
    # The prime one, then the agency's own, as association chooses.
    for origin in (
        Origin.objects.filter(entry__in=entries)
        .select_related("agency")
        .order_by("-is_prime", "pk")
    ):
        pk = entries[origin.entry_id]
        own = origin.agency_id in (None, found[pk].agency_id)
        have = origins.get(pk)
        if have is None or (
            own and have.is_prime == origin.is_prime and have.agency_id != found[pk].agency_id
        ):
            origins[pk] = origin
    sizes: dict[int, list[Magnitude]] = {}
    for size in Magnitude.objects.filter(entry__in=entries).order_by("-is_prime", "scale", "pk"):
        sizes.setdefault(entries[size.entry_id], []).append(size)
    return {pk: Side(report, origins.get(pk), sizes.get(pk, [])) for pk, report in found.items()}


def apart(first: Side, second: Side) -> Apart:
    """Return how the second report differs from the first."""
    a, b = first.origin, second.origin
    if a is None or b is None:
        return Apart(None, None, None, ())
    km = geodesy.ellipsoid_distance_km(a.latitude, a.longitude, b.latitude, b.longitude)
    depth = None if a.depth_km is None or b.depth_km is None else b.depth_km - a.depth_km
    one, other = _by_scale(first.magnitudes), _by_scale(second.magnitudes)
    return Apart(
        (b.time - a.time).total_seconds(),
        float(km),
        depth,
        tuple((scale, other[scale] - one[scale]) for scale in one if scale in other),
    )


def _by_scale(magnitudes: Iterable[Magnitude]) -> dict[str, float]:
    values: dict[str, float] = {}
    for size in magnitudes:
        if size.scale and not size.bound:
            values.setdefault(size.scale, size.value)
    return values


@dataclass(frozen=True)
class Line:
    """One pair of the queue as its row shows it."""

    waiting: Waiting
    first: Side
    second: Side
    apart: Apart
    reason: str
    renewed: bool
    """One of the reports has come anew since the rules doubted."""
    seen: str

    @property
    def value(self) -> str:
        """What the row's check box sends."""
        return f"{self.first.report.pk}-{self.second.report.pk}-{self.seen}"


def reason_words(code: str) -> str:
    """Say why the rules left a pair to a person; an unknown reason is shown as it is."""
    return str(ledger.VALUES.get(code, code.replace("_", " "))) or _("not told")


def parts_told(parts: Mapping[str, Any]) -> list[tuple[str, float | int | str]]:
    """Return the parts of a misfit in words with their values; unknown ones under their names."""
    told: list[tuple[str, float | int | str]] = []
    for name, value in parts.items():
        if name in NOT_SHOWN or value is None:
            continue
        if isinstance(value, dict):
            told += [(f"{name}: {sub}", v) for sub, v in parts_told(value)]
        elif isinstance(value, (int, float, str)):
            told.append((str(ledger.PARTS.get(name, name.replace("_", " "))), value))
    return told


def decision_words(decision: MergeDecision) -> str:
    """Say what was decided of which reports."""
    pair = " — ".join(str(r) for r in (decision.report, decision.other_report) if r is not None)
    if decision.kind == MergeDecision.Kind.UNDO and decision.undoes is not None:
        what = _("taken back: “%(what)s”") % {"what": decision.undoes.get_kind_display()}
    else:
        what = str(decision.get_kind_display())
    return f"{pair}: {what}" if pair else what
