"""`civitas devices`: register things, see them, and act on them (`device_acts`)."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from civitas.commands import device_acts
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    fail,
    host,
    out,
    print_json,
)
from civitas.commands.device_acts import (
    DeviceArgument,
    OwnerOption,
    checked,
    life_of,
    owner_named,
    registry_of,
    require_known,
    shown_once,
)
from device_registry import Device, identifier, label_of, reason_of
from foundation.settings import Server

app = typer.Typer(help="Register devices, see them, act on them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Register devices, see them, act on them."""


@app.command()
def add(
    label: Annotated[str, typer.Option(help="What people call it.")],
    owner_name: OwnerOption,
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
    its_owner = owner_named(owner_name)
    try:
        parted = [i.partition("=") for i in identifiers or []]
        named = [identifier(scheme, value) for scheme, _, value in parted]
    except (ValueError, TypeError) as error:
        fail(f"{error} Write identifiers as scheme=value.")
    label = checked(label_of, label)
    with registry_of(config) as deployment:
        require_known(deployment, its_owner)
        now = deployment.runtime.clock.now()
        registered = deployment.parts["devices"].register(
            label, its_owner, named, host(), now, profile
        )
        server = deployment.runtime.settings.of(Server)
    shown_once(registered, server, as_json)


@app.command()
def approve(
    device: DeviceArgument,
    reason: Annotated[str, typer.Option(help="What was checked: kept in its history.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Approve a device's first certificate, where its kind waits for a human.

    Example: `civitas devices approve dev-3kd… --reason "seen on its pole"`
    """
    reason = checked(reason_of, reason)
    with life_of(config) as life:
        before = life.devices.get(device).approved_at
        if before is not None:
            fail(f"{device} was approved on {before:%Y-%m-%d}; nothing was changed.", code=1)
        life.devices.approve(device, host(), reason, life.devices.runtime.clock.now())
    out.print(f"{device} is approved: its next request gets the certificate.", soft_wrap=True)


device_acts.add_to(app)


@app.command("list")
def list_devices(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the devices, newest first.

    Example: `civitas devices list --json`
    """
    found: list[Device] = []
    with life_of(config) as life:
        while True:
            page = life.devices.page(found[-1].id if found else None, 500)
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
