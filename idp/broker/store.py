"""Queries of the broker's tables."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from foundation import opaque
from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from idp.broker.tables import (
    broker_begun,
    broker_outcomes,
    broker_providers,
    broker_sessions,
    broker_transactions,
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A sign-in under way at one provider, in one browser; `sealed`: its secrets and its wish."""

    id: str
    provider: str
    sealed: bytes
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Before:
    """A transaction to look back at. `led_to`: what came of it, sealed, once that is known."""

    transaction: Transaction
    browser_digest: bytes
    led_to: bytes | None
    expires_at: datetime

    def was_begun_by(self, browsers: Collection[str]) -> bool:
        return any(
            hmac.compare_digest(self.browser_digest, opaque.digest(browser)) for browser in browsers
        )


@dataclass(frozen=True, slots=True)
class BrokerSession:
    """A person who is here by way of a provider. The claims open only while they are."""

    id: str
    person_id: str
    provider: str
    level: int
    amr: tuple[str, ...]
    auth_time: datetime
    sealed_claims: bytes
    created_at: datetime
    expires_at: datetime


_LONGEST_SLUG = 32


def known_slugs(uow: UnitOfWork) -> list[str]:
    """Every provider that was ever offered: their redirect URIs stay registered."""
    query = select(broker_providers.c.slug).order_by(broker_providers.c.slug)
    return [row.slug for row in uow.all(query)]


def remember_providers(uow: UnitOfWork, providers: Mapping[str, str], now: datetime) -> None:
    """Register slug → entity identifier of providers that are offered for the first time."""
    insert_ = _insert(uow)
    for slug, entity_id in sorted(providers.items()):
        uow.execute(
            insert_(broker_providers)
            .values(slug=slug, entity_id=entity_id, first_offered_at=now)
            .on_conflict_do_nothing()
        )


def begin(
    uow: UnitOfWork,
    transaction: Transaction,
    state: str,
    browser: str,
    expires_at: datetime,
) -> None:
    uow.execute(
        insert(broker_transactions).values(
            id=transaction.id,
            state_digest=opaque.digest(state),
            browser_digest=opaque.digest(browser),
            provider=transaction.provider,
            sealed=transaction.sealed,
            state="waiting",
            started_at=transaction.started_at,
            expires_at=expires_at,
        )
    )


def consume(
    uow: UnitOfWork, state: str, browser: str | Collection[str], provider: str, now: datetime
) -> Transaction | None:
    """Take the waiting transaction of this state, browser and provider: once, or None."""
    table = broker_transactions
    here = (table.c.state_digest == opaque.digest(state)) & (table.c.provider == provider)
    known = (browser,) if isinstance(browser, str) else browser
    here &= table.c.browser_digest.in_([opaque.digest(one) for one in known])
    taken = uow.changed(
        update(table)
        .where(here, table.c.state == "waiting", *_alive(table, "started_at", now))
        .values(state="answered")
    )
    if taken != 1:
        return None
    row = uow.one(select(table).where(here))
    if row is None:
        return None
    return Transaction(row.id, row.provider, row.sealed, row.started_at)


def look_up(uow: UnitOfWork, state: str, provider: str) -> Before | None:
    """The transaction of this state and provider, whatever became of it and whoever began it."""
    table = broker_transactions
    here = (table.c.state_digest == opaque.digest(state)) & (table.c.provider == provider)
    row = uow.one(select(table).where(here))
    if row is None:
        return None
    found = Transaction(row.id, row.provider, row.sealed, row.started_at)
    return Before(found, row.browser_digest, row.led_to, row.expires_at)


def led(uow: UnitOfWork, reference: str, to: bytes) -> None:
    """Keep, sealed, what came of a transaction that was answered."""
    table = broker_transactions
    uow.execute(
        update(table).where(table.c.id == reference, table.c.state == "answered").values(led_to=to)
    )


def add_session(uow: UnitOfWork, session: BrokerSession, cookie: str) -> None:
    uow.execute(
        insert(broker_sessions).values(
            id=session.id,
            cookie_digest=opaque.digest(cookie),
            person_id=session.person_id,
            provider=session.provider,
            level=session.level,
            amr=list(session.amr),
            auth_time=session.auth_time,
            sealed_claims=session.sealed_claims,
            created_at=session.created_at,
            expires_at=session.expires_at,
        )
    )


def session_of_cookie(uow: UnitOfWork, cookie: str, now: datetime) -> BrokerSession | None:
    table = broker_sessions
    digest = opaque.digest(cookie)
    here = (table.c.cookie_digest == digest, *_alive(table, "created_at", now))
    row = uow.one(select(table).where(*here))
    return None if row is None else _session(row)


