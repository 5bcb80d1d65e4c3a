"""`civitas conformance`: which test holds which control, and when it last failed without it."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from civitas.commands.console import JsonOption, out, print_json


def add_to(app: typer.Typer) -> None:
    app.command()(conformance)


def conformance(as_json: JsonOption = False) -> None:
    """List the controls of ISO/IEC 29115, in our words: the test that holds each, and the day and
    commit at which that test noticed that the control was taken out.

    Duties of the organisation are named as such: no program can show them. Exit code 1 tells that a
    control is held by nothing yet.

    Example: `civitas conformance --json`
    """
    from policies import conformance as rows

    found = rows()
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        table = Table("Control", "Levels", "Must hold", "Held by", "Last red")
        for row in found:
            levels = "–".join(dict.fromkeys((str(row.levels[0]), str(row.levels[-1]))))
            held = {"held": row.test, "open": "nothing yet", "duty": "the organisation"}[row.state]
            table.add_row(row.id, levels, row.text, held, row.last_red)
        out.print(table)
        counts = [sum(row.state == state for row in found) for state in ("held", "open", "duty")]
        out.print(
            f"{counts[0]} held by a test, {counts[1]} held by nothing yet, {counts[2]} duties of "
            "the organisation. A licensed copy must be compared before anyone claims conformance."
        )
    if any(row.state == "open" for row in found):
        raise typer.Exit(1)
