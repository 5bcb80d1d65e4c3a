"""`civitas ca revoke`: one certificate or thousands, or back from hold — RFC 5280 §5.3.1."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from civitas.commands.ca.from_lists import revoke_again
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    authority_of,
    err,
    fail,
    host,
    out,
    print_json,
)
from pki import Selected, Selection

SHOWN = 20


def add_to(app: typer.Typer) -> None:
    app.command("revoke")(revoke)


def revoke(
    serials: Annotated[
        list[str] | None, typer.Argument(help="Serials in hex, as openssl prints them.")
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            help="As RFC 5280 says: keyCompromise, superseded, cessationOfOperation, … ; "
            "certificateHold suspends, removeFromCRL takes that back."
        ),
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="A file of serials, one a line; # begins a remark.")
    ] = None,
    holder: Annotated[
        str | None, typer.Option(help="All of one holder, such as a device's id.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="All of one kind, such as device.")] = None,
    authority: Annotated[
        str | None, typer.Option(help="All that one authority issued, such as devices-1.")
    ] = None,
    from_list: Annotated[
        list[str] | None,
        typer.Option(
            "--from-list",
            help="Again, all that a published list of ours names: a file or an address, complete, "
            "of a partition or a delta, DER or PEM; may be repeated. Reason and date are its own.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many and which; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before thousands.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Revoke certificates: by serial, holder, profile, authority, or a file of serials.

    Criteria narrow each other. What is revoked already is left alone, so after an interruption
    run the same again. After keyCompromise nobody gets a certificate for the key again.

    After a backup was restored, `--from-list` revokes what was revoked since, also serials that the
    backup does not know; the next lists get higher numbers than those.

    Example: `civitas ca revoke --holder dev-3kd… --reason keyCompromise --dry-run`
    """
    if from_list:
        if serials or reason or file or holder or profile or authority:
            fail("--from-list says which and why by itself; leave the others out.", code=1)
        revoke_again(from_list, dry_run=dry_run, yes=yes, config=config, as_json=as_json)
        return
    if not reason:
        fail("Say why: --reason keyCompromise, superseded, cessationOfOperation, …", code=1)
    named = (*(serials or ()), *(_in(file) if file is not None else ()))
    if file is not None and not named:
        fail(f"{file} holds no serial.", code=1)
    wanted = Selection(named, holder, profile, authority)
    with authority_of(config) as (ca, deployment):
        clock = deployment.runtime.clock
        found = list(ca.mass_revocation.select(wanted, reason, clock.now()))
        unknown = ca.mass_revocation.unknown(wanted)
        if not found and not unknown and ca.mass_revocation.is_nobody(wanted):
            fail("No certificate of this deployment fits; nothing was changed.", code=1)
        if dry_run:
            _show(found, unknown, reason, as_json)
            return
        if len(found) > 1 and not yes:
            if as_json:
                fail(f"{len(found)} certificates: add --yes, or look with --dry-run.", code=1)
            typer.confirm(f"Revoke {len(found)} certificates ({reason})?", abort=True, err=True)
        done = ca.mass_revocation.revoke(
            wanted, reason, host(), clock, lambda n: _progress(n, len(found))
        )
    if as_json:
        print_json({"reason": reason, "changed": done, "unknown": unknown})
    else:
        out.print(f"{done} changed ({reason}).")
    _refuse(unknown)


def _show(found: list[Selected], unknown: list[str], reason: str, as_json: bool) -> None:
    if as_json:
        listed = [asdict(one) for one in found]
        print_json(
            {
                "reason": reason,
                "count": len(found),
                "certificates": listed,
                "unknown": unknown,
            }
        )
    else:
        for one in found[:SHOWN]:
            out.print(f"{one.serial}  {one.profile}  {one.holder}", soft_wrap=True)
        if len(found) > SHOWN:
            out.print(f"… and {len(found) - SHOWN} more; --json lists all.")
        out.print(f"{len(found)} would change. Nothing was changed.")
    _refuse(unknown)


def _refuse(unknown: list[str]) -> None:
    """What could be done is done; that not everything could is no success."""
    if unknown:
        named = ", ".join(unknown[:SHOWN]) + (", …" if len(unknown) > SHOWN else "")
        fail(f"{len(unknown)} not issued here: {named}. Compare the serials.", code=1)


def _progress(done: int, of: int) -> None:
    if of > 1:
        err.print(f"{done} of {of}")


def _in(file: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if line]
