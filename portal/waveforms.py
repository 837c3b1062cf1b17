"""The desk's pages of an event's waveforms: files come in, what was measured is looked at.

Drawings are made from the turning points kept with each measurement, so no record is read for a
page. An operator moves a pick to another extremum, rejects a measurement with a note, or takes
either back; each is a new version, and the event's magnitudes follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.contrib import messages as notices
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from catalog.models import Event, User, WaveformFile, WaveformMeasurement
from portal import plots, waveform_words
from processing.core import measuring
from processing.core.geodesy import KM_PER_DEGREE
from processing.core.instruments import INSTRUMENTS, Instrument
from processing.core.magnitude_scales import BY_ID, Certainty, Quantity, Scale
from processing.core.measuring import Turns
from processing.desk import messages, uploads
from processing.desk.merge import text_of
from processing.desk.views import staff_only
from processing.jobs import waveform_decisions, waveforms
from processing.jobs.receiving import Refused
from processing.jobs.station_readings import GONE, NotDecidable
from processing.models import WorkItem
from processing.transactions import retried, writing

STATIONS_A_PAGE = 8
#: Points of a small drawing and of a large one.
SMALL, LARGE = 240, 1600
SMALL_WIDTH, SMALL_HEIGHT = 220.0, 44.0
#: Extremes offered to either side of the one that is picked.
NEIGHBOURS = 2


# --- the event's waveforms ------------------------------------------------------------------------


@dataclass
class Line:
    """One measurement in the list."""

    row: WaveformMeasurement
    scale: Scale
    spark: dict[str, Any] | None

    @property
    def amplitude(self) -> str:
        return waveform_words.amplitude_words(self.row.scale, self.row.amplitude)

    @property
    def outcome(self) -> str:
        return waveform_words.outcome_words(self.row.outcome)

    @property
    def snr(self) -> str:
        found = snr_of(self.row)
        return "" if found is None else waveform_words.significant(found, 2)

    @property
    def is_by_hand(self) -> bool:
        return self.row.act in WaveformMeasurement.BY_HAND


@dataclass
class Group:
    """The measurements of one station."""

    name: str
    distance_deg: float | None
    lines: list[Line] = field(default_factory=list)
    nothing: dict[str, list[str]] = field(default_factory=dict)
    """Outcome in words -> scales with their channels, where nothing was read."""

    @property
    def distance_km(self) -> float | None:
        return None if self.distance_deg is None else self.distance_deg * KM_PER_DEGREE


@csrf_exempt
@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def waveforms_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """The files, the measurements by station, and the form to send files."""
    event = get_object_or_404(Event, public_id=public_id)
    if event.merged_into is not None:
        return redirect("waveforms", event.merged_into.public_id)
    # The size is refused before the body is read, or while it is: the CSRF check reads it first.
    try:
        if request.method == "POST":
            uploads.guard(request)
        return _received(request, event)
    except Refused as refused:
        return _page(request, event, [messages.sentence(refused.code, refused.values)], 413)


@csrf_protect
def _received(request: HttpRequest, event: Event) -> HttpResponse:
    if request.method != "POST" or not isinstance(request.user, User):
        return _page(request, event)
    files = request.FILES.getlist("files")
    if event.status in GONE:
        return _page(request, event, [messages.sentence("event-gone")], 400)
    if not files:
        return _page(request, event, [messages.sentence("no-file")], 400)
    if len(files) > settings.UPLOAD_MAX_FILES:
        values = {"found": str(len(files)), "expected": f"<= {settings.UPLOAD_MAX_FILES}"}
        return _page(request, event, [messages.sentence("too-many-files", values)], 400)
    refusals, fresh, known = [], 0, 0
    for file in files:
        try:
            taken = waveforms.receive(event, file.name or "", file.chunks(), request.user)
        except Refused as refused:
            said = messages.sentence(refused.code, refused.values)
            refusals.append(f"{(file.name or '')[-100:]}: {said}")
            continue
        fresh += taken.is_new
        known += not taken.is_new
    if fresh:
        notices.success(
            request,
            ngettext("%(n)s file was taken.", "%(n)s files were taken.", fresh) % {"n": fresh},
        )
    if known:
        notices.info(
            request,
            ngettext(
                "%(n)s file was here before; it is not doubled.",
                "%(n)s files were here before; they are not doubled.",
                known,
            )
            % {"n": known},
        )
    if refusals:
        return _page(request, event, refusals, 400)
    return redirect("waveforms", event.public_id)


def _page(
    request: HttpRequest, event: Event, refusals: Sequence[str] = (), status: int = 200
) -> HttpResponse:
    rows = waveforms.standing(event.pk).select_related("actor").order_by("distance_deg", "trace_id")
    names = list(
        dict.fromkeys(station_of(trace_id) for trace_id in rows.values_list("trace_id", flat=True))
    )
    page = Paginator(names, STATIONS_A_PAGE).get_page(request.GET.get("page"))
    shown = Q(pk__in=[])
    for name in page:
        shown |= Q(trace_id__startswith=f"{name}.")
    work = WorkItem.objects.filter(kind=waveforms.KIND, object_id=event.pk).order_by("-pk").first()
    origin = waveforms.origin_of(event)
    return render(
        request,
        "desk/waveforms.html",
        {
            "event": event,
            "row": getattr(event, "row", None),
            "origin": origin,
            "waits": work is not None and work.state == WorkItem.State.OPEN,
            "failed": work is not None and work.state == WorkItem.State.PARKED,
            "files": [_file(file) for file in _files(event)],
            "groups": groups(list(rows.filter(shown))),
            "page": page,
            "refusals": refusals,
            "assumed": any(
                i.certainty is Certainty.ASSUMED
                for i in INSTRUMENTS.values()
                if rows.filter(instrument=i.id, amplitude__isnull=False).exists()
            ),
            "max_files": settings.UPLOAD_MAX_FILES,
            "max_megabytes": settings.UPLOAD_MAX_BYTES // (1024 * 1024),
        },
        status=status,
    )


def _files(event: Event) -> list[WaveformFile]:
    """Return all files of an event, those out of use last."""
    rows = WaveformFile.objects.filter(Q(event=event) | Q(event__merged_into=event))
    return sorted(
        rows.select_related("uploader", "withdrawn_by"),
        key=lambda f: (f.withdrawn_at is not None, f.pk),
    )


def _file(file: WaveformFile) -> dict[str, Any]:
    return {
        "file": file,
        "traces": [
            {
                "id": trace["id"],
                "start": datetime.fromtimestamp(trace["start"], UTC),
                "end": datetime.fromtimestamp(trace["end"], UTC),
                "rate": trace["rate"],
                "segments": trace["segments"],
            }
            for trace in file.traces
        ],
        "problems": [
            messages.sentence(problem["code"], {k: v for k, v in problem.items() if k != "code"})
            for problem in file.problems
        ],
    }


def station_of(trace_id: str) -> str:
    """Return network and station code of a channel's name."""
    return ".".join(trace_id.split(".")[:2])


