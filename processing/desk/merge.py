"""The merge desk: pairs the rules left to a person, decided one by one or many at once, undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages as notices
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import Agency, MergeDecision, User
from processing.desk import merge_pairs, messages
from processing.desk.merge_pairs import Line, decision_words, reason_words
from processing.desk.readings import Moment, is_key, may_decide
from processing.desk.views import staff_only
from processing.jobs import merge_decisions, merge_queue
from processing.jobs.merge_decisions import Refused, Result
from processing.jobs.merge_queue import Filter, Waiting
from processing.jobs.station_readings import NotDecidable

PAGE = 50
#: Decisions of persons told of on the queue's page.
LATEST = 20
KINDS = ("same", "different", "later")


class FilterForm(forms.Form):
    """What part of the queue is looked at; all of it may be left empty."""

    reason = forms.ChoiceField(label=gettext_lazy("Why in doubt"), required=False)
    agency = forms.ChoiceField(label=gettext_lazy("Agency"), required=False)
    starttime = forms.DateTimeField(label=gettext_lazy("From, UTC"), required=False, widget=Moment)
    endtime = forms.DateTimeField(label=gettext_lazy("To, UTC"), required=False, widget=Moment)

    def __init__(self, given: QueryDict, reasons: dict[str, int], agencies: Sequence[str]) -> None:
        super().__init__(given, label_suffix="")
        everything = ("", _("all"))
        # A word of the address that is not here now finds nothing; it is no mistake.
        reasons = dict.fromkeys([text_of(given, "reason", 60)], 0) | reasons
        codes = dict.fromkeys([text_of(given, "agency", 20), *agencies])
        self.fields["reason"].choices = [  # type: ignore[attr-defined]
            everything,
            *(
                (code, f"{reason_words(code)} ({n})" if n else reason_words(code))
                for code, n in reasons.items()
                if code
            ),
        ]
        self.fields["agency"].choices = [  # type: ignore[attr-defined]
            everything,
            *((code, code) for code in codes if code),
        ]

    @property
    def asked(self) -> Filter:
        values = self.cleaned_data
        return Filter(
            values["reason"], values["agency"], values.get("starttime"), values.get("endtime")
        )


def filter_form(given: QueryDict, everything: Sequence[Waiting]) -> FilterForm:
    agencies = Agency.objects.filter(reports__isnull=False, is_portal=False).distinct()
    return FilterForm(
        given,
        merge_queue.count_reasons(everything),
        list(agencies.order_by("code").values_list("code", flat=True)),
    )


def asked_for(given: QueryDict) -> tuple[FilterForm, list[Waiting], list[Waiting]]:
    """Return the filters as a form, all that waits, and what of it is asked for."""
    everything = merge_queue.waiting()
    form = filter_form(given, everything)
    if not form.is_valid():
        return form, everything, []
    asked = form.asked
    return form, everything, everything if asked == Filter() else merge_queue.waiting(asked)


def text_of(given: QueryDict, name: str, most: int = 500) -> str:
    """Return a word of a form as a column takes it."""
    return given.get(name, "").replace("\0", "").strip()[:most]


def query_of(given: QueryDict) -> str:
    """Return the filters as they stand, to carry them on."""
    known = list(FilterForm.base_fields)
    return urlencode([(name, given[name]) for name in known if given.get(name)])


def with_query(address: str, query: str) -> str:
    return f"{address}?{query}".rstrip("?")


def pair_address(pair: tuple[int, int], query: str = "") -> str:
    return with_query(reverse("review-pair", args=pair), query)


@staff_only
@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """The queue: the most even pairs first, those put off last."""
    form, everything, found = asked_for(request.GET)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "desk/merge.html",
        {
            "form": form,
            "page": page,
            "lines": lines_of(list(page.object_list)),
            "total": len(everything),
            "found": len(found),
            "put_off": sum(pair.put_off is not None for pair in everything),
            "reasons": [
                (code, reason_words(code), n)
                for code, n in merge_queue.count_reasons(everything).items()
            ],
            "reason": request.GET.get("reason", ""),
            "latest": latest_decisions(),
            "may_decide": may_decide(request),
            "query": query_of(request.GET),
        },
        status=200 if form.is_valid() else 400,
    )


def lines_of(pairs: Sequence[Waiting]) -> list[Line]:
    """Return pairs of the queue with all their rows show."""
    sides = merge_pairs.sides({pk for pair in pairs for pk in pair.pair})
    doubted = dict(
        MergeDecision.objects.filter(pk__in=[pair.review for pair in pairs]).values_list(
            "pk", "decided_at"
        )
    )
    seen = merge_decisions.seen_of_pairs([pair.pair for pair in pairs])
    lines = []
    for pair in pairs:
        one, other = sides[pair.first], sides[pair.second]
        since = doubted[pair.review]
        lines.append(
            Line(
                pair,
                one,
                other,
                merge_pairs.apart(one, other),
                reason_words(pair.reason),
                any(side.came_after(since) for side in (one, other)),
                seen[pair.pair],
            )
        )
    return lines


def latest_decisions() -> list[dict[str, Any]]:
    """Return what persons decided last, each step once, with whether it can be taken back."""
    rows = (
        MergeDecision.objects.filter(
            kind__in=["same", "different", "later", "undo"],
            actor__isnull=False,
            report__isnull=False,
            other_report__isnull=False,
        )
        .select_related("actor", "report__agency", "other_report__agency", "undoes", "undone_by")
        .order_by("-pk")[: 4 * LATEST]
    )
    steps: dict[Any, dict[str, Any]] = {}
    for row in rows:
        step = steps.setdefault(
            row.act or row.pk, {"decision": row, "words": [], "stands": False, "pair": None}
        )
        step["words"].append(decision_words(row))
        step["pair"] = (row.report_id, row.other_report_id)
        step["stands"] |= can_undo(row)
    return list(steps.values())[:LATEST]


def can_undo(row: MergeDecision) -> bool:
    """True for a person's word, or the taking back of one, that stands."""
    if getattr(row, "undone_by", None) is not None or row.actor_id is None:
        return False
    if row.kind == MergeDecision.Kind.UNDO:
        return row.undoes is not None and row.undoes.kind in merge_decisions.WORDS
    return row.kind in (*merge_decisions.WORDS, MergeDecision.Kind.LATER)


