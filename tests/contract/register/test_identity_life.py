"""Proofing and the life of an identity, on both databases — EN-1 to EN-9, ISO/IEC 24760-1."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from foundation.audit import Actor
from foundation.errors import BadRequest, CivitasError, Conflict, Forbidden, Unprocessable
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register import (
    REGISTER_ROW,
    AlreadyEnrolled,
    Evidence,
    Findings,
    IdentityLife,
    NoSuchPerson,
    Profile,
    ProofingPolicies,
    ProofingRefused,
    Register,
    Subject,
    TransitionRefused,
    UnpublishedPolicy,
)
from idp.register.proofing_policy import DATA
from idp.register.store import steps_of
from idp.register.tables import (
    applications,
    blind_indexes,
    persons,
    proofing_decisions,
    reference_identifiers,
)

# Somebody else than who imported the person.
OFFICER, SECOND = Actor("staff", "stf_proofer"), Actor("staff", "stf_second")
POLICY = "2026-01"
PASSPORT = Evidence("passport", "passport-authority", "presented-in-person", "K1", True, True)
EXTRACT = Evidence("register-extract", "civil-register", "register-query", "", True, True)
BANK = Evidence("bank-statement", "bank", "register-query", "", True, True)
NEWBORN = Profile("62001019999", "Õnne", "Mägi", date(2020, 1, 1), locality="Riga", country="LV")


class Resting:
    """Something that rests on identities."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.fails = False

    def end_identity(self, uow, person_id, transition, now) -> None:
        if self.fails:
            raise Conflict("cannot end")
        self.told.append((person_id, transition))


@pytest.fixture
def resting() -> Resting:
    return Resting()


@pytest.fixture
def life(any_runtime: Runtime, register: Register, resting: Resting) -> IdentityLife:
    return IdentityLife(any_runtime, register.proofing, (resting,))


@pytest.fixture
def active(any_runtime: Runtime, register: Register, person_id: str) -> str:
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        code = register.codes.issue(uow, person_id, OFFICER, now).code
        register.activate(uow, register.redeem_activation(uow, code, now), now)
        register.claim_sign_in_name(uow, Subject("citizen", person_id), "juri")
    return person_id


def count(runtime: Runtime, table) -> int:
    with runtime.database.read() as uow:
        return uow.one(select(func.count()).select_from(table))[0]


def reproof(runtime, register, person_id, findings, officer=OFFICER, policy=POLICY):
    with runtime.database.write() as uow:
        return register.proofing.reproof(
            uow, person_id, policy, findings, officer, "1", runtime.clock.now()
        )


@pytest.mark.row("assurance", "EN-1")
def test_an_application_records_who_started_it_and_the_terms_and_policy(any_runtime, person_id):
    with any_runtime.database.read() as uow:
        row = uow.one(select(applications))
    assert (row.person_id, row.started_by_kind, row.started_by) == (
        person_id,
        "staff",
        "stf_officer",
    )
    assert (row.terms_version, row.policy_version) == ("1", POLICY)
    assert row.started_at == any_runtime.clock.now()


@pytest.mark.row("assurance", "EN-2")
@pytest.mark.parametrize("version", ["", "2025-draft", "2027-01", "2026-01 "])
def test_a_proofing_decision_without_a_published_policy_version_is_refused(
    any_runtime, tmp_path, person_id, version
):
    text = DATA.read_text()
    draft = text.replace('"2026-01"', '"2025-draft"').replace("published = 2026-01-15", "")
    future = text.replace('"2026-01"', '"2027-01"').replace("2026-01-15", "2027-01-15")
    (tmp_path / "policies.toml").write_text(text + draft + future)
    register = Register(any_runtime, ProofingPolicies.read(tmp_path / "policies.toml"))
    with pytest.raises(UnpublishedPolicy):
        reproof(any_runtime, register, person_id, Findings(2, (PASSPORT,)), policy=version)
    with pytest.raises(UnpublishedPolicy):
        register.enrolment.enrol(NEWBORN, REGISTER_ROW, OFFICER, version, any_runtime.clock.now())
    assert count(any_runtime, proofing_decisions) == 1
    assert register.proofing.current_policy(any_runtime.clock.now()).version == POLICY


@pytest.mark.row("assurance", "EN-3")
def test_the_same_person_twice_is_refused_before_a_second_identity_exists(
    any_runtime, register, person_id
):
    again = Profile("3900101-2222", "Another", "Name", date(1990, 1, 1), country="EE")
    again = Profile.parse(
        {**{n: str(getattr(again, n)) for n in Profile.__slots__}, "locality": "Tartu"},
        date(2026, 3, 2),
    )
    with pytest.raises(AlreadyEnrolled):
        register.enrolment.enrol(again, REGISTER_ROW, OFFICER, POLICY, any_runtime.clock.now())
    assert count(any_runtime, persons) == count(any_runtime, reference_identifiers) == 1


