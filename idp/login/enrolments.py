"""Means of signing in that wait to be confirmed by who enrols them — CM-3, CM-6.

An app counts once a code of it was typed, a code card once one of its codes was: before, neither
opens anything. A person has one of each kind under way; a new one takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select

from foundation.database import UnitOfWork
from idp.login.credential import Kind
from idp.login.tables import enrolments
from idp.register import Subject

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A means that is not one yet. ``managed``: the level that it will count for at most."""

    id: str
    subject: Subject
    kind: Kind
    secret: bytes
    managed: int
    begun_at: datetime
    expires_at: datetime


def begin(uow: UnitOfWork, enrolment: Enrolment) -> None:
    """Store it, in place of one of its kind that was under way."""
    uow.execute(delete(enrolments).where(_theirs(enrolment.subject, enrolment.kind)))
    uow.execute(
        insert(enrolments).values(
            id=enrolment.id,
            subject_kind=enrolment.subject.kind,
            subject_id=enrolment.subject.id,
            kind=enrolment.kind,
            secret=enrolment.secret,
            managed=enrolment.managed,
            begun_at=enrolment.begun_at,
            expires_at=enrolment.expires_at,
        )
    )


def find(uow: UnitOfWork, subject: Subject, kind: Kind, now: datetime) -> Enrolment | None:
    """What somebody has under way."""
    row = uow.one(select(enrolments).where(_theirs(subject, kind), enrolments.c.expires_at > now))
    return None if row is None else _enrolment(row)


def take(uow: UnitOfWork, enrolment: Enrolment) -> bool:
    """It is confirmed; False when another request did so, or began anew, meanwhile."""
    return uow.changed(delete(enrolments).where(enrolments.c.id == enrolment.id)) == 1


def end_all(uow: UnitOfWork, subject_id: str) -> None:
    """Nothing that was begun goes on: what it was begun with has ended."""
    uow.execute(delete(enrolments).where(enrolments.c.subject_id == subject_id))


def sweep(uow: UnitOfWork, now: datetime) -> int:
    """Delete some of what nobody confirmed in time; how many."""
    over = select(enrolments.c.id).where(enrolments.c.expires_at <= now).limit(_AT_ONCE)
    ids = [row.id for row in uow.all(over)]
    return uow.changed(delete(enrolments).where(enrolments.c.id.in_(ids))) if ids else 0


def _theirs(subject: Subject, kind: Kind) -> Any:
    return (
        (enrolments.c.subject_id == subject.id)
        & (enrolments.c.subject_kind == subject.kind)
        & (enrolments.c.kind == kind)
    )


def _enrolment(row: Row[Any]) -> Enrolment:
    return Enrolment(
        row.id,
        Subject(row.subject_kind, row.subject_id),
        row.kind,
        row.secret,
        row.managed,
        row.begun_at,
        row.expires_at,
    )
