"""A plausible row for any table, for tests that hold for every table there is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Integer, LargeBinary, Table, insert

from foundation.audit.compact import OpenPart
from foundation.clock import Instant
from foundation.database import Database, Json, metadata
from foundation.row_macs import Bound, all_bound

# Where a constraint of the database knows the values.
KNOWN = {
    ("federation_entities", "state"): ("accredited", "applied", "withdrawn"),
    ("federation_marks", "state"): ("active", "suspended", "suspended"),
}


def value(column: Column[Any], nth: int, now: datetime) -> Any:
    """The value of a column in the nth row; others in every row."""
    known = KNOWN.get((column.table.name, column.name))
    if known is not None:
        return known[nth]
    if isinstance(column.type, Json):
        return [f"{column.name} {nth}"]
    if isinstance(column.type, Instant):
        return now + timedelta(days=nth + 1)
    if isinstance(column.type, Boolean):
        return bool(nth % 2)
    if isinstance(column.type, LargeBinary | OpenPart):
        return bytes([nth]) * 32
    if isinstance(column.type, Integer):
        return nth + 1
    text = f"{nth} of {column.name}"
    return text[: getattr(column.type, "length", None) or len(text)]


def make(bound: Bound, nth: int, now: datetime) -> dict[str, Any]:
    """A row that grants all that its table can grant."""
    row = {c.name: value(c, nth, now) for c in bound.table.c if c.name != "row_mac"}
    row |= {name: next(iter(values)) for name, values in bound.only_while.items()}
    for name in ("revoked_at", "distrusted_at"):
        if name in row:
            row[name] = None
    for column in bound.table.c:
        for foreign in column.foreign_keys:
            row[column.name] = value(foreign.column, nth, now)
    return row


def fill(database: Database, rows: int, now: datetime) -> None:
    """So many rows in every bound table, and in those that they refer to."""
    bound = {b.table.name: b for b in all_bound()}
    for table in metadata.sorted_tables:
        named = bound.get(table.name)
        if named is None and not _referred_to(table):
            continue
        with database.write() as uow:
            for nth in range(rows):
                if named is not None:
                    uow.execute(insert(table).values(**make(named, nth, now)))
                else:
                    # A number that the database gives is not said: it would be given again.
                    said = [c for c in table.c if c is not table.autoincrement_column]
                    plain = {c.name: value(c, nth, now) for c in said}
                    for column in said:
                        for foreign in column.foreign_keys:
                            plain[column.name] = value(foreign.column, nth, now)
                    uow.execute(insert(table).values(**plain))


def _referred_to(table: Table) -> bool:
    return any(
        foreign.column.table is table
        for other in metadata.sorted_tables
        for foreign in other.foreign_keys
    )


__all__ = ["fill", "make", "value"]
