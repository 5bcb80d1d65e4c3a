"""The stored audit tree: numbering events, reading entries and subtrees — RFC 9162 §2.1.

One sequencer at a time numbers committed events that have no leaf yet. Which ones is a mark on
the event, never "an id greater than the last": transactions commit in another order than they
begin.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Row,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
    tuple_,
    update,
)

from foundation import audit_tree
from foundation.audit_entry import entry, sealed_digest
from foundation.audit_tables import events, leaves, nodes, subjects
from foundation.audit_tree import Position
from foundation.database import Database, UnitOfWork

BATCH = 500
# Asked every second: built once. The literal lets both databases use the partial index.
_WAITING = (
    select(events.c.id, events.c.open, events.c.at)
    .where(events.c.waiting == literal_column("1"))
    .order_by(events.c.at, events.c.id)
)
_FIRST_WAITING = _WAITING.limit(1)
_BATCH = _WAITING.limit(BATCH).subquery()
# One statement, so that events and their parts are seen as they are at one moment.
_NEXT_BATCH = (
    select(_BATCH.c.id, _BATCH.c.open, subjects.c.position, subjects.c.sealed)
    .select_from(
        _BATCH.outerjoin(
            subjects, and_(subjects.c.event_id == _BATCH.c.id, subjects.c.position >= 0)
        )
    )
    .order_by(_BATCH.c.at, _BATCH.c.id, subjects.c.position)
)
_NUMBERED = (
    update(events)
    .where(
        events.c.waiting == literal_column("1"),
        events.c.id.in_(select(leaves.c.event_id).where(leaves.c.leaf_index >= bindparam("first"))),
    )
    .values(waiting=0)
)
_LOCK = 0x41554449  # "AUDI"; the second half of the lock is the schema, a deployment each


class TreeBroken(Exception):
    """The stored tree is not the one that was signed: nothing more is numbered or signed."""


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
        .where(leaves.c.event_id.is_(None))
    )
    row = uow.one(unnumbered)
    return 0 if row is None else int(row[0])


def fetch(uow: UnitOfWork, wanted: Sequence[Position]) -> Mapping[Position, bytes]:
    """The hashes of complete subtrees; level 0 are the leaves."""
    found: dict[Position, bytes] = {}
    at_leaves = [position for level, position in wanted if level == 0]
    above = [piece for piece in wanted if piece[0] > 0]
    if at_leaves:
        query = select(leaves.c.leaf_index, leaves.c.hash).where(leaves.c.leaf_index.in_(at_leaves))
        found.update(((0, row.leaf_index), row.hash) for row in uow.all(query))
    if above:
        query = select(nodes).where(tuple_(nodes.c.level, nodes.c.position).in_(above))
        found.update(((row.level, row.position), row.hash) for row in uow.all(query))
    if len(found) < len(set(wanted)):
        raise TreeBroken("subtrees of the audit are missing: run `civitas audit verify`")
    return found


def sealed_digests(uow: UnitOfWork, event_ids: Sequence[str]) -> dict[str, tuple[bytes, ...]]:
    """Digests of what is really stored as each event's sealed parts, in their order."""
    rows = uow.all(
        select(subjects.c.event_id, subjects.c.position, subjects.c.sealed)
        .where(subjects.c.event_id.in_(event_ids), subjects.c.position >= 0)
        .order_by(subjects.c.event_id, subjects.c.position)
    )
    return {event_id: _digests(parts) for event_id, parts in groupby(rows, lambda r: r.event_id)}


def _digests(parts: Iterable[Row[Any]]) -> tuple[bytes, ...]:
    """Of one event's sealed parts, in their order; one without any has no position."""
    return tuple(sealed_digest(row.sealed or b"") for row in parts if row.position is not None)


def entries(uow: UnitOfWork, start: int, count: int) -> list[PublicEntry]:
    """The public entries of the leaves from `start`; a deleted event leaves a gap."""
    rows = uow.all(
        select(leaves.c.leaf_index, events.c.id, events.c.open)
        .join(events)
        .where(leaves.c.leaf_index >= start, leaves.c.leaf_index < start + count)
        .order_by(leaves.c.leaf_index)
    )
    digests = sealed_digests(uow, [row.id for row in rows])
    return [
        PublicEntry(row.leaf_index, row.id, bytes(row.open), digests.get(row.id, ()))
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


def number_waiting(database: Database) -> int:
    """Give every committed event its leaf; how many there were."""
    numbered = 0
    while _anything_waits(database):
        with database.write() as uow:
            batch = _number_batch(uow)
        numbered += batch
        if batch < BATCH:
            break
    return numbered


def _anything_waits(database: Database) -> bool:
    # A look before the lock: an idle second costs one read.
    with database.read() as uow:
        return uow.one(_FIRST_WAITING) is not None


def _number_batch(uow: UnitOfWork) -> int:
    if uow.connection.dialect.name == "postgresql":
        # Released at commit. On SQLite the immediate transaction is the lock.
        uow.execute(
            text("SELECT pg_advisory_xact_lock(:lock, hashtext(current_schema()))"),
            {"lock": _LOCK},
        )
    batch = [list(rows) for _, rows in groupby(uow.all(_NEXT_BATCH), lambda row: row.id)]
    if not batch:
        return 0
    first = size(uow)
    hashes = [audit_tree.leaf_hash(entry(rows[0].open, _digests(rows))) for rows in batch]
    edge = audit_tree.cover((0, first))
    known = fetch(uow, edge)
    made, _ = audit_tree.append(first, [known[piece] for piece in edge], hashes)
    _store(uow, first, [rows[0].id for rows in batch], hashes, made)
    return len(batch)


def _store(
    uow: UnitOfWork,
    first: int,
    event_ids: Sequence[str],
    hashes: Sequence[bytes],
    made: Iterable[tuple[int, int, bytes]],
) -> None:
    uow.execute(
        insert(leaves),
        [
            {"leaf_index": index, "event_id": event_id, "hash": digest}
            for index, (event_id, digest) in enumerate(
                zip(event_ids, hashes, strict=True), start=first
            )
        ],
    )
    above = [{"level": lv, "position": position, "hash": h} for lv, position, h in made]
    if above:
        uow.execute(insert(nodes), above)
    uow.execute(_NUMBERED, {"first": first})
