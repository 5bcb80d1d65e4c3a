"""What works once, in a restored backup: void, for it may have been spent since — SP 800-63B §5.1.

A code, a token or a link that a backup knows as unspent may have been used after it was made, by
its owner or by a thief. All of them end while the backup is restored, before anybody can show one;
where rows of an earlier revision lack a column, what they have decides.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, inspect, update

from foundation.row_macs import MAC, NOW, Bound, all_bound


def end_what_works_once(connection: Connection, now: datetime) -> dict[str, int]:
    """End every open row that works once, past the guard; how many, by what they are."""
    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    ended: dict[str, int] = {}
    for bound in all_bound():
        if bound.once is None or bound.table.name not in there:
            continue
        columns = {column["name"] for column in inspector.get_columns(bound.table.name)}
        count = _end(connection, bound, columns, now)
        if count:
            ended[bound.once.what] = count
    return ended


def _end(connection: Connection, bound: Bound, columns: set[str], now: datetime) -> int:
    assert bound.once is not None  # noqa: S101 - whoever calls has looked
    table = bound.table
    unspent = {**bound.only_while, **bound.once.only_while}
    still_open = [_one_of(table.c[n], values) for n, values in unspent.items() if n in columns]
    if bound.until in columns:
        still_open.append(table.c[bound.until] > now)  # what is over is over
    if bound.once.forgotten or not bound.ended:
        return connection.execute(delete(table).where(*still_open)).rowcount
    new = {name: now if value == NOW else value for name, value in bound.ended.items()}
    said = {name: value for name, value in {**new, MAC: None}.items() if name in columns}
    return connection.execute(update(table).where(*still_open).values(said)).rowcount


def _one_of(column: Any, values: Any) -> Any:
    """A condition: NULL is a value like any other."""
    named = [value for value in values if value is not None]
    if None not in values:
        return column.in_(named)
    return column.is_(None) if not named else column.is_(None) | column.in_(named)
