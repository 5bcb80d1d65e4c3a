"""A database that a program without a key has altered: rows moved, raised, inserted, cut, swapped
and brought back from a backup are refused at use and named by the check, table by table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

import civitas.app  # noqa: F401 - declares the tables of every package
from foundation.row_macs import MAC, NOW, Bound, all_bound
from foundation.rows.check import end_restored, wrong_rows
from foundation.rows.inspection import BROUGHT_BACK, FORGED
from foundation.runtime import Runtime
from tests.support import rows
from tests.support.intruder import Intruder

DAY = timedelta(days=1)


@pytest.fixture
def intruder(any_runtime: Runtime) -> Iterator[Intruder]:
    made = Intruder(any_runtime.database)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def two_rows_in_every_table(any_runtime: Runtime) -> None:
    rows.fill(any_runtime.database, 2, any_runtime.clock.now())


def key_of(bound: Bound, row: dict[str, Any]) -> Any:
    return [bound.table.c[name] == row[name] for name in bound.key]


def there(runtime: Runtime, bound: Bound, row: dict[str, Any]) -> bool:
    """Whether the program finds the row, by all columns and by one alone."""
    with runtime.database.read() as uow:
        whole = uow.one(select(bound.table).where(*key_of(bound, row)))
        one = uow.one(select(bound.table.c[bound.key[0]]).where(*key_of(bound, row)))
    assert (whole is None) == (one is None)
    return whole is not None


def named(runtime: Runtime) -> set[tuple[str, str]]:
    found = wrong_rows(runtime.database, runtime.guard, runtime.clock.now())
    return {(wrong.table, wrong.why) for wrong in found}


def first(runtime: Runtime, bound: Bound) -> dict[str, Any]:
    return rows.make(bound, 0, runtime.clock.now())


def test_every_row_that_we_wrote_is_there_and_the_check_finds_nothing(any_runtime):
    for bound in all_bound():
        assert there(any_runtime, bound, first(any_runtime, bound)), bound.table.name
    assert named(any_runtime) == set()


def test_a_row_whose_owner_level_or_any_other_grant_was_changed_is_not_there(any_runtime, intruder):
    for bound in all_bound():
        row = first(any_runtime, bound)
        for column in set(bound.covered) - {*bound.key, *bound.only_while}:
            if bound.table.c[column].foreign_keys:
                other = rows.make(bound, 1, any_runtime.clock.now())[column]
            else:
                other = rows.value(bound.table.c[column], 2, any_runtime.clock.now())
            if other == row[column]:
                other = rows.value(bound.table.c[column], 1, any_runtime.clock.now())
            make_room(intruder, bound, {column: other})
            change = update(bound.table).where(*key_of(bound, row))
            assert intruder.do(change.values({column: other})) == 1
            assert not there(any_runtime, bound, row), f"{bound.table.name}.{column}"
            assert named(any_runtime) == {(bound.table.name, FORGED)}
            intruder.do(change.values({column: row[column]}))
        assert there(any_runtime, bound, row), bound.table.name


def test_a_row_under_another_ones_mac_or_without_any_is_not_there(any_runtime, intruder):
    for bound in all_bound():
        row, other = (rows.make(bound, n, any_runtime.clock.now()) for n in range(2))
        macs = {r[bound.key[0]]: r[MAC] for r in intruder.copy(bound.table)}
        for mac in (None, b"", b"\0" * 40, macs[other[bound.key[0]]]):
            intruder.do(update(bound.table).where(*key_of(bound, row)).values({MAC: mac}))
            assert not there(any_runtime, bound, row), bound.table.name
    assert named(any_runtime) == {(bound.table.name, FORGED) for bound in all_bound()}


def test_a_row_that_was_made_up_is_not_there(any_runtime, intruder):
    now = any_runtime.clock.now()
    for bound in all_bound():
        copied = {r[bound.key[0]]: r for r in intruder.copy(bound.table)}
        made = rows.make(bound, 2, now)
        for column in bound.table.c:
            if column.foreign_keys and column.name not in bound.key:
                made[column.name] = rows.make(bound, 1, now)[column.name]
        if any(bound.table.c[name].foreign_keys for name in bound.key):
            continue  # its key is the key of a row that there is
        source = copied[first(any_runtime, bound)[bound.key[0]]]
        make_room(intruder, bound, made)
        intruder.put_back(bound.table, [{**made, MAC: source[MAC]}], bound.key)
        assert not there(any_runtime, bound, made), bound.table.name
        assert (bound.table.name, FORGED) in named(any_runtime)


def test_what_was_taken_away_does_not_come_back_from_a_backup_of_a_row(any_runtime, intruder):
    """And a restored backup is made safe again in one go, after which nothing is wrong with it."""
    remembered = [bound for bound in all_bound() if bound.remembered]
    backup = {bound: intruder.copy(bound.table) for bound in remembered}
    any_runtime.clock.advance(timedelta(minutes=1))
    for bound in reversed(remembered):
        taken_away(any_runtime, bound, rows.make(bound, 0, any_runtime.clock.now() - DAY / 1440))
    any_runtime.guard.marks.settle()
    any_runtime.clock.advance(timedelta(seconds=2))
    for bound in remembered:
        intruder.put_back(bound.table, backup[bound], bound.key)
    before = any_runtime.clock.now() - timedelta(minutes=1, seconds=2)
    for bound in remembered:
        kept = rows.make(bound, 1, before)
        assert not there(any_runtime, bound, rows.make(bound, 0, before)), bound.table.name
        assert there(any_runtime, bound, kept), bound.table.name
    assert named(any_runtime) == {(bound.table.name, BROUGHT_BACK) for bound in remembered}
    ended = end_restored(any_runtime.database, any_runtime.guard, any_runtime.audit)
    assert set(ended) == {bound.table.name for bound in remembered}
    assert named(any_runtime) == set()


def make_room(intruder: Any, bound: Bound, values: dict[str, Any]) -> None:
    """Where there is one row of a person at most: away with the one that is there."""
    for index in bound.table.indexes:
        owners = [c for c in index.columns if c.foreign_keys and c.name in values]
        if index.unique and len(owners) == len(index.columns):
            intruder.do(delete(bound.table).where(*(c == values[c.name] for c in owners)))


def taken_away(runtime: Runtime, bound: Bound, row: dict[str, Any]) -> None:
    """The program itself takes back what the row grants."""
    ends = bound.ends or {n: NOW for n, values in bound.only_while.items() if values == (None,)}
    new = {n: runtime.clock.now() if v == NOW else v for n, v in ends.items()}
    known = rows.KNOWN.get((bound.table.name, "state"))
    if known is not None:
        new["state"] = known[2]
    here = key_of(bound, row)
    with runtime.database.write() as uow:
        act = update(bound.table).where(*here).values(new) if new else delete(bound.table)
        assert uow.changed(act if new else act.where(*here)) == 1, bound.table.name
