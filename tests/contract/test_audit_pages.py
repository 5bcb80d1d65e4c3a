"""A page of a ledger costs what it shows, and shows what it always did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, text, update

from foundation.audit.entry import SYSTEM, Actor
from foundation.audit.review import AuditReview, Wish
from foundation.audit.tables import events, subjects
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from tests.support.audits import numbers_of, record
from tests.support.statements import listening, noting, plan

OFFICER = Actor("staff", "stf_officer")
PAGE = 50
MANY = 3000
OF_A_SUBJECT = "ix_audit_subjects_subject_at"
OF_ALL = "ix_audit_events_at"


@pytest.fixture
def busy(any_runtime: Runtime, clock: FrozenClock) -> tuple[Runtime, list[str]]:
    """A person with many events of one officer, and their ids; and as many about nobody."""
    any_runtime.vault.create("per_1")
    made = []
    with any_runtime.database.write() as uow:
        for _ in range(MANY):
            made.append(any_runtime.audit.record(uow, "record.read", OFFICER, ["per_1"]))
            any_runtime.audit.record(uow, "desk.opened", SYSTEM)
            clock.advance(timedelta(milliseconds=500))
    if any_runtime.database.dialect == "postgresql":
        with any_runtime.database.write() as uow:
            uow.execute(text("ANALYZE"))
    return any_runtime, made


def test_a_page_reads_no_more_events_than_it_shows(
    busy: tuple[Runtime, list[str]], clock: FrozenClock
) -> None:
    """Of the person's ledger, of what a member of staff did, and of all there is: the first page,
    and one from the middle."""
    runtime, made = busy
    middle, review = made[MANY // 2], AuditReview(runtime.audit)
    since, until = clock.now() - timedelta(days=1), clock.now()
    pages: list[tuple[str, Callable[[], list[Any]]]] = [
        (OF_A_SUBJECT, lambda: runtime.audit.ledger("per_1", None, PAGE)),
        (OF_A_SUBJECT, lambda: runtime.audit.ledger("per_1", middle, PAGE)),
        (OF_A_SUBJECT, lambda: review.entries(Wish(by=OFFICER), [OFFICER], PAGE)),
        (OF_A_SUBJECT, lambda: review.entries(Wish(by=OFFICER, before=middle), [OFFICER], PAGE)),
        (OF_A_SUBJECT, lambda: review.entries(Wish("", OFFICER, since, until), [OFFICER], PAGE)),
        (OF_ALL, lambda: review.entries(Wish(), [OFFICER], PAGE)),
        (OF_ALL, lambda: review.entries(Wish("", None, since, until, middle), [OFFICER], PAGE)),
    ]
    for index, page in pages:
        with noting() as asked:
            assert len(page()) == PAGE
        plans = [plan(runtime.database, one) for one in asked if "audit_" in str(one[0])]
        look = _on_sqlite if runtime.database.dialect == "sqlite" else _on_postgresql
        for steps in plans:
            look(steps)
        assert any(index in str(step) for step in plans[-1]), plans[-1]


def _on_sqlite(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        said, within = step["detail"], step["within"]
        assert not said.startswith("SCAN audit_") or "USING INDEX ix_audit" in said, steps
        if said == "USE TEMP B-TREE FOR ORDER BY":
            # A page that was read is put in order, never what it is read from.
            read = [other["detail"] for other in steps if other["within"] == within]
            assert not [one for one in read if " audit_" in one], steps


def _on_postgresql(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        # There are two in an instant: at both ends those that are not shown may be looked at.
        assert step["read"] <= PAGE + 4, step


def test_a_page_of_a_ledger_is_one_question_of_the_driver(busy: tuple[Runtime, list[str]]) -> None:
    runtime, made = busy
    with listening() as said, listening(to_sqlalchemy=True) as slowly:
        runtime.audit.ledger("per_1", None, PAGE)
        runtime.audit.ledger("per_1", made[0], PAGE)
    assert len([one for one in said if "audit_subjects" in one]) == 3  # and where the cursor stands
    assert not [one for one in slowly if "audit_" in one]


@pytest.fixture
def crowded(any_runtime: Runtime, clock: FrozenClock) -> list[str]:
    """Events of a person, several in one instant; every fourth written by an older process."""
    any_runtime.vault.create("per_1")
    made = []
    for n in range(40):
        made.append(record(any_runtime, "per_1", actor=OFFICER))
        if n % 5 == 4:
            clock.advance(timedelta(milliseconds=1))
    with any_runtime.database.write() as uow:
        uow.execute(
            update(subjects).where(subjects.c.event.in_(numbers_of(made[::4]))).values(at=None)
        )
    return made


def in_order(runtime: Runtime) -> list[str]:
    """Of one instant, the one first that was written last."""
    with runtime.database.read() as uow:
        rows = uow.all(select(events.c.id).order_by(events.c.at.desc(), events.c.number.desc()))
    return [row.id for row in rows]


@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_pages_of_a_ledger_leave_out_nothing_and_repeat_nothing(
    any_runtime: Runtime, crowded: list[str], size: int
) -> None:
    seen: list[str] = []
    while page := any_runtime.audit.ledger("per_1", seen[-1] if seen else None, size):
        assert len(page) == size or len(seen) + len(page) == len(crowded)
        assert all(one.at >= other.at for one, other in pairwise(page))
        seen += [entry.event_id for entry in page]
    assert seen == in_order(any_runtime)


@pytest.mark.parametrize("by", [OFFICER, None])
@pytest.mark.parametrize("size", [1, 7])
def test_pages_of_what_was_done_leave_out_nothing_and_repeat_nothing(
    any_runtime: Runtime, crowded: list[str], by: Actor | None, size: int
) -> None:
    review = AuditReview(any_runtime.audit)
    seen: list[str] = []
    while page := review.entries(Wish(by=by, before=seen[-1] if seen else ""), [OFFICER], size):
        assert {entry.actor for entry in page} == {OFFICER.id}
        seen += [entry.id for entry in page]
    assert seen == in_order(any_runtime)
    assert sorted(seen) == sorted(crowded)


def test_a_span_of_time_begins_with_its_first_instant_and_ends_before_its_last(
    any_runtime: Runtime, crowded: list[str], clock: FrozenClock
) -> None:
    review, first = AuditReview(any_runtime.audit), clock.now() - timedelta(milliseconds=8)
    for by in (OFFICER, None):
        wish = Wish(by=by, since=first + timedelta(milliseconds=1), until=clock.now())
        found = review.entries(wish, [OFFICER])
        assert sorted(entry.id for entry in found) == sorted(crowded[5:])
        wish = Wish(by=by, since=first, until=first + timedelta(milliseconds=1))
        assert sorted(e.id for e in review.entries(wish, [OFFICER])) == sorted(crowded[:5])


def test_a_page_behind_another_persons_event_is_empty(any_runtime: Runtime) -> None:
    for person in ("per_1", "per_2"):
        any_runtime.vault.create(person)
    record(any_runtime, "per_1")
    others = record(any_runtime, "per_2")
    assert any_runtime.audit.ledger("per_1", before=others) == []
