"""`civitas documents`: which kinds there are, and many of one issuer from a file."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    deployment_of,
    err,
    fail,
    out,
    print_json,
)
from civitas.deployment import Deployment
from documents.locker import Imported, Locker, RefusedLine, import_lines
from foundation.audit import SYSTEM
from foundation.nearest import instead

app = typer.Typer(help="Documents that offices make out.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Documents that offices make out."""


@app.command()
def kinds(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List issuers and the kinds of documents that they make out.

    Example: `civitas documents kinds`
    """
    with deployment_of(config) as deployment:
        found = list(_locker(deployment).kinds.kinds.values())
        issuers = _locker(deployment).kinds.issuers
    if as_json:
        print_json([kind.model_dump(mode="json") for kind in found])
        return
    if not found:
        out.print("No office makes out documents here: write [documents] kinds in civitas.toml.")
        return
    table = Table("Issuer", "Kind", "Title", "Level", "Of use for")
    for kind in found:
        issuer = issuers[kind.issuer]
        said = (f"{issuer.name} ({issuer.id})", kind.id, kind.title, str(kind.level))
        table.add_row(*said, ", ".join(kind.purposes))
    out.print(table)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="JSON Lines: an object a line.")],
    issuer: Annotated[str, typer.Option(help="Whose documents these are, by the issuer's id.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make out the documents in FILE, line by line; refused lines are listed with the reason.

    Each line has what a program would send: kind, number, civil_number, name, birthdate, content.
    Each is done wholly or not at all; what is there already stays. Run the same command again after
    an interruption. Exit code 1 tells that lines were refused.

    Example: `civitas documents import diplomas.jsonl --issuer university`
    """
    if not file.is_file():
        fail(f"{file} is not a file; name one of JSON Lines.")
    with deployment_of(config) as deployment:
        locker = _locker(deployment)
        found = locker.kinds.issuers.get(issuer)
        if found is None:
            known = locker.kinds.issuers
            what = instead(issuer, known) if known else "Write [[issuer]] in [documents] kinds."
            fail(f"There is no issuer {issuer!r}. {what}", code=1)
        locker.ready(deployment.runtime.clock.now())
        made: list[Imported] = []
        refused: list[RefusedLine] = []
        with (
            file.open(encoding="utf-8", errors="replace") as lines,
            Progress(console=err, disable=not sys.stderr.isatty()) as bar,
        ):
            total = sum(1 for _ in lines)
            lines.seek(0)
            task = bar.add_task("Documents", total=total)
            for told in import_lines(locker.issuing, found, lines, SYSTEM):
                bar.update(task, completed=told.line)
                if isinstance(told, Imported):
                    made.append(told)
                else:
                    refused.append(told)
    new = sum(one.is_new for one in made)
    if as_json:
        print_json(
            {"new": new, "there": len(made) - new, "refused": [asdict(one) for one in refused]}
        )
    else:
        out.print(f"{new} documents are new, {len(made) - new} were there.")
        for one in refused:
            where = f" ({one.where})" if one.where else ""
            out.print(
                f"line {one.line}{where}: {one.reason} {one.what_to_do}",
                markup=False, soft_wrap=True,
            )  # fmt: skip
    if refused:
        raise typer.Exit(1)


def _locker(deployment: Deployment) -> Locker:
    found = deployment.parts.get("documents")
    if not isinstance(found, Locker):
        fail("Only a provider keeps documents.", code=1)
    return found
