"""The mark outside of the database knows how far the log had come: a cut end is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from foundation.audit.checkpoint import open_note
from foundation.audit.log import TreeBroken
from foundation.audit.marks import audit_marks
from foundation.audit.settings import AuditSettings
from foundation.audit.tables import checkpoints, events, leaves, nodes, subjects
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from foundation.settings import Settings
from tests.support import deployments
from tests.support.audits import history, record, sequence

FILE = "mark"


@pytest.fixture
def marked(any_settings: Settings, clock: FrozenClock) -> Iterator[Runtime]:
    """A runtime whose audit also keeps its mark in a file."""
    settings = any_settings.with_sections(AuditSettings(mark_file=FILE))
    laid = deployments.build_runtime(settings, clock)
    yield laid
    laid.close()


def file_of(runtime: Runtime) -> Path:
    return runtime.settings.path.parent / FILE


def cut_to(runtime: Runtime, size: int) -> None:
    """What a thorough thief leaves of the log: all of it fits, as it was at that size."""
    with runtime.database.write() as uow:
        gone = [
            row.event for row in uow.all(select(leaves.c.event).where(leaves.c.leaf_index >= size))
        ]
        uow.execute(delete(checkpoints).where(checkpoints.c.tree_size > size))
        for level in range(1, 8):
            above = (nodes.c.level == level) & (nodes.c.position >= size >> level)
            uow.execute(delete(nodes).where(above))
        uow.execute(delete(leaves).where(leaves.c.leaf_index >= size))
        for table, column in ((subjects, subjects.c.event), (events, events.c.number)):
            uow.execute(delete(table).where(column.in_(gone)))


def test_each_checkpoint_is_also_in_the_key_store_and_in_the_file(marked: Runtime) -> None:
    history(marked)
    note = marked.audit.tree.checkpoint()
    assert file_of(marked).read_text() == note
    with marked.vault.store.read() as uow:
        assert [row.note for row in uow.all(select(audit_marks))] == [note]
    assert marked.audit.tree.verify().problems == ()


@pytest.mark.row("failures", "29")
@pytest.mark.parametrize("size", [0, 8])
def test_a_cut_end_is_named_and_nothing_is_signed_over_it(marked: Runtime, size: int) -> None:
    history(marked)
    cut_to(marked, size)
    (problem,) = marked.audit.tree.verify().problems
    assert problem.startswith("11 leaves were signed, as the key store and the file")
    assert f"the tree has only {size}" in problem
    for _ in range(4):  # grown beyond the mark it would be another tree
        record(marked)
    with pytest.raises(TreeBroken, match="civitas audit resume"):
        sequence(marked)
    with marked.database.read() as uow:
        assert [r.tree_size for r in uow.all(select(checkpoints)) if r.tree_size > size] == []


def test_a_key_store_that_was_rolled_back_too_is_told_by_the_file(marked: Runtime) -> None:
    history(marked)
    cut_to(marked, 8)
    with marked.database.read() as uow:
        old = uow.execute(
            select(checkpoints.c.note).where(checkpoints.c.tree_size == 8)
        ).scalar_one()
    with marked.vault.store.write() as uow:
        uow.execute(update(audit_marks).values(tree_size=8, note=old))
    (problem,) = marked.audit.tree.verify().problems
    assert problem.startswith("11 leaves were signed, as the file")
    with pytest.raises(TreeBroken):
        sequence(marked)


def without(runtime: Runtime) -> None:
    with runtime.vault.store.write() as uow:
        uow.execute(delete(audit_marks))


def of_another_key(runtime: Runtime) -> None:
    with runtime.vault.store.write() as uow:
        note = uow.execute(select(audit_marks.c.note)).scalar_one()
        lines = note.split("\n")
        lines[1] = "4"
        uow.execute(update(audit_marks).values(tree_size=4, note="\n".join(lines)))


@pytest.mark.parametrize("tamper", [without, of_another_key])
def test_a_mark_that_is_gone_or_not_ours_is_named_and_stops_the_log(
    any_runtime: Runtime, tamper: Callable[[Runtime], None]
) -> None:
    history(any_runtime)
    tamper(any_runtime)
    (problem,) = any_runtime.audit.tree.verify().problems
    assert problem.startswith("The audit's high-water mark: the key store has")
    record(any_runtime)
    with pytest.raises(TreeBroken, match="the key store"):
        sequence(any_runtime)


def test_a_checkpoint_kept_by_hand_is_compared_too(any_runtime: Runtime) -> None:
    history(any_runtime)
    kept = any_runtime.audit.tree.checkpoint()
    assert any_runtime.audit.tree.verify(kept).problems == ()
    assert any_runtime.audit.tree.verify(kept.replace("\n11\n", "\n12\n")).problems != ()


def test_a_mark_that_lags_after_a_crash_is_raised_by_itself(marked: Runtime) -> None:
    history(marked, 4)
    with marked.database.read() as uow:
        before = uow.execute(select(checkpoints.c.note)).scalar_one()
    for _ in range(3):
        record(marked)
    sequence(marked)
    note = marked.audit.tree.checkpoint()
    file_of(marked).unlink()
    with marked.vault.store.write() as uow:
        uow.execute(update(audit_marks).values(tree_size=4, note=before))
    again = deployments.build_runtime(marked.settings, marked.clock)  # a process that starts
    assert sequence(again) == 0
    again.close()
    assert file_of(marked).read_text() == note
    with marked.vault.store.read() as uow:
        assert uow.execute(select(audit_marks.c.note)).scalar_one() == note


def test_after_a_restore_an_operator_resumes_the_log_on_record(marked: Runtime) -> None:
    history(marked)
    cut_to(marked, 8)
    before, now_on = marked.audit.tree.resume("a fire", marked.clock.now())
    assert (before.size, now_on.size) == (11, 8)
    assert sequence(marked) == 1
    assert marked.audit.tree.verify().problems == ()
    with marked.database.read() as uow:
        row = uow.one(select(events.c.id).where(events.c.kind == "audit.resumed"))
    assert row is not None
    told = marked.audit.details(row.id)["details"]
    assert told["reason"] == "a fire"
    assert told["marks"]["the key store"].split("\n")[1] == "11"
    # Resumed is not forgotten, and nothing is resumed twice.
    assert (
        marked.audit.tree.resume("again", marked.clock.now())
        == (open_note(marked.audit.tree.checkpoint(), marked.audit.tree.verifier_keys()),) * 2
    )


def test_a_tree_that_its_own_checkpoint_contradicts_is_not_resumed(any_runtime: Runtime) -> None:
    history(any_runtime)
    with any_runtime.database.write() as uow:
        uow.execute(update(leaves).where(leaves.c.leaf_index == 2).values(hash=bytes(32)))
        uow.execute(update(nodes).values(hash=bytes(32)))
    with pytest.raises(TreeBroken):
        any_runtime.audit.tree.resume("a fire", any_runtime.clock.now())


def test_a_file_that_cannot_be_written_does_not_stop_the_log(
    any_settings: Settings, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    settings = any_settings.with_sections(AuditSettings(mark_file="no/such/folder/mark"))
    laid = deployments.build_runtime(settings, clock)
    history(laid)
    assert laid.audit.tree.verify().notes
    laid.close()
    assert "cannot be written" in caplog.text


def test_where_the_log_is_kept_elsewhere_it_holds_every_checkpoint(
    any_settings: Settings, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "civitas.audit")
    settings = any_settings.with_sections(AuditSettings(mark_log=True))
    laid = deployments.build_runtime(settings, clock)
    history(laid)
    newest = open_note(laid.audit.tree.checkpoint(), laid.audit.tree.verifier_keys())
    laid.close()
    assert f"11 leaves, root {newest.root.hex()}" in caplog.text
