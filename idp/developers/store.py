"""Queries over the services of developers, and the sign-ins that they try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.developers.service import ASKED, REMOVED, TEST, Owned, Owner, Wish
from idp.developers.tables import services, trials


def add(uow: UnitOfWork, owned: Owned) -> None:
    row = {
        "client_id": owned.client_id,
        "owner_kind": owned.owner.kind,
        "owner_id": owned.owner.id,
        "program": owned.program,
        "url": owned.url,
        "state": owned.state,
        "created_at": owned.created_at,
    }
    uow.execute(insert(services).values(row))


def find(uow: UnitOfWork, client_id: str, *, locked: bool = False) -> Owned | None:
    query = select(services).where(services.c.client_id == client_id)
    row = uow.one(query.with_for_update() if locked else query)
    return None if row is None or row.state == REMOVED else _owned(row)


def of_owner(uow: UnitOfWork, owner: Owner) -> Sequence[Owned]:
    """Theirs, the latest first."""
    query = select(services).where(
        services.c.owner_kind == owner.kind,
        services.c.owner_id == owner.id,
        services.c.state != REMOVED,
    )
    rows = uow.all(query.order_by(services.c.created_at.desc(), services.c.client_id))
    return [_owned(row) for row in rows]


def in_test(uow: UnitOfWork, owner: Owner) -> int:
    """How many of theirs are not in production."""
    query = select(func.count().label("times")).where(
        services.c.owner_kind == owner.kind,
        services.c.owner_id == owner.id,
        services.c.state.in_((TEST, ASKED)),
    )
    found = uow.one(query)
    return 0 if found is None else int(found.times)


def everybodys(uow: UnitOfWork) -> dict[str, Owned]:
    """All of them, by client; removed ones left out."""
    rows = uow.all(select(services).where(services.c.state != REMOVED))
    return {row.client_id: _owned(row) for row in rows}


def change(uow: UnitOfWork, client_id: str, before: str, **values: Any) -> bool:
    """In one conditional UPDATE; False if it is not in that state any more."""
    mine = (services.c.client_id == client_id) & (services.c.state == before)
    return uow.changed(update(services).where(mine).values(**values)) == 1


def forget(uow: UnitOfWork, owner: Owner) -> None:
    """Whose they were."""
    theirs = (services.c.owner_kind == owner.kind) & (services.c.owner_id == owner.id)
    uow.execute(delete(services).where(theirs))


def _owned(row: Row[Any]) -> Owned:
    return Owned(
        client_id=row.client_id,
        owner=Owner(row.owner_kind, row.owner_id),
        program=row.program,
        url=row.url,
        state=row.state,
        created_at=row.created_at,
        wish=None if row.wish is None else Wish.read(row.wish),
        answer=row.answer,
        asked_at=row.asked_at,
        decided_at=row.decided_at,
    )


# ── sign-ins that are tried ──────────────────────────────────────────────────────────────


def begin_trial(uow: UnitOfWork, client_id: str, lasts: timedelta, now: datetime) -> str:
    """The secret of a new one; it is the `state` of its request, too."""
    value = opaque.secret()
    row = {"digest": opaque.digest(value), "client_id": client_id, "expires_at": now + lasts}
    uow.execute(insert(trials).values(row))
    return value


def bind_trial(uow: UnitOfWork, value: str, browser: str, now: datetime) -> str | None:
    """The client of a trial, for the browser that opens it first; None for any other."""
    row = uow.one(select(trials).where(trials.c.digest == opaque.digest(value)))
    if row is None or row.used_at is not None or row.expires_at <= now:
        return None
    mine = opaque.digest(browser)
    if row.browser_digest is not None:
        return str(row.client_id) if bytes(row.browser_digest) == mine else None
    free = (trials.c.digest == row.digest) & trials.c.browser_digest.is_(None)
    if uow.changed(update(trials).where(free).values(browser_digest=mine)) != 1:
        return None
    return str(row.client_id)


def end_trial(uow: UnitOfWork, value: str, browsers: Sequence[str], now: datetime) -> str | None:
    """Use it up, in its own browser: its client; None for any other."""
    row = uow.one(select(trials).where(trials.c.digest == opaque.digest(value)))
    known = [opaque.digest(browser) for browser in browsers]
    if row is None or row.browser_digest is None or bytes(row.browser_digest) not in known:
        return None
    if row.expires_at <= now:
        return None
    unused = (trials.c.digest == row.digest) & trials.c.used_at.is_(None)
    if uow.changed(update(trials).where(unused).values(used_at=now)) != 1:
        return None
    return str(row.client_id)


def sweep_trials(uow: UnitOfWork, before: datetime) -> int:
    return uow.changed(delete(trials).where(trials.c.expires_at < before))
