"""`civitas incident`: what the operator of the host does when something went wrong.

Each act is in the audit, done by the host's operator (the account that ran the command), with its
reason; it holds from the next request on, in every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

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
from idp.oauth import OAuth
from idp.supervision import END, EVERYBODY, FREEZE, Incidents, Stopped

app = typer.Typer(help="Stop what went wrong, first.", no_args_is_help=True)

ReasonOption = Annotated[str, typer.Option(help="Why, in a sentence; it stands in the audit.")]
StaffArgument = Annotated[str, typer.Argument(help="Identifier of the member of staff (stf_…).")]
ClientArgument = Annotated[str, typer.Argument(help="Identifier of the service.")]


@contextmanager
def incidents_of(config: Path) -> Iterator[Incidents]:
    with deployment_of(config) as deployment:
        yield deployment.parts["supervision"].incidents


@app.callback()
def group() -> None:
    """Stop what went wrong, first. The runbooks are in docs/incidents.md."""


@app.command()
def staff(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List who works here, with role and state.

    Example: `civitas incident staff`
    """
    with deployment_of(config) as deployment:
        members = deployment.parts["supervision"].members()
    if as_json:
        print_json(
            [
                {"id": m.id, "name": m.name, "role": m.role, "state": m.state, "since": m.since}
                for m in members
            ]
        )
        return
    table = Table(box=None)
    for heading in ("id", "name", "role", "state", "since"):
        table.add_column(heading)
    for m in members:
        table.add_row(m.id, m.name, m.role, m.state, f"{m.since:%Y-%m-%d %H:%M}Z")
    out.print(table)


