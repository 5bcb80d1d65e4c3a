"""The two databases that are measured, durable both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import processor
from benchmarks.postgresql import durable_server


@dataclass(frozen=True)
class Storage:
    """Where the servers keep their rows: `url` is None for SQLite in the run's own folder.

    `postmaster`: the first process of the PostgreSQL, when it is on this machine.
    """

    name: str
    url: str | None = None
    postmaster: int | None = None


@contextmanager
def storage(name: str, database: str | None) -> Iterator[Storage]:
    """`database`: the URL of a PostgreSQL to use in place of one of our own."""
    if name == "sqlite":
        yield Storage(name)
    elif database is not None:
        yield Storage(name, database, processor.of_postgresql(database))
    else:
        with durable_server() as url:
            yield Storage(name, url, processor.of_postgresql(url))
