"""Runs `civitas` with a trap: the process dies, as by SIGKILL, where it is told to.

    python tests/chaos/killer.py MOMENT FUNCTION NTH civitas-arguments…

MOMENT says when, of the NTH call of FUNCTION (a dotted name): `before` it, `after` it, or
`before commit` and `after commit` of the unit of work in which it was called. No handler, no
`finally` and no rollback of ours runs. The product knows nothing of this.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from foundation.database import Database, UnitOfWork

_calls = 0
_here = threading.local()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process goes on")


def place(dotted: str) -> tuple[Any, str]:
    """The module or class that holds the name, and the name."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            holder: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:-1]:
            holder = getattr(holder, name)
        return holder, parts[-1]
    raise LookupError(dotted)


def lay_trap(moment: str, dotted: str, nth: int) -> None:
    holder, name = place(dotted)
    original = getattr(holder, name)

    def trapped(*arguments: Any, **named: Any) -> Any:
        global _calls
        _calls += 1
        mine = _calls == nth
        if mine and moment == "before":
            die()
        result = original(*arguments, **named)
        if mine and moment == "after":
            die()
        _here.armed = mine or getattr(_here, "armed", False)
        return result

    setattr(holder, name, trapped)
    if moment.endswith("commit"):
        _watch_commits(moment)


def _watch_commits(moment: str) -> None:
    original = Database.write

    @contextmanager
    def write(self: Database) -> Iterator[UnitOfWork]:
        with original(self) as uow:
            yield uow
            if moment == "before commit" and getattr(_here, "armed", False):
                die()
        if getattr(_here, "armed", False):
            die()

    Database.write = write  # type: ignore[method-assign]


if __name__ == "__main__":
    lay_trap(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    sys.argv = ["civitas", *sys.argv[4:]]
    from civitas.cli import main

    main()
