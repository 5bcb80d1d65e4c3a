"""A wire to a database that can stand still: connected, and nothing comes through."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from sqlalchemy.engine import make_url


class Relay:
    """Carries bytes between a port of this machine and PostgreSQL's Unix socket."""

    def __init__(self, url: str) -> None:
        to = make_url(url)
        self._to = str(Path(str(to.query["host"])) / ".s.PGSQL.5432")
        self._flows = Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        there = to.set(host="127.0.0.1", port=port, query={})
        self.url = there.render_as_string(hide_password=False)
        Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def still(self) -> Iterator[None]:
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    def close(self) -> None:
        self._flows.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._to)
            for pair in ((here, there), (there, here)):
                Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while sent := here.recv(65536):
                self._flows.wait()
                there.sendall(sent)
        for end in (here, there):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
