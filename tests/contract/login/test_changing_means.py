"""Who may change how somebody signs in: who shows the strongest means — CM-8, CM-9, failures 12."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from foundation.clock import FrozenClock
from idp.login import ChoiceRefused, ProveAgain, Session
from idp.register.tables import persons
from tests.support.passkey import SoftPasskey
from tests.support.sign_in import NAME, PASSWORD, Browser, SignInDesk

NEW = "marble hedge pilot walrus"
HERE = "192.0.2.1"


def session_of(desk: SignInDesk, browser: Browser) -> Session:
    found = desk.login.sessions.find(str(browser.cookie("session")), desk.runtime.clock.now())
    assert found is not None
    return found


def of_kind(desk: SignInDesk, kind: str) -> str:
    subject = desk.login.directory.of_name(NAME)
    assert subject is not None
    (found,) = (c.id for c in desk.login.management.list(subject) if c.kind == kind)
    return found


def thief_of_the_password(desk: SignInDesk, clock: FrozenClock) -> Browser:
    """The owner has a passkey; a day later somebody else signs in with their password."""
    clock.advance(timedelta(days=1))
    thief = desk.browser("198.51.100.7")
    assert thief.sign_in().status_code == 303
    return thief


def bind(browser: Browser, passkey: SoftPasskey) -> Any:
    asked = browser.send("/passkeys/options", {}).json()
    if "location" in asked:
        return asked
    body = {"challenge": asked["challenge"], "credential": passkey.create(asked["options"])}
    return browser.send("/passkeys", body).json()


@pytest.mark.row("assurance", "CM-8")
def test_a_stolen_password_removes_no_passkey(desk: SignInDesk, clock: FrozenClock) -> None:
    passkey = desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    with pytest.raises(ProveAgain):
        desk.login.management.remove(session_of(desk, thief), of_kind(desk, "passkey"))
    assert desk.browser().use(passkey).status_code == 200


@pytest.mark.row("assurance", "CM-9")
def test_a_stolen_password_binds_no_passkey_beside_the_owners(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen().add_passkey()
    thief = thief_of_the_password(desk, clock)
    assert bind(thief, SoftPasskey(desk.issuer)) == {"location": "/sign-in?strongest=1"}
    of_kind(desk, "passkey")


@pytest.mark.row("assurance", "CM-9")
def test_a_stolen_password_changes_no_password_where_a_passkey_is_bound(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen().add_passkey()
    session = session_of(desk, thief_of_the_password(desk, clock))
    with pytest.raises(ProveAgain):
        desk.login.management.change_password(session, PASSWORD, NEW, NEW, HERE)
    assert desk.browser().sign_in().status_code == 303


@pytest.mark.row("assurance", "CM-9")
def test_a_passkey_is_stronger_than_a_password_also_where_it_reaches_no_higher_level(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen()
    later = desk.browser()
    later.sign_in()
    later.add_passkey()  # bound by who had shown a password only: level 2, as the password
    thief = thief_of_the_password(desk, clock)
    assert bind(thief, SoftPasskey(desk.issuer)) == {"location": "/sign-in?strongest=1"}


def test_a_passkey_that_was_bound_meanwhile_counts_although_the_password_was_shown_before(
    desk: SignInDesk,
) -> None:
    owner, thief = desk.citizen(), desk.browser("198.51.100.7")
    thief.sign_in()
    asked = thief.send("/passkeys/options", {}).json()
    theirs = SoftPasskey(desk.issuer)
    owner.add_passkey()
    body = {"challenge": asked["challenge"], "credential": theirs.create(asked["options"])}
    assert thief.send("/passkeys", body).json() == {"location": "/sign-in?strongest=1"}
    assert desk.browser().use(theirs).status_code == 422


def test_a_session_that_ended_meanwhile_changes_nothing(desk: SignInDesk) -> None:
    owner, other = desk.citizen(), desk.browser()
    passkey = owner.add_passkey()
    other.use(passkey)
    stolen = session_of(desk, other)
    with desk.runtime.database.write() as uow:
        desk.login.end_session(uow, stolen.id, "ended by the owner", desk.runtime.clock.now())
    with pytest.raises(ProveAgain):
        desk.login.management.remove(stolen, of_kind(desk, "password"))
    with pytest.raises(ProveAgain):
        desk.login.management.change_password(stolen, PASSWORD, NEW, NEW, HERE)


def test_who_shows_the_passkey_changes_what_is_bound(desk: SignInDesk, clock: FrozenClock) -> None:
    passkey = desk.citizen().add_passkey()
    clock.advance(timedelta(days=1))
    browser = desk.browser()
    browser.use(passkey)
    second = SoftPasskey(desk.issuer)
    bind(browser, second)
    assert desk.browser().use(second).status_code == 200
    session = session_of(desk, browser)
    with pytest.raises(ChoiceRefused):
        desk.login.management.change_password(session, PASSWORD, "short", "short", HERE)
    desk.login.management.change_password(session, PASSWORD, NEW, NEW, HERE)
    desk.login.management.remove(session, of_kind(desk, "password"))


def test_a_passkey_without_its_users_gesture_is_not_the_strongest_means(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen(level=3).add_passkey()
    clock.advance(timedelta(days=1))
    passkey.user_verified = False  # who found the key, and knows no PIN
    finder = desk.browser()
    finder.use(passkey)
    assert "location" in bind(finder, SoftPasskey(desk.issuer))


def test_the_page_asks_for_the_passkey_and_for_nothing_weaker(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    passkey = desk.citizen().add_passkey()
    browser = thief_of_the_password(desk, clock)
    page = browser.get("/sign-in?return_to=%2Faccount%2Fcredentials&strongest=1").text
    assert "Continue with your passkey" in page
    assert "Continue with your password" not in page
    onward = browser.use(passkey, step_up=True, query="?return_to=%2Fnext&strongest=1").json()
    assert onward == {"location": "/next"}


def test_a_password_alone_is_shown_anew_where_nothing_stronger_is_bound(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen()
    clock.advance(timedelta(minutes=16))
    path = "/sign-in?return_to=%2Fnext&strongest=1"
    assert "Continue with your password" in browser.get(path).text
    done = browser.post(path, password=PASSWORD, step_up="1")
    assert (done.status_code, done.headers["location"]) == (303, "/next")
    assert browser.add_passkey()


@pytest.mark.row("assurance", "EN-7")
@pytest.mark.parametrize("in_person", [True, False])
def test_presence_at_the_proofing_comes_from_the_record(desk: SignInDesk, in_person: bool) -> None:
    person = desk.citizen().whoami()["id"]
    with desk.runtime.database.write() as uow:
        uow.execute(
            update(persons).where(persons.c.id == person).values(level=4, in_person=in_person)
        )
    with desk.runtime.database.read() as uow:
        subject = desk.login.directory.of_name(NAME)
        assert subject is not None
        proofing = desk.login.directory.standing(uow, subject).proofing
    assert (proofing.level, proofing.in_person) == (4, in_person)
