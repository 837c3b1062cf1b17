"""The forms of the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.formats import FORMATS
from catalog.models import Agency
from processing.desk.messages import format_name

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agencies = Agency.objects.filter(is_provisional=False, is_portal=False)
        self.fields["agency"].queryset = agencies  # type: ignore[attr-defined]
        self.fields["format"].choices = [  # type: ignore[attr-defined]
            ("", _("as the file says")),
            *((format_.code, format_name(format_.code)) for format_ in FORMATS),
        ]


class UploadForm(ReadingForm):
    """The fields shared by all files of one upload; the files come beside it."""

    dry_run = forms.BooleanField(label=_("Dry run"), required=False)
