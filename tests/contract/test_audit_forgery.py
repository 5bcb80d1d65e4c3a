"""Whoever writes the database without a key gets no event into the log — RFC 2104."""

import asyncio
import json
from collections.abc import Callable

import pytest
from sqlalchemy import delete, insert, select, update

from foundation import opaque
from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import open_note
from foundation.audit.entry import Actor, entry, open_part, sealed_digest
from foundation.audit.marks import audit_marks
from foundation.audit.tables import events, leaves, nodes, subjects, waiting
from foundation.database import UnitOfWork
from foundation.readiness import Readiness
from foundation.runtime import Runtime
from tests.support.audits import history, number_of, record, sequence


def write_forged(
    runtime: Runtime, uow: UnitOfWork, *, mac: bytes | None, waits: bool = True
) -> str:
    """An event as somebody writes it who knows all but the key."""
    event_id, ref = opaque.identifier("evt"), opaque.secret(12)
    at = runtime.clock.now()
    public = open_part(event_id, "level.raised", at, "staff", opaque.secret(12), [ref])
    uow.execute(
        insert(events).values(id=event_id, kind="level.raised", at=at, open=public, mac=mac)
    )
    number = number_of(event_id)
    uow.execute(insert(subjects).values(event=number, position=0, subject=None, sealed=b"x"))
    if waits:
        uow.execute(insert(waiting).values(state=1, event=number))
    return event_id


def kinds_with_a_leaf(runtime: Runtime) -> list[str]:
    with runtime.database.read() as uow:
        shown = audit_log.entries(uow, 0, 1000)
    return [json.loads(one.open)["kind"] for one in shown]


@pytest.mark.row("failures", "29")
@pytest.mark.parametrize("mac", [None, bytes(32), "another's"])
def test_a_forged_event_gets_no_leaf_is_named_and_stops_no_other(
    any_runtime: Runtime, mac: bytes | str | None
) -> None:
    first = record(any_runtime, kind="desk.opened")
    with any_runtime.database.write() as uow:
        if mac == "another's":
            mac = uow.execute(select(events.c.mac).where(events.c.id == first)).scalar_one()
        assert not isinstance(mac, str)
        forged = write_forged(any_runtime, uow, mac=mac)
    record(any_runtime, kind="desk.closed")
    assert any(forged in problem for problem in any_runtime.audit.tree.verify().problems)
    sequence(any_runtime)
    sequence(any_runtime)
    assert sorted(kinds_with_a_leaf(any_runtime)) == [
        *("audit.events-refused", "desk.closed", "desk.opened")
    ]
    expected = f"Event {forged} was not recorded by this deployment"
    assert [p for p in any_runtime.audit.tree.verify().problems if p.startswith(expected)]
    assert asyncio.run(Readiness(any_runtime).report()).refused_events == 1
    assert b'civitas_acts_total{kind="audit.events-refused"}' in any_runtime.telemetry.exposition()


