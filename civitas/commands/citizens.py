"""`civitas citizens`: import people, look them up, act on an identity (`citizen_acts`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress as Bar
from rich.table import Table

from civitas.commands import citizen_acts
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    DryRunOption,
    JsonOption,
    deployment_of,
    err,
    fail,
    out,
    print_json,
)
from civitas.deployment import Deployment
from foundation import secret_file
from foundation.audit import SYSTEM
from idp.register import RefusedRow, Remark

app = typer.Typer(help="Import people, look them up, suspend them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Import people, look them up, suspend them."""


citizen_acts.add_to(app)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A .csv or .json file of the civil register.")],
    refused_to: Annotated[
        Path | None,
        typer.Option("--refused", help="Write the refused rows there, to mend; a new file."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Also change records of people who are there.")
    ] = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Enrol the people in FILE, row by row; refused rows are listed with the reason, and so is what
    was left out of a person, such as an e-mail address that is none.

    Each row is done wholly or not at all. Run the same command again after an interruption: it
    goes on where it stopped. Exit code 1 tells that rows were refused. `--refused` writes these as
    they came, each with all that is wrong with it: mend that file, and import it.

    With `--update` a row about somebody who is in the register changes their record, as far as the
    proofing policies let a file do so; names and birth dates wait for a second officer. `--dry-run`
    says what would happen, and does nothing. A row with a `date_of_death` closes an identity.

    Example: `civitas citizens import residents.csv --refused to-mend.csv`
    """
    if not file.is_file():
        fail(f"{file} is not a file; name a .csv or .json file of the civil register.")
    if refused_to is not None and refused_to.exists():
        fail(f"{refused_to} exists already: name a file that does not.")
    with deployment_of(config) as deployment:
        if "importer" not in deployment.parts:
            fail("Only a provider enrols citizens.", code=1)
        if dry_run:
            _foresee(deployment, file, update, as_json)
            return
        accepted, refused, remarks, outcomes = _run(deployment, file, refused_to, update)
    if as_json:
        print_json(
            {
                "accepted": accepted,
                **outcomes,
                "refused": [vars_of(row) for row in refused],
                "remarks": [vars_of(told) for told in remarks],
            }
        )
    else:
        _show(file, outcomes["enrolled"], refused, remarks)
        if update:
            out.print(
                f"{outcomes['changed']} records were changed, {outcomes['waiting']} wait for a "
                f"second officer, {outcomes['unchanged']} are as they were, {outcomes['closed']} "
                "were closed, since their owners have died."
            )
    if refused:
        raise typer.Exit(1)


def vars_of(row: RefusedRow | Remark) -> dict[str, Any]:
    told: dict[str, Any] = {
        "line": row.line,
        "field": row.field,
        "reason": row.reason,
        "what_to_do": row.what_to_do,
    }
    if isinstance(row, RefusedRow):
        told["errors"] = [asdict(fault) for fault in row.faults]
    return told


def _run(
    deployment: Deployment, file: Path, refused_to: Path | None, update: bool
) -> tuple[int, list[RefusedRow], list[Remark], dict[str, int]]:
    importer = deployment.parts["importer"]
    import_id, accepted = "", 0
    with Bar(console=err, transient=True) as bar:
        task = bar.add_task(f"importing {file.name}", total=None)
        for progress in importer.run(file.read_bytes(), file.name, updates=update):
            import_id, accepted = progress.import_id, progress.accepted
            bar.update(task, total=progress.total, completed=progress.done)
    refused: list[RefusedRow] = []
    while import_id:
        more = importer.refused(import_id, after=refused[-1].line if refused else 0)
        if not more:
            break
        refused.extend(more)
    remarks: list[Remark] = []
    while import_id and (told := importer.remarks(import_id, skip=len(remarks))):
        remarks.extend(told)
    if refused and refused_to is not None:
        _, content = importer.refused_file(import_id, SYSTEM)
        secret_file.create(refused_to, content, "The file of refused rows")
    report = importer.report(import_id)
    outcomes = {
        "enrolled": report.enrolled,
        "changed": report.changed,
        "waiting": report.waiting,
        "unchanged": report.unchanged,
        "closed": report.closed,
    }
    return accepted, refused, remarks, outcomes


def _foresee(deployment: Deployment, file: Path, update: bool, as_json: bool) -> None:
    """What an import would do: numbers, and the names of fields; values are the officers'."""
    importer = deployment.parts["importer"]
    counts = dict.fromkeys(("enrolled", "changed", "waiting", "unchanged", "closed"), 0)
    refused: list[RefusedRow] = []
    changes: list[dict[str, Any]] = []
    for row in importer.foresee(file.read_bytes(), file.name, updates=update):
        if isinstance(row, RefusedRow):
            refused.append(row)
            continue
        counts[row.outcome] += 1
        if row.changes:
            fields = [change.field for change in row.changes]
            changes.append({"line": row.line, "outcome": row.outcome, "fields": fields})
    if as_json:
        told = [vars_of(row) for row in refused]
        print_json({**counts, "changes": changes, "refused": told, "done": False})
    else:
        for change in changes:
            out.print(f"line {change['line']}: {', '.join(change['fields'])} ({change['outcome']})")
        out.print(", ".join(f"{number} {name}" for name, number in counts.items()), end="")
        out.print(f", {len(refused)} refused. Nothing was done.")
        if refused:
            out.print(_table(refused))
    if refused:
        raise typer.Exit(1)


def _show(file: Path, accepted: int, refused: list[RefusedRow], remarks: list[Remark]) -> None:
    out.print(f"{accepted} people of {file.name} are enrolled, {len(refused)} rows were refused.")
    if refused:
        out.print(_table(refused))
    if remarks:
        out.print("Enrolled all the same, or read as it says here:")
        out.print(_table(remarks))


def _table(rows: Sequence[RefusedRow | Remark]) -> Table:
    table = Table(box=None)
    for heading in ("line", "field", "reason", "what to do"):
        table.add_column(heading)
    for row in rows:
        for told in row.faults if isinstance(row, RefusedRow) else (row,):
            table.add_row(str(row.line), told.field, told.reason, told.what_to_do)
    return table