def groups(rows: Sequence[WaveformMeasurement]) -> list[Group]:
    """Return measurements by station, those with a trace one by one, the others by their reason."""
    order = {scale: number for number, scale in enumerate(BY_ID)}
    result: dict[str, Group] = {}
    for row in sorted(rows, key=lambda r: (r.trace_id, order.get(r.scale, 99))):
        name = station_of(row.trace_id)
        group = result.setdefault(name, Group(name, row.distance_deg))
        if row.scale not in BY_ID:
            continue
        if row.turns is None:
            words = waveform_words.outcome_words(row.outcome)
            channel = ".".join(row.trace_id.split(".")[2:])
            group.nothing.setdefault(words, []).append(f"{BY_ID[row.scale].type} ({channel})")
        else:
            group.lines.append(Line(row, BY_ID[row.scale], spark(row)))
    return sorted(
        result.values(), key=lambda g: (g.distance_deg is None, g.distance_deg or 0.0, g.name)
    )


def snr_of(row: WaveformMeasurement) -> float | None:
    """Return half of the deflection over half of the noise; ``None`` without either."""
    if not row.noise or len(row.pair) != 2:
        return None
    return abs(float(row.pair[1][1]) - float(row.pair[0][1])) / 2.0 / row.noise


def seconds_from_start(row: WaveformMeasurement, moment: datetime | None) -> float | None:
    """Return a time in seconds after the beginning of a measurement's drawing."""
    if moment is None or row.noise_from is None:
        return None
    return (moment - row.noise_from).total_seconds()


