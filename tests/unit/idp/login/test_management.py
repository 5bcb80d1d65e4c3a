"""A person's own credentials — ISO/IEC 29115 CM-8, CM-9; failures 4, 12."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.clock import FrozenClock
from foundation.errors import Conflict, NotFound, TooManyRequests
from idp.login import ChoiceRefused, ProveAgain, Session, SignInRefused
from idp.login.tables import credentials
from tests.support.sign_in import NAME, PASSWORD, Browser, SignInDesk

NEW = "marble hedge pilot walrus"
HERE = "192.0.2.1"


def session_of(desk: SignInDesk, browser: Browser) -> Session:
    found = desk.login.sessions.find(str(browser.cookie("session")), desk.runtime.clock.now())
    assert found is not None
    return found


@pytest.mark.row("assurance", "CM-9")
def test_a_password_is_changed_by_proof_of_the_present_one(desk: SignInDesk) -> None:
    browser, other = desk.citizen(), desk.browser()
    other.sign_in()
    session = session_of(desk, browser)
    change = desk.login.management.change_password
    with pytest.raises(SignInRefused):
        change(session, "not mine", NEW, NEW, HERE)
    change(session, PASSWORD, NEW, NEW, HERE)
    assert browser.whoami() is not None
    assert other.whoami() is None, "other sessions end"
    assert desk.browser().sign_in().status_code == 422
    assert desk.browser().sign_in(password=NEW).status_code == 303


def test_a_new_password_obeys_the_same_rules(desk: SignInDesk) -> None:
    session = session_of(desk, desk.citizen())
    for chosen, repeated in (("password1234", "password1234"), (NEW, NEW + "x")):
        with pytest.raises(ChoiceRefused):
            desk.login.management.change_password(session, PASSWORD, chosen, repeated, HERE)


def test_guessing_the_present_password_is_throttled(desk: SignInDesk) -> None:
    session = session_of(desk, desk.citizen())
    for _ in range(desk.login.settings.account_attempts):
        with pytest.raises(SignInRefused):
            desk.login.management.change_password(session, "wrong", NEW, NEW, HERE)
    with pytest.raises(TooManyRequests):
        desk.login.management.change_password(session, "wrong", NEW, NEW, HERE)


@pytest.mark.row("failures", "13")
def test_a_new_password_that_will_not_do_is_no_wrong_attempt(desk: SignInDesk) -> None:
    session = session_of(desk, desk.citizen())
    change = desk.login.management.change_password
    for _ in range(desk.login.settings.account_attempts + 1):
        with pytest.raises(ChoiceRefused):
            change(session, PASSWORD, "password1234", "password1234", HERE)
    change(session, PASSWORD, NEW, NEW, HERE)


@pytest.mark.row("assurance", "AU-13")
def test_a_wrong_present_password_stands_in_the_ledger(desk: SignInDesk) -> None:
    session = session_of(desk, desk.citizen())
    with pytest.raises(SignInRefused):
        desk.login.management.change_password(session, "a guess", NEW, NEW, HERE)
    told = [d for kind, d in desk.events(session.subject.id) if kind == "sign-in.failed"]
    assert [details["reason"] for details in told] == ["wrong password"]
    assert "a guess" not in str(told)


@pytest.mark.row("assurance", "CM-7")
def test_what_a_person_calls_their_passkey_is_sealed_at_rest(desk: SignInDesk) -> None:
    browser = desk.citizen()
    browser.add_passkey(label="Anna Tamm's old phone")
    session = session_of(desk, browser)
    labels = {c.label for c in desk.login.management.list(session.subject)}
    assert "Anna Tamm's old phone" in labels
    with desk.runtime.database.read() as uow:
        rows = uow.all(select(credentials))
    assert not any("old phone" in str(tuple(row)) for row in rows)


@pytest.mark.row("assurance", "CM-8")
def test_a_passkey_that_was_removed_opens_nothing_from_then_on(desk: SignInDesk) -> None:
    browser = desk.citizen()
    passkey = browser.add_passkey()
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    browser.use(passkey, step_up=True)
    session = session_of(desk, browser)
    by_kind = {c.kind: c for c in desk.login.management.list(session.subject)}
    password, bound = by_kind["password"], by_kind["passkey"]
    desk.login.management.remove(session, bound.id)
    assert elsewhere.whoami() is None
    assert desk.browser().use(passkey).status_code == 422
    with pytest.raises(Conflict, match="only way"):
        desk.login.management.remove(session, password.id)


@pytest.mark.row("failures", "12")
def test_nobody_touches_the_credentials_of_another(desk: SignInDesk) -> None:
    mine, theirs = desk.citizen(), desk.citizen("berta", number="CD654321")
    theirs.add_passkey()
    bound = desk.login.management.list(session_of(desk, theirs).subject)
    for credential in bound:
        with pytest.raises(NotFound):
            desk.login.management.remove(session_of(desk, mine), credential.id)


def test_a_change_needs_a_recent_proof(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen()
    browser.add_passkey()
    session = session_of(desk, browser)
    clock.advance(timedelta(minutes=16))
    bound = desk.login.management.list(session.subject)
    with pytest.raises(ProveAgain):
        desk.login.management.remove(session, bound[1].id)


@pytest.mark.parametrize(
    "path",
    [
        lambda b: b.post("/activate/set-up", form="/activate", password=NEW, repeated=NEW),
        lambda b: b.get("/activate/set-up"),
        lambda b: b.get("/activate/passkey"),
    ],
)
@pytest.mark.row("failures", "4")
def test_no_page_sets_a_password_without_a_code_or_the_present_one(
    desk: SignInDesk, path: Callable[[Browser], object]
) -> None:
    desk.citizen()
    path(desk.browser())
    assert desk.browser().sign_in(NAME, NEW).status_code == 422
    assert desk.browser().sign_in(NAME, PASSWORD).status_code == 303
