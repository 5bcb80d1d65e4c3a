"""Consents on SQLite and PostgreSQL: given, standing, used, expired, withdrawn — GDPR art. 7."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from foundation.clock import FrozenClock
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound, Problem
from foundation.runtime import Runtime
from policies import (
    OWN_SERVICE,
    Consent,
    Deny,
    Ended,
    Facts,
    Giver,
    Notice,
    Permit,
    Policies,
    Question,
    Withdrawal,
)
from policies.tables import consents as table
from tests.support.decisions import ADULT, give, question, ready_policies


class Tokens:
    """Something that rests on consents, and can be told to fail."""

    def __init__(self, fails: bool = False) -> None:
        self.ended: list[str] = []
        self.fails = fails

    def end(self, uow: UnitOfWork, consent: Consent, reason: str, now: datetime) -> Ended:
        if self.fails:
            raise RuntimeError("the token store is broken")
        self.ended.append(consent.id)
        return Ended("access tokens", 1)


@pytest.fixture
def policies(any_runtime: Runtime) -> Policies:
    return ready_policies(any_runtime, "per_anna", "per_bert")


def decide(policies: Policies, **changed: Any) -> Any:
    asked = question(**{"at": policies.runtime.clock.now(), **changed})
    return policies.decide(asked, ADULT)


@pytest.mark.row("failures", "14")
def test_a_consent_is_stored_as_it_was_given_and_shown_as_it_was_given(policies: Policies) -> None:
    given = give(policies, chosen=("name", "age_over_18"))
    assert given.attributes == ("age_over_18", "name")
    assert given.refused == ("resident_of_city",)
    assert policies.consent.get(given.id, "per_anna") == given
    assert policies.consent.list("per_anna") == [given]
    assert policies.consent.list("per_bert") == []


@pytest.mark.row("privacy", "G-3")
def test_the_record_reproduces_the_exact_text_and_version_of_the_notice(
    policies: Policies,
) -> None:
    shown = Notice("library", "2026-03", "fr", "Le texte exact, avec « ponctuation ».")
    given = policies.consent.give(
        person_id="per_anna",
        service="svc_library",
        purpose="library",
        asked=("name",),
        chosen=("name",),
        notice=shown,
    )
    read = policies.consent.get(given.id, "per_anna")
    assert read.notice == shown
    with policies.runtime.database.read() as uow:
        row = uow.one(table.select())
    assert row is not None
    assert b"ponctuation" not in row.notice_sealed


@pytest.mark.row("privacy", "G-9")
def test_once_the_key_is_erased_the_texts_are_gone_and_the_record_stays(
    policies: Policies,
) -> None:
    given = give(policies)
    policies.runtime.vault.erase("per_anna")
    read = policies.consent.get(given.id, "per_anna")
    assert read.notice is None
    assert read.notice_digest == given.notice_digest
    with pytest.raises(Conflict):
        give(policies, purpose="library", asked=("name",), chosen=("name",))


@pytest.mark.row("privacy", "G-1")
def test_a_consent_is_for_one_purpose_at_one_service(policies: Policies) -> None:
    give(policies)
    assert isinstance(decide(policies), Permit)
    other_purpose = decide(policies, purpose="library")
    other_service = decide(policies, service="svc_other")
    assert isinstance(other_purpose, Deny)
    assert other_purpose.code == "other-purpose"
    assert isinstance(other_service, Deny)
    assert other_service.code == "no-ground"


@pytest.mark.row("privacy", "G-1")
def test_nothing_is_chosen_for_the_person_and_choosing_nothing_is_an_answer(
    policies: Policies,
) -> None:
    nothing = give(policies, chosen=())
    assert nothing.state == "refused"
    answer = decide(policies)
    assert isinstance(answer, Deny)
    assert answer.code == "no-ground"
    asked = ("age_over_18", "resident_of_city")
    standing = policies.consent.standing("per_anna", "svc_parking", "mobility.parking", asked)
    assert standing.refused == asked
    assert not standing.must_ask


@pytest.mark.row("privacy", "G-2")
def test_our_own_core_rests_on_a_basis_on_record_and_never_on_consent(
    policies: Policies,
) -> None:
    with pytest.raises(BadRequest, match="works without consent"):
        give(policies, service=OWN_SERVICE)
    asked = Question(OWN_SERVICE, "per_anna", ("name",), "identity", policies.runtime.clock.now())
    answer = policies.decide(asked, ADULT)
    assert isinstance(answer, Permit)
    assert (answer.ground.kind, answer.ground.id) == ("public-task", "own-core")


@pytest.mark.row("failures", "14")
def test_a_person_is_asked_again_only_for_what_is_new(
    policies: Policies, clock: FrozenClock
) -> None:
    def standing(*asked: str) -> Any:
        return policies.consent.standing("per_anna", "svc_parking", "mobility.parking", asked)

    assert standing("age_over_18").unasked == ("age_over_18",)
    given = give(policies)
    known = standing("age_over_18", "name", "address")
    assert known.consent_id == given.id
    assert (known.covered, known.refused) == (("age_over_18",), ("name",))
    assert known.unasked == ("address",)
    assert not standing("age_over_18", "name").must_ask
    clock.advance(timedelta(days=366))
    assert standing("age_over_18", "name").unasked == ("age_over_18", "name")


def test_a_newer_answer_takes_the_place_of_the_older(policies: Policies) -> None:
    first = give(policies)
    second = give(policies, chosen=("name",))
    assert second.attributes == ("name",)
    assert policies.consent.get(first.id, "per_anna").state == "replaced"
    answer = decide(policies)
    assert isinstance(answer, Deny)
    assert answer.code == "not-covered"
    assert isinstance(decide(policies, attributes=("name",), kind="release"), Permit)
    assert second.state == "active"


@pytest.mark.row("failures", "14")
def test_what_was_not_asked_now_stays_as_it_was_answered_and_lasts_no_longer(
    policies: Policies, clock: FrozenClock
) -> None:
    first = give(policies, asked=("age_over_18", "name"), chosen=("age_over_18",))
    clock.advance(timedelta(days=10))
    second = give(policies, asked=("resident_of_city",), chosen=("resident_of_city",))
    assert second.attributes == ("resident_of_city", "age_over_18")
    assert second.refused == ("name",)
    assert second.not_after == first.not_after
    for claim in ("age_over_18", "resident_of_city"):
        assert isinstance(decide(policies, attributes=(claim,)), Permit)
    nothing = give(policies, asked=("age_over_18",), chosen=())
    assert nothing.attributes == ("resident_of_city",)
    assert nothing.state == "active"
    last = give(policies, asked=("resident_of_city",), chosen=())
    assert last.state == "refused"
    assert set(last.refused) == {"age_over_18", "resident_of_city", "name"}


def test_a_guardians_answer_is_not_mixed_with_the_persons_own(policies: Policies) -> None:
    give(policies, giver=Giver("guardian", "per_bert", authority="grd_1"))
    own = give(policies, asked=("name",), chosen=("name",))
    assert own.attributes == ("name",)


def test_two_answers_that_cross_leave_one_active(policies: Policies) -> None:
    def answer(_: int) -> str:
        try:
            return give(policies).id
        except Problem as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(answer, range(8)))
    states = [c.state for c in policies.consent.list("per_anna")]
    assert states.count("active") == 1
    assert set(states) <= {"active", "replaced"}
    assert all(g.startswith("con_") or g == "conflict" for g in got)


REFUSED_ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("chosen", {"chosen": ("address",)}),
    ("chosen", {"asked": ("name", "name")}),
    ("asked", {"asked": ("name", "birthdate"), "chosen": ("name",)}),
    ("asked", {"asked": ("shoe_size",), "chosen": ()}),
    ("giver", {"giver": Giver("guardian", "per_bert")}),
    ("uses", {"uses": 0}),
    ("not_after", {"not_after": datetime.fromisoformat("2026-03-02T09:00:00+00:00")}),
]


@pytest.mark.parametrize(("where", "answer"), REFUSED_ANSWERS)
def test_an_answer_that_does_not_fit_the_question_is_refused_and_nothing_is_stored(
    policies: Policies, where: str, answer: dict[str, Any]
) -> None:
    with pytest.raises(BadRequest) as refused:
        give(policies, **answer)
    assert refused.value.where == where
    assert policies.consent.list("per_anna") == []


def test_the_notice_of_another_purpose_is_no_notice(policies: Policies) -> None:
    with pytest.raises(BadRequest) as refused:
        policies.consent.give(
            person_id="per_anna",
            service="svc_library",
            purpose="library",
            asked=("name",),
            chosen=("name",),
            notice=policies.notice("mobility", "Library"),
        )
    assert refused.value.where == "notice"


@pytest.mark.row("privacy", "G-5")
def test_a_guardian_gives_for_a_child_and_it_ends_when_the_child_comes_of_age(
    policies: Policies,
) -> None:
    with pytest.raises(BadRequest, match="must be verified first"):
        give(policies, giver=Giver("guardian", "per_bert"))
    give(policies, giver=Giver("guardian", "per_bert", authority="grd_1"))
    asked = question(at=policies.runtime.clock.now())
    assert isinstance(policies.decide(asked, Facts(2, age=12)), Permit)
    grown = policies.decide(asked, Facts(2, age=16))
    assert isinstance(grown, Deny)
    assert grown.code == "came-of-age"


def test_a_consent_for_one_use_is_used_once_by_eight_at_the_same_time(
    policies: Policies,
) -> None:
    give(policies, uses=1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: decide(policies), range(8)))
    assert sum(isinstance(a, Permit) for a in answers) == 1
    assert {a.code for a in answers if isinstance(a, Deny)} == {"used-up"}


def test_looking_ahead_uses_nothing_up_and_writes_nothing(policies: Policies) -> None:
    give(policies, uses=1)
    before = policies.runtime.audit.ledger("per_anna")
    asked = question(at=policies.runtime.clock.now())
    for _ in range(3):
        assert isinstance(policies.decide(asked, ADULT, record=False), Permit)
    assert policies.runtime.audit.ledger("per_anna") == before


def test_an_expired_consent_is_no_ground_before_and_after_it_is_marked(
    policies: Policies, clock: FrozenClock
) -> None:
    given = give(policies)
    tokens = Tokens()
    withdrawal = Withdrawal(policies, [tokens])
    clock.advance(timedelta(days=365))
    for _ in range(2):
        answer = decide(policies)
        assert isinstance(answer, Deny)
        assert answer.code == "expired"
        withdrawal.expire(clock.now())
    assert policies.consent.get(given.id, "per_anna").state == "expired"
    assert withdrawal.expire(clock.now()) == 0
    assert tokens.ended == [given.id]


# ── withdrawal ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("privacy", "G-4")
def test_after_a_withdrawal_the_next_question_is_refused_with_the_day_and_a_next_step(
    policies: Policies,
) -> None:
    given = give(policies)
    assert isinstance(decide(policies), Permit)
    tokens = Tokens()
    receipt = Withdrawal(policies, [tokens]).withdraw(given.id, "per_anna", "too curious")
    answer = decide(policies)
    assert isinstance(answer, Deny)
    assert answer.reason == "The person withdrew this consent on 2026-03-02."
    assert answer.next_step
    assert tokens.ended == [given.id]
    assert receipt.ended == (Ended("access tokens", 1),)
    assert receipt.consent.reason == "too curious"
    # What was done before stays recorded.
    kinds = [e.kind for e in policies.runtime.audit.ledger("per_anna")]
    assert sorted(kinds) == ["consent.given", "consent.withdrawn", "data.refused", "data.verified"]
    standing = policies.consent.standing(
        "per_anna", "svc_parking", "mobility.parking", ("age_over_18",)
    )
    assert standing.must_ask


@pytest.mark.row("privacy", "P-6")
def test_what_rests_on_an_older_answer_ends_with_the_newest(policies: Policies) -> None:
    first, second = give(policies), give(policies, chosen=("name",))
    tokens = Tokens()
    Withdrawal(policies, [tokens]).withdraw(second.id, "per_anna")
    assert sorted(tokens.ended) == sorted([first.id, second.id])


@pytest.mark.row("privacy", "P-6")
def test_when_one_end_fails_nothing_has_changed(policies: Policies) -> None:
    given = give(policies)
    with pytest.raises(RuntimeError):
        Withdrawal(policies, [Tokens(), Tokens(fails=True)]).withdraw(given.id, "per_anna")
    assert policies.consent.get(given.id, "per_anna").state == "active"
    assert isinstance(decide(policies), Permit)
    kinds = [e.kind for e in policies.runtime.audit.ledger("per_anna")]
    assert "consent.withdrawn" not in kinds


def test_of_eight_withdrawals_at_once_one_succeeds_and_the_end_is_told_once(
    policies: Policies,
) -> None:
    given = give(policies)
    tokens = Tokens()
    withdrawal = Withdrawal(policies, [tokens])

    def withdraw(_: int) -> str:
        try:
            return withdrawal.withdraw(given.id, "per_anna").consent.state
        except Conflict as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(withdraw, range(8)))
    assert sorted(got) == ["conflict"] * 7 + ["withdrawn"]
    assert tokens.ended == [given.id]


def test_nobody_withdraws_or_reads_the_consent_of_another(policies: Policies) -> None:
    given = give(policies)
    with pytest.raises(NotFound):
        Withdrawal(policies, []).withdraw(given.id, "per_bert")
    with pytest.raises(NotFound):
        policies.receipt(given.id, "per_bert")
    assert policies.consent.get(given.id, "per_anna").state == "active"


def test_a_reason_that_is_too_long_is_refused(policies: Policies) -> None:
    given = give(policies)
    with pytest.raises(BadRequest):
        Withdrawal(policies, []).withdraw(given.id, "per_anna", "x" * 1001)


# ── the ledger ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("privacy", "P-4")
def test_every_decision_is_in_the_ledger_with_who_what_why_and_by_which_rules(
    policies: Policies,
) -> None:
    given = give(policies)
    decide(policies)
    decide(policies, attributes=("name",), kind="release")
    refused, verified = _by_kind(policies, "data.refused", "data.verified")
    assert verified.actor.id == "svc_parking"
    assert verified.details["ground"] == {"kind": "consent", "id": given.id}
    assert verified.details["purpose"] == "mobility.parking"
    assert verified.details["attributes"] == ["age_over_18"]
    assert verified.details["rule_digest"] == policies.rule_digest
    assert refused.details["reason"] == "not-covered"


@pytest.mark.row("privacy", "P-3")
def test_data_for_one_purpose_asked_for_another_is_refused_and_logged(
    policies: Policies,
) -> None:
    give(policies)
    answer = decide(policies, purpose="library")
    assert isinstance(answer, Deny)
    (refused,) = _by_kind(policies, "data.refused")
    assert refused.details["purpose"] == "library"
    assert refused.details["reason"] == "other-purpose"


def _by_kind(policies: Policies, *kinds: str) -> list[Any]:
    entries = policies.runtime.audit.ledger("per_anna")
    assert set(kinds) <= {e.kind for e in entries}
    return [next(e for e in entries if e.kind == kind) for kind in kinds]
