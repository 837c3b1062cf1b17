"""What ``manage.py check --deploy`` asks beside Django's own questions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register


@register("security", deploy=True)
def proxies_are_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """HTTPS ends at a proxy; unless it is named, every visitor has its address."""
    if not settings.HTTPS or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "TRUSTED_PROXIES is not set: the proxy that speaks HTTPS is not believed, so every "
            "request is sent round in circles and every visitor has one address.",
            hint="Name its address, or the word unix for the socket of deploy/systemd.",
            id="portal.W001",
        )
    ]
