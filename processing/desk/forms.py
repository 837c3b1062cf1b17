"""The forms of the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.formats import FORMATS
from catalog.formats.mapped_table import CODE as MAPPED
from catalog.models import Agency, ColumnMapping
from processing.desk.messages import format_name

TIME_ZONES = [("UTC", "UTC"), ("Asia/Almaty", _("Almaty time (UTC+7, +6 or +5 by date)"))]
KINDS = [("manual", _("reviewed by an analyst")), ("automatic", _("automatic"))]


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
