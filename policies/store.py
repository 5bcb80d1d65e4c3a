"""Queries over consents. Everything that must happen once is one conditional statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from policies.tables import consents

# A person has at most one active consent per service and purpose; this bounds the ended ones.
MOST_GROUNDS = 100


def insert(uow: UnitOfWork, values: Mapping[str, Any]) -> bool:
    """Add a consent; False when another active one for the same stands already."""
    add = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    # RETURNING tells, on both databases, whether a row was added; a row count does not.
    added = add(consents).values(**values).on_conflict_do_nothing().returning(consents.c.id)
    return uow.one(added) is not None


def find(uow: UnitOfWork, consent_id: str, person_id: str) -> Row[Any] | None:
    """A person's own consent."""
    return uow.one(
        select(consents).where(consents.c.id == consent_id, consents.c.person_id == person_id)
    )


def of_person(uow: UnitOfWork, person_id: str) -> Sequence[Row[Any]]:
    """All answers of a person, newest first."""
    return uow.all(
        select(consents)
        .where(consents.c.person_id == person_id)
        .order_by(consents.c.given_at.desc(), consents.c.id)
    )


# Built once: every decision runs it, and building costs as much as running.
_OF_PERSON_AT = (
    select(*(c for c in consents.c if not c.name.endswith("_sealed")))
    .where(
        consents.c.person_id == bindparam("person"),
        consents.c.service == bindparam("service"),
        consents.c.state != "replaced",
    )
    .order_by(
        case((consents.c.state == "active", 0), else_=1),
        consents.c.given_at.desc(),
        consents.c.id,
    )
    .limit(MOST_GROUNDS)
)


def of_person_at(uow: UnitOfWork, person_id: str, service: str) -> Sequence[Row[Any]]:
    """A person's answers to one service, without sealed texts: active ones first, then newest."""
    return uow.all(_OF_PERSON_AT, {"person": person_id, "service": service})


def latest(
    uow: UnitOfWork, person_id: str, service: str, purpose: str, now: datetime
) -> Row[Any] | None:
    """The answer that counts now, a consent or a refusal; a new one will take its place."""
    return uow.one(
        select(consents)
        .where(
            consents.c.person_id == person_id,
            consents.c.service == service,
            consents.c.purpose == purpose,
            consents.c.state.in_(("active", "refused")),
            consents.c.not_after > now,
            # Who answered in a day that is still to come is asked again.
            consents.c.given_at <= now + AHEAD,
        )
        .order_by(consents.c.state)
        .limit(1)
    )


def replace(uow: UnitOfWork, person_id: str, service: str, purpose: str, now: datetime) -> int:
    """Let the active consent for this service and purpose make place for a newer answer."""
    return uow.changed(
        update(consents)
        .where(
            consents.c.person_id == person_id,
            consents.c.service == service,
            consents.c.purpose == purpose,
            consents.c.state.in_(("active", "refused")),
        )
        .values(state="replaced", ended_at=now)
    )


def withdraw(
    uow: UnitOfWork, consent_id: str, person_id: str, reason: bytes | None, now: datetime
) -> bool:
    """Withdraw an active consent; False when it was not active: of many, one succeeds."""
    return (
        uow.changed(
            update(consents)
            .where(
                consents.c.id == consent_id,
                consents.c.person_id == person_id,
                consents.c.state == "active",
            )
            .values(state="withdrawn", ended_at=now, reason_sealed=reason)
        )
        == 1
    )


def replaced_by(uow: UnitOfWork, person_id: str, service: str, purpose: str) -> Sequence[Row[Any]]:
    """Older consents whose place the present one took: things may still rest on them."""
    return uow.all(
        select(*(c for c in consents.c if not c.name.endswith("_sealed"))).where(
            consents.c.person_id == person_id,
            consents.c.service == service,
            consents.c.purpose == purpose,
            consents.c.state == "replaced",
        )
    )


def use_up(uow: UnitOfWork, consent_id: str) -> bool:
    """Count one use of a consent for a number of uses; False when none is left."""
    return (
        uow.changed(
            update(consents)
            .where(
                consents.c.id == consent_id,
                consents.c.state == "active",
                consents.c.uses_left > 0,
            )
            .values(uses_left=consents.c.uses_left - 1)
        )
        == 1
    )


def due(uow: UnitOfWork, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """Active consents whose time is over."""
    return uow.all(
        select(consents.c.id, consents.c.person_id, consents.c.service, consents.c.purpose)
        .where(consents.c.state == "active", consents.c.not_after <= now)
        .order_by(consents.c.not_after)
        .limit(limit)
    )


def expire(uow: UnitOfWork, consent_id: str, now: datetime) -> bool:
    """Mark one as expired; False when it ended otherwise in the meantime."""
    return (
        uow.changed(
            update(consents)
            .where(
                consents.c.id == consent_id,
                consents.c.state == "active",
                consents.c.not_after <= now,
            )
            .values(state="expired", ended_at=now)
        )
        == 1
    )
