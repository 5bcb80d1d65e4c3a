"""`civitas ca requests` and `civitas ca install`: the way to a ceremony and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    authority_of,
    out,
    print_json,
)
from pki import Installing, in_fours


def add_to(app: typer.Typer) -> None:
    app.command("requests")(requests)
    app.command("install")(install)


def requests(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the requests go.")] = Path(
        "requests.json"
    ),
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write down what the authorities here ask of the roots: for `civitas ca ceremony sign`.

    Example: `civitas ca requests -o /media/stick/requests.json`
    """
    with authority_of(config) as (_, deployment):
        asked = Installing(deployment.runtime).requests()
    output.write_text(asked.written(), "utf-8")
    out.print(f"SHA-256 {in_fours(asked.digest)}; lists are published at {asked.status}",
              soft_wrap=True)  # fmt: skip
    waiting = ", ".join(f"{one.authority}-{one.generation}" for one in asked.requests) or "nobody"
    out.print(f"Wrote {output}: {waiting} to certify, {len(asked.revoke)} to revoke.",
              soft_wrap=True)  # fmt: skip


def install(
    answer: Annotated[Path, typer.Argument(help="What `civitas ca ceremony` wrote, PEM.")],
    roots: Annotated[
        list[str] | None,
        typer.Option("--root", help="SHA-256 of a new root, from the signed page."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take up what a ceremony signed, whole or not at all; a repeat changes nothing.

    Example: `civitas ca install answer.pem --root 3f2a…`
    """
    with authority_of(config) as (_, deployment):
        installed = Installing(deployment.runtime).install(
            answer.read_bytes(), roots or (), deployment.runtime.clock.now()
        )
    if as_json:
        print_json(asdict(installed))
        return
    for what, names in (
        ("roots", installed.roots),
        ("authorities", installed.authorities),
        ("revocation lists", installed.lists),
    ):
        out.print(f"{what}: {', '.join(names) or 'nothing new'}", soft_wrap=True)