@app.command()
def end_staff(
    staff_id: StaffArgument,
    reason: ReasonOption,
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a member of staff: role, sessions, credentials, name; for good.

    Example: `civitas incident end-staff stf_… --reason "Laptop stolen on Monday"`
    """
    with deployment_of(config) as deployment:
        incidents = deployment.parts["supervision"].incidents
        ask_first(END, _name(deployment, staff_id), yes)
        incidents.end_staff(staff_id, reason, host())
    out.print(f"{staff_id} is out.")


@app.command()
def change_role(
    staff_id: StaffArgument,
    role: Annotated[str, typer.Option(help="officer, operator, regulator or auditor.")],
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give a member of staff another role, from their next request on.

    Example: `civitas incident change-role stf_… --role auditor --reason "Changed department"`
    """
    with deployment_of(config) as deployment:
        supervision = deployment.parts["supervision"]
        if any((m.id, m.role) == (staff_id, role) for m in supervision.members()):
            fail(f"{staff_id} is {role} already; nothing was changed.", code=1)
        supervision.incidents.change_role(staff_id, role, reason, host())
    out.print(f"{staff_id} is {role} now.")


@app.command()
def recover_staff(
    staff_id: StaffArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Ask that a member who lost their passkey be let in again; two operators agree on a page.

    Example: `civitas incident recover-staff stf_… --reason "Passkey lost at sea"`
    """
    with incidents_of(config) as incidents:
        incidents.ask_recovery(staff_id, reason, host())
    out.print("Two operators have to agree now: the page Staff, after they signed in.")


@app.command()
def freeze_officer(
    staff_id: StaffArgument,
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day, as 2026-03-01.")
    ],
    reason: ReasonOption,
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Stop unused letters and codes of an officer's cases, and queue their decisions for others.

    Example: `civitas incident freeze-officer stf_… --since 2026-03-01 --reason "Laptop stolen"`
    """
    with deployment_of(config) as deployment:
        incidents = deployment.parts["supervision"].incidents
        ask_first(FREEZE, _name(deployment, staff_id), yes)
        frozen = incidents.freeze_cases(staff_id, since.date(), reason, host())
    out.print(f"{frozen.letters} people's letters are stopped.")
    out.print(f"{frozen.decisions} decisions wait for another officer, at the desk.")


@app.command()
def stop_staff(
    staff_id: StaffArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """End the sessions of a member of staff; they sign in anew.

    Example: `civitas incident stop-staff stf_… --reason "Left the desk open"`
    """
    with incidents_of(config) as incidents:
        _say(incidents.stop_staff(staff_id, reason, host()))


@app.command()
def suspend_client(
    client_id: ClientArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Refuse a service at every door, whoever vouches for it, and end what it was given.

    Example: `civitas incident suspend-client svc_… --reason "Sells what it learns"`
    """
    with deployment_of(config) as deployment:
        _refuse_if(deployment, client_id, active=False)
        grants = deployment.parts["supervision"].incidents.suspend_client(client_id, reason, host())
    out.print(f"{client_id} is suspended; {grants} grants have ended.", soft_wrap=True)


@app.command()
def resume_client(
    client_id: ClientArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Serve a suspended service again; people sign in anew.

    Example: `civitas incident resume-client svc_… --reason "Audited on Friday"`
    """
    with deployment_of(config) as deployment:
        _refuse_if(deployment, client_id, active=True)
        deployment.parts["supervision"].incidents.resume_client(client_id, reason, host())
    out.print(f"{client_id} is served again.", soft_wrap=True)


@app.command()
def rotate_secret(
    client_id: ClientArgument,
    reason: ReasonOption,
    overlap_hours: Annotated[
        int,
        typer.Option(
            min=0, max=168, help="How long the old secret works beside the new one; 0: it leaked."
        ),
    ] = 0,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Replace the secret of a service; the new one is printed this once.

    Example: `civitas incident rotate-secret svc_… --overlap-hours 24 --reason "Yearly rotation"`
    """
    with incidents_of(config) as incidents:
        overlap = timedelta(hours=overlap_hours)
        secret = incidents.rotate_secret(client_id, reason, host(), overlap)
    if as_json:
        print_json({"client_id": client_id, "client_secret": secret})
        return
    out.print(f"client_secret: {secret}", soft_wrap=True)
    works = f"for {overlap_hours} hours more" if overlap_hours else "no more"
    out.print(f"The old one works {works}.")


@app.command()
def stop_person(
    person_id: Annotated[str, typer.Argument(help="Identifier of the person (per_…).")],
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a person's sessions here and their access at every service; they read it.

    Example: `civitas incident stop-person per_… --reason "Telephone stolen"`
    """
    with incidents_of(config) as incidents:
        _say(incidents.stop_person(person_id, reason, host()))


@app.command()
def stop_client(
    client_id: ClientArgument, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """End what a service was given, of all people and for itself; it is served on.

    Example: `civitas incident stop-client svc_… --reason "Its database was read"`
    """
    with incidents_of(config) as incidents:
        _say(incidents.stop_client(client_id, reason, host()))


@app.command()
def stop_everybody(
    reason: ReasonOption,
    yes: YesOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End all sessions, grants and tokens, of people, staff, services and devices.

    Example: `civitas incident stop-everybody --reason "A backup was stolen"`
    """
    with incidents_of(config) as incidents:
        ask_first(EVERYBODY, "", yes)
        _say(incidents.stop_everybody(reason, host()))


def _name(deployment: Deployment, staff_id: str) -> str:
    """What the member of staff is called; raises NotFound."""
    register = deployment.parts["supervision"].parts.require_register()
    with deployment.runtime.database.read() as uow:
        return str(register.staff.member(uow, staff_id).name)


def _refuse_if(deployment: Deployment, client_id: str, *, active: bool) -> None:
    """What is so already is not done again, and is no success."""
    if "oauth" in deployment.parts:
        tokens: OAuth = deployment.parts["oauth"]
        found = tokens.clients.find(client_id, deployment.runtime.clock.now())
        if found is not None and found.active is active:
            state = "served" if active else "suspended"
            fail(f"{client_id} is {state} already; nothing was changed.", code=1)


def _say(stopped: Stopped) -> None:
    out.print(f"{stopped.sessions} sessions and {stopped.grants} grants have ended.")