def spark(row: WaveformMeasurement) -> dict[str, Any] | None:
    """Return a small drawing: the trace, the two windows and the pair, as finished numbers."""
    turns = measuring.thinned(waveforms.unpacked(row), SMALL)
    end = max((float(turns.time[-1]) if turns.time.size else 0.0), 1e-3)
    largest = float(np.abs(turns.value).max()) if turns.value.size else 0.0
    if largest == 0.0:
        return None

    def x(seconds: float) -> str:
        return f"{min(max(seconds / end, 0.0), 1.0) * SMALL_WIDTH:.1f}"

    def y(value: float) -> str:
        return f"{SMALL_HEIGHT / 2 * (1.0 - 0.94 * value / largest):.1f}"

    window = [
        seconds_from_start(row, moment)
        for moment in (row.noise_from, row.noise_to, row.window_from, row.window_to)
    ]
    bands = [
        {"x": x(a), "width": f"{max(float(x(b)) - float(x(a)), 0.5):.1f}", "kind": kind}
        for kind, a, b in (
            ("noise", window[0], window[1]),
            ("window", window[2], window[3]),
        )
        if a is not None and b is not None
    ]
    points = [f"{x(t)} {y(v)}" for t, v in zip(turns.time, turns.value, strict=True)]
    return {
        "bands": bands,
        "path": "M" + "L".join(points),
        "marks": [{"x": x(t), "y": y(v)} for t, v in row.pair],
        "width": f"{SMALL_WIDTH:g}",
        "height": f"{SMALL_HEIGHT:g}",
    }


# --- one measurement ------------------------------------------------------------------------------


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def measurement_page(request: HttpRequest, public_id: str, pk: int) -> HttpResponse:
    """One measurement: its trace, its numbers, its versions, and the forms that change it."""
    row = get_object_or_404(
        WaveformMeasurement.objects.select_related("event", "file", "origin", "actor", "station"),
        Q(event__public_id=public_id) | Q(event__merged_into__public_id=public_id),
        pk=pk,
    )
    if row.scale not in BY_ID:
        return redirect("waveforms", public_id)
    refused = ""
    if request.method == "POST" and isinstance(request.user, User):
        try:
            new = _decided(request, row, request.user)
        except NotDecidable as error:
            if error.code == "changed-meanwhile":
                notices.warning(request, messages.meaning(error.code))
                return redirect("waveform-measurement", public_id, _newest(row).pk)
            refused = messages.meaning(error.code)
        except ValueError:
            refused = _("The time is not one: write it as 2014-11-14 01:24:05.20.")
        else:
            notices.success(request, _("Stored as a new version; the event is computed anew."))
            return redirect("waveform-measurement", public_id, new.pk)
    scale, instrument = BY_ID[row.scale], INSTRUMENTS[row.instrument]
    newest = _newest(row)
    turns = waveforms.unpacked(row)
    return render(
        request,
        "desk/waveform.html",
        {
            "event": row.event,
            "public_id": public_id,
            "measurement": row,
            "scale": scale,
            "instrument": instrument,
            "is_assumed": instrument.certainty is Certainty.ASSUMED,
            "line": Line(row, scale, None),
            "noise_words": waveform_words.amplitude_words(row.scale, row.noise),
            "trace_words": trace_words(row, scale, instrument),
            "plot": drawing(row, turns) if turns.time.size > 1 else None,
            "plot_unit": plot_unit(row, turns),
            "others": neighbours(row, turns),
            "versions": versions(row),
            "newest": newest,
            "is_newest": newest.pk == row.pk,
            "refused": refused,
            "given": request.POST.get("at", "")[:40] if refused else stamp(row.time),
            "config": click_config(row, turns),
        },
        status=400 if refused else 200,
    )


