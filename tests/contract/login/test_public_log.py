"""What strangers cause is public, and tells nothing of who has an account — failures 21, P-4."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from foundation.audit import SYSTEM
from foundation.audit import log as audit_log
from foundation.clock import FrozenClock
from policies import Facts, Question
from tests.support.passkey import SoftPasskey
from tests.support.sign_in import NAME, PASSWORD, SignInDesk, with_cheap_passwords

pytestmark = pytest.mark.row("failures", "21")
STRANGER = "198.51.100.7"


def public(desk: SignInDesk, start: int) -> list[Any]:
    """The form of all public bytes from a leaf on: everything but what is random by itself."""
    desk.runtime.audit.tree.sequence(desk.runtime.clock.now())
    with desk.runtime.database.read() as uow:
        shown = audit_log.entries(uow, start, 1000)
    forms = []
    for entry in shown:
        told = json.loads(entry.open)
        forms.append(
            (
                told["kind"],
                told["at"],
                told["actor"]["kind"],
                len(told["actor"]["ref"]),
                [len(ref) for ref in told["persons"]],
                len(entry.open),
                [len(digest) for digest in entry.sealed_digests],
            )
        )
    return sorted(forms)


def size(desk: SignInDesk) -> int:
    desk.runtime.audit.tree.sequence(desk.runtime.clock.now())
    with desk.runtime.database.read() as uow:
        return audit_log.size(uow)


def guess_passwords(desk: SignInDesk, name: str) -> None:
    """Three guesses, and all that is written of them until their window is over."""
    browser = desk.browser(STRANGER)
    for guess in ("first guess", "second guess", "third guess"):
        assert browser.sign_in(name, guess).status_code == 422
    settle(desk)


def settle(desk: SignInDesk) -> None:
    clock = desk.runtime.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(desk.login.settings.window + timedelta(seconds=1))
    desk.login.failures.sweep(clock.now())


def show_a_passkey(desk: SignInDesk, passkey: SoftPasskey) -> None:
    browser = desk.browser(STRANGER)
    for fault in ("https://evil.example", "https://worse.example"):
        passkey.origin = fault
        assert browser.use(passkey).status_code == 422
    settle(desk)


def form_of(desk: SignInDesk, act: Callable[[], object]) -> list[Any]:
    start = size(desk)
    began = desk.runtime.clock.now()
    act()
    forms = public(desk, start)
    assert forms, "what strangers try is on record"
    # Instants are compared from the beginning of each act.
    return [(kind, datetime.fromisoformat(at) - began, *rest) for kind, at, *rest in forms]


@pytest.mark.row("failures", "21")
def test_guesses_at_a_name_look_the_same_whoever_has_it(desk: SignInDesk) -> None:
    desk.citizen()
    secret = desk.register.staff.invite("auditor", "Ada Mets", desk.runtime.clock.now())
    member = desk.browser()
    member.get(f"/invitation/{secret}")
    member.post("/activate/set-up", name="ada", password=PASSWORD, repeated=PASSWORD)
    forms = [form_of(desk, lambda n=n: guess_passwords(desk, n)) for n in (NAME, "ada", "nobody")]
    assert forms[0] == forms[1] == forms[2]
    assert [kind for kind, *_ in forms[0]] == ["sign-in.failed", "sign-in.failed-again"]


def test_a_name_that_is_locked_looks_the_same_whoever_has_it(desk: SignInDesk) -> None:
    desk.citizen()

    def lock(name: str) -> None:
        browser = desk.browser(STRANGER)
        for _ in range(desk.login.settings.account_attempts + 3):
            browser.sign_in(name, "a guess")
        settle(desk)

    assert form_of(desk, lambda: lock(NAME)) == form_of(desk, lambda: lock("nobody"))


def test_a_passkey_that_proves_nothing_looks_the_same_whose_ever_it_is(desk: SignInDesk) -> None:
    bound = desk.citizen().add_passkey()
    other = desk.citizen("berta", number="CD654321")
    asked = other.send("/passkeys/options", {}).json()
    unknown = SoftPasskey(desk.issuer)
    unknown.create(asked["options"])
    assert form_of(desk, lambda: show_a_passkey(desk, bound)) == form_of(
        desk, lambda: show_a_passkey(desk, unknown)
    )


def test_codes_that_open_nothing_look_the_same(desk: SignInDesk) -> None:
    used = desk.enrol()
    desk.browser().activate(used)

    def try_code(code: str) -> None:
        for _ in range(3):
            assert desk.browser(STRANGER).post("/activate", code=code).status_code == 410
        settle(desk)

    made_up = "BCDFG-BCDFG-BCDFG-BCDFG"
    assert form_of(desk, lambda: try_code(used)) == form_of(desk, lambda: try_code(made_up))


def test_a_question_about_nobody_looks_like_one_about_somebody(desk: SignInDesk) -> None:
    person = desk.citizen().whoami()["id"]

    def ask(about: str) -> None:
        question = Question(
            "svc_library",
            about,
            ("resident_of_city",),
            "city.residence-services",
            desk.runtime.clock.now(),
            "verify",
        )
        desk.policies.decide(question, Facts(level=2 if about else 0))

    assert form_of(desk, lambda: ask(person)) == form_of(desk, lambda: ask(""))


def test_an_event_looks_the_same_about_somebody_nobody_and_who_was_erased(
    desk: SignInDesk,
) -> None:
    person = desk.citizen().whoami()["id"]
    erased = desk.citizen("berta", number="CD654321").whoami()["id"]
    desk.runtime.vault.erase(erased)

    def record(*persons: str) -> None:
        with desk.runtime.database.write() as uow:
            desk.runtime.audit.record(uow, "something.happened", SYSTEM, persons, {"a": 1})

    forms = [form_of(desk, lambda p=p: record(*p)) for p in ((person,), (), (erased,))]
    assert forms[0] == forms[1] == forms[2]
    with desk.runtime.database.read() as uow:
        digests = [d for e in audit_log.entries(uow, 0, 1000) for d in e.sealed_digests]
    assert len(set(digests)) == len(digests), "no digest is that of a known value"
    assert desk.runtime.audit.tree.verify().ok


@pytest.mark.row("assurance", "AU-13")
def test_the_owner_reads_how_often_somebody_tried(desk: SignInDesk) -> None:
    person = desk.citizen().whoami()["id"]
    guess_passwords(desk, NAME)
    told = [(kind, d) for kind, d in desk.events(person) if kind.startswith("sign-in.failed")]
    assert [kind for kind, _ in told] == ["sign-in.failed", "sign-in.failed-again"]
    assert told[1][1]["more"] == 2


@pytest.mark.row("assurance", "AU-3")
def test_a_spray_over_many_names_begins_a_bounded_number_of_events(
    desk: SignInDesk,
) -> None:
    few = with_cheap_passwords(desk.runtime.settings, failure_events=10)
    desk.login.failures._settings = few.of(type(desk.login.settings))
    start = size(desk)
    for n in range(25):
        desk.browser(f"198.51.100.{n}").sign_in(f"nobody{n}", "a guess")
    # One for each of ten names, and one for all others together, whose number follows.
    assert [kind for kind, *_ in public(desk, start)] == ["sign-in.failed"] * 11
    settle(desk)
    again = [kind for kind, *_ in public(desk, start)].count("sign-in.failed-again")
    assert again == 1
