"""What the commands share: where the configuration is, and how answers are printed."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from civitas import governance, schema
from civitas.configuration import settings_of
from civitas.deployment import Deployment
from foundation import opaque
from foundation.audit import Actor
from foundation.errors import CivitasError, Problem
from foundation.pages import Question
from pki import CertificateAuthority

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration file.", envvar="CIVITAS_CONFIG")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would change, or why not; change nothing.")
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Do not ask: you know that it cannot be undone.")
]
DEFAULT_CONFIG = Path("civitas.toml")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def deployment_of(config: Path) -> Iterator[Deployment]:
    """The deployment of `config`, checked, for commands that act on it without the server.

    A refusal of the flow ends the command with its sentence and exit code 1.
    """
    deployment = governance.assemble(settings_of(config))
    try:
        schema.check(deployment.runtime.database)
        deployment.runtime.check()
        with refusals():
            yield deployment
    finally:
        deployment.runtime.close()


@contextmanager
def authority_of(config: Path) -> Iterator[tuple[CertificateAuthority, Deployment]]:
    """The certification authority of a deployment that has one."""
    with deployment_of(config) as deployment:
        authority = deployment.parts.get("pki")
        if not isinstance(authority, CertificateAuthority):
            fail("This deployment issues no certificates: a provider does.", code=1)
        yield authority, deployment


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except CivitasError as refusal:
        where = f"{refusal.where}: " if isinstance(refusal, Problem) and refusal.where else ""
        if refusal.description.startswith(where[:-2]):
            where = ""
        step = f" {refusal.next_step}" if isinstance(refusal, Problem) and refusal.next_step else ""
        fail(f"{where}{refusal.description}{step}", code=1)


def ask_first(question: Question, about: str, yes: bool) -> None:
    """Before what cannot be undone: what follows, and a typed y, as the page asks for it.

    Where nobody can type, `--yes` is needed; without it nothing is done (exit code 1).
    """
    if yes:
        return
    if not sys.stdin.isatty():
        fail("This cannot be undone. Add --yes if you mean it, or look with --dry-run.", code=1)
    err.print(about, soft_wrap=True, markup=False)
    for sentence in question.follows:
        err.print(f"- {sentence}", soft_wrap=True, markup=False)
    typer.confirm(f"{question.title} This cannot be undone.", abort=True, err=True)


def host() -> Actor:
    """Who acts by a command: the operator of the host, by the account that runs it."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = "unknown"
    return Actor("system", f"host:{account}"[:64])


def an_id(what: str, prefix: str, joint: str = "_", *, look: str) -> Callable[[str], str]:
    """The check of an argument that is an id of ours: a shortened one is told from an unknown one.

    `look` says where such ids are shown.
    """

    def check(written: str) -> str:
        if (fault := opaque.fault(written, prefix, joint)) is not None:
            fail(f"{written[:60]!r} is no id of {what}: {fault} {look}", code=1)
        return written

    return check


def print_json(value: Mapping[str, Any] | list[Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def fail(sentence: str, code: int = 2) -> NoReturn:
    """Say on standard error what was wrong, and end."""
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    sys.exit(code)
