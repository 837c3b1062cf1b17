"""The page of data policy and privacy. What it says of cookies is what the settings do."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from catalog import felt_senders
from portal.theme import COOKIE


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie of ours, in the reader's words."""

    name: str
    when: str | Promise
    purpose: str | Promise
    length: str | Promise


#: A test visits pages and finds no other: tests/portal/test_reading_pages.py.
COOKIES = (
    Cookie(
        COOKIE,
        _("You choose light or dark colours at the foot of a page."),
        _("The pages keep your choice."),
        _("a year, or until you choose the system's colours"),
    ),
    Cookie(
        felt_senders.COOKIE,
        _("You send a felt report."),
        _("Reports of one device are told apart from those of others; it says nothing else."),
        _("a year"),
    ),
    Cookie(
        settings.CSRF_COOKIE_NAME,
        _("You open a page with a form that stores something: sign-in, asking for a file."),
        _("Another site cannot send the form in your name."),
        _("a year"),
    ),
    Cookie(
        settings.SESSION_COOKIE_NAME,
        _("A member of staff signs in."),
        _("The pages know who is signed in."),
        _("two weeks, or until signing out"),
    ),
    Cookie(
        "messages",
        _("A member of staff does something at the desk."),
        _("The next page says what was done."),
        _("until it is said"),
    ),
)


@require_safe
def data_policy_page(request: HttpRequest) -> HttpResponse:
    """What may be done with the data, what they are, what the site learns of its readers."""
    context = {"cookies": COOKIES, "online_tiles": bool(settings.ONLINE_TILES_URL)}
    return render(request, "portal/data_policy.html", context)
