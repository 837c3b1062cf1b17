"""Guessing passwords is slowed down by address; nobody can be locked out by others."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from catalog.models import SignInFailure, User
from portal import sign_in
from portal.sign_in import FOR_ALL_NAMES, FOR_ONE_NAME, WINDOW_SECONDS

pytestmark = pytest.mark.django_db
PASSWORD = "a-duty-officer-of-Almaty"
GUESSER, OTHER = "198.51.100.7", "198.51.100.8"


@pytest.fixture(autouse=True)
def duty(db: None) -> User:
    return User.objects.create_superuser("duty", password=PASSWORD)


def attempt(
    client: Client, password: str, *, name: str = "duty", address: str = GUESSER, **more: str
) -> HttpResponse:
    client.logout()
    form = {"username": name, "password": password}
    return client.post("/en/login/", form, REMOTE_ADDR=address, **more)


def guess(client: Client, times: int, **words: str) -> None:
    for number in range(times):
        assert attempt(client, f"guess {number}", **words).status_code == 200


def test_after_some_failures_even_the_right_password_waits(client: Client) -> None:
    guess(client, FOR_ONE_NAME)
    answer = attempt(client, PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= WINDOW_SECONDS
    page = answer.content.decode()
    assert "Too many failed attempts. Try again in 15 min." in page
    assert page.count('role="alert"') == 1 and "correct username" not in page
    # Written in other letters it is the same name.
    assert attempt(client, "guess", name="DUTY").status_code == 429


def test_others_may_sign_in_with_the_name_that_was_guessed_at(client: Client) -> None:
    guess(client, FOR_ONE_NAME)
    assert attempt(client, PASSWORD, address=OTHER).status_code == 302


def test_a_forged_header_gives_no_new_attempts(client: Client) -> None:
    for number in range(FOR_ONE_NAME):
        attempt(client, "guess", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
    assert attempt(client, PASSWORD, HTTP_X_FORWARDED_FOR="192.0.2.99").status_code == 429


def test_the_pause_ends_by_itself(client: Client) -> None:
    guess(client, FOR_ONE_NAME)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_signinfailure SET since = since - %s * interval '1 s'",
            [WINDOW_SECONDS + 1],
        )
    guess(client, 1)
    assert set(SignInFailure.objects.values_list("failures", flat=True)) == {1}
    assert attempt(client, PASSWORD).status_code == 302


def test_who_gets_in_has_a_clean_sheet_for_this_name(client: Client) -> None:
    guess(client, FOR_ONE_NAME - 1)
    assert attempt(client, PASSWORD).status_code == 302
    guess(client, FOR_ONE_NAME - 1)
    assert attempt(client, PASSWORD).status_code == 302


def test_one_address_may_not_try_many_names(client: Client) -> None:
    counted = list(sign_in.keys(GUESSER, "duty"))
    SignInFailure.objects.create(key=counted[1], failures=FOR_ALL_NAMES, since="2100-01-01T00:00Z")
    assert attempt(client, PASSWORD).status_code == 429
    assert attempt(client, PASSWORD, address=OTHER).status_code == 302


def test_addresses_of_one_ipv6_network_are_one_place() -> None:
    assert sign_in.place_of("2001:db8:1:2:3::4") == sign_in.place_of("2001:db8:1:2:ffff::5")
    assert sign_in.place_of("2001:db8:1:2::") != sign_in.place_of("2001:db8:1:3::")
    assert sign_in.place_of("::ffff:198.51.100.7") == GUESSER


def test_the_admin_has_no_page_of_sign_in_of_its_own(client: Client) -> None:
    answer = client.get("/en/admin/")
    assert answer.status_code == 302
    answer = client.get(answer["Location"])
    assert (answer.status_code, answer["Location"]) == (
        302,
        "/en/login/?next=/en/admin/login/%3Fnext%3D/en/admin/",
    )
    client.force_login(User.objects.create_user("reader"))
    assert client.get("/en/admin/login/?next=/en/admin/").status_code == 403
    client.force_login(User.objects.get(username="duty"))
    # Who may be there has nothing to sign in for.
    assert client.get("/en/admin/login/")["Location"] == "/en/admin/"
