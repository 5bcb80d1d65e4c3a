"""Queries over credentials; every change of state is one conditional statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, literal, or_, select, update

from foundation.database import UnitOfWork
from idp.login import locks
from idp.login.credential import Credential, Kind
from idp.login.tables import credentials
from idp.register import Subject

_ACTIVE = credentials.c.state == "active"
# Built once: every sign-in runs them.
_PASSWORD_OF = select(credentials).where(
    credentials.c.subject_kind == bindparam("holder_kind"),
    credentials.c.subject_id == bindparam("holder"),
    credentials.c.kind == "password",
    _ACTIVE,
)
_USED = (
    update(credentials)
    .where(credentials.c.id == bindparam("credential"), _ACTIVE)
    .values(used_at=bindparam("now"))
)


def add(
    uow: UnitOfWork, credential: Credential, secret: bytes | None, lookup: bytes | None
) -> None:
    """Bind a new, active credential. A passkey that is bound already raises IntegrityError."""
    uow.execute(
        insert(credentials).values(
            id=credential.id,
            subject_kind=credential.holder.kind,
            subject_id=credential.holder.id,
            kind=credential.kind,
            state="active",
            label=credential.label,
            lookup=lookup,
            secret=secret,
            data=credential.data,
            counter=credential.counter,
            created_at=credential.created_at,
        )
    )


def of_holder(
    uow: UnitOfWork, holder: Subject, kind: Kind | None = None, locked: bool = False
) -> list[Credential]:
    """The active credentials of a holder, oldest first; ``locked`` until the write commits."""
    query = select(credentials).where(_belongs(holder), _ACTIVE)
    if locked:
        query = query.with_for_update()
    if kind is not None:
        query = query.where(credentials.c.kind == kind)
    rows = uow.all(query.order_by(credentials.c.created_at, credentials.c.id))
    locked_now = locks.of(uow, [row.id for row in rows])
    return [replace(credential_of(row), locked=row.id in locked_now) for row in rows]


def password_of(uow: UnitOfWork, holder: Subject) -> tuple[Credential, bytes] | None:
    """The active password and its sealed hash."""
    row = uow.one(_PASSWORD_OF, {"holder_kind": holder.kind, "holder": holder.id})
    return None if row is None else (credential_of(row), row.secret)


def by_lookup(uow: UnitOfWork, lookup: bytes) -> Credential | None:
    """The active passkey with that digest of its credential id."""
    row = uow.one(select(credentials).where(credentials.c.lookup == lookup, _ACTIVE))
    return None if row is None else credential_of(row)


def active(uow: UnitOfWork, credential_id: str) -> bool:
    query = select(credentials.c.id).where(credentials.c.id == credential_id, _ACTIVE)
    return uow.one(query) is not None


def count(uow: UnitOfWork, holder: Subject) -> int:
    row = uow.one(select(func.count()).select_from(credentials).where(_belongs(holder), _ACTIVE))
    return int(row[0]) if row is not None else 0


def used(uow: UnitOfWork, credential_id: str, now: datetime) -> bool:
    """Note a use; False when the credential has ended meanwhile."""
    return uow.changed(_USED, {"credential": credential_id, "now": now}) == 1


def counted(uow: UnitOfWork, credential_id: str, counter: int, now: datetime) -> bool:
    """Note a passkey's use and its counter; False when the counter did not move on.

    WebAuthn §6.1.1: a counter that does not grow tells of a clone, unless the authenticator keeps
    none (always 0). The condition is in the statement, so two racing uses cannot both pass.
    """
    stands_still = and_(credentials.c.counter == 0, literal(counter) == 0)
    moved_on = or_(credentials.c.counter < counter, stands_still)
    statement = update(credentials).where(credentials.c.id == credential_id, _ACTIVE, moved_on)
    return uow.changed(statement.values(counter=counter, used_at=now)) == 1


def spend(uow: UnitOfWork, credential_id: str, old: bytes, new: bytes, now: datetime) -> bool:
    """One code of a list is used; False when that list was used or ended meanwhile.

    ``new`` is ``old`` without the code: what was taken back is remembered, so that a list of before
    which is brought back from a backup opens nothing.
    """
    statement = update(credentials).where(
        credentials.c.id == credential_id, _ACTIVE, credentials.c.secret == old
    )
    changed = statement.values(secret=new, counter=credentials.c.counter + 1, used_at=now)
    return uow.changed(changed) == 1


def secret_of(uow: UnitOfWork, holder: Subject, kind: Kind) -> tuple[Credential, bytes] | None:
    """The active credential of a kind of which a holder has one, and what verifies it."""
    query = select(credentials).where(_belongs(holder), credentials.c.kind == kind, _ACTIVE)
    row = uow.one(query.order_by(credentials.c.created_at.desc()).limit(1))
    return None if row is None else (credential_of(row), row.secret)


def replace_secret(uow: UnitOfWork, credential_id: str, old: bytes, new: bytes) -> bool:
    """The same password under new parameters; False when it was changed meanwhile."""
    statement = update(credentials).where(
        credentials.c.id == credential_id, _ACTIVE, credentials.c.secret == old
    )
    return uow.changed(statement.values(secret=new)) == 1


def end(uow: UnitOfWork, holder: Subject, credential_id: str, now: datetime) -> bool:
    """End one credential and destroy its secret (CM-8); False when there was nothing to end."""
    return uow.changed(_ending(_belongs(holder) & (credentials.c.id == credential_id), now)) == 1


def end_passwords(uow: UnitOfWork, holder: Subject, now: datetime) -> int:
    return uow.changed(_ending(_belongs(holder) & (credentials.c.kind == "password"), now))


def end_all(uow: UnitOfWork, subject_id: str, now: datetime) -> int:
    return uow.changed(_ending(credentials.c.subject_id == subject_id, now))


def _ending(which: Any, now: datetime) -> Any:
    return (
        update(credentials)
        .where(which, _ACTIVE)
        .values(state="ended", ended_at=now, secret=None, lookup=None, data={})
    )


def _belongs(holder: Subject) -> Any:
    return and_(credentials.c.subject_id == holder.id, credentials.c.subject_kind == holder.kind)


def credential_of(row: Row[Any]) -> Credential:
    """A row as what it is."""
    return Credential(
        id=row.id,
        holder=Subject(row.subject_kind, row.subject_id),
        kind=row.kind,
        label=row.label,
        created_at=row.created_at,
        used_at=row.used_at,
        ended_at=row.ended_at,
        counter=row.counter,
        data=row.data,
    )
