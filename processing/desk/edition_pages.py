"""Pages of the desk for editions of the catalogue: draft, preview, publish.

An *edition* here is a published, frozen selection (``catalog/models/editions.py``), not the later
edition of a bulletin list.
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import BaseFormSet, formset_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog import edition_contents
from catalog.edition_contents import canonical
from catalog.models import Edition, User
from catalog.search import SearchError
from processing.core.declustering import METHODS
from processing.desk.travel_times import may_edit
from processing.desk.views import staff_only
from processing.jobs import declustering, publishing_editions
from processing.jobs.publishing_editions import MOST_LISTS, Refused

_SETTING = re.compile(r"([a-z_0-9]+)\s*=\s*([^\s,;]+)")
#: Longer than any search with a polygon of a thousand corners.
MOST_CHARACTERS = 50_000
MOST_GAPS = 200


def read_settings(text: str) -> dict[str, str]:
    """Return what a line such as ``b=0.9, df=1.6`` sets.

    Raises
    ------
    ValueError
        With what is no setting.
    """
    rest = _SETTING.sub("", text).strip(" ,;\n\t")
    if rest:
        raise ValueError(rest)
    return dict(_SETTING.findall(text))


class SearchField(forms.CharField):
    """A search as a query string or as the address of a search page; kept in its canonical form."""

    def __init__(self, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "code"})
        super().__init__(max_length=MOST_CHARACTERS, widget=widget, **options)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        try:
            return canonical(text)
        except SearchError as wrong:
            raise forms.ValidationError(wrong.message) from None


class EditionForm(forms.Form):
    """What an editor says of an edition; its lists come beside it."""

    series = forms.RegexField(
        r"\A[A-Z0-9]+(-[A-Z0-9]+)*\Z",
        label=gettext_lazy("Series"),
        max_length=40,
        help_text=gettext_lazy(
            "Capital letters, digits, hyphens: KZ-2014. The number follows when it is published."
        ),
    )
    title_en = forms.CharField(label=gettext_lazy("Title (English)"), max_length=200)
    title_ru = forms.CharField(
        label=gettext_lazy("Title (Russian)"), max_length=200, required=False
    )
    title_kk = forms.CharField(label=gettext_lazy("Title (Kazakh)"), max_length=200, required=False)
    search = SearchField(
        label=gettext_lazy("Which events"),
        required=False,
        help_text=gettext_lazy(
            "The address of the search page, or its words: "
            "starttime=2014-01-01&endtime=2014-12-31T23:59:59.999999&minkr=6.6. Automatic and not "
            "confirmed events are left out by themselves."
        ),
    )
    note_en = forms.CharField(
        label=gettext_lazy("Note (English)"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    note_ru = forms.CharField(
        label=gettext_lazy("Note (Russian)"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    note_kk = forms.CharField(
        label=gettext_lazy("Note (Kazakh)"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    gaps = forms.CharField(
        label=gettext_lazy("Declared gaps"),
        max_length=20_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "One a line: days without a bulletin, stations out of work, sizes missing. Those of "
            "the coverage calendar are added by themselves."
        ),
    )

    NAMES = ("title_en", "title_ru", "title_kk")
    NOTES = ("note_en", "note_ru", "note_kk")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        for name, method in METHODS.items():
            self.fields[f"use_{name}"] = forms.BooleanField(label=method.title, required=False)
            if method.parameters:
                published = ", ".join(
                    f"{key}={value:g}"
                    for key, value in method.parameters.items()
                    if value is not None
                )
                self.fields[f"set_{name}"] = forms.CharField(
                    label=_("Other parameters than the published ones"),
                    max_length=200,
                    required=False,
                    widget=forms.TextInput(attrs={"placeholder": published, "spellcheck": "false"}),
                )

    def clean_gaps(self) -> list[dict[str, str]]:
        lines = [line.strip() for line in self.cleaned_data["gaps"].splitlines()]
        texts = list(dict.fromkeys(line for line in lines if line))
        if len(texts) > MOST_GAPS:
            raise forms.ValidationError(_("At most %(n)s lines.") % {"n": MOST_GAPS})
        return [{"text": text} for text in texts]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        chosen = []
        for name in METHODS:
            if not said.get(f"use_{name}"):
                continue
            try:
                given = read_settings(said.get(f"set_{name}", ""))
                parameters = declustering.checked(name, given)
            except ValueError as wrong:
                self.add_error(
                    f"set_{name}",
                    _("“%(found)s” is not understood. Expected: %(expected)s.")
                    % {"found": str(wrong)[:60], "expected": "name=1.5"},
                )
            except declustering.Refused as refused:
                self.add_error(
                    f"set_{name}" if f"set_{name}" in self.fields else f"use_{name}",
                    parameter_problem(refused),
                )
            else:
                chosen.append(
                    {"method": name, "parameters": {**parameters, "size": declustering.SIZE}}
                )
        said["declustering"] = chosen
        return said

    def methods(self) -> list[tuple[Any, Any]]:
        """Return the fields of each method: whether it is used, and its parameters."""
        return [
            (self[f"use_{name}"], self[f"set_{name}"] if f"set_{name}" in self.fields else None)
            for name in METHODS
        ]


def parameter_problem(refused: declustering.Refused) -> str:
    """Return why a method's parameters cannot be, as a sentence."""
    sentences = {
        "unknown-method": _("“%(found)s” is not a method. Expected: %(expected)s."),
        "unknown-parameter": _("The method has no parameter “%(found)s”. Expected: %(expected)s."),
        "not-a-number": _("“%(found)s” is not understood. Expected: %(expected)s."),
        "bad-parameter": _("This cannot be. Expected: %(expected)s."),
    }
    return sentences[refused.code] % refused.values


