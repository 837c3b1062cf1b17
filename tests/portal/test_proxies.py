"""Only our own proxies are believed about the client; a visitor's own words count for nothing."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from portal.proxies import Networks, TrustedProxyMiddleware, client_address

OURS = Networks.parse(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])
VISITOR = "198.51.100.7"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", VISITOR, VISITOR),
        ("127.0.0.1", f"{VISITOR}, 10.1.2.3", VISITOR),  # two proxies of ours
        ("127.0.0.1", f"1.2.3.4, {VISITOR}", VISITOR),  # the visitor's own word stands before
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", f"{VISITOR}, unknown", "127.0.0.1"),
        ("127.0.0.1", f"{VISITOR}:4711", VISITOR),
        ("127.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("127.0.0.1", f"::ffff:{VISITOR}", VISITOR),
        ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"),  # nobody but our own machines
        ("::ffff:127.0.0.1", VISITOR, VISITOR),
        (VISITOR, "1.2.3.4", VISITOR),  # not from a proxy of ours
    ],
)
def test_the_client_is_the_last_hop_that_is_not_ours(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_address(peer, forwarded, OURS) == client


def test_a_unix_socket_is_trusted_when_it_is_listed() -> None:
    assert client_address("", VISITOR, Networks.parse(["unix"])) == VISITOR
    assert client_address("", VISITOR, OURS) == ""


def test_a_word_that_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="nginx"):
        Networks.parse(["nginx"])


def seen(trusted: str, **meta: str) -> HttpRequest:
    requests = []

    def view(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse()

    with override_settings(TRUSTED_PROXIES=Networks.parse(trusted.split())):
        TrustedProxyMiddleware(view)(RequestFactory().get("/", **meta))
    return requests[0]


def test_what_only_a_proxy_may_say_is_taken_out_of_other_requests() -> None:
    said = {
        "HTTP_X_FORWARDED_FOR": VISITOR,
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "evil.example",
        "HTTP_X_REQUEST_ID": "0123456789abcdef",
    }
    request = seen("10.0.0.1", REMOTE_ADDR="192.0.2.1", **said)
    assert request.META["REMOTE_ADDR"] == "192.0.2.1"
    assert not set(said) & set(request.META)
    request = seen("10.0.0.1", REMOTE_ADDR="10.0.0.1", **said)
    assert request.META["REMOTE_ADDR"] == VISITOR
    assert request.META["HTTP_X_FORWARDED_PROTO"] == "https"
    # Limits that look at the header instead of the address would be told stories.
    assert "HTTP_X_FORWARDED_FOR" not in request.META


def test_a_request_is_named_as_the_proxy_says_or_anew(client: Client) -> None:
    with override_settings(TRUSTED_PROXIES=Networks.parse(["127.0.0.1"])):
        given = client.get("/healthz", headers={"X-Request-ID": "0123456789abcdef"})
        bad = client.get("/healthz", headers={"X-Request-ID": "a b\tc" * 5})
    own = client.get("/healthz", headers={"X-Request-ID": "0123456789abcdef"})
    assert given["X-Request-ID"] == "0123456789abcdef"
    assert len({given["X-Request-ID"], bad["X-Request-ID"], own["X-Request-ID"]}) == 3
