"""Activation codes and sign-in names: each works once, whoever races for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.audit import SYSTEM, Actor
from foundation.errors import BadRequest, CivitasError, Conflict
from foundation.runtime import Runtime
from idp.register import CodeRefused, InvitationRefused, NameTaken, Register, Subject
from idp.register.tables import activation_codes, sign_in_names, staff, staff_invitations

OFFICER = Actor("staff", "stf_officer")


def issue(register: Register, runtime: Runtime, person_id: str) -> str:
    with runtime.database.write() as uow:
        return register.codes.issue(uow, person_id, OFFICER, runtime.clock.now()).code


def race(count: int, work: Callable[[], str]) -> tuple[list[str], list[CivitasError]]:
    won: list[str] = []
    refused: list[CivitasError] = []
    start = threading.Barrier(count)

    def one() -> None:
        start.wait()
        try:
            won.append(work())
        except CivitasError as error:
            refused.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, refused


@pytest.mark.row("assurance", "CM-6")
def test_eight_threads_redeem_one_code_and_one_of_them_gets_in(register, any_runtime, person_id):
    code = issue(register, any_runtime, person_id)

    def redeem() -> str:
        now = any_runtime.clock.now()
        with any_runtime.database.write() as uow:
            return register.redeem_activation(uow, code, now)

    won, refused = race(8, redeem)
    assert won == [person_id]
    assert len(refused) == 7
    assert all(isinstance(r, CodeRefused) for r in refused)


def test_a_code_is_read_however_it_is_typed(register, any_runtime, person_id):
    code = issue(register, any_runtime, person_id)
    with any_runtime.database.write() as uow:
        typed = f" {code.lower().replace('-', ' ')} "
        assert register.redeem_activation(uow, typed, any_runtime.clock.now()) == person_id


def test_looking_at_a_code_does_not_use_it_up(register, any_runtime, person_id):
    code = issue(register, any_runtime, person_id)
    for _ in range(3):
        with any_runtime.database.read() as uow:
            found = register.peek_activation(uow, code, any_runtime.clock.now())
        assert found.person_id == person_id


def test_a_rolled_back_redemption_leaves_the_code_usable(register, any_runtime, person_id):
    code = issue(register, any_runtime, person_id)
    now = any_runtime.clock.now()

    def fail_after_redeeming() -> None:
        with any_runtime.database.write() as uow:
            register.redeem_activation(uow, code, now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_redeeming()
    with any_runtime.database.write() as uow:
        assert register.redeem_activation(uow, code, now) == person_id


@pytest.mark.row("assurance", "CM-6")
@pytest.mark.parametrize("days", [30, 31, 400])
def test_an_old_code_opens_nothing(register, any_runtime, person_id, days):
    code = issue(register, any_runtime, person_id)
    any_runtime.clock.advance(timedelta(days=days))
    with pytest.raises(CodeRefused), any_runtime.database.write() as uow:
        register.redeem_activation(uow, code, any_runtime.clock.now())
    with pytest.raises(CodeRefused), any_runtime.database.read() as uow:
        register.peek_activation(uow, code, any_runtime.clock.now())


def test_a_new_letter_ends_the_earlier_one(register, any_runtime, person_id):
    old, new = (issue(register, any_runtime, person_id) for _ in range(2))
    now = any_runtime.clock.now()
    with pytest.raises(CodeRefused), any_runtime.database.write() as uow:
        register.redeem_activation(uow, old, now)
    with any_runtime.database.write() as uow:
        assert register.redeem_activation(uow, new, now) == person_id


@pytest.mark.parametrize("code", ["", "AAAA-AAAA-AAAA-AAAA-AAAA", "\0", "é" * 50, "x" * 5000])
def test_what_is_no_code_is_refused_like_a_wrong_one(register, any_runtime, person_id, code):
    with pytest.raises(CodeRefused) as refusal, any_runtime.database.write() as uow:
        register.redeem_activation(uow, code, any_runtime.clock.now())
    assert "no longer works" in refusal.value.description


def test_an_active_identity_gets_no_letter(register, any_runtime, person_id):
    code = issue(register, any_runtime, person_id)
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        register.activate(uow, register.redeem_activation(uow, code, now), now)
    with pytest.raises(Conflict):
        issue(register, any_runtime, person_id)


@pytest.mark.row("assurance", "CM-7")
@pytest.mark.row("assurance", "X.1253-9.3-5")
def test_the_database_holds_no_code_no_invitation_and_no_name(register, any_runtime, person_id):
    code = issue(register, any_runtime, person_id)
    secret = register.staff.invite("officer", "Olga Officer", any_runtime.clock.now())
    with any_runtime.database.write() as uow:
        register.claim_sign_in_name(uow, Subject("citizen", person_id), "Juri.Koiv")
    with any_runtime.database.read() as uow:
        for table in (activation_codes, staff_invitations, staff, sign_in_names):
            for row in uow.all(select(table)):
                stored = b"|".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
                for value in (code, code.replace("-", ""), secret, "Olga", "Juri", "juri.koiv"):
                    assert value.encode() not in stored


# ── sign-in names ─────────────────────────────────────────────────────────────────────


def test_a_name_is_found_without_regard_to_case_and_width(register, any_runtime, person_id):
    me = Subject("citizen", person_id)
    with any_runtime.database.write() as uow:
        register.claim_sign_in_name(uow, me, "Jüri.Kõiv")
    for typed in ("jüri.kõiv", "JÜRI.KÕIV", " Jüri.Kõiv ", "Ju\u0308ri.Ko\u0303iv"):
        assert register.subject_of_sign_in_name(typed) == me
    assert register.subject_of_sign_in_name("somebody") is None
    assert register.subject_of_sign_in_name("x" * 100_000) is None
    assert register.sign_in_name_of(me) == "Jüri.Kõiv"


def test_a_name_with_an_apostrophe_is_one_name_on_every_keyboard(register, any_runtime, person_id):
    me = Subject("citizen", person_id)
    with any_runtime.database.write() as uow:
        register.claim_sign_in_name(uow, me, "O\u2019Brien@example.com")
    for typed in ("o'brien@example.com", "O\u2018BRIEN@example.com", "\ufeffo'brien@example.com "):
        assert register.subject_of_sign_in_name(typed) == me
    assert register.sign_in_name_of(me) == "O'Brien@example.com"


def test_of_eight_who_want_one_name_one_gets_it(register, any_runtime):
    vault = any_runtime.vault
    people = iter([f"per_{n}" for n in range(8)])
    lock = threading.Lock()

    def claim() -> str:
        with lock:
            person = next(people)
        vault.create(person)
        with any_runtime.database.write() as uow:
            register.claim_sign_in_name(uow, Subject("citizen", person), "wanted")
        return person

    won, refused = race(8, claim)
    assert len(won) == 1
    assert all(isinstance(r, NameTaken) for r in refused)
    assert register.subject_of_sign_in_name("wanted") == Subject("citizen", won[0])


def test_citizens_and_staff_share_one_space_of_names(register, any_runtime, person_id):
    register.staff.invite("auditor", "Ann", any_runtime.clock.now())
    with any_runtime.database.read() as uow:
        member = register.staff.members(uow)[0]
    with any_runtime.database.write() as uow:
        register.claim_sign_in_name(uow, Subject("staff", member.id), "ann.b")
    with pytest.raises(NameTaken), any_runtime.database.write() as uow:
        register.claim_sign_in_name(uow, Subject("citizen", person_id), "ANN.B")


@pytest.mark.parametrize(
    "name", ["", "ab", "a b c", "a\tb", "name\0", "x" * 255, "a/b/c", "\u202eabc"]
)
def test_what_cannot_be_a_name_is_refused_with_what_can(register, any_runtime, person_id, name):
    with pytest.raises(BadRequest) as refusal, any_runtime.database.write() as uow:
        register.claim_sign_in_name(uow, Subject("citizen", person_id), name)
    assert refusal.value.where == "sign_in_name"


# ── staff ─────────────────────────────────────────────────────────────────────────────


def test_eight_threads_accept_one_invitation_and_one_of_them_joins(register, any_runtime):
    secret = register.staff.invite("officer", "Olga Officer", any_runtime.clock.now())

    def accept() -> str:
        with any_runtime.database.write() as uow:
            return register.staff.accept_invitation(uow, secret, any_runtime.clock.now())

    won, refused = race(8, accept)
    assert len(won) == 1
    assert all(isinstance(r, InvitationRefused) for r in refused)
    with any_runtime.database.read() as uow:
        member = register.staff.member(uow, won[0])
        assert (member.name, member.roles, member.state) == (
            "Olga Officer",
            frozenset({"officer"}),
            "active",
        )
        assert register.may_sign_in(uow, Subject("staff", member.id))


@pytest.mark.row("assurance", "AU-2")
@pytest.mark.row("assurance", "X.1253-9.1-6")
def test_there_is_no_member_of_staff_until_one_is_invited(register, any_runtime):
    with any_runtime.database.read() as uow:
        assert register.staff.members(uow) == []
    assert register.subject_of_sign_in_name("admin") is None


def test_an_old_invitation_opens_nothing(register, any_runtime):
    secret = register.staff.invite("operator", "Otto", any_runtime.clock.now())
    any_runtime.clock.advance(timedelta(hours=72))
    with any_runtime.database.read() as uow, pytest.raises(InvitationRefused):
        register.staff.open_invitation(uow, secret, any_runtime.clock.now())
    with pytest.raises(InvitationRefused), any_runtime.database.write() as uow:
        register.staff.accept_invitation(uow, secret, any_runtime.clock.now())


@pytest.mark.parametrize(
    ("role", "name"), [("admin", "A"), ("officer", " "), ("officer", "x" * 201)]
)
def test_an_invitation_needs_a_role_and_a_name(register, any_runtime, role, name):
    with pytest.raises(BadRequest):
        register.staff.invite(role, name, any_runtime.clock.now())


def test_staff_whose_role_ended_may_not_sign_in(register, any_runtime):
    now = any_runtime.clock.now()
    secret = register.staff.invite("officer", "Olga", now)
    with any_runtime.database.write() as uow:
        staff_id = register.staff.accept_invitation(uow, secret, now)
        register.staff_changes.end(uow, staff_id, "left", SYSTEM, now)
        assert not register.may_sign_in(uow, Subject("staff", staff_id))
