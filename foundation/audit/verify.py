"""Verifying the audit from its rows, as the operator does — RFC 9162 §2.1.

Every leaf is recomputed from what it stands for, the tree from the leaves, and the result held
against the signed checkpoints. A finding names the leaf and the event, or the narrowest range of
leaves that can be told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from foundation.audit import log as audit_log
from foundation.audit import mac as audit_mac
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import (
    InvalidCheckpoint,
    VerifierKey,
    open_note,
)
from foundation.audit.entry import entry, on_the_record
from foundation.audit.mac import Mac, is_genuine
from foundation.audit.marks import ABSENT, Mark
from foundation.audit.report import PAGE, Findings, Growth, Report
from foundation.audit.tables import LOWEST, checkpoints, events, leaves, nodes, waiting
from foundation.database import Database, UnitOfWork


def verify_database(
    database: Database,
    keys: Sequence[VerifierKey],
    mac: Mac,
    marks: Sequence[Mark] = (),
    first_mac: int = 0,
) -> Report:
    """Recompute the whole tree from the stored rows, in one consistent look where possible.

    `marks` are checkpoints that are known from outside of the database. From the leaf `first_mac`
    on every event carries a MAC.
    """
    found = Findings()
    with database.read() as uow:
        signed = _signed_sizes(uow, keys, found)
        outside = _marked_sizes(marks, found)
        size = audit_log.size(uow)
        growth = Growth()
        _check_root(0, growth.root(), signed, found, 0)
        _check_marked(0, growth.root(), outside, found)
        sound = 0
        for start in range(0, size, PAGE):
            stored_nodes = _nodes_ending(uow, start, PAGE)
            for leaf in _stored_leaves(uow, start, PAGE, found, mac):
                if leaf.computed is not None and leaf.computed != leaf.stored:
                    found.add(f"Event {leaf.event_id} at leaf {leaf.index} was changed.")
                elif leaf.computed is not None and leaf.index >= first_mac and not leaf.genuine:
                    found.add(
                        f"Event {leaf.event_id} at leaf {leaf.index} is not as it was recorded: "
                        f"whom it concerns or who acted was changed."
                    )
                if leaf.misplaced:
                    found.add(_misplaced(f"{leaf.event_id} at leaf {leaf.index}"))
                for level, position, digest in growth.add(leaf.stored):
                    if level >= LOWEST and stored_nodes.get((level, position)) != digest:
                        first = position << level
                        found.add(
                            f"The subtree of leaves {first} to {first + (1 << level) - 1} was "
                            f"changed or its leaves were put in another order."
                        )
                sound = _check_root(growth.size, growth.root(), signed, found, sound)
                _check_marked(growth.size, growth.root(), outside, found)
        for missing in sorted(signed):
            found.add(
                f"A checkpoint of {missing} leaves is signed, but the tree has only {size}: "
                f"leaves were removed."
            )
        for missing, known in sorted(outside.items()):
            places = " and ".join(mark.place for mark in known)
            found.add(
                f"{missing} leaves were signed, as {places} tells, but the tree has only {size}: "
                f"its end was cut off, or an older copy of the database was put back."
            )
        _check_leafless(uow, found, mac)
        leafless = audit_log.waiting(uow)
    absent = [f"{m.place} has no mark yet." for m in marks[1:] if m.problem == ABSENT]
    return Report(size, leafless, tuple(found), tuple(absent))


def _marked_sizes(marks: Sequence[Mark], found: Findings) -> dict[int, list[Mark]]:
    """The marks by their size; a place without one that counts is a finding."""
    sizes: dict[int, list[Mark]] = {}
    for number, mark in enumerate(marks):
        if mark.checkpoint is None:
            if number and mark.problem == ABSENT:
                continue  # after a restore into a new folder; the next checkpoint writes it
            found.add(f"The audit's high-water mark: {mark.place} {mark.problem}.")
        else:
            sizes.setdefault(mark.checkpoint.size, []).append(mark)
    return sizes


def _check_marked(size: int, root: bytes, outside: dict[int, list[Mark]], found: Findings) -> None:
    for mark in outside.pop(size, ()):
        if mark.checkpoint is not None and mark.checkpoint.root != root:
            found.add(
                f"The first {size} leaves have another root than {mark.place} knows as signed: "
                f"the past was rewritten."
            )


def _signed_sizes(
    uow: UnitOfWork, keys: Sequence[VerifierKey], found: Findings
) -> dict[int, bytes]:
    """The root by tree size of every stored checkpoint that really is signed."""
    signed: dict[int, bytes] = {}
    for row in uow.all(select(checkpoints).order_by(checkpoints.c.tree_size)):
        try:
            checkpoint = open_note(row.note, keys)
        except InvalidCheckpoint as error:
            found.add(f"The checkpoint of {row.tree_size} leaves is forged: {error}.")
            continue
        if (checkpoint.size, checkpoint.root) != (row.tree_size, bytes(row.root)):
            found.add(f"The checkpoint stored for {row.tree_size} leaves says something else.")
        signed[checkpoint.size] = checkpoint.root
    return signed


def _check_root(
    size: int, root: bytes, signed: dict[int, bytes], found: Findings, sound: int
) -> int:
    """Compare with the checkpoint of this size, if any; returns the last size that was sound."""
    expected = signed.pop(size, None)
    if expected is None:
        return sound
    if expected == root:
        return size
    found.add(
        f"The checkpoint of {size} leaves has another root than the tree: something in leaves "
        f"{sound} to {size - 1} was changed, removed or put in another order."
    )
    return sound


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf as it is stored; `computed` is what its event's rows say now, None without one."""

    index: int
    event_id: str
    stored: bytes
    computed: bytes | None = None
    genuine: bool = False
    misplaced: bool = False


