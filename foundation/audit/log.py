"""The stored audit tree: numbering events, reading entries and subtrees — RFC 9162 §2.1.

One sequencer at a time numbers committed events that have no leaf yet. Which ones is a row of a
queue, written with the event, never "a number greater than the last": transactions commit in
another order than they begin.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Row,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql

from foundation.audit import mac as audit_mac
from foundation.audit import tree as audit_tree
from foundation.audit.entry import entry, sealed_digest
from foundation.audit.mac import Mac, is_genuine
from foundation.audit.tables import LOWEST, checkpoints, events, leaves, nodes, subjects
from foundation.audit.tables import waiting as queue
from foundation.audit.tree import Position
from foundation.database import Database, UnitOfWork
from foundation.jobs import periodic_work

BATCH = 500
Refused = Callable[[UnitOfWork, Sequence[str]], object]
"""Told of the events that were set aside."""
# Asked every second: built once.
_WAITS = queue.c.state == literal_column("1")
_FIRST_WAITING = select(queue.c.event).where(_WAITS).limit(1)
_BATCH = (
    select(*audit_mac.EVENT)
    .select_from(queue.join(events))
    .where(_WAITS)
    .order_by(queue.c.event)
    .limit(BATCH)
    .subquery()
)
# One statement, so that events and their parts are seen as they are at one moment.
_NEXT_BATCH = (
    select(*_BATCH.c, *audit_mac.LINE)
    .select_from(_BATCH.outerjoin(subjects, subjects.c.event == _BATCH.c.number))
    .order_by(_BATCH.c.number, subjects.c.position)
)
_UNSIGNED = (
    select(leaves.c.leaf_index, leaves.c.hash, *audit_mac.EVENT, *audit_mac.LINE)
    .select_from(
        leaves.join(events, events.c.number == leaves.c.event).outerjoin(
            subjects, subjects.c.event == events.c.number
        )
    )
    .where(leaves.c.leaf_index >= bindparam("start"), leaves.c.leaf_index < bindparam("end"))
    .order_by(leaves.c.leaf_index, subjects.c.position)
)
_NUMBERED = delete(queue).where(
    _WAITS,
    queue.c.event.in_(select(leaves.c.event).where(leaves.c.leaf_index >= bindparam("first"))),
)
WAITS, SET_ASIDE = 1, 2
_SET_ASIDE = select(func.count()).where(queue.c.state == literal_column("2"))
# The one sequencer holds this row. Not an advisory lock: distributed databases have none, or one
# that locks nothing.
_TREE = "audit tree"
_HOLD = select(periodic_work.c.name).where(periodic_work.c.name == _TREE).with_for_update()
_MAKE = (
    postgresql.insert(periodic_work)
    .values(name=_TREE, due_at=datetime(1970, 1, 1, tzinfo=UTC))
    .on_conflict_do_nothing()
)


class TreeBroken(Exception):
    """The stored tree is not the one that was signed: nothing more is numbered or signed."""


class LeafForged(Exception):
    """A leaf that is not signed yet is of no event as it was recorded."""


@dataclass(frozen=True, slots=True)
class PublicEntry:
    """What everybody may see of the event at a leaf: enough to compute the leaf's hash."""

    index: int
    event_id: str
    open: bytes
    sealed_digests: tuple[bytes, ...]

    def leaf(self) -> bytes:
        return audit_tree.leaf_hash(entry(self.open, self.sealed_digests))


def size(uow: UnitOfWork) -> int:
    """How many leaves the tree has."""
    row = uow.one(select(func.max(leaves.c.leaf_index).label("last")))
    return 0 if row is None or row.last is None else int(row.last) + 1


def waiting(uow: UnitOfWork) -> int:
    """How many committed events have no leaf yet."""
    unnumbered = (
        select(func.count())
        .select_from(events.outerjoin(leaves))
        .where(
            leaves.c.event.is_(None),
            events.c.number.not_in(select(queue.c.event).where(queue.c.state == SET_ASIDE)),
        )
    )
    row = uow.one(unnumbered)
    return 0 if row is None else int(row[0])


