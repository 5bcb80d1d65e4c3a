"""`civitas check`: every row that grants something, looked at once — NIST SP 800-53 SI-7."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    err,
    out,
    print_json,
)
from foundation.row_macs import all_bound
from foundation.rows.check import end_restored, wrong_rows


def add_to(app: typer.Typer) -> None:
    app.command()(check)


def check(
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="After a backup of the database was restored: end the rows whose grant was taken "
            "back since it was made.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Name every row that this deployment did not write as it is; exit code 1 if there is one.

    Such rows are refused at use anyway. Example: `civitas check --config civitas.toml`
    """
    with deployment_of(config) as deployment:
        runtime = deployment.runtime
        ended = end_restored(runtime.database, runtime.guard, runtime.audit) if restored else {}
        with Progress(console=err, transient=True) as progress:
            task = progress.add_task("rows", total=len(all_bound()))
            seen = 0

            def tell(table: str, rows: int) -> None:
                nonlocal seen
                seen += rows
                progress.update(task, description=f"{table}: {seen} rows", advance=0 if rows else 1)

            wrong = list(wrong_rows(runtime.database, runtime.guard, runtime.clock.now(), tell))
    if as_json:
        rows = [{"table": w.table, "row": w.reference, "why": w.why} for w in wrong]
        print_json({"ok": not wrong, "rows": seen, "wrong": rows, "ended": ended})
    else:
        for table, count in ended.items():
            out.print(f"{table}: {count} rows of the backup ended, as they had been since.")
        for row in wrong:
            what = f"{row.table}, row {row.reference}: {row.why}."
            out.print(what, style="red", markup=False, soft_wrap=True)
        out.print(f"{seen} rows looked at, {len(wrong)} wrong.")
        if wrong:
            out.print("They are refused at use. Find out who can write the database.")
    if wrong:
        raise typer.Exit(1)
