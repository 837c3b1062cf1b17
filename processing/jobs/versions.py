"""What calibrations and relations share: names, one accepted at a time, refusals in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Model
from django.utils import timezone
from django.utils.functional import Promise

from catalog.models import User

#: Of both kinds of row, as their models have them.
ACCEPTED, WITHDRAWN = "accepted", "withdrawn"


class Refused(Exception):
    """What was asked cannot be: a code of ``sentences`` and its values."""

    sentences: ClassVar[Mapping[str, str | Promise]] = {}

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values

    def __str__(self) -> str:
        return str(self.sentences[self.code]) % self.values


def next_name(model: type[Model], column: str, stem: str) -> str:
    """Return the stem with the first number that no row has; call it where one writes alone."""
    rows = model._default_manager.filter(**{f"{column}__startswith": stem})
    taken = set(rows.values_list(column, flat=True))
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def move(row: Model, status: str, actor: User | None, note: str, rivals: Mapping[str, Any]) -> None:
    """Accept or withdraw a row; one accepted among its rivals, told by columns, is withdrawn."""
    rows = type(row)._default_manager
    moved = {"status_changed_by": actor, "status_changed_at": timezone.now()}
    if status == ACCEPTED:
        rows.filter(status=ACCEPTED, **rivals).update(status=WITHDRAWN, **moved)
    rows.filter(pk=row.pk).update(status=status, note=note.strip()[:2000], **moved)
