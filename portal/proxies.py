"""Whose request is it? The client's address and scheme, believed only from our own proxies.

A proxy says for whom it asks in ``X-Forwarded-For`` and over what in ``X-Forwarded-Proto``; anybody
else can write the same words. So they count only on a connection from ``TRUSTED_PROXIES``, and are
taken out of the request otherwise: what comes later (limits by address, secure cookies, absolute
links, logs) reads ``REMOTE_ADDR`` and ``request.is_secure()`` and cannot be told stories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Address = IPv4Address | IPv6Address
#: In a list of proxies: whoever may open our Unix socket, which has no address.
UNIX = "unix"
#: What only a proxy may say.
SAID_BY_PROXIES = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUEST_ID",
    "HTTP_FORWARDED",
)


@dataclass(frozen=True, slots=True)
class Networks:
    """A list of networks, and perhaps the Unix socket."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    @classmethod
    def parse(cls, words: Sequence[str]) -> Networks:
        """Read ``127.0.0.1``, ``10.0.0.0/8``, ``2001:db8::/32`` and the word ``unix``.

        Raises
        ------
        ValueError
            A word is none of them.
        """
        return cls(
            tuple(ip_network(word, strict=False) for word in words if word != UNIX), UNIX in words
        )

    def __contains__(self, text: str) -> bool:
        if not text:
            return self.unix
        address = read_address(text)
        return address is not None and any(address in network for network in self.networks)

    def __bool__(self) -> bool:
        return self.unix or bool(self.networks)


def read_address(text: str) -> Address | None:
    """Read an address, perhaps with a port; ``None`` if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str, forwarded_for: str, trusted: Networks) -> str:
    """Return the client's address: the last hop that is not one of our proxies.

    Parameters
    ----------
    peer
        Address of the connection; empty for a Unix socket.
    forwarded_for
        ``X-Forwarded-For``: each proxy has added the address it was asked from, the nearest last.
    """
    client = peer
    for hop in reversed(forwarded_for.split(",")):
        if client not in trusted:
            break
        address = read_address(hop)
        if address is None:  # nothing before this can be believed
            break
        client = str(address)
    return client


class TrustedProxyMiddleware:
    """The first of all: what comes after sees the client, not the proxy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        peer = meta.get("REMOTE_ADDR", "")
        trusted: Networks = settings.TRUSTED_PROXIES
        if peer in trusted:
            forwarded = meta.pop("HTTP_X_FORWARDED_FOR", "")
            meta["REMOTE_ADDR"] = client_address(peer, forwarded, trusted)
        else:
            for name in SAID_BY_PROXIES:
                meta.pop(name, None)
        return self.get_response(request)
