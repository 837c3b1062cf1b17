"""The living style page: every token of the site and every component, with its states.

It is made from tokens.css and tokens-dark.css themselves, so it cannot fall behind them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.templatetags import seismo

CSS = settings.BASE_DIR / "static" / "css"
#: How a token is shown, by the beginning of its name; others are colours.
KINDS = (
    ("font", "family"), ("mono", "family"), ("text-", "type"), ("s1", "space"), ("s2", "space"),
    ("s3", "space"), ("s4", "space"), ("s5", "space"), ("s6", "space"), ("s7", "space"),
    ("radius", "radius"), ("shadow", "shadow"), ("z-", "plain"), ("measure", "plain"),
    ("page", "plain"), ("target", "plain"), ("quick", "plain"), ("map-relief", "plain"),
)  # fmt: skip
KAZAKH = "Әә Ғғ Ққ Ңң Өө Ұұ Үү Һһ Іі"


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    light: str
    #: Empty where it is the same in the dark.
    dark: str
    kind: str


@dataclass(frozen=True, slots=True)
class Group:
    """Tokens under one comment of the file."""

    comment: str
    tokens: list[Token] = field(default_factory=list)


@lru_cache(maxsize=1)
def groups() -> list[Group]:
    """Return the tokens as the file has them: a comment, or an empty line, begins a group."""
    light, dark = (
        (CSS / name).read_text(encoding="utf-8").split(":root {", 1)[1]
        for name in ("tokens.css", "tokens-dark.css")
    )
    other = dict(re.findall(r"--([\w-]+):\s*([^;]+);", dark))
    found: list[Group] = []
    for comment, gap, name, value in re.findall(
        r"/\*(.*?)\*/|(\n[ \t]*\n)|--([\w-]+):\s*([^;]+);", light, flags=re.DOTALL
    ):
        if comment or gap:
            found.append(Group(" ".join(comment.split())))
        else:
            if not found:
                found.append(Group(""))
            value = " ".join(value.split())
            found[-1].tokens.append(Token(name, value, other.get(name, ""), _kind(name)))
    return [group for group in found if group.tokens]


def _kind(name: str) -> str:
    return next((kind for start, kind in KINDS if name.startswith(start)), "colour")


@require_safe
def style_page(request: HttpRequest) -> HttpResponse:
    """Tokens and components; for whoever builds a page, not for readers."""
    labels = seismo.depth_class_labels()
    page = SimpleNamespace(
        has_other_pages=True, has_previous=True, has_next=True,
        previous_page_number=1, next_page_number=3, number=2,
        paginator=SimpleNamespace(num_pages=7),
    )  # fmt: skip
    answer = render(
        request,
        "portal/style.html",
        {
            "groups": groups(),
            "kazakh": KAZAKH,
            "depths": [*enumerate(labels[:-1]), ("none", labels[-1])],
            "page": page,
        },
    )
    answer["X-Robots-Tag"] = "noindex"
    return answer
