"""What a database is asked, statement by statement, while a test looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from foundation import compiled


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
