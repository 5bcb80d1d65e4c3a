"""`civitas person-keys`: move the store of person keys to a database of its own."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from civitas import key_store
from civitas.commands.console import DEFAULT_CONFIG, ConfigOption, fail, out
from civitas.commands.init import write_configuration
from civitas.configuration import settings_from, settings_of
from foundation.clock import SystemClock
from foundation.database import Database, DatabaseSettings
from foundation.keys import Keys
from foundation.runtime import open_database
from foundation.settings import Settings
from foundation.vault import Vault, VaultSettings, database_url

app = typer.Typer(help="Where the keys of the people live.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Where the keys of the people live."""


@app.command()
def move(
    to: Annotated[str, typer.Option(help="URL of the new store: another database, or a file.")],
    schema_name: Annotated[
        str | None, typer.Option("--schema", help="PostgreSQL schema of the new store.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Move all person keys to another store, write it into the configuration, destroy the old one.

    For a deployment whose keys are in the same PostgreSQL database as its data. Stop every process
    first, and give each node the new configuration. An interrupted move is run again. Dumps and
    backups of before still hold both: destroy them within your erasure period.

    Example: `civitas person-keys move --to postgresql+psycopg://civitas@db/civitas_keys`
    """
    before = settings_of(config)
    changed = key_store.written_in(config.read_text("utf-8"), to, schema_name)
    after = settings_from(changed, config)
    wanted = VaultSettings(keys=to, schema_name=schema_name)
    if after.of(VaultSettings) != wanted:
        fail("[vault] is also set in the environment: change it there, or unset it, first.")
    if before.of(VaultSettings) == wanted:
        fail("The person keys live there already.")
    if not os.access(config.parent, os.W_OK):
        fail(f"{config} must be written anew: run this as the user who may.")
    key_store.make_database(to, before.of(DatabaseSettings).url)
    database = open_database(after)
    old = _store_of(before)
    try:
        keys = Keys.load(after, database, SystemClock())
        keys.check()
        vault = Vault.load(after, database, keys, SystemClock())
        vault.prepare()
        moved = key_store.copy(old, vault.store)
        vault.close()
        # In this order an interrupted move is run again, and nothing is left where it was.
        key_store.drop(old)
        write_configuration(config, changed)
    finally:
        old.close()
        database.close()
    out.print(
        f"{moved} person keys are at the new store, and no longer at the old one. Destroy the "
        "dumps and backups of before within your erasure period: they hold keys and data.",
        soft_wrap=True,
    )


def _store_of(settings: Settings) -> Database:
    chosen = settings.of(VaultSettings)
    return Database(
        database_url(settings, chosen.keys),
        chosen.schema_name,
        pool=2,
        pooler=settings.of(DatabaseSettings).pooler,
    )
