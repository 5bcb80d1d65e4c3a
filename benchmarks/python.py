"""Which Python is measured: one without optimisation says nothing of what an operator would see."""

from __future__ import annotations

import platform
import sys
import sysconfig

from rich.console import Console

from scripts import setup

MUCH_SLOWER = 1.1


def about() -> dict[str, object]:
    """For the results: version, where it came from, and how long plain loops take."""
    own = setup.plain_loops(sys.executable)
    return {
        "version": platform.python_version(),
        "from": sys.base_prefix,
        "compiled": sysconfig.get_config_var("OPT"),
        "plain_loops_ms": None if own is None else round(1000 * own, 2),
    }


def slower_than() -> str | None:
    """A Python of this version that is there and much faster; None where there is none."""
    own = setup.plain_loops(sys.executable)
    for other in setup.SYSTEM_PYTHONS:
        theirs = setup.plain_loops(other)
        if own is not None and theirs is not None and own > theirs * MUCH_SLOWER:
            return other
    return None


def is_fit(console: Console) -> bool:
    """Whether to measure with this one; if not, says what to do."""
    faster = slower_than()
    if faster is not None:
        console.print(
            f"This Python ({sys.base_prefix}) runs plain loops much slower than {faster}: run "
            f"`make clean` and `make setup PYTHON={faster}`, or measure it with --this-python."
        )
    return faster is None


def say(console: Console, name: str, line: str) -> None:
    """What a run is at."""
    console.print(f"[dim]{name}: {line}[/dim]")
