"""`civitas ca crl`: an authority's revocation list as a file — RFC 5280 §5, RFC 7468 §6."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.console import DEFAULT_CONFIG, ConfigOption, authority_of, out
from pki import COMPLETE, DELTA, revocation_list_pem


def add_to(app: typer.Typer) -> None:
    app.command("crl")(crl)


def crl(
    authority: Annotated[str, typer.Argument(help="The authority, such as devices-1 or devices.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file; PEM if it ends in .pem, else DER.")
    ],
    partition: Annotated[
        int | None, typer.Option(help="One partition's list; without it, all in one.")
    ] = None,
    delta: Annotated[
        bool, typer.Option("--delta", help="What changed lately; with --partition.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write an authority's newest revocation list to a file.

    Example: `civitas ca crl devices-1 -o devices.crl`
    """
    with authority_of(config) as (ca, deployment):
        now = deployment.runtime.clock.now()
        if partition is None and not delta:
            found = ca.lists.whole(authority, now)
        else:
            found = ca.lists.part(authority, partition or 0, DELTA if delta else COMPLETE, now)
    content = revocation_list_pem(found.der) if output.suffix == ".pem" else found.der
    output.write_bytes(content)
    out.print(
        f"{output}: list {found.number}, good until {found.next_update.isoformat()}",
        soft_wrap=True,
    )
