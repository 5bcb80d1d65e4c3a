"""`civitas config`: check a configuration without starting anything."""

from __future__ import annotations

from typing import Annotated

import typer

from civitas import soundness
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
def check(
    connect: Annotated[
        bool, typer.Option("--connect", help="Also ask the databases and whatever else is named.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Look at all that a start would look at; say in one sentence what is wrong, or that all is
    well. Nothing is started, and nothing is changed.

    Example: `civitas config check --connect --config /etc/civitas/civitas.toml`
    """
    settings = settings_of(config)
    remarks = soundness.check(settings, connect)
    governance = settings.of(Jurisdiction).governance
    url = settings.of(Server).url
    if as_json:
        print_json({"ok": True, "governance": governance, "url": url, "remarks": remarks})
        return
    for remark in remarks:
        out.print(remark, markup=False, soft_wrap=True)
    out.print(f"{config} is sound: a {governance} at {url}.", markup=False, soft_wrap=True)
