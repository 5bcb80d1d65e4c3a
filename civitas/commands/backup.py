"""`civitas backup` and `civitas restore`: one sealed file, the same from either database."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from sqlalchemy import Connection, MetaData, Table, func, inspect, select

from civitas import backup_file, governance, restoring, schema
from civitas.backup_file import Head, NoBackup, PlainBackup, SealedBackup
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    err,
    fail,
    out,
    print_json,
)
from civitas.configuration import settings_of
from civitas.restoring import Restored
from foundation.database import Database, count_on, metadata
from foundation.runtime import Runtime
from foundation.sealed_stream import SealedWriter
from foundation.settings import Settings
from foundation.vault import vault_metadata


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
    """Write a consistent copy of the database, while it is in use, to one sealed file.

    It is encrypted and authenticated under the master key: without that it tells nothing but its
    length. The master key and the person keys are not in it: keep each of the three apart.

    Example: `civitas backup /backup/civitas-2026-03-02.backup`
    """
    if file.exists():
        fail(f"{file} exists; name a file that does not.")
    runtime = _runtime(settings_of(config))
    schema.check(runtime.database)
    runtime.keys.check()
    source, tables, store = _store(runtime, person_keys)
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as writing, source.snapshot() as uow:
        with SealedWriter(writing, _key(runtime), backup_file.CONTEXT) as sealed:
            present = _present(uow.connection, tables)
            head = Head(store, schema.HEAD, runtime.clock.now())
            rows = backup_file.write(sealed, head, uow.connection, present)
        writing.flush()
        os.fsync(writing.fileno())
    partial.rename(file)
    runtime.close()
    out.print(f"{rows} rows of the {store} are in {file}, sealed under the master key.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `civitas backup` wrote.")],
    config: ConfigOption = DEFAULT_CONFIG,
    person_keys: PersonKeys = False,
    unsealed: Annotated[
        bool,
        typer.Option(
            "--unsealed",
            help="Take a backup of before they were sealed, which anybody could have written.",
        ),
    ] = False,
    moved: Annotated[
        bool,
        typer.Option(
            "--moved",
            help="The old deployment was stopped before the backup was made, and has not run "
            "since: tokens, codes and lists stay good.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty database from a backup; an existing one is never overwritten.

    The whole file is authenticated before a row is written. One of an earlier revision is restored
    as it was; `civitas db upgrade` then brings it here.

    What happened after the backup is lost. So its revocation lists are void, and the next ones have
    higher numbers than any that may have been published; codes, tokens and links that work once are
    void, for they may have been used. Then revoke again: `civitas ca revoke --from-list`.

    Example: `civitas restore /backup/civitas-2026-03-02.backup --config new.toml`
    """
    if not file.is_file():
        fail(f"{file} does not exist; name a file that `civitas backup` wrote.")
    runtime = _runtime(settings_of(config))
    store = _store(runtime, person_keys)[2]
    try:
        found = backup_file.of(file, _key(runtime))
        if isinstance(found, PlainBackup) and not unsealed:
            fail(
                f"{file} is not sealed: it is of before backups were, or no backup, and nothing "
                "tells who wrote it. If you are sure that it is yours, add --unsealed."
            )
        head = found.verify()
        _refuse_unfitting(head, file, store)
        done = _restore(runtime, found, head, person_keys=person_keys, moved=moved)
    except NoBackup as error:
        fail(str(error))
    runtime.close()
    if isinstance(found, PlainBackup):
        err.print(
            f"{file} was not sealed: who could read it knows who met whom, and who could write it "
            "may have changed it. Make a new backup, and destroy this one.",
            style="yellow",
            soft_wrap=True,
        )
    older = head.revision != schema.HEAD and not person_keys
    if as_json:
        print_json({"store": store, "revision": head.revision, "upgrade": older, **done.as_json})
        return
    step = "Run `civitas db upgrade`, then check" if older else "Check"
    out.print(f"{done.rows} rows restored. {step} them with `civitas audit verify`.")
    if not person_keys:
        for sentence in restoring.sentences(done, runtime.clock.now(), moved=moved):
            out.print(sentence, markup=False, soft_wrap=True)


def _restore(
    runtime: Runtime,
    found: SealedBackup | PlainBackup,
    head: Head,
    *,
    person_keys: bool,
    moved: bool,
) -> Restored:
    """Fill the store, and settle what the backup does not know, in one transaction."""
    target, tables, store = _store(runtime, person_keys)
    if not person_keys:
        if schema.current(target) not in (None, head.revision):
            fail("The database is not empty; restore into a new one.")
        schema.upgrade(target, head.revision)
    else:
        runtime.vault.prepare()
    with target.at_leisure() as writing:
        if any(
            writing.execute(select(func.count()).select_from(Table(t.name, MetaData()))).scalar()
            for t in _present(writing, tables)
        ):
            fail(f"The {store} is not empty; restore into a new one.")
        rows = _fill(writing, found, tables)
        if person_keys:
            return Restored(rows, head.made_at)
        signed, now = runtime.audit.tree.marks.size(), runtime.clock.now()
        done = restoring.settle(writing, rows, head.made_at, signed, now, moved=moved)
        if moved and done.leaves_lost:
            fail(
                f"{done.leaves_lost} audit events were signed after this backup was made: it was "
                "used since. Leave --moved out, or make a new backup."
            )
        return done


def _runtime(settings: Settings) -> Runtime:
    return governance.assemble(settings).runtime


def _key(runtime: Runtime) -> bytes:
    return runtime.keys.wrapping_key("backup")


def _store(runtime: Runtime, person_keys: bool) -> tuple[Database, MetaData, str]:
    if person_keys:
        return runtime.vault.store, vault_metadata, "person keys"
    return runtime.database, metadata, "database"


def _present(connection: Connection, tables: MetaData) -> list[Table]:
    """The tables that are there: a store may be of an earlier revision."""
    there = set(inspect(connection).get_table_names())
    return [table for table in tables.sorted_tables if table.name in there]


def _fill(writing: Connection, found: SealedBackup | PlainBackup, tables: MetaData) -> int:
    rows = 0
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("copying", total=None)
        for table, batch in found.rows(tables):
            progress.update(task, description=table.name)
            writing.execute(table.insert(), batch)
            rows += len(batch)
    found_here = inspect(writing)
    for table in _present(writing, tables):
        numbered = {column.name for column in table.primary_key if column.identity is not None}
        # At a revision of before there were numbers, the upgrade gives them.
        if numbered & {column["name"] for column in found_here.get_columns(table.name)}:
            count_on(writing, table)
    return rows


def _refuse_unfitting(head: Head, file: Path, store: str) -> None:
    if head.store != store:
        fail(f"{file} holds the {head.store}, not the {store}.")
    if not re.fullmatch("[0-9]{4}", head.revision):
        fail(f"{file} names the revision {head.revision!r}, which no Civitas ever had.")
    if head.revision > schema.HEAD:
        fail(
            f"{file} is at revision {head.revision}, newer than this program ({schema.HEAD}): "
            "restore it with the program that wrote it."
        )
