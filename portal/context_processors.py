"""What every page shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import get_language

from portal.theme import theme_of

#: Each language by its own name, so that its reader finds it.
LANGUAGE_LABELS = {"kk": ("Қаз", "Қазақша"), "ru": ("Рус", "Русский"), "en": ("Eng", "English")}

#: Font files fetched early: the scripts every page of a language is written in. Digits, scales and
#: codes are Latin everywhere; most Kazakh letters beyond the Russian ones have a file of their own.
FONT_SCRIPTS = {
    "en": ("latin",),
    "ru": ("cyrillic", "latin"),
    "kk": ("cyrillic", "cyrillic-ext", "latin"),
}
FONT_FILE = "vendor/source-sans-3/source-sans-3-{}-wght-normal.woff2"


def site(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    return {
        "site_languages": [
            {"code": code, "short": LANGUAGE_LABELS[code][0], "name": LANGUAGE_LABELS[code][1]}
            for code, _name in settings.LANGUAGES
        ],
        "url_name": match.url_name if match else None,
        "theme": theme_of(request),
        "font_files": [
            static(FONT_FILE.format(script))
            for script in FONT_SCRIPTS.get((get_language() or "en")[:2], ("latin",))
        ],
    }