def set_aside(uow: UnitOfWork) -> int:
    """How many events got no leaf, because they are not as this deployment recorded them."""
    row = uow.one(_SET_ASIDE)
    return 0 if row is None else int(row[0])


def fetch(uow: UnitOfWork, wanted: Sequence[Position]) -> Mapping[Position, bytes]:
    """The hashes of complete subtrees; level 0 are the leaves."""
    found: dict[Position, bytes] = {}
    small = [piece for piece in wanted if piece[0] < LOWEST]
    at_leaves = sorted({leaf for piece in small for leaf in _leaves_of(piece)})
    above = [piece for piece in wanted if piece[0] >= LOWEST]
    if at_leaves:
        query = select(leaves.c.leaf_index, leaves.c.hash).where(leaves.c.leaf_index.in_(at_leaves))
        stored = {row.leaf_index: bytes(row.hash) for row in uow.all(query)}
        for piece in small:
            hashes = [stored[leaf] for leaf in _leaves_of(piece) if leaf in stored]
            if len(hashes) == 1 << piece[0]:
                found[piece] = audit_tree.root(hashes)
    if above:
        query = select(nodes).where(tuple_(nodes.c.level, nodes.c.position).in_(above))
        found.update(((row.level, row.position), row.hash) for row in uow.all(query))
    if len(found) < len(set(wanted)):
        raise TreeBroken("subtrees of the audit are missing: run `civitas audit verify`")
    return found


def _leaves_of(piece: Position) -> range:
    level, position = piece
    return range(position << level, (position + 1) << level)


