"""The reference of the JSON API for people, written by the server from the OpenAPI document itself.

No script and nothing from other sites: what the document says of an address is what the page says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from catalog.api import openapi
from catalog.search import BY_WORD

#: Told once for all addresses, not with each.
_SHARED_CODES = ("304", "400", "405", "503")


@dataclass(frozen=True, slots=True)
class Row:
    """A word, or a member of an answer: its name, what it is, what it means."""

    name: str
    kind: str
    default: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A status an address may answer with."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One address and method."""

    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: tuple[SafeString, ...]
    words: tuple[Row, ...]
    #: It reads the search words too.
    searches: bool
    token: bool
    curl: str
    python: str
    answer: str
    members: tuple[Row, ...]
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Addresses of one subject."""

    name: str
    title: str
    operations: tuple[Operation, ...]


@require_safe
def api_reference_page(request: HttpRequest) -> HttpResponse:
    """Every address with its words, an example request, an example answer, and its errors."""
    document = openapi.document((get_language() or "en")[:2])
    base = f"{request.scheme}://{request.get_host()}"
    errors = document["components"]["schemas"]["Error"]["example"]
    shared = {
        code: reply["description"]
        for path in document["paths"].values()
        for operation in path.values()
        for code, reply in operation["responses"].items()
        if code in _SHARED_CODES and operation["tags"] != ["staff"]
    }
    return render(
        request,
        "portal/api_reference.html",
        {
            "groups": groups_of(document, base),
            "shared": [Reply(code, shared[code]) for code in _SHARED_CODES if code in shared],
            "error_example": json.dumps(errors, ensure_ascii=False, indent=2),
            "base": base,
        },
    )


def groups_of(document: dict[str, Any], base: str) -> list[Group]:
    """Return the addresses of the document, by subject."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            operation = _operation(document, base, path, method.upper(), said)
            found[said["tags"][0]].append(operation)
    return [
        Group(tag["name"], tag["description"], tuple(found[tag["name"]]))
        for tag in document["tags"]
        if found[tag["name"]]
    ]


def _operation(
    document: dict[str, Any], base: str, path: str, method: str, said: dict[str, Any]
) -> Operation:
    parameters = [_resolved(document, p) for p in said.get("parameters", ())]
    own = [p for p in parameters if p["in"] != "header" and p["name"] not in BY_WORD]
    query = [p["name"] for p in parameters if p["in"] == "query"]
    # One that reads a few words of these names (stations: agency) does not search events.
    searches = {"starttime", "minkr"} <= set(query)
    if not searches:
        own = [p for p in parameters if p["in"] != "header"]
    own += [p for p in parameters if p["in"] == "header" and method == "POST"]
    token = any("accessToken" in security for security in said.get("security", ()))
    curl, python = _requests(base, path, method, said, token)
    content = said["responses"].get("200", {}).get("content", {})
    json_content = content.get("application/json", {})
    example = json_content.get("example")
    if "examples" in json_content:
        example = next(iter(json_content["examples"].values()))["value"]
    return Operation(
        anchor=said["operationId"],
        method=method,
        path=path,
        summary=said["summary"],
        paragraphs=tuple(_marked(text) for text in said["description"].strip().split("\n\n")),
        words=tuple(_word(p) for p in own),
        searches=searches,
        token=token,
        curl=curl,
        python=python,
        answer="" if example is None else json.dumps(example, ensure_ascii=False, indent=2),
        members=_members(document, json_content.get("schema", {})),
        replies=tuple(
            Reply(code, reply["description"])
            for code, reply in sorted(said["responses"].items())
            if code not in _SHARED_CODES or "staff" in said["tags"]
        ),
    )


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference means."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def _marked(text: str) -> SafeString:
    """Return a paragraph with what stands between grave accents as code."""
    parts = " ".join(text.split()).split("`")
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if place % 2 else part,)
            for place, part in enumerate(parts)
        ),
    )


