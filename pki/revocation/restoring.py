"""Revocation lists in a restored backup: void, and no number comes again — RFC 5280 §5.2.3.

The backup's lists are older than what was published since, and say less: none is shown again. What
is made next has a higher number than anything that may have been published in between. That is
bounded: numbers follow the clock in microseconds, and no list is made that fast; `JUMP` is for a
clock that was wrong. Twenty octets would hold it (§5.2.3), eight do for thousands of restores.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, inspect, select

from pki.status.store import LEAST, WHOLE, microseconds
from pki.tables import revocation_lists

JUMP = 10**15
"""A generation's worth of microseconds: so far ahead a clock may have been."""
_L = revocation_lists.c


def void_lists(connection: Connection, now: datetime, made_at: datetime | None) -> int:
    """Take the backup's lists away, past the guard; how many. `made_at`: when it was made."""
    if not inspect(connection).has_table(revocation_lists.name):
        return 0
    columns = inspect(connection).get_columns(revocation_lists.name)
    if not {c.name for c in revocation_lists.c} <= {column["name"] for column in columns}:
        return connection.execute(delete(revocation_lists)).rowcount  # numbered by seconds yet
    highest: dict[str, int] = {}
    lists = 0
    rows = connection.execute(select(_L.authority_kid, _L.kind, _L.number, _L.this_update)).all()
    for row in rows:
        lists += row.kind != LEAST
        since = max(timedelta(0), now - (made_at or row.this_update))
        bound = max(row.number + since // timedelta(microseconds=1), microseconds(now))
        highest[row.authority_kid] = max(highest.get(row.authority_kid, 0), bound)
    connection.execute(delete(revocation_lists))
    for kid, number in highest.items():
        connection.execute(
            revocation_lists.insert().values(
                authority_kid=kid,
                partition=WHOLE,
                kind=LEAST,
                number=number + JUMP,
                this_update=now,
                next_update=now,
                base_at=made_at,
                der=b"",
            )
        )
    return lists
