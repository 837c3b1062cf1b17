"""What every public address of the JSON API shares: who may ask, how an answer is known again, how
pages follow each other, and how a mistake is told.

A mistake has one shape, also at an address that is none: ``{"error": ..., "problems": [...]}``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.db.models import F, OuterRef, Q, Subquery
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    QueryDict,
)
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import Promise
from django.utils.http import http_date, parse_http_date_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog import downloads
from catalog.models import Change, EventRow, FeedCounter
from catalog.rendering import time_text
from catalog.search import (
    API,
    BY_WORD,
    EventSearch,
    Kind,
    Parameter,
    SearchError,
    SearchProblem,
    parameters_of,
)

#: Raised when the shape of an answer changes, so that no client keeps an old one by its tag.
API_VERSION = "3"
PAGE_SIZE, PAGE_SIZE_MOST = 100, 1000
#: A change younger than this gives no Last-Modified: within one second there could be two.
SETTLED = timedelta(seconds=2)
#: After a query that took too long.
RETRY_AFTER_SECONDS = 10
#: A decimal number in figures.
PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")
#: Longer lists than any reader writes by hand.
MAX_WORDS = 100

LANG = Parameter(
    "lang",
    Kind.CHOICE,
    "answer",
    gettext_lazy("Language of names, places and messages; without it, that of Accept-Language."),
    choices=("kk", "ru", "en"),
)
PAGESIZE = Parameter(
    "pagesize",
    Kind.INTEGER,
    "answer",
    gettext_lazy("Rows on a page."),
    default=str(PAGE_SIZE),
    minimum=1,
    maximum=PAGE_SIZE_MOST,
)
CURSOR = Parameter(
    "cursor",
    Kind.TEXT,
    "answer",
    gettext_lazy("Where a page begins; it is part of the address in “next”."),
)
PAGING = (PAGESIZE, CURSOR, LANG)
#: Search words that mean something only where a document or one slice of the answer is made.
NOT_FOR_PAGES = (
    "limit",
    "offset",
    "includeallorigins",
    "includeallmagnitudes",
    "includearrivals",
    "includemechanisms",
)


# --- Mistakes ----------------------------------------------------------------------------------


def mistake(
    status: int,
    message: str,
    problems: Iterable[SearchProblem] = (),
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JsonResponse:
    """Return an error in the one shape of the API; ``more`` stands beside it."""
    body = {"error": message, "problems": [p.as_json() for p in problems], **(more or {})}
    return JsonResponse(body, status=status, headers=dict(headers or {}))


class Answered(Exception):
    """What is asked for has an answer of its own: it was merged, deleted, or is not there."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


class PublicView(APIView):
    """A view anyone may read: no session is looked up, scripts of other sites may ask."""

    authentication_classes: Sequence[Any] = ()
    http_method_names = ["get", "head", "options"]

    @property
    def offered(self) -> str:
        return ", ".join(method.upper() for method in self.http_method_names)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Each address has its one form; "format" in it is ours, not the framework's."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            asked = request.GET.get(LANG.name)
        except SuspiciousOperation:  # more words than any search has
            response = mistake(400, _("There are too many words in the address."))
            response["Access-Control-Allow-Origin"] = "*"
            return response
        with ExitStack() as stack:
            if asked in LANG.choices:
                stack.enter_context(translation.override(asked))
            return super().dispatch(request, *args, **kwargs)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Tell what may be asked, also to a browser that asks for another site's script."""
        response = HttpResponse(status=204)
        response["Access-Control-Allow-Methods"] = self.offered
        response["Access-Control-Allow-Headers"] = (
            "Accept, Accept-Language, Content-Type, If-None-Match, If-Modified-Since, Range"
        )
        response["Access-Control-Max-Age"] = "86400"
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = (
            "ETag, Last-Modified, Location, Retry-After, X-Catalogue-Version"
        )
        if response.status_code in (204, 405):
            response["Allow"] = self.offered
        patch_vary_headers(response, ["Accept-Encoding"])
        return response

    def handle_exception(self, exc: Exception) -> Any:
        match exc:
            case Answered():
                return exc.response
            case SearchError():
                return mistake(400, exc.message, exc.problems)
            case downloads.TooMany():
                return mistake(413, str(exc))
            case downloads.Busy():
                return mistake(
                    429,
                    _("Too many large answers at once; try again in a moment."),
                    headers={"Retry-After": str(downloads.RETRY_AFTER_SECONDS)},
                )
            case OperationalError() if downloads.was_given_up(exc):
                return mistake(
                    503,
                    _("This took too long. Ask for a shorter span of time or a smaller region."),
                    headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
                )
            case Http404():
                return mistake(404, str(exc) or _("There is nothing at this address."))
            case PermissionDenied():
                return mistake(403, _("This is not allowed."))
            case APIException():
                response = super().handle_exception(exc)
                if exc.status_code == 405:
                    text = _("%(method)s is not offered here; use %(offered)s.")
                    words = {"method": self.request.method, "offered": self.offered}
                    told = mistake(405, text % words)
                else:
                    told = mistake(exc.status_code, str(exc.detail))
                for name, value in response.items():
                    if name not in ("Content-Type", "Vary"):
                        told[name] = value
                return told
        return super().handle_exception(exc)


