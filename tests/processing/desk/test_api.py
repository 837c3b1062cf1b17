"""A script sends a bulletin: once, whatever it repeats, and is told plainly what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import AccessToken, Agency, BulletinFile, UploadKey, User
from processing.models import ProcessingRun
from tests.catalog.api.asking import document, is_as_told

pytestmark = pytest.mark.django_db


def post(client: Client, token: str, data: bytes | None, key: str = "", **values: Any) -> Any:
    headers = {"Authorization": f"Token {token}"} if token else {}
    if key:
        headers["Idempotency-Key"] = key
    name = values.pop("name", "a.isf")
    language = values.pop("language", "en")
    body: dict[str, Any] = dict(values)
    if data is not None:
        body["file"] = SimpleUploadedFile(name, data)
    return client.post(
        reverse("api-upload"), body, headers={**headers, "Accept-Language": language}
    )


def test_an_upload_is_accepted_and_its_run_can_be_watched(
    client: Client, token: str, agency: Agency, bulletin: bytes
) -> None:
    answer = post(client, token, bulletin, agency="AGA", kind="automatic")
    assert answer.status_code == 202, answer.content
    body = answer.json()
    file = BulletinFile.objects.get()
    assert body["file"]["sha256"] == file.sha256
    assert (body["duplicate"], body["agency"], body["format"]) == (False, "AGA", "isf")
    assert answer["Location"] == body["run"]["url"]
    state = client.get(body["run"]["url"], headers={"Authorization": f"Bearer {token}"})
    assert state.json()["status"] == "queued"
    is_as_told(document()["paths"]["/api/v1/uploads"]["post"], answer, "upload")
    is_as_told(document()["paths"]["/api/v1/runs/{id}"]["get"], state, "run")
    run = ProcessingRun.objects.get()
    assert run.reading is not None
    assert run.reading.evaluation_mode == "automatic"
    again = client.get(
        body["run"]["url"],
        headers={"Authorization": f"Token {token}", "If-None-Match": state["ETag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_the_same_bytes_are_shown_not_doubled(
    client: Client, token: str, agency: Agency, bulletin: bytes
) -> None:
    first = post(client, token, bulletin, agency="AGA")
    second = post(client, token, bulletin, agency="AGA", name="other.isf")
    assert (second.status_code, second.json()["duplicate"]) == (200, True)
    assert second.json()["run"] == first.json()["run"]
    assert ProcessingRun.objects.count() == 1


def test_a_key_repeats_the_answer_and_refuses_another_request(
    client: Client, token: str, agency: Agency, bulletin: bytes
) -> None:
    first = post(client, token, bulletin, key="k1", agency="AGA")
    same = post(client, token, bulletin, key="k1", agency="AGA")
    assert (same.status_code, same.json()) == (202, first.json())
    other = post(client, token, bulletin + b"\n", key="k1", agency="AGA")
    assert (other.status_code, other.json()["code"]) == (409, "key-used-for-another-request")
    assert UploadKey.objects.count() == 1
    assert BulletinFile.objects.count() == 1


def test_a_refused_request_does_not_use_up_its_key(
    client: Client, token: str, agency: Agency, bulletin: bytes
) -> None:
    assert post(client, token, bulletin, key="k", agency="NONE").status_code == 400
    assert post(client, token, bulletin, key="k", agency="AGA").status_code == 202


def test_who_may_not_upload_is_told_so(
    client: Client, person: Callable[[str], User], operator: User, bulletin: bytes
) -> None:
    assert post(client, "", bulletin).status_code == 401
    wrong = post(client, "kzt_wrong", bulletin)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "not-signed-in")
    assert "WWW-Authenticate" in wrong
    _, reader = AccessToken.issue(operator, "reader", [AccessToken.Scope.READ_STAFF])
    _, nobody = AccessToken.issue(person(""), "nobody", [AccessToken.Scope.UPLOAD])
    for key in (reader, nobody):
        refused = post(client, key, bulletin)
        assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
    assert BulletinFile.objects.count() == 0


def test_a_revoked_token_is_no_token(client: Client, operator: User, bulletin: bytes) -> None:
    from django.utils import timezone

    token, key = AccessToken.issue(operator, "old", [AccessToken.Scope.UPLOAD])
    token.revoked_at = timezone.now()
    token.save()
    assert post(client, key, bulletin).status_code == 401


def test_a_session_needs_the_csrf_token(operator: User, bulletin: bytes) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert post(client, "", bulletin).status_code == 403


def test_a_run_is_not_for_the_public(client: Client) -> None:
    run = ProcessingRun.objects.create(kind="ingest")
    assert client.get(reverse("api-run", args=[run.pk])).status_code == 401


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"agency": "NONE"}, "unknown-agency"),
        ({"format": "word"}, "unknown-format"),
        ({"kind": "good"}, "bad-parameter"),
        ({"dry_run": "yes"}, "bad-parameter"),
        ({"agencies": "AGA"}, "bad-parameter"),
        ({"agency": ["AGA", "AGA"]}, "bad-parameter"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: Client, token: str, agency: Agency, bulletin: bytes, values: Any, code: str
) -> None:
    answer = post(client, token, bulletin, **{"agency": "AGA", **values})
    assert answer.json()["code"] == code
    assert answer.status_code in (400, 415)
    assert set(answer.json()) == {"error", "problems", "code", "message", "values", "line"}
    assert answer.json()["problems"][0]["code"] == code
    is_as_told(document()["paths"]["/api/v1/uploads"]["post"], answer, "upload")
    assert BulletinFile.objects.count() == 0


def test_an_operators_own_agency_stands_in_where_the_file_says_none(
    client: Client, token: str, operator: User, agency: Agency, bulletin: bytes
) -> None:
    operator.agency = agency
    operator.save()
    data = b"# no author here\n" + bulletin
    assert post(client, token, data).json().get("agency", "AGA") in ("AGA", "KNDC")


def test_the_body_must_be_a_form(client: Client, token: str) -> None:
    answer = client.post(
        reverse("api-upload"),
        b"{}",
        content_type="application/json",
        headers={"Authorization": f"Token {token}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


def test_too_many_uploads_are_slowed_down(
    client: Client, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.cache import cache

    from processing.desk import api

    cache.clear()
    monkeypatch.setattr(api.UploadThrottle, "rate", "1/min")
    post(client, token, None)
    answer = post(client, token, None)
    cache.clear()
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-requests")
    assert int(answer["Retry-After"]) > 0
