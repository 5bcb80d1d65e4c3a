"""What was taken away from rows, remembered where a backup of the database does not reach.

An older row, brought back from a backup, has a MAC that was right once. So an act that takes
something away leaves a mark in the store of person keys: rows of an older version are refused. The
mark is owed in the act's own unit of work (`row_marks_owed`) and raised after its commit, or by
periodic work when the process was killed in between.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Insert,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from foundation.clock import Clock, Instant
from foundation.compiled import execute
from foundation.database import Database, metadata
from foundation.row_macs import grants_nothing
from foundation.vault import vault_metadata

log = logging.getLogger("civitas.integrity")

FOR_EVER = 2**63 - 1
"""The mark of a row that never grants anything again."""

row_marks = Table(
    "row_marks",
    vault_metadata,
    Column("reference", LargeBinary(16), primary_key=True),
    # Versions below this one are refused.
    Column("version", BigInteger, nullable=False),
    # When the row would grant nothing any more by its own date.
    Column("until", Instant, nullable=True),
    # Where the row itself takes something away, its table: such rows are missed when they are gone.
    Column("refusing", String(64), nullable=True),
    Index("ix_row_marks_until", "until"),
)

row_marks_owed = Table(
    "row_marks_owed",
    metadata,
    Column("reference", LargeBinary(16), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("until", Instant, nullable=True),
    Column("refusing", String(64), nullable=True),
)
grants_nothing(row_marks_owed, "a mark only refuses; whose it is, nobody without the key can say")


@dataclass(frozen=True, slots=True)
class Mark:
    reference: bytes
    version: int
    until: datetime | None = None
    soon: bool = False
    """By periodic work: it costs the act no journey to the other store."""
    refusing: str | None = None
    """The table of a row that takes something away."""

    @property
    def row(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "version": self.version,
            "until": self.until,
            "refusing": self.refusing,
        }


# Built once: they belong to every act that takes something away, and to nearly every read.
_OWE: dict[str, Insert] = {}
_RAISE: dict[str, Insert] = {}
for _name, _insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
    _OWE[_name] = _insert(row_marks_owed).on_conflict_do_nothing()
    _new = _insert(row_marks)
    _RAISE[_name] = _new.on_conflict_do_update(
        index_elements=["reference"],
        set_={column: _new.excluded[column] for column in ("version", "until", "refusing")},
        where=row_marks.c.version < _new.excluded.version,
    )
_MARKS = select(row_marks.c.reference, row_marks.c.version)
_MARK = _MARKS.where(row_marks.c.reference == bindparam("of_reference"))
_SOME = _MARKS.where(row_marks.c.reference.in_(bindparam("of_references", expanding=True)))


def owe(connection: Connection, marks: Sequence[Mark]) -> None:
    """Commit with the act that a mark is still to be raised."""
    execute(connection, _OWE[connection.dialect.name], [m.row for m in marks])


class Marks:
    """Raises marks, and tells those of rows; safe to share between threads."""

    # As of the vault's keys: what another process took away is gone within a second.
    CACHE = timedelta(seconds=1)
    CACHED = 8192
    _AT_ONCE = 500

    def __init__(self, store: Database, database: Database, clock: Clock) -> None:
        self._store = store
        self._database = database
        self._clock = clock
        self._cache: OrderedDict[bytes, tuple[datetime, int]] = OrderedDict()
        self._lock = Lock()

    def of(self, references: Collection[bytes]) -> dict[bytes, int]:
        """The mark of each reference; 0 where nothing was taken away."""
        now = self._clock.now()
        found: dict[bytes, int] = {}
        with self._lock:
            for reference in references:
                cached = self._cache.get(reference)
                if cached is not None and timedelta(0) <= now - cached[0] < self.CACHE:
                    found[reference] = cached[1]
        asked = [r for r in references if r not in found]
        for start in range(0, len(asked), self._AT_ONCE):
            some = asked[start : start + self._AT_ONCE]
            with self._store.read() as uow:
                if len(some) == 1:
                    rows = execute(uow.connection, _MARK, {"of_reference": some[0]}).all()
                else:
                    rows = execute(uow.connection, _SOME, {"of_references": some}).all()
            marked = {bytes(row.reference): int(row.version) for row in rows}
            found.update((r, marked.get(r, 0)) for r in some)
        self._keep({r: found[r] for r in asked}, now)
        return found

    def raise_to(self, marks: Sequence[Mark]) -> None:
        """Raise each to at least this version: never down."""
        # In one order, so that two processes never wait for each other.
        rows = [m.row for m in sorted(marks, key=lambda m: (m.reference, m.version))]
        with self._store.write() as uow:
            execute(uow.connection, _RAISE[self._store.dialect], rows)
        with self._lock:
            for mark in marks:
                self._cache.pop(mark.reference, None)

    def refusing(self, table: str, now: datetime) -> set[bytes]:
        """References of the rows that stand in a table of those that take away."""
        query = select(row_marks.c.reference).where(
            row_marks.c.refusing == table,
            row_marks.c.version % 2 == 1,
            or_(row_marks.c.until.is_(None), row_marks.c.until > now),
        )
        with self._store.read() as uow:
            return {bytes(row.reference) for row in uow.all(query)}

    def committed(self, marks: Sequence[Mark]) -> None:
        """The act is committed: raise its marks now; what fails stays owed."""
        now = [mark for mark in marks if not mark.soon]
        try:
            if now:
                self.raise_to(now)
        except SQLAlchemyError:
            log.exception("marks of what was taken away wait for the store of person keys")

    def settle(self) -> int:
        """Raise what is still owed: periodic work; how many marks."""
        done = 0
        while True:
            with self._database.read() as uow:
                rows = uow.all(select(row_marks_owed).limit(self._AT_ONCE))
            if not rows:
                return done
            self.raise_to(
                [Mark(bytes(r.reference), r.version, r.until, refusing=r.refusing) for r in rows]
            )
            c = row_marks_owed.c
            paid = or_(*((c.reference == r.reference) & (c.version == r.version) for r in rows))
            with self._database.write() as uow:
                uow.execute(delete(row_marks_owed).where(paid))
            done += len(rows)

    def sweep(self, now: datetime) -> int:
        """Forget marks of rows whose own time is over; a day later, for clocks that differ."""
        with self._store.write() as uow:
            over = row_marks.c.until < now - timedelta(days=1)
            return uow.changed(delete(row_marks).where(over))

    def _keep(self, found: dict[bytes, int], now: datetime) -> None:
        with self._lock:
            for reference, version in found.items():
                self._cache[reference] = (now, version)
                self._cache.move_to_end(reference)
            while len(self._cache) > self.CACHED:
                self._cache.popitem(last=False)


__all__ = ["FOR_EVER", "Mark", "Marks", "owe", "row_marks", "row_marks_owed"]
