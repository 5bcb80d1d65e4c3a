"""The audit: events in the same transaction as the act, and what persons read of them — RFC 9162.

`record` writes an event in the caller's unit of work; `audit_signed_tree` gives it a leaf within a
second or two and signs a checkpoint. The details are sealed under the key of each person whom
they concern, so destroying that key erases them while the tree still verifies.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from sqlalchemy import (
    BigInteger,
    Insert,
    Integer,
    Row,
    Select,
    bindparam,
    cast,
    insert,
    literal_column,
    select,
    union_all,
)

from foundation import opaque
from foundation.audit import mac as audit_mac
from foundation.audit.entry import (
    SYSTEM,
    Actor,
    on_the_record,
    open_part,
    read_sealed,
    refs_of,
    sealed_part,
)
from foundation.audit.marks import Marks
from foundation.audit.pages import Span, newest, place_of
from foundation.audit.settings import AuditSettings
from foundation.audit.signed_tree import SignedTree
from foundation.audit.tables import events, leaves, subjects, waiting
from foundation.audit.witnesses import Witnesses
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.fetch import Fetch
from foundation.keys import Keys
from foundation.sealing import CannotOpen
from foundation.settings import Server, Settings
from foundation.vault import Erased, Vault

if TYPE_CHECKING:
    pass

__all__ = ["SYSTEM", "Actor", "Audit", "LedgerEntry"]

log = logging.getLogger("civitas.audit")
USE = "audit"
# Built once: every act records an event.
_WRITTEN = [column for column in events.c if column is not events.c.number]
_INSERT_EVENT = insert(events).returning(events.c.number)
_INSERT_SUBJECTS = insert(subjects)
_INSERT_WAITING = insert(waiting)


@lru_cache(maxsize=32)
def _insert_both(lines: int) -> Insert:
    """An event, that it waits, and its lines in one journey, where the database can: SQLite fills
    one table at a time. SQLAlchemy compiles a union once, and `values([…])` anew at each execution.
    """
    event = (
        insert(events)
        .values({c: bindparam(f"of_{c.name}", type_=c.type) for c in _WRITTEN})
        .returning(events.c.number)
        .cte("event")
    )
    waits = insert(waiting).from_select(
        ["state", "event"], select(literal_column("1"), event.c.number)
    )
    others = [column for column in subjects.c if column is not subjects.c.event]
    rows = [
        select(
            event.c.number,
            *(cast(bindparam(f"{c.name}_{n}", type_=c.type), c.type) for c in others),
        )
        for n in range(lines)
    ]
    both = insert(subjects).from_select([subjects.c.event, *others], union_all(*rows))
    return both.add_cte(waits.cte("waits"))


def _behind(
    uow: UnitOfWork, before: str, subject: bytes, asked: Mapping[str, Any]
) -> Sequence[Row[Any]] | None:
    """A page of a ledger behind an event; None where that is not a person's own."""
    place = place_of(uow, before, subject)
    if place is None:
        return None
    at, number = place
    return uow.all(_page(True), {**asked, "place": at, "last": number})


@cache
def _page(further: bool) -> Select[Any]:
    """Of a person's ledger: the first, or one behind what was seen."""
    query = (
        select(events.c.number, events.c.id, events.c.at, events.c.open, leaves.c.leaf_index)
        .add_columns(subjects.c.position, subjects.c.sealed)
        .select_from(subjects.join(events).outerjoin(leaves, leaves.c.event == events.c.number))
        .where(subjects.c.subject == bindparam("person"), subjects.c.position >= 0)
    )
    seen = bindparam("place", type_=BigInteger), bindparam("last", type_=BigInteger)
    return newest(query, Span(seen=seen if further else None), bindparam("most", type_=Integer))


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
    """Records events and tells persons theirs; `tree` proves them. Safe between threads."""

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
        self.tree = SignedTree(
            database,
            keys,
            clock,
            origin,
            marks or Marks(vault.store, origin),
            witnesses or Witnesses(database, clock, Fetch()),
            lambda uow, kind, details: self.record(uow, kind, SYSTEM, (), details),
        )
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
            lines.append(_line(len(lines), self._subject(person), sealed, at))
        if not lines:
            sealed = self._keys.seal(USE, plaintext, event_id)
            lines.append(_line(0, None, sealed, at))
        refs = [opaque.secret(12) for _ in lines]
        actor_ref = opaque.secret(12)
        if actor.kind in ("staff", "service"):
            # Who acts on others is found again by what they did; a device has its own history.
            lines.append(_line(-1, self.index_of(actor), None, at))
        public = open_part(event_id, kind, at, actor.kind, actor_ref, refs)
        lines.sort(key=itemgetter("position"))
        mac = audit_mac.of_event(self._keys.mac, event_id, kind, audit_mac.raw(at), public, lines)
        event = {"id": event_id, "kind": kind, "at": at, "open": public, "mac": mac}
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
        subject = self._subject(person_id)
        asked = {"person": subject, "most": min(max(limit, 1), 1000)}
        rows: Sequence[Row[Any]] | None
        if before is None:
            with self.database.read() as uow:
                rows = uow.all(_page(False), asked)
        else:
            # All that is asked for is older than what was seen.
            with self.database.read_old() as uow:
                rows = _behind(uow, before, subject, asked)
            if rows is None:  # the replica may not have what was seen
                with self.database.read() as uow:
                    rows = _behind(uow, before, subject, asked)
        return [self._ledger_entry(person_id, row) for row in rows or ()]

    def details(self, event_id: str) -> Mapping[str, Any]:
        """Actor and details of an event that concerns nobody, for an auditor; raises CannotOpen."""
        query = (
            select(subjects.c.sealed)
            .select_from(subjects.join(events))
            .where(events.c.id == event_id, subjects.c.position == 0)
        )
        with self.database.read() as uow:
            row = uow.one(query)
        if row is None:
            raise CannotOpen("there is no such event")
        return read_sealed(self._keys.open(USE, row.sealed, event_id))

    def _ledger_entry(self, person_id: str, row: Any) -> LedgerEntry:
        public = json.loads(row.open)
        actor, details, readable = "", {}, False
        try:
            plaintext = self._vault.open(person_id, row.sealed, f"audit\0{row.id}")
            content = read_sealed(plaintext)
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
            ref=refs_of(row.open)[row.position],
            sealed=row.sealed,
        )

    def index_of(self, actor: Actor) -> bytes:
        """Under which blind index the acts of a member of staff or a service are found."""
        return self._subject(f"{actor.kind}\0{actor.id}")

    def _subject(self, person_id: str) -> bytes:
        return self._keys.mac("audit-subject", person_id.encode())[:16]


def _write(uow: UnitOfWork, event: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    if uow.connection.dialect.name != "postgresql":
        number = uow.execute(_INSERT_EVENT, event).scalar_one()
        uow.execute(_INSERT_SUBJECTS, [{**line, "event": number} for line in lines])
        uow.execute(_INSERT_WAITING, {"state": 1, "event": number})
        return
    row = {f"of_{name}": value for name, value in event.items()}
    for n, line in enumerate(lines):
        row |= {f"{name}_{n}": value for name, value in line.items()}
    uow.execute(_insert_both(len(lines)), row)


def origin(url: str) -> str:
    """The name of the log: our address without its scheme (C2SP tlog-checkpoint)."""
    return f"{urlsplit(url).netloc}/audit"


def _line(
    position: int, subject: bytes | None, sealed: bytes | None, at: datetime
) -> dict[str, Any]:
    return {"position": position, "subject": subject, "sealed": sealed, "at": at}
