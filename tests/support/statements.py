"""What a database is asked, statement by statement, while a test looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Executable
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement

from foundation import compiled
from foundation.database import Database, UnitOfWork


@contextmanager
def listening(to_sqlalchemy: bool = False) -> Iterator[list[str]]:
    """The texts of all statements of units of work; `to_sqlalchemy`: of those alone that were not
    executed by the driver."""
    said: list[str] = []
    run, execute = compiled._run, Connection.execute

    def by_the_driver(connection: Connection, plan: Any, *more: Any) -> Any:
        if not to_sqlalchemy:
            said.append(plan.text)
        return run(connection, plan, *more)

    def by_sqlalchemy(self: Connection, statement: Any, *more: Any, **named: Any) -> Any:
        said.append(str(statement))
        return execute(self, statement, *more, **named)

    with (
        patch.object(compiled, "_run", by_the_driver),
        patch.object(Connection, "execute", by_sqlalchemy),
    ):
        yield said


# ── how a database goes about it ─────────────────────────────────────────────────────────

Asked = tuple[Any, Any]
"""A statement and its parameters."""


@contextmanager
def noting() -> Iterator[list[Asked]]:
    """All that units of work are asked, as it was said to them."""
    asked: list[Asked] = []
    execute = UnitOfWork.execute

    def noted(uow: UnitOfWork, statement: Any, parameters: Any = None) -> Any:
        asked.append((statement, parameters))
        return execute(uow, statement, parameters)

    with patch.object(UnitOfWork, "execute", noted):
        yield asked


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(_Explain, "sqlite")
def _on_sqlite(element: _Explain, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN QUERY PLAN {compiler.process(element.statement, **options)}"


@compiles(_Explain, "postgresql")
def _on_postgresql(element: _Explain, compiler: Any, **options: Any) -> str:
    explain = "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, FORMAT JSON)"
    return f"{explain} {compiler.process(element.statement, **options)}"


def plan(database: Database, asked: Asked) -> list[dict[str, Any]]:
    """The steps of a statement, outermost first.

    On SQLite `detail` and the `within` of another step, 0 for the statement itself. On PostgreSQL
    the members of its own plans, `Index Name` and such, and as `read` how many rows the step read,
    those included that it left out.
    """
    statement, parameters = asked
    with database.read() as uow:
        rows = uow.connection.execute(_Explain(statement), parameters or {}).all()
    if database.dialect == "sqlite":
        return [{"within": row[1], "detail": row[3]} for row in rows]
    said = rows[0][0]
    return list(_steps((json.loads(said) if isinstance(said, str) else said)[0]["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    yield {**node, "read": rows * node["Actual Loops"]}
    for inner in node.get("Plans", ()):
        yield from _steps(inner)
