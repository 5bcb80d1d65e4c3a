"""`civitas demo`: a city on this machine, for looking around."""

import typer


def add_to(app: typer.Typer) -> None:
    pass
