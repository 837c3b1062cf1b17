"""Light or dark: the reader's choice, kept in a cookie of ours; without one the system's is taken.

Every page names the reader (``user``), so its answer varies by Cookie, and a cache between keeps
the schemes apart.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

COOKIE = "theme"
CHOICES = ("system", "light", "dark")
YEAR_SECONDS = 365 * 24 * 3600
#: Addresses that lead back; longer ones no page of ours has.
LONGEST = 8000


def theme_of(request: HttpRequest) -> str:
    """Return "light", "dark", or "" for the system's."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in ("light", "dark") else ""


# Without the CSRF token, which would give every visitor one more cookie: the worst another site
# could do with it is to change the colours, and SameSite keeps it from that as well.
@csrf_exempt
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep a choice and lead back to the page it was made on."""
    choice = request.POST.get("theme", "")
    if choice not in CHOICES:
        text = f"theme is {choice[:40]!r}; use {', '.join(CHOICES)}"
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
    target = request.POST.get("next", "")
    if len(target) > LONGEST or not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = reverse("map")
    answer = HttpResponse(status=303, headers={"Location": iri_to_uri(target)})
    if choice == "system":
        answer.delete_cookie(COOKIE, samesite="Lax")
    else:
        answer.set_cookie(
            COOKIE, choice, max_age=YEAR_SECONDS, samesite="Lax", secure=settings.HTTPS
        )
    return answer