def _decided(request: HttpRequest, row: WaveformMeasurement, actor: User) -> WaveformMeasurement:
    act, note = request.POST.get("act", ""), text_of(request.POST, "note")
    at = moment_of(request.POST.get("at", "")) if act == "move" else None

    def store() -> WaveformMeasurement:
        with writing():
            if at is not None:
                return waveform_decisions.move(row.pk, at, actor, note)
            if act == "reject":
                return waveform_decisions.reject(row.pk, actor, note)
            return waveform_decisions.take_back(row.pk, actor, note)

    return retried(store)


def moment_of(text: str) -> datetime:
    """Return a UTC time as a person writes it.

    Raises
    ------
    ValueError
        It is none.
    """
    found = datetime.fromisoformat(text.strip().replace(",", ".").removesuffix("Z")[:32])
    if found.tzinfo is not None:
        raise ValueError("a zone")
    return found.replace(tzinfo=UTC)


def stamp(moment: datetime | None) -> str:
    """Return a time as the form writes it, to the hundredth of a second."""
    if moment is None:
        return ""
    rounded = moment + timedelta(microseconds=5000)
    return f"{rounded:%Y-%m-%d %H:%M:%S}.{rounded.microsecond // 10000:02d}"


def _newest(row: WaveformMeasurement) -> WaveformMeasurement:
    """Return the version that stands now, the given one where none does."""
    return (
        waveforms.standing(row.event.merged_into_id or row.event_id)
        .filter(trace_id=row.trace_id, scale=row.scale)
        .order_by("-pk")
        .first()
        or row
    )


def versions(row: WaveformMeasurement) -> list[dict[str, Any]]:
    """Return all versions of a measurement, the newest first."""
    event = row.event.merged_into_id or row.event_id
    found = (
        WaveformMeasurement.objects.filter(
            Q(event=event) | Q(event__merged_into=event), trace_id=row.trace_id, scale=row.scale
        )
        .select_related("actor")
        .defer("turns")
        .order_by("-pk")[:50]
    )
    return [
        {
            "row": one,
            "amplitude": waveform_words.amplitude_words(one.scale, one.amplitude),
            "outcome": waveform_words.outcome_words(one.outcome),
        }
        for one in found
    ]


def trace_words(row: WaveformMeasurement, scale: Scale, instrument: Instrument) -> str:
    """Say what was done with the deflection on the trace to get the amplitude."""
    if row.amplitude is None or row.period is None or len(row.pair) != 2:
        return ""
    if scale.quantity is not Quantity.DISPLACEMENT:
        return _("half of the deflection on the trace")
    share = waveform_words.significant(float(instrument.relative(max(row.period, 1e-3))))
    return _("half of the deflection on the trace over the response at this period, %(share)s") % {
        "share": share
    }


def plot_unit(row: WaveformMeasurement, turns: Turns) -> str:
    largest = float(np.abs(turns.value).max()) if turns.value.size else 0.0
    _factor, unit = waveform_words.size_unit(largest)
    is_velocity = row.scale in BY_ID and BY_ID[row.scale].quantity is Quantity.VELOCITY
    return _("%(unit)s/s") % {"unit": unit} if is_velocity else unit


def after_origin(row: WaveformMeasurement) -> float:
    """Return when a measurement's drawing begins, in seconds after the origin."""
    if row.origin is None or row.noise_from is None:
        return 0.0
    return (row.noise_from - row.origin.time).total_seconds()


