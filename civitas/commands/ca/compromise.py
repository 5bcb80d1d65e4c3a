"""`civitas ca compromise`: an authority's key is in other hands."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from civitas import tls_files
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    authority_of,
    fail,
    out,
    print_json,
)


def add_to(app: typer.Typer) -> None:
    app.command("compromise")(compromise)


def compromise(
    authority: Annotated[str, typer.Argument(help="Such as devices-1; see `civitas ca list`.")],
    recover_days: Annotated[
        int, typer.Option(min=0, help="How long devices may exchange their certificates.")
    ] = 14,
    dry_run: Annotated[bool, typer.Option(help="Say what would happen, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option(help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Distrust an authority at once, and put a successor in its place.

    Devices come back by themselves: a renewal with the old certificate gives one of the successor.

    Example: `civitas ca compromise devices-1 --dry-run`
    """
    recover = timedelta(days=recover_days)
    with authority_of(config) as (ours, deployment):
        now, declaring = deployment.runtime.clock.now(), ours.compromise()
        found = declaring.plan(authority, recover, now)
        if not dry_run:
            question = f"Distrust {found.authority}, with {found.certificates} certificates?"
            if not yes and not typer.confirm(question):
                fail("Nothing was done.", code=1)
            found = declaring.declare(authority, recover, now)
            tls_files.ensure(deployment)
    if as_json:
        print_json({**asdict(found), "done": not dry_run})
        return
    verb = "would be" if dry_run else "are"
    until = f"{found.recover_until:%Y-%m-%d %H:%M}"
    out.print(
        f"{found.certificates} certificates of {found.authority} {verb} good for nothing but "
        f"their exchange, until {until}.",
        soft_wrap=True,
    )
    if found.successor:
        out.print(f"{found.successor} signs from now on.")
    elif not dry_run:
        out.print("Its root is elsewhere: take `civitas ca requests` to the ceremony now.")
