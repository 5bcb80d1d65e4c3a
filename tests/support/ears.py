"""Services that hear of sign-outs: real sockets on this machine, and what came to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


class Ears:
    """One listener for many services, each at a path of its own.

    `heard`: (path, logout token) in the order in which they came. `says`: the status of a path.
    `silent`: paths that take what comes and never answer, until `wake` is set.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.says: dict[str, int] = {}
        self.silent: set[str] = set()
        self.wake = threading.Event()
        self.url = ""

    def tokens(self, path: str) -> list[str]:
        return [token for where, token in self.heard if where == path]


@contextmanager
def listening() -> Iterator[Ears]:
    ears = Ears()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            form = parse_qs(body.decode(), strict_parsing=True)
            assert set(form) == {"logout_token"}
            ears.heard.append((self.path, form["logout_token"][0]))
            if self.path in ears.silent:
                ears.wake.wait(30)
            self.send_response(ears.says.get(self.path, 200))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        ears.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield ears
        ears.wake.set()
        server.shutdown()
