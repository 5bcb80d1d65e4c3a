"""The high-water mark of the audit: how far it was signed, kept outside of the database.

Whoever writes the database can cut the end of the log, or put an older copy back, and nothing that
is left in it can tell. So the newest checkpoint, a signed note (C2SP tlog-checkpoint), also stands
in the store of person keys, in a file where `[audit] mark_file` says, and in the log.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Row, String, Table, Text, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from foundation.audit.checkpoint import Checkpoint, InvalidCheckpoint, VerifierKey, open_note
from foundation.clock import Instant
from foundation.database import Database
from foundation.vault import vault_metadata

ABSENT = "has no mark"
log = logging.getLogger("civitas.audit")


audit_marks = Table(
    "audit_marks",
    vault_metadata,
    Column("origin", String(255), primary_key=True),
    Column("tree_size", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Instant, nullable=False),
    # Leaves from this number on are of events that carry a MAC.
    Column("first_mac", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What one place outside of the database says; no `checkpoint`: `problem` says why."""

    place: str
    checkpoint: Checkpoint | None
    problem: str = ""


class Marks:
    """The places outside of the database that know the newest checkpoint."""

    def __init__(
        self, store: Database, origin: str, file: Path | None = None, *, to_log: bool = False
    ) -> None:
        self._store = store
        self._origin = origin
        self._file = file
        self._to_log = to_log
        self._told = -1
        self._unwritable = False

    def begun(self) -> bool:
        """Whether the key store has had a mark before."""
        return self._row() is not None

    def first_mac(self) -> int:
        row = self._row()
        return 0 if row is None else int(row.first_mac)

    def begin(self, size: int, note: str, first_mac: int, now: datetime) -> None:
        """Write the first mark; one that is there stays."""
        try:
            with self._store.write() as uow:
                uow.execute(
                    insert(audit_marks).values(
                        origin=self._origin,
                        tree_size=size,
                        note=note,
                        at=now,
                        first_mac=first_mac,
                    )
                )
        except IntegrityError:
            pass  # another process was first
        if self._file is not None and not self._file.exists():
            self._write(self._file, note)

    def read(self, keys: tuple[VerifierKey, ...]) -> list[Mark]:
        """What each place says, the key store first."""
        row = self._row()
        marks = [mark_of("the key store", None if row is None else str(row.note), keys)]
        if self._file is not None:
            marks.append(mark_of(f"the file {self._file}", _read(self._file), keys))
        return marks

    def size(self) -> int | None:
        """How many leaves were signed, as the places say without proof; None where none says it.
        Only to tell an operator how much is missing: nothing is decided by it."""
        sizes = [-1 if self._file is None else _size(_read(self._file))]
        try:
            row = self._row()
            sizes.append(-1 if row is None else int(row.tree_size))
        except SQLAlchemyError:
            pass  # a store of person keys that is not there yet
        return max(sizes) if max(sizes) >= 0 else None

    def raise_to(self, checkpoint: Checkpoint, note: str, now: datetime) -> None:
        """Let every place know a newer checkpoint; one that knows as much is left alone."""
        if checkpoint.size <= self._told:
            return
        with self._store.write() as uow:
            uow.execute(
                update(audit_marks)
                .where(
                    audit_marks.c.origin == self._origin,
                    audit_marks.c.tree_size < checkpoint.size,
                )
                .values(tree_size=checkpoint.size, note=note, at=now)
            )
        if self._file is not None and _size(_read(self._file)) < checkpoint.size:
            self._write(self._file, note)
        if self._to_log:
            log.info(
                "audit checkpoint of %s: %d leaves, root %s",
                self._origin,
                checkpoint.size,
                checkpoint.root.hex(),
            )
        self._told = checkpoint.size

    def lower_to(self, size: int, note: str, now: datetime) -> None:
        """An operator's decision, after a database was restored: go on from an older state."""
        with self._store.write() as uow:
            uow.execute(
                update(audit_marks)
                .where(audit_marks.c.origin == self._origin)
                .values(tree_size=size, note=note, at=now)
            )
        if self._file is not None:
            self._write(self._file, note)
        self._told = size

    def _row(self) -> Row[Any] | None:
        with self._store.read() as uow:
            return uow.one(select(audit_marks).where(audit_marks.c.origin == self._origin))

    def _write(self, file: Path, note: str) -> None:
        """Whole or not at all. A file that cannot be written does not stop the log."""
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with beside.open("w", encoding="utf-8") as writing:
                writing.write(note)
                writing.flush()
                os.fsync(writing.fileno())
            beside.replace(file)
            self._unwritable = False
        except OSError as error:
            if not self._unwritable:  # said once, not with every checkpoint
                log.error("the audit's mark cannot be written to %s: %s", file, error.strerror)
            self._unwritable = True


def mark_of(place: str, note: str | None, keys: tuple[VerifierKey, ...]) -> Mark:
    """What the note of a place is worth: signed by one of `keys`, or not."""
    if note is None:
        return Mark(place, None, ABSENT)
    try:
        return Mark(place, open_note(note, keys))
    except InvalidCheckpoint as error:
        return Mark(place, None, f"has a mark that is not ours ({error})")


def _size(note: str | None) -> int:
    """The size that a note names, believed for one thing only: not to write it again."""
    lines = (note or "").split("\n")
    return int(lines[1]) if len(lines) > 2 and lines[1].isdecimal() else -1


def _read(file: Path) -> str | None:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        return f"{error}"  # no signed note: it is told as such
