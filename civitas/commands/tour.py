"""`civitas tour`: the whole story, headless, a line per step; the exit code tells."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.console import JsonOption, out, print_json


def add_to(app: typer.Typer) -> None:
    app.command()(tour)


def tour(
    database: Annotated[
        str | None,
        typer.Option(
            help="An empty PostgreSQL database (postgresql+psycopg://…). One schema per "
            "deployment is made there and dropped at the end; nothing else is touched."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Live the whole story against fresh, temporary deployments over real HTTP and TLS.

    Example: `civitas tour --database postgresql+psycopg://postgres@localhost/empty`
    """
    from civitas.tour.steps import STEPS
    from civitas.tour.story import Outcome, tell
    from civitas.tour.world import World

    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="civitas-tour-") as folder:
        world = World(Path(folder), database)
        try:
            for number, outcome in enumerate(tell(world, STEPS), 1):
                outcomes.append(outcome)
                if not as_json:
                    mark = "[green]ok[/green]" if outcome.ok else "[red]failed[/red]"
                    out.print(f"{number}. {mark} {outcome.name}: ", end="", soft_wrap=True)
                    out.print(outcome.detail, markup=False, soft_wrap=True)
        finally:
            world.close()
    if as_json:
        print_json({"steps": [asdict(o) for o in outcomes]})
    if not all(o.ok for o in outcomes):
        raise typer.Exit(1)
