"""The database refuses what cannot be; models say what they are."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.gis.geos import Point
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from catalog.models import (
    ADMINISTRATOR,
    EDITOR,
    OPERATOR,
    AccessToken,
    Agency,
    Change,
    Event,
    FeedCounter,
    Network,
    Origin,
    Settlement,
    Station,
    User,
    new_public_id,
)
from catalog.scales import scale_of

TIME = datetime(2014, 11, 14, 1, 24, tzinfo=UTC)
HERE = Point(77.27, 42.10, srid=4326)


def origin(**values: Any) -> Origin:
    return Origin.objects.create(**{"time": TIME, "point": HERE, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"point": Point(77, 91, srid=4326)},
        {"point": Point(181, 42, srid=4326)},
        {"depth_km": 801},
        {"depth_km": -13},
        {"time_uncertainty": -1},
        {"azimuthal_gap": 361},
    ],
)
def test_impossible_origin_is_refused_by_the_database(values: Any, db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        origin(**values)


def test_zero_depth_is_a_depth_and_no_depth_is_null(db: None) -> None:
    assert Origin.objects.get(pk=origin(depth_km=0).pk).depth_km == 0
    assert Origin.objects.get(pk=origin().pk).depth_km is None


@pytest.mark.parametrize(
    ("uncertainty", "second", "expected"), [(30, 0, True), (30, 12, False), (None, 0, False)]
)
def test_minute_precision_is_an_uncertainty_of_30_s_without_seconds(
    uncertainty: float | None, second: int, expected: bool
) -> None:
    time = TIME.replace(second=second)
    assert Origin(time=time, time_uncertainty=uncertainty).is_minute_precision is expected


def test_public_id_names_the_year_and_has_no_letters_that_are_misheard() -> None:
    name = new_public_id(TIME)
    assert name.startswith("kz2014") and len(name) == 12
    assert not set(name[6:]) & set("01oilu")


def test_merged_event_says_into_which(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.create(public_id="kz2014aaaaaa", status="merged")


def test_code_of_a_network_stands_in_one_place_at_one_time(db: None) -> None:
    network = Network.objects.create(code="KZ")
    moved = datetime(2010, 2, 22, tzinfo=UTC)
    Station.objects.create(network=network, code="PDGK", point=HERE, end=moved)
    Station.objects.create(network=network, code="PDGK", point=HERE, start=moved)
    Station.objects.create(code="PDGK", point=HERE)  # another identity: no network
    with pytest.raises(IntegrityError), transaction.atomic():
        Station.objects.create(
            network=network, code="PDGK", point=HERE, start=moved + timedelta(days=1)
        )


def test_there_is_one_portal_agency(db: None) -> None:
    Agency.objects.create(code="A", is_portal=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Agency.objects.create(code="B", is_portal=True)


def test_agency_does_not_end_before_it_begins(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Agency.objects.create(code="A", valid_from=TIME.date(), valid_to=datetime(2000, 1, 1))


def test_names_follow_the_readers_language_and_fall_back_to_english() -> None:
    place = Settlement(name_en="Karaganda", name_kk="Қарағанды")
    with translation.override("kk"):
        assert place.name == "Қарағанды"
    with translation.override("ru"):
        assert place.name == "Karaganda"


@pytest.mark.parametrize(
    ("role", "asked", "expected"),
    [
        (OPERATOR, OPERATOR, True),
        (OPERATOR, EDITOR, False),
        (ADMINISTRATOR, OPERATOR, True),
        (ADMINISTRATOR, EDITOR, True),
    ],
)
def test_administrator_may_do_what_the_others_may(
    role: str, asked: str, expected: bool, db: None
) -> None:
    user = User.objects.create(username="someone")
    user.groups.add(Group.objects.get(name=role))
    assert user.has_role(asked) is expected


def test_inactive_user_has_no_role(db: None) -> None:
    user = User.objects.create(username="gone", is_superuser=True, is_active=False)
    assert not user.has_role(OPERATOR)


def test_token_keeps_its_hash_only(db: None) -> None:
    token, secret = AccessToken.issue(User.objects.create(username="u"), "script", ["upload"])
    stored = AccessToken.objects.filter(pk=token.pk).values().get()
    assert secret not in map(str, stored.values())
    assert stored["key_hash"] == AccessToken.hash_of(secret)
    assert secret.startswith(stored["prefix"])


def test_change_outside_a_transaction_is_refused(transactional_db: None) -> None:
    with pytest.raises(RuntimeError):
        Change.next_number()


def test_changes_are_numbered_in_the_order_of_their_commits(transactional_db: None) -> None:
    event = Event.objects.create(public_id="kz2014aaaaaa")
    before = FeedCounter.current()
    barrier = threading.Barrier(4)
    seen: list[int] = []

    def write() -> None:
        barrier.wait(timeout=10)
        for _ in range(5):
            with transaction.atomic():
                change = Change.record("updated", event)
                # The feed's lock is held until commit: nobody can be between.
                seen.append(change.number)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert seen == [before + 1 + i for i in range(20)]
    assert FeedCounter.current() == before + 20


@pytest.mark.parametrize(
    ("reported", "scale"),
    [
        ("KR", "KR"), ("К", "KR"), ("MPVA", "MPVA"), ("MLV", "MLV"), ("MLv", "ML"),
        ("Mww", "Mw"), ("Mwc", "Mw"), ("mb", "mb"), ("mb_Lg", ""), ("mblg", ""),
        ("Ms_20", "MS"), ("MSreg", "MS"), ("MPV", ""), ("", ""), (None, ""),
    ],
)  # fmt: skip
def test_reported_type_belongs_to_its_scale(reported: str | None, scale: str) -> None:
    assert scale_of(reported) == scale
