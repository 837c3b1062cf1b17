"""The admin site opens for the roles, edits what may be edited and nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.gis.geos import Point
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import (
    ADMINISTRATOR,
    EDITOR,
    OPERATOR,
    AccessToken,
    Agency,
    Network,
    Origin,
    Station,
    User,
)


@pytest.fixture(autouse=True)
def _plain_static_names(settings: Any) -> None:
    """Pages are rendered without collecting the static files first."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


def staff(role: str, client: Client, **values: Any) -> User:
    user = User.objects.create(username=f"the-{role}", is_staff=True, **values)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return user


@pytest.fixture
def administrator(db: None, client: Client) -> User:
    return staff(ADMINISTRATOR, client)


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize(
    ("role", "model", "status"),
    [
        (OPERATOR, Station, 403),
        (OPERATOR, Agency, 403),
        (OPERATOR, AccessToken, 403),
        (EDITOR, Station, 200),
        (EDITOR, Network, 200),
        (EDITOR, Agency, 403),
        (EDITOR, User, 403),
        (EDITOR, AccessToken, 403),
        (ADMINISTRATOR, Station, 200),
        (ADMINISTRATOR, Agency, 200),
        (ADMINISTRATOR, User, 200),
    ],
)
def test_roles_decide_who_adds(
    role: str, model: Any, status: int, db: None, client: Client
) -> None:
    staff(role, client)
    assert client.get(address(model, "add")).status_code == status


def test_person_without_a_role_sees_nothing(db: None, client: Client) -> None:
    client.force_login(User.objects.create(username="nobody", is_staff=True))
    assert client.get(address(Origin, "changelist")).status_code == 403


def test_editor_corrects_a_station_and_the_log_says_who(db: None, client: Client) -> None:
    editor = staff(EDITOR, client)
    station = Station.objects.create(code="XYZ", point=Point(77, 43, srid=4326))
    answer = client.post(
        address(Station, "change", station.pk),
        {
            "code": "XYZ",
            "kind": "other",
            "elevation_m": "800",
            "point": '{"type": "Point", "coordinates": [77.5, 43.25]}',
            **dict.fromkeys(("network", "agency", "name_en", "name_ru", "name_kk", "array"), ""),
            **{f"{edge}_{part}": "" for edge in ("start", "end") for part in (0, 1)},
            "source": "",
        },
    )
    assert answer.status_code == 302
    station.refresh_from_db()
    assert (station.longitude, station.latitude, station.elevation_m) == (77.5, 43.25, 800)
    assert editor.logentry_set.get().object_id == str(station.pk)


def test_map_widget_has_the_nonce_and_asks_no_other_site(
    administrator: User, client: Client
) -> None:
    answer = client.get(address(Station, "add"))
    page = answer.content.decode()
    (nonce,) = set(re.findall(r'<script nonce="([^"]+)"', page))
    assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
    inline = re.findall(r"<script(?![^>]*(?:src=|nonce=|application/json))[^>]*>", page)
    assert inline == []
    assert "geo/basemap.json" in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page) == []


def test_token_is_shown_once_and_can_be_revoked(administrator: User, client: Client) -> None:
    answer = client.post(
        address(AccessToken, "add"),
        {
            "user": administrator.pk,
            "name": "nightly upload",
            "scopes": ["upload"],
            "expires_at_0": "",
            "expires_at_1": "",
        },
    )
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    (secret,) = re.findall(r'id="token-secret">([^<]+)<', answer.content.decode())
    token = AccessToken.objects.get()
    assert token.key_hash == AccessToken.hash_of(secret)
    assert token.scopes == ["upload"]
    page = client.get(address(AccessToken, "change", token.pk)).content.decode()
    assert secret not in page
    assert token.key_hash not in page

    client.post(
        address(AccessToken, "changelist"),
        {"action": "revoke", "_selected_action": [token.pk]},
    )
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert not AccessToken.objects.usable().exists()


def test_token_keeps_owner_and_scopes_when_renamed(administrator: User, client: Client) -> None:
    token, _ = AccessToken.issue(administrator, "old name", ["upload"])
    answer = client.post(
        address(AccessToken, "change", token.pk), {"name": "new name", "scopes": ["review"]}
    )
    assert answer.status_code == 302
    token.refresh_from_db()
    assert (token.name, token.scopes) == ("new name", ["upload"])


def test_expired_and_revoked_tokens_are_not_usable(administrator: User) -> None:
    now = timezone.now()
    good, _ = AccessToken.issue(administrator, "good", ["upload"], expires_at=now + timedelta(1))
    AccessToken.issue(administrator, "expired", ["upload"], expires_at=now - timedelta(1))
    AccessToken.issue(administrator, "revoked", ["upload"], revoked_at=now)
    assert list(AccessToken.objects.usable()) == [good]


def test_administrator_who_is_no_superuser_cannot_make_one(
    administrator: User, client: Client
) -> None:
    page = client.get(address(User, "change", administrator.pk)).content.decode()
    assert 'name="is_superuser"' not in page


def test_administrator_cannot_set_a_superusers_password(
    administrator: User, client: Client
) -> None:
    owner = User.objects.create_superuser("owner", password="the owner's own")
    new = {"password1": "Qwerty!2345zz", "password2": "Qwerty!2345zz", "usable_password": "true"}
    page = reverse("admin:auth_user_password_change", args=[owner.pk])
    assert client.post(page, new).status_code == 403
    client.post(address(User, "change", owner.pk), {"username": "mine"})
    owner.refresh_from_db()
    assert owner.check_password("the owner's own") and owner.username == "owner"
