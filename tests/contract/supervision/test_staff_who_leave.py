"""Ending staff, their roles, letting them in again — X.1253 9.1-6, failures 12."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from foundation.audit import SYSTEM, Actor
from foundation.errors import BadRequest, Conflict, Forbidden, NotFound
from idp.register import Subject
from idp.supervision import Incidents
from tests.support.city import City


@pytest.fixture
def incidents(city: City) -> Incidents:
    made: Incidents = city.deployment.parts["supervision"].incidents
    return made


def member(city: City, role: str) -> Actor:
    """Somebody who accepted their invitation; sign-in is another matter."""
    now = city.clock.now()
    secret = city.register.staff.invite(role, role.title(), now)
    with city.runtime.database.write() as uow:
        return Actor("staff", city.register.staff.accept_invitation(uow, secret, now))


def state(city: City, one: Actor) -> tuple[str, str]:
    with city.runtime.database.read() as uow:
        found = city.register.staff.member(uow, one.id)
    return found.role, found.state


def may_sign_in(city: City, one: Actor) -> bool:
    with city.runtime.database.read() as uow:
        return city.register.may_sign_in(uow, Subject("staff", one.id))


def test_who_was_ended_is_out_for_good_and_their_name_is_free(city, incidents):
    boss, officer = member(city, "operator"), member(city, "officer")
    with city.runtime.database.write() as uow:
        city.register.claim_sign_in_name(uow, Subject("staff", officer.id), "olga")
    incidents.end_staff(officer.id, "left the city", boss)
    assert state(city, officer) == ("officer", "ended")
    assert not may_sign_in(city, officer)
    assert city.register.subject_of_sign_in_name("olga") is None
    with pytest.raises(Conflict):
        incidents.end_staff(officer.id, "again", boss)
    with pytest.raises(Conflict):
        incidents.ask_recovery(officer.id, "wants back", boss)
    with pytest.raises(Conflict):
        incidents.change_role(officer.id, "auditor", "wants back", boss)


def test_an_invitation_opens_nothing_once_its_member_was_ended(city, incidents):
    boss, now = member(city, "operator"), city.clock.now()
    secret = city.register.staff.invite("officer", "Olga", now)
    with city.runtime.database.read() as uow:
        invited = city.register.staff.open_invitation(uow, secret, now)
    incidents.end_staff(invited.id, "never came", boss)
    assert city.browser().get(f"/invitation/{secret}").status_code == 410


@pytest.mark.row("failures", "12")
def test_nobody_changes_their_own_role_and_the_last_operator_stays(city, incidents):
    boss = member(city, "operator")
    for act in (
        lambda: incidents.end_staff(boss.id, "tired", boss),
        lambda: incidents.change_role(boss.id, "regulator", "more", boss),
        lambda: incidents.ask_recovery(boss.id, "mine", boss),
    ):
        with pytest.raises(Forbidden):
            act()
    assert state(city, boss) == ("operator", "active")
    second = member(city, "operator")
    with pytest.raises(Forbidden):
        incidents.change_role(boss.id, "officer", "still my own", boss)
    incidents.end_staff(boss.id, "retires", boss)
    assert state(city, boss) == ("operator", "ended")
    # Who was an operator a moment ago is none: of two who end each other, one does.
    with pytest.raises(Forbidden):
        incidents.end_staff(second.id, "revenge", boss)
    with pytest.raises(Forbidden):
        incidents.end_staff(second.id, "alone", second)


@pytest.mark.row("failures", "12")
def test_of_two_operators_who_end_each_other_at_once_one_stays(city, incidents):
    first, second = member(city, "operator"), member(city, "operator")
    barrier = Barrier(2)

    def end(one: Actor, other: Actor) -> bool:
        barrier.wait()
        try:
            incidents.end_staff(other.id, "rival", one)
        except (Forbidden, Conflict):
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(end, (first, second), (second, first)))
    assert sorted(done) == [False, True]
    assert sorted(state(city, one)[1] for one in (first, second)) == ["active", "ended"]


def test_only_operators_and_the_host_change_staff_and_each_says_why(city, incidents):
    member(city, "operator")
    officer, other = member(city, "officer"), member(city, "officer")
    with pytest.raises(Forbidden):
        incidents.end_staff(other.id, "rival", officer)
    with pytest.raises(BadRequest):
        incidents.end_staff(other.id, "  ", SYSTEM)
    with pytest.raises(NotFound):
        incidents.end_staff("stf_nobody", "typo", SYSTEM)
    with pytest.raises(BadRequest):
        incidents.change_role(other.id, "emperor", "ambition", SYSTEM)
    incidents.change_role(other.id, "auditor", "new desk", SYSTEM)
    assert state(city, other) == ("auditor", "active")


@pytest.mark.row("failures", "12")
def test_two_other_operators_let_in_again_who_lost_their_passkey(city, incidents):
    first, second, officer = (member(city, r) for r in ("operator", "operator", "officer"))
    asked = incidents.ask_recovery(officer.id, "passkey lost", first)
    with pytest.raises(Forbidden):
        incidents.agree(asked, first)
    with pytest.raises(Forbidden):
        incidents.agree(asked, officer)
    with pytest.raises(Forbidden):
        incidents.agree(asked, SYSTEM)
    assert state(city, officer) == ("officer", "active")
    secret = incidents.agree(asked, second)
    assert secret is not None
    assert state(city, officer) == ("officer", "invited")
    assert not may_sign_in(city, officer)
    with pytest.raises(Forbidden):
        incidents.agree(asked, second)
    with city.runtime.database.write() as uow:
        back = city.register.staff.accept_invitation(uow, secret, city.clock.now())
    assert back == officer.id


def test_the_host_asks_for_a_recovery_and_counts_as_nobody(city, incidents):
    first, second, third = (member(city, "operator") for _ in range(3))
    asked = incidents.ask_recovery(third.id, "passkey lost", SYSTEM)
    assert incidents.agree(asked, first) is None
    with pytest.raises(Forbidden):
        incidents.agree(asked, first)
    with pytest.raises(Forbidden):
        incidents.agree(asked, third)
    # Whoever agreed and was ended since does not count.
    incidents.end_staff(first.id, "stolen laptop", second)
    with pytest.raises(Forbidden):
        incidents.agree(asked, second)
    assert state(city, third) == ("operator", "active")


def test_a_recovery_that_is_too_old_or_replaced_lets_nobody_in(city, incidents):
    first, second, officer = (member(city, r) for r in ("operator", "operator", "officer"))
    replaced = incidents.ask_recovery(officer.id, "lost", first)
    asked = incidents.ask_recovery(officer.id, "lost again", first)
    with pytest.raises(Forbidden):
        incidents.agree(replaced, second)
    city.clock.advance(timedelta(hours=73))
    with pytest.raises(Forbidden):
        incidents.agree(asked, second)
