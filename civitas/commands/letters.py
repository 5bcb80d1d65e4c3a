"""`civitas letters`: activation letters for the printing house, made at the host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)
from civitas.deployment import Deployment
from foundation import secret_file
from idp.register import Register

app = typer.Typer(help="Letters for the printing house.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Letters for the printing house."""


@app.command("list")
def list_letters(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say how many letters wait, and which files were made: counts, no name and no code.

    Example: `civitas letters list`
    """
    with deployment_of(config) as deployment:
        letters = _register(deployment).letters
        with deployment.runtime.database.read() as uow:
            now = deployment.runtime.clock.now()
            waiting, batches = letters.waiting(uow, now), letters.batches(uow)
    if as_json:
        made = [{"id": b.id, "made_at": b.made_at, "letters": b.letters} for b in batches]
        print_json({"waiting": waiting, "files": made})
        return
    out.print(f"{waiting} letters wait.")
    for b in batches:
        out.print(f"{b.made_at:%Y-%m-%d %H:%M}Z  {b.letters} letters  {b.id}")


@app.command("print")
def print_letters(
    output: Annotated[Path, typer.Option(help="The file to make; it must not exist yet.")],
    file_format: Annotated[str, typer.Option("--format", help="json, csv or html.")] = "json",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make the next file for the printing house. Its codes stand there alone: hand it over.

    Example: `civitas letters print --format csv --output letters.csv`
    """
    if output.exists():
        fail(f"{output} exists already: name a file that does not.")
    with deployment_of(config) as deployment:
        file = _register(deployment).printing.file(file_format, host())
    secret_file.create(output, file.content, "The file of letters")
    if as_json:
        print_json({"file": str(output), "letters": file.letters})
        return
    out.print(f"{file.letters} letters are in {output}, readable by you alone.", soft_wrap=True)


@app.command()
def again(
    batch_id: Annotated[str, typer.Argument(help="Identifier of the file (bat_…).")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """A file was lost: end its unused codes, and have its letters wait for the next file.

    Example: `civitas letters again bat_…`
    """
    with deployment_of(config) as deployment:
        letters, now = _register(deployment).letters, deployment.runtime.clock.now()
        count = letters.again(batch_id, host(), now)
    out.print(f"{count} letters wait for the next file.")


def _register(deployment: Deployment) -> Register:
    if "importer" not in deployment.parts:
        fail("Only a provider enrols citizens, and writes to them.", code=1)
    register: Register = deployment.parts["register"]
    return register
