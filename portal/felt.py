"""The felt report as a page: one form that works without a script, and is the same for everybody.

The form carries nothing of its reader, so that caches may keep it. Its script fetches a token and
sends JSON (``catalog.api.felt``). Without a script the first POST keeps nothing: it answers with a
page that shows what was understood, asks which place is meant where several are called so, and
holds the token and the report's id; sending that page keeps the report, and sending it twice keeps
it once. No CSRF token is asked for: see ``catalog.api.felt``.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.http import HttpResponsePermanentRedirect as Moved
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, patch_cache_control
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from catalog import felt_senders
from catalog.api.felt import MAX_BODY_BYTES, sender_of, too_large
from catalog.felt_keeping import Full, keep
from catalog.felt_places import with_place
from catalog.felt_questions import BY_CODE, GRADES, QUESTIONS, Grade, Question
from catalog.felt_reading import (
    COMMENT_MOST,
    CONTACT_MOST,
    NAME_MOST,
    PLACE_MOST,
    Problem,
    Refused,
    SentReport,
    read,
)
from catalog.models import Event, EventRow, Settlement
from catalog.search import successors
from portal.event_page import gone
from portal.map_config import map_config, map_words
from portal.templatetags import seismo

#: Events offered to choose from: the newest of the past days that anybody may have felt. Ours.
RECENT_DAYS, RECENT_MOST = 7, 10
SMALLEST_MAGNITUDE, SMALLEST_KR = 2.5, 8.0
#: Civil time of Kazakhstan's largest city, in which a page without a script reads a clock.
CIVIL = ZoneInfo("Asia/Almaty")
WORKER = settings.BASE_DIR / "static" / "js" / "felt" / "worker.js"
#: How long a cache may keep the page [s].
KEPT_SECONDS = 60
#: Fields of the form that go into the report as they are, and as numbers.
_TEXTS = ("id", "event", "place", "place_source", "comment", "name", "contact")
_NUMBERS = ("grade", "settlement", "latitude", "longitude", "precision_km")
_ANSWER = "answer-"


@dataclass(frozen=True, slots=True)
class Choice:
    """A radio button or a box to tick."""

    code: str
    words: str | Promise
    chosen: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the form with its options."""

    question: Question
    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Tap:
    grade: Grade
    chosen: bool


