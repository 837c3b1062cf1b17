"""Which language an answer is in, as headers tell it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware


class LanguageMiddleware(LocaleMiddleware):
    """Django's, but for answers whose view says their language itself.

    Such a view (the feeds) goes by the address alone. The answer is then one for all readers, and
    a cache between shall not keep a copy for each list of preferred languages.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.has_header("Content-Language"):
            return response
        return super().process_response(request, response)
