"""`civitas ca board`: what ends when, and what needs attention."""

from __future__ import annotations

from dataclasses import asdict

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    authority_of,
    out,
    print_json,
)


def add_to(app: typer.Typer) -> None:
    app.command("board")(board)


def board(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say what needs attention, and how many certificates end in the months ahead.

    Example: `civitas ca board --json`
    """
    with authority_of(config) as (authority, deployment):
        found = authority.outlook.board(deployment.runtime.clock.now())
    if as_json:
        print_json(asdict(found))
        return
    for one in found.attention:
        out.print(f"[yellow]{one.authority}[/] {one.reason} {one.next_step} By {one.by:%Y-%m-%d}.",
                  soft_wrap=True)  # fmt: skip
    if not found.attention:
        out.print("Nothing needs attention.")
    most = max((sum(counts.values()) for _, counts in found.months), default=0)
    for month, counts in found.months:
        count = sum(counts.values())
        if count:
            out.print(f"{month:%Y-%m} [cyan]{'█' * max(1, round(40 * count / most))}[/] {count}")
