"""Import of a civil-register file: each row is one unit of work; a killed import goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row as DatabaseRow
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import (
    CivitasError,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unprocessable,
)
from foundation.marking import N_
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register import store
from idp.register.enrolment import REGISTER_ROW, Enrolled
from idp.register.identity_life import IdentityLife
from idp.register.imports import refused_file
from idp.register.imports.csv_rows import Form
from idp.register.imports.reading import RegisterFile, read_file
from idp.register.imports.reports import ROW, UPDATES, ImportReports
from idp.register.imports.rows import DIED, Fault, ReadRow, RefusedRow, Remark, Row
from idp.register.imports.updating import (
    ENROLLED,
    Foreseen,
    Updating,
)
from idp.register.register import Register
from idp.register.settings import RegisterSettings
from idp.register.tables import import_remarks, import_rows, imports

JOB = "register.import"
# A job does so many rows and enqueues its continuation, well within its lease.
SLICE = 500
MOST_FORESEEN = 2000
RESEMBLES = N_("looks like a record that is in the register already")
COMPARE = N_("Two officers compare the two at the desk; no letter leaves before.")
DEAD = N_("says that this person has died; nobody is enrolled")
UPDATE = N_("Import it as a file that changes records, if the person is in the register.")


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


class Importer(ImportReports):
    """Imports files for the command line (`run`) and for the officer's desk (`submit`)."""

    def __init__(self, runtime: Runtime, register: Register, life: IdentityLife) -> None:
        super().__init__(runtime)
        self._register = register
        self._limits = runtime.settings.of(RegisterSettings)
        self._updating = Updating(register, life)
        runtime.jobs.handler(JOB, self._work)

    @property
    def most_bytes(self) -> int:
        return self._limits.most_import_bytes

    def run(
        self, content: bytes, file_name: str, by: Actor = SYSTEM, *, updates: bool = False
    ) -> Iterator[Progress]:
        """Import now; one Progress a row, first where it stands. Raises FileRefused.

        The same file again goes on where it stopped, and changes nothing when it is finished.
        `updates`: rows about people who are in the register change their records.
        """
        file = self._read(content, file_name, updates)
        self._begin(file, content, by, None)
        yield from self._rows(file, by)
        self._finish(file.id)

    def submit(self, content: bytes, file_name: str, by: Actor) -> str:
        """Check the file, keep it sealed, and promise the import; returns its id."""
        file = self._read(content, file_name)
        self._begin(file, content, by, self._runtime.keys.seal(JOB, content, file.id))
        return file.id

    def keep(self, content: bytes, file_name: str, by: Actor) -> str:
        """Check a file that updates, and keep it sealed until `start`; returns its id."""
        file = self._read(content, file_name, True)
        self._begin(file, content, by, None)
        sealed = self._runtime.keys.seal(JOB, content, file.id)
        with self._database.write() as uow:
            self._keep(uow, file.id, sealed)
        return file.id

    def start(self, import_id: str, by: Actor) -> None:
        """Promise the import of a kept file. Raises NotFound, Forbidden."""
        with self._database.write() as uow:
            self._mine(uow, import_id, by)
            self._runtime.jobs.enqueue(uow, JOB, {"import": import_id})

    def foresee_kept(self, import_id: str, by: Actor) -> list[Foreseen | RefusedRow]:
        """What a kept file would do, its first MOST_FORESEEN rows. Raises NotFound, Forbidden."""
        with self._database.read() as uow:
            row = self._mine(uow, import_id, by)
        if row.sealed_content is None:
            return []
        content = self._runtime.keys.open(JOB, row.sealed_content, import_id)
        file = self._read(content, f"import.{row.file_format}", True)
        return list(self._foreseen(file.rows[:MOST_FORESEEN], by, True))

    def foresee(
        self, content: bytes, file_name: str, by: Actor = SYSTEM, *, updates: bool = False
    ) -> Iterator[Foreseen | RefusedRow]:
        """What `run` would do, row by row; changes and records nothing. Raises FileRefused."""
        yield from self._foreseen(self._read(content, file_name, updates).rows, by, updates)

    def _foreseen(
        self, rows: Sequence[Row], by: Actor, updates: bool
    ) -> Iterator[Foreseen | RefusedRow]:
        with self._database.read() as uow:
            for row in rows:
                if isinstance(row, RefusedRow):
                    yield row
                    continue
                try:
                    found = self._updating.foresee(uow, row, by)
                    if found is not None and not updates:
                        raise store.already_enrolled()
                    if found is None:
                        _refuse_the_dead(row)
                except CivitasError as error:
                    yield _refusal(row, error)
                    continue
                yield found or Foreseen(row.line, ENROLLED, remarks=row.remarks)

    def _mine(self, uow: UnitOfWork, import_id: str, by: Actor) -> DatabaseRow[Any]:
        row = uow.one(select(imports).where(imports.c.id == import_id))
        if row is None:
            raise NotFound("There is no such import.", detail=import_id)
        if (row.actor_kind, row.actor) != (by.kind, by.id):
            raise Forbidden(
                "Only who sent this file goes on with it.",
                next_step="Ask them, or send the file yourself.",
            )
        return row

    # ── the work ──────────────────────────────────────────────────────────────────────

    def _read(self, content: bytes, file_name: str, updates: bool = False) -> RegisterFile:
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
        today = self._runtime.clock.now().astimezone(jurisdiction.zone).date()
        file = read_file(
            content,
            file_name,
            today,
            self._limits.most_import_rows,
            jurisdiction.date_order,
            self._limits.import_encoding,
        )
        return replace(file, id=UPDATES + file.id[2:]) if updates else file

    def _begin(self, file: RegisterFile, content: bytes, by: Actor, sealed: bytes | None) -> None:
        now = self._runtime.clock.now()
        # Who has the file has the key of its refused rows; we hold it for a while.
        self._runtime.vault.hold(
            file.id,
            self._runtime.keys.mac(ROW, content),
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
                    self._runtime.audit.record(uow, "register.import", by, (), details)
                if sealed is not None:
                    self._promise(uow, file.id, sealed)
        except IntegrityError:
            pass  # the same file was sent twice in one moment: it is one import

    def _promise(self, uow: UnitOfWork, import_id: str, sealed: bytes) -> None:
        """Keep the file and enqueue the job, unless one has it already or all is done."""
        if self._keep(uow, import_id, sealed):
            self._runtime.jobs.enqueue(uow, JOB, {"import": import_id})

    def _keep(self, uow: UnitOfWork, import_id: str, sealed: bytes) -> bool:
        kept = uow.changed(
            update(imports)
            .where(
                imports.c.id == import_id,
                imports.c.finished_at.is_(None),
                imports.c.sealed_content.is_(None),
            )
            .values(sealed_content=sealed)
        )
        return kept == 1

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
            if import_id.startswith(UPDATES) and self._updated(import_id, row, by):
                return None
            _refuse_the_dead(row)
            self._register.enrolment.enrol(
                row.profile, REGISTER_ROW, by, policy, self._runtime.clock.now(), recorded
            )
        except CivitasError as error:
            refusal = _refusal(row, error)
            self._record_refused(import_id, refusal, form)
            return refusal
        return None

    def _updated(self, import_id: str, row: ReadRow, by: Actor) -> bool:
        """Whether the row is about somebody who is in the register, whose record it has changed."""
        try:
            with self._database.write() as uow:
                done = self._updating.do(uow, row, by, self._runtime.clock.now())
                if done is None:
                    return False
                uow.execute(
                    insert(import_rows).values(
                        import_id=import_id,
                        line=row.line,
                        accepted=True,
                        person_id=done.person_id,
                        outcome=done.outcome,
                    )
                )
                _remark(uow, import_id, done.remarks)
        except IntegrityError:
            pass  # another process imports the same file, and has done this row
        return True

    def _recorded(self, uow: UnitOfWork, import_id: str, row: ReadRow, enrolled: Enrolled) -> None:
        uow.execute(
            insert(import_rows).values(
                import_id=import_id, line=row.line, accepted=True, person_id=enrolled.person.id
            )
        )
        held = (Remark(row.line, "row", RESEMBLES, COMPARE),) if enrolled.resembles else ()
        _remark(uow, import_id, (*row.remarks, *held))

    def _record_refused(self, import_id: str, row: RefusedRow, form: Form) -> None:
        try:
            kept = refused_file.to_keep(row, form)
            sealed = self._runtime.vault.seal(import_id, kept, f"{ROW}\0{row.line}")
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
                .values(finished_at=self._runtime.clock.now(), sealed_content=None)
            )

    def _work(self, payload: Mapping[str, Any]) -> None:
        """The job of `submit`: a slice of rows, then the promise of the next."""
        import_id = payload["import"]
        with self._database.read() as uow:
            row = uow.one(select(imports).where(imports.c.id == import_id))
        if row is None or row.sealed_content is None:
            return
        content = self._runtime.keys.open(JOB, row.sealed_content, import_id)
        updates = import_id.startswith(UPDATES)
        file = self._read(content, f"import.{row.file_format}", updates)
        steps = self._rows(file, Actor(row.actor_kind, row.actor), SLICE)
        progress = deque(steps, maxlen=1).pop()
        if progress.done >= progress.total:
            self._finish(import_id)
            return
        with self._database.write() as uow:
            self._runtime.jobs.enqueue(uow, JOB, {"import": import_id})


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


def _refuse_the_dead(row: ReadRow) -> None:
    if row.died is not None:
        raise Unprocessable(DEAD, where=DIED, next_step=UPDATE)


def _refusal(row: ReadRow, error: CivitasError) -> RefusedRow:
    problem = error if isinstance(error, Problem) else None
    fault = Fault(
        (problem.where if problem else None) or "row",
        error.description,
        (problem.next_step if problem else None) or "Ask the operator.",
    )
    return RefusedRow(row.line, (fault,), row.written)
