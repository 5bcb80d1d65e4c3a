"""`civitas ca changeover`: devices take a second key of another family, wave by wave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress as Bar
from rich.table import Table

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    YesOption,
    ask_first,
    authority_of,
    host,
    out,
    print_json,
)
from device_registry import UNDO, ChangeOver, ChangeOvers, Progress

app = typer.Typer(help="Give devices a second key, wave by wave.", no_args_is_help=True)
Named = Annotated[str, typer.Argument(help="The id that `plan` printed.")]


def add_to(parent: typer.Typer) -> None:
    parent.add_typer(app, name="changeover")


@app.callback()
def group() -> None:
    """Give devices a second key, wave by wave."""


@contextmanager
def _change_overs(config: Path) -> Iterator[tuple[ChangeOvers, datetime]]:
    with authority_of(config) as (_, deployment):
        yield deployment.parts["devices"].change_overs, deployment.runtime.clock.now()


@app.command()
def plan(
    to: Annotated[str, typer.Option(help="The profile of the second certificate.")] = (
        "device-mldsa"
    ),
    days: Annotated[int, typer.Option(min=0, help="Over how many days all are invited.")] = 30,
    in_days: Annotated[int, typer.Option("--in", min=0, help="Days until the first wave.")] = 0,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Plan a change-over; nothing happens until `run`.

    Example: `civitas ca changeover plan --to device-mldsa --days 30`
    """
    with _change_overs(config) as (change_overs, now):
        starts = now + timedelta(days=in_days)
        planned = change_overs.plan(to, starts, starts + timedelta(days=days), host(), now)
    _say(planned, as_json)


@app.command()
def run(named: Named, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Invite the devices whose turn has come; also goes on after a pause.

    Example: `civitas ca changeover run chg_…`
    """
    _act(named, "run", config, as_json)


@app.command()
def pause(named: Named, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Invite nobody else; who holds the second certificate keeps and renews it.

    Example: `civitas ca changeover pause chg_…`
    """
    _act(named, "pause", config, as_json)


@app.command()
def finish(
    named: Named, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Close the change-over; second certificates stay, and are renewed.

    Example: `civitas ca changeover finish chg_…`
    """
    _act(named, "finish", config, as_json)


@app.command()
def undo(
    named: Named,
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Revoke the second certificates; the first ones were never touched. A repeat goes on.

    Example: `civitas ca changeover undo chg_…`
    """
    with authority_of(config) as (_, deployment):
        change_overs, clock = deployment.parts["devices"].change_overs, deployment.runtime.clock
        found = change_overs.get(named)
        if found.state.value != "undone":
            ask_first(UNDO, f"{found.from_profile} → {found.to_profile}", yes)
            found = change_overs.act(named, "undo", host(), clock.now())
        total = change_overs.progress(found, clock.now()).hold
        with Bar(console=out, transient=True, disable=as_json) as bar:
            task = bar.add_task("Revoking", total=total)
            for count in change_overs.take_back(named, clock):
                bar.advance(task, count)
    _say(found, as_json)


@app.command()
def watch(named: Named, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """How many devices were invited, and how many hold the second certificate.

    Example: `civitas ca changeover watch chg_… --json`
    """
    with _change_overs(config) as (change_overs, now):
        progress = change_overs.progress(change_overs.get(named), now)
    if as_json:
        print_json(asdict(progress))
        return
    _draw(progress)


@app.command("list")
def list_change_overs(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the change-overs, newest first.

    Example: `civitas ca changeover list`
    """
    with _change_overs(config) as (change_overs, _):
        found = change_overs.all()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = Table(box=None)
    for heading in ("id", "to", "state", "starts", "ends"):
        table.add_column(heading)
    for one in found:
        starts, ends = one.starts_at.date().isoformat(), one.ends_at.date().isoformat()
        table.add_row(one.id, one.to_profile, one.state.value, starts, ends)
    out.print(table)


def _act(named: str, act: str, config: Path, as_json: bool) -> None:
    with _change_overs(config) as (change_overs, now):
        moved = change_overs.act(named, act, host(), now)
    _say(moved, as_json)


def _say(change_over: ChangeOver, as_json: bool) -> None:
    if as_json:
        print_json(asdict(change_over))
        return
    out.print(
        f"{change_over.id}: {change_over.from_profile} and {change_over.to_profile}, "
        f"{change_over.state.value}; from {change_over.starts_at:%Y-%m-%d} "
        f"to {change_over.ends_at:%Y-%m-%d}.",
        soft_wrap=True,
    )


def _draw(progress: Progress) -> None:
    width, whole = 40, max(progress.devices, 1)
    hold = round(width * progress.hold / whole)
    invited = max(round(width * progress.invited / whole) - hold, 0)
    out.print(f"[green]{'█' * hold}[/][yellow]{'▒' * invited}[/]{'·' * (width - hold - invited)}")
    out.print(
        f"{progress.hold} of {progress.devices} devices hold it; {progress.invited} are invited."
    )