class NothingHereView(PublicView):
    """An address below the API that is none: a 404 in JSON, whatever the method."""

    http_method_names = ["get", "head", "options", "post", "put", "patch", "delete"]
    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return mistake(404, _("There is nothing at this address; see /api/v1/schema."))

    post = put = patch = delete = get


# --- Words -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a request asks for: the search of events, and the words of the address itself."""

    search: EventSearch
    words: dict[str, Any]

    @property
    def size(self) -> int:
        return int(self.words["pagesize"])

    @property
    def language(self) -> str:
        return str(self.words["lang"])

    def own(self) -> dict[str, str]:
        """Return the words that narrow an answer beside the search, as text."""
        passed = {PAGESIZE.name, CURSOR.name, LANG.name}
        return {
            name: written(value)
            for name, value in self.words.items()
            if name not in passed and value is not None
        }


def written(value: Any) -> str:
    """Write a word's value as it is asked."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def asked_of(
    query: QueryDict, own: Sequence[Parameter], *, events: bool = True, not_here: Iterable[str] = ()
) -> Asked:
    """Read the words of an address: those of the search of events, and its ``own``.

    Parameters
    ----------
    events
        False where the address knows its own words only.
    not_here
        Search words that are not offered at this address.

    Raises
    ------
    SearchError
        With every problem found.
    """
    problems: list[SearchProblem] = []
    search = EventSearch()
    mine = {parameter.name: parameter for parameter in own}
    if events:
        try:
            search = EventSearch.from_query(query, API, ignore=mine)
        except SearchError as wrong:
            problems.extend(wrong.problems)
        given = {BY_WORD[word.lower()].name for word in query if word.lower() in BY_WORD}
        problems.extend(
            SearchProblem(word, "not-offered-here") for word in not_here if word in given
        )
    else:
        problems.extend(
            SearchProblem(word[:60], "not-offered-here" if word in BY_WORD else "unknown-word")
            for word in query
            if word not in mine
        )
    words: dict[str, Any] = {}
    for name, parameter in mine.items():
        texts: list[str | None] = [text.strip() for text in query.getlist(name)]
        texts = texts or [parameter.default]
        if len(texts) > 1:
            problems.append(SearchProblem(name, "repeated", ", ".join(map(str, texts))[:80]))
        elif texts[0] == "":
            problems.append(SearchProblem(name, "empty", "", parameter.expectation))
        else:
            try:
                words[name] = None if texts[0] is None else _read(parameter, texts[0])
            except SearchError as wrong:
                problems.extend(wrong.problems)
    if problems:
        raise SearchError(problems)
    if LANG.name in mine:
        words[LANG.name] = words[LANG.name] or (translation.get_language() or "en")[:2]
    return Asked(search, words)


def _read(parameter: Parameter, text: str) -> Any:
    """Return the value of an address's own word; the kinds are the few that such words have."""

    def wrong(code: str, found: str = text) -> NoReturn:
        shown = "".join(c if c.isprintable() else "\ufffd" for c in found[:80])
        raise SearchError([SearchProblem(parameter.name, code, shown, parameter.expectation)])

    match parameter.kind:
        case Kind.BOOLEAN:
            if text.lower() not in ("true", "false"):
                wrong("not-a-boolean")
            return text.lower() == "true"
        case Kind.INTEGER:
            if not (text.isascii() and text.isdigit()):
                wrong("not-a-whole-number")
            low, high = parameter.minimum or 0, parameter.maximum or 2**62
            if len(text) > 19 or not low <= int(text) <= high:
                wrong("out-of-range")
            return int(text)
        case Kind.FLOAT:
            # No exponent, no "nan": as the search of events has it.
            if not PLAIN_NUMBER.fullmatch(text):
                wrong("not-a-number")
            least, most = parameter.minimum, parameter.maximum
            if (least is not None and float(text) < least) or (
                most is not None and float(text) > most
            ):
                wrong("out-of-range")
            return float(text)
        case Kind.CHOICE:
            if text.lower() not in parameter.choices:
                wrong("unknown-value")
            return text.lower()
        case Kind.TEXTS:
            words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
            if not words:
                wrong("empty")
            if len(words) > MAX_WORDS:
                problem = SearchProblem(parameter.name, "too-many", str(len(words)), str(MAX_WORDS))
                raise SearchError([problem])
            for word in words:
                if not word.isprintable() or (parameter.choices and word not in parameter.choices):
                    wrong("unknown-value", word)
            return words
    return text


