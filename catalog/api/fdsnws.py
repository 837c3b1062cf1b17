"""The FDSN event service, version 1.2, and honest 404s for all else below ``/fdsnws/``.

The validator, the WADL and the human page are made from one list, ``catalog.search.PARAMETERS``.
Errors are plain English text as the standard prescribes: clients show them as they come.
"""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from catalog import downloads, rendering
from catalog.api.fdsn_answers import MAX_URI_BYTES, XML_TYPES, Service, absolute
from catalog.formats import kml
from catalog.models import Agency, Event, EventRow
from catalog.search import (
    FDSN,
    GROUPS,
    EventSearch,
    Parameter,
    SearchError,
    parameters_of,
    successors,
)

SERVICE_VERSION = "1.2.0"
#: Told where an answer has no limit, so that clients may compare: the largest ``limit``, an xs:int.
NO_LIMIT = 2**31 - 1

SERVICE = Service("fdsnws-event", SERVICE_VERSION)
error = SERVICE.error
service = SERVICE.method


def _asked(request: HttpRequest) -> EventSearch | HttpResponse:
    """Return what is asked for, or the error that says why it cannot be."""
    if len(request.get_full_path()) > MAX_URI_BYTES:
        return error(request, 414, f"The address is longer than {MAX_URI_BYTES} bytes.")
    try:
        return EventSearch.from_query(request.GET, FDSN)
    except SearchError as wrong:
        return error(request, 400, "\n".join(problem.message for problem in wrong.problems))


def _nothing(search: EventSearch) -> str:
    """Say that nothing matches, and of events asked for by id what became of them.

    The standard knows neither 301 nor 410: a merged event's id answers with its successor, and of
    a deleted one there is nothing, which is 204, or 404 where ``nodata`` asks for it.
    """
    lines = ["No event matches."]
    for word, event in successors(search.eventid or ()).items():
        change = event.changes.order_by("-number").first()
        if event.status == Event.Status.DELETED and change is not None:
            when = f"{change.at:%Y-%m-%d}, change {change.number}"
            lines.append(f"Event {word} was deleted from the catalogue on {when}.")
    return "\n".join(lines)


@service
def query(request: HttpRequest) -> HttpResponseBase:
    """Answer ``query``."""
    search = _asked(request)
    if isinstance(search, HttpResponse):
        return search
    if search.format == "text":  # the include words are ignored, as the standard says
        search = search.replace(
            includeallorigins=False,
            includeallmagnitudes=False,
            includearrivals=False,
            includemechanisms=False,
        )
    code = int(search.nodata)
    try:
        return downloads.respond(
            request,
            search,
            search.format,
            nothing=lambda: error(request, code, _nothing(search)),
        )
    except downloads.TooMany as refused:
        return error(request, 413, str(refused))
    except downloads.Busy:
        response = error(request, 429, "Too many large answers at once; try again in a moment.")
        response["Retry-After"] = str(downloads.RETRY_AFTER_SECONDS)
        return response


@service
def count(request: HttpRequest) -> HttpResponseBase:
    """Answer ``count``: how many events ``query`` sends for the same words, as the USGS tells it.

    It takes every format of ``query``: geojson and xml tell the limit too, all others are the bare
    number, which is also the default. Nothing found is a number, hence no 204.
    """
    search = _asked(request)
    if isinstance(search, HttpResponse):
        return search
    form = search.format if any(word.lower() == "format" for word in request.GET) else "text"
    try:
        version_now, number = downloads.counted(search)
    except downloads.TooLong:
        return error(
            request,
            503,
            f"Counting took longer than {downloads.COUNT_SECONDS:.0f} s. "
            "Ask for shorter spans of time or a plainer region.",
        )
    tag = downloads.etag(version_now, search, "count", form)
    most = downloads.MAX_WITH_ARRIVALS if search.includearrivals else NO_LIMIT
    response: HttpResponse
    if downloads.is_known(request, tag):
        response = HttpResponse(status=304)
    elif form == "geojson":
        response = JsonResponse({"count": number, "maxAllowed": most})
    elif form == "xml":
        response = HttpResponse(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<query><count>{number}</count><maxAllowed>{most}</maxAllowed></query>\n",
            content_type="application/xml; charset=utf-8",
        )
    else:
        response = HttpResponse(str(number), content_type="text/plain; charset=utf-8")
    response["X-Catalogue-Version"] = str(version_now)
    response["ETag"] = tag
    response["Cache-Control"] = "no-cache"
    return response


