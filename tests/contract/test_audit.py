"""The audit on both databases: events with their act, gapless leaves, a person's ledger."""

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import open_note
from foundation.audit.entry import SYSTEM, Actor, sealed_digest
from foundation.audit.signed_tree import NothingSigned
from foundation.audit.tables import checkpoints, events, leaves, subjects
from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings, metadata
from foundation.keys import CannotOpen
from foundation.runtime import Runtime
from foundation.settings import Settings
from foundation.vault import vault_metadata
from tests.support import deployments
from tests.support.audits import history, record, sequence

OFFICER = Actor("staff", "stf_officer")


def test_an_event_commits_with_its_act_or_not_at_all(any_runtime: Runtime) -> None:
    any_runtime.vault.create("per_1")

    def act() -> None:
        with any_runtime.database.write() as uow:
            any_runtime.audit.record(uow, "consent.given", SYSTEM, ["per_1"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act()
    assert any_runtime.audit.ledger("per_1") == []
    assert sequence(any_runtime) == 0


def test_a_person_reads_who_did_what_when_and_why(any_runtime: Runtime, clock: FrozenClock) -> None:
    any_runtime.vault.create("per_1")
    any_runtime.vault.create("per_2")
    event = record(
        any_runtime,
        "per_1",
        "per_2",
        kind="record.read",
        actor=OFFICER,
        details={"purpose": "move", "at": clock.now(), "attributes": frozenset({"b", "a"})},
    )
    for person in ("per_1", "per_2"):
        (entry,) = any_runtime.audit.ledger(person)
        assert (entry.event_id, entry.kind, entry.at) == (event, "record.read", clock.now())
        assert entry.actor == OFFICER
        assert entry.readable
        assert entry.details == {
            "purpose": "move",
            "at": "2026-03-02T09:00:00+00:00",
            "attributes": ["a", "b"],
        }
        assert entry.leaf_index is None
    sequence(any_runtime)
    assert any_runtime.audit.ledger("per_1")[0].leaf_index == 0
    assert any_runtime.audit.ledger("per_3") == []


def test_a_ledger_is_read_page_by_page_newest_first(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    any_runtime.vault.create("per_1")
    made = []
    for n in range(25):
        made.append(record(any_runtime, "per_1"))
        if n % 3 == 0:
            clock.advance(timedelta(milliseconds=1))
    seen: list[str] = []
    while page := any_runtime.audit.ledger("per_1", before=seen[-1] if seen else None, limit=7):
        seen += [entry.event_id for entry in page]
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(set(seen))
    ats = {entry.event_id: entry.at for entry in any_runtime.audit.ledger("per_1")}
    assert [ats[e] for e in seen] == sorted(ats.values(), reverse=True)
    assert any_runtime.audit.ledger("per_1", before="evt_unknown") == []


def test_an_event_about_nobody_is_readable_by_the_audit_itself(any_runtime: Runtime) -> None:
    event = record(any_runtime, kind="key.rotated", actor=SYSTEM, details={"use": "jwt"})
    content = any_runtime.audit.details(event)
    assert content == {"actor": "civitas", "details": {"use": "jwt"}}
    with pytest.raises(CannotOpen):
        any_runtime.audit.details("evt_unknown")


def test_references_in_the_open_part_link_nothing(any_runtime: Runtime) -> None:
    any_runtime.vault.create("per_1")
    for _ in range(5):
        record(any_runtime, "per_1", actor=OFFICER)
    with any_runtime.database.read() as uow:
        opened = [json.loads(row.open) for row in uow.all(select(events))]
    refs = [ref for public in opened for ref in (public["actor"]["ref"], *public["persons"])]
    assert len(set(refs)) == len(refs) == 10
    assert all(set(public) == {"id", "kind", "at", "actor", "persons"} for public in opened)


def test_a_kind_of_event_is_words(any_runtime: Runtime) -> None:
    for kind in ("", "Ada Lovelace", "9lives", "a" * 65, "x\n"):
        with pytest.raises(ValueError, match="not the kind of an event"):
            record(any_runtime, kind=kind)


@pytest.mark.row("privacy", "G-9")
def test_after_erasure_nothing_is_readable_and_the_tree_verifies(any_runtime: Runtime) -> None:
    history(any_runtime)
    runtime = any_runtime
    runtime.vault.erase("per_ada")
    assert [entry.readable for entry in runtime.audit.ledger("per_ada")] == [False] * 8
    assert all(entry.details == {} for entry in runtime.audit.ledger("per_ada"))
    with runtime.database.write() as uow:
        runtime.audit.forget(uow, "per_ada")
    assert runtime.audit.ledger("per_ada") == []
    assert runtime.audit.tree.verify().ok
    assert all(entry.readable for entry in runtime.audit.ledger("per_bo"))
    # What happens later about that person is still recorded, without details.
    record(runtime, "per_ada", details={"name": "Ada"})
    sequence(runtime)
    assert runtime.audit.ledger("per_ada")[0].details == {}
    assert runtime.audit.tree.verify().ok


def test_leaves_are_gapless_and_a_size_is_signed_once(any_runtime: Runtime) -> None:
    with pytest.raises(NothingSigned):
        any_runtime.audit.tree.checkpoint()
    assert sequence(any_runtime) == 0
    assert any_runtime.audit.tree.checkpoint().split("\n")[:2] == ["localhost:8000/audit", "0"]
    made = history(any_runtime)
    assert sequence(any_runtime) == 0
    with any_runtime.database.read() as uow:
        rows = uow.all(select(leaves.c.leaf_index, events.c.id).join(events).order_by("leaf_index"))
        sizes = [r.tree_size for r in uow.all(select(checkpoints).order_by("tree_size"))]
    assert [row.leaf_index for row in rows] == list(range(11))
    assert {row.id for row in rows} == set(made)
    assert sizes == [0, 4, 8, 11]


def test_an_event_that_commits_late_still_gets_its_leaf(
    any_settings: Settings, clock: FrozenClock
) -> None:
    """An older event, with a smaller id even, may commit after newer ones were numbered."""
    runtime = deployments.build_runtime(any_settings, clock)
    early = record(runtime)
    clock.advance(timedelta(seconds=5))
    if runtime.database.dialect == "postgresql":
        with runtime.database.write() as slow:
            late = runtime.audit.record(slow, "slow", SYSTEM)
            clock.advance(timedelta(seconds=5))
            record(runtime)
            assert sequence(runtime) == 2
    else:  # SQLite has one writer at a time, but another process's clock may stand behind
        record(runtime)
        assert sequence(runtime) == 2
        behind = deployments.build_runtime(any_settings, FrozenClock(deployments.START))
        late = record(behind)
        behind.close()
    assert sequence(runtime) == 1
    with runtime.database.read() as uow:
        order = [r.id for r in uow.all(select(events.c.id).join(leaves).order_by("leaf_index"))]
    assert order[0] == early
    assert order[-1] == late
    assert runtime.audit.tree.verify().ok
    runtime.close()


def test_eight_threads_append_and_two_sequence_without_a_gap(any_runtime: Runtime) -> None:
    runtime = any_runtime
    runtime.vault.create("per_1")
    start = Barrier(10)

    def append() -> None:
        start.wait()
        for n in range(20):
            record(runtime, "per_1", details={"n": n})

    def number() -> None:
        start.wait()
        for _ in range(10):
            sequence(runtime)

    run([Thread(target=append) for _ in range(8)] + [Thread(target=number) for _ in range(2)])
    sequence(runtime)
    report = runtime.audit.tree.verify()
    assert report.problems == ()
    assert (report.tree_size, report.waiting) == (160, 0)


APPEND = """
import sys
from pathlib import Path
from foundation.clock import SystemClock
from foundation.database import DatabaseSettings
from foundation.audit.entry import SYSTEM
from foundation.runtime import build
from tests.support import deployments
settings = deployments.settings_in(Path(sys.argv[1]), DatabaseSettings(url=sys.argv[2]))
runtime = build(settings, {}, SystemClock())
for n in range(30):
    with runtime.database.write() as uow:
        runtime.audit.record(uow, "counted", SYSTEM, ["per_1"], {"n": n})
    if n % 3 == 0:
        runtime.audit.tree.sequence(runtime.clock.now())
runtime.close()
"""


def test_two_processes_append_and_sequence_one_tree(any_runtime: Runtime) -> None:
    runtime = any_runtime
    runtime.vault.create("per_1")
    url = runtime.settings.of(DatabaseSettings).url
    command = [sys.executable, "-c", APPEND, str(runtime.settings.path.parent), url]
    processes = [subprocess.Popen(command, cwd=deployments.ROOT) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    sequence(runtime)
    report = runtime.audit.tree.verify()
    assert report.problems == ()
    assert (report.tree_size, report.waiting) == (60, 0)
    assert len(runtime.audit.ledger("per_1", limit=100)) == 60


def test_many_events_are_numbered_in_batches(any_runtime: Runtime) -> None:
    with any_runtime.database.write() as uow:
        for _ in range(1203):
            any_runtime.audit.record(uow, "counted", SYSTEM)
    assert sequence(any_runtime) == 1203
    report = any_runtime.audit.tree.verify()
    assert (report.problems, report.tree_size) == ((), 1203)


def test_a_leaf_holds_the_sealed_parts_and_no_line_of_the_actor(any_runtime: Runtime) -> None:
    for person in ("per_1", "per_2"):
        any_runtime.vault.create(person)
    record(any_runtime, "per_1", "per_2", kind="record.read", actor=OFFICER)
    record(any_runtime, kind="keys.rotated", actor=SYSTEM)
    record(any_runtime, "per_1", kind="record.read", actor=Actor("service", "cli_parks"))
    assert sequence(any_runtime) == 3
    with any_runtime.database.read() as uow:
        found = audit_log.entries(uow, 0, 3)
        stored = audit_log.leaf_hashes(uow, 0, 3)
    assert sorted(len(entry.sealed_digests) for entry in found) == [1, 1, 2]
    assert stored == [(entry.index, entry.leaf()) for entry in found]
    assert any_runtime.audit.tree.verify().ok


def test_a_citizen_proves_that_an_entry_of_theirs_is_in_the_signed_tree(
    any_runtime: Runtime,
) -> None:
    history(any_runtime)
    mine = any_runtime.audit.ledger("per_bo")[0]
    signed = open_note(any_runtime.audit.tree.checkpoint(), any_runtime.audit.tree.verifier_keys())
    assert mine.leaf_index is not None
    with any_runtime.database.read() as uow:
        (public,) = audit_log.entries(uow, mine.leaf_index, 1)
        proof = audit_tree.inclusion_proof(
            mine.leaf_index, signed.size, lambda wanted: audit_log.fetch(uow, wanted)
        )
    assert sealed_digest(mine.sealed) in public.sealed_digests
    assert mine.ref in json.loads(public.open)["persons"]
    audit_tree.verify_inclusion(public.leaf(), mine.leaf_index, signed.size, proof, signed.root)


@pytest.mark.row("assurance", "CM-7")
def test_a_dump_of_database_and_key_store_holds_no_plaintext(any_runtime: Runtime) -> None:
    runtime = any_runtime
    runtime.keys.ensure("jwt", "ES256")
    runtime.vault.create("per_ada")
    record(
        runtime,
        "per_ada",
        actor=Actor("staff", "stf_lovelace"),
        details={"name": "Augusta Ada King", "purpose": "moving house"},
    )
    record(runtime, actor=OFFICER, details={"name": "Augusta Ada King"})
    sequence(runtime)
    numbers = runtime.keys.signer("jwt").private_key.private_numbers()  # type: ignore[union-attr]
    private = numbers.private_value.to_bytes(32, "big")  # type: ignore[union-attr]
    dump = b"".join(everything(runtime))
    for secret in (b"Augusta", b"moving", b"per_ada", b"stf_", private):
        assert secret not in dump


def everything(runtime: Runtime) -> Iterable[bytes]:
    """Every value of every row; and the bytes of SQLite's files, whatever they hold."""
    with runtime.database.read() as uow:
        for table in metadata.sorted_tables:
            if table.name.startswith("test_"):
                continue
            for row in uow.all(select(table)):
                for value in row:
                    yield value if isinstance(value, bytes) else str(value).encode()
    if runtime.database.dialect == "sqlite":
        for file in runtime.settings.path.parent.glob("civitas.db*"):
            yield file.read_bytes()
    with runtime.vault.store.read() as uow:
        for table in vault_metadata.sorted_tables:
            for row in uow.all(select(*(c for c in table.c if c.name != "person_id"))):
                for value in row:
                    yield value if isinstance(value, bytes) else str(value).encode()


def test_a_persons_events_cannot_be_listed_without_the_master_key(any_runtime: Runtime) -> None:
    any_runtime.vault.create("per_1")
    record(any_runtime, "per_1")
    with any_runtime.database.read() as uow:
        (row,) = uow.all(select(subjects).where(subjects.c.position >= 0))
    assert b"per_1" not in row.subject
    assert len(row.subject) == 16


def run(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
