"""What is known of imports: progress, refused rows, remarks; and refused rows as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row as DatabaseRow
from sqlalchemy import func, select

from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import Forbidden, Gone, NotFound
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register.imports import refused_file
from idp.register.imports.rows import Fault, RefusedRow, Remark
from idp.register.imports.updating import CHANGED, CLOSED, ENROLLED, UNCHANGED, WAITS
from idp.register.tables import import_remarks, import_rows, imports

# An import that updates is another one than that of the same file without; the row that stands for
# it is bound by its id.
UPDATES = "u-"
ROW = "refused row"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What is known of an import, running or finished. `id`: the SHA-256 of its file."""

    id: str
    started_at: datetime
    finished_at: datetime | None
    total: int
    accepted: int
    refused: int
    remarks: int = 0
    by: Actor = SYSTEM
    changed: int = 0
    unchanged: int = 0
    waiting: int = 0
    closed: int = 0

    @property
    def updates(self) -> bool:
        """Whether it also changes the records of people who are in the register."""
        return self.id.startswith(UPDATES)

    @property
    def enrolled(self) -> int:
        return self.accepted - self.changed - self.unchanged - self.waiting - self.closed

    @property
    def done(self) -> int:
        return self.accepted + self.refused


class ImportReports:
    """Reads what imports did."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._database = runtime.database

    def report(self, import_id: str) -> ImportReport:
        """Raises NotFound."""
        with self._database.read() as uow:
            row = uow.one(select(imports).where(imports.c.id == import_id))
            if row is None:
                raise NotFound("There is no such import.", detail=import_id)
            return self._report(uow, row)

    def recent(self, limit: int = 20) -> list[ImportReport]:
        """The newest first."""
        query = select(imports).order_by(imports.c.started_at.desc(), imports.c.id).limit(limit)
        with self._database.read() as uow:
            return [self._report(uow, row) for row in uow.all(query)]

    def refused(self, import_id: str, after: int = 0, limit: int = 100) -> Sequence[RefusedRow]:
        """Refused rows in the order of the file, those beyond line `after`."""
        query = (
            select(import_rows)
            .where(
                import_rows.c.import_id == import_id,
                import_rows.c.accepted.is_(False),
                import_rows.c.line > after,
            )
            .order_by(import_rows.c.line)
            .limit(limit)
        )
        with self._database.read() as uow:
            return [_refused(row) for row in uow.all(query)]

    def refused_file(self, import_id: str, by: Actor) -> tuple[str, bytes]:
        """Format and content of a file of the refused rows, to be mended and sent again; only for
        who sent the file, and only for a while. Raises NotFound, Forbidden, Gone."""
        query = (
            select(import_rows)
            .where(import_rows.c.import_id == import_id, import_rows.c.accepted.is_(False))
            .order_by(import_rows.c.line)
        )
        with self._database.write() as uow:
            found = uow.one(select(imports).where(imports.c.id == import_id))
            if found is None:
                raise NotFound("There is no such import.", detail=import_id)
            if (found.actor_kind, found.actor) != (by.kind, by.id):
                raise Forbidden(
                    "Only who sent this file gets its refused rows.",
                    next_step="Ask them, or send the file yourself.",
                )
            try:
                rows = [(_refused(row), self._opened(row)) for row in uow.all(query)]
            except Erased:
                raise Gone(
                    "The refused rows are not kept any more.",
                    next_step="Send the whole file again: nobody is enrolled twice.",
                ) from None
            self._runtime.audit.record(
                uow, "register.refused-rows", by, (), {"import": import_id, "rows": len(rows)}
            )
        return found.file_format, refused_file.as_file(found.file_format, rows)

    def _opened(self, row: DatabaseRow[Any]) -> bytes:
        if row.sealed_row is None:
            raise Erased(row.import_id)
        context = f"{ROW}\0{row.line}"
        return self._runtime.vault.open(row.import_id, row.sealed_row, context)

    def remarks(self, import_id: str, skip: int = 0, limit: int = 100) -> Sequence[Remark]:
        """How the file was read, then what was left out, in the order of the file."""
        query = (
            select(import_remarks)
            .where(import_remarks.c.import_id == import_id)
            .order_by(import_remarks.c.line, import_remarks.c.field)
            .offset(skip)
            .limit(limit)
        )
        with self._database.read() as uow:
            return [
                Remark(row.line, row.field, row.reason, row.what_to_do) for row in uow.all(query)
            ]

    def persons(self, import_id: str) -> list[str]:
        """Ids of those whom the import enrolled, in the order of the file."""
        query = (
            select(import_rows.c.person_id)
            .where(
                import_rows.c.import_id == import_id,
                import_rows.c.accepted.is_(True),
                func.coalesce(import_rows.c.outcome, ENROLLED) == ENROLLED,
            )
            .order_by(import_rows.c.line)
        )
        with self._database.read() as uow:
            return [row.person_id for row in uow.all(query)]

    def _report(self, uow: UnitOfWork, row: DatabaseRow[Any]) -> ImportReport:
        groups = uow.all(
            select(import_rows.c.accepted, import_rows.c.outcome, func.count().label("number"))
            .where(import_rows.c.import_id == row.id)
            .group_by(import_rows.c.accepted, import_rows.c.outcome)
        )
        counts = {True: 0, False: 0}
        for group in groups:
            counts[group.accepted] += group.number
        outcomes = {group.outcome: group.number for group in groups if group.accepted}
        remarks = uow.one(
            select(func.count().label("number"))
            .select_from(import_remarks)
            .where(import_remarks.c.import_id == row.id)
        )
        return ImportReport(
            id=row.id,
            started_at=row.started_at,
            finished_at=row.finished_at,
            total=row.total,
            accepted=counts[True],
            refused=counts[False],
            changed=outcomes.get(CHANGED, 0),
            unchanged=outcomes.get(UNCHANGED, 0),
            waiting=outcomes.get(WAITS, 0),
            closed=outcomes.get(CLOSED, 0),
            remarks=remarks.number if remarks else 0,
            by=Actor(row.actor_kind, row.actor),
        )


def _refused(row: DatabaseRow[Any]) -> RefusedRow:
    first = Fault(row.field, row.reason, row.what_to_do)
    return RefusedRow(row.line, (first, *(Fault(**more) for more in row.more or ())))