@service
def version(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{SERVICE_VERSION}\n", content_type="text/plain; charset=utf-8")


def _as_count_has_it(parameter: Parameter) -> Parameter:
    """Return a word of ``query`` as ``count`` describes it."""
    match parameter.name:
        case "format":
            text = "geojson and xml: the number and the most that query sends; else the number."
            return replace(parameter, default="text", help=text)
        case "nodata":
            return replace(parameter, help="Without effect: a count of nothing is 0.")
    return parameter


#: Method -> types of its answers.
_ANSWERS = {
    "query": (
        "application/xml",
        "text/plain",
        "text/csv",
        "application/geo+json",
        kml.MEDIA_TYPE,  # isf and ndk are text/plain, too
    ),
    "count": ("text/plain", "application/json", "application/xml"),
}


@service
def wadl(request: HttpRequest) -> HttpResponse:
    words: dict[str, tuple[Parameter, ...]] = {"query": parameters_of(FDSN)}
    words["count"] = tuple(_as_count_has_it(p) for p in words["query"])
    methods = [
        (name, [(p, XML_TYPES.get(p.kind, "xs:string")) for p in words[name]], answers)
        for name, answers in _ANSWERS.items()
    ]
    return render(
        request,
        "api/application.wadl",
        {"base": absolute(request, "fdsnws-event"), "methods": methods},
        content_type="application/xml; charset=utf-8",
    )


def _names(root: str, names: list[str]) -> HttpResponse:
    one = root.removesuffix("s")
    lines = "".join(f"  <{one}>{_escaped(name)}</{one}>\n" for name in names)
    return HttpResponse(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{lines}</{root}>\n',
        content_type="application/xml; charset=utf-8",
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@service
def catalogs(request: HttpRequest) -> HttpResponse:
    """The catalogue, and the list of what agencies keep apart from it, if there is any."""
    names = [rendering.main_catalog()]
    if EventRow.objects.filter(catalog=rendering.supplementary_catalog()).exists():
        names.append(rendering.supplementary_catalog())
    return _names("Catalogs", names)


@service
def contributors(request: HttpRequest) -> HttpResponse:
    """The agencies whose bulletins are here, and the portal where its own solution is preferred."""
    codes = set(
        Agency.objects.filter(reports__isnull=False).distinct().values_list("code", flat=True)
    )
    if EventRow.objects.filter(contributor=settings.PORTAL_AGENCY_CODE).exists():
        codes.add(settings.PORTAL_AGENCY_CODE)
    return _names("Contributors", sorted(codes))


def index_page(request: HttpRequest) -> HttpResponse:
    """The page people read about the service."""
    groups = [
        (title, [p for p in parameters_of(FDSN) if p.group == group])
        for group, title in GROUPS.items()
    ]
    return render(
        request,
        "api/fdsnws_event.html",
        {
            "base": absolute(request, "fdsnws-event"),
            "groups": groups,
            "version": SERVICE_VERSION,
            "max_events_with_arrivals": downloads.MAX_WITH_ARRIVALS,
            "no_limit": str(NO_LIMIT),
        },
    )


index = service(index_page, keeps_language=True)


@service
def nothing_here(request: HttpRequest) -> HttpResponse:
    """A service we do not have is a 404 in text: a page here would break clients' discovery."""
    return error(request, 404, "There is no such service or method here.")
