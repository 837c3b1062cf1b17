"""The reference page says of every address what the OpenAPI document says."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils.html import escape

from catalog.api import openapi
from catalog.search import BY_WORD


@pytest.mark.django_db
def test_the_reference_tells_every_operation(client: Client) -> None:
    for language in ("en", "kk"):
        text = client.get(f"/{language}/data-services/api/").content.decode()
        document = openapi.document(language)
        for path, methods in document["paths"].items():
            for operation in methods.values():
                assert f'id="{operation["operationId"]}"' in text
                assert f"<code>{path}</code>" in text
                assert escape(operation["summary"]) in text
        assert "<script>" not in text and "style=" not in text
    page = client.get("/en/data-services/").content.decode()
    assert "/en/data-services/api/" in page and 'id="words"' in page
    arrivals = text[text.index('id="arrivals"') : text.index('id="event_arrivals"')]
    assert "<code>phase</code>" in arrivals
    assert not any(f'row"><code>{word}</code>' in arrivals for word in BY_WORD)
