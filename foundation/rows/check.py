"""Every bound row looked at once (`civitas check`), and rows of before bound at an upgrade.

The rows that a deployment has when it first gets this are trusted as they are: `db upgrade` gives
them their MAC, once for each table. That it was done is remembered beside the person keys, so
whoever empties the column later finds nobody who fills it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select, tuple_, update

from foundation.audit import SYSTEM, Audit
from foundation.compiled import execute
from foundation.database import Database
from foundation.row_macs import MAC, Bound, all_bound, all_refusing
from foundation.rows.guard import Guard
from foundation.rows.inspection import BROUGHT_BACK, GONE, Wrong
from foundation.rows.marks import Mark
from foundation.rows.statements import here, whole
from foundation.settings import SettingsError

_BATCH = 1000
Progress = Callable[[str, int], None]
"""Told a table's name and how many more of its rows were looked at."""


def bind_existing(database: Database, guard: Guard) -> int:
    """Give the rows of tables that were not bound before their MAC; how many rows."""
    done, empty = 0, []
    for bound in _not_bound_yet(guard):
        mark, before = Mark(guard.macs.of_table(bound), 1), done
        for rows in _batches(database, bound):
            macs = [
                {f"of_{name}": row[name] for name in bound.key}
                | {"made": guard.row_mac([], bound, row, None) if bound.grants(row) else None}
                for row in rows
            ]
            here = (bound.table.c[name] == bindparam(f"of_{name}") for name in bound.key)
            with database.at_leisure() as connection:
                connection.execute(
                    update(bound.table).where(*here).values({MAC: bindparam("made")}), macs
                )
            done += len(rows)
        if done > before:
            guard.marks.raise_to([mark])
        else:
            empty.append(mark)
    if empty:  # of a new deployment, all of them: one commit
        guard.marks.raise_to(empty)
    return done


def check_bound(guard: Guard) -> None:
    """Raises SettingsError while an upgrade is half done."""
    waiting = [bound.table.name for bound in _not_bound_yet(guard)]
    if waiting:
        raise SettingsError(
            f"Rows of {', '.join(waiting[:3])} are not bound to their owners yet: "
            "run `civitas db upgrade`."
        )


def wrong_rows(
    database: Database,
    guard: Guard,
    now: datetime,
    progress: Progress = lambda table, rows: None,
) -> Iterator[Wrong]:
    """Every row that is refused at use, and why."""
    guard.marks.settle()
    for bound in all_bound():
        progress(bound.table.name, 0)
        for rows in _batches(database, bound):
            for row, why in zip(rows, guard.inspection.verdicts(bound, rows), strict=True):
                again = why == BROUGHT_BACK
                told = _as_it_is_now(database, guard, bound, row) if again else why
                if told:
                    reference = guard.macs.reference(bound, row).hex()
                    yield Wrong(bound.table.name, reference, told)
            progress(bound.table.name, len(rows))
    for refusing in all_refusing():
        present = {
            guard.macs.reference(refusing, row)
            for rows in _batches(database, refusing)
            for row in rows
        }
        for gone in guard.marks.refusing(refusing.table.name, now) - present:
            yield Wrong(refusing.table.name, gone.hex(), GONE)


def end_restored(database: Database, guard: Guard, audit: Audit) -> dict[str, int]:
    """After a backup was restored: end what was taken back since it was made; how many rows, by
    table. A row that is wrong for another reason is left as it is, and refused."""
    guard.marks.settle()
    ended: dict[str, int] = {}
    for bound in all_bound():
        rows = [
            row
            for batch in _batches(database, bound)
            for row, why in zip(batch, guard.inspection.verdicts(bound, batch), strict=True)
            if why == BROUGHT_BACK
        ]
        for row in rows:
            with database.write() as uow:
                guard.end_older(uow.connection, bound, row)
        if rows:
            ended[bound.table.name] = len(rows)
    if ended:
        with database.write() as uow:
            audit.record(uow, "integrity.restored", SYSTEM, (), {"ended": ended})
    return ended


def record_alarms(audit: Audit, guard: Guard) -> int:
    """Put on record what was refused since the last time: periodic work."""
    alarms = guard.inspection.alarms()
    if alarms:
        with audit.database.write() as uow:
            for wrong in alarms:
                told = {"table": wrong.table, "row": wrong.reference, "why": wrong.why}
                audit.record(uow, "integrity.row-refused", SYSTEM, (), told)
    return len(alarms)


def _not_bound_yet(guard: Guard) -> list[Bound]:
    tables = {guard.macs.of_table(bound): bound for bound in all_bound()}
    marks = guard.marks.of(list(tables))
    return [bound for reference, bound in tables.items() if not marks[reference]]


def _as_it_is_now(database: Database, guard: Guard, bound: Bound, row: Mapping[str, Any]) -> str:
    """What is wrong with a row that somebody may have changed after it was read: its mark is raised
    after the commit."""
    with database.read() as uow:
        found = execute(uow.connection, whole(bound).where(here(bound, row))).all()
    return "".join(guard.inspection.verdicts(bound, [dict(now._mapping) for now in found]))


def _batches(database: Database, bound: Bound) -> Iterator[Sequence[Mapping[str, Any]]]:
    """All rows in the order of their key, past the guard: whoever asks looks at each himself."""
    key = [bound.table.c[name] for name in bound.key]
    last: tuple[Any, ...] | None = None
    while True:
        asked = _page(bound)
        if last is not None:
            asked = asked.where(tuple_(*key) > tuple_(*last))
        with database.read() as uow:
            rows = [dict(row._mapping) for row in execute(uow.connection, asked)]
        if rows:
            yield rows
            last = tuple(rows[-1][name] for name in bound.key)
        if len(rows) < _BATCH:
            return


@cache
def _page(bound: Bound) -> Select[Any]:
    """Built once: a start asks it of every table."""
    columns = bound.table.c
    query = select(*(columns[name] for name in bound.needed))
    return query.order_by(*(columns[name] for name in bound.key)).limit(_BATCH)
