"""`civitas config`: check a configuration without starting anything."""

from __future__ import annotations

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    out,
    print_json,
)
from civitas.configuration import settings_of
from foundation.settings import Jurisdiction, Server

app = typer.Typer(help="Check a configuration.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Check a configuration."""


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Read the file and the environment; say in one sentence what is wrong, or that all is well.

    Example: `civitas config check --config /etc/civitas/civitas.toml`
    """
    settings = settings_of(config)
    governance = settings.of(Jurisdiction).governance
    url = settings.of(Server).url
    if as_json:
        print_json({"ok": True, "governance": governance, "url": url})
    else:
        out.print(f"{config} is sound: a {governance} at {url}.")
