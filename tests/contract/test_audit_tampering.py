"""Whatever is changed in the stored audit is found, by the operator and by an outsider."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select, update

from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import Checkpoint, VerifierKey, open_note
from foundation.audit.entry import Actor, sealed_digest
from foundation.audit.log import TreeBroken
from foundation.audit.tables import checkpoints, events, leaves, nodes, subjects, waiting
from foundation.audit.verify_public import verify_from_outside
from foundation.clock import FrozenClock
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from tests.support.audits import history, number_of, outside, record, sequence

URL = "http://localhost:8000"
EVENT = 5  # the leaf that is tampered with, of eleven


def test_an_untouched_audit_verifies_from_inside_and_outside(any_runtime: Runtime) -> None:
    history(any_runtime)
    kept = any_runtime.audit.tree.checkpoint()
    record(any_runtime)
    report = any_runtime.audit.tree.verify()
    assert (report.problems, report.tree_size, report.waiting) == ((), 11, 1)
    sequence(any_runtime)
    with outside(any_runtime.audit) as client:
        pinned = str(any_runtime.audit.tree.verifier_keys()[0])
        seen = verify_from_outside(URL, client, pinned=pinned, known=kept)
    assert (seen.problems, seen.tree_size, seen.ok) == ((), 12, True)


def event_at(uow: UnitOfWork, leaf: int) -> str:
    row = uow.one(select(events.c.id).join(leaves).where(leaves.c.leaf_index == leaf))
    assert row is not None
    return str(row.id)


def change_open(uow: UnitOfWork, event_id: str) -> None:
    row = uow.one(select(events.c.open).where(events.c.id == event_id))
    assert row is not None
    changed = row.open.replace(b"claims.released", b"claims.withheld")
    uow.execute(update(events).where(events.c.id == event_id).values(open=changed))


def change_sealed(uow: UnitOfWork, event_id: str) -> None:
    row = uow.one(select(subjects.c.sealed).where(subjects.c.event == number_of(event_id)))
    assert row is not None
    changed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    where = (subjects.c.event == number_of(event_id)) & (subjects.c.position == 0)
    uow.execute(update(subjects).where(where).values(sealed=changed))


def empty_open(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(update(events).where(events.c.id == event_id).values(open=b"\xff\x00"))


def drop_sealed(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(delete(subjects).where(subjects.c.event == number_of(event_id)))


def change_leaf(uow: UnitOfWork, event_id: str) -> None:
    uow.execute(update(leaves).where(leaves.c.event == number_of(event_id)).values(hash=bytes(32)))


@pytest.mark.parametrize(
    "tamper", [change_open, change_sealed, empty_open, drop_sealed, change_leaf]
)
@pytest.mark.row("assurance", "X.1253-9.2-4")
def test_one_changed_row_is_found_and_named(
    any_runtime: Runtime, tamper: Callable[[UnitOfWork, str], None]
) -> None:
    history(any_runtime)
    with any_runtime.database.write() as uow:
        event_id = event_at(uow, EVENT)
        tamper(uow, event_id)
    expected = f"Event {event_id} at leaf {EVENT} was changed."
    assert expected in any_runtime.audit.tree.verify().problems
    with outside(any_runtime.audit) as client:
        assert expected in verify_from_outside(URL, client).problems


def test_a_column_that_no_longer_agrees_with_its_event_is_found(any_runtime: Runtime) -> None:
    made = history(any_runtime)
    with any_runtime.database.write() as uow:
        uow.execute(update(events).where(events.c.id == made[2]).values(kind="nothing"))
    assert any(
        f"Event {made[2]} " in problem for problem in any_runtime.audit.tree.verify().problems
    )


@pytest.mark.row("assurance", "X.1253-9.2-4")
@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("position", [0, -1])
def test_an_entry_moved_to_another_place_of_a_ledger_is_named(
    any_runtime: Runtime, clock: FrozenClock, numbered: bool, position: int
) -> None:
    """Under another time than its own it would be on a page that nobody looks at."""
    any_runtime.vault.create("per_ada")
    moved = record(any_runtime, "per_ada", actor=Actor("staff", "stf_1"))
    if numbered:
        sequence(any_runtime)
    line = (subjects.c.event == number_of(moved)) & (subjects.c.position == position)
    with any_runtime.database.write() as uow:
        uow.execute(update(subjects).where(line).values(at=clock.now() - timedelta(days=3000)))
    problems = any_runtime.audit.tree.verify().problems
    assert len(problems) == 1
    assert problems[0].startswith(f"Event {moved} ")
    assert "under another time than its own" in problems[0]


def test_an_entry_without_its_place_stays_where_its_event_is(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    any_runtime.vault.create("per_ada")
    made = []
    for _ in range(3):
        made.append(record(any_runtime, "per_ada"))
        clock.advance(timedelta(seconds=1))
    with any_runtime.database.write() as uow:
        uow.execute(update(subjects).where(subjects.c.event == number_of(made[1])).values(at=None))
    assert [e.event_id for e in any_runtime.audit.ledger("per_ada")] == made[::-1]
    assert any_runtime.audit.tree.verify().ok


@pytest.mark.parametrize("leaf", [0, EVENT, 10])
@pytest.mark.row("privacy", "P-4")
def test_a_deleted_event_is_found_and_named(any_runtime: Runtime, leaf: int) -> None:
    history(any_runtime)
    with any_runtime.database.write() as uow:
        event_id = event_at(uow, leaf)
        uow.execute(delete(subjects).where(subjects.c.event == number_of(event_id)))
        uow.execute(delete(leaves).where(leaves.c.event == number_of(event_id)))
        uow.execute(delete(events).where(events.c.id == event_id))
    report = any_runtime.audit.tree.verify()
    assert any(
        f"eaf {leaf} was deleted" in p or "leaves were removed" in p for p in report.problems
    )
    with outside(any_runtime.audit) as client:
        assert not verify_from_outside(URL, client).ok


def swap(uow: UnitOfWork, one: int, other: int) -> None:
    """Exchange two leaves, and their hashes with them: each still fits its event."""
    rows = {r.leaf_index: r for r in uow.all(select(leaves))}
    uow.execute(delete(leaves).where(leaves.c.leaf_index.in_([one, other])))
    for index, source in ((one, rows[other]), (other, rows[one])):
        uow.execute(leaves.insert().values(leaf_index=index, event=source.event, hash=source.hash))


@pytest.mark.parametrize(("one", "other"), [(4, 5), (0, 10), (8, 10)])
def test_leaves_put_in_another_order_are_found(any_runtime: Runtime, one: int, other: int) -> None:
    history(any_runtime)
    with any_runtime.database.write() as uow:
        swap(uow, one, other)
    assert any("another order" in p for p in any_runtime.audit.tree.verify().problems)
    with outside(any_runtime.audit) as client:
        problems = verify_from_outside(URL, client).problems
    assert any("another order" in problem for problem in problems)


def rebuild(uow: UnitOfWork) -> list[bytes]:
    """What a thorough forger does: make the whole tree fit the events as they are now."""
    size = audit_log.size(uow)
    hashes = [entry.leaf() for entry in audit_log.entries(uow, 0, size)]
    for index, digest in enumerate(hashes):
        uow.execute(update(leaves).where(leaves.c.leaf_index == index).values(hash=digest))
    uow.execute(delete(nodes))
    for level, position, digest in audit_tree.append(0, (), hashes)[0]:
        uow.execute(nodes.insert().values(level=level, position=position, hash=digest))
    return hashes


def test_a_rebuilt_tree_does_not_have_the_signed_roots(any_runtime: Runtime) -> None:
    history(any_runtime)
    with any_runtime.database.write() as uow:
        change_open(uow, event_at(uow, EVENT))
        rebuild(uow)
    problems = any_runtime.audit.tree.verify().problems
    # Checkpoints were signed at 4, 8 and 11 leaves: the change is between 4 and 7.
    assert any("checkpoint of 8 leaves" in p and "leaves 4 to 7" in p for p in problems)
    assert not any("checkpoint of 4 leaves" in p for p in problems)
    with outside(any_runtime.audit) as client:
        assert any("checkpoint of 11" in p for p in verify_from_outside(URL, client).problems)


def test_a_broken_tree_is_never_signed_again(any_runtime: Runtime) -> None:
    history(any_runtime)
    with any_runtime.database.write() as uow:
        change_open(uow, event_at(uow, EVENT))
        rebuild(uow)
    record(any_runtime)
    with pytest.raises(TreeBroken, match="civitas audit verify"):
        sequence(any_runtime)
    with any_runtime.database.read() as uow:
        sizes = [row.tree_size for row in uow.all(select(checkpoints).order_by("tree_size"))]
    assert sizes[-1] == 11


def forge(uow: UnitOfWork, key: VerifierKey, private: Ed25519PrivateKey, root: bytes) -> None:
    checkpoint = Checkpoint(key.name, 11, root)
    note = checkpoint.note(private.sign(checkpoint.body().encode()), key)
    where = checkpoints.c.tree_size == 11
    uow.execute(update(checkpoints).where(where).values(note=note, root=root))


def test_a_checkpoint_that_another_key_signed_is_found(any_runtime: Runtime) -> None:
    history(any_runtime)
    private = Ed25519PrivateKey.generate()
    ours = any_runtime.audit.tree.verifier_keys()[0]
    for key in (
        VerifierKey(ours.name, private.public_key().public_bytes_raw()),
        ours,  # it claims our key, with a signature of another
    ):
        with any_runtime.database.write() as uow:
            forge(uow, key, private, bytes(32))
        assert any("forged" in problem for problem in any_runtime.audit.tree.verify().problems)
        with outside(any_runtime.audit) as client:
            assert any("forged" in p for p in verify_from_outside(URL, client).problems)


def test_leaves_cut_off_together_with_their_checkpoint_contradict_a_kept_one(
    any_runtime: Runtime,
) -> None:
    history(any_runtime)
    kept = any_runtime.audit.tree.checkpoint()
    with any_runtime.database.write() as uow:
        rows = uow.all(select(leaves.c.event).where(leaves.c.leaf_index.in_([8, 9, 10])))
        gone = [row.event for row in rows]
        uow.execute(delete(checkpoints).where(checkpoints.c.tree_size == 11))
        for table, column in (
            (subjects, subjects.c.event),
            (leaves, leaves.c.event),
            (events, events.c.number),
        ):
            uow.execute(delete(table).where(column.in_(gone)))
    (problem,) = any_runtime.audit.tree.verify().problems  # nothing that is left in it can tell
    assert problem.startswith("11 leaves were signed, as the key store tells")
    with outside(any_runtime.audit) as client:
        problems = verify_from_outside(URL, client, known=kept).problems
    assert problems == ("The tree shrank: 11 leaves were signed, now there are 8.",)


def test_an_event_that_lost_its_leaf_is_found(any_runtime: Runtime) -> None:
    event_id = record(any_runtime)
    with any_runtime.database.write() as uow:
        uow.execute(delete(waiting))
    assert any_runtime.audit.tree.verify().problems == (f"Event {event_id} lost its leaf.",)


def test_checkpoints_of_a_replaced_key_still_verify(
    any_runtime: Runtime, clock: FrozenClock
) -> None:
    history(any_runtime)
    any_runtime.keys.rotate("audit", any_runtime.clock.now())
    clock.advance(timedelta(days=30))
    record(any_runtime)
    sequence(any_runtime)
    assert len(any_runtime.audit.tree.verifier_keys()) == 2
    newest = any_runtime.audit.tree.verifier_keys()[0]
    assert open_note(any_runtime.audit.tree.checkpoint(), [newest]).size == 12
    assert any_runtime.audit.tree.verify().ok


def test_ciphertext_that_a_citizen_kept_is_what_the_leaf_hashed(any_runtime: Runtime) -> None:
    history(any_runtime)
    with outside(any_runtime.audit) as client:
        entries = client.get("/audit/entries").json()["entries"]
    for mine in any_runtime.audit.ledger("per_ada"):
        assert mine.leaf_index is not None
        assert sealed_digest(mine.sealed).hex() in entries[mine.leaf_index]["sealed"]