# --- The pages -------------------------------------------------------------------------------


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def felt_page(request: HttpRequest) -> HttpResponse:
    """A report of a recent event, or of one that is not in the list."""
    return _answer(request, None)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def event_felt_page(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """A report of one event. A merged one leads to its successor, a deleted one is gone."""
    event = Event.objects.filter(public_id=public_id).select_related("row__settlement").first()
    if event is None:
        raise Http404(_("There is no event with this id."))
    if event.status == Event.Status.MERGED:
        return Moved(reverse("event-felt", args=[successors([public_id])[public_id].public_id]))
    if event.status == Event.Status.DELETED:
        return gone(request, event)
    row: EventRow | None = getattr(event, "row", None)
    if row is None:
        raise Http404(_("This event is still being processed."))
    return _answer(request, row)


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The form's service worker: below the root, so that pages of every language may have one."""
    answer = HttpResponse(WORKER.read_bytes(), content_type="text/javascript; charset=utf-8")
    answer["Service-Worker-Allowed"] = "/"
    answer["Cache-Control"] = "no-cache"
    return answer


@require_safe
def thanks_page(request: HttpRequest) -> HttpResponse:
    """Where a report without a script ends."""
    return render(request, "portal/felt/thanks.html")


def _answer(request: HttpRequest, row: EventRow | None) -> HttpResponse:
    if request.method != "POST":
        answer = _form(request, row, QueryDict(), [])
        if not request.user.is_authenticated:
            patch_cache_control(answer, public=True, max_age=KEPT_SECONDS)
        return answer
    answer = _received(request, row)
    add_never_cache_headers(answer)
    return answer


def _received(request: HttpRequest, row: EventRow | None) -> HttpResponse:
    """Take a form that was sent: show what was understood, or keep it if that has been shown."""
    if too_large(request):
        problem = Problem("", "too-large", "", str(MAX_BODY_BYTES))
        return _form(request, row, QueryDict(), [problem.message], 413)
    sent, now = request.POST, timezone.now()
    words = words_of(sent, row)
    is_shown = "id" in words and not _is_of_another_site(request)
    if not is_shown:
        words["id"] = str(uuid.uuid4())
    try:
        report = read(words, now=now, language=(get_language() or "")[:2])
    except Refused as refused:
        return _form(request, row, sent, [_told(p) for p in refused.problems], 400)
    try:
        placed = with_place(report)
    except Refused as refused:
        return _shown(request, row, sent, report, refused)
    if not is_shown:
        return _shown(request, row, sent, placed, None)
    try:
        keep(placed, sender_of(request, sent.get("token", ""), sent.get("trap", "")), now)
    except Refused as refused:
        return _form(request, row, sent, [_told(p) for p in refused.problems], 400)
    except Full as full:
        answer = _form(request, row, sent, [full.message], full.status)
        answer["Retry-After"] = str(full.retry_seconds)
        return answer
    return redirect("felt-thanks")


def _is_of_another_site(request: HttpRequest) -> bool:
    """True where the browser says that a page of another site sends: then it is shown first."""
    return request.headers.get("Sec-Fetch-Site", "") in ("cross-site", "same-site")


def _told(problem: Problem) -> str:
    """Return what is wrong as one who fills in the form understands it."""
    if problem.code == "missing" and problem.word == "felt":
        return _("Choose first how strongly you felt it, or that you did not.")
    return problem.message


# --- What was sent -----------------------------------------------------------------------------


def words_of(sent: QueryDict, row: EventRow | None) -> dict[str, Any]:
    """Return the words of a report from the fields of the form; empty fields are left out."""
    given = {name: str(sent[name]) for name in sent}
    words: dict[str, Any] = {name: given[name] for name in _TEXTS if given.get(name)}
    words |= {name: _number(given[name]) for name in _NUMBERS if given.get(name)}
    if row is not None:
        words["event"] = row.public_id
    if given.get("settlement") == "as-written":
        del words["settlement"]
        words["as_written"] = True
    if given.get("when") == "then" and (clock := given.get("felt_local")):
        words["felt_at"] = _civil(clock)
    answers: dict[str, Any] = {}
    for name in given:
        if name.startswith(_ANSWER):
            question = BY_CODE.get(name.removeprefix(_ANSWER))
            several = question is not None and question.several
            answers[name.removeprefix(_ANSWER)] = sent.getlist(name) if several else given[name]
    return words | ({"answers": answers} if answers else {})


def _number(text: str) -> int | float | str:
    """Return a field's number; what is none stays text, and is refused by its name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _civil(clock: str) -> str:
    """Return a time of the form with its offset; what is none stays as it is."""
    try:
        time = datetime.fromisoformat(clock)
    except ValueError:
        return clock
    return (time if time.tzinfo else time.replace(tzinfo=CIVIL)).isoformat()


# --- What is shown -------------------------------------------------------------------------------


def _form(
    request: HttpRequest,
    row: EventRow | None,
    sent: QueryDict,
    problems: list[str],
    status: int = 200,
) -> HttpResponse:
    event = sent.get("event", "")
    return render(
        request,
        "portal/felt/form.html",
        {
            "row": row,
            "title": seismo.row_title(row) if row else "",
            "recent": [] if row else recent(event),
            "sent": sent,
            "problems": problems,
            "taps": [Tap(grade, sent.get("grade") == str(grade.number)) for grade in GRADES],
            "questions": [_asked(question, sent) for question in QUESTIONS],
            "most": {
                "comment": COMMENT_MOST,
                "name": NAME_MOST,
                "contact": CONTACT_MOST,
                "place": PLACE_MOST,
            },
            "config": {
                "url": reverse("api-felt"),
                "tokenUrl": reverse("api-felt-token"),
                "placesUrl": reverse("api-map-places"),
                "event": row.public_id if row else "",
                "workerUrl": reverse("felt-worker"),
                # The page without an event is kept by the browser: it fits every earthquake.
                "scope": "" if row or request.user.is_authenticated else reverse("felt"),
                "map": map_config(),
                "mapScripts": [
                    static("leaflet/leaflet.js"),
                    static("vendor/topojson-client/topojson-client.min.js"),
                ],
                "mapStyles": [static("leaflet/leaflet.css"), static("css/map.css")],
            },
            "words": form_words() | {"map": map_words()},
        },
        status=status,
    )


def _asked(question: Question, sent: QueryDict) -> Asked:
    name = f"{_ANSWER}{question.code}"
    given = sent.getlist(name)
    choices = tuple(Choice(o.code, o.words, o.code in given) for o in question.options)
    return Asked(question, name, choices)


def recent(also: str = "") -> list[EventRow]:
    """Return the newest events that anybody may have felt, automatic solutions among them."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    large = Q(magnitude__gte=SMALLEST_MAGNITUDE) | Q(kr__gte=SMALLEST_KR) | Q(felt=True)
    rows = EventRow.objects.exclude(status=Event.Status.NOT_CONFIRMED).select_related("settlement")
    wanted = Q(time__gte=since) & large
    if also:
        wanted |= Q(public_id=also)
    return list(rows.filter(wanted).order_by("-time").defer("fdsn_text", "csv_line")[:RECENT_MOST])


def _shown(
    request: HttpRequest,
    row: EventRow | None,
    sent: QueryDict,
    report: SentReport,
    refused: Refused | None,
) -> HttpResponse:
    """Show what was understood, with all that sending it needs."""
    asked_again = ("id", "token", *(("settlement",) if refused else ()))
    fields = [(name, v) for name, values in sent.lists() for v in values if name not in asked_again]
    event = row or EventRow.objects.filter(public_id=report.event or None).first()
    settlement = Settlement.objects.filter(pk=report.settlement or 0).first()
    return render(
        request,
        "portal/felt/confirm.html",
        {
            "row": event,
            "title": seismo.row_title(event) if event else "",
            "report": report,
            "grade": next((g for g in GRADES if g.number == report.grade), None),
            "place": settlement.name if settlement else report.place,
            "problems": [problem.message for problem in refused.problems] if refused else [],
            "proposals": refused.proposals if refused else (),
            "fields": fields,
            "client_id": str(report.client_id),
            "token": felt_senders.token_of(
                felt_senders.read_token(sent.get("token", ""))[0] or felt_senders.new_device()
            ),
        },
    )


def form_words() -> dict[str, Any]:
    """What the form's script says."""
    return {
        "waiting": _("Waiting to be sent"),
        "sending": _("Being sent …"),
        "sent": _("Sent"),
        "refused": _("Not accepted"),
        "kept": _(
            "Your report is kept on this device and is sent as soon as there is a connection. You "
            "may close this page; the report is sent when you open it again."
        ),
        "notKept": _(
            "This browser keeps nothing. Leave the page open until your report has been sent."
        ),
        "tryNow": _("Try now"),
        "correct": _("Correct"),
        "forget": _("Delete"),
        "another": _("Send another report"),
        "writtenAt": _("Report of %(time)s"),
        "chooseGrade": _("Choose first how strongly you felt it, or that you did not."),
        "choosePlace": _("Several settlements are called so. Which one is meant?"),
        "similarPlace": _("No settlement is called so. Is one of these meant?"),
        "noPlace": _("No settlement is called so. Show the place on the map, or leave it so."),
        "asWritten": _("None of them: leave it as written"),
        "people": _("%(n)s people"),
        "position": _("Your position is known to about %(distance)s. It is kept to about 100 m."),
        "onMap": _("The place on the map is taken."),
        "denied": _("Your position was not given. Write the settlement, or show it on the map."),
        "noPosition": _("Your position could not be found. Write the settlement instead."),
        "seeking": _("Your position is being found …"),
        "mapFailed": _("The map could not be loaded. Write the settlement instead."),
        "deviceClock": _("By the clock of this device."),
        "km": seismo.kilometres(0).split("\u00a0")[-1],
        "m": _("m"),
    }
