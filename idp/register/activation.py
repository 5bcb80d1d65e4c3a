"""One-time activation codes, on paper for now — ISO/IEC 29115 CM-3, CM-5, CM-6."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Gone
from foundation.marking import N_, Sentence
from foundation.runtime import Runtime
from idp.register import recovery, store
from idp.register.life import State
from idp.register.person import Person
from idp.register.settings import RegisterSettings
from idp.register.tables import activation_codes

# 20 characters of 4.46 bits: 89 bits, out of reach of guessing even without a throttle.
_GROUPS, _SIZE = 5, 4
CODE_LENGTH = _GROUPS * _SIZE


class CodeRefused(Gone):
    """Unknown, used, replaced or expired: the outside learns no more than that."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "This activation code no longer works.",
            where="code",
            next_step="Compare it with your letter. If it is older than the day on the letter, "
            "ask the registration office for a new one.",
            detail=detail,
        )


def characters_of_code(typed: str) -> int:
    """How many letters and digits were typed; a code of ours has `CODE_LENGTH`, which is public."""
    return sum(char.isalnum() for char in typed)


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A new code in clear, for the letter alone."""

    code: str
    person_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenActivation:
    """A code that would work now, not yet used. `recovers`: it lets somebody back in who was active
    before, and lost every means."""

    person_id: str
    expires_at: datetime
    recovers: bool = False


class ActivationCodes:
    """Issues codes for who waits for activation, or for a way back; redeems each once."""

    def __init__(self, runtime: Runtime) -> None:
        self._keys = runtime.keys
        self._audit = runtime.audit
        self._lifetime = timedelta(days=runtime.settings.of(RegisterSettings).activation_code_days)

    def issue(self, uow: UnitOfWork, person_id: str, officer: Actor, now: datetime) -> IssuedCode:
        """A code for a letter; it replaces those that were issued before. Raises Conflict."""
        person = store.known_person(uow, person_id)
        way_back = recovery.open_of(uow, person_id)
        if not recovery.may_have_code(uow, person, now):
            require_waiting(person)
        self.end(uow, person_id, now)
        ends = now + self._lifetime
        if way_back is not None:
            ends = min(ends, way_back.expires_at)
        issued = IssuedCode(opaque.code(_GROUPS, _SIZE), person_id, ends)
        uow.execute(
            insert(activation_codes).values(
                digest=self._digest(issued.code),
                person_id=person_id,
                issued_at=now,
                expires_at=issued.expires_at,
            )
        )
        self._audit.record(
            uow,
            "register.letter",
            officer,
            [person_id],
            {"expires_at": issued.expires_at},
        )
        return issued

    def peek(self, uow: UnitOfWork, code: str, now: datetime) -> OpenActivation:
        """Whom a code would activate, without using it up; raises CodeRefused."""
        row = uow.one(
            select(activation_codes).where(activation_codes.c.digest == self._digest(code))
        )
        if row is None:
            raise CodeRefused("unknown")
        person = store.person(uow, row.person_id)
        over = row.ended_at is not None or row.expires_at <= now
        if over or person is None or not recovery.may_have_code(uow, person, now):
            raise CodeRefused("ended, expired or out of state")
        return OpenActivation(row.person_id, row.expires_at, person.state is State.ACTIVE)

    def redeem(self, uow: UnitOfWork, code: str, now: datetime) -> str:
        """Use the code up, inside the caller's unit of work; returns the person's id.

        One conditional update decides, so of many at once one goes on. Raises CodeRefused.
        """
        digest = self._digest(code)
        used = uow.changed(
            update(activation_codes)
            .where(
                activation_codes.c.digest == digest,
                activation_codes.c.ended_at.is_(None),
                activation_codes.c.expires_at > now,
            )
            .values(ended_at=now)
        )
        row = uow.one(
            select(activation_codes.c.person_id).where(activation_codes.c.digest == digest)
        )
        if used != 1 or row is None:
            raise CodeRefused("unknown, used, replaced or expired")
        return str(row.person_id)

    def end(self, uow: UnitOfWork, person_id: str, now: datetime) -> int:
        """End the codes of a person that could still be used; how many."""
        open_ = activation_codes.c.ended_at.is_(None) & (activation_codes.c.expires_at > now)
        return uow.changed(
            update(activation_codes)
            .where(activation_codes.c.person_id == person_id, open_)
            .values(ended_at=now)
        )

    def _digest(self, code: str) -> bytes:
        # Keyed: who reads the table cannot try codes against it.
        return self._keys.mac("activation-code", opaque.normalise_code(code).encode())


def require_waiting(person: Person) -> None:
    """Raises Conflict for an identity that does not wait for activation."""
    if person.state is not State.ESTABLISHED:
        raise Conflict(
            N_(
                "This identity is %(state)s; a letter is for one that waits for activation.",
                state=Sentence(person.state, {}),
            ),
            where="state",
            next_step="Look at the state of this identity, and choose a step that it offers.",
        )
