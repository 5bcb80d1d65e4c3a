"""Grants at rest: one row ends everything that was issued on it (architecture, rule 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, select, true, update

from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from idp.oauth.grant import ACTIVE, ENDED, Grant
from idp.oauth.logout import outbox
from idp.oauth.signals import events
from idp.oauth.signals import outbox as signals
from idp.oauth.tables import grants

_COLUMNS = [column for column in grants.c if column.name != "ended_at"]
_BY_ID = select(*_COLUMNS).where(grants.c.id == bindparam("grant_id"))
_ADD = insert(grants)
_USE = (
    update(grants)
    .where(
        grants.c.id == bindparam("grant_id"),
        grants.c.state == ACTIVE,
        grants.c.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
)
_MEMBERS = [field.name for field in fields(Grant)]
_values = attrgetter(*_MEMBERS)


def add(uow: UnitOfWork, grant: Grant) -> None:
    """Record a new grant."""
    row = dict(zip(_MEMBERS, _values(grant), strict=True))
    row["authorization_details"] = row["authorization_details"] or None
    uow.execute(_ADD, row)


def find(uow: UnitOfWork, grant_id: str) -> Grant | None:
    """The grant, ended or not."""
    row = uow.one(_BY_ID, {"grant_id": grant_id})
    return None if row is None else _grant(row)


def alive_of_person(uow: UnitOfWork, person_id: str, now: datetime) -> Sequence[Grant]:
    """A person's grants on which something may still be done, oldest first."""
    alive = (grants.c.state == ACTIVE) & (grants.c.expires_at > now)
    alive &= grants.c.created_at <= now + AHEAD
    query = select(*_COLUMNS).where(grants.c.person_id == person_id, alive)
    return [_grant(row) for row in uow.all(query.order_by(grants.c.created_at, grants.c.id))]


def use(uow: UnitOfWork, grant_id: str, now: datetime) -> bool:
    """Note that tokens are issued on this grant now. False if it has ended: the row decides."""
    return uow.changed(_USE, {"grant_id": grant_id, "now": now}) == 1


def end_one(uow: UnitOfWork, grant_id: str, because: str, now: datetime) -> Grant | None:
    """End one grant; the grant if it was active until now, None if it already had ended."""
    if not _end(uow, grants.c.id == grant_id, because, now):
        return None
    return find(uow, grant_id)


def end_of_consent(uow: UnitOfWork, consent_id: str, because: str, now: datetime) -> int:
    """End all grants that rest on a consent; how many were active."""
    return _end(uow, grants.c.consent_id == consent_id, because, now, tell=True)


def end_without_consent(
    uow: UnitOfWork, person_id: str, client_id: str, because: str, now: datetime
) -> int:
    """End a person's grants at a client that rest on no consent: sign-in alone, or the law."""
    here = (grants.c.person_id == person_id) & (grants.c.client_id == client_id)
    return _end(uow, here & grants.c.consent_id.is_(None), because, now, tell=True)


def end_at_client(
    uow: UnitOfWork, person_id: str, client_id: str, because: str, now: datetime
) -> int:
    """End all grants that a person gave a client."""
    here = (grants.c.person_id == person_id) & (grants.c.client_id == client_id)
    return _end(uow, here, because, now, tell=True)


def end_of_session(uow: UnitOfWork, session_id: str, because: str, now: datetime) -> int:
    """End the grants of a sign-in session, except those the person gave beyond it."""
    of_it = grants.c.session_id == session_id
    # Also those who may go on in the person's absence, or whose grant is over: their own session
    # with the person rests on this one.
    outbox.add(uow, of_it, now)
    signals.add(uow, of_it, events.SESSION_REVOKED, now)
    return _end(uow, of_it & grants.c.offline.is_(False), because, now)


def tell_of_person(uow: UnitOfWork, person_id: str, event: str, now: datetime) -> int:
    """Have the services that hold a grant of this person hear of it; how many do."""
    theirs = (grants.c.person_id == person_id) & (grants.c.state == ACTIVE)
    return signals.add(uow, theirs, event, now)


def end_of_person(uow: UnitOfWork, person_id: str, because: str, now: datetime) -> int:
    """End all grants of a person."""
    return _end(uow, grants.c.person_id == person_id, because, now, tell=True)


def end_of_client(uow: UnitOfWork, client_id: str, because: str, now: datetime) -> int:
    """End all grants of a client."""
    return _end(uow, grants.c.client_id == client_id, because, now)


def end_of_everybody(uow: UnitOfWork, because: str, now: datetime) -> int:
    """End all grants."""
    return _end(uow, true(), because, now, tell=True)


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget grants whose time is over, and long enough for every token of theirs."""
    return uow.changed(delete(grants).where(grants.c.expires_at < before))


def _end(
    uow: UnitOfWork,
    which: ColumnElement[bool],
    because: str,
    now: datetime,
    *,
    tell: bool = False,
) -> int:
    """`tell`: the services hear of it, those that registered for sign-outs. A family that ends for
    a replay, or at the service's own wish, ends no session of the person there."""
    if tell:
        outbox.add(uow, which & (grants.c.state == ACTIVE), now)
        signals.add(uow, which & (grants.c.state == ACTIVE), events.SESSION_REVOKED, now)
    statement = (
        update(grants)
        .where(which, grants.c.state == ACTIVE)
        .values(state=ENDED, ended_at=now, ended_because=because)
    )
    return uow.changed(statement)


def _grant(row: Row[Any]) -> Grant:
    values = dict(row._mapping)
    for name in ("scope", "userinfo_attributes", "id_token_attributes", "amr"):
        values[name] = _tuple(values[name])
    values["authorization_details"] = _tuple(values["authorization_details"] or ())
    return Grant(**values)


def _tuple(listed: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(listed)
