"""`civitas notices`: what people are told of changes to their accounts, for who posts letters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.console import DEFAULT_CONFIG, ConfigOption, deployment_of, fail, out
from foundation import secret_file

app = typer.Typer(help="Notices to people.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Notices to people."""


@app.command()
def letters(
    file: Annotated[Path, typer.Argument(help="A new file, which only you can read.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the notices that have to be posted to FILE, a line of CSV each; they count as sent.

    Example: `civitas notices letters today.csv`
    """
    with deployment_of(config) as deployment:
        if "register" not in deployment.parts:
            fail("Only a provider has people to write to.", code=1)
        mailing = deployment.parts["register"].mailing
        ids, written = mailing.letters()
        if not ids:
            fail("No notice waits to be posted; no file was made.", code=1)
        secret_file.create(file, written, "The file of letters")
        mailing.posted(ids)
    out.print(f"{len(ids)} notices to post are in {file}.")