def session(uow: UnitOfWork, session_id: str, now: datetime) -> BrokerSession | None:
    table = broker_sessions
    row = uow.one(select(table).where(table.c.id == session_id, *_alive(table, "created_at", now)))
    return None if row is None else _session(row)


def end_session(uow: UnitOfWork, session_id: str) -> bool:
    """Delete the session with its sealed answer."""
    return uow.changed(delete(broker_sessions).where(broker_sessions.c.id == session_id)) == 1


def end_sessions(uow: UnitOfWork, person_id: str | None, but: str | None) -> int:
    """Delete all of a person, or of everybody; sign-ins under way at a provider end with them."""
    table = broker_sessions
    which = delete(table).where(table.c.id != (but or ""))
    if person_id is not None:
        return uow.changed(which.where(table.c.person_id == person_id))
    uow.execute(delete(broker_transactions))
    return uow.changed(which)


def others_of(uow: UnitOfWork, person_id: str, now: datetime) -> int:
    """How many live sessions the person still has."""
    table = broker_sessions
    theirs = (table.c.person_id == person_id, *_alive(table, "created_at", now))
    query = select(table.c.id).where(*theirs)
    return len(uow.all(query))


def sweep(uow: UnitOfWork, now: datetime) -> int:
    """Delete what has expired; returns how many rows."""
    return uow.changed(
        delete(broker_sessions).where(broker_sessions.c.expires_at <= now)
    ) + uow.changed(delete(broker_transactions).where(broker_transactions.c.expires_at <= now))


def count(uow: UnitOfWork, provider: str, outcome: str, day: str) -> None:
    """One more sign-in that ended so: per provider and day, without identities."""
    insert_ = _insert(uow)
    uow.execute(
        insert_(broker_outcomes)
        .values(provider=provider, day=day, outcome=outcome, times=1)
        .on_conflict_do_update(
            index_elements=["provider", "day", "outcome"],
            set_={"times": broker_outcomes.c.times + 1},
        )
    )


def count_begun(uow: UnitOfWork, provider: str, day: str) -> bool:
    """One more sign-in that was begun at a provider; False for one that was never offered, since
    its name may be anything."""
    known = select(broker_providers.c.slug).where(broker_providers.c.slug == provider)
    if len(provider) > _LONGEST_SLUG or uow.one(known) is None:
        return False
    insert_ = _insert(uow)
    uow.execute(
        insert_(broker_begun)
        .values(provider=provider, day=day, times=1)
        .on_conflict_do_update(
            index_elements=["provider", "day"], set_={"times": broker_begun.c.times + 1}
        )
    )
    return True


def begun(uow: UnitOfWork) -> Sequence[tuple[str, str, int]]:
    """(provider, day, times)."""
    return [(r.provider, r.day, r.times) for r in uow.all(select(broker_begun))]


def entities_by_slug(uow: UnitOfWork) -> Mapping[str, str]:
    """Every provider that was ever offered, by its entity identifier."""
    return {r.slug: r.entity_id for r in uow.all(select(broker_providers))}


def outcomes(uow: UnitOfWork) -> Sequence[tuple[str, str, str, int]]:
    """(provider, day, outcome, times), the latest day first."""
    table = broker_outcomes
    query = select(table).order_by(table.c.day.desc(), table.c.provider, table.c.outcome)
    return [(r.provider, r.day, r.outcome, r.times) for r in uow.all(query)]


def _alive(table: Table, began: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Not over, and begun: nobody can have begun it in a day that is still to come."""
    return table.c.expires_at > now, table.c[began] <= now + AHEAD


def _insert(uow: UnitOfWork) -> Any:
    backend = uow.connection.dialect.name
    return postgresql.insert if backend == "postgresql" else sqlite.insert


def _session(row: Row[Any]) -> BrokerSession:
    return BrokerSession(
        id=row.id,
        person_id=row.person_id,
        provider=row.provider,
        level=row.level,
        amr=tuple(row.amr),
        auth_time=row.auth_time,
        sealed_claims=row.sealed_claims,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def open_sessions(connection: Connection, now: datetime) -> int:
    """How many sessions of a restored backup have not ended, past the guard."""
    table = broker_sessions
    if not inspect(connection).has_table(table.name):
        return 0
    going_on = select(func.count()).select_from(table).where(table.c.expires_at > now)
    return int(connection.execute(going_on).scalar_one())
