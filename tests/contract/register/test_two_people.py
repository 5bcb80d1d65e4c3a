"""An identity takes two people, and no officer sees a code — 29115 CM-5, X.1253 9.1-6."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from foundation.audit import SYSTEM, Actor
from foundation.errors import BadRequest, Conflict, Forbidden
from foundation.runtime import Runtime
from idp.register import Evidence, Findings, IdentityLife, ProofingPolicies, Register
from idp.register import second_looks as looks
from idp.register.proofing_policy import shipped
from idp.register.tables import activation_codes
from tests.contract.register.conftest import OFFICER, POLICY

SECOND, THIRD = Actor("staff", "stf_second"), Actor("staff", "stf_third")
PRINTER = Actor("staff", "stf_printer")
PASSPORT = Findings(
    2, (Evidence("passport", "passport-authority", "presented-in-person", "K1", True, True),)
)
BOTH = Findings(
    3,
    (*PASSPORT.evidence, Evidence("bank-statement", "bank", "register-query", "", True, True)),
    True,
)


def proof(register: Register, person_id: str, by: Actor, found: Findings = PASSPORT):
    now = register.runtime.clock.now()
    with register.runtime.database.write() as uow:
        return register.proofing.reproof(uow, person_id, POLICY, found, by, "1", now)


def ask(register: Register, person_id: str, by: Actor):
    with register.runtime.database.write() as uow:
        return register.letters.ask(uow, person_id, by, register.runtime.clock.now())


def make(register: Register, by: Actor = PRINTER):
    return register.letters.make("json", False, by, register.runtime.clock.now())


def works(register: Register, code: str) -> bool:
    from idp.register import CodeRefused

    with register.runtime.database.read() as uow:
        try:
            register.codes.peek(uow, code, register.runtime.clock.now())
        except CodeRefused:
            return False
    return True


def chosen(runtime: Runtime, percent: float) -> Register:
    """A register whose policy has that many decisions looked at again."""
    policy = shipped().published(POLICY, runtime.clock.now().date())
    return Register(runtime, ProofingPolicies([replace(policy, second_look_percent=percent)]))


@pytest.mark.row("assurance", "CM-5")
def test_who_imported_a_person_does_not_proof_them_and_the_attempt_stays(
    register, any_runtime, person_id
):
    with pytest.raises(Forbidden) as refused:
        proof(register, person_id, OFFICER)
    with any_runtime.database.write() as uow:
        refused.value.consequence(uow)
    assert register.known(person_id).person.level == 1
    kinds = [e.kind for e in any_runtime.audit.ledger(person_id)]
    assert "register.one-person-refused" in kinds
    assert proof(register, person_id, SECOND).result == "accepted"
    assert register.known(person_id).person.level == 2


@pytest.mark.row("assurance", "EN-5")
def test_who_imported_a_person_is_not_the_second_officer_either(register, any_runtime, person_id):
    waiting = proof(register, person_id, SECOND, BOTH)
    now = any_runtime.clock.now()
    for somebody in (OFFICER, SECOND):
        with pytest.raises(Forbidden), any_runtime.database.write() as uow:
            register.proofing.confirm(uow, waiting.id, somebody, True, now)
    assert register.known(person_id).person.level == 1
    with any_runtime.database.write() as uow:
        register.proofing.confirm(uow, waiting.id, THIRD, True, now)
    assert register.known(person_id).person.level == 3


def test_who_imported_a_person_does_not_restore_them(register, any_runtime, person_id):
    life, now = IdentityLife(any_runtime, register.proofing, ends=()), any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        register.activate(uow, person_id, now)
    life.archive(person_id, SECOND, "moved", now)
    with pytest.raises(Forbidden):
        life.restore(person_id, POLICY, PASSPORT, OFFICER, "1", now)
    assert life.restore(person_id, POLICY, PASSPORT, THIRD, "1", now).result == "accepted"


@pytest.mark.row("assurance", "CM-5")
def test_one_officer_alone_gets_no_code_for_whom_they_invented(register, person_id):
    with pytest.raises(Forbidden):
        ask(register, person_id, OFFICER)
    proof(register, person_id, SECOND)
    # Whoever had a hand in the person does not make the file either, nor who asked.
    ask(register, person_id, OFFICER)
    for involved in (OFFICER, SECOND):
        with pytest.raises(Conflict):
            make(register, involved)
    _, (letter,) = make(register)
    assert works(register, letter.issued.code)


@pytest.mark.row("assurance", "CM-5")
def test_who_asked_for_a_letter_does_not_make_its_file(register, person_id):
    ask(register, person_id, THIRD)
    with pytest.raises(Conflict):
        make(register, THIRD)
    assert len(make(register)[1]) == 1


def test_a_letter_is_made_once_and_its_code_kept_as_a_digest(register, any_runtime, person_id):
    first = ask(register, person_id, SECOND)
    assert ask(register, person_id, SECOND) == first
    with any_runtime.database.read() as uow:
        assert uow.all(select(activation_codes)) == []
        assert register.letters.waiting(uow, register.runtime.clock.now()) == 1
    batch, (letter,) = make(register)
    with pytest.raises(Conflict):
        make(register)
    with any_runtime.database.read() as uow:
        (made,) = register.letters.batches(uow)
        assert register.letters.newest(uow, person_id).state == "printed"
    assert (made.id, made.letters, made.made_by) == (batch, 1, PRINTER.id)
    assert works(register, letter.issued.code)


def test_a_lost_file_is_made_anew_and_its_codes_work_no_more(register, any_runtime, person_id):
    ask(register, person_id, SECOND)
    batch, (lost,) = make(register)
    assert register.letters.again(batch, PRINTER, any_runtime.clock.now()) == 1
    assert not works(register, lost.issued.code)
    _, (found,) = make(register)
    assert works(register, found.issued.code)


def test_the_file_is_what_a_printing_house_takes(register, person_id):
    for file_format in ("json", "csv", "html"):
        ask(register, person_id, SECOND)
        file = register.printing.file(file_format, PRINTER)
        text = file.content.decode()
        if file_format == "json":
            code = json.loads(text)["letters"][0]["code"]
        elif file_format == "csv":
            (row,) = csv.DictReader(io.StringIO(text))
            code = row["code"]
            assert row["name"] == "Jüri Kõiv"
        else:
            code = text.split('class="code" dir="ltr" translate="no">')[1].split("<")[0]
            assert "Jüri Kõiv" in text
        assert works(register, code)
        assert file.letters == 1
    with pytest.raises(BadRequest):
        register.printing.file("docx", PRINTER)


# ── second looks ─────────────────────────────────────────────────────────────────────────


def test_the_lot_falls_by_the_share_of_the_policy(any_runtime, person_id):
    never, always = chosen(any_runtime, 0), chosen(any_runtime, 100)
    proof(never, person_id, SECOND)
    with any_runtime.database.read() as uow:
        assert looks.queue(uow) == []
    proof(always, person_id, SECOND)
    with any_runtime.database.read() as uow:
        (look,) = looks.queue(uow)
    assert (look.because, look.person_id) == ("sample", person_id)
    assert 300 < sum(looks.drawn(50) for _ in range(1000)) < 700


def test_only_an_uninvolved_officer_looks_again_and_once(any_runtime, person_id):
    register, now = chosen(any_runtime, 100), any_runtime.clock.now()
    proof(register, person_id, SECOND)
    with any_runtime.database.read() as uow:
        (look,) = looks.queue(uow)
    for involved in (OFFICER, SECOND):
        with pytest.raises(Forbidden), any_runtime.database.write() as uow:
            looks.close(uow, any_runtime.audit, look, True, involved, now)
    with any_runtime.database.write() as uow:
        looks.close(uow, any_runtime.audit, look, True, THIRD, now)
    with pytest.raises(Conflict), any_runtime.database.write() as uow:
        looks.close(uow, any_runtime.audit, look, False, THIRD, now)


def test_a_decision_that_does_not_hold_takes_its_level_along(register, any_runtime, person_id):
    decision = proof(register, person_id, SECOND)
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        assert register.proofing.take_back(uow, decision.id, THIRD, "forged", now) == 1
        assert register.proofing.decision(uow, decision.id).result == "refused"
    assert register.known(person_id).person.level == 1


# ── freezing ─────────────────────────────────────────────────────────────────────────────


def freeze(register: Register, by: Actor, days: int = 1):
    now = register.runtime.clock.now()
    with register.runtime.database.write() as uow:
        since = now - timedelta(days=days)
        return register.freezing.freeze(uow, by.id, since, "laptop stolen", SYSTEM, now)


def test_frozen_cases_stop_letters_and_codes_and_wait_for_another_officer(
    register, any_runtime, person_id
):
    proof(register, person_id, SECOND)
    ask(register, person_id, THIRD)
    _, (letter,) = make(register)
    frozen = freeze(register, SECOND)
    assert (frozen.decisions, frozen.letters) == (1, 1)
    assert not works(register, letter.issued.code)
    with pytest.raises(Conflict):
        ask(register, person_id, THIRD)
    assert freeze(register, SECOND).decisions == 0
    with any_runtime.database.read() as uow:
        (look,) = looks.queue(uow)
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        looks.close(uow, any_runtime.audit, look, True, THIRD, now)
    ask(register, person_id, THIRD)
    assert "register.letter-stopped" in [e.kind for e in any_runtime.audit.ledger(person_id)]


def test_a_case_that_the_lot_fell_on_is_frozen_with_the_rest(any_runtime, person_id):
    register = chosen(any_runtime, 100)
    proof(register, person_id, SECOND)
    assert freeze(register, SECOND).decisions == 1
    with any_runtime.database.read() as uow:
        (look,) = looks.queue(uow)
    assert look.because == looks.FREEZE
    with pytest.raises(Conflict):
        ask(register, person_id, THIRD)
    assert freeze(register, SECOND).decisions == 0


def test_a_letter_that_waits_is_stopped_when_who_imported_the_person_is_frozen(register, person_id):
    proof(register, person_id, SECOND)
    ask(register, person_id, THIRD)
    assert freeze(register, OFFICER).letters == 1
    with pytest.raises(Conflict):
        make(register)


def test_what_was_decided_before_the_day_is_left_alone(register, any_runtime, person_id):
    proof(register, person_id, SECOND)
    any_runtime.clock.advance(timedelta(days=5))
    assert freeze(register, SECOND).decisions == 0
    with pytest.raises(BadRequest):
        freeze(register, SECOND, days=-2)


def test_a_refused_second_look_stops_letters_until_the_person_is_proofed_anew(
    register, any_runtime, person_id
):
    proof(register, person_id, SECOND)
    freeze(register, SECOND)
    with any_runtime.database.read() as uow:
        (look,) = looks.queue(uow)
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        looks.close(uow, any_runtime.audit, look, False, THIRD, now)
        register.proofing.take_back(uow, look.decision_id, THIRD, "forged", now)
    with pytest.raises(Conflict):
        ask(register, person_id, THIRD)
    any_runtime.clock.advance(timedelta(minutes=1))
    proof(register, person_id, THIRD)
    assert ask(register, person_id, SECOND).state == "waiting"