class ListForm(forms.Form):
    """A list of events beside the count; left blank, it is none."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=200, required=False)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, required=False)
    search = SearchField(
        label=gettext_lazy("Which events"),
        required=False,
        help_text=gettext_lazy("Words of a search, or ids: eventid=kz2014m7k2ra,kz2014h3k2m7"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if any(self.data.get(self.add_prefix(name), "").strip() for name in self.fields):
            for name in ("title", "reason", "search"):
                if not self.data.get(self.add_prefix(name), "").strip() and name not in self.errors:
                    self.add_error(name, _("A list needs a title, a reason and its events."))
        else:
            said["search"] = ""
        return said


ListForms = formset_factory(
    ListForm, extra=1, max_num=MOST_LISTS, absolute_max=MOST_LISTS, validate_max=True
)


@staff_only
@require_safe
def editions(request: HttpRequest) -> HttpResponse:
    """Drafts, and what was published."""
    all_of_them = Edition.objects.select_related("created_by", "published_by", "superseded_by")
    return render(
        request,
        "desk/editions.html",
        {
            "drafts": all_of_them.exclude(status=Edition.Status.PUBLISHED).order_by("-pk"),
            "published": all_of_them.published(),
            "may_edit": may_edit(request),
        },
    )


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def new_edition(request: HttpRequest) -> HttpResponse:
    """Draft an edition; ``?search=`` brings a search along."""
    if not may_edit(request):
        raise PermissionDenied
    return _form_page(request, None)


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def edit_edition(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a draft."""
    if not may_edit(request):
        raise PermissionDenied
    edition = get_object_or_404(Edition, pk=pk)
    if edition.status != Edition.Status.DRAFT:
        notices.error(request, edition_contents.sentence("not-a-draft", {}))
        return redirect("desk-edition", edition.pk)
    return _form_page(request, edition)


def _form_page(request: HttpRequest, edition: Edition | None) -> HttpResponse:
    form: EditionForm
    lists: BaseFormSet[Any]
    status = 200
    if request.method == "POST":
        form, lists = EditionForm(request.POST), ListForms(request.POST, prefix="list")
        # Both are read, so that all that is wrong is told at once.
        if all([form.is_valid(), lists.is_valid()]):
            saved = _save(request, edition, form.cleaned_data, lists)
            if saved is not None:
                return redirect("desk-edition", saved.pk)
            notices.error(request, edition_contents.sentence("not-a-draft", {}))
            return redirect("desk-editions")
        status = 400
    elif edition is None:
        words = request.GET.get("search", "")[:MOST_CHARACTERS]
        form, lists = EditionForm(initial={"search": words}), ListForms(prefix="list")
    else:
        form = EditionForm(initial=_initial(edition))
        lists = ListForms(initial=edition.lists, prefix="list")
    return render(
        request,
        "desk/edition_form.html",
        {
            "form": form,
            "lists": lists,
            "edition": edition,
            "titles": [form[name] for name in form.NAMES],
            "notes": [form[name] for name in form.NOTES],
            "methods": form.methods(),
            "series": Edition.objects.order_by("series")
            .values_list("series", flat=True)
            .distinct(),
        },
        status=status,
    )