def event_words(*left_out: str) -> tuple[Parameter, ...]:
    """Return the search words an address of the API offers."""
    return tuple(p for p in parameters_of(API) if p.name not in left_out)


# --- Values ------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return time_text(value) + "Z"
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Promise):
        return str(value)
    return value


# --- To be known again -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class State:
    """The catalogue's version and when it came to be."""

    version: int
    changed_at: datetime | None


def state() -> State:
    """Return the catalogue's present state; one query."""
    last = Change.objects.filter(number=OuterRef("value")).values("at")
    version, at = (
        FeedCounter.objects.annotate(at=Subquery(last)).values_list("value", "at").get(pk=1)
    )
    return State(version, at)


def tag_of(*parts: object) -> str:
    """Return an entity tag: its first part in clear, the others as a digest."""
    text = json.dumps([API_VERSION, *map(str, parts[1:])])
    return f'"{parts[0]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def respond(
    request: HttpRequest,
    tag: str,
    changed_at: datetime | None,
    body: Callable[[], HttpResponse],
    *,
    version: int | None = None,
) -> HttpResponse:
    """Answer with the body, or with 304 where the client has it already.

    ``If-None-Match`` decides where it is given; ``If-Modified-Since`` only where it is not
    (RFC 9110, 13.2.2).
    """
    if changed_at is not None and timezone.now() - changed_at < SETTLED:
        changed_at = None
    if "If-None-Match" in request.headers:
        known = downloads.is_known(request, tag)
    else:
        since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
        known = (
            since is not None and changed_at is not None and int(changed_at.timestamp()) <= since
        )
    response = HttpResponse(status=304) if known else body()
    response["ETag"] = tag
    if changed_at is not None:
        response["Last-Modified"] = http_date(changed_at.timestamp())
    response["Cache-Control"] = "no-cache"
    if version is not None:
        response["X-Catalogue-Version"] = str(version)
    return response


def respond_with(request: HttpRequest, answer: Any, changed_at: datetime | None) -> HttpResponse:
    """Answer with what no number of the catalogue tells: it is known again by its content."""
    return respond_with_text(request, json.dumps(answer, ensure_ascii=False), changed_at)


def respond_with_text(request: HttpRequest, text: str, changed_at: datetime | None) -> HttpResponse:
    """The same of an answer that is JSON already."""
    return respond(
        request,
        tag_of(hashlib.sha256(text.encode()).hexdigest()[:8], text),
        changed_at,
        lambda: HttpResponse(text, content_type="application/json"),
    )


