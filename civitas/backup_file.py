"""The content of a backup: rows of tables, in one sealed file, the same of either database.

A line of JSON names store, revision and instant, then one each table and its columns, then one
each row.
Nothing of it is ever on a disk in clear: who met whom would stand there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, inspect, select, text
from sqlalchemy.engine import URL

from civitas.migrations.dropped import DROPPED
from foundation.database import Database
from foundation.sealed_stream import SealedWriter, is_sealed, opened
from foundation.sealing import CannotOpen

CONTEXT = "backup"
BATCH = 1000
Rows = Iterator[tuple[Table, list[dict[str, Any]]]]
"""Batches of rows, each with its table, which has the columns that the backup has."""


class NoBackup(Exception):
    """A file that is no backup, or whose content does not fit; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a backup is of, and as of when: None in one of before that was said."""

    store: str
    revision: str
    made_at: datetime | None = None


def write(file: SealedWriter, head: Head, reading: Connection, tables: Sequence[Table]) -> int:
    """Write all rows of `tables`; how many there were."""
    rows = 0
    at = head.made_at.isoformat() if head.made_at else None
    file.write(_line({"store": head.store, "revision": head.revision, "made_at": at}))
    for table in tables:
        file.write(_line({"table": table.name, "columns": [c.name for c in table.c]}))
        result = reading.execution_options(yield_per=BATCH).execute(select(table))
        for batch in result.partitions(BATCH):
            file.write(b"".join(_line([_told(value) for value in row]) for row in batch))
            rows += len(batch)
    return rows


class SealedBackup:
    """A backup that this deployment's master key opens."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key

    def verify(self) -> Head:
        """Authenticate the whole file, before anything is made of it; raises NoBackup."""
        head = None
        try:
            with self._path.open("rb") as file:
                for chunk in opened(file, self._key, CONTEXT):
                    if head is None:
                        head = _head(chunk)
        except CannotOpen as error:
            raise NoBackup(
                f"{self._path} does not open ({error}): use the master key that it was made "
                "with, or an unharmed copy."
            ) from None
        if head is None:
            raise NoBackup(f"{self._path} is empty.")
        return head

    def rows(self, tables: MetaData) -> Rows:
        with self._path.open("rb") as file:
            lines = _lines(opened(file, self._key, CONTEXT))
            next(lines)
            table: Table | None = None
            batch: list[dict[str, Any]] = []
            for line in lines:
                value = json.loads(line)
                if isinstance(value, dict):
                    if table is not None and batch:
                        yield table, batch
                    table, batch = as_it_was(tables, value["table"], value["columns"]), []
                    continue
                if table is None:
                    raise NoBackup(f"{self._path} has a row without a table.")
                told = map(_meant, value)
                batch.append(dict(zip(table.c.keys(), told, strict=True)))
                if len(batch) == BATCH:
                    yield table, batch
                    batch = []
            if table is not None and batch:
                yield table, batch


class PlainBackup:
    """A backup of before they were sealed: a SQLite file, which anybody could have written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def verify(self) -> Head:
        with _sqlite(self._path) as reading:
            if not inspect(reading).has_table("civitas_backup"):
                raise NoBackup(f"{self._path} was not written by `civitas backup`.")
            row = reading.execute(text("SELECT store, revision FROM civitas_backup")).one()
            return Head(str(row.store), str(row.revision))

    def rows(self, tables: MetaData) -> Rows:
        with _sqlite(self._path) as reading:
            found = inspect(reading)
            names = set(found.get_table_names())
            for whole in tables.sorted_tables:
                if whole.name not in names:
                    continue
                columns = [column["name"] for column in found.get_columns(whole.name)]
                table = as_it_was(tables, whole.name, columns)
                result = reading.execution_options(yield_per=BATCH).execute(select(table))
                for batch in result.mappings().partitions(BATCH):
                    yield table, [dict(row) for row in batch]


def of(path: Path, key: bytes) -> SealedBackup | PlainBackup:
    """The backup in a file, of either age."""
    with path.open("rb") as file:
        return SealedBackup(path, key) if is_sealed(file) else PlainBackup(path)


def as_it_was(tables: MetaData, name: str, columns: Sequence[str]) -> Table:
    """Our table with the columns that the backup has: it may be older than this program."""
    whole = tables.tables.get(name)
    if whole is None:
        raise NoBackup(f"The backup has a table {name} that this program does not know.")
    types = {**DROPPED.get(name, {}), **{column.name: column.type for column in whole.c}}
    for column in columns:
        if column not in types:
            raise NoBackup(
                f"The backup's table {name} has a column {column} that this program does not know: "
                "restore it with the version that wrote it, or a newer one."
            )
    return Table(name, MetaData(), *(Column(column, types[column]) for column in columns))


class _sqlite:  # noqa: N801 - reads as a word at the call
    def __init__(self, path: Path) -> None:
        self._database = Database(URL.create("sqlite", database=str(path)).render_as_string())

    def __enter__(self) -> Connection:
        self._connection = self._database.engine.connect()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._database.close()


# ── a value in JSON ────────────────────────────────────────────────────────────────────


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _told(value: object) -> object:
    """A value as JSON; what JSON has no word for is an object with one member."""
    if isinstance(value, bytes | memoryview):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, dict | list):
        return {"json": value}
    return value


def _meant(value: object) -> object:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "bytes":
        return base64.b64decode(content)
    if kind == "instant":
        return datetime.fromisoformat(content)
    return date.fromisoformat(content) if kind == "date" else content


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chain(chunks, [b""]):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _head(first_chunk: bytes) -> Head:
    told = json.loads(first_chunk.split(b"\n", 1)[0])
    at = told.get("made_at")
    return Head(told["store"], told["revision"], datetime.fromisoformat(at) if at else None)
