"""`civitas devices`: register things, and see them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    fail,
    out,
    print_json,
)
from device_registry import Device, identifier, owner
from foundation.audit import SYSTEM
from foundation.errors import Problem
from foundation.settings import Server

app = typer.Typer(help="Register, approve and list devices.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Register, approve and list devices."""


@app.command()
def add(
    label: Annotated[str, typer.Option(help="What people call it.")],
    owner_name: Annotated[
        str, typer.Option("--owner", help="The organisation, or citizen:per_… for a person.")
    ],
    identifiers: Annotated[
        list[str] | None,
        typer.Option("--identifier", help="scheme=value, such as eui64=00-11-22-FF-FE-33-44-55."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="The kind of certificate that it enrols for.")
    ] = "device",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Register a device with its owner; prints its id and one-time enrolment token, once.

    Example: `civitas devices add --label "Lamp 17" --owner "Street Lighting"`
    """
    kind, _, rest = owner_name.partition(":")
    chosen = (kind, rest) if kind == "citizen" else ("organisation", owner_name)
    try:
        its_owner = owner(*chosen)
        parted = [i.partition("=") for i in identifiers or []]
        named = [identifier(scheme, value) for scheme, _, value in parted]
    except (ValueError, TypeError) as error:
        fail(f"{error} Write identifiers as scheme=value.", code=1)
    with deployment_of(config) as deployment:
        if "devices" not in deployment.parts:
            fail("Only a provider registers devices.", code=1)
        try:
            registered = deployment.parts["devices"].register(
                label, its_owner, named, SYSTEM, deployment.ground.clock.now(), profile
            )
        except Problem as problem:
            fail(f"{problem.description} {problem.next_step}", code=1)
        server = deployment.ground.settings.of(Server)
    answer = {
        "device_id": registered.device.id,
        "token": registered.token,
        "expires_at": registered.expires_at.isoformat(),
        "est": f"{server.tls_url or server.url}/.well-known/est/simpleenroll",
    }
    if as_json:
        print_json(answer)
        return
    for key, value in answer.items():
        out.print(f"{key}: {value}", soft_wrap=True)


@app.command()
def approve(
    device: Annotated[str, typer.Argument(help="Its id, dev-….")],
    reason: Annotated[str, typer.Option(help="What was checked: kept in its history.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Approve a device's first certificate, where its kind waits for a human.

    Example: `civitas devices approve dev-3kd… --reason "seen on its pole"`
    """
    with deployment_of(config) as deployment:
        if "devices" not in deployment.parts:
            fail("Only a provider registers devices.", code=1)
        try:
            deployment.parts["devices"].approve(
                device, SYSTEM, reason, deployment.ground.clock.now()
            )
        except Problem as problem:
            fail(f"{problem.description} {problem.next_step}", code=1)
    out.print(f"{device} is approved: its next request gets the certificate.", soft_wrap=True)


@app.command("list")
def list_devices(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the devices, newest first.

    Example: `civitas devices list --json`
    """
    found: list[Device] = []
    with deployment_of(config) as deployment:
        devices = deployment.parts.get("devices")
        while devices is not None:
            page = devices.page(found[-1].id if found else None, 500)
            found += page
            if len(page) < 500:
                break
    if as_json:
        print_json(
            [
                {
                    "device_id": d.id,
                    "label": d.label,
                    "state": d.state.value,
                    "owner": d.owner.name if d.owner else None,
                    "identifiers": [{"scheme": i.scheme, "value": i.value} for i in d.identifiers],
                }
                for d in found
            ]
        )
        return
    table = Table(box=None)
    for heading in ("device_id", "label", "state", "owner"):
        table.add_column(heading)
    for d in found:
        table.add_row(d.id, d.label or "", d.state.value, d.owner.name if d.owner else "")
    out.print(table)
