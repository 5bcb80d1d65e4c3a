"""`civitas backup` and `civitas restore`: one file, the same from either database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from sqlalchemy import Connection, MetaData, func, inspect, select, text
from sqlalchemy.engine import URL

from civitas import governance, schema
from civitas.commands.console import DEFAULT_CONFIG, ConfigOption, err, fail, out
from civitas.configuration import settings_of
from foundation.database import Database, metadata
from foundation.ground import Ground
from foundation.settings import Settings
from foundation.vault import vault_metadata

BATCH = 1000


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


PersonKeys = Annotated[
    bool,
    typer.Option(
        "--person-keys",
        help="The store of person keys instead of the database. Keep this file apart, and no "
        "longer than your erasure period.",
    ),
]


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    config: ConfigOption = DEFAULT_CONFIG,
    person_keys: PersonKeys = False,
) -> None:
    """Write a consistent copy of the database, while it is in use, to one file.

    The master key and the person keys are not in it: keep each of the three apart.

    Example: `civitas backup /backup/civitas-2026-03-02.backup`
    """
    if file.exists():
        fail(f"{file} exists; name a file that does not.")
    ground = _ground(settings_of(config))
    schema.check(ground.database)
    source, tables = _store(ground, person_keys)
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    target = Database(URL.create("sqlite", database=str(partial)).render_as_string())
    with source.engine.connect() as reading:
        if source.dialect == "postgresql":
            reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        with target.engine.begin() as writing:
            rows = _copy(reading, writing, tables, make=True)
            _mark(writing, "person keys" if person_keys else "database")
    target.close()
    _fold_wal(partial)
    partial.rename(file)
    ground.close()
    out.print(f"{rows} rows of the {'person keys' if person_keys else 'database'} are in {file}.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `civitas backup` wrote.")],
    config: ConfigOption = DEFAULT_CONFIG,
    person_keys: PersonKeys = False,
) -> None:
    """Fill an empty database from a backup; an existing one is never overwritten.

    Example: `civitas restore /backup/civitas-2026-03-02.backup --config new.toml`
    """
    if not file.is_file():
        fail(f"{file} does not exist; name a file that `civitas backup` wrote.")
    ground = _ground(settings_of(config))
    target, tables = _store(ground, person_keys)
    source = Database(URL.create("sqlite", database=str(file)).render_as_string())
    with source.engine.connect() as reading:
        _refuse_foreign(reading, file, "person keys" if person_keys else "database")
        if not person_keys:
            if schema.current(target) is not None:
                fail("The database is not empty; restore into a new one.")
            schema.upgrade(target)
        else:
            ground.vault.prepare()
        with target.engine.begin() as writing:
            if any(
                writing.execute(select(func.count()).select_from(t)).scalar()
                for t in tables.sorted_tables
            ):
                fail("The store is not empty; restore into a new one.")
            rows = _copy(reading, writing, tables, make=False)
    source.close()
    ground.close()
    out.print(f"{rows} rows restored. Check them with `civitas audit verify`.")


def _ground(settings: Settings) -> Ground:
    return governance.assemble(settings).ground


def _store(ground: Ground, person_keys: bool) -> tuple[Database, MetaData]:
    if person_keys:
        return ground.vault.store, vault_metadata
    return ground.database, metadata


def _copy(reading: Connection, writing: Connection, tables: MetaData, *, make: bool) -> int:
    if make:
        tables.create_all(writing)
    rows = 0
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("copying", total=len(tables.sorted_tables))
        for table in tables.sorted_tables:
            progress.update(task, description=table.name)
            result = reading.execution_options(yield_per=BATCH).execute(select(table))
            for batch in result.mappings().partitions(BATCH):
                writing.execute(table.insert(), [dict(row) for row in batch])
                rows += len(batch)
            progress.advance(task)
    return rows


def _mark(writing: Connection, store: str) -> None:
    writing.execute(text("CREATE TABLE civitas_backup (store TEXT, revision TEXT)"))
    writing.execute(
        text("INSERT INTO civitas_backup VALUES (:store, :revision)"),
        {"store": store, "revision": schema.HEAD},
    )


def _refuse_foreign(reading: Connection, file: Path, store: str) -> None:
    if not inspect(reading).has_table("civitas_backup"):
        fail(f"{file} was not written by `civitas backup`.")
    row = reading.execute(text("SELECT store, revision FROM civitas_backup")).one()
    if row.store != store:
        fail(f"{file} holds the {row.store}, not the {store}.")
    if row.revision != schema.HEAD:
        fail(
            f"{file} is at revision {row.revision}, this program at {schema.HEAD}: restore it with "
            "the program that wrote it, then upgrade."
        )


def _fold_wal(path: Path) -> None:
    """Leave one file behind, not three: SQLite's journal goes back to its simplest form."""
    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
