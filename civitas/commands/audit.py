"""`civitas audit`: verify the tree, from the rows or as an outsider; resume after a restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import httpx
import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    fail,
    out,
    print_json,
)
from foundation.audit.checkpoint import COSIGNATURE, InvalidCheckpoint, VerifierKey
from foundation.audit.log import TreeBroken
from foundation.audit.report import Report
from foundation.audit.verify_public import verify_from_outside

app = typer.Typer(help="Verify the audit.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Verify the audit."""


@app.command()
def verify(
    url: Annotated[
        str | None,
        typer.Option(help="Verify that deployment as an outsider, over HTTP; needs no access."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The verifier key that you noted earlier (with --url).")
    ] = None,
    known: Annotated[
        Path | None, typer.Option(help="A file with a checkpoint of this log that you kept.")
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of a witness that must have cosigned (with --url)."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Recompute the tree and compare it with its signed checkpoints; exit code 1 if it differs.

    With the database at hand, also with the marks outside of it: the one in the store of person
    keys, and the file of `[audit] mark_file`.

    Example: `civitas audit verify --url https://id.example.city`
    """
    kept = None
    if known is not None:
        try:
            kept = known.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            fail(f"{known} cannot be read ({error}): name a file with a checkpoint.")
    if not url and (key or witness):
        fail("--key and --witness are for an outsider: name the deployment by --url.")
    if url:
        try:
            cosigners = [VerifierKey.parse(text, COSIGNATURE) for text in witness or ()]
        except InvalidCheckpoint as error:
            fail(f"--witness: {error}.")
        with httpx.Client(timeout=30) as client:
            report = verify_from_outside(url.rstrip("/"), client, key, kept, cosigners)
    else:
        with deployment_of(config) as deployment:
            report = deployment.runtime.audit.tree.verify(kept)
    _show(report, as_json)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def resume(
    reason: Annotated[
        str, typer.Option(help="Why the database is older than its log; goes on record.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let the log go on after a database was restored that is older than what was signed.

    Nothing is signed while the high-water mark outside of the database knows more than the
    database does. This lowers the mark to what is there, and records it: the event
    `audit.resumed` keeps the old mark. Whoever kept a checkpoint sees that the tree shrank: tell
    them and the witnesses.

    Example: `civitas audit resume --reason "restored the backup of 2 March after a fire"`
    """
    if not reason.strip():
        fail("Say why by --reason: it goes on record.")
    with deployment_of(config) as deployment:
        runtime = deployment.runtime
        try:
            before, now_on = runtime.audit.tree.resume(reason.strip(), runtime.clock.now())
        except TreeBroken as error:
            fail(f"{error}.", code=1)
    if before == now_on:
        # No failure: a step of every restore, of which this is one of the two good ends.
        out.print(f"Nothing to resume: all marks agree with the database ({before.size} leaves).")
        return
    out.print(
        f"The log goes on from {now_on.size} leaves; {before.size} had been signed. This is on "
        "record. Tell whoever keeps your checkpoints.",
        soft_wrap=True,
    )


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": report.ok,
                "tree_size": report.tree_size,
                "waiting": report.waiting,
                "problems": list(report.problems),
                "notes": list(report.notes),
            }
        )
        return
    waiting = "" if report.waiting is None else f", {report.waiting} wait for theirs"
    out.print(f"{report.tree_size} events have their leaf{waiting}.")
    for problem in report.problems:
        out.print(problem, style="red", markup=False, soft_wrap=True)
    for note in report.notes:
        out.print(note, markup=False, soft_wrap=True)
    if report.ok:
        out.print("The tree is what was signed.")
