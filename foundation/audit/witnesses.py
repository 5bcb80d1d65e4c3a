"""Witnesses cosign the audit's checkpoints — C2SP tlog-witness, tlog-cosignature (Ed25519).

A witness is somebody else's service. It is shown each new checkpoint with the proof that the tree
only grew, and says with a time that it has seen no other. One that is away, slow or hostile does
not stop the log: it is asked beside it, and again later.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import COSIGNATURE, InvalidCheckpoint, VerifierKey, cosigned_at
from foundation.audit.tables import checkpoints, cosignatures
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.fetch import Fetch, FetchError

log = logging.getLogger("civitas.audit")

EVERY = timedelta(seconds=5)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=10)


class NotCosigned(Exception):
    """A witness did not cosign; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness is asked, and the key by which it is known."""

    url: str
    key: VerifierKey

    @property
    def label(self) -> str:
        return f"{self.key.name}+{self.key.key_id.hex()}"


@dataclass(slots=True)
class _State:
    thread: Thread | None = None
    failures: int = 0
    again: datetime | None = None
    said: str = ""


@dataclass
class Witnesses:
    """Those whom the operator chose; safe to share between threads."""

    database: Database
    clock: Clock
    fetch: Fetch
    chosen: tuple[Witness, ...] = ()
    _states: dict[Witness, _State] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(
        cls, written: dict[str, str], database: Database, clock: Clock, fetch: Fetch
    ) -> Witnesses:
        chosen = (Witness(u, VerifierKey.parse(k, COSIGNATURE)) for u, k in written.items())
        return cls(database, clock, fetch, tuple(chosen))

    def visit(self) -> None:
        """Ask everybody who has not cosigned the newest checkpoint: periodic work, never waits."""
        now = self.clock.now()
        for witness in self.chosen:
            with self._lock:
                state = self._states.setdefault(witness, _State())
                if state.thread is not None and state.thread.is_alive():
                    continue
                # A clock that was once ahead delays for no longer than the longest wait.
                if state.again is not None and now < state.again <= now + LONGEST_WAIT:
                    continue
                state.thread = Thread(
                    target=self._ask_and_tell, args=(witness, state), name="witness", daemon=True
                )
                state.thread.start()

    def close(self) -> None:
        for state in self._states.values():
            if state.thread is not None:
                state.thread.join(timeout=10)

    def _ask_and_tell(self, witness: Witness, state: _State) -> None:
        try:
            self.ask(witness)
            state.failures, state.again, said = 0, None, ""
        except (NotCosigned, SQLAlchemyError) as error:
            wait = min(FIRST_WAIT * 2 ** min(state.failures, 10), LONGEST_WAIT)
            state.failures, state.again = state.failures + 1, self.clock.now() + wait
            said = str(error)
        if said and said != state.said:  # said once, not at every attempt
            log.warning("the witness %s: %s", witness.key.name, said)
        state.said = said

    def ask(self, witness: Witness) -> bool:
        """Have the newest checkpoint cosigned; False when it was. Raises NotCosigned."""
        with self.database.read() as uow:
            newest = uow.one(select(checkpoints).order_by(checkpoints.c.tree_size.desc()).limit(1))
            seen = self._seen(uow, witness)
        if newest is None or newest.tree_size <= seen:
            return False
        status, body = self._submit(witness, newest, seen)
        if status == 409:
            # §add-checkpoint: the witness tells how far it had come; a restored database or a
            # first visit does not know.
            seen = _told_size(body)
            if seen > newest.tree_size:
                raise NotCosigned(
                    f"it has seen {seen} leaves of this log, and there are {newest.tree_size}: its "
                    "end was cut off, or an older copy of the database was put back"
                )
            status, body = self._submit(witness, newest, seen)
        if status == 422:
            raise NotCosigned(f"the first {seen} leaves are not those that it has seen")
        if status != 200:
            raise NotCosigned(f"it answered {status}; is this log, with its key, known there?")
        line, at = _cosignature(body, str(newest.note), witness)
        row = {"tree_size": newest.tree_size, "witness": witness.label, "line": line, "at": at}
        # One an hour is kept, and the newest: one every few seconds would tell nothing more.
        hour = at.replace(minute=0, second=0, microsecond=0)
        mine = cosignatures.c.witness == witness.label
        try:
            with self.database.write() as uow:
                uow.execute(delete(cosignatures).where(mine, cosignatures.c.at >= hour))
                uow.execute(insert(cosignatures).values(row))
        except IntegrityError:
            pass  # another process was there
        return True

    def _seen(self, uow: UnitOfWork, witness: Witness) -> int:
        row = uow.one(
            select(func.max(cosignatures.c.tree_size)).where(
                cosignatures.c.witness == witness.label
            )
        )
        return 0 if row is None or row[0] is None else int(row[0])

    def _submit(self, witness: Witness, newest: Row[Any], old: int) -> tuple[int, bytes]:
        with self.database.read() as uow:
            proof = audit_tree.consistency_proof(
                old, newest.tree_size, lambda wanted: audit_log.fetch(uow, wanted)
            )
        request = submission(old, proof, str(newest.note))
        try:
            answer = self.fetch.send(
                f"{witness.url.rstrip('/')}/add-checkpoint", request, "text/plain", ()
            )
        except FetchError as error:
            raise NotCosigned(str(error)) from None
        return answer.status, answer.body

    # ── what was cosigned ─────────────────────────────────────────────────────────────

    def lines(self, uow: UnitOfWork, size: int) -> list[str]:
        """The cosignatures of the checkpoint of `size`, as lines of its note."""
        if not self.chosen:
            return []
        labels = [witness.label for witness in self.chosen]
        rows = uow.all(
            select(cosignatures.c.line)
            .where(cosignatures.c.tree_size == size, cosignatures.c.witness.in_(labels))
            .order_by(cosignatures.c.witness)
        )
        return [str(row.line) for row in rows]

    def cosigned_size(self, uow: UnitOfWork) -> int | None:
        """Leaves of the newest checkpoint that a witness cosigned."""
        labels = [witness.label for witness in self.chosen]
        row = uow.one(
            select(func.max(cosignatures.c.tree_size)).where(cosignatures.c.witness.in_(labels))
        )
        return None if row is None or row[0] is None else int(row[0])

    def verify(self) -> tuple[list[str], list[str]]:
        """Problems with what is stored of the witnesses, and how far each has come."""
        problems, notes = [], []
        with self.database.read() as uow:
            for witness in self.chosen:
                rows = uow.all(
                    select(cosignatures.c.tree_size, cosignatures.c.line, checkpoints.c.note)
                    .select_from(
                        cosignatures.outerjoin(
                            checkpoints, checkpoints.c.tree_size == cosignatures.c.tree_size
                        )
                    )
                    .where(cosignatures.c.witness == witness.label)
                    .order_by(cosignatures.c.tree_size)
                )
                name, last = witness.key.name, None
                for row in rows:
                    if row.note is None:
                        problems.append(
                            f"{name} cosigned {row.tree_size} leaves, and that checkpoint is gone."
                        )
                        continue
                    try:
                        at = cosigned_at(row.note, row.line, witness.key)
                    except InvalidCheckpoint:
                        at = None
                    if at is None:
                        problems.append(
                            f"The cosignature of {name} over {row.tree_size} leaves does not "
                            "verify."
                        )
                    else:
                        when = datetime.fromtimestamp(at, UTC).isoformat()
                        last = f"{row.tree_size} leaves at {when}"
                notes.append(f"{name} cosigned {last or 'nothing yet'}.")
        return problems, notes


def submission(old: int, proof: Iterable[bytes], note: str) -> bytes:
    """The body of add-checkpoint: an old size, the consistency proof, the checkpoint."""
    lines = [base64.b64encode(digest).decode() for digest in proof]
    return "".join(f"{line}\n" for line in (f"old {old}", *lines)).encode() + (
        b"\n" + note.encode()
    )


def _told_size(body: bytes) -> int:
    text = body[:20].strip()
    if not text.isdigit() or len(text) > 18:
        raise NotCosigned("it answered 409 without the size that it knows")
    return int(text)


def _cosignature(body: bytes, note: str, witness: Witness) -> tuple[str, datetime]:
    """Its line among those of the answer, verified; what others signed is passed over."""
    try:
        for line in body.decode("utf-8").splitlines():
            at = cosigned_at(note, line, witness.key)
            if at is not None:
                return line, datetime.fromtimestamp(at, UTC)
    except (InvalidCheckpoint, UnicodeDecodeError, ValueError, OverflowError, OSError) as error:
        raise NotCosigned(f"its answer is no cosignature ({error})") from None
    raise NotCosigned("its answer has no cosignature by its key")
