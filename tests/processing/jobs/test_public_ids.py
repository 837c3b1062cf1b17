"""A public id names one event for ever."""

from __future__ import annotations

import pytest

from catalog.models import Event
from tests.processing.bulletins import associate, event, lay


def test_a_public_id_is_never_given_again(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """Not even that of a deleted event; the row of an event can neither go nor be renamed."""
    Event.objects.create(public_id="kz2015222222", status="deleted")
    drawn = iter("222222" + "333333")
    monkeypatch.setattr("secrets.choice", lambda _alphabet: next(drawn))
    associate(lay("SOME", event("s1")))
    assert set(Event.objects.values_list("public_id", flat=True)) == {
        "kz2015222222", "kz2015333333",
    }  # fmt: skip
