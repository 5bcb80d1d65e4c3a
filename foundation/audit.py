"""The audit: events in the same transaction as the act, and a tree that proves them — RFC 9162.

`record` writes an event in the caller's unit of work; the sequencer gives it a leaf within a
second or two and signs a checkpoint. The details are sealed under the key of each person whom
they concern, so destroying that key erases them while the tree still verifies.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import (
    Insert,
    Select,
    and_,
    bindparam,
    cast,
    insert,
    or_,
    select,
    union_all,
)
from sqlalchemy.exc import IntegrityError

from foundation import audit_log, audit_mac, audit_tree, opaque
from foundation.audit_checkpoint import Checkpoint, VerifierKey, open_note
from foundation.audit_entry import SYSTEM, Actor, on_the_record, open_part, sealed_part
from foundation.audit_log import LeafForged, TreeBroken
from foundation.audit_mark import Mark, Marks, mark_of
from foundation.audit_settings import AuditSettings
from foundation.audit_tables import checkpoints, events, leaves, subjects
from foundation.audit_witness import Witnesses
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.fetch import Fetch
from foundation.keys import Keys
from foundation.sealing import CannotOpen
from foundation.settings import Server, Settings
from foundation.vault import Erased, Vault

if TYPE_CHECKING:
    from foundation.audit_verify import Report

__all__ = ["SYSTEM", "Actor", "Audit", "LedgerEntry", "NothingSigned", "TreeBroken"]

log = logging.getLogger("civitas.audit")
USE = "audit"
# Built once: every act of the house records an event.
_INSERT_EVENT = insert(events)
_INSERT_SUBJECTS = insert(subjects)


@lru_cache(maxsize=32)
def _insert_both(lines: int) -> Insert:
    """An event and its lines in one journey, where the database can: SQLite fills one table at a
    time. SQLAlchemy compiles a union once, and `values([…])` anew at each execution."""
    event = insert(events).values({c: bindparam(f"of_{c.name}", type_=c.type) for c in events.c})
    rows = [
        select(*(cast(bindparam(f"{c.name}_{n}", type_=c.type), c.type) for c in subjects.c))
        for n in range(lines)
    ]
    both = insert(subjects).from_select(list(subjects.c), union_all(*rows))
    return both.add_cte(event.cte("event"))


class NothingSigned(Exception):
    """There is no checkpoint yet: the sequencer has not run."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An event as the person whom it concerns reads it.

    `readable` is False when the sealed part does not open: its key is gone, or it was changed.
    `leaf_index` is None until the sequencer has run; with it anybody can ask for the proof.
    """

    event_id: str
    kind: str
    at: datetime
    actor: Actor
    details: Mapping[str, Any]
    leaf_index: int | None
    readable: bool
    ref: str
    sealed: bytes = field(repr=False)


class Audit:
    """Records events, tells persons theirs, and keeps the tree; safe between threads."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        vault: Vault,
        clock: Clock,
        origin: str,
        count: Callable[[str], None] | None = None,
        marks: Marks | None = None,
        witnesses: Witnesses | None = None,
    ) -> None:
        """`count` is told the kind of each event, for the metrics."""
        self.database = database
        self.marks = marks or Marks(vault.store, origin)
        self.witnesses = witnesses or Witnesses(database, clock, Fetch())
        self.origin = origin
        self._keys = keys
        self._vault = vault
        self._clock = clock
        self._count = count

    @classmethod
    def load(
        cls,
        settings: Settings,
        database: Database,
        keys: Keys,
        vault: Vault,
        clock: Clock,
        count: Callable[[str], None] | None = None,
    ) -> Self:
        chosen = settings.of(AuditSettings)
        name = origin(settings.of(Server).url)
        file = settings.resolve(chosen.mark_file) if chosen.mark_file else None
        marks = Marks(vault.store, name, file, to_log=chosen.mark_log)
        witnesses = Witnesses.of(chosen.witnesses, database, clock, Fetch.of(settings))
        return cls(database, keys, vault, clock, name, count, marks, witnesses)

    def prepare(self) -> None:
        """Make the key that signs checkpoints, and the first mark; `civitas init` calls it.

        Where there is no mark yet, the deployment is new or of a time before events had a MAC:
        those that wait get theirs, this once. Who writes the database cannot have it done again.
        """
        self._keys.ensure(USE, "EdDSA")
        now = self._clock.now()
        if self.marks.begun():
            return
        with self.database.write() as uow:
            audit_mac.adopt(uow, self._keys.mac)
            first_mac = audit_log.size(uow)
            signed = uow.one(_newest())
        if signed is None:
            empty = Checkpoint(self.origin, 0, audit_tree.EMPTY_ROOT)
            self.marks.begin(0, self._note(empty), first_mac, now)
        else:
            self.marks.begin(int(signed.tree_size), str(signed.note), first_mac, now)

    # ── writing ───────────────────────────────────────────────────────────────────────

    def record(
        self,
        uow: UnitOfWork,
        kind: str,
        actor: Actor,
        persons: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Write an event that commits with the caller's act; returns its id.

        `details` (JSON values) are sealed once for each of `persons`, or under the audit's own
        key when nobody is concerned. What is public has the same form either way, or the log
        would tell which of the names that strangers try are somebody's: an event about nobody
        refers to one person too, and a person whose key is gone gets noise in place of details.
        """
        event_id = opaque.identifier("evt")
        at = on_the_record(self._clock.now())
        plaintext = sealed_part(actor, details or {})
        lines: list[dict[str, Any]] = []
        for person in dict.fromkeys(persons):
            try:
                sealed = self._vault.seal(person, plaintext, f"audit\0{event_id}")
            except Erased:
                sealed = os.urandom(len(plaintext))
            lines.append(_line(event_id, len(lines), self._subject(person), sealed))
        if not lines:
            sealed = self._keys.seal(USE, plaintext, event_id)
            lines.append(_line(event_id, 0, None, sealed))
        refs = [line["ref"] for line in lines]
        actor_ref = opaque.secret(12)
        if actor.kind in ("staff", "service"):
            # Who acts on others is found again by what they did; a device has its own history.
            acting = _line(event_id, -1, self.index_of(actor), None)
            lines.append({**acting, "ref": actor_ref})
        public = open_part(event_id, kind, at, actor.kind, actor_ref, refs)
        lines.sort(key=itemgetter("position"))
        mac = audit_mac.of_event(self._keys.mac, event_id, kind, audit_mac.raw(at), public, lines)
        event = {"id": event_id, "kind": kind, "at": at, "open": public, "waiting": 1, "mac": mac}
        _write(uow, event, lines)
        if self._count is not None:
            self._count(kind)
        return event_id

    def forget(self, uow: UnitOfWork, person_id: str) -> None:
        """Erase the index from a person to their events; the tree keeps what it hashed."""
        audit_mac.forget(uow, self._keys.mac, self._subject(person_id))

    # ── reading ───────────────────────────────────────────────────────────────────────

    def ledger(
        self, person_id: str, before: str | None = None, limit: int = 50
    ) -> list[LedgerEntry]:
        """Events that concern a person, newest first; `before` is the id of the last one seen."""
        query = (
            select(events.c.id, events.c.at, events.c.open, subjects, leaves.c.leaf_index)
            .select_from(subjects.join(events).outerjoin(leaves, leaves.c.event_id == events.c.id))
            .where(subjects.c.subject == self._subject(person_id), subjects.c.position >= 0)
            .order_by(events.c.at.desc(), events.c.id.desc())
            .limit(min(max(limit, 1), 1000))
        )
        with self.database.read() as uow:
            if before is not None:
                seen = uow.one(select(events.c.at).where(events.c.id == before))
                if seen is None:
                    return []
                query = query.where(
                    or_(
                        events.c.at < seen.at,
                        and_(events.c.at == seen.at, events.c.id < before),
                    )
                )
            rows = uow.all(query)
        return [self._ledger_entry(person_id, row) for row in rows]

    def details(self, event_id: str) -> Mapping[str, Any]:
        """Actor and details of an event that concerns nobody, for an auditor; raises CannotOpen."""
        query = select(subjects.c.sealed).where(
            subjects.c.event_id == event_id, subjects.c.position == 0
        )
        with self.database.read() as uow:
            row = uow.one(query)
        if row is None:
            raise CannotOpen("there is no such event")
        content: Mapping[str, Any] = json.loads(self._keys.open(USE, row.sealed, event_id))
        return content

    def _ledger_entry(self, person_id: str, row: Any) -> LedgerEntry:
        public = json.loads(row.open)
        actor, details, readable = "", {}, False
        try:
            plaintext = self._vault.open(person_id, row.sealed, f"audit\0{row.id}")
            content = json.loads(plaintext)
            actor, details, readable = content["actor"], content["details"], True
        except (Erased, CannotOpen):
            pass
        return LedgerEntry(
            event_id=row.id,
            kind=public["kind"],
            at=row.at,
            actor=Actor(public["actor"]["kind"], actor),
            details=details,
            leaf_index=row.leaf_index,
            readable=readable,
            ref=row.ref,
            sealed=row.sealed,
        )

    def index_of(self, actor: Actor) -> bytes:
        """Under which blind index the acts of a member of staff or a service are found."""
        return self._subject(f"{actor.kind}\0{actor.id}")

    def _subject(self, person_id: str) -> bytes:
        return self._keys.mac("audit-subject", person_id.encode())[:16]

    # ── the tree ──────────────────────────────────────────────────────────────────────

    def sequence(self, now: datetime) -> int:
        """Number the waiting events and sign the tree; how many were numbered.

        Periodic work, run every second; any number of processes may, one works at a time.
        Raises TreeBroken when the database is not what was vouched for before.
        """
        vouched = self._vouched()
        numbered = audit_log.number_waiting(self.database, self._keys.mac, self._set_aside)
        try:
            self._sign(vouched, now)
        except LeafForged as error:
            # Not signed, so not public: take it back, and number only what is genuine.
            log.error("a leaf that this deployment did not make is taken back: %s", error)
            audit_log.take_back(self.database, vouched.size)
            numbered += audit_log.number_waiting(self.database, self._keys.mac, self._set_aside)
            self._sign(vouched, now)
        return numbered

    def set_aside(self) -> int:
        """How many events have no leaf, because they are not as this deployment recorded them."""
        with self.database.read() as uow:
            return audit_log.set_aside(uow)

    def _set_aside(self, uow: UnitOfWork, event_ids: Sequence[str]) -> None:
        log.error(
            "%d events that this deployment did not record, or that were changed, get no leaf: "
            "run `civitas audit verify` (%s)",
            len(event_ids),
            ", ".join(event_ids[:5]),
        )
        self.record(uow, "audit.events-refused", SYSTEM, details={"events": list(event_ids)})

    def checkpoint(self, *, cosigned: bool = False) -> str:
        """The newest signed checkpoint, a note, with its cosignatures; raises NothingSigned.

        `cosigned`: the newest one that a witness has cosigned, which may be some seconds older.
        """
        with self.database.read() as uow:
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
        from foundation.audit_verify import verify_database

        keys = self.verifier_keys()
        marks = self.marks.read(keys)
        if known is not None:
            marks.append(mark_of("the checkpoint that was kept", known, keys))
        first_mac = self.marks.first_mac()
        report = verify_database(self.database, keys, self._keys.mac, marks, first_mac)
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
        with self.database.read() as uow:
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
        with self.database.write() as uow:
            self.record(uow, "audit.resumed", SYSTEM, details=details)
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
        with self.database.read() as uow:
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
        with self.database.read() as uow:
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
                with self.database.write() as uow:
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


def _write(uow: UnitOfWork, event: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    if uow.connection.dialect.name != "postgresql":
        uow.execute(_INSERT_EVENT, event)
        uow.execute(_INSERT_SUBJECTS, lines)
        return
    row = {f"of_{name}": value for name, value in event.items()}
    for n, line in enumerate(lines):
        row |= {f"{name}_{n}": value for name, value in line.items()}
    uow.execute(_insert_both(len(lines)), row)


def origin(url: str) -> str:
    """The name of the log: our address without its scheme (C2SP tlog-checkpoint)."""
    return f"{urlsplit(url).netloc}/audit"


def _newest() -> Select[Any]:
    return select(checkpoints).order_by(checkpoints.c.tree_size.desc()).limit(1)


def _line(
    event_id: str, position: int, subject: bytes | None, sealed: bytes | None
) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "position": position,
        "subject": subject,
        "ref": opaque.secret(12),
        "sealed": sealed,
    }
