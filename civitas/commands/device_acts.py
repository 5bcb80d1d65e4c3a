"""The acts of `civitas devices` on one device: what its page can, by the operator of the host.

One act, one unit of work; it takes effect on the device's next use (`device_registry.life`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    DryRunOption,
    JsonOption,
    YesOption,
    an_id,
    ask_first,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)
from civitas.deployment import Deployment
from device_registry import QUESTIONS, DeviceLife, Owner, Registered, owner, reason_of
from foundation.errors import Unprocessable
from foundation.settings import Server
from idp.register import Register

DeviceArgument = Annotated[
    str,
    typer.Argument(
        help="Its id, dev-….",
        callback=an_id("a device", "dev", "-", look="`civitas devices list` shows them."),
    ),
]
ReasonOption = Annotated[str, typer.Option(help="Why, in a line: it stands in its history.")]
OwnerOption = Annotated[
    str, typer.Option("--owner", help="The organisation, or citizen:per_… for a person.")
]


@dataclass(frozen=True)
class Act:
    """One act with a reason. `act` is its name in the life of a device, `reason` an example."""

    command: str
    act: str
    help: str
    reason: str


ACTS = (
    Act("suspend", "suspend",
        "Refuse a device at its next use, until it is resumed; its certificates go on hold.",
        "Its pole fell over"),
    Act("resume", "reactivate",
        "End a suspension: the device may act again. One in quarantine is released, not resumed.",
        "Its pole stands again"),
    Act("quarantine", "quarantine",
        "Refuse a device that may do harm, until it is released; its certificates go on hold.",
        "Sends to an address nobody knows"),
    Act("release", "release", "End a quarantine: the device may act again.",
        "Firmware 2.4 is on it"),
    Act("transfer", "transfer",
        "Take a device from its owner: its certificates are revoked, then somebody else claims it.",
        "Sold to the tram company"),
    Act("revoke", "revoke",
        "Revoke a device with all its certificates: it never comes back under this id.",
        "Its key was read"),
    Act("decommission", "decommission",
        "End a device for good: certificates are revoked, what may tell of a person is erased.",
        "Scrapped"),
)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    app.command()(show)
    for act in ACTS:
        app.command(act.command)(_command(act))
    app.command()(claim)
    app.command()(token)


@contextmanager
def life_of(config: Path) -> Iterator[DeviceLife]:
    with registry_of(config) as deployment:
        yield deployment.parts["device_life"]


@contextmanager
def registry_of(config: Path) -> Iterator[Deployment]:
    with deployment_of(config) as deployment:
        if "device_life" not in deployment.parts:
            fail("Only a provider registers devices.", code=1)
        yield deployment


def show(
    device: DeviceArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show one device: its state, its owner, its certificates and every step of its life.

    Example: `civitas devices show dev-3kd…`
    """
    with life_of(config) as life:
        found = life.devices.get(device)
        credentials, steps = life.devices.credentials(device), life.devices.history(device)
    if as_json:
        print_json(
            {
                "device_id": found.id,
                "label": found.label,
                "state": found.state.value,
                "profile": found.profile,
                "owner": found.owner.name if found.owner else None,
                "identifiers": [{"scheme": i.scheme, "value": i.value} for i in found.identifiers],
                "certificates": [
                    {"serial": c.serial, "state": c.state, "not_after": c.not_after}
                    for c in credentials
                ],
                "history": [
                    {"at": s.at, "act": s.act, "after": s.after.value, "by": s.actor_id,
                     "reason": s.reason}
                    for s in steps
                ],
            }
        )  # fmt: skip
        return
    held = f", of {found.owner.name}" if found.owner else ""
    out.print(f"{found.id}  {found.label or ''}  {found.state.value}{held}", soft_wrap=True)
    for c in credentials:
        out.print(f"certificate {c.serial}  {c.state}  until {c.not_after:%Y-%m-%d}")
    for s in steps:
        said = f"{s.at:%Y-%m-%d %H:%M}Z  {s.act}  {s.actor_id}  {s.reason}"
        out.print(said, soft_wrap=True, markup=False)


