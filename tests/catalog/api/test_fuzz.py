"""Schemathesis against every operation of the OpenAPI document; only with ``--full``.

Half of its requests are such as the document allows, half such as it does not. The short run asks
by strategies of ours: ``test_views.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from catalog.models import AccessToken, User
from tests.catalog.api.asking import QUICK, document, is_as_told
from tests.catalog.shop import Shop


@pytest.fixture(scope="module")
def staff(shop: Shop) -> Iterator[tuple[Client, str]]:
    """A client that tells of a failure by its status, and the token of an operator."""
    user = User.objects.create_superuser("duty")
    yield (
        Client(raise_request_exception=False),
        AccessToken.issue(user, "fuzz", ["upload", "read-staff"])[1],
    )


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_schemathesis_finds_nothing(shop: Shop, staff) -> None:
    import requests
    import schemathesis

    client, token = staff
    schema = schemathesis.openapi.from_dict(document())
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for found in schema.get_all_operations():
        one = found.ok()
        operation = document()["paths"][one.path][one.method]
        for mode in modes:

            @settings(QUICK, max_examples=60)
            @given(case=one.as_strategy(generation_mode=mode), signed=st.booleans())
            def ask(case: Any, signed: bool) -> None:
                asked = case.as_transport_kwargs(base_url="http://testserver")
                asked = {k: v for k, v in asked.items() if k in REQUEST_PARTS}
                try:
                    sent = requests.Request(**asked).prepare()
                except (ValueError, requests.RequestException):
                    return  # no client could send it
                headers = {
                    name: value if isinstance(value, str) else value.decode("latin-1")
                    for name, value in sent.headers.items()
                    if name.lower() not in ("content-length", "authorization")
                }
                if signed:
                    headers["Authorization"] = f"Bearer {token}"
                body = sent.body or b""
                response = client.generic(
                    sent.method,
                    sent.path_url,
                    body,
                    content_type=headers.pop("Content-Type", "application/octet-stream"),
                    headers=headers,
                )
                is_as_told(operation, response, f"{sent.method} {sent.path_url} {headers}")  # noqa: B023

            try:
                ask()
            except Unsatisfiable:  # nothing that it takes can be wrong: any text may be an id
                if mode is not schemathesis.GenerationMode.NEGATIVE:
                    raise


REQUEST_PARTS = ("method", "url", "headers", "files", "data", "json", "params", "cookies")
