"""`civitas providers`: the regulator's acts, for scripts and for the first day."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    YesOption,
    ask_first,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)
from civitas.deployment import Deployment
from idp.federation import WITHDRAW

app = typer.Typer(help="Accredit and suspend providers (regulator).", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Accredit and suspend providers (regulator)."""


EntityArgument = Annotated[str, typer.Argument(help="The entity identifier, an https URL.")]


def _accreditation(deployment: Deployment) -> Any:
    federation = deployment.parts.get("federation")
    if federation is None or federation.role != "anchor":
        fail("Only a regulator accredits providers.", code=1)
    return federation.accreditation


def _said(entity: Any, as_json: bool) -> None:
    answer = {
        "entity_id": entity.entity_id,
        "organization": entity.organization,
        "state": entity.state,
        "level": entity.level,
    }
    if as_json:
        print_json(answer)
    else:
        level = f" at level {entity.level}" if entity.level else ""
        out.print(f"{entity.entity_id} is {entity.state}{level}.", soft_wrap=True)


@app.command()
def accredit(
    entity_id: EntityArgument,
    level: Annotated[
        int | None, typer.Option(help="1 to 4; a broker hands on nothing above its own.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Accredit a provider at a level, or take up a broker; its configuration is checked first.

    Example: `civitas providers accredit https://id.bank.example --level 2`
    """
    with deployment_of(config) as deployment:
        entity = _accreditation(deployment).accredit(entity_id.rstrip("/"), level, host().id)
    _said(entity, as_json)


@app.command()
def suspend(
    entity_id: EntityArgument,
    reason: Annotated[str, typer.Option(help="Why; it is written to the audit.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Suspend an accredited entity: its statements stop, its marks say so.

    Example: `civitas providers suspend https://id.bank.example --reason "audit overdue"`
    """
    with deployment_of(config) as deployment:
        entity = _accreditation(deployment).suspend(entity_id.rstrip("/"), host().id, reason)
    _said(entity, as_json)


@app.command()
def reinstate(
    entity_id: EntityArgument,
    reason: Annotated[str, typer.Option(help="Why; it is written to the audit.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """End a suspension at the level that was held.

    Example: `civitas providers reinstate https://id.bank.example --reason "audit passed"`
    """
    with deployment_of(config) as deployment:
        entity = _accreditation(deployment).reinstate(entity_id.rstrip("/"), host().id, reason)
    _said(entity, as_json)


@app.command()
def withdraw(
    entity_id: EntityArgument,
    reason: Annotated[str, typer.Option(help="Why; it is written to the audit.")],
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """End an accreditation for good: its marks are revoked. It may apply anew.

    Example: `civitas providers withdraw https://id.bank.example --reason "Closed its service"`
    """
    with deployment_of(config) as deployment:
        accreditation = _accreditation(deployment)
        ask_first(WITHDRAW, accreditation.entity(entity_id.rstrip("/")).organization, yes)
        entity = accreditation.withdraw(entity_id.rstrip("/"), host().id, reason)
    _said(entity, as_json)


@app.command()
def completion(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """How sign-ins end at each provider: a broker's own numbers, or all that a regulator is told.

    Numbers are in steps of five. Example: `civitas providers completion`
    """
    with deployment_of(config) as deployment:
        hub, allied = deployment.parts.get("broker"), deployment.parts["federation"]
        if hub is not None:
            reports = [(allied.entity_id, hub.completion())]
        elif allied.role == "anchor":
            reports = allied.completions()
        else:
            fail("A broker counts how sign-ins end, and its regulator reads it.", code=1)
    if as_json:
        print_json(
            [
                {
                    "broker": broker,
                    "reports": rows is not None,
                    "completion": [{**asdict(row), "rate": row.rate} for row in rows or ()],
                }
                for broker, rows in reports
            ]
        )
        return
    table = Table(box=None)
    for heading in ("broker", "provider", "month", "begun", "completed", "rate", "failures"):
        table.add_column(heading)
    for broker, rows in reports:
        if rows is None:
            table.add_row(broker, "does not report", "", "", "", "", "")
        for row in rows or ():
            failures = ", ".join(f"{why} {_few(times)}" for why, times in row.failed.items())
            rate = "" if row.rate is None else f"{row.rate} %"
            table.add_row(
                broker,
                row.provider,
                row.month,
                _few(row.begun),
                _few(row.completed),
                rate,
                failures,
            )
    out.print(table)


def _few(times: int) -> str:
    return str(times) if times else "<5"


@app.command("list")
def list_providers(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List all entities that ever applied, and how they stand.

    Example: `civitas providers list`
    """
    with deployment_of(config) as deployment:
        entities = _accreditation(deployment).entities()
    if as_json:
        print_json(
            [{"entity_id": e.entity_id, "state": e.state, "level": e.level} for e in entities]
        )
        return
    table = Table(box=None)
    for heading in ("entity", "organization", "state", "level"):
        table.add_column(heading)
    for e in entities:
        table.add_row(e.entity_id, e.organization, e.state, str(e.level or ""))
    out.print(table)
