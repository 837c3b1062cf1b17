"""Enter an event or readings by hand, from a telephone call or a sheet of paper.

What is typed becomes a bulletin table like any other file: kept as it is, read by the same reader,
under the agency it comes from. So it has a report, a place in the ledger and a way to be corrected:
an entry with the same event id supersedes the earlier one. Who typed it is kept with the file and
its run, not in the file, because reports are shown to the public.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages as notices
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from catalog.formats import bulletin_csv
from catalog.formats.records import (
    ArrivalRecord,
    DescriptionRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    ReadingsRecord,
    StationReference,
)
from catalog.models import Agency, User
from processing.desk import messages, uploads
from processing.desk.views import staff_only
from processing.jobs.receiving import Refused

FORMAT = "bulletin-csv"
ROWS, MORE_ROWS, MOST_ROWS = 8, 8, 200
ZONES = [("UTC", "UTC"), ("Asia/Almaty", gettext_lazy("Almaty time"))]
SCALES = ("KR", "MPVA", "MLV", "MS", "mb", "Mw")
SOURCES = [
    ("telephone", gettext_lazy("telephone call")),
    ("paper", gettext_lazy("paper")),
    ("message", gettext_lazy("message or e-mail")),
    ("own observation", gettext_lazy("own observation")),
]
#: Words of the file, in English as all words of formats are.
COLUMNS = (
    "row", "event_id", "time", "time_uncertainty_s", "latitude", "longitude", "depth_km", *SCALES,
    "event_type", "network", "station", "phase", "onset", "region", "comment",
)  # fmt: skip
ONSETS = [
    ("", "—"),
    ("impulsive", gettext_lazy("impulsive")),
    ("emergent", gettext_lazy("emergent")),
]
TYPES = [
    ("", "—"),
    ("earthquake", gettext_lazy("earthquake")),
    ("quarry blast", gettext_lazy("quarry blast")),
    ("explosion", gettext_lazy("explosion")),
]
#: A clock that shows hours and minutes only is good to half a minute (as in the bulletin table).
MINUTE_UNCERTAINTY_S = 30.0
SALT = "entry-by-hand"
#: What the phase field offers; any other may be typed.
PHASES = ("P", "S", "Pg", "Sg", "Pn", "Sn", "Pb", "Sb", "Lg")
#: How far the readings of an event may lie from it.
FARTHEST_READING = timedelta(hours=1)


def _decimal(label: Any, lowest: float, highest: float, **more: Any) -> forms.FloatField:
    # Text, so that a decimal comma can be typed in any language and browser.
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return _Number(
        label=label, min_value=lowest, max_value=highest, required=False, widget=widget, **more
    )


class _Number(forms.FloatField):
    """A number with a decimal point or a decimal comma."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip().replace(",", ".").replace("\N{MINUS SIGN}", "-")
        return super().to_python(value)


class _Clock(forms.CharField):
    """A time of day, 07:24, 07:24:16 or 07:24:16.5; or with the date before it."""

    def __init__(self, **more: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "placeholder": "hh:mm:ss.s"})
        super().__init__(max_length=40, required=False, widget=widget, **more)

    def clean(self, value: Any) -> Typed | None:
        text = super().clean(value).strip().replace(",", ".")
        if not text:
            return None
        day, _space, clock = text.rpartition(" ") if " " in text else text.rpartition("T")
        try:
            parts = clock.split(":")
            if len(parts) not in (2, 3) or not all(part for part in parts):
                raise ValueError(clock)
            seconds = float(parts[2]) if len(parts) == 3 else 0.0
            if not 0.0 <= seconds < 60.0 or not all(p.isascii() and p.isdigit() for p in parts[:2]):
                raise ValueError(clock)
            moment = time(int(parts[0]), int(parts[1]), int(seconds))
            fraction = round((seconds - int(seconds)) * 1e6)
            return Typed(
                date.fromisoformat(day) if day else None,
                moment,
                timedelta(microseconds=fraction),
                len(parts) == 2,
            )
        except ValueError:
            raise forms.ValidationError(
                _("Write the time as 07:24:16.5, with the date before it if it is another day.")
            ) from None


