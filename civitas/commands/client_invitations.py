"""`civitas clients invite`: tokens by which services register themselves — RFC 7591 §3, §1.2."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from civitas.commands.client_acts import oauth_of
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)


def add_to(app: typer.Typer) -> None:
    for command in (invite, invitations, uninvite):
        app.command()(command)


def invite(
    note: Annotated[str, typer.Option(help="For whom it is; it stands in the list.")],
    uses: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many services may register with it.")
    ] = 1,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it works.")] = 7,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print an initial access token, with which services register themselves; shown this once.

    Example: `civitas clients invite --note "Schools, autumn" --uses 20 --days 30`
    """
    with deployment_of(config) as deployment:
        registering = oauth_of(deployment).registering
        if not registering.settings.dynamic_registration:
            fail(
                "Services do not register themselves here: write dynamic_registration = true "
                "under [clients] in the configuration.",
                code=1,
            )
        made = registering.invite(note, uses, timedelta(days=days), host())
        endpoint = registering.endpoint
    if as_json:
        print_json(
            {
                "id": made.id,
                "initial_access_token": made.value,
                "registration_endpoint": endpoint,
                "uses": uses,
                "expires_at": made.expires_at,
            }
        )
        return
    out.print(f"registration_endpoint: {endpoint}", soft_wrap=True, markup=False)
    out.print(f"initial_access_token: {made.value}", soft_wrap=True, markup=False)
    out.print(f"For {uses} services, until {made.expires_at:%Y-%m-%d}.")


def invitations(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the initial access tokens; none is ever shown again.

    Example: `civitas clients invitations`
    """
    with deployment_of(config) as deployment:
        found = oauth_of(deployment).registering.invitations()
    if as_json:
        print_json(
            [
                {
                    "id": one.id,
                    "note": one.note,
                    "uses_left": one.uses_left,
                    "expires_at": one.expires_at,
                }
                for one in found
            ]
        )
        return
    table = Table(box=None)
    for heading in ("id", "note", "uses left", "until"):
        table.add_column(heading)
    for one in found:
        table.add_row(one.id, one.note, str(one.uses_left), f"{one.expires_at:%Y-%m-%d}")
    out.print(table)


def uninvite(
    token_id: Annotated[str, typer.Argument(help="Its id, iat_…, as `invitations` lists it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End an initial access token before its time; services that used it stay.

    Example: `civitas clients uninvite iat_…`
    """
    with deployment_of(config) as deployment:
        if not oauth_of(deployment).registering.uninvite(token_id, host()):
            fail(f"There is no {token_id}. Look at the list: civitas clients invitations.", code=1)
    out.print(f"{token_id} works no more.", soft_wrap=True)
