"""A passkey that was lost, and one that a thief says was lost — NIST SP 800-63B §6.1, CM-8."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.clock import FrozenClock
from foundation.errors import Conflict, NotFound, TooManyRequests
from idp.login import ProveAgain
from tests.contract.login.test_changing_means import of_kind, session_of, thief_of_the_password
from tests.support.sign_in import NAME, PASSWORD, SignInDesk

DAY = timedelta(days=1)


def bound(desk: SignInDesk) -> list[str]:
    subject = desk.login.directory.of_name(NAME)
    assert subject is not None
    return sorted(c.kind for c in desk.login.management.list(subject))


def told(desk: SignInDesk) -> list[str]:
    """Kinds of what the owner was told and has not seen, oldest first."""
    subject = desk.login.directory.of_name(NAME)
    assert subject is not None
    return [n.kind for n in reversed(desk.login.management.notices(subject))]


@pytest.mark.row("assurance", "CM-8")
def test_a_lost_passkey_is_removed_when_the_delay_is_over(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen().add_passkey()
    owner = thief_of_the_password(desk, clock)
    removal = desk.login.management.ask_removal(session_of(desk, owner), of_kind(desk, "passkey"))
    assert removal.due_at - clock.now() == desk.login.settings.removal_delay
    clock.advance(desk.login.settings.removal_delay - timedelta(seconds=1))
    assert desk.login.removals.carry_out(clock.now()) == 0
    assert bound(desk) == ["passkey", "password"]
    clock.advance(timedelta(seconds=1))
    assert desk.login.removals.carry_out(clock.now()) == 1
    assert bound(desk) == ["password"]
    assert desk.login.removals.carry_out(clock.now()) == 0
    assert told(desk) == ["credential.removal-asked", "credential.ended"]
    # From then on the password is the strongest means again.
    again = desk.browser()
    again.sign_in()
    again.add_passkey()


def test_the_owner_stops_it_with_the_passkey_at_any_time(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    owner = desk.browser()
    owner.use(passkey)
    mine = session_of(desk, owner)
    removal = desk.login.management.ask_removal(session_of(desk, thief), of_kind(desk, "passkey"))
    with pytest.raises(ProveAgain):
        desk.login.management.stop_removal(session_of(desk, thief), removal.id)
    desk.login.management.stop_removal(mine, removal.id)
    with pytest.raises(NotFound):
        desk.login.management.stop_removal(mine, removal.id)
    clock.advance(30 * DAY)
    assert desk.login.removals.carry_out(clock.now()) == 0
    assert bound(desk) == ["passkey", "password"]


def test_a_passkey_that_is_used_was_not_lost(desk: SignInDesk, clock: FrozenClock) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    desk.login.management.ask_removal(session_of(desk, thief), of_kind(desk, "passkey"))
    clock.advance(6 * DAY)
    owner = desk.browser()
    assert owner.use(passkey).status_code == 200
    clock.advance(6 * DAY)
    assert desk.login.removals.carry_out(clock.now()) == 0
    assert bound(desk) == ["passkey", "password"]
    assert told(desk) == ["credential.removal-asked", "credential.removal-stopped"]


def test_a_removal_is_asked_for_once_and_not_without_end(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    ask = desk.login.management.ask_removal
    ask(session_of(desk, thief), of_kind(desk, "passkey"))
    with pytest.raises(Conflict):
        ask(session_of(desk, thief), of_kind(desk, "passkey"))
    for _ in range(2):
        desk.browser().use(passkey)
        ask(session_of(desk, thief), of_kind(desk, "passkey"))
    desk.browser().use(passkey)
    with pytest.raises(TooManyRequests):
        ask(session_of(desk, thief), of_kind(desk, "passkey"))


def test_a_removal_needs_a_fresh_proof_of_another_means(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    clock.advance(timedelta(minutes=16))
    with pytest.raises(ProveAgain):
        desk.login.management.ask_removal(session_of(desk, thief), of_kind(desk, "passkey"))
    owner = desk.browser()
    owner.use(passkey)
    with pytest.raises(ProveAgain):
        desk.login.management.ask_removal(session_of(desk, owner), of_kind(desk, "passkey"))


def test_the_last_means_is_never_removed(desk: SignInDesk, clock: FrozenClock) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    owner = desk.browser()
    owner.use(passkey)
    desk.login.management.ask_removal(session_of(desk, thief), of_kind(desk, "passkey"))
    desk.login.management.remove(session_of(desk, owner), of_kind(desk, "password"))
    clock.advance(8 * DAY)
    assert desk.login.removals.carry_out(clock.now()) == 0
    assert bound(desk) == ["passkey"]


def test_who_holds_the_password_alone_does_not_wave_notices_away(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    desk.login.management.ask_removal(session_of(desk, thief), of_kind(desk, "passkey"))
    with pytest.raises(ProveAgain):
        desk.login.management.notices_seen(session_of(desk, thief))
    assert told(desk)
    owner = desk.browser()
    owner.use(passkey)
    desk.login.management.notices_seen(session_of(desk, owner))
    assert told(desk) == []


@pytest.mark.row("assurance", "CM-9")
def test_every_change_is_told(desk: SignInDesk, clock: FrozenClock) -> None:
    desk.citizen()
    clock.advance(DAY)
    owner = desk.browser()
    owner.sign_in()
    passkey = owner.add_passkey()
    owner.use(passkey, step_up=True)
    session = session_of(desk, owner)
    new = "marble hedge pilot walrus"
    desk.login.management.change_password(session, PASSWORD, new, new, "192.0.2.1")
    desk.login.management.remove(session, of_kind(desk, "password"))
    assert sorted(told(desk)) == ["credential.added", "credential.changed", "credential.ended"]
