"""What has an end ends, and its end is on record — EN-8, X.1253 9.2-6, GDPR art. 5(1)(e)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from foundation.audit import Actor
from foundation.audit.tables import events
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register import Evidence, Findings, Profile, ProofingRefused, Register
from idp.register.lookup import Lookups
from idp.register.retention import KEPT_AFTER, KIND
from idp.register.tables import (
    applications,
    lookups,
    persons,
    proofing_decisions,
    reference_identifiers,
)
from tests.contract.register.conftest import OFFICER, POLICY

SECOND = Actor("staff", "stf_second")
TEN_YEARS = timedelta(days=3660)
BANK = Evidence("bank-statement", "bank", "register-query", "K1", True, True)
PASSPORT = Evidence("passport", "passport-authority", "presented-in-person", "K1", True, True)
STRANGER = Profile("62001019999", "Õnne", "Mägi", date(2020, 1, 1), locality="Riga", country="LV")


def refuse(runtime: Runtime, register: Register) -> str:
    """An applicant who is refused; their identifier."""
    now = runtime.clock.now()
    with pytest.raises(ProofingRefused) as refusal:
        register.enrolment.enrol(STRANGER, Findings(2, (BANK,)), OFFICER, POLICY, now)
    assert refusal.value.consequence is not None
    with runtime.database.write() as uow:
        refusal.value.consequence(uow)
        row = uow.one(
            select(proofing_decisions.c.person_id).order_by(proofing_decisions.c.decided_at.desc())
        )
    assert row is not None
    return str(row.person_id)


def count(runtime: Runtime, table) -> int:
    with runtime.database.read() as uow:
        return uow.one(select(func.count()).select_from(table))[0]


@pytest.mark.row("assurance", "EN-8")
@pytest.mark.row("assurance", "X.1253-9.2-6")
def test_of_a_refused_applicant_nothing_is_left_but_the_tombstone_once_the_period_is_over(
    any_runtime, register
):
    person_id = refuse(any_runtime, register)
    any_runtime.vault.seal(person_id, b"still there", "x")
    any_runtime.clock.advance(TEN_YEARS - timedelta(seconds=1))
    assert register.retention.sweep(any_runtime.clock.now()) == {}
    any_runtime.clock.advance(timedelta(seconds=1))
    gone = register.retention.sweep(any_runtime.clock.now())
    assert gone == {"register_proofing_decisions": 1, "register_applications": 1}
    assert count(any_runtime, proofing_decisions) == count(any_runtime, applications) == 0
    with pytest.raises(Erased):
        any_runtime.vault.seal(person_id, b"any more", "x")
    with any_runtime.database.read() as uow:
        tombstone = uow.one(select(reference_identifiers))
    assert (tombstone.id, tombstone.ended_at) == (person_id, any_runtime.clock.now())
    assert register.retention.sweep(any_runtime.clock.now()) == {}


@pytest.mark.row("assurance", "X.1253-9.2-6")
def test_what_was_deleted_is_on_record_with_a_count_for_each_table_and_the_log_verifies(
    any_runtime, register, monkeypatch
):
    recorded = []
    record = any_runtime.audit.record

    def noting(uow, kind, actor, persons=(), details=None):
        recorded.append((kind, tuple(persons), details))
        return record(uow, kind, actor, persons, details)

    refuse(any_runtime, register)
    any_runtime.clock.advance(TEN_YEARS)
    monkeypatch.setattr(any_runtime.audit, "record", noting)
    register.retention.sweep(any_runtime.clock.now())
    assert len(recorded) == 1
    ((kind, concerned, details),) = recorded
    assert (kind, concerned) == (KIND, ())
    assert details["rows"] == {"register_proofing_decisions": 1, "register_applications": 1}
    any_runtime.audit.tree.sequence(any_runtime.clock.now())
    assert any_runtime.audit.tree.verify().ok


def test_the_decision_that_an_identity_rests_on_stays_and_its_refusals_go(
    any_runtime, register, person_id
):
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        for piece in (BANK, PASSPORT):
            register.proofing.reproof(
                uow, person_id, POLICY, Findings(2, (piece,)), SECOND, "1", now
            )
    any_runtime.clock.advance(TEN_YEARS)
    gone = register.retention.sweep(any_runtime.clock.now())
    assert gone == {"register_proofing_decisions": 1, "register_applications": 1}
    with any_runtime.database.read() as uow:
        left = uow.all(select(proofing_decisions.c.result))
    assert [row.result for row in left] == ["accepted", "accepted"]
    assert register.known(person_id).person.level == 2


def test_a_key_stays_while_one_decision_about_its_person_has_to_be_kept(any_runtime, register):
    first = refuse(any_runtime, register)
    any_runtime.clock.advance(timedelta(days=1))
    second = refuse(any_runtime, register)
    # Two decisions about the one applicant, a day apart.
    with any_runtime.database.write() as uow:
        uow.execute(update(proofing_decisions).values(person_id=first))
    any_runtime.clock.advance(TEN_YEARS - timedelta(days=1))
    assert register.retention.sweep(any_runtime.clock.now())["register_proofing_decisions"] == 1
    any_runtime.vault.seal(first, b"still there", "x")
    any_runtime.clock.advance(timedelta(days=1))
    assert register.retention.sweep(any_runtime.clock.now())["register_proofing_decisions"] == 1
    with pytest.raises(Erased):
        any_runtime.vault.seal(first, b"any more", "x")
    assert second != first


def test_many_go_in_bounded_batches_each_with_its_own_record(any_runtime, register, monkeypatch):
    monkeypatch.setattr("idp.register.retention.BATCH", 2)
    for _ in range(5):
        refuse(any_runtime, register)
    any_runtime.clock.advance(TEN_YEARS)
    assert register.retention.sweep(any_runtime.clock.now())["register_proofing_decisions"] == 5
    with any_runtime.database.read() as uow:
        told = uow.all(select(events.c.id).where(events.c.kind == KIND))
    assert len(told) == 3


def test_look_ups_go_a_year_after_their_end_and_the_ledger_stays(any_runtime, register, person_id):
    Lookups(any_runtime).open(person_id, "proofing", OFFICER, any_runtime.clock.now())
    any_runtime.clock.advance(KEPT_AFTER)
    assert register.retention.sweep(any_runtime.clock.now()) == {}
    any_runtime.clock.advance(timedelta(days=1))
    assert register.retention.sweep(any_runtime.clock.now()) == {"register_lookups": 1}
    assert count(any_runtime, lookups) == 0
    assert count(any_runtime, persons) == 1
    assert "register.looked-up" in {e.kind for e in any_runtime.audit.ledger(person_id)}


def test_codes_and_invitations_go_a_year_after_their_end(any_runtime, register, person_id):
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        register.codes.issue(uow, person_id, OFFICER, now)
    register.staff.invite("officer", "Olga", now)
    any_runtime.clock.advance(KEPT_AFTER)
    assert register.retention.sweep(any_runtime.clock.now()) == {}
    any_runtime.clock.advance(timedelta(days=40))
    assert register.retention.sweep(any_runtime.clock.now()) == {
        "register_activation_codes": 1,
        "register_staff_invitations": 1,
    }


def test_it_is_periodic_work(any_runtime, register):
    refuse(any_runtime, register)
    any_runtime.clock.advance(TEN_YEARS)
    any_runtime.jobs.run_once()
    assert count(any_runtime, proofing_decisions) == 0
