"""That a person let a service in, and until when: the consent page's answer — privacy G-1, G-4.

What they chose is the consent's own record. This says that sign-in itself, and acting in their
absence, need not be asked again; without it every scope, `openid` alone too, is asked anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from idp.oauth.tables import answers

# Built once: every sign-in runs both.
_FIND = select(answers).where(
    answers.c.person_id == bindparam("person"),
    answers.c.client_id == bindparam("client"),
    answers.c.purpose == bindparam("of_purpose"),
)
_LOCK = _FIND.with_for_update()


@dataclass(frozen=True, slots=True)
class Answer:
    """`offline`: in the person's absence too. `until`: then they are asked again."""

    client_id: str
    purpose: str
    offline: bool
    since: datetime
    until: datetime


def find(
    uow: UnitOfWork,
    person_id: str,
    client_id: str,
    purpose: str,
    now: datetime,
    locked: bool = False,
) -> Answer | None:
    """The answer in force. `locked`: it stays until the caller's unit of work is done, so that a
    code and a withdrawal that cross come one after the other."""
    asked = {"person": person_id, "client": client_id, "of_purpose": purpose}
    row = uow.one(_LOCK if locked else _FIND, asked)
    return None if row is None else _in_force(row, now)


def of_person(uow: UnitOfWork, person_id: str, now: datetime) -> Sequence[Answer]:
    """Every answer in force, oldest first."""
    query = select(answers).where(answers.c.person_id == person_id)
    found = (_in_force(row, now) for row in uow.all(query.order_by(answers.c.answered_at)))
    return [answer for answer in found if answer is not None]


def remember(uow: UnitOfWork, person_id: str, answer: Answer) -> None:
    """Note that the person let the service in, so that the same is not asked again."""
    dialect = uow.connection.dialect.name
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    values = {
        "offline": answer.offline,
        "answered_at": answer.since,
        "not_after": answer.until,
    }
    statement = build(answers).values(
        person_id=person_id, client_id=answer.client_id, purpose=answer.purpose, **values
    )
    key = [answers.c.person_id, answers.c.client_id, answers.c.purpose]
    anew = {**values, "row_mac": statement.excluded.row_mac}
    uow.execute(statement.on_conflict_do_update(index_elements=key, set_=anew))


def forget(uow: UnitOfWork, person_id: str, client_id: str | None = None) -> int:
    """The person is asked anew, by this service or by every one: whatever the purpose."""
    here = answers.c.person_id == person_id
    if client_id is not None:
        here &= answers.c.client_id == client_id
    return uow.changed(delete(answers).where(here))


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget answers whose time was over before `before`."""
    return uow.changed(delete(answers).where(answers.c.not_after < before))


def _in_force(row: Row[Any], now: datetime) -> Answer | None:
    if row.not_after is None or row.not_after <= now:
        return None
    return Answer(row.client_id, row.purpose, bool(row.offline), row.answered_at, row.not_after)
