"""The command line. Every command has help, an example, and `--json` where a program reads it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from civitas.commands.console import fail
from foundation.settings import SettingsError

COMMANDS = {
    "init": "init",
    "serve": "serve",
    "work": "serve",
    "routes": "routes",
    "backup": "backup",
    "restore": "backup",
    "check": "check",
    "conformance": "conformance",
    "tour": "tour",
    "demo": "demo",
    "config": "config",
    "db": "database",
    "staff": "staff",
    "citizens": "citizens",
    "letters": "letters",
    "clients": "clients",
    "devices": "devices",
    "documents": "documents",
    "ca": "ca",
    "providers": "providers",
    "audit": "audit",
    "notices": "notices",
    "passkeys": "passkeys",
    "incident": "incident",
    "person-keys": "person_keys",
}
"""Each command, or group of them, and its file in `civitas/commands/`."""


def _version(asked: bool) -> None:
    if asked:
        from civitas.app import VERSION

        typer.echo(VERSION)
        raise typer.Exit


def civitas(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Verified identities for people and things, under one roof."""


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """The command that `words` begin with, others are not even loaded; all, for their list."""
    made = typer.Typer(
        name="civitas",
        help="Verified identities for people and things, under one roof.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode="markdown",
    )
    made.callback()(civitas)
    asked = next(iter(words), "")
    chosen = {asked: COMMANDS[asked]} if asked in COMMANDS else COMMANDS
    files = {file: name for name, file in reversed(chosen.items())}
    for file, name in reversed(files.items()):
        command = import_module(f"civitas.commands.{file}")
        if hasattr(command, "add_to"):
            command.add_to(made)
        else:
            made.add_typer(command.app, name=name)
    return made


def _http_error() -> tuple[type[Exception], ...]:
    """What a failed request raises, where anything was requested."""
    return (sys.modules["httpx"].HTTPError,) if "httpx" in sys.modules else ()


def main() -> None:
    """Entry point: a refusal is one sentence on standard error and exit code 2."""
    try:
        command_line(sys.argv[1:])()
    except SettingsError as refusal:
        fail(str(refusal), refusal.exit_code)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        fail(f"The database does not do what it must ({cause}): start it, or correct its address.")
    except _http_error() as error:
        fail(f"That address does not answer ({error}): start what listens there, or correct it.")
    except OSError as error:
        if error.filename is None:
            raise
        fail(f"{error.filename} cannot be used: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit(130)
