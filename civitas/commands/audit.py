"""`civitas audit`: verify the tree, from the rows or as an outsider."""

from __future__ import annotations

from typing import Annotated

import httpx
import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    out,
    print_json,
)
from foundation.audit_verify import Report, verify_from_outside

app = typer.Typer(help="Verify the audit.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Verify the audit."""


@app.command()
def verify(
    url: Annotated[
        str | None,
        typer.Option(help="Verify that deployment as an outsider, over HTTP; needs no access."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The verifier key that you noted earlier (with --url).")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Recompute the tree and compare it with its signed checkpoints; exit code 1 if it differs.

    Example: `civitas audit verify --url https://id.example.city`
    """
    if url:
        with httpx.Client(timeout=30) as client:
            report = verify_from_outside(url.rstrip("/"), client, key)
    else:
        with deployment_of(config) as deployment:
            report = deployment.ground.audit.verify()
    _show(report, as_json)
    if not report.ok:
        raise typer.Exit(1)


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": report.ok,
                "tree_size": report.tree_size,
                "waiting": report.waiting,
                "problems": list(report.problems),
            }
        )
        return
    waiting = "" if report.waiting is None else f", {report.waiting} wait for theirs"
    out.print(f"{report.tree_size} events have their leaf{waiting}.")
    for problem in report.problems:
        out.print(problem, style="red", markup=False, soft_wrap=True)
    if report.ok:
        out.print("The tree is what was signed.")
