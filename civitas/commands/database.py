"""`civitas db`: the tables' history."""

from __future__ import annotations

import typer

from civitas import governance, schema
from civitas.commands.console import DEFAULT_CONFIG, ConfigOption, out
from civitas.configuration import settings_of

app = typer.Typer(help="Upgrade the database.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Upgrade the database."""


@app.command()
def upgrade(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Bring the tables to what this program needs. Make a backup first.

    Example: `civitas db upgrade --config civitas.toml`
    """
    deployment = governance.assemble(settings_of(config))
    runtime = deployment.runtime
    before = schema.current(runtime.database)
    if before is not None and before > schema.HEAD:
        schema.check(runtime.database)
    schema.upgrade(runtime.database)
    runtime.prepare()
    for prepare in deployment.prepare:
        prepare(runtime)
    runtime.close()
    out.print(f"The database is at revision {schema.HEAD} (was {before or 'empty'}).")
