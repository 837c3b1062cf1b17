"""Doing what an editor asked for: in a transaction, told where it cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages as notices
from django.http import HttpRequest

from processing.desk import messages
from processing.jobs.station_readings import NotDecidable
from processing.transactions import retried, writing

Result = TypeVar("Result")


def done(request: HttpRequest, act: Callable[[], Result]) -> Result | None:
    """Do something in a transaction; say why where it cannot be done."""

    def store() -> Result:
        with writing():
            return act()

    try:
        return retried(store)
    except NotDecidable as error:
        notices.error(request, messages.meaning(error.code))
        return None