@dataclass(frozen=True)
class Typed:
    """A time as it was typed."""

    day: date | None
    clock: time
    fraction: timedelta
    to_the_minute: bool

    def at(self, day: date, zone: str) -> datetime:
        """Return the moment in UTC.

        Raises
        ------
        forms.ValidationError
            The clocks of the zone showed this time twice, or never.
        """
        local = datetime.combine(self.day or day, self.clock)
        first = local.replace(tzinfo=ZoneInfo(zone), fold=0)
        second = local.replace(tzinfo=ZoneInfo(zone), fold=1)
        if first.utcoffset() != second.utcoffset():
            raise forms.ValidationError(
                _("Clocks were changed then, so this time is not certain: write it in UTC.")
            )
        return first.astimezone(UTC) + self.fraction


class EntryForm(forms.Form):
    """An event, or only the date and sender of readings."""

    token = forms.CharField(widget=forms.HiddenInput, required=False)
    rows = forms.IntegerField(widget=forms.HiddenInput, required=False)
    agency = forms.ModelChoiceField(
        label=gettext_lazy("Agency whose word it is"),
        queryset=Agency.objects.none(),
        to_field_name="code",
    )
    source = forms.ChoiceField(label=gettext_lazy("Received by"), choices=SOURCES)
    date = forms.DateField(
        label=gettext_lazy("Date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Of all times below that have none of their own."),
    )
    zone = forms.ChoiceField(label=gettext_lazy("Times are in"), choices=ZONES)

    event_id = forms.CharField(
        label=gettext_lazy("Agency's event id"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("The same id again corrects the earlier entry. Empty: a new one."),
    )
    time = _Clock(label=gettext_lazy("Origin time"))
    latitude = _decimal(gettext_lazy("Latitude, °"), -90, 90)
    longitude = _decimal(gettext_lazy("Longitude, °"), -180, 180)
    depth_km = _decimal(
        gettext_lazy("Depth, km"), -12, 800, help_text=gettext_lazy("Empty: not known.")
    )
    event_type = forms.ChoiceField(label=gettext_lazy("Type"), choices=TYPES, required=False)
    region = forms.CharField(label=gettext_lazy("Region"), max_length=150, required=False)
    comment = forms.CharField(
        label=gettext_lazy("Comment"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("Shown to the public with the report: name no person."),
    )
    belongs = forms.BooleanField(
        label=gettext_lazy("The readings below are of this event"), required=False, initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for scale in SCALES:
            self.fields[scale] = _decimal(scale, -3, 20)
        agencies = Agency.objects.filter(is_provisional=False, is_portal=False)
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]

    def sizes(self) -> list[forms.BoundField]:
        return [self[scale] for scale in SCALES]

    @property
    def has_event(self) -> bool:
        names = ("time", "latitude", "longitude", "depth_km", "event_type", "region", *SCALES)
        return any(self.cleaned_data.get(name) not in (None, "") for name in names)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if "date" in values and values.get("time") is not None and "zone" in values:
            try:
                values["moment"] = values["time"].at(values["date"], values["zone"])
            except forms.ValidationError as error:
                self.add_error("time", error)
            else:
                if values["moment"] > timezone.now() + timedelta(minutes=1):
                    self.add_error("time", _("This time has not come yet."))
        if self.has_event:
            for name in ("time", "latitude", "longitude"):
                if values.get(name) is None and name not in self.errors:
                    self.add_error(name, _("An event needs a time, a latitude and a longitude."))
        return values


class ReadingRow(forms.Form):
    """One reading: station, phase and time."""

    station = forms.CharField(
        label=gettext_lazy("Station"),
        max_length=21,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "KR.EKS"}),
    )
    phase = forms.CharField(
        label=gettext_lazy("Phase"),
        max_length=20,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "list": "phases", "placeholder": "Pg"}
        ),
    )
    onset = forms.ChoiceField(label=gettext_lazy("Onset"), choices=ONSETS, required=False)
    time = _Clock(label=gettext_lazy("Time"))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        named = values.get("station", "").strip().split(".")
        if len(named) > 2 or any(len(part) > 10 for part in named):
            self.add_error("station", _("Write the code, or network and code: KR.EKS."))
        if not self.has_changed() or self.errors:
            return values
        if not values.get("station", "").strip():
            self.add_error("station", _("Name the station."))
        if values.get("time") is None:
            self.add_error("time", _("A reading needs a time."))
        return values

    def reference(self) -> StationReference:
        network, _dot, code = self.cleaned_data["station"].strip().rpartition(".")
        return StationReference(code=code, network=network or None)


