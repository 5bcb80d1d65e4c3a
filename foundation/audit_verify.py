"""Verifying the audit: the operator from the rows, an outsider over HTTP — RFC 9162 §2.1.

Both recompute every leaf from what it stands for, the tree from the leaves, and hold the result
against the signed checkpoints. A finding names the leaf and the event, or the narrowest range of
leaves that can be told.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import func, select

from foundation import audit_log, audit_mac, audit_tree
from foundation.audit_checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    VerifierKey,
    cosigned_at,
    open_note,
)
from foundation.audit_entry import entry, on_the_record
from foundation.audit_mac import Mac, is_genuine
from foundation.audit_mark import ABSENT, Mark
from foundation.audit_tables import checkpoints, events, leaves, nodes
from foundation.audit_tree import EMPTY_ROOT, InvalidProof
from foundation.database import Database, UnitOfWork

PAGE = 500
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `waiting` events have no leaf yet (None: cannot be seen).

    `notes` are no problems: what could not be compared.
    """

    tree_size: int
    waiting: int | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


class _Findings(list[str]):
    def add(self, problem: str) -> None:
        if len(self) < MOST_PROBLEMS:
            self.append(problem)
        elif len(self) == MOST_PROBLEMS:
            self.append("There are more problems than are listed here.")


class _Growth:
    """Feeds leaves one by one and knows the root and the complete subtrees at each size."""

    def __init__(self) -> None:
        self.size = 0
        self._frontier: list[bytes] = []

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        made, self._frontier = audit_tree.append(self.size, self._frontier, [leaf])
        self.size += 1
        return made

    def root(self) -> bytes:
        return audit_tree.fold(self._frontier)


# ── the operator: from the rows ────────────────────────────────────────────────────────


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
    found = _Findings()
    with database.read() as uow:
        signed = _signed_sizes(uow, keys, found)
        outside = _marked_sizes(marks, found)
        size = audit_log.size(uow)
        growth = _Growth()
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
                for level, position, digest in growth.add(leaf.stored):
                    if stored_nodes.get((level, position)) != digest:
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
        waiting = audit_log.waiting(uow)
    absent = [f"{m.place} has no mark yet." for m in marks[1:] if m.problem == ABSENT]
    return Report(size, waiting, tuple(found), tuple(absent))


def _marked_sizes(marks: Sequence[Mark], found: _Findings) -> dict[int, list[Mark]]:
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


def _check_marked(size: int, root: bytes, outside: dict[int, list[Mark]], found: _Findings) -> None:
    for mark in outside.pop(size, ()):
        if mark.checkpoint is not None and mark.checkpoint.root != root:
            found.add(
                f"The first {size} leaves have another root than {mark.place} knows as signed: "
                f"the past was rewritten."
            )


