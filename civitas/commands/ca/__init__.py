"""`civitas ca`: the certification authorities, for those who run them."""

from __future__ import annotations

import typer

from civitas.commands.ca import (
    board,
    ceremony,
    changeover,
    compromise,
    crl,
    installing,
    issue,
    keys,
    listing,
    revoke,
    rollover,
)

app = typer.Typer(help="Run the certification authorities.", no_args_is_help=True)
for command in (
    board, listing, issue, revoke, crl, keys,
    rollover, changeover, ceremony, installing, compromise,
):  # fmt: skip
    command.add_to(app)


@app.callback()
def group() -> None:
    """Run the certification authorities."""