@dataclass
class Entry:
    """What was typed, checked as a whole."""

    form: EntryForm
    rows: list[ReadingRow]

    def is_valid(self) -> bool:
        checked = [row.is_valid() for row in self.rows]  # every one, that each shows its errors
        rows_fine = all(checked)
        fine = self.form.is_valid()
        if {"date", "zone"} <= self.form.cleaned_data.keys():
            for row in self.filled():
                fine = not row.errors and self._dated(row) and fine
        if fine and rows_fine and not self.form.has_event and not self.filled():
            self.form.add_error(None, _("Enter an event, readings, or both."))
            fine = False
        return fine and rows_fine

    def filled(self) -> list[ReadingRow]:
        return [row for row in self.rows if row.has_changed()]

    def _dated(self, row: ReadingRow) -> bool:
        """Turn the row's time into UTC; near its event, where it is one of its."""
        values = self.form.cleaned_data
        try:
            moment = row.cleaned_data["time"].at(values["date"], values["zone"])
        except forms.ValidationError as error:
            row.add_error("time", error)
            return False
        origin_time = values.get("moment")
        if origin_time is not None and values.get("belongs"):
            late = moment - origin_time
            if not timedelta(0) <= late <= FARTHEST_READING:
                row.add_error(
                    "time",
                    _(
                        "The reading is earlier than its event, or over an hour later. After"
                        " midnight, write the date before the time."
                    ),
                )
                return False
        if moment > timezone.now() + timedelta(minutes=1):
            row.add_error("time", _("This time has not come yet."))
            return False
        row.cleaned_data["moment"] = moment
        return True


@dataclass(frozen=True)
class Ticket:
    """What makes an entry that one and no other: sent twice, it is the same file."""

    number: str
    opened: str

    @classmethod
    def new(cls) -> Ticket:
        return cls(secrets.token_hex(4), f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}")

    @classmethod
    def of(cls, token: str) -> Ticket:
        """Return the ticket of a form; a new one where it is damaged."""
        try:
            number, opened = signing.loads(token, salt=SALT)
        except (signing.BadSignature, TypeError, ValueError):
            return cls.new()
        return cls(str(number), str(opened))

    @property
    def token(self) -> str:
        return signing.dumps([self.number, self.opened], salt=SALT)


def compose(entry: Entry, ticket: Ticket) -> bytes:
    """Return the bulletin table of an entry."""
    values = entry.form.cleaned_data
    note = f"Entered by hand {ticket.opened}, entry {ticket.number}; received by {values['source']}"
    comments = tuple(text for text in (values["comment"].strip(), note) if text)
    picks = tuple(
        PickRecord(
            pick_id=f"p{number}",
            station=row.reference(),
            time=row.cleaned_data["moment"],
            time_uncertainty=(
                MINUTE_UNCERTAINTY_S if row.cleaned_data["time"].to_the_minute else None
            ),
            phase_hint=row.cleaned_data["phase"].strip() or None,
            onset=row.cleaned_data["onset"] or None,
        )
        for number, row in enumerate(entry.filled(), 1)
    )
    records: list[EventRecord | ReadingsRecord] = []
    own = picks if values["belongs"] else ()
    if entry.form.has_event:
        records.append(_event(entry.form, ticket, comments, own))
    else:
        own = ()
    if picks and not own:
        records.append(ReadingsRecord("", 0, 0, picks=picks, comments=comments))
    return "".join(bulletin_csv.write(records, COLUMNS)).encode()


def _event(
    form: EntryForm, ticket: Ticket, comments: tuple[str, ...], picks: tuple[PickRecord, ...]
) -> EventRecord:
    values = form.cleaned_data
    origin = OriginRecord(
        origin_id="o1",
        time=values["moment"],
        time_uncertainty=MINUTE_UNCERTAINTY_S if values["time"].to_the_minute else None,
        latitude=values["latitude"],
        longitude=values["longitude"],
        depth_km=values["depth_km"],
        arrivals=tuple(ArrivalRecord(pick_id=p.pick_id, phase=p.phase_hint) for p in picks),
    )
    return EventRecord(
        text="",
        first_line=0,
        last_line=0,
        event_id=values["event_id"].strip() or new_id(values["moment"], ticket),
        event_type=values["event_type"] or None,
        origins=(origin,),
        magnitudes=tuple(
            MagnitudeRecord(value=values[scale], type=scale, origin_id="o1")
            for scale in SCALES
            if values[scale] is not None
        ),
        picks=picks,
        preferred_origin_id="o1",
        descriptions=tuple(
            DescriptionRecord(text, "region name") for text in (values["region"].strip(),) if text
        ),
        comments=comments,
    )


