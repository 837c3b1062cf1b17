"""People with roles, a bulletin, and a way to send it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from catalog.models import AccessToken, Agency, User

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def bulletin() -> bytes:
    return (GOLDEN / "synthetic_bulletin.isf").read_bytes()


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    """Return a function that makes a user of a group."""

    def make(group: str) -> User:
        user = User.objects.create_user(f"{group or 'nobody'}-{User.objects.count()}", password="x")
        if group:
            user.groups.add(Group.objects.get(name=group))
        return user

    return make


@pytest.fixture
def operator(person: Callable[[str], User]) -> User:
    return person("operator")


@pytest.fixture
def desk_client(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def token(operator: User) -> str:
    _, key = AccessToken.issue(operator, "script", [AccessToken.Scope.UPLOAD])
    return key


@pytest.fixture
def agency(db: None) -> Agency:
    return Agency.objects.create(code="AGA", name_en="Agency A")


@pytest.fixture(autouse=True)
def _static_files_as_they_lie(settings: Any) -> None:
    """Pages are tried here without ``collectstatic``."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
