"""Who sends a felt report, as far as limits to abuse need it: a device, an address, neither named.

A device is a random word of ours, signed, in a cookie and in the form's token; stored is its keyed
hash. Of an address the keyed hash is stored, with another key each UTC day: reports of two days
cannot be told to come from one address by comparing what is stored. Whoever holds the secret and
the database could still try addresses; so the hashes are emptied after 30 days, and a changed
``FELT_SECRET`` makes older ones say nothing.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, Signer, TimestampSigner

#: A page left open over a night's aftershocks; the form's script asks for a new one in time.
TOKEN_SECONDS = 12 * 3600
COOKIE = "felt_device"
#: Sent with nothing but reports, so that pages stay the same for all readers.
COOKIE_PATH = "/api/v1/felt"
COOKIE_SECONDS = 365 * 24 * 3600
HASH_CHARACTERS = 32

_device_signer = Signer(salt="catalog.felt.device")
_token_signer = TimestampSigner(salt="catalog.felt.token")


def device_of(cookie: str) -> str:
    """Return the device of a cookie; "" if we did not make it."""
    try:
        return _device_signer.unsign(cookie) if cookie else ""
    except BadSignature:
        return ""


def new_device() -> str:
    return secrets.token_urlsafe(12)


def cookie_of(device: str) -> str:
    return _device_signer.sign(device)


def token_of(device: str) -> str:
    """Return a token that tells which device asked for it, and when."""
    return _token_signer.sign(device)


def read_token(token: str) -> tuple[str, str]:
    """Return the device of a token and what is wrong with it: "", "no-token" or "stale-token"."""
    try:
        return _token_signer.unsign(token, max_age=TOKEN_SECONDS), ""
    except SignatureExpired:
        return _token_signer.unsign(token), "stale-token"
    except BadSignature:
        return "", "no-token"


def _keyed(purpose: str, value: str) -> str:
    key = hmac.digest(settings.FELT_SECRET.encode(), purpose.encode(), "sha256")
    return hmac.digest(key, value.encode(), "sha256").hex()[:HASH_CHARACTERS]


def device_hash(device: str) -> str:
    return _keyed("device", device) if device else ""


def address_hash(address: str, now: datetime) -> str:
    """Return the hash of an address for one UTC day; IPv6 by its /64, which is one customer's.

    An address that cannot be read (a Unix socket has none) gives "".
    """
    try:
        read = ip_address(address)
    except ValueError:
        return ""
    if isinstance(read, IPv6Address):
        read = read.ipv4_mapped or IPv6Address(int(read) >> 64 << 64)
    return _keyed(f"address {now.astimezone(UTC):%Y-%m-%d}", str(read))