# --- Pages that follow each other --------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """The order of events in a search, as keys that a page may begin after.

    Every order ends with the event's number, so it is total; sizes not reported come last.
    """

    search: EventSearch

    @property
    def by_size(self) -> bool:
        return self.search.orderby.startswith("magnitude")

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns of the key."""
        return (*((self.search.magnitude_column,) if self.by_size else ()), "time", "event_id")

    def after(self, key: Sequence[Any], inner: str = "") -> Q:
        """Return what follows a key; with ``inner``, rows of the same event beyond ``key[-1]``."""
        parts = list(key[:-1] if inner else key)
        time, event = parts[-2:]
        # Where events go by time itself the order may ascend; by size, the newest come first.
        rises = self.search.orderby == "time-asc"
        end = "gt" if rises else "lt"
        later = Q(**{f"time__{end}": time}) | Q(time=time, **{f"event_id__{end}": event})
        if inner:
            later |= Q(time=time, event_id=event, **{f"{inner}__gt": key[-1]})
        if not self.by_size:
            # Said once more for the planner: one range of the index.
            return Q(**{f"time__{end}e": time}) & later
        column, value = self.names[0], parts[0]
        if value is None:
            return Q(**{f"{column}__isnull": True}) & later
        beyond = "gt" if self.search.orderby == "magnitude-asc" else "lt"
        return (
            Q(**{f"{column}__{beyond}": value})
            | Q(**{f"{column}__isnull": True})
            | (Q(**{column: value}) & later)
        )


def digest(*parts: object) -> str:
    """Return what binds a cursor to its search."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:12]


def cursor_of(bound: str, key: Iterable[Any]) -> str:
    """Return an opaque text from which a page goes on after the row of this key."""
    values = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    text = json.dumps([bound, *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def key_of(text: str, bound: str, kinds: Sequence[type]) -> list[Any]:
    """Return the key in a cursor.

    Parameters
    ----------
    kinds
        Of each part: ``datetime``, ``int``, ``str``, or ``float``, which may be ``None``.

    Raises
    ------
    SearchError
        If it is none, or belongs to another search.
    """
    problem = SearchError([SearchProblem(CURSOR.name, "cursor")])
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(found, list) or found[:1] != [bound] or len(found) != len(kinds) + 1:
            raise problem
        return [_part(kind, part) for kind, part in zip(kinds, found[1:], strict=True)]
    except (ValueError, TypeError, RecursionError):  # SearchError is a ValueError
        raise problem from None


def _part(kind: type, part: Any) -> Any:
    if kind is datetime:
        time = datetime.fromisoformat(part)
        if time.utcoffset() != timedelta(0):
            raise ValueError(part)
        return time.astimezone(UTC)
    if kind is float and part is None:
        return None
    number = isinstance(part, int | float) and not isinstance(part, bool)
    if kind is float and number and math.isfinite(part):
        return float(part)
    if kind is int and number and isinstance(part, int) and 0 <= part < 2**63:
        return part
    if kind is str and isinstance(part, str) and part.isprintable():
        return part
    raise ValueError(part)


def kinds_of(order: Order) -> list[type]:
    """Return the kinds of the parts of an order's key."""
    return [*([float] if order.by_size else []), datetime, int]


def next_address(request: HttpRequest, words: Mapping[str, str], cursor: str | None) -> str | None:
    """Return the address of the page that follows."""
    if cursor is None:
        return None
    given = {**words}
    for word in (PAGESIZE.name, LANG.name):
        if word in request.GET:
            given[word] = request.GET[word]
    query = urlencode({**given, CURSOR.name: cursor})
    return request.build_absolute_uri(f"{request.path}?{query}")


def ordering(search: EventSearch, *inner: str) -> list[Any]:
    """Return the order of rows that hang on the events of a search."""
    return [*search.ordering(), *(F(name).asc() for name in inner)]


def key_values(row: EventRow, order: Order) -> list[Any]:
    return [getattr(row, name) for name in order.names]