def _word(parameter: dict[str, Any]) -> Row:
    schema = parameter["schema"]
    default = schema.get("default")
    if isinstance(default, bool):
        default = json.dumps(default)
    return Row(
        parameter["name"],
        _kind(schema),
        "" if default is None else str(default),
        parameter.get("description", ""),
    )


def _kind(schema: dict[str, Any]) -> str:
    """Return what a value is, in the words of JSON Schema."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"] if value is not None)
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = " | ".join(kind)
    if kind == "array":
        kind = f"{_kind(schema.get('items', {}))}, …"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind} {low:g}–{high:g}" if high < 2**31 else f"{kind} ≥ {low:g}"
    if low is not None:
        return f"{kind} ≥ {low:g}"
    return str(schema["format"] if schema.get("format") == "date-time" else kind)


def _members(document: dict[str, Any], schema: dict[str, Any]) -> tuple[Row, ...]:
    """Return what an answer's one row consists of: that of the list in it, else its own."""
    whole = _resolved(document, schema)
    lists = [
        part["items"]
        for part in whole.get("properties", {}).values()
        if part.get("type") == "array" and "$ref" in part.get("items", {})
    ]
    one = _resolved(document, lists[0]) if len(lists) == 1 else whole
    return tuple(
        Row(name, _kind(_resolved_array(part)), "", part.get("description", ""))
        for name, part in one.get("properties", {}).items()
    )


def _resolved_array(part: dict[str, Any]) -> dict[str, Any]:
    if "oneOf" in part or "anyOf" in part:
        return dict((part.get("oneOf") or part["anyOf"])[0])
    if "allOf" in part:
        return dict(part["allOf"][0])
    return part


def _requests(
    base: str, path: str, method: str, said: dict[str, Any], token: bool
) -> tuple[str, str]:
    """Return one request as a shell and as Python would make it."""
    address = base + path
    for name, value in said.get("x-example-path", {}).items():
        address = address.replace(f"{{{name}}}", value)
    address = address.replace("{id}", "41")
    query = said.get("x-example-query", "")
    if token and method == "POST":
        curl = (
            f'curl -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: may-2014" \\\n'
            f'     -F file=@may.isf -F agency=SOME "{address}"'
        )
        python = (
            "import requests\n\n"
            "answer = requests.post(\n"
            f'    "{address}",\n'
            '    headers={"Authorization": f"Bearer {token}"},\n'
            '    files={"file": open("may.isf", "rb")},\n'
            '    data={"agency": "SOME"},\n'
            '    timeout=60,\n)\nprint(answer.json()["run"]["url"])'
        )
        return curl, python
    whole = f"{address}?{query}" if query else address
    if token:
        return (
            f'curl -H "Authorization: Bearer $TOKEN" "{whole}"',
            "import requests\n\n"
            "answer = requests.get(\n"
            f'    "{whole}",\n'
            '    headers={"Authorization": f"Bearer {token}"},\n    timeout=60,\n)\n'
            "print(answer.json())",
        )
    words = dict(part.split("=", 1) for part in query.split("&") if part)
    given = f",\n    params={json.dumps(words)}" if words else ""
    lists = [
        name
        for name in ("events", "stations", "changes", said["tags"][0].replace("-", "_"), "history")
        if f'"{name}"' in json.dumps(said["responses"].get("200", {}).get("content", {}))
    ]
    paged = '"next": "http' in json.dumps(said["responses"].get("200", {}).get("content", {}))
    if paged and lists:
        return (
            f'curl "{whole}"',
            f'import requests\n\naddress = "{whole}"\nwhile address:\n'
            "    page = requests.get(address, timeout=60).json()\n"
            f'    for row in page["{lists[-1]}"]:\n        print(row)\n'
            '    address = page["next"]',
        )
    told = "text" if said["tags"] == ["files"] else "json()"
    return (
        f'curl "{whole}"',
        f'import requests\n\nanswer = requests.get(\n    "{address}"{given},\n    timeout=60,\n)\n'
        f"answer.raise_for_status()\nprint(answer.{told})",
    )