def _stored_leaves(
    uow: UnitOfWork, start: int, count: int, found: Findings, mac: Mac
) -> Iterator[_Leaf]:
    """Leaves in order; one that is missing is told."""
    rows = uow.all(
        select(leaves.c.leaf_index, leaves.c.hash, *audit_mac.EVENT)
        .select_from(leaves.outerjoin(events, events.c.number == leaves.c.event))
        .where(leaves.c.leaf_index >= start, leaves.c.leaf_index < start + count)
        .order_by(leaves.c.leaf_index)
    )
    lines = audit_log.lines(uow, [row.number for row in rows if row.number is not None])
    expected = start
    for row in rows:
        while expected < row.leaf_index:
            found.add(f"Leaf {expected} was deleted.")
            yield _Leaf(expected, "", bytes(32))
            expected += 1
        expected += 1
        if row.id is None:
            found.add(f"The event at leaf {row.leaf_index} was deleted.")
            yield _Leaf(row.leaf_index, "", bytes(row.hash))
            continue
        theirs = lines.get(row.number, [])
        computed = audit_tree.leaf_hash(entry(bytes(row.open), audit_log.digests(theirs)))
        if not _columns_agree(row):
            computed = b""  # the columns are copies of the open part
        genuine = is_genuine(mac, row, theirs)
        misplaced = not audit_mac.in_their_place(row, theirs)
        yield _Leaf(row.leaf_index, row.id, bytes(row.hash), computed, genuine, misplaced)


def _misplaced(which: str) -> str:
    return (
        f"Event {which} is in the ledger of whom it concerns, or of who acted, under another time "
        f"than its own."
    )


def _columns_agree(row: Any) -> bool:
    """Whether the columns that queries use say the same as the open part."""
    try:
        public = json.loads(row.open)
        at = datetime.fromisoformat(public["at"])
        return bool(
            public["id"] == row.id
            and public["kind"] == row.kind
            and on_the_record(at) == at
            and audit_mac.raw(at) == row.raw_at
        )
    except (ValueError, KeyError, TypeError):
        return False


def _nodes_ending(uow: UnitOfWork, start: int, count: int) -> Mapping[tuple[int, int], bytes]:
    """The stored subtrees whose last leaf is one of these."""
    found: dict[tuple[int, int], bytes] = {}
    top = uow.one(select(func.max(nodes.c.level)))
    for level in range(LOWEST, (top[0] if top and top[0] is not None else 0) + 1):
        rows = uow.all(
            select(nodes).where(
                nodes.c.level == level,
                nodes.c.position >= start >> level,
                nodes.c.position < (start + count) >> level,
            )
        )
        found.update(((row.level, row.position), bytes(row.hash)) for row in rows)
    return found


def _check_leafless(uow: UnitOfWork, found: Findings, mac: Mac) -> None:
    """An event without a leaf is ours and waits; any other is forged, changed or was kept back."""
    rows = uow.all(
        select(waiting.c.state, *audit_mac.EVENT)
        .select_from(
            events.outerjoin(leaves, leaves.c.event == events.c.number).outerjoin(
                waiting, waiting.c.event == events.c.number
            )
        )
        .where(leaves.c.event.is_(None))
        .order_by(events.c.id)
    )
    for start in range(0, len(rows), PAGE):
        some = rows[start : start + PAGE]
        lines = audit_log.lines(uow, [row.number for row in some])
        for row in some:
            theirs = lines.get(row.number, [])
            if not audit_mac.in_their_place(row, theirs):
                found.add(_misplaced(row.id))
            if not is_genuine(mac, row, theirs):
                found.add(
                    f"Event {row.id} was not recorded by this deployment, or was changed before "
                    f"it had a leaf: it gets none."
                )
            elif row.state != audit_log.WAITS:
                found.add(f"Event {row.id} lost its leaf.")