def new_id(moment: datetime, ticket: Ticket) -> str:
    """Return an id for an event that has none, by which the entry can be corrected."""
    return f"hand-{moment:%Y%m%d}-{ticket.number}"


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def by_hand(request: HttpRequest) -> HttpResponse:
    """The form: fill in, look at it, send it; or ask for more rows."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    if request.method != "POST":
        ticket = Ticket.new()
        entry = Entry(
            EntryForm(
                initial={
                    "token": ticket.token,
                    "rows": ROWS,
                    "agency": user.agency.code if user.agency else None,
                    "date": timezone.now().date(),
                    "zone": "UTC",
                    "event_id": request.GET.get("event_id", "")[:60],
                    "belongs": True,
                }
            ),
            [ReadingRow(prefix=f"r{n}") for n in range(ROWS)],
        )
        return _page(request, entry)
    asked = request.POST.get("rows", "")
    count = min(int(asked), MOST_ROWS) if asked.isascii() and asked.isdigit() else ROWS
    ticket = Ticket.of(request.POST.get("token", ""))
    entry = Entry(
        EntryForm(request.POST), [ReadingRow(request.POST, prefix=f"r{n}") for n in range(count)]
    )
    wanted = request.POST.get("do", "")
    if wanted == "more":
        # Nothing is checked yet: shown as it was typed.
        more = min(count + MORE_ROWS, MOST_ROWS)
        typed: dict[str, Any] = {name: request.POST.get(name, "") for name in entry.form.fields}
        typed |= {"rows": str(more), "token": ticket.token, "belongs": "belongs" in request.POST}
        rows = [
            ReadingRow(
                prefix=f"r{n}",
                initial={
                    name: request.POST.get(f"r{n}-{name}", "") for name in ReadingRow.base_fields
                },
            )
            for n in range(more)
        ]
        return _page(request, Entry(EntryForm(initial=typed), rows))
    if not entry.is_valid():
        return _page(request, entry, status=400)
    data = compose(entry, ticket)
    agency = entry.form.cleaned_data["agency"]
    try:
        taken = uploads.take(
            f"by-hand-{ticket.opened[:10]}-{ticket.number}.csv",
            [data],
            user,
            agency=agency.code,
            format=FORMAT,
            dry_run=wanted == "preview",
        )
    except Refused as refused:
        entry.form.add_error(None, messages.sentence(refused.code, refused.values))
        return _page(request, entry, status=400)
    if wanted == "preview":
        return _page(request, entry, preview=_preview(entry, data), run=taken.run)
    if taken.duplicate and not _was_rehearsed_only(taken):
        notices.info(request, _("This entry was sent before; this is its run."))
    elif entry.form.has_event and not entry.form.cleaned_data["event_id"].strip():
        name = new_id(entry.form.cleaned_data["moment"], ticket)
        notices.info(
            request,
            _("The event has the id %(id)s. Enter it again with that id to correct it.")
            % {"id": name},
        )
    return redirect("run", taken.run.pk)


def _was_rehearsed_only(taken: uploads.Taken) -> bool:
    """True if the file was there from the preview, and this is its first reading in earnest."""
    return taken.run.status == taken.run.Status.QUEUED and taken.file.readings.count() == 1


def _preview(entry: Entry, data: bytes) -> dict[str, Any]:
    """Return what will be sent: the times in UTC, with Almaty's beside them, and the file."""
    values = entry.form.cleaned_data
    return {
        "moment": values.get("moment") if entry.form.has_event else None,
        "rows": [
            {"name": row.cleaned_data["station"], "phase": row.cleaned_data["phase"], "moment": m}
            for row in entry.filled()
            if (m := row.cleaned_data["moment"])
        ],
        "belongs": entry.form.has_event and values["belongs"],
        "text": data.decode(),
    }


def _page(
    request: HttpRequest,
    entry: Entry,
    *,
    preview: dict[str, Any] | None = None,
    run: Any = None,
    status: int = 200,
) -> HttpResponse:
    return render(
        request,
        "desk/by_hand.html",
        {
            "form": entry.form,
            "rows": entry.rows,
            "phases": PHASES,
            "preview": preview,
            "dry_run": run,
            "now": timezone.now(),
            "may_add_rows": len(entry.rows) < MOST_ROWS,
        },
        status=status,
    )
