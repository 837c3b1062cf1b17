"""Felt reports for tests: stored as the form stores them, by one INSERT that asks for no work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.gis.geos import Point

from catalog.models import Event, FeltReport, FeltReportPersonal, Settlement, User
from processing import pipeline
from processing.models import WorkItem
from tests.processing.bulletins import START, associate, event, lay, recompute

ALMATY = (43.25, 76.95)
KINDS = ("felt-tie", "felt-near", "felt")


def quake(name: str = "e1", seconds: float = 0.0, **values: Any) -> Event:
    """Lay a published event of KR 12.1 (M 4.5) 15 km from Almaty."""
    values = {"latitude": 43.15, "longitude": 77.05, "sizes": {"KR": 12.1}, **values}
    associate(lay("SOME", event(name, seconds, **values)))
    recompute()
    return Event.objects.get(reports__key=f"id:{name}")


def report(felt: bool = True, **values: Any) -> FeltReport:
    """Store a report of Almaty, a minute after ``START``, not yet looked at."""
    comment = values.pop("comment", "")
    latitude, longitude = values.pop("at", ALMATY)
    given: dict[str, Any] = {
        "client_id": uuid4(), "language": "ru", "received_at": START + timedelta(seconds=60),
        "point": Point(longitude, latitude, srid=4326), "precision_km": 0.1,
        "place_source": "phone",
    }  # fmt: skip
    stored = FeltReport.objects.create(felt=felt, **{**given, **values})
    if comment:
        FeltReportPersonal.objects.create(report=stored, comment=comment)
    return stored


def settlement(name: str = "Almaty", at: tuple[float, float] = ALMATY) -> Settlement:
    return Settlement.objects.create(
        name_en=name, point=Point(at[1], at[0], srid=4326), country="KZ"
    )


def work() -> None:
    """Do what Beat and workers would: look for unread reports, then all that follows."""
    pipeline.felt_if_unread()
    while items := [
        item
        for kind in KINDS
        for item in [WorkItem.objects.filter(kind=kind, state="open").order_by("pk").first()]
        if item is not None
    ]:
        claimed = WorkItem.objects.claim(items[0].pk)
        assert claimed is not None
        pipeline.run_items([claimed])


def everyone() -> Sequence[FeltReport]:
    return list(FeltReport.objects.order_by("pk"))


def editor(name: str = "moderator") -> User:
    return User.objects.get_or_create(username=name)[0]
