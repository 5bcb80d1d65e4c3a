"""`civitas ca list`: every authority, its key, and how long it lasts."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    authority_of,
    out,
    print_json,
)


def add_to(app: typer.Typer) -> None:
    app.command("list")(list_authorities)


def list_authorities(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the authorities: who issued them, where the key is, which one signs, until when.

    Example: `civitas ca list --json`
    """
    with authority_of(config) as (authority, _):
        found = authority.inventory()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = Table(box=None)
    for heading in ("authority", "issuer", "algorithm", "key", "signs", "until"):
        table.add_column(heading)
    for one in found:
        until = one.not_after.date().isoformat()
        signs = "yes" if one.signs else ""
        table.add_row(one.authority, one.issuer, one.algorithm, one.key, signs, until)
    out.print(table)
