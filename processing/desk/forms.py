"""The forms of the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog import coverage
from catalog.formats import FORMATS
from catalog.formats.mapped_table import CODE as MAPPED
from catalog.models import (
    Agency,
    BulletinFile,
    BulletinReading,
    ColumnMapping,
    CoverageSpan,
)
from processing.desk.messages import format_name

TIME_ZONES = [("UTC", "UTC"), ("Asia/Almaty", _("Almaty time (UTC+7, +6 or +5 by date)"))]
State = CoverageSpan.State
#: Bulletins that a form offers at most.
MOST_FILES = 200
KINDS = [("manual", _("reviewed by an analyst")), ("automatic", _("automatic"))]


def day_input(label: Any) -> forms.DateInput:
    """Return a field for a day; browsers send it as YYYY-MM-DD in every language."""
    return forms.DateInput(attrs={"type": "date", "aria-label": label}, format="%Y-%m-%d")


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ReadingForm(forms.Form):
    """Whose bulletin a file is, in which format, of which kind."""

    agency = forms.ModelChoiceField(
        label=_("Agency"),
        queryset=Agency.objects.none(),
        to_field_name="code",
        required=False,
        empty_label=_("as the file says"),
    )
    format = forms.ChoiceField(label=_("Format"), required=False)
    kind = forms.ChoiceField(label=_("Bulletin kind"), choices=KINDS, initial="manual")
    time_zone = forms.ChoiceField(
        label=_("Times are in"), choices=TIME_ZONES, initial="UTC", required=False
    )

    accept_readings = forms.BooleanField(
        label=_("Accept unambiguous station readings by rule"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agencies = Agency.objects.filter(is_provisional=False, is_portal=False)
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]
        self.fields["format"].choices = [  # type: ignore[attr-defined]
            ("", _("as the file says")),
            *((f.code, format_name(f.code)) for f in FORMATS if not f.needs_mapping),
            *((f"{MAPPED}:{name}", name) for name in _mapping_names()),
        ]


def _mapping_names() -> list[str]:
    return sorted(set(ColumnMapping.objects.values_list("name", flat=True)))


class UploadForm(ReadingForm):
    """The fields shared by all files of one upload; the files come beside it."""

    dry_run = forms.BooleanField(label=_("Dry run"), required=False)
    final_from = forms.DateField(
        label=_("Final from"), required=False, widget=day_input(_("Final from"))
    )
    final_to = forms.DateField(label=_("Final to"), required=False, widget=day_input(_("Final to")))


class DeclareForm(forms.Form):
    """A person's word on some days: which bulletin is final for them, or that they are empty."""

    first_day = forms.DateField(label=_("From (UTC day)"), widget=day_input(_("From (UTC day)")))
    last_day = forms.DateField(label=_("To, included"), widget=day_input(_("To, included")))
    state = forms.ChoiceField(
        label=_("What is said"),
        choices=[
            (State.FINAL, _("the bulletin is final for these days")),
            (State.EMPTY, _("the agency reported that nothing happened")),
        ],
    )
    file = forms.ModelChoiceField(
        label=_("Bulletin"),
        queryset=BulletinFile.objects.none(),
        required=False,
        empty_label=_("none: reported without a file"),
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=500,
        required=False,
        help_text=_("How it was reported: a letter, a telephone call."),
    )

    def __init__(
        self,
        *args: Any,
        agency: Agency | None,
        file: BulletinFile | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        current = BulletinReading.objects.filter(agency=agency, is_current=True).exclude(
            evaluation_mode="automatic"
        )
        files = BulletinFile.objects.filter(pk__in=current.values("file")).order_by("-pk")
        if file is not None:
            files = files.filter(pk=file.pk)
        elif not self.is_bound:
            files = files.filter(pk__in=list(files.values_list("pk", flat=True)[:MOST_FILES]))
        self.fields["file"].queryset = files  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        first, last = said.get("first_day"), said.get("last_day")
        if first and last:
            if first.year < coverage.FIRST_YEAR:
                self.add_error("first_day", gettext("This is before any bulletin."))
            if first > last:
                self.add_error("last_day", gettext("The last day is before the first."))
            if last >= coverage.today():
                self.add_error("last_day", gettext("This day is not over yet."))
        if said.get("state") == State.FINAL and said.get("file") is None and not self.errors:
            self.add_error("file", gettext("Choose the bulletin that is final."))
        return said
