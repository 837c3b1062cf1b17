"""What every page shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

#: Each language by its own name, so that its reader finds it.
LANGUAGE_LABELS = {"kk": ("Қаз", "Қазақша"), "ru": ("Рус", "Русский"), "en": ("Eng", "English")}


def site(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    return {
        "site_languages": [
            {"code": code, "short": LANGUAGE_LABELS[code][0], "name": LANGUAGE_LABELS[code][1]}
            for code, _name in settings.LANGUAGES
        ],
        "url_name": match.url_name if match else None,
    }
