"""Commands of the operator's, each in a process forked from one that has loaded the program.

To load it takes most of a command's time, and a tour gives dozens of them.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

_PATIENCE = 300.0
"""Seconds until a process counts as stuck."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["civitas.cli", "civitas.app"])


def run(*arguments: str) -> tuple[int, str, str]:
    """`civitas` with these arguments: its exit code, what it printed, what it complained of."""
    return in_fork(_civitas, arguments)


def in_fork(act: Callable[..., None], arguments: tuple[str, ...]) -> tuple[int, str, str]:
    """Act in a process of its own: its exit code, what it printed, what it complained of.

    `act` is a function of a module, `arguments` are its `sys.argv[1:]`. It sees the environment and
    the folder of whoever calls. Raises TimeoutError.
    """
    with tempfile.TemporaryDirectory(prefix="civitas-command-") as folder:
        printed, complained = Path(folder) / "printed", Path(folder) / "complained"
        place = (dict(os.environ), Path.cwd(), printed, complained)
        process = _processes.Process(target=_there, args=(act, arguments, *place))
        process.start()
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{' '.join(arguments)}: longer than {_PATIENCE:.0f} s")
        read = (file.read_text() if file.exists() else "" for file in (printed, complained))
        return process.exitcode, *read  # type: ignore[return-value]


def _there(
    act: Callable[..., None],
    arguments: tuple[str, ...],
    environment: dict[str, str],
    folder: Path,
    printed: Path,
    complained: Path,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for file, number in ((printed, 1), (complained, 2)):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["civitas", *arguments]
    act()


def _civitas() -> None:
    runpy.run_module("civitas", run_name="__main__")
