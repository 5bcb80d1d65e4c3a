"""Queries over online applications: rows as values, parts sealed and opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from foundation.vault import Vault
from idp.register.applications.application import AT_OFFICE, DRAFT, Application
from idp.register.applications.tables import contact_codes, online_applications, online_parts
from idp.register.tables import notices

_COLUMNS = tuple(online_applications.c[name] for name in Application.__dataclass_fields__)
_SEALED = "online application"
_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
MOST_LISTED = 200


def by_id(uow: UnitOfWork, application_id: str) -> Application | None:
    return _one(uow, online_applications.c.id == application_id)


def known(uow: UnitOfWork, application_id: str) -> Application:
    """As `by_id`, of one that is there; raises LookupError."""
    found = by_id(uow, application_id)
    if found is None:
        raise LookupError(application_id)
    return found


def by_number(uow: UnitOfWork, number: str) -> Application | None:
    return _one(uow, online_applications.c.number == number)


def by_resume(uow: UnitOfWork, digest: bytes) -> Application | None:
    return _one(uow, online_applications.c.resume == digest)


def of_person(uow: UnitOfWork, person_id: str) -> Application | None:
    return _one(uow, online_applications.c.person_id == person_id)


def at_office(uow: UnitOfWork) -> Sequence[Application]:
    """What was sent and is not decided: urgent first, then by deadline."""
    query = (
        select(*_COLUMNS)
        .where(online_applications.c.state.in_(AT_OFFICE))
        .order_by(
            online_applications.c.urgent.desc(),
            online_applications.c.due_at,
            online_applications.c.id,
        )
        .limit(MOST_LISTED)
    )
    return [_application(row) for row in uow.all(query)]


def drafts(uow: UnitOfWork) -> int:
    """How many there are."""
    counted = uow.one(
        select(func.count().label("number"))
        .select_from(online_applications)
        .where(online_applications.c.state == DRAFT)
    )
    return int(counted.number) if counted is not None else 0


def over(uow: UnitOfWork, now: datetime, most: int) -> Sequence[str]:
    """Ids of those whose time is over."""
    query = (
        select(online_applications.c.id).where(online_applications.c.expires_at <= now).limit(most)
    )
    return [row.id for row in uow.all(query)]


def change(
    uow: UnitOfWork,
    found: Application,
    values: Mapping[str, Any],
    now: datetime,
    *conditions: Any,
) -> bool:
    """One conditional UPDATE: it happens while the application is in the state in which it was
    read, and its time is not over. Whether it did."""
    table = online_applications.c
    which = (table.id == found.id) & (table.state == found.state) & (table.expires_at > now)
    statement = update(online_applications).where(which, *conditions).values(**values)
    return uow.changed(statement) == 1


# ── parts ─────────────────────────────────────────────────────────────────────────────


def parts(uow: UnitOfWork, vault: Vault, application_id: str) -> dict[str, dict[str, str]]:
    """All that was written, by step; raises Erased."""
    query = select(online_parts).where(online_parts.c.application_id == application_id)
    return {row.step: _opened(vault, row) for row in uow.all(query)}


def versions(uow: UnitOfWork, application_id: str) -> dict[str, int]:
    query = select(online_parts.c.step, online_parts.c.version).where(
        online_parts.c.application_id == application_id
    )
    return {row.step: row.version for row in uow.all(query)}


def save(
    uow: UnitOfWork,
    vault: Vault,
    application_id: str,
    step: str,
    values: Mapping[str, str],
    seen: int,
) -> bool:
    """Put a part in the place of the version that was seen (0: none). False when another device or
    tab has saved something else meanwhile; the same again is no change."""
    sealed = vault.seal(application_id, json.dumps(dict(values)).encode(), _context(step))
    row = {"application_id": application_id, "step": step}
    here = (online_parts.c.application_id == application_id) & (online_parts.c.step == step)
    found = uow.one(select(online_parts).where(here))
    if found is not None and _opened(vault, found) == dict(values):
        return True
    if found is None:
        # Two tabs in the same moment: the key lets one through, and the transaction goes on.
        made = _INSERT[uow.connection.dialect.name](online_parts).on_conflict_do_nothing()
        return seen == 0 and uow.changed(made.values(**row, version=1, sealed=sealed)) == 1
    changed = update(online_parts).where(here, online_parts.c.version == seen)
    return uow.changed(changed.values(version=seen + 1, sealed=sealed)) == 1


def forget(uow: UnitOfWork, application_id: str) -> int:
    """Delete an application and all that belongs to it; the caller has erased its key."""
    uow.execute(delete(contact_codes).where(contact_codes.c.application_id == application_id))
    uow.execute(delete(online_parts).where(online_parts.c.application_id == application_id))
    uow.execute(delete(notices).where(notices.c.subject_id == application_id))
    gone = delete(online_applications).where(online_applications.c.id == application_id)
    return uow.changed(gone)


def _one(uow: UnitOfWork, which: Any) -> Application | None:
    row = uow.one(select(*_COLUMNS).where(which))
    return None if row is None else _application(row)


def _application(row: Row[Any]) -> Application:
    return Application(**row._mapping)


def _opened(vault: Vault, row: Row[Any]) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        vault.open(row.application_id, row.sealed, _context(row.step))
    )
    return found


def _context(step: str) -> str:
    return f"{_SEALED}\0{step}"
