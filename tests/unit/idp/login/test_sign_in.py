"""Name and password — ISO/IEC 29115 AU-2, AU-4, AU-9, AU-13; X.1253 9.3-4; failures 5, 13."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import func, select, update

from foundation.audit.tables import events
from foundation.clock import FrozenClock
from idp.login import LoginSettings, store
from idp.login.authenticators.password import Passwords
from idp.login.tables import credentials
from tests.support.sign_in import NAME, OFFICER, PASSWORD, SignInDesk


def sentence(page: Any) -> str:
    """What the notice of a page says."""
    found = re.search(r'<ul>\s*<li>(?:<a href="#\w+">)?([^<]+)<', page.text)
    assert found is not None, page.text
    return found[1]


def test_name_and_password_lead_on_to_the_errand(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser()
    done = browser.sign_in(query="?return_to=%2Foauth%2Fcontinue%3Ftransaction%3D1")
    assert done.status_code == 303
    assert done.headers["location"] == "/oauth/continue?transaction=1"
    assert browser.whoami()["level"] == 2


@pytest.mark.parametrize(
    "errand",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/%09/evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
    ],
)
def test_an_errand_never_leads_to_another_host(desk: SignInDesk, errand: str) -> None:
    desk.citizen()
    browser = desk.browser()
    done = browser.sign_in(query=f"?return_to={quote(errand, safe='%')}")
    assert done.headers["location"] == "/account"


@pytest.mark.row("assurance", "X.1253-9.3-4")
def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(desk: SignInDesk) -> None:
    desk.citizen()
    wrong = desk.browser().sign_in(password="something else")
    unknown = desk.browser().sign_in(name="nobody")
    assert wrong.status_code == unknown.status_code == 422
    assert sentence(wrong) == sentence(unknown)


@pytest.mark.row("assurance", "X.1253-9.3-4")
def test_an_unknown_name_costs_a_hash_like_a_known_one(
    desk: SignInDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.citizen()
    passwords = desk.login.sign_in._passwords
    hashed: list[str] = []
    matches = passwords._matches

    def counting(password: str, written: str) -> bool:
        hashed.append(written[:30])
        return matches(password, written)

    monkeypatch.setattr(passwords, "_matches", counting)
    desk.browser().sign_in(name="nobody")
    desk.browser().sign_in(password="something else")
    assert len(hashed) == 2
    assert hashed[0] == hashed[1], "the same algorithm and parameters"


@pytest.mark.row("assurance", "AU-4")
def test_a_dump_of_the_database_holds_no_password_and_only_sealed_slow_hashes(
    desk: SignInDesk, tmp_path: Path
) -> None:
    browser = desk.citizen()
    token = browser.cookie("session")
    assert token is not None
    desk.runtime.database.close()
    dump = b"".join(path.read_bytes() for path in tmp_path.glob("civitas.db*"))
    for secret in (PASSWORD, token, "argon2", NAME, "Tamm"):
        assert secret.encode() not in dump


@pytest.mark.row("assurance", "AU-4")
def test_as_shipped_a_password_is_hashed_as_slowly_as_rfc_9106_and_owasp_ask(
    desk: SignInDesk,
) -> None:
    passwords = Passwords(desk.runtime.keys, LoginSettings())
    written = passwords._open(passwords.hash(PASSWORD, "cred_1"), "cred_1")
    assert written.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert written != passwords._open(passwords.hash(PASSWORD, "cred_1"), "cred_1"), "salted"


@pytest.mark.row("assurance", "CM-1")
def test_a_stored_password_that_is_moved_to_another_person_opens_nothing(
    desk: SignInDesk,
) -> None:
    desk.citizen()
    mine = desk.browser()
    mine.activate(desk.enrol("CD654321"), "other", "quiet marble ladder comet")
    with desk.runtime.database.write() as uow:
        rows = uow.all(select(credentials).order_by(credentials.c.created_at))
        sealed = next(r.secret for r in rows if r.subject_id == mine.whoami()["id"])
        uow.execute(update(credentials).values(secret=sealed))
    thief = desk.browser()
    # Somebody wrote to our database: that is no mistake of the visitor's.
    assert thief.sign_in(NAME, "quiet marble ladder comet").status_code == 500
    assert thief.whoami() is None
    assert thief.sign_in("other", "quiet marble ladder comet").status_code == 303


def test_a_password_means_the_same_however_the_keyboard_composes_it(desk: SignInDesk) -> None:
    composed = unicodedata.normalize("NFC", "žõäü vaga jõgi põder")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    desk.browser().activate(desk.enrol(), password=composed)
    assert desk.browser().sign_in(password=decomposed).status_code == 303


def test_a_password_is_hashed_anew_when_the_parameters_changed(desk: SignInDesk) -> None:
    desk.citizen()
    subject = desk.login.directory.of_name(NAME)
    assert subject is not None
    costlier = SignInDesk(desk.runtime)
    passwords = costlier.login.sign_in._passwords
    passwords._hasher.__init__(time_cost=2, memory_cost=7168, parallelism=1)  # type: ignore[misc]
    assert costlier.browser().sign_in().status_code == 303
    with desk.runtime.database.read() as uow:
        stored = store.password_of(uow, subject)
    assert stored is not None
    assert not passwords.outdated(stored[1], stored[0].id)


@pytest.mark.row("failures", "13")
@pytest.mark.row("assurance", "AU-2")
def test_one_wrong_attempt_counts_once(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser()
    allowed = desk.login.settings.account_attempts
    answers = [browser.sign_in(password="wrong").status_code for _ in range(allowed + 1)]
    assert answers == [422] * allowed + [429]


@pytest.mark.row("assurance", "AU-2")
def test_a_name_that_nobody_has_locks_like_any_other(desk: SignInDesk) -> None:
    browser = desk.browser()
    allowed = desk.login.settings.account_attempts
    answers = [browser.sign_in(name="nobody").status_code for _ in range(allowed + 1)]
    assert answers == [422] * allowed + [429]


@pytest.mark.row("assurance", "AU-2")
def test_a_name_typed_in_other_ways_is_locked_as_one(desk: SignInDesk) -> None:
    browser = desk.browser()
    typed = ["o'brien", "O\u2019BRIEN", "\u200bo\u2018brien ", "ｏ'brien", "o\uff07brien"]
    allowed = desk.login.settings.account_attempts
    answers = [browser.sign_in(name=typed[n % 5]).status_code for n in range(allowed + 1)]
    assert answers == [422] * allowed + [429]


@pytest.mark.row("failures", "13")
def test_a_stranger_who_guesses_cannot_lock_out_the_person_at_their_own_browser(
    desk: SignInDesk,
) -> None:
    own = desk.citizen()
    own.post("/sign-out", form="/activate/passkey")
    stranger = desk.browser("198.51.100.7")
    while stranger.sign_in(password="wrong").status_code != 429:
        pass
    assert own.sign_in().status_code == 303


@pytest.mark.row("failures", "13")
def test_a_lock_out_of_a_new_browser_passes_within_minutes(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen()
    stranger = desk.browser("198.51.100.7")
    while (answer := stranger.sign_in(password="wrong")).status_code != 429:
        pass
    wait = int(answer.headers["retry-after"])
    assert wait <= 120
    clock.advance(timedelta(seconds=wait))
    assert desk.browser().sign_in().status_code == 303


def test_right_passwords_are_not_counted_against_their_source(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser()
    for _ in range(desk.login.settings.account_attempts + 5):
        assert browser.sign_in().status_code == 303


@pytest.mark.row("assurance", "AU-13")
def test_success_and_failure_are_on_record_with_method_level_and_credential(
    desk: SignInDesk,
) -> None:
    person = desk.citizen().whoami()["id"]
    desk.browser().sign_in(password="a wrong secret")
    desk.browser().sign_in()
    told = desk.events(person)
    credential = desk.login.management.list(desk.login.directory.of_name(NAME))[0].id  # type: ignore[arg-type]
    failed = [details for kind, details in told if kind == "sign-in.failed"]
    assert failed == [{"method": "password", "reason": "wrong password", "credential": credential}]
    succeeded = [details for kind, details in told if kind == "sign-in.succeeded"]
    assert {(d["method"], d["level"], d["credential"]) for d in succeeded} == {
        ("password", 2, credential)
    }
    assert "a wrong secret" not in str(told)
    assert PASSWORD not in str(told)


@pytest.mark.row("assurance", "AU-3")
def test_a_guessing_pattern_is_on_record_once_a_window(desk: SignInDesk) -> None:
    desk.citizen()
    stranger = desk.browser("198.51.100.7")
    for _ in range(desk.login.settings.account_attempts + 4):
        stranger.sign_in(password="wrong")
    with desk.runtime.database.read() as uow:
        row = uow.one(
            select(func.count()).select_from(events).where(events.c.kind == "sign-in.locked")
        )
    assert row is not None
    assert row[0] == 1


# ── sessions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("failures", "5")
@pytest.mark.row("assurance", "AU-9")
def test_a_session_identifier_that_was_planted_is_worth_nothing_after_sign_in(
    desk: SignInDesk,
) -> None:
    desk.citizen()
    attacker = desk.citizen("mallory", number="CD654321")
    planted, mallory = attacker.cookie("session"), attacker.whoami()["id"]
    victim = desk.browser()
    victim.set_cookie("session", str(planted))
    victim.sign_in()
    assert victim.cookie("session") != planted
    assert victim.whoami()["id"] != mallory
    assert attacker.whoami() is None, "nobody shares a session"


@pytest.mark.row("failures", "5")
def test_signing_in_as_somebody_else_never_keeps_the_session_id(desk: SignInDesk) -> None:
    desk.citizen("berta", number="CD654321")
    browser = desk.citizen()
    before = browser.whoami()
    browser.sign_in("berta", query="?fresh=1")
    after = browser.whoami()
    assert after["id"] != before["id"]
    assert after["session"] != before["session"]
    with desk.runtime.database.read() as uow:
        assert not desk.login.session_lives(uow, before["session"])


@pytest.mark.row("failures", "5")
def test_giving_up_a_forced_sign_in_leaves_the_old_session_and_answers_nothing(
    desk: SignInDesk,
) -> None:
    browser = desk.citizen()
    before = browser.whoami()
    forced = {"prompt": frozenset({"login"}), "return_to": "/oauth/continue?transaction=7"}
    go_to = browser.who(**forced)["go_to"]
    assert "fresh=1" in go_to
    assert browser.get(go_to).status_code == 200
    # The person closes the page, and the service's request is tried again.
    assert "go_to" in browser.who(**forced)
    assert browser.whoami() == before


def test_a_forced_sign_in_is_answered_by_the_sign_in_that_it_led_to(desk: SignInDesk) -> None:
    browser = desk.citizen()
    before = browser.whoami()
    forced = {"prompt": frozenset({"login"}), "return_to": "/oauth/continue?transaction=7"}
    go_to = browser.who(**forced)["go_to"]
    browser.post(go_to, name=NAME, password=PASSWORD)
    answer = browser.who(**forced)
    assert (answer["subject"], answer["session"]) == (before["id"], before["session"])
    assert "go_to" in browser.who(**{**forced, "return_to": "/oauth/continue?transaction=8"})


@pytest.mark.row("assurance", "AU-9")
def test_a_new_cookie_at_every_proof_kills_the_one_before(desk: SignInDesk) -> None:
    browser = desk.citizen()
    old = browser.cookie("session")
    browser.sign_in(query="?fresh=1")
    copy = desk.browser()
    copy.set_cookie("session", str(old))
    assert copy.whoami() is None
    assert browser.whoami() is not None


def test_max_age_asks_again_when_the_proof_is_old(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen()
    clock.advance(timedelta(minutes=5))
    assert "go_to" in browser.who(max_age=timedelta(minutes=4))
    assert "subject" in browser.who(max_age=timedelta(minutes=6))


@pytest.mark.row("assurance", "AU-9")
def test_a_session_ends_when_nothing_happens_and_after_its_lifetime(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen()
    settings = desk.login.settings
    clock.advance(settings.idle + timedelta(seconds=1))
    assert browser.whoami() is None
    browser.sign_in()
    begun = clock.now()
    while clock.now() - begun < settings.lifetime:
        assert browser.whoami() is not None
        clock.advance(settings.idle - timedelta(minutes=1))
    assert browser.whoami() is None


def test_signing_out_ends_the_session_at_every_endpoint(desk: SignInDesk) -> None:
    browser = desk.citizen()
    old = str(browser.cookie("session"))
    assert browser.post("/sign-out", form="/activate/passkey").status_code == 303
    assert browser.whoami() is None
    copy = desk.browser()
    copy.set_cookie("session", old)
    assert copy.whoami() is None


def test_signing_out_needs_our_own_form(desk: SignInDesk) -> None:
    browser = desk.citizen()
    assert browser.http.post("/sign-out", data={"csrf_token": "x"}).status_code == 403
    assert browser.whoami() is not None


def test_who_sends_a_citizen_of_no_session_to_sign_in_and_staff_are_no_citizens(
    desk: SignInDesk,
) -> None:
    secret = desk.register.staff.invite("officer", "Ada Mets", desk.runtime.clock.now())
    browser = desk.browser()
    assert browser.who()["go_to"].startswith("/sign-in?return_to=")
    browser.get(f"/invitation/{secret}")
    browser.post("/activate/set-up", name="ada", password=PASSWORD, repeated=PASSWORD)
    assert browser.who()["go_to"].startswith("/sign-in?return_to=")


def test_who_asks_for_no_level_that_the_person_cannot_reach(desk: SignInDesk) -> None:
    browser = desk.citizen()
    answer = browser.who(level=3)
    assert answer["level"] == 2, "the asker decides what a lower level means"


# ── the life of the identity ─────────────────────────────────────────────────────────────────


def test_no_authentication_outside_active(desk: SignInDesk) -> None:
    browser = desk.citizen()
    person = browser.whoami()["id"]
    desk.life.suspend(person, OFFICER, "reported stolen", desk.runtime.clock.now())
    assert browser.whoami() is None, "suspension ends sessions"
    answer = desk.browser().sign_in()
    assert answer.status_code == 422
    assert "suspended" in answer.text
    assert "suspended" not in desk.browser().sign_in(password="wrong").text
    reasons = [d["reason"] for kind, d in desk.events(person) if kind == "sign-in.failed"]
    assert sorted(reasons) == ["suspended", "wrong password"]


@pytest.mark.row("failures", "13")
def test_a_right_password_forgives_the_wrong_ones_before_it(desk: SignInDesk) -> None:
    desk.citizen()
    for _ in range(3):
        for _ in range(desk.login.settings.account_attempts - 1):
            assert desk.browser().sign_in(password="wrong").status_code == 422
        assert desk.browser().sign_in().status_code == 303
