"""Import of a civil-register file: each row is one unit of work; a killed import goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row as DatabaseRow
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import CivitasError, Forbidden, Gone, NotFound, PayloadTooLarge, Problem
from foundation.ground import Ground
from foundation.marking import N_
from foundation.vault import Erased
from idp.register.enrolment import REGISTER_ROW, Enrolled
from idp.register.imports import refused_file
from idp.register.imports.csv_rows import Form
from idp.register.imports.reading import RegisterFile, read_file
from idp.register.imports.rows import Fault, ReadRow, RefusedRow, Remark, Row
from idp.register.register import Register
from idp.register.settings import RegisterSettings
from idp.register.tables import import_remarks, import_rows, imports

JOB = "register.import"
# A job does so many rows and enqueues its continuation, well within its lease.
SLICE = 500
_ROW = "refused row"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; `row` is the one that was just refused, if it was."""

    import_id: str
    total: int
    accepted: int
    refused: int
    row: RefusedRow | None = None

    @property
    def done(self) -> int:
        return self.accepted + self.refused


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

    @property
    def done(self) -> int:
        return self.accepted + self.refused


class Importer:
    """Imports files for the command line (`run`) and for the officer's desk (`submit`)."""

    def __init__(self, ground: Ground, register: Register) -> None:
        self._ground = ground
        self._database = ground.database
        self._register = register
        self._limits = ground.settings.of(RegisterSettings)
        ground.jobs.handler(JOB, self._work)

    @property
    def most_bytes(self) -> int:
        return self._limits.most_import_bytes

    def run(self, content: bytes, file_name: str, by: Actor = SYSTEM) -> Iterator[Progress]:
        """Import now; one Progress a row, first where it stands. Raises FileRefused.

        The same file again goes on where it stopped, and changes nothing when it is finished.
        """
        file = self._read(content, file_name)
        self._begin(file, content, by, None)
        yield from self._rows(file, by)
        self._finish(file.id)

    def submit(self, content: bytes, file_name: str, by: Actor) -> str:
        """Check the file, keep it sealed, and promise the import; returns its id."""
        file = self._read(content, file_name)
        self._begin(file, content, by, self._ground.keys.seal(JOB, content, file.id))
        return file.id

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
            self._ground.audit.record(
                uow, "register.refused-rows", by, (), {"import": import_id, "rows": len(rows)}
            )
        return found.file_format, refused_file.as_file(found.file_format, rows)

    def _opened(self, row: DatabaseRow[Any]) -> bytes:
        if row.sealed_row is None:
            raise Erased(row.import_id)
        context = f"{_ROW}\0{row.line}"
        return self._ground.vault.open(row.import_id, row.sealed_row, context)

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
            .where(import_rows.c.import_id == import_id, import_rows.c.accepted.is_(True))
            .order_by(import_rows.c.line)
        )
        with self._database.read() as uow:
            return [row.person_id for row in uow.all(query)]

    # ── the work ──────────────────────────────────────────────────────────────────────

    def _read(self, content: bytes, file_name: str) -> RegisterFile:
        if len(content) > self._limits.most_import_bytes:
            raise PayloadTooLarge(
                N_(
                    "The file is larger than %(most_import_bytes)s bytes.",
                    most_import_bytes=self._limits.most_import_bytes,
                ),
                where="file",
                next_step="Split it into smaller files.",
            )
        jurisdiction = self._register.jurisdiction
        today = self._ground.clock.now().astimezone(jurisdiction.zone).date()
        return read_file(
            content,
            file_name,
            today,
            self._limits.most_import_rows,
            jurisdiction.date_order,
            self._limits.import_encoding,
        )

    def _begin(self, file: RegisterFile, content: bytes, by: Actor, sealed: bytes | None) -> None:
        now = self._ground.clock.now()
        # Who has the file has the key of its refused rows; we hold it for a while.
        self._ground.vault.hold(
            file.id,
            self._ground.keys.mac(_ROW, content),
            now + timedelta(days=self._limits.refused_rows_days),
        )
        policy = self._register.proofing.current_policy(now)
        values = {
            "id": file.id,
            "file_format": file.file_format,
            "policy_version": policy.version,
            "actor_kind": by.kind,
            "actor": by.id,
            "started_at": now,
            "total": len(file.rows),
        }
        try:
            with self._database.write() as uow:
                if uow.one(select(imports.c.id).where(imports.c.id == file.id)) is None:
                    uow.execute(insert(imports).values(values))
                    _remark(uow, file.id, file.remarks)
                    details = {"import": file.id, "rows": len(file.rows)}
                    self._ground.audit.record(uow, "register.import", by, (), details)
                if sealed is not None:
                    self._promise(uow, file.id, sealed)
        except IntegrityError:
            pass  # the same file was sent twice in one moment: it is one import

    def _promise(self, uow: UnitOfWork, import_id: str, sealed: bytes) -> None:
        """Keep the file and enqueue the job, unless one has it already or all is done."""
        kept = uow.changed(
            update(imports)
            .where(
                imports.c.id == import_id,
                imports.c.finished_at.is_(None),
                imports.c.sealed_content.is_(None),
            )
            .values(sealed_content=sealed)
        )
        if kept:
            self._ground.jobs.enqueue(uow, JOB, {"import": import_id})

    def _rows(self, file: RegisterFile, by: Actor, most: int | None = None) -> Iterator[Progress]:
        with self._database.read() as uow:
            row = uow.one(select(imports).where(imports.c.id == file.id))
            if row is None:
                raise NotFound("There is no such import.", detail=file.id)
            done = set(
                uow.connection.scalars(
                    select(import_rows.c.line).where(import_rows.c.import_id == file.id)
                )
            )
            standing = self._report(uow, row)
        accepted, refused = standing.accepted, standing.refused
        yield Progress(file.id, len(file.rows), accepted, refused)
        waiting = [r for r in file.rows if r.line not in done]
        for each in waiting[:most]:
            refusal = self._one(file.id, each, by, row.policy_version, file.form)
            accepted, refused = accepted + (refusal is None), refused + (refusal is not None)
            yield Progress(file.id, len(file.rows), accepted, refused, refusal)

    def _one(
        self, import_id: str, row: Row, by: Actor, policy: str, form: Form
    ) -> RefusedRow | None:
        """One row, wholly or not at all; what came of it is recorded in the same unit of work."""
        if isinstance(row, RefusedRow):
            self._record_refused(import_id, row, form)
            return row

        def recorded(uow: UnitOfWork, enrolled: Enrolled) -> None:
            self._recorded(uow, import_id, row, enrolled)

        try:
            self._register.enrolment.enrol(
                row.profile, REGISTER_ROW, by, policy, self._ground.clock.now(), recorded
            )
        except CivitasError as error:
            refusal = _refusal(row, error)
            self._record_refused(import_id, refusal, form)
            return refusal
        return None

    def _recorded(self, uow: UnitOfWork, import_id: str, row: ReadRow, enrolled: Enrolled) -> None:
        uow.execute(
            insert(import_rows).values(
                import_id=import_id, line=row.line, accepted=True, person_id=enrolled.person.id
            )
        )
        _remark(uow, import_id, row.remarks)

    def _record_refused(self, import_id: str, row: RefusedRow, form: Form) -> None:
        try:
            kept = refused_file.to_keep(row, form)
            sealed = self._ground.vault.seal(import_id, kept, f"{_ROW}\0{row.line}")
        except Erased:
            sealed = None
        try:
            with self._database.write() as uow:
                uow.execute(
                    insert(import_rows).values(
                        import_id=import_id,
                        line=row.line,
                        accepted=False,
                        field=row.field[:64],
                        reason=row.reason[:300],
                        what_to_do=row.what_to_do[:300],
                        more=[asdict(fault) for fault in row.faults[1:]] or None,
                        sealed_row=sealed,
                    )
                )
        except IntegrityError:
            pass  # another process imports the same file, and has done this row

    def _finish(self, import_id: str) -> None:
        with self._database.write() as uow:
            uow.execute(
                update(imports)
                .where(imports.c.id == import_id, imports.c.finished_at.is_(None))
                .values(finished_at=self._ground.clock.now(), sealed_content=None)
            )

    def _work(self, payload: Mapping[str, Any]) -> None:
        """The job of `submit`: a slice of rows, then the promise of the next."""
        import_id = payload["import"]
        with self._database.read() as uow:
            row = uow.one(select(imports).where(imports.c.id == import_id))
        if row is None or row.sealed_content is None:
            return
        content = self._ground.keys.open(JOB, row.sealed_content, import_id)
        file = self._read(content, f"import.{row.file_format}")
        steps = self._rows(file, Actor(row.actor_kind, row.actor), SLICE)
        progress = deque(steps, maxlen=1).pop()
        if progress.done >= progress.total:
            self._finish(import_id)
            return
        with self._database.write() as uow:
            self._ground.jobs.enqueue(uow, JOB, {"import": import_id})

    def _report(self, uow: UnitOfWork, row: DatabaseRow[Any]) -> ImportReport:
        counts = {
            found.accepted: found.number
            for found in uow.all(
                select(import_rows.c.accepted, func.count().label("number"))
                .where(import_rows.c.import_id == row.id)
                .group_by(import_rows.c.accepted)
            )
        }
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
            accepted=counts.get(True, 0),
            refused=counts.get(False, 0),
            remarks=remarks.number if remarks else 0,
            by=Actor(row.actor_kind, row.actor),
        )


def _remark(uow: UnitOfWork, import_id: str, remarks: Sequence[Remark]) -> None:
    for told in remarks:
        uow.execute(
            insert(import_remarks).values(
                import_id=import_id,
                line=told.line,
                field=told.field,
                reason=told.reason[:300],
                what_to_do=told.what_to_do[:300],
            )
        )


def _refusal(row: ReadRow, error: CivitasError) -> RefusedRow:
    problem = error if isinstance(error, Problem) else None
    fault = Fault(
        (problem.where if problem else None) or "row",
        error.description,
        (problem.next_step if problem else None) or "Ask the operator.",
    )
    return RefusedRow(row.line, (fault,), row.written)


def _refused(row: DatabaseRow[Any]) -> RefusedRow:
    first = Fault(row.field, row.reason, row.what_to_do)
    return RefusedRow(row.line, (first, *(Fault(**more) for more in row.more or ())))