def _signed_sizes(
    uow: UnitOfWork, keys: Sequence[VerifierKey], found: _Findings
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
    size: int, root: bytes, signed: dict[int, bytes], found: _Findings, sound: int
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


def _stored_leaves(
    uow: UnitOfWork, start: int, count: int, found: _Findings, mac: Mac
) -> Iterator[_Leaf]:
    """Leaves in order; one that is missing is told."""
    rows = uow.all(
        select(leaves.c.leaf_index, leaves.c.event_id, leaves.c.hash, *audit_mac.EVENT)
        .select_from(leaves.outerjoin(events, events.c.id == leaves.c.event_id))
        .where(leaves.c.leaf_index >= start, leaves.c.leaf_index < start + count)
        .order_by(leaves.c.leaf_index)
    )
    lines = audit_log.lines(uow, [row.event_id for row in rows])
    expected = start
    for row in rows:
        while expected < row.leaf_index:
            found.add(f"Leaf {expected} was deleted.")
            yield _Leaf(expected, "", bytes(32))
            expected += 1
        expected += 1
        if row.id is None:
            found.add(f"Event {row.event_id} at leaf {row.leaf_index} was deleted.")
            yield _Leaf(row.leaf_index, row.event_id, bytes(row.hash))
            continue
        theirs = lines.get(row.id, [])
        computed = audit_tree.leaf_hash(entry(bytes(row.open), audit_log.digests(theirs)))
        if not _columns_agree(row):
            computed = b""  # the columns are copies of the open part
        genuine = is_genuine(mac, row, theirs)
        yield _Leaf(row.leaf_index, row.event_id, bytes(row.hash), computed, genuine)


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
    for level in range(1, (top[0] if top and top[0] is not None else 0) + 1):
        rows = uow.all(
            select(nodes).where(
                nodes.c.level == level,
                nodes.c.position >= start >> level,
                nodes.c.position < (start + count) >> level,
            )
        )
        found.update(((row.level, row.position), bytes(row.hash)) for row in rows)
    return found


def _check_leafless(uow: UnitOfWork, found: _Findings, mac: Mac) -> None:
    """An event without a leaf is ours and waits; any other is forged, changed or was kept back."""
    rows = uow.all(
        select(events.c.waiting, *audit_mac.EVENT)
        .select_from(events.outerjoin(leaves, leaves.c.event_id == events.c.id))
        .where(leaves.c.event_id.is_(None))
        .order_by(events.c.id)
    )
    for start in range(0, len(rows), PAGE):
        some = rows[start : start + PAGE]
        lines = audit_log.lines(uow, [row.id for row in some])
        for row in some:
            if not is_genuine(mac, row, lines.get(row.id, [])):
                found.add(
                    f"Event {row.id} was not recorded by this deployment, or was changed before "
                    f"it had a leaf: it gets none."
                )
            elif row.waiting != 1:
                found.add(f"Event {row.id} lost its leaf.")


# ── an outsider: over HTTP ─────────────────────────────────────────────────────────────


def verify_from_outside(
    base_url: str,
    client: httpx.Client,
    pinned: str | None = None,
    known: str | None = None,
    witnesses: Sequence[VerifierKey] = (),
) -> Report:
    """Download what is public and recompute it; nothing of ours is trusted but the key.

    `pinned` is the verifier key that the outsider got by another way (otherwise the one that the
    log shows). `known` is a checkpoint that the outsider kept: the tree must have grown from it.
    Each of `witnesses` must have cosigned a checkpoint from which the tree grew.
    Raises httpx.HTTPError when the log cannot be reached.
    """
    log = _Log(base_url.rstrip("/"), client)
    found = _Findings()
    try:
        keys = [VerifierKey.parse(line) for line in (pinned or log.text("key")).splitlines()]
        checkpoint = open_note(log.text("checkpoint"), keys)
    except InvalidCheckpoint as error:
        return Report(0, None, (f"The checkpoint is forged: {error}.",))
    try:
        _recompute(log, checkpoint, found)
        if known is not None:
            _check_growth(log, open_note(known, keys), checkpoint, found)
        if witnesses:
            _check_cosigned(log, keys, witnesses, checkpoint, found)
    except InvalidCheckpoint as error:
        found.add(f"The checkpoint that was kept is forged: {error}.")
    except (_Malformed, KeyError, TypeError, ValueError) as error:
        found.add(f"The log's answer is malformed: {error}.")
    return Report(checkpoint.size, None, tuple(found))


class _Malformed(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Log:
    base_url: str
    client: httpx.Client

    def text(self, door: str, **query: str) -> str:
        return self._get(door, query).text

    def json(self, door: str, **query: int) -> Any:
        return self._get(door, query).json()

    def _get(self, door: str, query: Mapping[str, int | str]) -> httpx.Response:
        response = self.client.get(f"{self.base_url}/audit/{door}", params=query)
        response.raise_for_status()
        return response


def _recompute(log: _Log, checkpoint: Checkpoint, found: _Findings) -> None:
    shown, computed = _Growth(), _Growth()
    for start in range(0, checkpoint.size, PAGE):
        count = min(PAGE, checkpoint.size - start)
        hashes = _hashes(log.json("leaves", start=start, count=count)["leaves"])
        entries = {e["index"]: e for e in log.json("entries", start=start, count=count)["entries"]}
        if len(hashes) != count:
            raise _Malformed(f"leaves {start} to {start + count - 1} are not all shown")
        for index, stored in enumerate(hashes, start=start):
            shown.add(stored)
            given = entries.get(index)
            if given is None:
                found.add(f"The event at leaf {index} was deleted.")
                computed.add(stored)
                continue
            content = entry(given["open"].encode(), map(bytes.fromhex, given["sealed"]))
            leaf = audit_tree.leaf_hash(content)
            if leaf != stored:
                found.add(f"Event {given['event_id']} at leaf {index} was changed.")
            computed.add(leaf)
    if shown.root() != checkpoint.root:
        found.add(
            f"The leaves do not have the root of the checkpoint of {checkpoint.size} leaves: "
            f"a leaf was changed, removed or put in another order."
        )
        _find_by_proofs(log, checkpoint, found)


def _find_by_proofs(log: _Log, checkpoint: Checkpoint, found: _Findings) -> None:
    """Name the leaves whose inclusion under the signed root cannot be shown."""
    for start in range(0, checkpoint.size, PAGE):
        count = min(PAGE, checkpoint.size - start)
        hashes = _hashes(log.json("leaves", start=start, count=count)["leaves"])
        for index, leaf in enumerate(hashes, start=start):
            if len(found) > MOST_PROBLEMS:
                return
            proof = log.json("proof/inclusion", index=index, size=checkpoint.size)
            try:
                audit_tree.verify_inclusion(
                    leaf, index, checkpoint.size, _hashes(proof["proof"]), checkpoint.root
                )
            except InvalidProof:
                found.add(f"Leaf {index} is not in the signed tree.")


def _check_cosigned(
    log: _Log,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey],
    newest: Checkpoint,
    found: _Findings,
) -> None:
    """A tree that was shown to us alone has no cosignature: a witness sees one tree of a log."""
    try:
        note = log.text("checkpoint", cosigned="true")
    except httpx.HTTPStatusError:
        found.add("No checkpoint is cosigned.")
        return
    _check_growth(log, open_note(note, keys), newest, found)
    for key in witnesses:
        try:
            lines = note.rpartition("\n\n")[2].splitlines()
            if not any(cosigned_at(note, line, key) for line in lines):
                found.add(f"The witness {key.name} has not cosigned the checkpoint.")
        except InvalidCheckpoint as error:
            found.add(f"A cosignature is forged: {error}.")


def _check_growth(log: _Log, old: Checkpoint, new: Checkpoint, found: _Findings) -> None:
    proof: list[bytes] = []
    if old.size > new.size:
        found.add(f"The tree shrank: {old.size} leaves were signed, now there are {new.size}.")
        return
    if 0 < old.size < new.size:
        answer = log.json("proof/consistency", old=old.size, new=new.size)
        proof = _hashes(answer["proof"])
    try:
        audit_tree.verify_consistency(
            old.size, new.size, old.root if old.size else EMPTY_ROOT, new.root, proof
        )
    except InvalidProof:
        found.add(
            f"The tree of {new.size} leaves does not start with the {old.size} signed before: "
            f"the past was rewritten."
        )


def _hashes(encoded: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(value, validate=True) for value in encoded]
    except binascii.Error as error:
        raise _Malformed(str(error)) from None
