"""How a line of the log looks: readable text, or one JSON object a line (``LOG_FORMAT=json``).

A message whose arguments are a mapping (``"run %(run)d: ..."``) carries its ids and counts as
fields of the JSON object, too. Every line written while a request is answered names the request.
No Django here: gunicorn and Celery read this before Django is set up.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

#: The request that is being answered; set by ``portal.requests``.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


class TextFormatter(logging.Formatter):
    """``time level logger message [request id]``."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        request = REQUEST_ID.get()
        first, newline, rest = text.partition("\n")
        return f"{first} [{request}]{newline}{rest}" if request else text


class JsonFormatter(logging.Formatter):
    """One JSON object a line, whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            line["request"] = request
        if isinstance(record.args, Mapping):
            line = {**{str(name): value for name, value in record.args.items()}, **line}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
