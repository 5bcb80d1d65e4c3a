"""`civitas ca`: the certification authorities, for those who run them."""

from __future__ import annotations

import typer

from civitas.commands.ca import ceremony, crl, installing, keys, listing, revoke

app = typer.Typer(help="Run the certification authorities.", no_args_is_help=True)
for command in (listing, installing, ceremony, revoke, crl, keys):
    command.add_to(app)


@app.callback()
def group() -> None:
    """Run the certification authorities."""
