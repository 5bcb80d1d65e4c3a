"""Who may sign in at a service that is being tested: invented residents, and its developer alone.

A test service was looked at by nobody. It meets no resident but those that an operator named as
invented ones, and the person who made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.oauth.client import Client
from idp.oauth.tables import testers

EVERY_TEST = "*"
"""In place of a client: at all test services."""
_MAY = select(testers.c.client_id).where(
    testers.c.person_id == bindparam("person"),
    testers.c.client_id.in_(bindparam("places", expanding=True)),
)


def may_sign_in(uow: UnitOfWork, client: Client, person_id: str) -> bool:
    """Everybody where it is no test; at a test, who is named."""
    if not client.test_only:
        return True
    places = {"person": person_id, "places": [client.id, EVERY_TEST]}
    return uow.one(_MAY, places) is not None


def add(uow: UnitOfWork, person_id: str, now: datetime, client_id: str = EVERY_TEST) -> None:
    """Name somebody; idempotent. Without a client: an invented resident."""
    build = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    row = build(testers).values(client_id=client_id, person_id=person_id, added_at=now)
    uow.execute(row.on_conflict_do_nothing())


def remove(uow: UnitOfWork, person_id: str, client_id: str = EVERY_TEST) -> bool:
    """False if they were not named."""
    named = (testers.c.client_id == client_id) & (testers.c.person_id == person_id)
    return uow.changed(delete(testers).where(named)) > 0


def forget_person(uow: UnitOfWork, person_id: str) -> None:
    uow.execute(delete(testers).where(testers.c.person_id == person_id))


def forget_client(uow: UnitOfWork, client_id: str) -> None:
    uow.execute(delete(testers).where(testers.c.client_id == client_id))


def invented(uow: UnitOfWork) -> Sequence[str]:
    """The residents who are named for all tests, the latest first."""
    query = select(testers.c.person_id).where(testers.c.client_id == EVERY_TEST)
    return [str(r.person_id) for r in uow.all(query.order_by(testers.c.added_at.desc()))]
