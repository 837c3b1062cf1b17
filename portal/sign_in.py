"""Signing in, with a limit to guessing: so many failures from one place, then a pause.

Counted are failures of one address for one name, and of one address for all names. A name alone is
never locked: else anybody could lock the duty officer out. Addresses of IPv6 count by their /64,
which is one customer's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from catalog.models import SignInFailure
from portal.proxies import read_address

WINDOW_SECONDS = 15 * 60
#: Failures in the window after which the next attempt has to wait.
FOR_ONE_NAME = 5
FOR_ALL_NAMES = 50
FORGOTTEN_AFTER_SECONDS = 24 * 3600


def place_of(address: str) -> str:
    """Return an address as it is counted."""
    read = read_address(address)
    if isinstance(read, IPv6Address):
        return str(IPv6Address(int(read) >> 64 << 64))
    return str(read or address)


def keys(address: str, name: str) -> dict[str, int]:
    """Return what is counted for an attempt, with the failures allowed."""
    place = place_of(address)
    return {
        hashlib.sha256(f"{place}\0{name.casefold()}".encode()).hexdigest(): FOR_ONE_NAME,
        hashlib.sha256(place.encode()).hexdigest(): FOR_ALL_NAMES,
    }


def wait_seconds(limits: dict[str, int]) -> int:
    """Return how long the next attempt has to wait [s]; 0: not at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, failures, extract(epoch FROM since - clock_timestamp())::float8 + %s"
            " FROM catalog_signinfailure WHERE key = ANY(%s)",
            [WINDOW_SECONDS, list(limits)],
        )
        waits = [left for key, failures, left in cursor.fetchall() if failures >= limits[key]]
    return max(0, math.ceil(max(waits, default=0)))


def note_failure(counted: Iterable[str]) -> None:
    """Count a failure; a window that is over begins anew. All processes count one after another."""
    with connection.cursor() as cursor:
        for key in sorted(counted):
            cursor.execute(
                """
                INSERT INTO catalog_signinfailure AS known (key, failures, since)
                VALUES (%(key)s, 1, clock_timestamp())
                ON CONFLICT (key) DO UPDATE SET
                    (failures, since) = (
                        SELECT CASE WHEN is_over THEN 1 ELSE known.failures + 1 END,
                            CASE WHEN is_over THEN clock_timestamp() ELSE known.since END
                        FROM (SELECT known.since < clock_timestamp() - %(window)s * interval '1 s'
                            AS is_over) AS state)
                """,
                {"key": key, "window": WINDOW_SECONDS},
            )
        cursor.execute(
            "DELETE FROM catalog_signinfailure"
            " WHERE since < clock_timestamp() - %s * interval '1 s'",
            [FORGOTTEN_AFTER_SECONDS],
        )


class SignIn(LoginView):
    """The page of sign-in."""

    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        seconds = wait_seconds(self._limits())
        if not seconds:
            return super().post(request, *args, **kwargs)
        form = self.get_form()
        form.errors.clear()  # the password is not even looked at
        form.add_error(
            None,
            _("Too many failed attempts. Try again in %(minutes)d min.")
            % {"minutes": math.ceil(seconds / 60)},
        )
        response = self.render_to_response(self.get_context_data(form=form), status=429)
        response["Retry-After"] = str(seconds)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        note_failure(self._limits())
        return super().form_invalid(form)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        one_name = next(iter(self._limits()))
        SignInFailure.objects.filter(pk=one_name).delete()
        return super().form_valid(form)

    def _limits(self) -> dict[str, int]:
        address = self.request.META.get("REMOTE_ADDR", "")
        return keys(address, self.request.POST.get("username", "")[:150])


def admin_login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Send the admin's visitors to the one page of sign-in, which counts failures."""
    if request.user.is_active and request.user.is_staff:
        return redirect("admin:index")
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.get_full_path())
