"""Requests made from the OpenAPI document, and whether an answer is as the document tells."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from catalog.api import openapi

QUICK = settings(
    max_examples=60,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
ODD = (
    "", " ", "\0", "x", "NaN", "-inf", "1e400", "-1", "0", "9" * 40, "ї", "%", ",", ",,", "a,b",
    "' OR 1=1 --", "2014-02-30", "0000-01-01", "0001-01-01", "9999-12-31T23:59:59.999999", "١٢",
    "WyJ4Il0", "true", "TRUE", "../..", "KZ.", "75 41,80 41,80 45", "75 41,80 45,80 41,75 45",
)  # fmt: skip


@cache
def document() -> dict[str, Any]:
    return openapi.document()


@cache
def validator(text: str) -> Draft202012Validator:
    schema = {**json.loads(text), "components": document()["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    shared = document()["components"]["parameters"]
    return [
        shared[p["$ref"].rsplit("/", 1)[-1]] if "$ref" in p else p
        for p in operation.get("parameters", ())
    ]


def is_as_told(operation: dict[str, Any], response: Any, asked: str) -> None:
    """Refuse an answer that the document does not tell of."""
    status = response.status_code
    assert status < 500, (asked, status)
    told = operation["responses"].get(str(status))
    assert told is not None, (asked, status, response.content[:300])
    if status == 304:
        assert response.content == b""
        return
    media = response["Content-Type"].partition(";")[0]
    assert media in told["content"], (asked, status, media)
    if media.endswith("json") and not response.streaming:
        schema = told["content"][media]["schema"]
        errors = list(validator(json.dumps(schema)).iter_errors(json.loads(response.content)))
        assert not errors, (asked, errors[0].message, list(errors[0].absolute_path))
    elif response.streaming:
        response.getvalue()


def value(parameter: dict[str, Any]) -> st.SearchStrategy[str]:
    """Values of a word: such as it takes, and others."""
    schema = parameter["schema"]
    items = schema.get("items", schema)
    odd = st.sampled_from(ODD) | st.text(max_size=12)
    match items.get("type"):
        case _ if "enum" in items:
            good = st.sampled_from([str(word) for word in items["enum"]])
        case "integer":
            good = st.integers(items.get("minimum", 0), min(items.get("maximum", 999), 999)).map(
                str
            )
        case "number":
            good = st.floats(items.get("minimum", -99), items.get("maximum", 99)).map(
                "{:.3f}".format
            )
        case "boolean":
            good = st.sampled_from(["true", "false"])
        case _ if "pattern" in items:
            good = st.datetimes().map(lambda time: time.isoformat()[:19])
        case _:
            good = st.sampled_from(["KZ", "SOME", "KR", "P", "AAK,TKM2"])
    return good | odd


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method.upper(), operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def ask_anything(data: st.DataObject, client: Client, token: str, known: list[str]) -> None:
    """Draw a request to some operation, send it, and refuse an answer that is not as told."""
    path, method, operation = data.draw(st.sampled_from(operations()))
    address = re.sub(
        r"\{id\}",
        lambda _: str(data.draw(st.integers(0, 2**63))),
        path,
    )
    part = st.sampled_from(known) | st.sampled_from([w for w in ODD if w]) | st.text(min_size=1)
    address = re.sub(r"\{\w+\}", lambda _: quote(data.draw(part), safe=""), address)
    words = [p for p in parameters(operation) if p["in"] == "query"]
    chosen = data.draw(st.lists(st.sampled_from(words), max_size=4)) if words else []
    pairs = [(word["name"], data.draw(value(word))) for word in chosen]
    if data.draw(st.integers(0, 9)) == 0:
        pairs.append((data.draw(st.text(max_size=6)), "1"))
    headers = data.draw(
        st.dictionaries(
            st.sampled_from(["If-None-Match", "If-Modified-Since", "Accept", "Accept-Language"]),
            st.sampled_from(["*", '"x"', "W/", "Sat, 01 Jan 2050 00:00:00 GMT", "yaml", "ru"]),
            max_size=2,
        )
    )
    if data.draw(st.booleans()):
        headers["Authorization"] = f"Bearer {data.draw(st.sampled_from([token, 'x', '']))}"
    body: dict[str, Any] = {}
    if method == "POST":
        content = data.draw(st.binary(max_size=60) | st.just(b"\x00" * 9))
        body = data.draw(
            st.dictionaries(
                st.sampled_from(["agency", "format", "kind", "dry_run", "time_zone", "x"]),
                st.sampled_from(ODD) | st.text(max_size=9),
                max_size=2,
            )
        )
        if data.draw(st.booleans()):
            body["file"] = SimpleUploadedFile(data.draw(st.text(min_size=1, max_size=9)), content)
    if data.draw(st.integers(0, 19)) == 0:
        other = data.draw(st.sampled_from(["put", "delete", "patch"]))
        response = getattr(client, other)(address, headers=headers)
    elif method == "POST":
        response = client.post(address, body, headers=headers)
    else:
        response = client.get(f"{address}?{urlencode(pairs)}", headers=headers)
    is_as_told(operation, response, f"{method} {address} {pairs} {headers} {body}")
