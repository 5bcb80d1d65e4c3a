"""What must work once, or not at all, on every database and under many threads — failures 4, 5."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from foundation.errors import Conflict
from idp.login import challenges, store
from tests.support.sign_in import NAME, PASSWORD, SignInDesk

THREADS = 8


def at_once(work: Callable[[int], object]) -> list[object]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(THREADS)))


@pytest.mark.row("assurance", "AU-8")
def test_a_challenge_is_taken_by_one_of_many_threads(desk: SignInDesk) -> None:
    now = desk.runtime.clock.now()
    database = desk.runtime.database
    with database.write() as uow:
        handle = challenges.open_challenge(
            uow, "sign-in", "browser", {"challenge": "x"}, now + timedelta(minutes=1)
        )

    def take(_: int) -> bool:
        with database.write() as uow:
            return challenges.take(uow, handle, "browser", "sign-in", now) is not None

    assert sorted(at_once(take)) == [False] * (THREADS - 1) + [True]  # type: ignore[type-var]


@pytest.mark.row("failures", "4")
def test_one_of_many_activations_by_the_same_code_succeeds_and_is_whole(desk: SignInDesk) -> None:
    code = desk.enrol()
    browsers = [desk.browser(f"192.0.2.{n}") for n in range(THREADS)]
    tokens = []
    for browser in browsers:
        browser.post("/activate", code=code)
        tokens.append(browser.csrf("/activate/set-up"))

    def complete(n: int) -> str:
        done = browsers[n].http.post(
            "/activate/set-up",
            data={
                "csrf_token": tokens[n],
                "name": f"person{n}",
                "password": PASSWORD,
                "repeated": PASSWORD,
            },
        )
        return str(done.headers.get("location", done.status_code))

    answers = at_once(complete)
    assert answers.count("/activate/passkey") == 1
    names = [n for n in range(THREADS) if desk.login.directory.of_name(f"person{n}") is not None]
    assert names == [answers.index("/activate/passkey")]
    assert desk.browser().sign_in(f"person{names[0]}").status_code == 303


def test_a_process_that_dies_before_the_commit_leaves_the_code_working(
    desk: SignInDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = desk.enrol()
    browser = desk.browser()
    browser.post("/activate", code=code)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(desk.login.establishing, "establish", die)
        with pytest.raises(Killed):
            browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    assert desk.login.directory.of_name(NAME) is None
    done = browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    assert done.status_code == 303


@pytest.mark.row("assurance", "AU-5")
def test_one_counter_value_is_accepted_from_one_of_many_threads(desk: SignInDesk) -> None:
    browser = desk.citizen()
    passkey = browser.add_passkey()
    subject = desk.login.directory.of_name(NAME)
    assert subject is not None
    (credential,) = (c for c in desk.login.management.list(subject) if c.kind == "passkey")
    now = desk.runtime.clock.now()

    def count(_: int) -> bool:
        with desk.runtime.database.write() as uow:
            return store.counted(uow, credential.id, passkey.counter + 1, now)

    assert sorted(at_once(count)) == [False] * (THREADS - 1) + [True]  # type: ignore[type-var]


@pytest.mark.row("failures", "13")
def test_wrong_attempts_that_arrive_together_each_count_once(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser("198.51.100.7")
    token = browser.csrf("/sign-in")
    allowed = desk.login.settings.account_attempts

    def guess(_: int) -> int:
        fields = {"csrf_token": token, "name": NAME, "password": "wrong"}
        return browser.http.post("/sign-in", data=fields).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(guess, range(allowed + 6)))
    assert sorted(answers) == [422] * allowed + [429] * 6


def test_many_proofs_at_once_rotate_a_cookie_once_and_all_give_the_same(desk: SignInDesk) -> None:
    browser = desk.citizen()
    token = browser.cookie("session")
    assert token is not None
    now = desk.runtime.clock.now()
    sessions = desk.login.sessions
    session = sessions.find(token, now)
    assert session is not None

    def renew(_: int) -> str | None:
        with desk.runtime.database.write() as uow:
            return sessions.renew(uow, session, token, session.proofs, 2, now)

    (fresh,) = set(at_once(renew))
    assert isinstance(fresh, str)
    assert fresh != token
    assert sessions.find(fresh, now) is not None
    assert sessions.find(token, now) is None


def test_the_last_way_to_sign_in_cannot_be_removed_by_two_at_once(desk: SignInDesk) -> None:
    browser = desk.citizen()
    browser.use(browser.add_passkey(), step_up=True)
    token = browser.cookie("session")
    assert token is not None
    session = desk.login.sessions.find(token, desk.runtime.clock.now())
    assert session is not None
    bound = desk.login.management.list(session.subject)
    assert len(bound) == 2

    def remove(n: int) -> bool:
        try:
            desk.login.management.remove(session, bound[n].id)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, range(2))) == [False, True]
    assert len(desk.login.management.list(session.subject)) == 1
