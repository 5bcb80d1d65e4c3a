"""`civitas ca roll`: give an authority its next key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
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
from pki import Rollover


def add_to(app: typer.Typer) -> None:
    app.command("roll")(roll)


def roll(
    name: Annotated[str, typer.Argument(help="The authority, such as devices or root.")],
    ahead_days: Annotated[
        int | None,
        typer.Option(min=0, help="Published so long before it signs; see publish_ahead_days."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would happen, and do nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make the next key of an authority; it is published now, and signs later.

    Example: `civitas ca roll devices --dry-run`
    """
    ahead = timedelta(days=ahead_days) if ahead_days is not None else None
    with authority_of(config) as (_, deployment):
        now, rollover = deployment.runtime.clock.now(), Rollover(deployment.runtime)
        plan = rollover.plan(name, now, ahead)
        if not dry_run:
            rollover.begin(name, now, ahead)
    if as_json:
        print_json({**asdict(plan), "done": not dry_run})
        return
    verb = "would be" if dry_run else "is"
    out.print(f"{plan.next} {verb} published, and signs from {plan.signs_from:%Y-%m-%d %H:%M}.")
    out.print(f"{plan.present} stays good until {plan.last_end:%Y-%m-%d}.")
    if plan.by_ceremony:
        out.print("Its root is elsewhere: take `civitas ca requests` to the ceremony.")