@pytest.mark.row("assurance", "EN-3")
def test_of_six_who_enrol_one_person_at_once_one_succeeds(any_runtime, register):
    start = threading.Barrier(6)
    won: list[str] = []
    refused: list[CivitasError] = []

    def one() -> None:
        start.wait()
        try:
            now = any_runtime.clock.now()
            done = register.enrolment.enrol(NEWBORN, REGISTER_ROW, OFFICER, POLICY, now)
            won.append(done.person.id)
        except AlreadyEnrolled as error:
            refused.append(error)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 5)
    assert count(any_runtime, persons) == count(any_runtime, blind_indexes) == 1


@pytest.mark.row("assurance", "EN-4")
def test_level_2_needs_one_authoritative_source_with_confirmed_evidence(
    any_runtime, register, person_id
):
    for weak in (BANK, Evidence("passport", "passport-authority", "register-query", "", True)):
        assert reproof(any_runtime, register, person_id, Findings(2, (weak,))).result == "refused"
    assert register.known(person_id).person.level == 1
    done = reproof(any_runtime, register, person_id, Findings(2, (PASSPORT,)))
    assert done.result == "accepted"
    assert register.known(person_id).person.level == 2


@pytest.mark.row("assurance", "EN-5")
@pytest.mark.row("assurance", "EN-6")
def test_levels_3_and_4_are_reached_only_by_two_officers(any_runtime, register, person_id):
    for level, pieces in ((3, (PASSPORT, BANK)), (4, (PASSPORT, EXTRACT, BANK))):
        decision = reproof(any_runtime, register, person_id, Findings(level, pieces, True))
        assert decision.result == "awaiting-second-officer"
        assert register.known(person_id).person.level == level - 1 if level == 4 else 1
        now = any_runtime.clock.now()
        with pytest.raises(Forbidden), any_runtime.database.write() as uow:
            register.proofing.confirm(uow, decision.id, OFFICER, True, now)
        with any_runtime.database.write() as uow:
            register.proofing.confirm(uow, decision.id, SECOND, True, now)
        assert register.known(person_id).person.level == level
        with pytest.raises(Conflict), any_runtime.database.write() as uow:
            register.proofing.confirm(uow, decision.id, Actor("staff", "stf_3"), False, now)


def test_what_the_second_officer_refuses_raises_nothing(any_runtime, register, person_id):
    decision = reproof(any_runtime, register, person_id, Findings(3, (PASSPORT, BANK), True))
    with any_runtime.database.write() as uow:
        done = register.proofing.confirm(uow, decision.id, SECOND, False, any_runtime.clock.now())
    assert (done.result, register.known(person_id).person.level) == ("refused", 1)


@pytest.mark.row("assurance", "EN-8")
def test_evidence_source_method_officer_time_and_result_are_kept(any_runtime, register, person_id):
    decision = reproof(any_runtime, register, person_id, Findings(2, (PASSPORT,)))
    with any_runtime.database.read() as uow:
        kept = register.proofing.decision(uow, decision.id)
        assert register.proofing.findings(uow, decision.id) == Findings(2, (PASSPORT,))
        stored = uow.one(select(proofing_decisions).where(proofing_decisions.c.id == decision.id))
    assert (kept.officer, kept.decided_at) == (OFFICER.id, any_runtime.clock.now())
    assert kept.keep_until - kept.decided_at >= timedelta(days=3650)
    assert b"K1" not in stored.sealed_evidence


@pytest.mark.row("assurance", "EN-8")
@pytest.mark.row("assurance", "EN-9")
def test_a_refused_application_establishes_nothing_but_is_kept(any_runtime, register):
    with pytest.raises(ProofingRefused) as refusal:
        register.enrolment.enrol(
            NEWBORN, Findings(2, (BANK,)), OFFICER, POLICY, any_runtime.clock.now()
        )
    assert count(any_runtime, persons) == count(any_runtime, blind_indexes) == 0
    assert refusal.value.consequence is not None
    with any_runtime.database.write() as uow:
        refusal.value.consequence(uow)
    with any_runtime.database.read() as uow:
        row = uow.one(select(proofing_decisions))
    assert (row.result, row.officer) == ("refused", OFFICER.id)
    assert count(any_runtime, persons) == 0


@pytest.mark.row("assurance", "EN-9")
def test_no_person_can_be_stored_without_the_decision_that_accepted_them(any_runtime):
    now = any_runtime.clock.now()
    row = {
        "id": "per_x",
        "state": "established",
        "level": 4,
        "in_person": True,
        "enrolled_by": "prf_none",
        "enrolled_at": now,
        "changed_at": now,
        "sealed_profile": b"",
    }
    with any_runtime.database.write() as uow:
        uow.execute(insert(reference_identifiers).values(id="per_x", allotted_at=now))
    with pytest.raises(IntegrityError), any_runtime.database.write() as uow:
        uow.execute(insert(persons).values(row))


