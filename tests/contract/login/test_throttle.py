"""Counting attempts holds, and never stands in its own way, on either database."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.audit.tables import events
from foundation.clock import FrozenClock
from foundation.errors import TooManyRequests
from foundation.runtime import Runtime
from idp.login.settings import LoginSettings
from idp.login.throttle import SLOW, Throttle
from tests.support.passkey import SoftPasskey
from tests.support.sign_in import NAME, PASSWORD, SignInDesk

AT_ONCE, SIGN_INS = 8, 25


@pytest.mark.row("assurance", "AU-3")
def test_sign_ins_to_one_account_from_one_place_at_once_do_not_wait_for_each_other(
    any_runtime: Runtime,
) -> None:
    generous = LoginSettings(account_attempts=10_000, source_attempts=10_000)
    throttle = Throttle(any_runtime, generous)

    def sign_in(_: int) -> None:
        for _ in range(SIGN_INS):
            attempt = throttle.count("account", "198.51.100.7", any_runtime.clock.now())
            with any_runtime.database.write() as uow:
                throttle.right(uow, attempt)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        # A deadlock would be an OperationalError of one of them.
        assert list(threads.map(sign_in, range(AT_ONCE))) == [None] * AT_ONCE


@pytest.mark.row("failures", "13")
def test_a_name_is_locked_for_the_network_that_guesses_and_for_no_other(
    desk: SignInDesk,
) -> None:
    desk.citizen()
    stranger = desk.browser("198.51.100.7")
    while stranger.sign_in(password="wrong").status_code != 429:
        pass
    assert stranger.sign_in().status_code == 429, "whatever it tries"
    assert desk.browser("203.0.113.5").sign_in().status_code == 303


@pytest.mark.row("failures", "13")
def test_one_wrong_attempt_every_90_seconds_keeps_nobody_out(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen()
    stranger = desk.browser("198.51.100.7")
    token = stranger.csrf("/sign-in")
    for _ in range(desk.login.settings.account_attempts + 5):
        fields = {"csrf_token": token, "name": NAME, "password": "wrong"}
        stranger.http.post("/sign-in", data=fields)
        clock.advance(timedelta(seconds=80))
    assert desk.browser("203.0.113.5").sign_in().status_code == 303


@pytest.mark.row("failures", "13")
def test_many_networks_that_guess_at_one_name_are_slowed_and_its_owner_gets_in(
    any_runtime: Runtime,
) -> None:
    throttle = Throttle(any_runtime, LoginSettings(name_attempts=10, account_attempts=5))
    now = any_runtime.clock.now()
    for n in range(10):
        throttle.count("a name", f"198.51.100.{n}", now)
    for n in range(10, 13):
        for _ in range(SLOW):
            throttle.count("a name", f"198.51.100.{n}", now)
        with pytest.raises(TooManyRequests):
            throttle.count("a name", f"198.51.100.{n}", now)
    # The owner: from a network of their own, from a known browser, again and again when right.
    for _ in range(SLOW + 2):
        attempt = throttle.count("a name", "203.0.113.5", now)
        with any_runtime.database.write() as uow:
            throttle.right(uow, attempt)
    for _ in range(5):
        throttle.count("a name", "198.51.100.12", now, own="a known browser")
    throttle.count("another name", "198.51.100.12", now)


def test_of_ipv6_all_that_one_party_has_is_one_network(any_runtime: Runtime) -> None:
    throttle = Throttle(any_runtime, LoginSettings(account_attempts=5))
    now = any_runtime.clock.now()
    for n in range(5):
        throttle.count("a name", f"2001:db8:0:{n}::/64", now)
    with pytest.raises(TooManyRequests):
        throttle.count("a name", "2001:db8:0:99::/64", now)


@pytest.mark.row("failures", "13")
def test_a_passkey_is_never_locked(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey()
    desk.login.sign_in._throttle._settings = desk.login.settings.model_copy(
        update={"source_attempts": 4}
    )
    browser = desk.browser("198.51.100.7")
    asked = desk.citizen("berta", number="CD654321").send("/passkeys/options", {}).json()
    stranger = SoftPasskey(desk.issuer)
    stranger.create(asked["options"])
    answers = [browser.use(stranger).status_code for _ in range(6)]
    assert answers == [422] * 4 + [429] * 2
    assert browser.use(passkey).status_code == 200


@pytest.mark.row("assurance", "X.1253-9.3-4")
def test_a_code_tells_of_a_few_names_and_each_is_on_record(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol("CD654321"))

    def choose(name: str) -> int:
        done = browser.post("/activate/set-up", name=name, password=PASSWORD, repeated=PASSWORD)
        return int(done.status_code)

    assert [choose("x") for _ in range(12)] == [422] * 12, "what is no name tells of nobody"
    most = desk.login.settings.name_choices
    assert [choose(NAME) for _ in range(most + 1)] == [422] * most + [429]
    assert choose("nobody.has.this") == 429, "nothing is told any more, one way or the other"
    with desk.runtime.database.read() as uow:
        kinds = [row.kind for row in uow.all(select(events.c.kind))]
    assert kinds.count("activation.name_taken") == most


def test_who_chose_a_taken_name_is_offered_a_free_one(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol("CD654321"))
    page = browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    offered = re.search(r"such as (anna\.tamm-\d{4})", page.text)
    assert offered is not None
    done = browser.post("/activate/set-up", name=offered[1], password=PASSWORD, repeated=PASSWORD)
    assert done.status_code == 303
