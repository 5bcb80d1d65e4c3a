"""Rows about people who are in the register: what a row changes, by the rules of corrections.

A row that names the day of a death closes the identity, and changes nothing else.

A column that the file lacks, and a value that was left out, change nothing. An empty value takes
one away in the address alone, which is one thing. What policy lets no file change stays, and that
is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Forbidden
from foundation.marking import N_
from idp.register import store
from idp.register.corrections import (
    WAITING,
    Change,
    Corrections,
    changes_between,
    refuse_state,
)
from idp.register.identity_life import IdentityLife
from idp.register.imports.rows import DIED, ReadRow, Remark
from idp.register.life import State
from idp.register.profile import FIELDS, NAMES, Profile
from idp.register.register import Register

ENROLLED, CHANGED, UNCHANGED, WAITS = "enrolled", "changed", "unchanged", "waiting"
CLOSED = "closed"
SOURCE = "civil-register"
REASON = N_("The file of the civil register says so.")
_ADDRESS = frozenset({"street_address", "postal_code", "locality", "region", "municipality_code"})


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a row would do. `now`: made at once; `later`: by a second officer."""

    line: int
    outcome: str
    person_id: str = ""
    name: str = ""
    now: tuple[Change, ...] = ()
    later: tuple[Change, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        return (*self.now, *self.later)


class Updating:
    """Looks at rows, and does what they say."""

    def __init__(self, register: Register, life: IdentityLife) -> None:
        self._register = register
        self._life = life
        self._vault = register.runtime.vault

    @property
    def _corrections(self) -> Corrections:
        return self._register.corrections

    def foresee(self, uow: UnitOfWork, row: ReadRow, by: Actor) -> Foreseen | None:
        """None: nobody in the register has this number. Raises Conflict, Forbidden."""
        person_id = store.by_civil_number(uow, self._vault, row.profile.civil_number)
        if person_id is None:
            return None
        if by.kind == "staff" and self._register.staff.own_person(uow, by.id) == person_id:
            raise Forbidden(
                "This is your own record.",
                next_step="Ask a colleague to import this row.",
            )
        person = store.known_person(uow, person_id)
        if row.died is not None:
            if person.state is State.ARCHIVED:
                return Foreseen(row.line, UNCHANGED, person_id)
            name = store.profile(uow, self._vault, person_id).name
            death = Change(DIED, "", row.died.isoformat())
            return Foreseen(row.line, CLOSED, person_id, name, (death,))
        refuse_state(person)
        before = store.profile(uow, self._vault, person_id)
        changes = changes_between(before, _merged(before, row))
        policy = self._corrections.policy
        kept_back = set(policy.not_by_file([c.field for c in changes]))
        changes = tuple(c for c in changes if c.field not in kept_back)
        later = tuple(c for c in changes if policy.needs_second([c.field]))
        remarks = (*row.remarks, *(_kept_back(row.line, name) for name in sorted(kept_back)))
        outcome = WAITS if later else CHANGED if changes else UNCHANGED
        at_once = tuple(c for c in changes if c not in later)
        return Foreseen(row.line, outcome, person_id, before.name, at_once, later, remarks)

    def do(self, uow: UnitOfWork, row: ReadRow, by: Actor, now: datetime) -> Foreseen | None:
        """As `foresee`, and do it."""
        found = self.foresee(uow, row, by)
        if found is None:
            return None
        if found.outcome == CLOSED and row.died is not None:
            self._life.died(uow, found.person_id, row.died, by, now)
            return found
        waiting = [c.changes for c in self._corrections.of(uow, found.person_id)
                   if c.state == WAITING]  # fmt: skip
        for changes in (found.now, found.later):
            if changes and changes not in waiting:
                before = store.profile(uow, self._vault, found.person_id)
                after = _with(before, row.profile, changes)
                self._corrections.make(uow, found.person_id, after, SOURCE, REASON, by, now)
        return found


def _merged(before: Profile, row: ReadRow) -> Profile:
    """The record with what the row has to say."""
    taken = [
        name
        for name in FIELDS
        if name in row.given and (getattr(row.profile, name) or name in _ADDRESS or name in NAMES)
    ]
    return replace(before, **{name: getattr(row.profile, name) for name in taken})


def _with(before: Profile, row: Profile, changes: Sequence[Change]) -> Profile:
    return replace(before, **{c.field: getattr(row, c.field) for c in changes})


def _kept_back(line: int, field: str) -> Remark:
    return Remark(
        line,
        field,
        "is another one than in the register; it was left as it is",
        "By the policy no file changes it. Correct it at the desk, or let the person do it.",
    )