# --- Deciding -------------------------------------------------------------------------------------


@staff_only
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Decide on one pair or on all that are ticked, each for itself; then on to the next."""
    actor = request.user
    if not may_decide(request) or not isinstance(actor, User):
        raise PermissionDenied
    kind = request.POST.get("decision", "")
    note = text_of(request.POST, "note")
    query = query_of(QueryDict(request.POST.get("query", "")[:2000]))
    pairs = [p for text in request.POST.getlist("pair")[:PAGE] if (p := _pair(text)) is not None]
    on_page = bool(request.POST.get("onpage"))
    back = with_query(reverse("review"), query)
    if kind not in KINDS or not pairs:
        notices.warning(request, _("No pair was chosen."))
        return redirect(back)
    done: list[Result] = []
    for first, second, seen in pairs:
        try:
            done.append(
                merge_decisions.stored(
                    merge_decisions.decide, kind, first, second, seen, actor, note
                )
            )
        except NotDecidable as error:
            _say_refused(request, error, kind, (first, second) if len(pairs) > 1 else None)
            if on_page and error.code not in ("decided-meanwhile", "report-gone"):
                return redirect(pair_address((first, second), query))
    _say_done(request, kind, done)
    return redirect(_following(request.POST.get("next", ""), query) if on_page else back)


def _pair(text: str) -> tuple[int, int, str] | None:
    """Read what a check box sends: two reports and what was seen of them."""
    first, _dash, rest = text[:100].partition("-")
    second, _dash, seen = rest.partition("-")
    if not (is_key(first) and is_key(second)):
        return None
    return int(first), int(second), seen


def _following(wanted: str, query: str) -> str:
    """Return the address of the pair to look at next: the wanted one if it still waits."""
    _form, _everything, found = asked_for(QueryDict(query))
    pairs = [pair.pair for pair in found if pair.put_off is None]
    named = _pair(wanted + "-")
    if named is not None and {named[:2], named[1::-1]} & set(pairs):
        return pair_address(named[:2], query)
    return pair_address(pairs[0], query) if pairs else with_query(reverse("review"), query)


def _say_done(request: HttpRequest, kind: str, done: Sequence[Result]) -> None:
    if not done:
        return
    n = len(done)
    sentence = {
        "same": ngettext(
            "%(n)s pair is one earthquake now.", "%(n)s pairs are one earthquake each now.", n
        ),
        "different": ngettext(
            "%(n)s pair is held to be two earthquakes.",
            "%(n)s pairs are held to be two earthquakes each.",
            n,
        ),
        "later": ngettext(
            "%(n)s pair is put off to the end of the queue.",
            "%(n)s pairs are put off to the end of the queue.",
            n,
        ),
    }[kind] % {"n": n}
    notices.success(request, " ".join([sentence, *(told_gone(done))]))


def told_gone(done: Sequence[Result]) -> list[str]:
    """Say which public ids lead elsewhere or nowhere now."""
    told = []
    merged = [pair for result in done for pair in result.merged]
    for gone, into in merged[:5]:
        told.append(
            _("The event %(gone)s is part of %(into)s now; its address leads there (301).")
            % {"gone": gone, "into": into}
        )
    if len(merged) > 5:
        told.append(_("And %(n)s more.") % {"n": len(merged) - 5})
    told += [
        _("The event %(gone)s is no more; its address says so (410).") % {"gone": gone}
        for result in done
        for gone in result.deleted
    ]
    return told


def _say_refused(
    request: HttpRequest, error: NotDecidable, kind: str, pair: tuple[int, int] | None
) -> None:
    first = error.decisions[0] if isinstance(error, Refused) and error.decisions else None
    if (
        error.code == "decided-meanwhile"
        and first is not None
        and first.actor == request.user
        and first.kind == kind
    ):
        # The same button pressed twice.
        notices.info(request, _("This is stored already."))
        return
    text = refusal(error)
    if pair is not None:
        sides = merge_pairs.sides(pair)
        names = " — ".join(sides[pk].name for pk in pair if pk in sides)
        text = f"{names}: {text}"
    notices.warning(request, text)


def refusal(error: NotDecidable) -> str:
    """Say why a decision was not stored, and whose decisions stand in its way."""
    decisions = error.decisions if isinstance(error, Refused) else ()
    told = [messages.meaning(error.code)]
    told += [
        _("%(who)s on %(when)s UTC: %(what)s.")
        % {
            "who": decision.actor.get_username() if decision.actor else decision.rule_set,
            "when": f"{decision.decided_at:%Y-%m-%d %H:%M}",
            "what": decision_words(decision),
        }
        for decision in decisions[:5]
    ]
    return " ".join(told)


# --- Taking back ----------------------------------------------------------------------------------


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a decision; where later ones may rest on it, they are named first."""
    actor = request.user
    may = may_decide(request) and isinstance(actor, User)
    if pk >= 2**63:
        raise Http404
    rows = merge_decisions.act_of(pk)
    if request.method == "POST":
        if not may or not isinstance(actor, User):
            raise PermissionDenied
        confirmed = {int(key) for key in request.POST.getlist("confirmed") if is_key(key)}
        note = text_of(request.POST, "note")
        try:
            result = merge_decisions.stored(merge_decisions.undo, pk, actor, note, confirmed)
        except NotDecidable as error:
            if error.code != "breaks-later":
                notices.warning(request, refusal(error))
                return redirect("review")
            rows = merge_decisions.act_of(pk)
        else:
            told = [_("The decision is taken back."), *told_gone([result])]
            notices.success(request, " ".join(told))
            return redirect("review")
    if not rows:
        if not MergeDecision.objects.filter(pk=pk).exists():
            raise Http404
        notices.warning(request, messages.meaning("nothing-to-undo"))
        return redirect("review")
    later = merge_decisions.later_than(rows)
    would: Result | None = None
    if may and isinstance(actor, User):
        try:
            would = merge_decisions.foretold(
                merge_decisions.undo, pk, actor, "", [row.pk for row in later]
            )
        except NotDecidable as error:
            notices.warning(request, refusal(error))
            return redirect("review")
    return render(
        request,
        "desk/merge_undo.html",
        {
            "decision": rows[0],
            "words": [decision_words(row) for row in rows],
            "later": [(row, decision_words(row)) for row in later],
            "foretold": foretold_of(would) if would else None,
            "may_decide": may,
        },
        # Asked again because of what stands in the way.
        status=409 if request.method == "POST" else 200,
    )


def foretold_of(result: Result) -> dict[str, Any]:
    """Return what a decision would bring, for `desk/_merge_foretold.html`."""
    sides = merge_pairs.sides({pk for event in result.events for pk in event.reports})
    return {
        "events": [
            {
                "public_id": "" if event.is_new else event.public_id,
                "reports": [sides[pk] for pk in event.reports],
            }
            for event in result.events
        ],
        "merged": [
            # The id of an event that is not yet made is not told: it will be another one.
            (gone, into if into in known else "")
            for known in [{e.public_id for e in result.events if not e.is_new}]
            for gone, into in result.merged
        ],
        "deleted": result.deleted,
    }
