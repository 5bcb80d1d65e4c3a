"""People whose means of signing in changed, and who are asked which services may go on.

Whoever had the old means may have let services in; only the person knows. The question stands in
their account until they answer it — NIST SP 800-63B §4.2; GDPR art. 7(3).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.oauth import grant_store
from idp.oauth.signals import events
from idp.oauth.tables import reviews


class AskAfterChange:
    """`login.HearsOfChange`: the person is asked at their next look into the account, and services
    that have a stream hear of it."""

    def means_changed(self, uow: UnitOfWork, person_id: str, now: datetime) -> None:
        dialect = uow.connection.dialect.name
        build = postgresql.insert if dialect == "postgresql" else sqlite.insert
        statement = build(reviews).values(person_id=person_id, changed_at=now)
        uow.execute(
            statement.on_conflict_do_update(
                index_elements=[reviews.c.person_id], set_={"changed_at": now}
            )
        )
        grant_store.tell_of_person(uow, person_id, events.CREDENTIAL_CHANGE, now)


def waiting(uow: UnitOfWork, person_id: str) -> datetime | None:
    """When the means changed about which the person has not been asked yet."""
    row = uow.one(select(reviews.c.changed_at).where(reviews.c.person_id == person_id))
    return None if row is None else row.changed_at


def done(uow: UnitOfWork, person_id: str) -> None:
    """The person has answered."""
    uow.execute(delete(reviews).where(reviews.c.person_id == person_id))
