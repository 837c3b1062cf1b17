"""What gunicorn runs."""

import os
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

_portal = get_wsgi_application()
#: A client that takes nothing for so long is cut off: its thread and its snapshot are needed.
SEND_TIMEOUT_SECONDS = int(os.environ.get("WEB_SEND_TIMEOUT_SECONDS", "60"))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request. The kernel gives up on who reads nothing, and waits for who is slow."""
    line: socket.socket | None = environ.get("gunicorn.socket")
    if line is not None:
        span = struct.pack("ll", SEND_TIMEOUT_SECONDS, 0)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, span)
    return _portal(environ, start_response)
