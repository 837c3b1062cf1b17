"""Answer requests for the stream: few words, few readers, none that holds up another."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from uvicorn.protocols.http.h11_impl import H11Protocol

from portal.proxies import client_address
from portal.stream.log import HEARTBEAT, Log, greeting, reset

logger = logging.getLogger(__name__)

PATH = "/stream/events"
METHODS = "GET, HEAD, OPTIONS"
#: A connection that has not asked anything by then is cut.
REQUEST_SECONDS = 10.0
#: Connections in all, readers and those that are refused; what is above is told 503 unread.
CONNECTIONS = 400
#: A number of the table: eight bytes.
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What readers may take, and how long they are waited for."""

    readers: int = 200
    an_address: int = 5
    heartbeat_seconds: float = 15.0
    send_seconds: float = 60.0
    retry_after_seconds: int = 30


class Refusal(Exception):
    """A request that gets no stream: status, words, more headers."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood: by whom, since when, and how it calls the site."""

    address: str
    site: bytes
    after: int | None


def understand(scope: Mapping[str, Any]) -> Asked:
    """Read a request.

    Raises
    ------
    Refusal
        It is none for the stream; the words say why.
    """
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        word, text = name.decode("latin-1"), value.decode("latin-1")
        headers[word] = f"{headers[word]},{text}" if word in headers else text
    if scope["path"] != PATH:
        raise Refusal(404, f"There is nothing here; the stream of changes is {PATH}.")
    if scope["method"] == "OPTIONS":  # a script's program asks whether it may send Last-Event-ID
        raise Refusal(
            204, "", Access_Control_Allow_Methods=METHODS, Access_Control_Allow_Headers="*"
        )
    if scope["method"] not in ("GET", "HEAD"):
        raise Refusal(405, f"{scope['method']} is not offered; use GET.", Allow=METHODS)
    peer = scope["client"][0] if scope["client"] else ""
    is_proxy = peer in settings.TRUSTED_PROXIES
    host = headers.get("host", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        raise Refusal(400, "The site does not go by this name.")
    scheme = headers.get("x-forwarded-proto", "") if is_proxy else scope["scheme"]
    site = settings.SITE_URL or f"{'https' if scheme == 'https' else 'http'}://{host}"
    return Asked(
        client_address(peer, headers.get("x-forwarded-for", ""), settings.TRUSTED_PROXIES),
        site.rstrip("/").encode(),
        _after(scope["query_string"].decode("latin-1"), headers.get("last-event-id", "")),
    )


def _after(query: str, last_event_id: str) -> int | None:
    """Return the change a reader had last; the header is the newer word."""
    try:
        words = parse_qsl(query, keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise Refusal(400, "There are too many words; the stream takes one: after.") from None
    for word, _value in words:
        if word != "after":
            raise Refusal(400, f'"{_shown(word)}" is not a word of the stream; it takes: after.')
    if len(words) > 1:
        raise Refusal(400, '"after" is given more than once.')
    found = [("after", value) for _word, value in words]
    if last_event_id:
        found.append(("Last-Event-ID", last_event_id))
    for name, value in found:
        if not NUMBER.fullmatch(value):
            raise Refusal(
                400, f'{name} "{_shown(value)}" is not the number of a change; expected 0, 1, 2 ...'
            )
    return int(found[-1][1]) if found else None


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:40])


class Stream:
    """The ASGI application."""

    def __init__(self, log: Log, limits: Limits | None = None) -> None:
        self.log = log
        self.limits = limits or Limits()
        self.readers: Counter[str] = Counter()
        self._closed = False

    def close(self) -> None:
        """End all answers in good order."""
        self._closed = True
        self.log.wake()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            asked = understand(scope)
            self._make_sure_of_room(asked.address)
        except Refusal as refusal:
            await _refuse(refusal, send)
            return
        if scope["method"] == "HEAD":
            await _begin(200, _STREAM_HEADERS, send)
            await send({"type": "http.response.body"})
            return
        cut: Callable[[], None] = scope.get("state", {}).get("cut", lambda: None)
        self.readers[asked.address] += 1
        begun = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._tell(asked, send, cut))
                while (await receive())["type"] != "http.disconnect":
                    pass
                telling.cancel()
        finally:
            self.readers[asked.address] -= 1
            if not self.readers[asked.address]:
                del self.readers[asked.address]
            logger.info(
                "stream to %(address)s ended after %(seconds).0f s",
                {"address": asked.address, "seconds": time.monotonic() - begun},
            )

    def _make_sure_of_room(self, address: str) -> None:
        later = str(self.limits.retry_after_seconds)
        if self.log.last is None or self._closed:
            raise Refusal(503, "The stream is not ready; try again in a moment.", Retry_After="5")
        if self.readers[address] >= self.limits.an_address:
            text = f"This address reads {self.limits.an_address} streams already."
            raise Refusal(429, text, Retry_After=later)
        if self.readers.total() >= self.limits.readers:
            raise Refusal(503, "There are too many readers; try again later.", Retry_After=later)

    async def _tell(self, asked: Asked, send: Send, cut: Callable[[], None]) -> None:
        """Send changes until the portal stops or the reader has stopped reading."""
        last = self.log.last or 0
        number = last if asked.after is None else asked.after
        await _begin(200, _STREAM_HEADERS, send)
        piece = greeting(min(number, last))
        try:
            while True:
                if piece:
                    async with asyncio.timeout(self.limits.send_seconds):
                        await send(_body(piece, more=True))
                if self._closed:
                    await send(_body(b""))
                    return
                news = self.log.news
                if self.log.reaches(number):
                    piece, number = self.log.after(number, asked.site)
                else:
                    last = self.log.last or 0
                    piece, number = reset(number, last, asked.site), last
                if not piece:
                    piece = await self._waited(news)
        except TimeoutError:
            logger.info("%(address)s does not read: cut off", {"address": asked.address})
            cut()

    async def _waited(self, news: asyncio.Event) -> bytes:
        """Wait for something new; a heartbeat keeps proxies from taking the line for dead."""
        try:
            async with asyncio.timeout(self.limits.heartbeat_seconds):
                await news.wait()
        except TimeoutError:
            return HEARTBEAT
        return b""


_COMMON_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store, no-transform",
    "X-Content-Type-Options": "nosniff",
}
_STREAM_HEADERS = {
    **_COMMON_HEADERS,
    "Content-Type": "text/event-stream",
    # Told to a proxy: send on what comes, hold nothing back.
    "X-Accel-Buffering": "no",
}


async def _refuse(refusal: Refusal, send: Send) -> None:
    headers = {**_COMMON_HEADERS, "Connection": "close", **refusal.headers}
    body = f"{refusal.text}\n".encode() if refusal.text else b""
    if body:
        headers |= {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
        }
    await _begin(refusal.status, headers, send)
    await send(_body(body))


async def _begin(status: int, headers: Mapping[str, str], send: Send) -> None:
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": told})


def _body(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


class Line(H11Protocol):
    """A connection that must ask soon, and that the application can cut.

    Closing politely would wait for a reader who does not read.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "cut": transport.abort}
        self.loop.call_later(REQUEST_SECONDS, self._cut_if_silent)

    def _cut_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.abort()


class Server(uvicorn.Server):
    """uvicorn with one connection class, no log of its own, and streams that end at a stop."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(
            uvicorn.Config(
                stream,
                http=Line,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=3,
                h11_max_incomplete_event_size=16 * 1024,
            )
        )
        self.stream = stream

    async def shutdown(self, sockets: Iterable[Any] | None = None) -> None:
        self.stream.close()
        await super().shutdown(None if sockets is None else list(sockets))