def lines(uow: UnitOfWork, numbers: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """What is really stored about whom each event concerns, in order of position."""
    rows = uow.all(
        select(subjects.c.event, *audit_mac.LINE, audit_mac.LINE_AT)
        .where(subjects.c.event.in_(numbers))
        .order_by(subjects.c.event, subjects.c.position)
    )
    return {number: list(theirs) for number, theirs in groupby(rows, lambda row: row.event)}


def digests(theirs: Iterable[Row[Any]]) -> tuple[bytes, ...]:
    """Of one event's sealed parts, in their order; the actor's line, before them, seals nothing."""
    return tuple(
        sealed_digest(row.sealed or b"")
        for row in theirs
        if row.position is not None and row.position >= 0
    )


def entries(uow: UnitOfWork, start: int, count: int) -> list[PublicEntry]:
    """The public entries of the leaves from `start`; a deleted event leaves a gap."""
    rows = uow.all(
        select(leaves.c.leaf_index, events.c.number, events.c.id, events.c.open)
        .join(events)
        .where(leaves.c.leaf_index >= start, leaves.c.leaf_index < start + count)
        .order_by(leaves.c.leaf_index)
    )
    theirs = lines(uow, [row.number for row in rows])
    return [
        PublicEntry(row.leaf_index, row.id, bytes(row.open), digests(theirs.get(row.number, ())))
        for row in rows
    ]


def leaf_hashes(uow: UnitOfWork, start: int, count: int) -> list[tuple[int, bytes]]:
    """Stored leaf hashes from `start`, with their numbers."""
    rows = uow.all(
        select(leaves.c.leaf_index, leaves.c.hash)
        .where(leaves.c.leaf_index >= start, leaves.c.leaf_index < start + count)
        .order_by(leaves.c.leaf_index)
    )
    return [(row.leaf_index, bytes(row.hash)) for row in rows]


def number_waiting(database: Database, mac: Mac, refused: Refused) -> int:
    """Give every committed event its leaf; how many there were.

    One whose MAC does not fit is set aside, and `refused` told in the same unit of work.
    """
    numbered = 0
    while _anything_waits(database):
        with database.write() as uow:
            looked_at, given = _number_batch(uow, mac, refused)
        numbered += given
        if looked_at < BATCH:
            break
    return numbered


def _anything_waits(database: Database) -> bool:
    # A look before the lock: an idle second costs one read.
    with database.read() as uow:
        return uow.one(_FIRST_WAITING) is not None


def _number_batch(uow: UnitOfWork, mac: Mac, refused: Refused) -> tuple[int, int]:
    """How many events were looked at, and how many of them have a leaf now."""
    _lock(uow)
    batch = [list(rows) for _, rows in groupby(uow.all(_NEXT_BATCH), lambda row: row.number)]
    forged = {rows[0].number: rows[0].id for rows in batch if not is_genuine(mac, rows[0], rows)}
    if forged:
        aside = update(queue).where(queue.c.event.in_(list(forged)))
        uow.execute(aside.values(state=SET_ASIDE))
        refused(uow, list(forged.values()))
    genuine = [rows for rows in batch if rows[0].number not in forged]
    if genuine:
        first = size(uow)
        hashes = [audit_tree.leaf_hash(entry(rows[0].open, digests(rows))) for rows in genuine]
        edge = audit_tree.cover((0, first))
        known = fetch(uow, edge)
        made, _ = audit_tree.append(first, [known[piece] for piece in edge], hashes)
        _store(uow, first, [rows[0].number for rows in genuine], hashes, made)
    return len(batch), len(genuine)


def grown_root(uow: UnitOfWork, mac: Mac, signed: int, size: int) -> bytes:
    """The root of `size` leaves, of which the first `signed` are vouched for already.

    The others are computed from events whose MAC fits, not from what stands in the tree's rows:
    whoever writes those cannot slip a leaf in between numbering and signing. Raises LeafForged.
    """
    edge = audit_tree.cover((0, signed))
    known = fetch(uow, edge)
    frontier = [known[piece] for piece in edge]
    for start in range(signed, size, BATCH):
        end = min(start + BATCH, size)
        rows = uow.all(_UNSIGNED, {"start": start, "end": end})
        found = [list(lines) for _, lines in groupby(rows, lambda row: row.leaf_index)]
        if [lines[0].leaf_index for lines in found] != list(range(start, end)):
            raise LeafForged(f"leaves {start} to {end - 1} are not all there")
        hashes = []
        for lines in found:
            first = lines[0]
            if not is_genuine(mac, first, lines):
                raise LeafForged(f"leaf {first.leaf_index}, event {first.id}")
            hashes.append(audit_tree.leaf_hash(entry(first.open, digests(lines))))
            if hashes[-1] != first.hash:
                raise LeafForged(f"leaf {first.leaf_index}, event {first.id}")
        _, frontier = audit_tree.append(start, frontier, hashes)
    return audit_tree.fold(frontier)


def take_back(database: Database, signed: int) -> None:
    """Let the events of the leaves beyond the signed ones wait again: nobody has seen those."""
    with database.write() as uow:
        _lock(uow)
        newest = uow.one(select(func.max(checkpoints.c.tree_size)))
        if newest is not None and newest[0] is not None and newest[0] > signed:
            return  # another process has signed them meanwhile
        beyond = leaves.c.leaf_index >= signed
        again = select(literal_column(str(WAITS)), leaves.c.event).where(beyond)
        uow.execute(delete(queue).where(queue.c.event.in_(select(leaves.c.event).where(beyond))))
        uow.execute(insert(queue).from_select(["state", "event"], again))
        uow.execute(delete(leaves).where(beyond))
        top = uow.one(select(func.max(nodes.c.level)))
        for level in range(1, (top[0] if top and top[0] is not None else 0) + 1):
            uow.execute(
                delete(nodes).where(nodes.c.level == level, nodes.c.position >= signed >> level)
            )


def _lock(uow: UnitOfWork) -> None:
    """One sequencer at a time. On SQLite the immediate transaction is the lock."""
    if uow.connection.dialect.name == "postgresql" and uow.one(_HOLD) is None:
        uow.execute(_MAKE)
        uow.one(_HOLD)


def _store(
    uow: UnitOfWork,
    first: int,
    numbers: Sequence[int],
    hashes: Sequence[bytes],
    made: Iterable[tuple[int, int, bytes]],
) -> None:
    uow.execute(
        insert(leaves),
        [
            {"leaf_index": index, "event": number, "hash": digest}
            for index, (number, digest) in enumerate(zip(numbers, hashes, strict=True), start=first)
        ],
    )
    above = [
        {"level": lv, "position": position, "hash": h} for lv, position, h in made if lv >= LOWEST
    ]
    if above:
        uow.execute(insert(nodes), above)
    uow.execute(_NUMBERED, {"first": first})