def drawing(row: WaveformMeasurement, turns: Turns) -> plots.Plot:
    """Return the trace with both windows, the predicted waves and the pair that is read."""
    shift = after_origin(row)
    thin = measuring.thinned(turns, LARGE)
    largest = float(np.abs(thin.value).max()) or 1.0
    factor, _unit = waveform_words.size_unit(largest)
    top = 1.1 * largest * factor
    plot = plots.Plot(
        shift, shift + float(thin.time[-1]), -top, top, width=960, height=320, left=64, bottom=34
    )

    def band(kind: str, begin: datetime | None, end: datetime | None) -> None:
        a, b = seconds_from_start(row, begin), seconds_from_start(row, end)
        if a is None or b is None:
            return
        a, b = max(a, 0.0), min(b, float(thin.time[-1]))
        left, right = plot.x(shift + a), plot.x(shift + b)
        d = f"M{left} {plot.y(top)}H{right}V{plot.y(-top)}H{left}Z"
        plot.paths.append(plots.Path(d, kind))

    band("noise-window", row.noise_from, row.noise_to)
    band("signal-window", row.window_from, row.window_to)
    plot.paths.append(plots.Path(curve(plot, thin, shift, factor), "trace"))
    for name, moment in (("P", row.p_time), ("S", row.s_time)):
        at = seconds_from_start(row, moment)
        if at is not None and 0.0 <= at <= float(thin.time[-1]):
            x = plot.x(shift + at)
            d = f"M{x} {plot.y(top)}V{plot.y(-top)}"
            plot.paths.append(plots.Path(d, "phase", name, x + 18.0, plot.y(top) + 18.0))
    for t, value in row.pair:
        plot.mark(shift + t, value * factor, "pick", stamp(_moment(row, t)))
    return plot


def _moment(row: WaveformMeasurement, seconds: float) -> datetime | None:
    return None if row.noise_from is None else row.noise_from + timedelta(seconds=seconds)


def curve(plot: plots.Plot, turns: Turns, shift: float, factor: float) -> str:
    """Return a path through turning points, level at each as the trace itself is."""
    x = [plot.x(shift + t) for t in turns.time.tolist()]
    y = [plot.y(v * factor) for v in turns.value.tolist()]
    parts = [f"M{x[0]} {y[0]}"]
    for k in range(1, len(x)):
        middle = round((x[k - 1] + x[k]) / 2.0, 1)
        parts.append(f"C{middle} {y[k - 1]} {middle} {y[k]} {x[k]} {y[k]}")
    return "".join(parts)


def neighbours(row: WaveformMeasurement, turns: Turns) -> list[dict[str, Any]]:
    """Return the extremes next to the one that is picked, each with the value it would give."""
    picked = seconds_from_start(row, row.time)
    if picked is None or turns.value.size < 2 or row.scale not in BY_ID:
        return []
    largest = float(np.abs(turns.value).max())
    lobes = measuring.lobes_of(turns, measuring.LEAST_LOBE * largest)
    if not lobes.time.size:
        return []
    here = int(np.argmin(np.abs(lobes.time - picked)))
    result = []
    for k in range(here - NEIGHBOURS, here + NEIGHBOURS + 1):
        if k == here or not 0 <= k < lobes.time.size:
            continue
        pair, _outcome = measuring.read_at(BY_ID[row.scale], turns, float(lobes.time[k]))
        if pair is not None and abs(pair.at - picked) > 1e-3:
            result.append(
                {
                    "at": stamp(_moment(row, float(lobes.time[k]))),
                    "amplitude": waveform_words.amplitude_words(row.scale, pair.amplitude),
                    "period": pair.period,
                }
            )
    return result


def click_config(row: WaveformMeasurement, turns: Turns) -> dict[str, Any]:
    """Return what a script needs to turn a place on the drawing into a time of the form."""
    if row.noise_from is None or turns.time.size < 2:
        return {}
    return {
        "from": row.noise_from.isoformat(timespec="milliseconds"),
        "seconds": float(turns.time[-1]),
    }


# --- files ----------------------------------------------------------------------------------------


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def waveform_file(request: HttpRequest, public_id: str, pk: int) -> HttpResponseBase:
    """A file as it was received; by POST it is taken out of use."""
    file = get_object_or_404(
        WaveformFile.objects.select_related("event"),
        Q(event__public_id=public_id) | Q(event__merged_into__public_id=public_id),
        pk=pk,
    )
    if request.method == "POST":
        if isinstance(request.user, User):
            waveforms.withdraw(file, request.user)
            notices.success(request, _("The file is out of use; it can be sent again."))
        return redirect("waveforms", public_id)
    ending = "sac" if file.kind == WaveformFile.Kind.SAC else "mseed"
    return StreamingHttpResponse(
        file.iter_bytes(),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="waveform-{file.pk}.{ending}"',
            "Content-Length": str(file.size),
            "X-Content-Type-Options": "nosniff",
        },
    )
