"""Sessions, challenges and windows of a clock that was ahead end with that mistake — AU-3, AU-9."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from foundation.audit.tables import events
from foundation.clock import FrozenClock
from idp.login.tables import sessions
from tests.contract.login.test_lost_means import of_kind, session_of
from tests.support.sign_in import NAME, SignInDesk

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def signed_in(desk: SignInDesk) -> int:
    with desk.runtime.database.read() as uow:
        return int(uow.execute(select(func.count()).select_from(sessions)).scalar_one())


def test_who_was_locked_out_under_a_clock_ahead_signs_in_when_it_is_right(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen()
    stranger = desk.browser("198.51.100.7")
    clock.advance(HOUR)
    answers = [stranger.sign_in(password="wrong").status_code for _ in range(30)]
    assert answers[-1] == 429
    clock.advance(-HOUR)
    assert stranger.sign_in().status_code == 303


def test_a_session_of_a_clock_that_was_ahead_is_over(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen()
    clock.advance(YEAR)
    assert browser.sign_in().status_code == 303
    assert browser.whoami()
    clock.advance(-YEAR)
    assert browser.whoami() is None
    assert browser.sign_in().status_code == 303
    assert browser.whoami()
    desk.login._sweep()
    assert signed_in(desk) == 2  # of the activation, and of now


def test_a_session_that_was_used_under_a_clock_ahead_still_ends_when_it_is_not_used(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen()
    ahead = timedelta(minutes=25)
    clock.advance(ahead)
    assert browser.whoami()
    clock.advance(-ahead)
    assert browser.whoami()
    with desk.runtime.database.read() as uow:
        assert uow.execute(select(func.max(sessions.c.seen_at))).scalar_one() == clock.now()


def test_the_clock_set_back_a_little_signs_nobody_out(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen()
    clock.advance(timedelta(seconds=-90))
    assert browser.whoami()
    clock.advance(timedelta(minutes=-8))
    assert browser.whoami()


def test_a_challenge_of_a_clock_that_was_ahead_cannot_be_answered(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen().add_passkey()
    browser = desk.browser()
    clock.advance(YEAR)
    asked = browser.ask()
    clock.advance(-YEAR)
    answer = browser.send(
        "/sign-in/passkey",
        {
            "step_up": False,
            "challenge": asked["challenge"],
            "credential": passkey.get(asked["options"]),
        },
    )
    assert "did not open anything" in answer.text
    assert browser.use(passkey).status_code == 200


def test_failures_counted_under_a_clock_ahead_are_written_down_when_it_is_right(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen()
    clock.advance(YEAR)
    for _ in range(3):
        browser.sign_in(NAME, "wrong")
    clock.advance(-YEAR)
    desk.login._sweep()
    desk.login.failures.sweep(clock.now())
    with desk.runtime.database.read() as uow:
        kinds = [row.kind for row in uow.all(select(events.c.kind))]
    assert kinds.count("sign-in.failed-again") == 1


def test_a_removal_that_was_asked_for_under_a_clock_ahead_is_due_after_its_delay(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen()
    browser.add_passkey()
    clock.advance(YEAR)
    browser.sign_in()
    session = session_of(desk, browser)
    desk.login.management.ask_removal(session, of_kind(desk, "passkey"))
    clock.advance(-YEAR)
    assert desk.login.removals.carry_out(clock.now()) == 0
    clock.advance(desk.login.settings.removal_delay)
    assert desk.login.removals.carry_out(clock.now()) == 1
