"""The command line. Every command has help, an example, and `--json` where a program reads it."""

from __future__ import annotations

import sys
from typing import Annotated

import httpx
import typer
from sqlalchemy.exc import SQLAlchemyError

from civitas.app import VERSION
from civitas.commands import (
    audit,
    backup,
    ca,
    check,
    citizens,
    clients,
    config,
    database,
    demo,
    devices,
    incident,
    init,
    letters,
    notices,
    person_keys,
    providers,
    routes,
    serve,
    staff,
    tour,
)
from civitas.commands.console import fail
from foundation.settings import SettingsError


def _version(asked: bool) -> None:
    if asked:
        typer.echo(VERSION)
        raise typer.Exit


app = typer.Typer(
    name="civitas",
    help="Verified identities for people and things, under one roof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)


@app.callback()
def civitas(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Verified identities for people and things, under one roof."""


for command in (init, serve, routes, backup, check, tour, demo):
    command.add_to(app)
app.add_typer(config.app, name="config")
app.add_typer(database.app, name="db")
app.add_typer(staff.app, name="staff")
app.add_typer(citizens.app, name="citizens")
app.add_typer(letters.app, name="letters")
app.add_typer(clients.app, name="clients")
app.add_typer(devices.app, name="devices")
app.add_typer(ca.app, name="ca")
app.add_typer(providers.app, name="providers")
app.add_typer(audit.app, name="audit")
app.add_typer(notices.app, name="notices")
app.add_typer(incident.app, name="incident")
app.add_typer(person_keys.app, name="person-keys")


def main() -> None:
    """Entry point: a refusal is one sentence on standard error and exit code 2."""
    try:
        app()
    except SettingsError as refusal:
        fail(str(refusal), refusal.exit_code)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        fail(f"The database does not do what it must ({cause}): start it, or correct its address.")
    except httpx.HTTPError as error:
        fail(f"That address does not answer ({error}): start what listens there, or correct it.")
    except OSError as error:
        if error.filename is None:
            raise
        fail(f"{error.filename} cannot be used: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit(130)
