"""A question is decided once, on what stands in the unit of work that records the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import cedarpy
import pytest

from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from policies import Deny, Facts, Permit, Policies, Withdrawal
from policies.evaluations import Asked, DecisionPoint
from tests.support.decisions import ADULT, People, give, question, ready_policies
from tests.support.statements import listening

ANNA = Asked("sub-anna", "age_over_18", "mobility.parking")
STRONG = Facts(level=3, age=30)


@pytest.fixture
def policies(any_runtime: Runtime) -> Policies:
    return ready_policies(any_runtime, "per_anna", "per_bert")


@pytest.fixture
def point(policies: Policies) -> DecisionPoint:
    return DecisionPoint(policies, People())


@pytest.fixture
def asked_of_cedar(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many claims each call to the rules was about."""
    calls: list[int] = []
    real = cedarpy.is_authorized_batch

    def counted(requests: Any, *more: Any) -> Any:
        calls.append(len(requests))
        return real(requests, *more)

    monkeypatch.setattr(cedarpy, "is_authorized_batch", counted)
    return calls


@contextmanager
def tables() -> Iterator[Counter[str]]:
    """How many statements there were, by their verb and table."""
    found: Counter[str] = Counter()
    with listening() as said:
        yield found
    for text in said:
        words = text.replace('"', " ").split()
        after = {"SELECT": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE", "WITH": "INTO"}[words[0]]
        found[f"{words[0].lower()} {words[words.index(after) + 1].rpartition('.')[2]}"] += 1


def test_an_evaluation_reads_its_grounds_once_and_writes_its_event_and_its_count(
    point: DecisionPoint, asked_of_cedar: list[int]
) -> None:
    give(point.policies)
    point.evaluate("svc_parking", ANNA)
    asked_of_cedar.clear()
    with tables() as found:
        assert point.evaluate("svc_parking", ANNA).decision
    event = [n for name, n in found.items() if "audit" in name]
    # SQLite fills one table at a time: the event, its lines, the queue.
    assert sum(event) == (1 if point.policies.runtime.database.dialect == "postgresql" else 3)
    others = {name: n for name, n in found.items() if "audit" not in name}
    assert others == {"select consents": 1, "insert rate_limits": 1}
    assert asked_of_cedar == []  # the answer was kept


@pytest.mark.row("privacy", "G-4")
def test_a_consent_withdrawn_while_its_person_is_looked_up_answers_nothing(
    policies: Policies,
) -> None:
    given = give(policies)
    people = People()
    point = DecisionPoint(policies, people)
    assert point.evaluate("svc_parking", ANNA).decision
    known = people.known

    def meanwhile(service_id: str, sub: str) -> Any:
        found = known(service_id, sub)
        Withdrawal(policies, []).withdraw(given.id, "per_anna")
        return found

    people.known = meanwhile  # type: ignore[method-assign]
    refused = point.evaluate("svc_parking", ANNA)
    assert refused.refusal is not None
    assert refused.refusal.code == "withdrawn"
    assert ("data.refused", ["age_over_18"], "withdrawn") in _entries(policies)


@pytest.mark.row("privacy", "G-4")
def test_grounds_are_read_in_the_unit_of_work_that_records_the_answer(
    point: DecisionPoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(point.policies)
    read_in: list[UnitOfWork] = []
    written_in: list[UnitOfWork] = []
    at_service, record = point.policies.consent.at_service, point.policies.runtime.audit.record

    def read(uow: UnitOfWork, *more: Any) -> Any:
        read_in.append(uow)
        return at_service(uow, *more)

    def written(uow: UnitOfWork, *more: Any) -> Any:
        written_in.append(uow)
        return record(uow, *more)

    monkeypatch.setattr(point.policies.consent, "at_service", read)
    monkeypatch.setattr(point.policies.runtime.audit, "record", written)
    point.evaluate("svc_parking", ANNA)
    asked = question(attributes=("name",), kind="release")
    point.policies.permitted([asked], STRONG)
    point.policies.decide(question(), ADULT)
    assert len(read_in) == 3
    assert all(one is other for one, other in zip(read_in, written_in, strict=True))


def _release(policies: Policies, *groups: tuple[str, ...], **changed: Any) -> frozenset[str]:
    at = policies.runtime.clock.now()
    parts = [question(attributes=g, kind="release", at=at, **changed) for g in groups]
    return policies.permitted(parts, STRONG)


def _entries(policies: Policies, person: str = "per_anna") -> list[tuple[str, list[str], Any]]:
    """Of one instant, so in no order of their own."""
    return sorted(
        (e.kind, e.details["attributes"], e.details.get("reason"))
        for e in policies.runtime.audit.ledger(person)
        if e.kind.startswith("data.")
    )


@pytest.mark.row("privacy", "P-4")
def test_each_claim_of_a_release_is_in_the_ledger_once_permitted_or_refused(
    policies: Policies, asked_of_cedar: list[int]
) -> None:
    give(
        policies, asked=("name", "resident_of_city", "age_over_18"), chosen=("name", "age_over_18")
    )
    wanted = ("name", "resident_of_city", "age_over_18", "birthdate")
    with tables() as found:
        assert _release(policies, wanted) == {"name", "age_over_18"}
    assert found["select consents"] == 1
    assert _entries(policies) == [
        ("data.refused", ["birthdate"], "purpose-has-no-use"),
        ("data.refused", ["resident_of_city"], "not-covered"),
        ("data.released", ["name", "age_over_18"], None),
    ]
    assert asked_of_cedar == [4, 1, 1, 1, 1]
    _release(policies, wanted)
    assert len(asked_of_cedar) == 5


def test_claims_of_two_consents_are_released_each_on_its_own(policies: Policies) -> None:
    give(policies, purpose="mobility.parking", asked=("name",), chosen=("name",))
    give(policies, purpose="mobility", asked=("age_over_18",), chosen=("age_over_18",))
    assert _release(policies, ("name", "age_over_18")) == {"name", "age_over_18"}
    released = [e for e in _entries(policies) if e[0] == "data.released"]
    assert sorted(names for _, names, _ in released) == [["age_over_18"], ["name"]]


def test_a_release_is_one_use_of_a_consent_for_a_number_of_uses(policies: Policies) -> None:
    give(policies, asked=("name", "age_over_18"), chosen=("name", "age_over_18"), uses=2)
    assert _release(policies, ("name", "age_over_18", "birthdate")) == {"name", "age_over_18"}
    assert _release(policies, ("name",)) == {"name"}
    assert _release(policies, ("name", "age_over_18")) == frozenset()
    assert policies.consent.list("per_anna")[0].uses_left == 0


@pytest.mark.row("privacy", "G-4")
def test_a_kept_answer_ends_with_its_consent_by_withdrawal_and_by_time(
    policies: Policies, clock: FrozenClock, asked_of_cedar: list[int]
) -> None:
    def ask() -> Any:
        return policies.decide(question(at=clock.now()), ADULT)

    given = give(policies, not_after=clock.now() + timedelta(hours=1))
    assert isinstance(ask(), Permit)
    clock.advance(timedelta(minutes=59))
    assert isinstance(ask(), Permit)
    assert len(asked_of_cedar) == 1
    clock.advance(timedelta(minutes=1))
    over = ask()
    assert isinstance(over, Deny)
    assert over.code == "expired"
    clock.advance(timedelta(minutes=-30))
    assert isinstance(ask(), Permit)
    Withdrawal(policies, []).withdraw(given.id, "per_anna")
    ended = ask()
    assert isinstance(ended, Deny)
    assert ended.code == "withdrawn"


def test_a_look_ahead_records_nothing_and_an_officers_question_names_the_officer(
    policies: Policies,
) -> None:
    give(policies)
    assert isinstance(policies.decide(question(), ADULT, record=False), Permit)
    assert _entries(policies) == []
    officer = Actor("staff", "stf_1")
    policies.permitted([question()], ADULT, actor=officer)
    assert officer in [entry.actor for entry in policies.runtime.audit.ledger("per_anna")]
