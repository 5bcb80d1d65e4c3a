"""Numbers events, signs checkpoints of the tree, vouches for no other past — RFC 9162 §2.1.

What any place knows as signed (the database, the store of person keys, a file) the tree must start
with, or nothing is signed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Select, insert, select
from sqlalchemy.exc import IntegrityError

from foundation.audit import log as audit_log
from foundation.audit import mac as audit_mac
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import Checkpoint, VerifierKey, open_note
from foundation.audit.log import LeafForged, TreeBroken
from foundation.audit.marks import Mark, Marks, mark_of
from foundation.audit.tables import checkpoints
from foundation.audit.witnesses import Witnesses
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.keys import Keys

if TYPE_CHECKING:
    from foundation.audit.report import Report

log = logging.getLogger("civitas.audit")
USE = "audit"
Record = Callable[[UnitOfWork, str, Mapping[str, Any]], object]
"""Records an act of our own, which concerns nobody: its kind and its details."""


class NothingSigned(Exception):
    """There is no checkpoint yet: the sequencer has not run."""


class SignedTree:
    """The sequencer and its checkpoints; safe between threads and processes."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Clock,
        origin: str,
        marks: Marks,
        witnesses: Witnesses,
        record: Record,
    ) -> None:
        self.origin = origin
        self.marks = marks
        self.witnesses = witnesses
        self._database = database
        self._keys = keys
        self._clock = clock
        self._record = record

    def prepare(self) -> None:
        """Make the key that signs checkpoints, and the first mark; `civitas init` calls it.

        Where there is no mark yet, the deployment is new or of a time before events had a MAC:
        those that wait get theirs, this once. Who writes the database cannot have it done again.
        """
        self._keys.ensure(USE, "EdDSA")
        now = self._clock.now()
        if self.marks.begun():
            return
        with self._database.write() as uow:
            audit_mac.adopt(uow, self._keys.mac)
            first_mac = audit_log.size(uow)
            signed = uow.one(_newest())
        if signed is None:
            empty = Checkpoint(self.origin, 0, audit_tree.EMPTY_ROOT)
            self.marks.begin(0, self._note(empty), first_mac, now)
        else:
            self.marks.begin(int(signed.tree_size), str(signed.note), first_mac, now)

    def sequence(self, now: datetime) -> int:
        """Number the waiting events and sign the tree; how many were numbered.

        Periodic work, run every second; any number of processes may, one works at a time.
        Raises TreeBroken when the database is not what was vouched for before.
        """
        vouched = self._vouched()
        numbered = audit_log.number_waiting(self._database, self._keys.mac, self._set_aside)
        try:
            self._sign(vouched, now)
        except LeafForged as error:
            # Not signed, so not public: take it back, and number only what is genuine.
            log.error("a leaf that this deployment did not make is taken back: %s", error)
            audit_log.take_back(self._database, vouched.size)
            numbered += audit_log.number_waiting(self._database, self._keys.mac, self._set_aside)
            self._sign(vouched, now)
        return numbered

    def set_aside(self) -> int:
        """How many events have no leaf, because they are not as this deployment recorded them."""
        with self._database.read() as uow:
            return audit_log.set_aside(uow)

    def _set_aside(self, uow: UnitOfWork, event_ids: Sequence[str]) -> None:
        log.error(
            "%d events that this deployment did not record, or that were changed, get no leaf: "
            "run `civitas audit verify` (%s)",
            len(event_ids),
            ", ".join(event_ids[:5]),
        )
        self._record(uow, "audit.events-refused", {"events": list(event_ids)})

    def checkpoint(self, *, cosigned: bool = False) -> str:
        """The newest signed checkpoint, a note, with its cosignatures; raises NothingSigned.

        `cosigned`: the newest one that a witness has cosigned, which may be some seconds older.
        """
        with self._database.read() as uow:
            query = _newest()
            if cosigned:
                size = self.witnesses.cosigned_size(uow)
                query = select(checkpoints).where(checkpoints.c.tree_size == size)
            row = uow.one(query)
            if row is None:
                raise NothingSigned("no such checkpoint is signed yet: the sequencer has not run")
            lines = self.witnesses.lines(uow, row.tree_size)
        return str(row.note) + "".join(f"{line}\n" for line in lines)

    def signed_size(self, uow: UnitOfWork) -> int | None:
        """Leaves of the newest signed tree; None before the first checkpoint."""
        row = uow.one(_newest())
        return None if row is None else int(row.tree_size)

    def verifier_keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign or ever signed our checkpoints, newest first."""
        found = []
        for key in reversed(self._keys.history(USE)):
            if isinstance(key.public_key, Ed25519PublicKey):
                found.append(VerifierKey(self.origin, key.public_key.public_bytes_raw()))
        return tuple(found)

    def verify(self, known: str | None = None) -> Report:
        """Recompute everything from the stored rows; what was changed, and where.

        `known` is a checkpoint, a signed note, that somebody kept elsewhere.
        """
        from foundation.audit.verify import verify_database

        keys = self.verifier_keys()
        marks = self.marks.read(keys)
        if known is not None:
            marks.append(mark_of("the checkpoint that was kept", known, keys))
        first_mac = self.marks.first_mac()
        report = verify_database(self._database, keys, self._keys.mac, marks, first_mac)
        problems, notes = self.witnesses.verify()
        return replace(
            report, problems=(*report.problems, *problems), notes=(*report.notes, *notes)
        )

    def resume(self, reason: str, now: datetime) -> tuple[Checkpoint, Checkpoint]:
        """Go on from the database as it is, after an older copy of it was restored.

        An operator's act, on record: what was signed since the copy is lost, and outsiders who
        kept its checkpoints see that. Returns the highest mark of before, and the one of now: the
        same when there was nothing to do. Raises TreeBroken when the stored tree is not even what
        its own checkpoint says.
        """
        keys = self.verifier_keys()
        before = self.marks.read(keys)
        with self._database.read() as uow:
            signed = uow.one(_newest())
            note = self._note(Checkpoint(self.origin, 0, audit_tree.EMPTY_ROOT))
            if signed is not None:
                note = str(signed.note)
                _refuse_another_past(uow, Mark("the database", open_note(note, keys)))
        now_on = open_note(note, keys)
        known = [mark.checkpoint for mark in before if mark.checkpoint is not None]
        highest = max(known, key=lambda checkpoint: checkpoint.size, default=now_on)
        if self._agrees(before):
            return highest, highest
        details = {
            "reason": reason,
            "leaves": now_on.size,
            "marks": {m.place: m.checkpoint.body() if m.checkpoint else m.problem for m in before},
        }
        with self._database.write() as uow:
            self._record(uow, "audit.resumed", details)
        self.marks.lower_to(now_on.size, note, now)
        return highest, now_on

    def _agrees(self, marks: Sequence[Mark]) -> bool:
        """Whether the sequencer would go on by itself."""
        if any(mark.checkpoint is None for mark in marks):
            return False
        try:
            self._vouched()
        except TreeBroken:
            return False
        return True

    def _note(self, checkpoint: Checkpoint) -> str:
        signer = self._keys.signer(USE)
        public = signer.public_key
        if not isinstance(public, Ed25519PublicKey):
            raise TypeError("checkpoints are signed with Ed25519")
        key = VerifierKey(self.origin, public.public_bytes_raw())
        return checkpoint.note(signer.sign(checkpoint.body().encode()), key)

    def _vouched(self) -> Checkpoint:
        """The newest checkpoint that any place knows; the tree must start with each of them."""
        keys = self.verifier_keys()
        known = self.marks.read(keys)  # before the database, which is ahead of them
        with self._database.read() as uow:
            newest = uow.one(_newest())
            if newest is not None:
                known.append(Mark("the database", open_note(newest.note, keys)))
            size = audit_log.size(uow)
            agreed: set[Checkpoint] = set()
            for mark in known:
                if mark.problem and mark is known[0]:
                    raise TreeBroken(f"{mark.place} {mark.problem}: {_WHAT_NOW}")
                if mark.checkpoint is None:
                    continue  # a file that is away is written again, and `audit verify` tells it
                if mark.checkpoint.size > size:
                    raise TreeBroken(
                        f"{mark.checkpoint.size} leaves were signed, as {mark.place} tells, but "
                        f"the tree has {size}: {_WHAT_NOW}"
                    )
                if mark.checkpoint not in agreed:
                    _refuse_another_past(uow, mark)
                agreed.add(mark.checkpoint)
        return max(agreed, key=lambda checkpoint: checkpoint.size)

    def _sign(self, vouched: Checkpoint, now: datetime) -> None:
        with self._database.read() as uow:
            size = audit_log.size(uow)
            newest = uow.one(_newest())
            if newest is not None and newest.tree_size >= size:
                checkpoint, note = open_note(newest.note, self.verifier_keys()), newest.note
            else:
                root = audit_log.grown_root(uow, self._keys.mac, vouched.size, size)
                checkpoint, note = Checkpoint(self.origin, size, root), None
        if note is None:
            note = self._note(checkpoint)
            try:
                with self._database.write() as uow:
                    uow.execute(
                        insert(checkpoints).values(
                            tree_size=checkpoint.size, root=checkpoint.root, note=note, at=now
                        )
                    )
            except IntegrityError:
                return  # another process signed this size first; a size is signed once
        self.marks.raise_to(checkpoint, note, now)


_WHAT_NOW = (
    "its end was cut off, or an older copy of the database was put back; run `civitas audit "
    "verify`, and after a restore of yours `civitas audit resume`"
)


def _refuse_another_past(uow: UnitOfWork, mark: Mark) -> None:
    """Never vouch for a tree that does not start with the one we vouched for before."""
    old = mark.checkpoint
    if old is None:
        return
    if audit_tree.root_of(old.size, lambda wanted: audit_log.fetch(uow, wanted)) != old.root:
        raise TreeBroken(
            f"the first {old.size} leaves no longer have the root that {mark.place} knows as "
            "signed: run `civitas audit verify`"
        )


def _newest() -> Select[Any]:
    return select(checkpoints).order_by(checkpoints.c.tree_size.desc()).limit(1)
