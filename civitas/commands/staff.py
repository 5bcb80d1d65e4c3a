"""`civitas staff`: who works here. The first is invited here; there is no default account."""

from __future__ import annotations

from typing import Annotated

import typer

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
from foundation.settings import Server

app = typer.Typer(help="Invite those who work here.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Invite those who work here."""


@app.command()
def invite(
    role: Annotated[str, typer.Option(help="officer, operator, regulator, auditor or developer.")],
    name: Annotated[str, typer.Option(help="The name that colleagues know.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print a one-time link by which a new member of staff sets up their own sign-in.

    Example: `civitas staff invite --role officer --name "Mari Tamm"`
    """
    with deployment_of(config) as deployment:
        if "register" not in deployment.parts:
            fail("A broker has no staff sign-in: it is steered by this command line.", code=1)
        now = deployment.runtime.clock.now()
        secret = deployment.parts["register"].staff.invite(role, name or role.title(), now, host())
        link = f"{deployment.runtime.settings.of(Server).url}/invitation/{secret}"
    if as_json:
        print_json({"role": role, "link": link})
    else:
        out.print(link, soft_wrap=True)
