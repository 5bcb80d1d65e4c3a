"""Activation letters: asked for at the desk, made for the printing house — ISO/IEC 29115 CM-5.

A code comes to exist when its letter is printed, and stands in the file for the printing house
alone: no officer sees one. Who makes the file had no hand in the people whom it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.runtime import Runtime
from idp.register import recovery, second_looks, store, two_people
from idp.register.activation import ActivationCodes, IssuedCode, require_waiting
from idp.register.life import State
from idp.register.lookup import Lookups
from idp.register.profile import Profile
from idp.register.tables import activation_codes, import_rows, letter_batches, letters, persons
from idp.register.uniqueness import uniqueness

MOST = 500
"""Letters of one file: each is a few writes of one unit of work."""


@dataclass(frozen=True, slots=True)
class Letter:
    """`state`: waiting, printed or stopped."""

    id: str
    person_id: str
    state: str
    asked_at: datetime
    printed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A file that was made, by its counts."""

    id: str
    made_by: str
    made_at: datetime
    letters: int
    file_format: str
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Printed:
    """One letter with its code in clear, for the file alone. `recovers`: it is for who was active
    before, and lost every means of signing in."""

    number: int
    profile: Profile
    issued: IssuedCode
    recovers: bool = False


class Letters:
    """Asks for letters, and makes them in batches."""

    def __init__(self, runtime: Runtime, codes: ActivationCodes) -> None:
        self._database = runtime.database
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._codes = codes
        self._lookups = Lookups(runtime)

    def ask(self, uow: UnitOfWork, person_id: str, by: Actor, now: datetime) -> Letter:
        """A letter for the next file; one that waits already is the answer.

        Raises Conflict out of state, Forbidden when one member of staff would be alone.
        """
        require_waiting(store.known_person(uow, person_id))
        if second_looks.stands_in_the_way(uow, person_id):
            raise Conflict(
                "A second look at this identity has not ended well yet.",
                where="state",
                next_step="Another officer looks at the decision first: the desk lists it.",
            )
        if uniqueness.stands_in_the_way(uow, person_id):
            raise uniqueness.Resembles
        if two_people.hands(uow, person_id) <= {by}:
            raise Forbidden(
                "Nobody but you has worked on this identity so far.",
                next_step="Ask a colleague to check the person, or to ask for the letter.",
            )
        two_people.refuse_address_writer(uow, self._audit, person_id, by)
        standing = self.newest(uow, person_id)
        if standing is not None and standing.state == "waiting":
            return standing
        letter = self.queue(uow, person_id, by, now)
        self._audit.record(uow, "register.letter-asked", by, [person_id], {})
        return letter

    def queue(self, uow: UnitOfWork, person_id: str, by: Actor, now: datetime) -> Letter:
        """A letter for the next file; the caller has seen who may have one, and records it."""
        standing = self.newest(uow, person_id)
        if standing is not None and standing.state == "waiting":
            return standing
        return _queue(uow, person_id, by, now)

    def ask_each(self, person_ids: Sequence[str], by: Actor, now: datetime) -> int:
        """As `ask`, each in a unit of work: somebody who may have none (frozen, say) keeps nobody
        else from theirs. How many."""
        asked = 0
        for person_id in person_ids:
            try:
                with self._database.write() as uow:
                    self.ask(uow, person_id, by, now)
            except (Conflict, Forbidden):
                continue
            asked += 1
        return asked

    def never_asked(self, uow: UnitOfWork, import_id: str) -> Sequence[str]:
        """Those of an import, at level 2 or higher, who wait for activation without any letter;
        in the order of the file."""
        written_to = select(activation_codes.c.person_id).union_all(select(letters.c.person_id))
        query = (
            select(persons.c.id)
            .join_from(import_rows, persons, import_rows.c.person_id == persons.c.id)
            .where(
                import_rows.c.import_id == import_id,
                import_rows.c.accepted.is_(True),
                persons.c.state == State.ESTABLISHED,
                persons.c.level >= 2,
                persons.c.id.not_in(written_to),
            )
            .order_by(import_rows.c.line)
        )
        return [row.id for row in uow.all(query)]

    def newest(self, uow: UnitOfWork, person_id: str) -> Letter | None:
        """The letter that was asked for last."""
        query = select(letters).where(letters.c.person_id == person_id)
        row = uow.one(query.order_by(letters.c.asked_at.desc(), letters.c.id).limit(1))
        return None if row is None else _letter(row)

    def waiting(self, uow: UnitOfWork, now: datetime) -> int:
        """How many wait for the next file; a way back that is not ready yet is not among them."""
        query = select(func.count().label("n")).join_from(letters, persons)
        row = uow.one(query.where(letters.c.state == "waiting", recovery.wants_code(now)))
        return 0 if row is None else int(row.n)

    def batches(self, uow: UnitOfWork) -> Sequence[Batch]:
        """The newest first."""
        query = select(letter_batches).order_by(letter_batches.c.made_at.desc()).limit(50)
        return [
            Batch(r.id, r.made_by, r.made_at, r.letters, r.file_format, r.encrypted)
            for r in uow.all(query)
        ]

    def make(
        self, file_format: str, encrypted: bool, by: Actor, now: datetime
    ) -> tuple[str, Sequence[Printed]]:
        """The next file: its id, and its letters with their codes, this once.

        Letters for people in whom `by` had a hand are left for somebody else. Raises Conflict
        when there is none to make.
        """
        with self._database.read() as uow:
            chosen = self._next(uow, by, now)
            profiles = {r.person_id: store.profile(uow, self._vault, r.person_id) for r in chosen}
        if not chosen:
            raise Conflict(
                "No letter waits that you may print.",
                next_step="Who imported or checked somebody does not print their letter.",
            )
        batch_id = opaque.identifier("bat")
        made: list[Printed] = []
        with self._database.write() as uow:
            uow.execute(
                insert(letter_batches).values(
                    id=batch_id,
                    made_by_kind=by.kind,
                    made_by=by.id,
                    made_at=now,
                    letters=0,
                    file_format=file_format,
                    encrypted=encrypted,
                )
            )
            for row in chosen:
                # Asked again under the lock: it may have been stopped or made meanwhile.
                mine = update(letters).where(letters.c.id == row.id, letters.c.state == "waiting")
                if not self._may_be_made(uow, row.person_id, now) or not uow.changed(
                    mine.values(state="printed", batch_id=batch_id, printed_at=now)
                ):
                    continue
                self._lookups.note(uow, row.person_id, "activation", by)
                person = store.known_person(uow, row.person_id)
                issued = self._codes.issue(uow, row.person_id, by, now)
                back = person.state is State.ACTIVE
                made.append(Printed(len(made) + 1, profiles[row.person_id], issued, back))
            uow.execute(
                update(letter_batches)
                .where(letter_batches.c.id == batch_id)
                .values(letters=len(made))
            )
            details = {"batch": batch_id, "letters": len(made), "encrypted": encrypted}
            self._audit.record(uow, "register.letters-made", by, (), details)
        return batch_id, made

    def again(self, batch_id: str, by: Actor, now: datetime) -> int:
        """The file was lost: its unused codes end, and their letters wait again; how many."""
        with self._database.write() as uow:
            if uow.one(select(letter_batches.c.id).where(letter_batches.c.id == batch_id)) is None:
                raise NotFound("There is no such file.", detail=batch_id)
            unused = (
                select(letters)
                .join_from(letters, persons)
                .where(
                    letters.c.batch_id == batch_id,
                    letters.c.state == "printed",
                    recovery.wants_code(now),
                )
            )
            rows = uow.all(unused)
            for row in rows:
                self._codes.end(uow, row.person_id, now)
                uow.execute(update(letters).where(letters.c.id == row.id).values(state="stopped"))
                # A new letter, not the old one again: what was printed does not wait any more.
                _queue(uow, row.person_id, _asker(row), now)
            details = {"batch": batch_id, "letters": len(rows)}
            self._audit.record(uow, "register.letters-lost", by, (), details)
        return len(rows)

    def stop(self, uow: UnitOfWork, person_id: str, by: Actor, now: datetime) -> int:
        """No letter or code of this person works any more; how many did. They read it."""
        return self._stopped(uow, person_id, by, self._codes.end(uow, person_id, now))

    def withhold(self, uow: UnitOfWork, person_id: str, by: Actor) -> int:
        """As `stop`, of a letter that was not made yet: one that left went to the old address."""
        return self._stopped(uow, person_id, by, 0)

    def _stopped(self, uow: UnitOfWork, person_id: str, by: Actor, codes: int) -> int:
        waiting = update(letters).where(
            letters.c.person_id == person_id, letters.c.state == "waiting"
        )
        stopped = codes + uow.changed(waiting.values(state="stopped"))
        if stopped:
            self._audit.record(uow, "register.letter-stopped", by, [person_id], {})
        return stopped

    def _next(self, uow: UnitOfWork, by: Actor, now: datetime) -> list[Row[Any]]:
        query = (
            select(letters)
            .join_from(letters, persons)
            .where(letters.c.state == "waiting", recovery.wants_code(now))
            .order_by(letters.c.asked_at, letters.c.id)
        )
        found: list[Row[Any]] = []
        for row in uow.all(query.limit(4 * MOST)):
            if by != _asker(row) and by not in two_people.hands(uow, row.person_id):
                found.append(row)
        return found[:MOST]

    def _may_be_made(self, uow: UnitOfWork, person_id: str, now: datetime) -> bool:
        person = store.person(uow, person_id)
        if person is None or not recovery.may_have_code(uow, person, now):
            return False
        if uniqueness.stands_in_the_way(uow, person_id):
            return False
        return not second_looks.stands_in_the_way(uow, person_id)


def _queue(uow: UnitOfWork, person_id: str, asked_by: Actor, now: datetime) -> Letter:
    """A new letter, for the next file."""
    letter = Letter(opaque.identifier("ltr"), person_id, "waiting", now, None)
    uow.execute(
        insert(letters).values(
            id=letter.id,
            person_id=person_id,
            asked_by_kind=asked_by.kind,
            asked_by=asked_by.id,
            asked_at=now,
            state=letter.state,
        )
    )
    return letter


def _asker(row: Row[Any]) -> Actor:
    return Actor(row.asked_by_kind, row.asked_by)


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.id, row.person_id, row.state, row.asked_at, row.printed_at)
