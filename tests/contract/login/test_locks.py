"""Means that their holder locks, sessions that they end, sign-ins that were not theirs — CM-8."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import delete

from foundation.clock import FrozenClock
from foundation.errors import Conflict, NotFound
from foundation.settings import Settings
from idp.login import ProveAgain
from idp.login.tables import locks
from idp.login.visit import device_of
from tests.contract.login.test_changing_means import NEW, of_kind, session_of
from tests.contract.login.test_codes import owner, type_code, with_app
from tests.support import deployments
from tests.support.sign_in import PASSWORD, Browser, SignInDesk, with_cheap_passwords

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)


@pytest.fixture
def telling(any_settings: Settings, clock: FrozenClock) -> Iterator[SignInDesk]:
    """A desk that tells of browsers which were not seen before."""
    chosen = with_cheap_passwords(any_settings, tell_new_browsers=True)
    runtime = deployments.ready_runtime(chosen, clock)
    yield SignInDesk(runtime)
    runtime.close()


def signed_in(desk: SignInDesk, address: str = "192.0.2.1", agent: str = FIREFOX) -> Browser:
    browser = desk.browser(address)
    browser.http.headers["User-Agent"] = agent
    assert browser.sign_in().status_code == 303
    return browser


@pytest.mark.row("assurance", "CM-8")
def test_a_means_that_the_citizen_locked_fails_with_its_own_error_and_another_one_still_works(
    desk: SignInDesk,
) -> None:
    """Aadhaar: both show in the citizen's history."""
    browser = desk.citizen(level=3)
    passkey = browser.add_passkey()
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    desk.login.management.lock(session_of(desk, browser), of_kind(desk, "passkey"))
    assert elsewhere.whoami() is None, "what was opened with it ends"
    refused = desk.browser().use(passkey)
    assert refused.status_code == 422
    assert "you locked it" in refused.text
    assert desk.browser().sign_in().status_code == 303
    told = desk.events(owner(desk).id)
    assert any(d.get("reason") == "locked by its holder" for _, d in told)
    assert [kind for kind, _ in told][-1] == "sign-in.succeeded"
    assert "credential.locked" in [
        notice.kind for notice in desk.login.management.notices(owner(desk))
    ]


@pytest.mark.row("assurance", "CM-8")
def test_a_locked_password_says_so_to_who_knows_it_and_to_nobody_else(desk: SignInDesk) -> None:
    browser = desk.citizen(level=3)
    passkey = browser.add_passkey()
    browser.use(passkey, step_up=True)
    desk.login.management.lock(session_of(desk, browser), of_kind(desk, "password"))
    right = desk.browser().sign_in()
    assert right.status_code == 422
    assert "you locked it" in right.text
    wrong = desk.browser().sign_in(password="not the password")
    assert "do not fit together" in wrong.text
    assert "you locked it" not in wrong.text
    assert desk.browser().use(passkey).status_code == 200


