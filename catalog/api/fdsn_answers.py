"""What the FDSN services share: who may ask how, and errors as the standard words them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt

from catalog.search import Kind

#: The standard's limit on an encoded address.
MAX_URI_BYTES = 2000

MEANING = {
    400: "Bad request",
    404: "Not found",
    405: "Method not allowed",
    413: "Request too large",
    414: "Request URI too large",
    429: "Too many requests",
    503: "Service unavailable",
    204: "No data",
}
#: What a WADL calls a word's kind; all others are strings.
XML_TYPES = {
    Kind.TIME: "xs:dateTime",
    Kind.FLOAT: "xs:double",
    Kind.INTEGER: "xs:int",
    Kind.BOOLEAN: "xs:boolean",
}

View = Callable[[HttpRequest], HttpResponseBase]


def absolute(request: HttpRequest, name: str) -> str:
    """Return the whole address of what has this name."""
    return request.build_absolute_uri(reverse(name))


@dataclass(frozen=True)
class Service:
    """One service: ``name`` is that of its page's address, ``version`` its own."""

    name: str
    version: str

    def error(self, request: HttpRequest, code: int, detail: str) -> HttpResponse:
        """Return an error as the standard words it; a 204 has no body."""
        if code == 204:
            return HttpResponse(status=204)
        body = (
            f"Error {code}: {MEANING[code]}\n\n{detail}\n\n"
            f"Usage details are available from {absolute(request, self.name)}\n\n"
            f"Request:\n{request.build_absolute_uri()}\n\n"
            f"Request Submitted:\n{timezone.now():%Y-%m-%dT%H:%M:%S.%f}\n\n"
            f"Service version:\n{self.version}\n"
        )
        return HttpResponse(body, status=code, content_type="text/plain; charset=utf-8")

    def method(self, view: View, *, also_post: bool = False, keeps_language: bool = False) -> View:
        """Make a view of the service: it changes nothing and is open to scripts of any site.

        Answers are English, but a page for people keeps their language.
        """
        methods = ("GET", "HEAD", "POST") if also_post else ("GET", "HEAD")

        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest) -> HttpResponseBase:
            with translation.override(translation.get_language() if keeps_language else "en"):
                response: HttpResponseBase
                if request.method not in methods:
                    use = "GET or POST" if also_post else "GET"
                    response = self.error(
                        request, 405, f"{request.method} is not offered; use {use}."
                    )
                    response["Allow"] = ", ".join(methods)
                else:
                    response = view(request)
            response["Access-Control-Allow-Origin"] = "*"
            response["Access-Control-Expose-Headers"] = "X-Catalogue-Version, ETag"
            return response

        return wrapped