def _initial(edition: Edition) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(edition, name)
        for name in ("series", "search", *EditionForm.NAMES, *EditionForm.NOTES)
    }
    values["gaps"] = "\n".join(gap["text"] for gap in edition.gaps)
    for told in edition.declustering:
        method = METHODS.get(told["method"])
        if method is not None:
            values[f"use_{method.name}"] = True
            values[f"set_{method.name}"] = ", ".join(
                f"{name}={value:g}"
                for name, value in told["parameters"].items()
                if name in method.parameters and value != method.parameters[name]
            )
    return values


def _save(
    request: HttpRequest, edition: Edition | None, said: dict[str, Any], lists: BaseFormSet[Any]
) -> Edition | None:
    """Store a draft; ``None`` if it is none any more."""
    values = {
        name: said[name]
        for name in (
            "series", "search", "gaps", "declustering", *EditionForm.NAMES, *EditionForm.NOTES,
        )
    }  # fmt: skip
    values["lists"] = [
        {name: one.cleaned_data[name] for name in ("title", "reason", "search")}
        for one in lists
        if one.cleaned_data.get("title")
    ]
    # What was seen before is not what it is now.
    values |= {"previewed": "", "problem_code": "", "problem": {}}
    with transaction.atomic():
        if edition is None:
            actor = request.user if isinstance(request.user, User) else None
            return Edition.objects.create(**values, created_by=actor)
        changed = Edition.objects.filter(pk=edition.pk, status=Edition.Status.DRAFT)
        return edition if changed.update(**values) else None


@staff_only
@require_safe
def edition_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A draft, one that is being frozen, or what became of it."""
    return _edition_page(request, get_object_or_404(_with_people(), pk=pk))


def _with_people() -> Any:
    return Edition.objects.select_related("created_by", "published_by")


def _edition_page(
    request: HttpRequest,
    edition: Edition,
    preview: publishing_editions.Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    previous = edition.previous
    problem = ""
    if edition.problem_code:
        problem = edition_contents.sentence(edition.problem_code, edition.problem)
    context: dict[str, Any] = {
        "edition": edition,
        "is_draft": edition.status == Edition.Status.DRAFT,
        "is_freezing": edition.status == Edition.Status.FREEZING,
        "is_published": edition.status == Edition.Status.PUBLISHED,
        "will_be": f"{edition.series}/{(previous.number or 0) + 1 if previous else 1}",
        "previous": previous,
        "problem": problem,
        "methods": [
            {
                "title": METHODS[told["method"]].title
                if told["method"] in METHODS
                else told["method"],
                "parameters": told["parameters"],
            }
            for told in edition.declustering
        ],
        "may_edit": may_edit(request),
        "preview": preview,
    }
    if preview is not None:
        context["lists"] = list(zip(edition.lists, preview.events[1:], strict=True))
        if preview.refused:
            context["refused"] = edition_contents.sentence(preview.refused, {})
    else:
        context["lists"] = [(told, None) for told in edition.lists]
    return render(request, "desk/edition.html", context, status=status)


@staff_only
@require_POST
def edition_do(request: HttpRequest, pk: int) -> HttpResponse:
    """Preview a draft, publish it as previewed, or discard it."""
    if not may_edit(request) or not isinstance(request.user, User):
        raise PermissionDenied
    edition = get_object_or_404(_with_people(), pk=pk)
    match request.POST.get("do"):
        case "preview" if edition.status == Edition.Status.DRAFT:
            try:
                return _edition_page(request, edition, publishing_editions.preview(edition))
            except SearchError as wrong:
                told = edition_contents.sentence("bad-search", {"message": wrong.message})
                notices.error(request, told)
        case "publish":
            try:
                publishing_editions.publish(
                    edition,
                    actor=request.user,
                    site=request.build_absolute_uri("/"),
                    previewed=request.POST.get("previewed", "")[:64],
                )
                notices.success(request, _("A worker freezes it now; load the page again."))
            except Refused as refused:
                notices.error(request, edition_contents.sentence(refused.code, refused.values))
        case "discard":
            gone, _each = Edition.objects.filter(
                pk=edition.pk, status=Edition.Status.DRAFT
            ).delete()
            if gone:
                notices.success(request, _("The draft is discarded."))
                return redirect("desk-editions")
            notices.error(request, edition_contents.sentence("not-a-draft", {}))
        case _:
            notices.error(request, edition_contents.sentence("not-a-draft", {}))
    return redirect("desk-edition", edition.pk)
