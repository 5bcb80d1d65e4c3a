"""Authenticator apps, code cards, recovery codes — RFC 6238, NIST SP 800-63B §5.1.2, §5.1.4."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from foundation.clock import FrozenClock
from foundation.errors import Conflict, Forbidden, Gone, TooManyRequests
from idp.login import Login, ProveAgain, SignInRefused, WrongCode
from idp.login.authenticators.code_lists import CARD, FEW, RECOVERY
from idp.login.code_sign_in import USED, WRONG
from idp.login.session import Session
from idp.login.tables import credentials, enrolments
from idp.login.visit import Errand, Visit
from idp.register import Subject
from tests.contract.login.test_changing_means import of_kind, session_of
from tests.support.sign_in import NAME, PASSWORD, Browser, SignInDesk

MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=30)


def visit(source: str = "192.0.2.1") -> Visit:
    return Visit("browser", ("browser",), source, None, None, Errand())


def with_app(desk: SignInDesk, browser: Browser, clock: FrozenClock) -> pyotp.TOTP:
    """An app that was enrolled; its first code is used up by that."""
    session = session_of(desk, browser)
    desk.login.codes.begin_app(session)
    shown = desk.login.codes.new_app(session)
    assert shown is not None
    app = pyotp.TOTP(shown.key.replace(" ", ""))
    desk.login.codes.confirm_app(session, app.at(clock.now()))
    clock.advance(STEP)
    return app


def with_card(desk: SignInDesk, browser: Browser) -> tuple[str, ...]:
    """A card that was printed and activated."""
    session = session_of(desk, browser)
    printed = desk.login.codes.print_card(session)
    waiting = desk.login.codes.waiting_card(session.subject)
    assert waiting is not None
    desk.login.codes.activate_card(session, printed.codes[waiting[0] - 1])
    return printed.codes


def asked(desk: SignInDesk) -> int:
    number = desk.login.code_sign_in.asked(owner(desk))
    assert number is not None
    return number


def owner(desk: SignInDesk) -> Subject:
    subject = desk.login.directory.of_name(NAME)
    assert subject is not None
    return subject


def after_password(desk: SignInDesk, source: str = "192.0.2.1") -> tuple[Browser, Session]:
    browser = desk.browser(source)
    assert browser.sign_in().status_code == 303
    return browser, session_of(desk, browser)


def kinds(desk: SignInDesk) -> list[str]:
    return sorted(one.kind for one in desk.login.management.list(owner(desk)))


def type_code(browser: Browser, means: str, code: str, query: str = "?level=3") -> Any:
    """What the step-up page sends."""
    form = f"/sign-in{query}"
    return browser.post(f"/sign-in/code{query}", form=form, means=means, code=code)


# ── authenticator app ─────────────────────────────────────────────────────────────────


@pytest.mark.row("assurance", "AU-1")
def test_a_password_and_an_app_reach_level_three_and_say_so(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    browser, session = after_password(desk)
    assert session.level == 2
    assert browser.who(level=3)["go_to"].startswith("/sign-in?"), "the step up that is missing"
    page = browser.get("/sign-in?level=3").text
    assert "authenticator app" in page
    assert 'name="password"' not in page, "what was shown is not asked for again"
    done = type_code(browser, "totp", app.at(clock.now()))
    assert done.status_code == 303
    there = browser.who(level=3)
    assert (there["level"], there["amr"]) == (3, ["mfa", "otp", "pwd"])


@pytest.mark.rfc("6238", "5.2")
@pytest.mark.row("assurance", "AU-8")
def test_a_code_of_an_app_works_once_whoever_else_has_seen_it(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    code = app.at(clock.now())
    browser, _ = after_password(desk)
    thief, _ = after_password(desk, "198.51.100.7")
    assert type_code(browser, "totp", code).status_code == 303
    refused = type_code(thief, "totp", code)
    assert refused.status_code == 422
    assert "works once" in refused.text
    assert thief.whoami()["level"] == 2


@pytest.mark.row("assurance", "AU-8")
def test_one_code_typed_in_many_processes_at_once_lets_one_in(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    code = app.at(clock.now())
    others = [SignInDesk(desk.runtime).login for _ in range(4)]
    sessions = [after_password(desk)[1] for _ in others]
    inside, refused = at_once(others, sessions, "totp", code)
    assert inside == 1
    assert set(refused) <= {USED}


def at_once(
    logins: list[Login], sessions: list[Session], means: str, code: str
) -> tuple[int, list[str]]:
    """(how many got in, why the others did not)"""
    inside: list[int] = []
    refused: list[str] = []

    def one(login: Login, session: Session) -> None:
        try:
            login.code_sign_in.prove(means, code, visit(), session)
            inside.append(1)
        except SignInRefused as why:
            refused.append(why.reason)

    threads = [
        threading.Thread(target=one, args=pair) for pair in zip(logins, sessions, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(inside), refused


@pytest.mark.rfc("6238", "5.2")
@pytest.mark.parametrize(("steps", "works"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_the_clock_of_a_telephone_may_be_wrong_by_one_step(
    desk: SignInDesk, clock: FrozenClock, steps: int, works: bool
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    clock.advance(5 * MINUTE)
    _, session = after_password(desk)
    code = app.at(clock.now() + steps * STEP)
    if works:
        desk.login.code_sign_in.prove("totp", code, visit(), session)
        return
    with pytest.raises(SignInRefused, match=WRONG):
        desk.login.code_sign_in.prove("totp", code, visit(), session)


@pytest.mark.rfc("6238", "5.2")
def test_a_code_of_an_earlier_step_is_void_once_a_later_one_was_used(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    clock.advance(5 * MINUTE)
    _, session = after_password(desk)
    prove = desk.login.code_sign_in.prove
    prove("totp", app.at(clock.now() + STEP), visit(), session)
    _, session = after_password(desk)
    with pytest.raises(SignInRefused, match=USED):
        prove("totp", app.at(clock.now()), visit(), session)


@pytest.mark.row("assurance", "CM-3")
def test_an_app_counts_once_a_code_of_it_was_typed_and_not_before(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    session = session_of(desk, desk.citizen(level=3))
    desk.login.codes.begin_app(session)
    shown = desk.login.codes.new_app(session)
    assert shown is not None
    app = pyotp.TOTP(shown.key.replace(" ", ""))
    assert kinds(desk) == ["password"]
    _, other = after_password(desk)
    with pytest.raises(SignInRefused):
        desk.login.code_sign_in.prove("totp", app.at(clock.now()), visit(), other)
    with pytest.raises(WrongCode):
        desk.login.codes.confirm_app(session, "000000")
    desk.login.codes.confirm_app(session, app.at(clock.now()))
    assert kinds(desk) == ["password", "totp"]
    # From now on it is a part of what has to be shown, by who sends the form twice, too.
    with pytest.raises(ProveAgain):
        desk.login.codes.confirm_app(session, app.at(clock.now()))


def test_an_app_that_nobody_confirms_in_time_is_forgotten(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    desk.login.codes.begin_app(session_of(desk, browser))
    clock.advance(desk.login.settings.app + timedelta(seconds=1))
    browser.sign_in()
    assert desk.login.codes.new_app(session_of(desk, browser)) is None
    with pytest.raises(Gone):
        desk.login.codes.confirm_app(session_of(desk, browser), "000000")
    desk.login._sweep()
    with desk.runtime.database.read() as uow:
        assert uow.all(select(enrolments)) == []


@pytest.mark.row("assurance", "CM-7")
def test_the_key_of_an_app_and_the_codes_of_lists_are_nowhere_at_rest(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    app = with_app(desk, browser, clock)
    use_app(desk, browser, app, clock)
    codes = with_card(desk, browser)
    recovery = desk.login.codes.new_recovery_codes(session_of(desk, browser)).codes
    with desk.runtime.database.read() as uow:
        rows = [tuple(row) for row in uow.all(select(credentials))]
    told = str(rows) + str(desk.events(owner(desk).id))
    for secret in (app.secret, str(app.byte_secret()), *recovery):
        assert secret not in told
    stored = b"".join(v for row in rows for v in row if isinstance(v, bytes))
    assert app.byte_secret() not in stored
    assert not any(code.encode() in stored for code in codes)


def use_app(desk: SignInDesk, browser: Browser, app: pyotp.TOTP, clock: FrozenClock) -> None:
    done = type_code(browser, "totp", app.at(clock.now()), "?strongest=1")
    assert done.status_code == 303, done.text
    clock.advance(STEP)


@pytest.mark.row("assurance", "AU-2")
@pytest.mark.row("failures", "13")
def test_guessing_codes_with_a_stolen_password_is_slowed_down_and_told_to_its_owner(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    settings = desk.login.settings
    tried = 0
    for network in range(40):
        _, session = after_password(desk, f"10.{network}.0.1")
        for _ in range(settings.code_attempts + 1):
            try:
                desk.login.code_sign_in.prove("totp", "000000", visit(f"10.{network}.0.1"), session)
            except SignInRefused:
                tried += 1
            except TooManyRequests:
                break
    assert tried <= settings.code_attempts_a_day + 2 * 40
    told = [notice.kind for notice in desk.login.management.notices(owner(desk))]
    assert told.count("codes.guessed") == 1
    _, mine = after_password(desk, "192.0.2.77")
    desk.login.code_sign_in.prove("totp", app.at(clock.now()), visit("192.0.2.77"), mine)


def test_many_sessions_of_one_network_have_the_tries_of_one(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    with_app(desk, desk.citizen(level=3), clock)
    for _ in range(desk.login.settings.code_attempts):
        _, session = after_password(desk)
        with pytest.raises(SignInRefused):
            desk.login.code_sign_in.prove("totp", "000000", visit(), session)
    browser, _ = after_password(desk)
    page = type_code(browser, "totp", "000000")
    assert page.status_code == 429
    assert page.headers["Retry-After"]
    assert "too many attempts" in page.text


@pytest.mark.row("assurance", "AU-13")
def test_a_wrong_code_stands_in_the_ledger_and_what_was_typed_does_not(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    with_app(desk, desk.citizen(level=3), clock)
    _, session = after_password(desk)
    with pytest.raises(SignInRefused):
        desk.login.code_sign_in.prove("totp", "123 459", visit(), session)
    told = [d for kind, d in desk.events(session.subject.id) if kind == "sign-in.failed"]
    assert [(d["method"], d["reason"]) for d in told] == [("totp", WRONG)]
    assert "123" not in str([d["reason"] for d in told])


@pytest.mark.row("assurance", "CM-9")
def test_a_stolen_password_neither_removes_an_app_nor_brings_its_own(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    app = with_app(desk, desk.citizen(level=3), clock)
    thief, session = after_password(desk)
    for act in (
        lambda: desk.login.codes.begin_app(session),
        lambda: desk.login.codes.print_card(session),
        lambda: desk.login.codes.new_recovery_codes(session),
        lambda: desk.login.management.remove(session, of_kind(desk, "totp")),
    ):
        with pytest.raises(ProveAgain):
            act()
    use_app(desk, thief, app, clock)
    desk.login.management.remove(session_of(desk, thief), of_kind(desk, "totp"))
    assert kinds(desk) == ["password"]


@pytest.mark.row("failures", "12")
@pytest.mark.row("assurance", "CM-9")
def test_an_app_bound_with_a_password_alone_raises_nobody(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    clock.advance(desk.login.settings.set_up + MINUTE)
    browser.sign_in()
    app = with_app(desk, browser, clock)
    _, session = after_password(desk)
    raised = desk.login.code_sign_in.prove("totp", app.at(clock.now()), visit(), session)
    assert raised.session.level == 2
    # It keeps a thief of the password out of the account all the same.
    _, thief = after_password(desk)
    with pytest.raises(ProveAgain):
        desk.login.management.remove(thief, of_kind(desk, "totp"))


def test_a_new_app_takes_the_place_of_the_one_before(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen(level=3)
    old = with_app(desk, browser, clock)
    use_app(desk, browser, old, clock)
    new = with_app(desk, browser, clock)
    assert kinds(desk) == ["password", "totp"]
    _, session = after_password(desk)
    with pytest.raises(SignInRefused):
        desk.login.code_sign_in.prove("totp", old.at(clock.now()), visit(), session)
    desk.login.code_sign_in.prove("totp", new.at(clock.now()), visit(), session)


def test_the_password_stays_while_the_rest_is_shown_after_it(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    use_app(desk, browser, with_app(desk, browser, clock), clock)
    with pytest.raises(Conflict, match="only way"):
        desk.login.management.remove(session_of(desk, browser), of_kind(desk, "password"))


# ── code card ─────────────────────────────────────────────────────────────────────────


@pytest.mark.row("assurance", "AU-8")
def test_each_code_of_a_card_works_once_and_is_asked_for_by_its_number(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    codes = with_card(desk, desk.citizen(level=3))
    assert len(codes) == CARD == 148
    numbers = []
    for _ in range(3):
        browser, _ = after_password(desk)
        number = asked(desk)
        assert f"Code number {number} " in browser.get("/sign-in?level=3").text
        assert type_code(browser, "code-card", codes[number - 1]).status_code == 303
        assert browser.who(level=3)["amr"] == ["mfa", "otp", "pwd"]
        again, _ = after_password(desk)
        assert type_code(again, "code-card", codes[number - 1]).status_code == 422
        numbers.append(number)
    assert len(set(numbers)) == 3


def test_a_wrong_code_uses_none_up_and_the_same_number_is_asked_for(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    codes = with_card(desk, desk.citizen(level=3))
    number = asked(desk)
    browser, _ = after_password(desk)
    wrong = f"{(int(codes[number - 1]) + 1) % 1_000_000:06}"
    page = type_code(browser, "code-card", wrong)
    assert "not the code of that number" in page.text
    assert asked(desk) == number
    assert type_code(browser, "code-card", codes[number - 1]).status_code == 303


@pytest.mark.row("assurance", "AU-8")
def test_a_code_of_a_card_typed_in_many_processes_at_once_lets_one_in(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    codes = with_card(desk, desk.citizen(level=3))
    code = codes[asked(desk) - 1]
    others = [SignInDesk(desk.runtime).login for _ in range(4)]
    sessions = [after_password(desk)[1] for _ in others]
    inside, _ = at_once(others, sessions, "code-card", code)
    assert inside == 1


@pytest.mark.row("assurance", "CM-3")
def test_a_card_is_locked_until_one_of_its_codes_was_shown(desk: SignInDesk) -> None:
    browser = desk.citizen(level=3)
    session = session_of(desk, browser)
    printed = desk.login.codes.print_card(session)
    waiting = desk.login.codes.waiting_card(session.subject)
    assert waiting is not None
    number, _ = waiting
    assert kinds(desk) == ["password"]
    assert desk.login.code_sign_in.asked(session.subject) is None
    _, other = after_password(desk)
    with pytest.raises(SignInRefused):
        desk.login.code_sign_in.prove("code-card", printed.codes[number - 1], visit(), other)
    with pytest.raises(WrongCode):
        desk.login.codes.activate_card(session, printed.codes[number % CARD])
    desk.login.codes.activate_card(session, printed.codes[number - 1])
    assert kinds(desk) == ["code-card", "password"]
    assert desk.login.codes.left_of_card(session.subject) == CARD - 1, "that code is used up"


def test_a_new_card_is_offered_before_the_old_one_ends_and_ends_it_when_it_is_active(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    old = with_card(desk, browser)
    prove, subject = desk.login.code_sign_in.prove, owner(desk)
    while not desk.login.codes.ends_soon(subject):
        _, session = after_password(desk)
        prove("code-card", old[asked(desk) - 1], visit(), session)
    assert desk.login.codes.left_of_card(subject) == FEW
    told = [notice.kind for notice in desk.login.management.notices(subject)]
    assert told.count("card.few-left") == 1
    mine, _ = after_password(desk)
    assert type_code(mine, "code-card", old[asked(desk) - 1], "?strongest=1").status_code == 303
    current = session_of(desk, mine)
    printed = desk.login.codes.print_card(current)
    _, session = after_password(desk)
    prove("code-card", old[asked(desk) - 1], visit(), session)
    waiting = desk.login.codes.waiting_card(subject)
    assert waiting is not None
    desk.login.codes.activate_card(current, printed.codes[waiting[0] - 1])
    assert desk.login.codes.left_of_card(subject) == CARD - 1
    number = asked(desk)
    _, session = after_password(desk)
    with pytest.raises(SignInRefused):
        prove("code-card", old[number - 1], visit(), session)
    prove("code-card", printed.codes[number - 1], visit(), session)


# ── recovery codes ────────────────────────────────────────────────────────────────────


@pytest.mark.row("assurance", "CM-9")
def test_a_recovery_code_and_the_password_let_in_who_lost_their_passkey(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    passkey = browser.add_passkey()
    browser.use(passkey, step_up=True)
    codes = desk.login.codes.new_recovery_codes(session_of(desk, browser)).codes
    assert len(codes) == RECOVERY
    clock.advance(timedelta(hours=2))
    mine, session = after_password(desk)
    with pytest.raises(ProveAgain):
        desk.login.management.remove(session, of_kind(desk, "passkey"))
    assert "recovery code" in mine.get("/sign-in?strongest=1").text
    done = type_code(mine, "recovery-codes", codes[7].lower(), "?strongest=1")
    assert done.status_code == 303
    session = session_of(desk, mine)
    assert session.level == 2, "it adds nothing to the session"
    assert session.amr == ("pwd",)
    desk.login.management.remove(session, of_kind(desk, "passkey"))
    fresh = mine.add_passkey()
    again = desk.browser()
    again.use(fresh)
    assert again.whoami()["level"] == 3, "as good as what was lost"
    told = [notice.kind for notice in desk.login.management.notices(owner(desk))]
    assert told.count("recovery-code.used") == 1


def test_a_recovery_code_works_once_and_alone_does_nothing(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    browser.use(passkey := browser.add_passkey(), step_up=True)
    codes = desk.login.codes.new_recovery_codes(session_of(desk, browser)).codes
    clock.advance(timedelta(minutes=20))
    # A session whose password was shown long ago: the code alone changes nothing.
    stale, _ = after_password(desk)
    clock.advance(timedelta(minutes=20))
    assert type_code(stale, "recovery-codes", codes[0]).status_code == 303
    with pytest.raises(ProveAgain):
        desk.login.management.remove(session_of(desk, stale), of_kind(desk, "passkey"))
    _, session = after_password(desk)
    with pytest.raises(SignInRefused, match=WRONG):
        desk.login.code_sign_in.prove("recovery-codes", codes[0], visit(), session)
    assert desk.login.codes.left_of_recovery(owner(desk)) == RECOVERY - 1
    assert desk.browser().use(passkey).status_code == 200


def test_new_recovery_codes_end_those_of_before(desk: SignInDesk) -> None:
    session = session_of(desk, desk.citizen(level=3))
    old = desk.login.codes.new_recovery_codes(session).codes
    desk.login.codes.new_recovery_codes(session)
    with pytest.raises(SignInRefused, match=WRONG):
        desk.login.code_sign_in.prove("recovery-codes", old[0], visit(), session)
    assert kinds(desk) == ["password", "recovery-codes"]


def test_whoever_comes_back_by_a_letter_leaves_nothing_of_before_behind(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    session = session_of(desk, desk.citizen(level=3))
    desk.login.codes.begin_app(session)
    with desk.runtime.database.write() as uow:
        desk.login.activation._end_what_was_lost(uow, session.subject, clock.now())
    with desk.runtime.database.read() as uow:
        assert uow.all(select(enrolments)) == []


def test_staff_have_passkeys_alone(desk: SignInDesk, clock: FrozenClock) -> None:
    staff = Session("ses_1", Subject("staff", "stf_1"), 3, (), clock.now(), clock.now())
    for act in (desk.login.codes.begin_app, desk.login.codes.print_card):
        with pytest.raises(Forbidden):
            act(staff)
    assert PASSWORD