def test_an_enrolment_that_would_need_a_second_officer_begins_lower(any_runtime, register):
    with pytest.raises(Unprocessable):
        register.enrolment.enrol(
            NEWBORN,
            Findings(3, (PASSPORT, BANK), True),
            OFFICER,
            POLICY,
            any_runtime.clock.now(),
        )
    assert count(any_runtime, persons) == 0


def test_suspension_ends_what_rests_on_the_identity_and_keeps_its_level(
    any_runtime, register, life, resting, active
):
    now = any_runtime.clock.now()
    life.suspend(active, OFFICER, "Reported as stolen.", now)
    assert resting.told == [(active, "suspend")]
    with any_runtime.database.read() as uow:
        assert not register.is_active(uow, active)
        assert not register.may_sign_in(uow, Subject("citizen", active))
    with pytest.raises(TransitionRefused):
        life.reactivate(active, OFFICER, "Found.", 4, now)
    person = life.reactivate(active, OFFICER, "Found.", 1, now)
    assert (person.state, person.level) == ("active", 1)


def test_when_one_of_those_who_rest_on_it_fails_nothing_changes(
    any_runtime, register, life, resting, active
):
    resting.fails = True
    with pytest.raises(Conflict):
        life.suspend(active, OFFICER, "x", any_runtime.clock.now())
    assert register.known(active).person.state == "active"
    with any_runtime.database.read() as uow:
        assert [s.transition for s in steps_of(uow, active)] == ["enrol", "activate"]


def test_an_archived_identity_is_cut_to_what_must_be_kept(
    any_runtime, register, life, resting, active
):
    life.archive(active, OFFICER, "Moved away.", any_runtime.clock.now())
    assert resting.told == [(active, "archive")]
    claims = register.known(active).claims(["name", "email", "address"])
    assert claims == {"name": "Jüri Kõiv"}
    assert register.subject_of_sign_in_name("juri") is None


def test_a_restored_identity_is_proofed_again_and_never_straight_active(
    any_runtime, register, life, active
):
    now = any_runtime.clock.now()
    life.archive(active, OFFICER, "Moved away.", now)
    with pytest.raises(ProofingRefused):
        life.restore(active, POLICY, Findings(2, (BANK,)), OFFICER, "1", now)
    life.restore(active, POLICY, Findings(2, (PASSPORT,)), OFFICER, "1", now)
    facts = register.known(active).person
    assert (facts.state, facts.level) == ("established", 2)


def test_a_deleted_identity_leaves_a_tombstone_and_nothing_that_can_be_read(
    any_runtime, register, life, active
):
    life.archive(active, OFFICER, "Died.", any_runtime.clock.now())
    with pytest.raises(TransitionRefused):
        life.delete(active, OFFICER, "Too early.", any_runtime.clock.now())
    assert life.delete_due(any_runtime.clock.now()) == 0
    any_runtime.clock.advance(timedelta(days=3650))
    assert life.delete_due(any_runtime.clock.now()) == 1
    with pytest.raises(NoSuchPerson):
        register.known(active)
    with pytest.raises(Erased):
        any_runtime.vault.seal(active, b"x", "y")
    assert count(any_runtime, blind_indexes) == 0
    assert any_runtime.audit.ledger(active) == []
    with any_runtime.database.read() as uow:
        tombstone = uow.one(select(reference_identifiers))
    assert tombstone.ended_at == any_runtime.clock.now()
    with pytest.raises(IntegrityError), any_runtime.database.write() as uow:
        uow.execute(
            insert(reference_identifiers).values(id=active, allotted_at=any_runtime.clock.now())
        )
    any_runtime.audit.tree.sequence(any_runtime.clock.now())
    assert any_runtime.audit.tree.verify().ok


def test_a_record_is_brought_up_to_date_from_its_source(any_runtime, register, active):
    now = any_runtime.clock.now()
    moved = Profile("39001012222", "Jüri", "Kõiv", date(1990, 1, 1), locality="Riga", country="LV")
    with any_runtime.database.write() as uow:
        register.corrections.make(uow, active, moved, "civil-register", "Moved.", OFFICER, now)
    assert register.known(active).claims(["resident_of_city"]) == {"resident_of_city": False}


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_a_step_needs_a_reason_that_the_person_can_read(any_runtime, life, active, reason):
    with pytest.raises(BadRequest):
        life.suspend(active, OFFICER, reason, any_runtime.clock.now())


@pytest.mark.row("assurance", "CM-10")
def test_every_step_stands_in_the_history_with_its_audit_event(any_runtime, register, life, active):
    now = any_runtime.clock.now()
    life.suspend(active, OFFICER, "a", now)
    life.reactivate(active, SECOND, "b", 1, now)
    with any_runtime.database.read() as uow:
        steps = steps_of(uow, active)
    assert [s.number for s in steps] == [1, 2, 3, 4]
    assert [s.transition for s in steps] == ["enrol", "activate", "suspend", "reactivate"]
    kinds = {e.kind for e in any_runtime.audit.ledger(active)}
    assert {f"register.{s.transition}" for s in steps} <= kinds