def moved_to_another(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(
        update(subjects)
        .where(subjects.c.event == number_of(event_id), subjects.c.position == 0)
        .values(subject=bytes(16))
    )


def hidden(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(
        update(subjects).where(subjects.c.event == number_of(event_id)).values(subject=None)
    )


def without_its_actor(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(
        delete(subjects).where(subjects.c.event == number_of(event_id), subjects.c.position == -1)
    )


def of_another_kind(uow: UnitOfWork, event_id: str) -> None:
    row = uow.execute(select(events.c.open).where(events.c.id == event_id)).scalar_one()
    changed = bytes(row).replace(b"claims.released", b"claims.withheld")
    uow.execute(
        update(events).where(events.c.id == event_id).values(open=changed, kind="claims.withheld")
    )


def sealed_anew(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(
        update(subjects).where(subjects.c.event == number_of(event_id)).values(sealed=b"new")
    )


ALTERED = [moved_to_another, hidden, without_its_actor, of_another_kind, sealed_anew]


@pytest.mark.parametrize("alter", ALTERED)
def test_an_event_altered_while_it_waits_gets_no_leaf(
    any_runtime: Runtime, alter: Callable[[UnitOfWork, str], None]
) -> None:
    any_runtime.vault.create("per_1")
    altered = record(any_runtime, "per_1", actor=Actor("staff", "stf_1"))
    with any_runtime.database.write() as uow:
        alter(uow, altered)
    assert sequence(any_runtime) == 0
    assert any(altered in problem for problem in any_runtime.audit.tree.verify().problems)


@pytest.mark.parametrize("alter", [moved_to_another, hidden, without_its_actor])
def test_an_entry_moved_to_another_or_hidden_after_its_leaf_is_named(
    any_runtime: Runtime, alter: Callable[[UnitOfWork, str], None]
) -> None:
    any_runtime.vault.create("per_1")
    altered = record(any_runtime, "per_1", actor=Actor("staff", "stf_1"))
    sequence(any_runtime)
    with any_runtime.database.write() as uow:
        alter(uow, altered)
    (problem,) = any_runtime.audit.tree.verify().problems
    assert altered in problem
    assert "whom it concerns or who acted was changed" in problem


def test_a_leaf_put_in_between_numbering_and_signing_is_taken_back(any_runtime: Runtime) -> None:
    """With hashes and subtrees that fit: a signature must not rest on them."""
    history(any_runtime)
    with any_runtime.database.write() as uow:
        forged = write_forged(any_runtime, uow, mac=None, waits=False)
        size = audit_log.size(uow)
        public = uow.execute(select(events.c.open).where(events.c.id == forged)).scalar_one()
        leaf = audit_tree.leaf_hash(entry(public, [sealed_digest(b"x")]))
        edge = audit_tree.cover((0, size))
        known = audit_log.fetch(uow, edge)
        made, _ = audit_tree.append(size, [known[piece] for piece in edge], [leaf])
        uow.execute(insert(leaves).values(leaf_index=size, event=number_of(forged), hash=leaf))
        for level, position, digest in made:
            uow.execute(insert(nodes).values(level=level, position=position, hash=digest))
    record(any_runtime, kind="desk.closed")
    sequence(any_runtime)
    sequence(any_runtime)
    assert "level.raised" not in kinds_with_a_leaf(any_runtime)
    keys = any_runtime.audit.tree.verifier_keys()
    assert (
        open_note(any_runtime.audit.tree.checkpoint(), keys).size == 13
    )  # closed, and the refusal
    problems = any_runtime.audit.tree.verify().problems
    assert len(problems) == 1
    assert forged in problems[0]


def test_what_is_erased_while_it_waits_still_gets_its_leaf(any_runtime: Runtime) -> None:
    for person in ("per_1", "per_2"):
        any_runtime.vault.create(person)
    record(any_runtime, "per_1", "per_2", actor=Actor("staff", "stf_1"))
    with any_runtime.database.write() as uow:
        any_runtime.audit.forget(uow, "per_1")
    assert sequence(any_runtime) == 1
    with any_runtime.database.write() as uow:
        any_runtime.audit.forget(uow, "per_2")
    assert any_runtime.audit.tree.verify().problems == ()


def test_erasing_a_person_does_not_make_an_altered_event_genuine(any_runtime: Runtime) -> None:
    any_runtime.vault.create("per_1")
    altered = record(any_runtime, "per_1")
    with any_runtime.database.write() as uow:
        sealed_anew(uow, altered)
        any_runtime.audit.forget(uow, "per_1")
    assert sequence(any_runtime) == 0


def test_events_of_before_there_were_macs_are_taken_up_once_at_the_upgrade(
    any_runtime: Runtime,
) -> None:
    queued = select(waiting.c.event).where(waiting.c.state == 1)

    def as_before() -> None:
        with any_runtime.database.write() as uow:
            uow.execute(update(events).where(events.c.number.in_(queued)).values(mac=None))

    history(any_runtime)
    with any_runtime.database.write() as uow:
        uow.execute(update(events).values(mac=None))
    with any_runtime.vault.store.write() as uow:
        uow.execute(delete(audit_marks))
    record(any_runtime, "per_ada", kind="desk.opened")
    as_before()
    any_runtime.prepare()  # what `civitas db upgrade` does
    assert sequence(any_runtime) == 1
    assert any_runtime.audit.tree.verify().problems == ()
    record(any_runtime, kind="desk.closed")
    as_before()
    any_runtime.prepare()  # later, whoever calls it: an event without a MAC is a forged one
    assert sequence(any_runtime) == 0
