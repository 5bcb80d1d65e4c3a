"""The driver's execution of Core's text gives what SQLAlchemy's own gives, on either database."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, StatementError

from foundation.clock import Instant
from foundation.compiled import execute
from foundation.database import Database, Json, UnitOfWork
from tests.support.statements import listening

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
METADATA = MetaData()
lamps = Table(
    "test_compiled_lamps",
    METADATA,
    Column("id", String(8), primary_key=True),
    Column("watts", Integer),
    Column("bright", Float),
    Column("lit", Boolean, nullable=False, default=False),
    Column("seal", LargeBinary),
    Column("since", Instant),
    Column("more", Json),
)
streets = Table(
    "test_compiled_streets",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("name", String(20), unique=True),
    Column("lamp", String(8)),
)
LAMPS = [
    {"id": "a", "watts": 40, "bright": 0.5, "lit": True, "seal": b"\0\xff", "since": NOW,
     "more": {"é": [1, None]}},
    {"id": "b", "watts": 60, "bright": None, "lit": False, "seal": None, "since": None,
     "more": None},
    {"id": "100%", "watts": 0, "bright": 1.0, "lit": True, "seal": b"", "more": [],
     "since": NOW + timedelta(microseconds=1)},
]  # fmt: skip


@pytest.fixture
def database(any_database: Database) -> Iterator[Database]:
    METADATA.create_all(any_database.engine)
    with any_database.write() as uow:
        uow.execute(insert(lamps), LAMPS)
        for name, lamp in (("Lai", "a"), ("Pikk", "b"), ("Pikk % 2", None)):
            uow.execute(insert(streets).values(name=name, lamp=lamp))
    yield any_database
    METADATA.drop_all(any_database.engine)


EVERY = select(lamps).order_by(lamps.c.id)
BY_ID = select(lamps).where(lamps.c.id == bindparam("which"))
LONGER = EVERY.where(lamps.c.watts > 10)
QUESTIONS: dict[str, Callable[[], Any]] = {
    "every type there and back": lambda: EVERY,
    "nothing found": lambda: EVERY.where(lamps.c.id == "nobody"),
    "a value in the text": lambda: EVERY.where(lamps.c.id == "100%"),
    "an instant": lambda: EVERY.where(lamps.c.since > NOW),
    "bytes": lambda: EVERY.where(lamps.c.seal == b"\0\xff"),
    "NULL": lambda: EVERY.where(lamps.c.since.is_(None)),
    "a list": lambda: EVERY.where(lamps.c.id.in_(["a", "100%", "c"])),
    "a list of one": lambda: EVERY.where(lamps.c.id.in_(["b"])),
    "a list of none": lambda: EVERY.where(lamps.c.id.in_([])),
    "two lists": lambda: EVERY.where(
        lamps.c.id.in_(["a", "b"]), lamps.c.since.in_([NOW, NOW + timedelta(days=1)])
    ),
    "not in a list": lambda: EVERY.where(lamps.c.id.not_in(["a"])),
    "one value in two places": lambda: EVERY.where(
        or_(lamps.c.id == bindparam("x", "a"), lamps.c.id > bindparam("x", "a"))
    ),
    "a limit": lambda: EVERY.limit(1).offset(1),
    "a count": lambda: select(func.count().label("n")).select_from(lamps),
    "a name for both": lambda: (
        select(lamps.c.id, streets.c.name.label("id_"), streets)
        .join_from(lamps, streets, streets.c.lamp == lamps.c.id)
        .order_by(streets.c.number)
    ),
    "an outer join": lambda: (
        select(streets.c.name, lamps.c.more, lamps.c.since)
        .outerjoin_from(streets, lamps, streets.c.lamp == lamps.c.id)
        .order_by(streets.c.number)
    ),
    "a part of it": lambda: (
        select(streets.c.name)
        .where(select(lamps.c.id).where(lamps.c.id == streets.c.lamp, lamps.c.lit).exists())
        .order_by(streets.c.name)
    ),
    "two questions": lambda: union_all(
        select(lamps.c.id).where(lamps.c.id == "a"), select(streets.c.name)
    ).order_by("id"),
    "a case": lambda: select(
        lamps.c.id, case((lamps.c.watts > 50, "much"), else_="little").label("said")
    ).order_by(lamps.c.id),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_as_by_sqlalchemy_and_by_the_driver(
    database: Database, question: str
) -> None:
    build = QUESTIONS[question]
    with database.read() as uow:
        expected = uow.connection.execute(build()).all()
        with listening(to_sqlalchemy=True) as slow:
            for _ in range(3):
                found = uow.all(build())
                assert [tuple(row) for row in found] == [tuple(row) for row in expected]
                assert [row._asdict() for row in found] == [row._asdict() for row in expected]
                first = uow.one(build())
                assert first == (expected[0] if expected else None)
        assert slow == []


def test_each_execution_has_its_own_values(database: Database) -> None:
    with database.read() as uow:
        for _ in range(3):
            for lamp in LAMPS:
                row = uow.one(BY_ID, {"which": lamp["id"]})
                assert row is not None
                assert row.watts == lamp["watts"]
                alike = select(lamps.c.watts).where(lamps.c.id == lamp["id"])
                assert execute(uow.connection, alike).scalar_one() == lamp["watts"]
        assert [row.id for row in uow.all(EVERY)] == ["100%", "a", "b"]
        assert [row.id for row in uow.all(LONGER)] == ["a", "b"]
        assert [row.id for row in uow.all(LONGER.where(lamps.c.lit))] == ["a"]
        with pytest.raises(StatementError, match="which"):
            uow.one(BY_ID)


def changes(dialect: str) -> dict[str, Callable[[UnitOfWork], int]]:
    """What is done → how many rows that changes."""
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    new = build(lamps)
    upsert = new.on_conflict_do_update(
        index_elements=["id"], set_={"watts": new.excluded.watts + lamps.c.watts}
    )
    return {
        "one inserted by its values": lambda uow: uow.changed(
            insert(lamps).values(id="c", watts=1, lit=True, more=[1], since=NOW, seal=b"x")
        ),
        "one inserted by parameters": lambda uow: uow.changed(
            insert(lamps), {"id": "c", "watts": 1, "lit": False, "more": {"a": 1}}
        ),
        "several inserted": lambda uow: uow.changed(
            insert(lamps), [{"id": f"{n}", "watts": n, "lit": True, "since": NOW} for n in range(5)]
        ),
        "a number by the database": lambda uow: uow.changed(insert(streets).values(name="Uus")),
        "updated by a value": lambda uow: uow.changed(
            update(lamps).where(lamps.c.watts > 10).values(watts=5, since=NOW, more=["é"])
        ),
        "updated by an expression": lambda uow: uow.changed(
            update(lamps).values(watts=lamps.c.watts + 1, seal=null())
        ),
        "updated by parameters": lambda uow: uow.changed(
            update(lamps).where(lamps.c.id == bindparam("which")).values(watts=bindparam("w")),
            {"which": "a", "w": 99},
        ),
        "nothing updated": lambda uow: uow.changed(
            update(lamps).where(lamps.c.id == "nobody").values(watts=1)
        ),
        "inserted or updated": lambda uow: uow.changed(
            upsert, {"id": "a", "watts": 2, "lit": True}
        ),
        "inserted from a question": lambda uow: uow.changed(
            insert(streets).from_select(["name", "lamp"], select(lamps.c.id, lamps.c.id))
        ),
        "returning": lambda uow: len(
            uow.all(
                update(lamps)
                .where(lamps.c.id.in_(["a", "b"]))
                .values(watts=7)
                .returning(lamps.c.id, lamps.c.since)
            )
        ),
        "deleted": lambda uow: uow.changed(delete(lamps).where(lamps.c.id.in_(["a", "b", "x"]))),
    }


COUNTS = {
    "one inserted by its values": 1,
    "one inserted by parameters": 1,
    "several inserted": 5,
    "a number by the database": 1,
    "updated by a value": 2,
    "updated by an expression": 3,
    "updated by parameters": 1,
    "nothing updated": 0,
    "inserted or updated": 1,
    "inserted from a question": 3,
    "returning": 2,
    "deleted": 2,
}


class RolledBack(Exception):
    """What a test did is not to stay."""


@pytest.mark.parametrize("act", COUNTS)
def test_a_change_changes_what_it_does_by_sqlalchemy(
    database: Database, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, counts = changes(database.dialect)[act], []

    def done() -> tuple[list[Any], list[Any]]:
        with suppress(RolledBack), database.write() as uow:
            counts.append(change(uow))
            found = uow.connection.execute(EVERY).all()
            named = select(streets.c.name, streets.c.lamp).order_by(streets.c.name)
            beside = uow.connection.execute(named).all()
            raise RolledBack
        return [tuple(row) for row in found], [tuple(row) for row in beside]

    by_the_driver = [done(), done()]
    assert counts == [COUNTS[act]] * 2
    with monkeypatch.context() as patched:
        patched.setattr("foundation.compiled._known", lambda *_: None)
        by_sqlalchemy = done()
    assert by_the_driver == [by_sqlalchemy, by_sqlalchemy]


def test_an_error_is_sqlalchemys_and_names_no_value(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused, database.write() as uow:
        uow.execute(insert(lamps), {"id": "a", "watts": 4711, "lit": True})
    assert "4711" not in str(refused.value)
    with pytest.raises(IntegrityError), database.write() as uow:
        uow.execute(insert(lamps), [{"id": "n", "lit": True}, {"id": "n", "lit": True}])
    with database.read() as uow:
        assert uow.one(BY_ID, {"which": "n"}) is None
    gone = Table("test_compiled_gone", MetaData(), Column("id", Integer))
    with pytest.raises((OperationalError, ProgrammingError)), database.read() as uow:
        uow.all(select(gone))
    with database.read() as uow:
        assert len(uow.all(EVERY)) == len(LAMPS), "the connection is well"


@pytest.mark.parametrize(
    "statement",
    [
        text("SELECT 1"),
        EVERY.where(tuple_(lamps.c.id, lamps.c.watts).in_([("a", 40)])),
        insert(lamps).values(id="z"),
    ],
    ids=["text", "a list of pairs", "a default made in Python"],
)
def test_what_does_not_fit_goes_the_old_way(database: Database, statement: Any) -> None:
    with database.write() as uow, listening(to_sqlalchemy=True) as slow:
        uow.execute(statement)
    assert len(slow) == 1


def test_a_plan_goes_with_its_statement(database: Database) -> None:
    """A statement that is built for each request leaves nothing behind, but for the first."""
    with database.read() as uow:
        uow.all(select(lamps).where(lamps.c.id == "b"))
        mine = select(lamps).where(lamps.c.id == "a")
        for _ in range(3):
            uow.all(mine)
        seen = weakref.ref(mine)
        del mine
        gc.collect()
        assert seen() is None
