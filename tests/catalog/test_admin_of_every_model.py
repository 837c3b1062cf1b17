"""The admin's pages of every model open for those who may look, and change nothing reported."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from catalog.models import BulletinChunk, Event, User
from tests.catalog.test_admin import _plain_static_names, address, administrator

__all__ = ["_plain_static_names", "administrator"]  # fixtures

EDITED = {
    "user", "accesstoken", "agency", "authoritativearea", "network", "station", "stationalias",
    "settlement", "knownsource",
}  # fmt: skip
OUR_MODELS = [
    model
    for label in ("catalog", "processing")
    for model in apps.get_app_config(label).get_models()
]
#: Every third page in the short run, all of them in the long one.
SOME_MODELS = [
    model if number % 3 == 0 else pytest.param(model, marks=pytest.mark.long)
    for number, model in enumerate(OUR_MODELS)
]


@pytest.fixture
def reported(committed_report: Event, db: None) -> None:
    """A row of every model."""


def test_every_model_of_ours_is_in_the_admin() -> None:
    assert {model for model in OUR_MODELS if model not in admin.site._registry} == set()


@pytest.mark.parametrize("model", SOME_MODELS, ids=lambda model: model.__name__)
def test_list_opens_for_an_administrator(
    model: Any, administrator: User, client: Client, reported: Any
) -> None:
    assert client.get(address(model, "changelist")).status_code == 200
    assert client.get(address(model, "changelist"), {"q": "x"}).status_code == 200


@pytest.mark.parametrize("model", SOME_MODELS, ids=lambda model: model.__name__)
def test_change_page_opens_for_every_row_and_add_page_where_allowed(
    model: Any, administrator: User, client: Client, reported: Any
) -> None:
    row = model._default_manager.order_by("-pk").first()
    if row is not None:
        assert client.get(address(model, "change", row.pk)).status_code == 200
    expected = 200 if model._meta.model_name in EDITED else 403
    assert client.get(address(model, "add")).status_code == expected


@pytest.mark.parametrize(
    "model", [m for m in OUR_MODELS if m._meta.model_name not in EDITED], ids=lambda m: m.__name__
)
def test_superuser_cannot_change_or_delete_what_was_reported_or_computed(
    model: Any, db: None, client: Client, reported: Any
) -> None:
    client.force_login(User.objects.create_superuser("root"))
    row = model._default_manager.order_by("-pk").first()
    key = row.pk if row is not None else 1
    before = list(model._default_manager.order_by("pk").values())
    assert client.post(address(model, "add"), {}).status_code == 403
    if row is not None:
        assert client.post(address(model, "change", key), {"value": "9"}).status_code == 403
        assert client.post(address(model, "delete", key), {"post": "yes"}).status_code == 403
    client.post(
        address(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [key], "post": "yes"},
    )
    assert list(model._default_manager.order_by("pk").values()) == before


@pytest.mark.parametrize("name", sorted(EDITED))
def test_nothing_that_may_be_edited_may_be_deleted(
    name: str, db: None, client: Client, reported: Any
) -> None:
    client.force_login(User.objects.create_superuser("root"))
    model = apps.get_model("catalog", name)
    row = model._default_manager.order_by("-pk").first()
    if row is not None:
        assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_raw_bytes_are_told_by_size_and_hash_only(
    administrator: User, client: Client, reported: Any
) -> None:
    chunk = BulletinChunk.objects.get()
    page = client.get(address(BulletinChunk, "change", chunk.pk)).content.decode()
    assert str(len(bytes(chunk.data))) in page
    assert "the raw bytes" not in page
    page = client.get(address(type(chunk.file), "change", chunk.file_id)).content.decode()
    assert chunk.file.sha256 in page
    assert "the raw bytes" not in page
