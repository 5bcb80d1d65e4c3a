"""A way back for who lost every means of signing in: what was asked for, and when it is ready.

A letter to the address in the register carries the code. It waits for the delay of the policy,
unless an officer has just seen who the person is — NIST SP 800-63B §6.1.2.3, ISO/IEC 29115 CM-9.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    func,
    select,
    text,
    update,
)

from foundation.audit import Actor
from foundation.clock import AHEAD, Instant
from foundation.database import UnitOfWork, metadata
from foundation.row_macs import NOW, Once, bound
from idp.register.life import State
from idp.register.person import Person
from idp.register.tables import history, persons, proofing_decisions

POST, DESK = "post", "desk"
HIGHEST = 4
LETTER_PROVES = 2
"""What a letter to a known address shows of who opens it: it is no proofing at level 3."""
CHECKED_FOR = timedelta(days=1)
"""How long an officer's look at who somebody is counts for a letter without a delay."""

recoveries = Table(
    "register_recoveries",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(32), ForeignKey("register_persons.id"), nullable=False),
    Column("way", String(8), nullable=False),  # post, desk
    Column("state", String(16), nullable=False),  # asked, done, stopped, ended
    Column("asked_by_kind", String(16), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    # The most that the identity is worth once this letter alone has let somebody in.
    Column("level", Integer, nullable=False),
    Column("ended_at", Instant),
    Index("ix_register_recoveries_person_id", "person_id", "state"),
    Index("ix_register_recoveries_expires_at", "state", "expires_at"),
    Index(
        "uq_register_recoveries_asked",
        "person_id",
        unique=True,
        sqlite_where=text("state = 'asked'"),
        postgresql_where=text("state = 'asked'"),
    ),
)
bound(
    recoveries,
    "person_id",
    "way",
    "due_at",
    "expires_at",
    "level",
    only_while={"state": ("asked",)},
    until="expires_at",
    ends={"state": "ended", "ended_at": NOW},
    once=Once("letters that let people back in"),
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """`way`: post (anybody asked who knows the person) or desk (an officer saw who they are).
    `due_at`: no letter is printed before. `level`: the identity has this much at most afterwards.
    """

    id: str
    person_id: str
    way: str
    asked_by: Actor
    asked_at: datetime
    due_at: datetime
    expires_at: datetime
    level: int

    def is_ready(self, now: datetime) -> bool:
        """Whether its letter may be printed, and its code used."""
        return self.due_at <= now < self.expires_at


def open_of(uow: UnitOfWork, person_id: str) -> Recovery | None:
    """What was asked for, and neither used nor stopped."""
    row = uow.one(select(recoveries).where(recoveries.c.person_id == person_id, is_open()))
    return None if row is None else of_row(row)


def may_have_code(uow: UnitOfWork, person: Person, now: datetime) -> bool:
    """Whether a letter with a code may be made for this person now: before the first activation,
    or once a way back is ready."""
    if person.state is State.ESTABLISHED:
        return True
    found = open_of(uow, person.id) if person.state is State.ACTIVE else None
    return found is not None and found.is_ready(now)


def wants_code(now: datetime) -> Any:
    """The same as a condition on `persons`, to find whom to look at."""
    ready = select(recoveries.c.id).where(
        recoveries.c.person_id == persons.c.id,
        is_open(),
        recoveries.c.due_at <= now,
        recoveries.c.expires_at > now,
    )
    back = (persons.c.state == State.ACTIVE) & ready.exists()
    return (persons.c.state == State.ESTABLISHED) | back


def check_at_desk(uow: UnitOfWork, person: Person, now: datetime) -> str | None:
    """The decision by which an officer has just seen, face to face, who this person is: at their
    level or higher, with the second officer where the policy wants one. Its id.

    What was seen before they last came in says nothing of who asks now.
    """
    decided = proofing_decisions.c
    query = (
        select(proofing_decisions)
        .where(
            decided.person_id == person.id,
            decided.result == "accepted",
            decided.in_person.is_(True),
            decided.level >= person.level,
        )
        .order_by(decided.decided_at.desc())
        .limit(20)
    )
    came_in = uow.one(
        select(func.max(history.c.at).label("at")).where(
            history.c.person_id == person.id, history.c.transition.in_(("activate", "recover"))
        )
    )
    since = came_in.at if came_in is not None and came_in.at is not None else person.enrolled_at
    for row in uow.all(query):
        seen_at = row.confirmed_at or row.decided_at
        if row.decided_at >= since and now - CHECKED_FOR < seen_at <= now + AHEAD:
            return str(row.id)
    return None


def begin_again(uow: UnitOfWork, person_id: str, delay: timedelta, now: datetime) -> None:
    """Where letters go has changed: who reads of it at the old place has the whole delay."""
    waits = recoveries.c.person_id == person_id, is_open(), recoveries.c.way == POST
    sooner = recoveries.c.due_at < now + delay
    uow.execute(update(recoveries).where(*waits, sooner).values(due_at=now + delay))


def end_with_identity(uow: UnitOfWork, person_id: str, now: datetime) -> None:
    """A suspended or archived identity has no way back but the office."""
    mine = recoveries.c.person_id == person_id
    uow.execute(update(recoveries).where(mine, is_open()).values(state="ended", ended_at=now))


def is_open() -> Any:
    return recoveries.c.state == "asked"


def of_row(row: Row[Any]) -> Recovery:
    return Recovery(
        row.id,
        row.person_id,
        row.way,
        Actor(row.asked_by_kind, row.asked_by),
        row.asked_at,
        row.due_at,
        row.expires_at,
        row.level,
    )
