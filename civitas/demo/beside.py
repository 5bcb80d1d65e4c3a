"""Whether a demo can start beside what runs already: its folder is its own, its ports are free.

All of it is looked at before anything is made, and each refusal says what to type instead.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from civitas.demo.city import Place

_LOCK = "running"
HIGHEST = 65_535
_HOSTS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class CannotStart(RuntimeError):
    """Why not, and what to do; nothing was changed."""


@contextmanager
def alone_in(folder: Path, where: str, instead: str) -> Iterator[None]:
    """Hold the folder for one demo. Raises CannotStart, with the address of the one that runs.

    The system lets go of it with the process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / _LOCK).open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.seek(0)
            raise CannotStart(
                f"A demo already runs in {folder}: {held.read().strip() or where}\n"
                f"Go there, or start another one beside it: {instead}"
            ) from None
        held.truncate(0)
        held.write(f"{where} (process {os.getpid()})\n")
        held.flush()
        yield


def check_ports(wanted: Mapping[str, int], instead: str) -> None:
    """Raises CannotStart that names every port which somebody else listens on."""
    taken = [f"  {port}, for {what}" for what, port in wanted.items() if not is_free(port)]
    if taken:
        these = "These ports are" if len(taken) > 1 else "This port is"
        raise CannotStart(
            f"{these} in use by another program:\n"
            + "\n".join(taken)
            + f"\nNothing was started. Use other ports: {instead}"
        )


def check_addresses(folder: Path, places: Iterable[Place]) -> None:
    """What was set up for other ports cannot be moved: its address is in what it signed."""
    for place in places:
        config = folder / place.name / "civitas.toml"
        if not config.exists():
            continue
        with suppress(tomllib.TOMLDecodeError, KeyError):
            url = tomllib.loads(config.read_text(encoding="utf-8"))["server"]["url"]
            if urlsplit(url).port != place.port:
                raise CannotStart(
                    f"{folder} was made for {url}, by an earlier version. Nothing was started.\n"
                    f"Delete that folder to start anew: rm -r {folder}"
                )


def free_base(offsets: Iterable[int], first: int) -> int:
    """The first round number from which all these ports are free, `first` and those after it."""
    offsets = tuple(offsets)
    for base in range(first, HIGHEST - max(offsets), 100):
        if all(is_free(base + offset) for offset in offsets):
            return base
    return first


def is_free(port: int) -> bool:
    """Whether nobody listens there, by either kind of address, and we may."""
    for family, host in _HOSTS:
        with suppress(OSError), socket.socket(family) as caller:
            caller.settimeout(1)
            if caller.connect_ex((host, port)) == 0:
                return False
    with socket.socket() as listener:
        # Connections of an earlier demo that are still closing are no reason.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
