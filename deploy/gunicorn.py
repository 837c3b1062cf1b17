"""Gunicorn's settings: the same for bin/run, the systemd units and compose.yaml.

    python -m gunicorn --config deploy/gunicorn.py portal.wsgi:application

Requests are logged and counted by the portal itself (portal/requests.py): no access log here.
Who the client is, the portal decides by TRUSTED_PROXIES; gunicorn believes no header.
"""

import os
from typing import Any

from prometheus_client import multiprocess

worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# A download may go on for minutes; a stop waits so long for those under way.
graceful_timeout = int(os.environ.get("WEB_GRACEFUL_SECONDS", "10"))
accesslog = None
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
control_socket_disable = True

_lines = {
    "text": {
        "()": "portal.logs.TextFormatter",
        "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
    },
    "json": {"()": "portal.logs.JsonFormatter"},
}
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": _lines,
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": os.environ.get("LOG_FORMAT", "text"),
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"gunicorn.error": {"handlers": [], "propagate": True, "level": "INFO"}},
}


def child_exit(server: Any, worker: Any) -> None:
    """Forget the gauges of a process that ended; its counts stay in the sums."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