def _command(named: Act) -> Callable[..., None]:
    """The command of one act, as typer reads it: its name, its parameters and its help."""

    def command(
        device: DeviceArgument,
        reason: ReasonOption,
        dry_run: DryRunOption = False,
        config: ConfigOption = DEFAULT_CONFIG,
        as_json: JsonOption = False,
    ) -> None:
        _act(named.act, device, reason, dry_run, config, as_json)

    def final(
        device: DeviceArgument,
        reason: ReasonOption,
        yes: YesOption = False,
        dry_run: DryRunOption = False,
        config: ConfigOption = DEFAULT_CONFIG,
        as_json: JsonOption = False,
    ) -> None:
        _act(named.act, device, reason, dry_run, config, as_json, yes)

    example = f'civitas devices {named.command} dev-3kd… --reason "{named.reason}"'
    chosen = final if named.act in QUESTIONS else command
    chosen.__doc__ = f"{named.help}\n\n    Example: `{example}`"
    return chosen


def claim(
    device: DeviceArgument,
    owner_name: OwnerOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Give a transferred device its new owner; prints its one-time enrolment token, once.

    Example: `civitas devices claim dev-3kd… --owner "Tram company"`
    """
    new_owner = owner_named(owner_name)
    with registry_of(config) as deployment:
        require_known(deployment, new_owner)
        now = deployment.runtime.clock.now()
        registered = deployment.parts["devices"].claim(device, new_owner, host(), now)
        server = deployment.runtime.settings.of(Server)
    shown_once(registered, server, as_json)


def token(
    device: DeviceArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Make another one-time enrolment token for a device; earlier ones stop working.

    Example: `civitas devices token dev-3kd…`
    """
    with life_of(config) as life:
        registered = life.devices.new_token(device, host(), life.devices.runtime.clock.now())
        server = life.devices.runtime.settings.of(Server)
    shown_once(registered, server, as_json)


def owner_named(written: str) -> Owner:
    """`citizen:per_…` is a person, all else the name of an organisation."""
    kind, _, rest = written.partition(":")
    try:
        return owner(kind, rest) if kind == "citizen" else owner("organisation", written)
    except ValueError as error:
        fail(str(error))


def require_known(deployment: Deployment, its_owner: Owner) -> None:
    """A person who is to own a device is in the register."""
    if its_owner.kind == "citizen":
        register: Register = deployment.parts["register"]
        with deployment.runtime.database.read() as uow:
            if register.person(uow, its_owner.name) is None:
                fail(f"There is no person {its_owner.name} in the register.", code=1)


def shown_once(registered: Registered, server: Server, as_json: bool) -> None:
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


def checked(check: Callable[[str], str], written: str) -> str:
    """The option in its form; a bad one ends the command as a bad option does, with 2."""
    try:
        return check(written)
    except Unprocessable as refusal:
        fail(f"{refusal.description} {refusal.next_step}")


def _act(
    act: str,
    device: str,
    reason: str,
    dry_run: bool,
    config: Path,
    as_json: bool,
    yes: bool = False,
) -> None:
    reason = checked(reason_of, reason)
    with life_of(config) as life:
        seen = life.foresee(act, device)
        reached = seen.after
        if not dry_run:
            if act in QUESTIONS:
                ask_first(QUESTIONS[act], seen.device.label or device, yes)
            now = life.devices.runtime.clock.now()
            reached = life.act(act, device, host(), reason, now).state
    answer: dict[str, Any] = {
        "device_id": device,
        "act": act,
        "before": seen.device.state.value,
        "after": reached.value,
        "certificates": list(seen.certificates),
        "reason": reason,
        "changed": not dry_run,
    }
    if as_json:
        print_json(answer)
        return
    becomes = "would become" if dry_run else "is"
    told = f"{device} was {answer['before']} and {becomes} {answer['after']}"
    out.print(f"{told}; certificates concerned: {len(seen.certificates)}.", soft_wrap=True)
    if dry_run:
        out.print("Nothing was changed.")
