"""Processes whose clock is wrong (libfaketime), and a relay that spreads connections over nodes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from select import select

_KEPT, _CLOSED = b"Connection: keep-alive", b"Connection: close"
"""A client of plain HTTP is told to come anew for each request, so each goes to the next node."""


def library() -> Path:
    """libfaketime for programs with threads, wherever this machine's Debian keeps it."""
    (found,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return found


def wrong_clock(offset: str | Path) -> dict[str, str]:
    """The environment of a process whose clock differs by `offset` ("+10m"), or by what a file
    says, which may change while it runs. The clock that nobody sets is left as it is."""
    said = {"FAKETIME_TIMESTAMP_FILE": str(offset)} if isinstance(offset, Path) else {}
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
        **(said or {"FAKETIME": str(offset)}),
    }


@contextmanager
def relay(port: int, nodes: Sequence[int]) -> Iterator[None]:
    """Listen on `port` of 127.0.0.1, and pass each connection on to the next of `nodes`."""
    stop, numbers = threading.Event(), count()
    with closing(socket.create_server(("127.0.0.1", port))) as listener:
        listener.settimeout(0.2)

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError, OSError):
                    client, _ = listener.accept()
                    node = nodes[next(numbers) % len(nodes)]
                    threading.Thread(target=_pass, args=(client, node), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _pass(client: socket.socket, node: int) -> None:
    with closing(client), closing(socket.create_connection(("127.0.0.1", node))) as server:
        while True:
            ready, _, _ = select([client, server], [], [], 60)
            if not ready:
                return
            for source in ready:
                try:
                    data = source.recv(65536)
                    if source is client:
                        server.sendall(data.replace(_KEPT, _CLOSED, 1))
                    else:
                        client.sendall(data)
                except OSError:
                    return
                if not data:
                    return