@pytest.mark.row("assurance", "CM-8")
def test_a_locked_app_is_neither_taken_nor_asked_for(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen(level=3)
    app: pyotp.TOTP = with_app(desk, browser, clock)
    desk.login.management.lock(session_of(desk, browser), of_kind(desk, "totp"))
    mine = signed_in(desk)
    assert "authenticator app" not in mine.get("/sign-in?level=3").text
    assert mine.who(level=3)["level"] == 2, "nobody is led to where nothing is"
    refused = type_code(mine, "totp", app.at(clock.now()), "?strongest=1")
    assert refused.status_code == 422
    assert "you locked it" in refused.text


@pytest.mark.row("assurance", "CM-9")
def test_locking_what_is_stronger_lets_nobody_change_the_means(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen(level=3).add_passkey()
    clock.advance(timedelta(days=1))
    thief = signed_in(desk, "198.51.100.7")
    desk.login.management.lock(session_of(desk, thief), of_kind(desk, "passkey"))
    with pytest.raises(ProveAgain):
        desk.login.management.remove(session_of(desk, thief), of_kind(desk, "passkey"))
    with pytest.raises(ProveAgain):
        desk.login.codes.begin_app(session_of(desk, thief))


@pytest.mark.row("assurance", "CM-9")
def test_it_is_unlocked_by_a_fresh_proof_of_what_is_left(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    browser = desk.citizen(level=3)
    passkey = browser.add_passkey()
    bound = of_kind(desk, "passkey")
    desk.login.management.lock(session_of(desk, browser), bound)
    clock.advance(timedelta(minutes=30))
    with pytest.raises(ProveAgain):
        desk.login.management.unlock(session_of(desk, browser), bound)
    again = signed_in(desk)
    desk.login.management.unlock(session_of(desk, again), bound)
    assert desk.browser().use(passkey).status_code == 200
    desk.login.management.unlock(session_of(desk, again), bound)


def test_the_last_way_in_is_not_locked(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen(level=3)
    with_app(desk, browser, clock)
    with pytest.raises(Conflict, match="only way"):
        desk.login.management.lock(session_of(desk, browser), of_kind(desk, "password"))


def test_nobody_locks_the_means_of_another(desk: SignInDesk) -> None:
    desk.citizen(level=3).add_passkey()
    bound = of_kind(desk, "passkey")
    other = desk.citizen("berta", number="CD654321")
    with pytest.raises(NotFound):
        desk.login.management.lock(session_of(desk, other), bound)
    with pytest.raises(NotFound):
        desk.login.management.unlock(session_of(desk, other), bound)


@pytest.mark.row("failures", "29")
def test_who_deletes_the_lock_from_the_database_opens_nothing(desk: SignInDesk) -> None:
    browser = desk.citizen(level=3)
    passkey = browser.add_passkey()
    desk.login.management.lock(session_of(desk, browser), of_kind(desk, "passkey"))
    with desk.runtime.database.at_leisure() as connection:
        connection.execute(delete(locks))
    assert desk.browser().use(passkey).status_code == 422
    again = signed_in(desk)
    desk.login.management.unlock(session_of(desk, again), of_kind(desk, "passkey"))
    assert desk.browser().use(passkey).status_code == 200


# ── sessions ──────────────────────────────────────────────────────────────────────────


@pytest.mark.row("assurance", "AU-9")
def test_sessions_are_listed_and_ended_one_by_one(desk: SignInDesk) -> None:
    desk.citizen(level=3)
    here, there, other = signed_in(desk), signed_in(desk, agent=CHROME), signed_in(desk)
    mine = session_of(desk, here)
    living = desk.login.management.living(mine)
    assert {"Chrome, Android", "Firefox, Linux"} <= {one.device for one in living}
    target = session_of(desk, there)
    desk.login.management.end_session(mine, target.id)
    assert there.whoami() is None
    assert here.whoami() is not None
    assert other.whoami() is not None
    with pytest.raises(NotFound):
        desk.login.management.end_session(mine, target.id)
    stranger = desk.citizen("berta", number="CD654321")
    with pytest.raises(NotFound):
        desk.login.management.end_session(session_of(desk, stranger), mine.id)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox, Linux"),
        (CHROME, "Chrome, Android"),
        ("curl/8.5", ""),
        ("", ""),
        ("Firefox/<script>", "Firefox"),
    ],
)
def test_a_browser_is_named_in_words_of_ours(agent: str, device: str) -> None:
    assert device_of(agent) == device


# ── a sign-in that was not mine ───────────────────────────────────────────────────────


@pytest.mark.row("assurance", "AU-3")
def test_a_sign_in_in_another_browser_is_told_and_this_was_not_me_ends_it(
    telling: SignInDesk,
) -> None:
    desk = telling
    here = desk.citizen(level=3)
    thief = signed_in(desk, "198.51.100.7", CHROME)
    notices = desk.login.management.notices(owner(desk))
    assert [notice.kind for notice in notices] == ["sign-in.new-browser"]
    assert notices[0].words["device"] == "Chrome, Android"
    with pytest.raises(NotFound):
        desk.login.management.was_not_me(session_of(desk, thief), notices[0].id)
    desk.login.management.was_not_me(session_of(desk, here), notices[0].id)
    assert thief.whoami() is None
    assert "you locked it" in signed_again(thief)
    assert here.whoami() is not None
    # The present session is there still, and a new password is no locked one.
    change = desk.login.management.change_password
    change(session_of(desk, here), PASSWORD, NEW, NEW, "192.0.2.1")
    assert desk.browser().sign_in(password=NEW).status_code == 303


def signed_again(browser: Browser) -> str:
    answer: str = browser.sign_in().text
    return answer


def test_a_browser_that_was_seen_before_is_told_of_once(telling: SignInDesk) -> None:
    desk = telling
    desk.citizen(level=3)
    other = signed_in(desk, agent=CHROME)
    other.sign_in(query="?fresh=1")
    other.post("/sign-out", form="/sign-in?fresh=1")
    other.sign_in()
    kinds = [notice.kind for notice in desk.login.management.notices(owner(desk))]
    assert kinds == ["sign-in.new-browser"]
