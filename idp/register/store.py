"""Queries over persons: read, seal, index, and the one way in which a state changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.errors import Conflict, NotFound
from foundation.vault import Vault
from idp.register.life import Guard, State, TransitionRefused, step
from idp.register.person import Person, Step
from idp.register.profile import Profile
from idp.register.tables import blind_indexes, history, persons

CIVIL_NUMBER = "civil-number"
_PROFILE = "register profile"
_PERSON = select(persons).where(persons.c.id == bindparam("person"))


class AlreadyEnrolled(Conflict):
    """The same person has an identity: a second one never comes to exist."""


class NoSuchPerson(NotFound):
    """There is no identity with this reference identifier."""


def person(uow: UnitOfWork, person_id: str) -> Person | None:
    row = uow.one(_PERSON, {"person": person_id})
    return None if row is None else _person(row)


def known_person(uow: UnitOfWork, person_id: str) -> Person:
    """As `person`; raises NoSuchPerson."""
    return _person(_known(uow, person_id))


def known_with_profile(uow: UnitOfWork, vault: Vault, person_id: str) -> tuple[Person, Profile]:
    """A person and what is known of them; raises NoSuchPerson, or Erased when the key is gone."""
    row = _known(uow, person_id)
    return _person(row), _opened(vault, row)


def by_civil_number(uow: UnitOfWork, vault: Vault, number: str) -> str | None:
    """The person whose civil number this is; `number` in its normal form."""
    row = uow.one(
        select(blind_indexes.c.person_id).where(
            blind_indexes.c.kind == CIVIL_NUMBER,
            blind_indexes.c.value == vault.index(CIVIL_NUMBER, number),
        )
    )
    return None if row is None else str(row.person_id)


def seal_profile(vault: Vault, person_id: str, profile: Profile) -> bytes:
    return vault.seal(person_id, profile.to_json(), _PROFILE)


def profile(uow: UnitOfWork, vault: Vault, person_id: str) -> Profile:
    """What is known of a person; raises NoSuchPerson, or Erased when the key is gone."""
    return _opened(vault, _known(uow, person_id))


def _known(uow: UnitOfWork, person_id: str) -> Row[Any]:
    row = uow.one(_PERSON, {"person": person_id})
    if row is None:
        raise NoSuchPerson(
            "There is no such person in the register.",
            next_step="Search again by the civil number.",
        )
    return row


def _opened(vault: Vault, row: Row[Any]) -> Profile:
    return Profile.from_json(vault.open(row.id, row.sealed_profile, _PROFILE))


def index_civil_number(uow: UnitOfWork, vault: Vault, person_id: str, number: str) -> None:
    """Bind the number to the person; raises AlreadyEnrolled when it is bound to another."""
    if by_civil_number(uow, vault, number) is not None:
        raise already_enrolled()
    try:
        uow.execute(
            insert(blind_indexes).values(
                kind=CIVIL_NUMBER, value=vault.index(CIVIL_NUMBER, number), person_id=person_id
            )
        )
    except IntegrityError:
        # Two applications in the same moment: the constraint lets one through.
        raise already_enrolled() from None


def already_enrolled() -> AlreadyEnrolled:
    return AlreadyEnrolled(
        "This person is already in the register.",
        where="civil_number",
        next_step="Search for the person by civil number, and change that record if it is wrong.",
    )


def drop_indexes(uow: UnitOfWork, person_id: str) -> None:
    uow.execute(delete(blind_indexes).where(blind_indexes.c.person_id == person_id))


def change_state(
    uow: UnitOfWork,
    audit: Audit,
    person_id: str,
    transition: str,
    seen: Set[Guard],
    actor: Actor,
    now: datetime,
    *,
    details: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> Person:
    """Take one step of the table: state, history and audit event together.

    `values` are other columns of the person that change with it. Raises TransitionRefused.
    """
    before = known_person(uow, person_id)
    target = step(before.state, transition, seen)
    changed = uow.changed(
        update(persons)
        .where(persons.c.id == person_id, persons.c.state == before.state)
        .values(state=target, changed_at=now, **(values or {}))
    )
    if changed != 1:
        raise TransitionRefused(
            "Somebody else changed the state of this identity in the same moment.",
            where="state",
            next_step="Load the page again to see its state.",
        )
    after = known_person(uow, person_id)
    write_history(uow, audit, before.state, after, transition, actor, now, details or {})
    return after


def write_history(
    uow: UnitOfWork,
    audit: Audit,
    before: State,
    after: Person,
    transition: str,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any],
) -> None:
    """Append one row, and record the audit event that it names."""
    event_id = audit.record(uow, f"register.{transition}", actor, [after.id], details)
    last = uow.one(
        select(func.max(history.c.number).label("number")).where(history.c.person_id == after.id)
    )
    uow.execute(
        insert(history).values(
            person_id=after.id,
            number=((last.number if last else None) or 0) + 1,
            transition=transition,
            from_state=before,
            to_state=after.state,
            level=after.level,
            at=now,
            actor_kind=actor.kind,
            actor=actor.id,
            event_id=event_id,
        )
    )


def steps_of(uow: UnitOfWork, person_id: str) -> Sequence[Step]:
    """The person's history, oldest first."""
    query = select(history).where(history.c.person_id == person_id).order_by(history.c.number)
    return [
        Step(
            row.number,
            row.transition,
            State(row.from_state),
            State(row.to_state),
            row.level,
            row.at,
            row.actor_kind,
            row.actor,
        )
        for row in uow.all(query)
    ]


def _person(row: Row[Any]) -> Person:
    return Person(
        row.id, State(row.state), row.level, row.in_person, row.enrolled_at, row.changed_at
    )
