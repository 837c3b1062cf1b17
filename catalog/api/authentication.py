"""Who asks: a script by its access token."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from catalog.models import AccessToken, User

#: "Last used" is written no more often than this.
LAST_USED_EVERY = timedelta(minutes=5)


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Token kzt_...`` (or ``Bearer``); ``request.auth`` is the token."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() not in (b"token", b"bearer"):
            return None
        if len(parts) != 2:
            raise AuthenticationFailed
        key = parts[1].decode("latin-1")
        token = (
            AccessToken.objects.usable()
            .select_related("user")
            .filter(key_hash=AccessToken.hash_of(key), user__is_active=True)
            .first()
        )
        if token is None:
            raise AuthenticationFailed
        now = timezone.now()
        if token.last_used_at is None or token.last_used_at < now - LAST_USED_EVERY:
            AccessToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"
