"""`civitas ca ban`: keys that are known to others than their holder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    authority_of,
    fail,
    out,
    refusals,
)
from pki import ban_keys, digests_of_keys


def add_to(app: typer.Typer) -> None:
    app.command("ban")(ban)


def ban(
    files: Annotated[
        list[Path],
        typer.Argument(help="Public keys, certificates or requests (PEM, DER), or SHA-256 in hex."),
    ],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "known to others",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let nobody have a certificate for these keys again; a repeat changes nothing.

    A list of digests has the SHA-256 of a SubjectPublicKeyInfo on each line. Certificates that
    stand already are not revoked: that is `civitas ca revoke --reason keyCompromise`.

    Example: `civitas ca ban leaked-keys.pem --reason "found in a firmware image"`
    """
    keys: list[str] = []
    for file in files:
        if not file.is_file():
            fail(f"{file} is no file.", code=1)
        with refusals():
            found = digests_of_keys(file.read_bytes())
        if not found:
            fail(f"{file} names no key; nothing was banned.", code=1)
        out.print(f"{file}: {len(found)} keys", soft_wrap=True)
        keys += found
    if dry_run:
        out.print("Nothing was changed.")
        return
    with authority_of(config) as (_, deployment):
        runtime = deployment.runtime
        count = ban_keys(runtime.database, runtime.audit, keys, reason, runtime.clock.now())
    out.print(f"{count} keys are banned.")
