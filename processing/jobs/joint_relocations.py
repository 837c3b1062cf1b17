"""Joint relocations of pairs of entries: load readings, ask the core, keep what it said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from catalog.models import Origin
from processing.core import joint_fit, phases
from processing.core.earth_models import OwnModel
from processing.core.joint_fit import Alone, JointFit
from processing.core.location_problem import REGIONAL, Hypocentre, LocationError
from processing.jobs import location, location_inputs, travel_time_tables
from processing.jobs.location_inputs import BY_THE_RULES, METHOD_ID, Inputs, Reading
from processing.models import JointRelocation

#: Pairs after which what is known so far is kept.
PAIRS_AT_ONCE = 50


def of_pairs(pairs: Sequence[tuple[int, int]]) -> list[JointFit | None]:
    """Return the joint relocation of each pair of entries, from the rows kept or newly made.

    ``None`` where the readings of one entry, or of both together, do not fix a place.
    """
    own = travel_time_tables.tables_in_use()
    told = hashlib.sha256("".join(sorted(model.digest for model in own)).encode()).hexdigest()
    method = f"{joint_fit.METHOD}+{METHOD_ID}" + (f"+{told[:16]}" if own else "")
    ordered = [(min(pair), max(pair)) for pair in pairs]
    kept = _kept(ordered, method)
    missing = [pair for pair in dict.fromkeys(ordered) if pair not in kept]
    for start in range(0, len(missing), PAIRS_AT_ONCE):
        made = _make(missing[start : start + PAIRS_AT_ONCE], method, own)
        # Another worker may have made the same at the same time: the same numbers.
        JointRelocation.objects.bulk_create(made, ignore_conflicts=True)
        kept.update({(row.first_id, row.second_id): _fit(row) for row in made})
    return [kept[pair] for pair in ordered]


def _kept(pairs: Sequence[tuple[int, int]], method: str) -> dict[tuple[int, int], JointFit | None]:
    wanted = set(pairs)
    return {
        (row.first_id, row.second_id): _fit(row)
        for row in JointRelocation.objects.filter(
            first__in={first for first, _second in pairs}, method=method
        )
        if (row.first_id, row.second_id) in wanted
    }


def _fit(row: JointRelocation) -> JointFit | None:
    if row.increase is None or row.freedom is None:
        return None
    return JointFit(row.increase, row.freedom, row.chi_square or 0.0, row.log_volume or 0.0)


def _make(
    pairs: Sequence[tuple[int, int]],
    method: str,
    own: tuple[OwnModel, ...],
) -> list[JointRelocation]:
    entries = {entry for pair in pairs for entry in pair}
    readings = location_inputs.readings_of_entries(entries)
    starts = _starts(entries)
    alone: dict[int, tuple[Alone, datetime] | str] = {
        entry: _alone(readings.get(entry, []), starts.get(entry), own) for entry in sorted(entries)
    }
    rows = []
    for first, second in pairs:
        one, other = alone[first], alone[second]
        row = JointRelocation(first_id=first, second_id=second, method=method)
        rows.append(row)
        if isinstance(one, str) or isinstance(other, str):
            row.failure = one if isinstance(one, str) else str(other)
            continue
        seconds = (other[1] - one[1]).total_seconds()
        try:
            fit = joint_fit.compare(one[0], other[0], seconds, REGIONAL, own)
        except LocationError as error:
            row.failure = error.code
            continue
        row.increase, row.freedom = fit.increase, fit.freedom
        row.chi_square, row.log_volume = fit.chi_square, fit.log_volume
    return rows


def _starts(entries: set[int]) -> Mapping[int, Origin]:
    """Return the origin that stands for each entry."""
    found: dict[int, Origin] = {}
    for origin in Origin.objects.filter(entry__in=entries).order_by("-is_prime", "pk"):
        if origin.entry_id is not None:
            found.setdefault(origin.entry_id, origin)
    return found


def _alone(
    readings: Sequence[Reading], start: Origin | None, own: tuple[OwnModel, ...]
) -> tuple[Alone, datetime] | str:
    """Return an entry's place from its own readings and the epoch of its times; or why not."""
    if start is None:
        return "too_few_arrivals"
    named = [r for r in readings if phases.family(r.phase) is not None]
    try:
        arrivals, epoch = location.observations(Inputs(False, named), BY_THE_RULES)
        hypocentre = Hypocentre(
            start.latitude, start.longitude, (start.time - epoch).total_seconds(), start.depth_km
        )
        return joint_fit.alone(arrivals, hypocentre, REGIONAL, own), epoch
    except LocationError as error:
        return error.code
