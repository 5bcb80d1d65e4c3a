"""What a restore makes of a backup that is older than what happened — RFC 5280 §5.2.3, SI-12.

The world went on after the backup was made: lists were published, codes and tokens spent. Inside
the very transaction that fills the database, so that nobody ever meets it otherwise, what may have
been published is void and outnumbered, and what works once is over. What is missing is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, inspect, select

from foundation.audit.tables import events, leaves
from foundation.rows.once import end_what_works_once
from idp import broker, login
from pki import authorities as pki_authorities
from pki import void_lists


@dataclass(frozen=True, slots=True)
class Restored:
    """`made_at`: as of when the backup is; `lists` and `ended`: what is void, by what it is;
    `sessions`: sign-ins that go on; `leaves` of the audit, of `signed` that are known of elsewhere;
    `authorities`: who may have revoked since.
    """

    rows: int
    made_at: datetime | None
    lists: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    sessions: int = 0
    leaves: int = 0
    signed: int | None = None
    authorities: int = 0

    @property
    def leaves_lost(self) -> int | None:
        """Audit leaves that were signed after the backup; None where nothing is known of them."""
        return None if self.signed is None else max(0, self.signed - self.leaves)

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "made_at": self.made_at,
            "lists_void": self.lists,
            "ended": self.ended,
            "sessions_open": self.sessions,
            "audit_leaves": self.leaves,
            "audit_leaves_lost": self.leaves_lost,
        }


def settle(
    connection: Connection,
    rows: int,
    made_at: datetime | None,
    signed: int | None,
    now: datetime,
    *,
    moved: bool,
) -> Restored:
    """Void what may have been published or spent since, unless nothing happened (`moved`)."""
    made_at = made_at or _newest_event(connection)
    here = _count(connection, leaves)
    sessions = login.open_sessions(connection, now) + broker.open_sessions(connection, now)
    if moved:
        return Restored(rows, made_at, 0, {}, sessions, here, signed)
    lists = void_lists(connection, now, made_at)
    ended = end_what_works_once(connection, now)
    authorities = _count(connection, pki_authorities)
    return Restored(rows, made_at, lists, ended, sessions, here, signed, authorities)


def sentences(restored: Restored, now: datetime, *, moved: bool) -> list[str]:
    """What an operator reads of it; what to do stands beside."""
    said = []
    if restored.made_at is not None:
        ago = _ago(now - restored.made_at)
        said.append(f"It is as of {restored.made_at.isoformat(timespec='seconds')}, {ago} ago.")
    if not moved:
        said += _void(restored)
    if restored.sessions:
        said.append(f"{restored.sessions} sessions go on, unless they are idle for too long.")
    lost = restored.leaves_lost
    if lost:
        said.append(
            f"{lost} audit events are missing: {restored.signed} were signed, {restored.leaves} "
            "are here. What they tell of is lost; `civitas audit resume` lets the log go on."
        )
    elif lost is None:
        said.append(
            "How many audit events are missing is told by `civitas audit verify`, when the person "
            "keys are there."
        )
    if restored.authorities and not moved:
        said.append(
            "Whoever was revoked since is good again: take the last published lists, and run "
            "`civitas ca revoke --from-list URL`."
        )
    return said


def _void(restored: Restored) -> list[str]:
    said = []
    if restored.lists:
        said.append(
            f"{restored.lists} revocation lists are void: the next ones are signed when somebody "
            "asks, and their numbers go on beyond all that were published."
        )
    for what, count in restored.ended.items():
        said.append(f"{count} {what} are void, for they may have been used since.")
    return said


def _newest_event(connection: Connection) -> datetime | None:
    """A backup of before its instant was written in it is no older than this."""
    if not inspect(connection).has_table(events.name):
        return None
    newest: datetime | None = connection.execute(select(func.max(events.c.at))).scalar()
    return newest


def _count(connection: Connection, table: Table) -> int:
    if not inspect(connection).has_table(table.name):
        return 0
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _ago(age: timedelta) -> str:
    minutes = max(0, age // timedelta(minutes=1))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 72 * 60 else f"{minutes // (24 * 60)} days"
