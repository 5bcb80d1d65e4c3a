"""An application on a socket of its own, for clients that need one: browsers, stock libraries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, port: int, **more: Any) -> Iterator[None]:
    """It answers at this port of 127.0.0.1 for the time of the block; `more` is for uvicorn."""
    settings = {"host": "127.0.0.1", "port": port, "log_level": "error", **more}
    server = uvicorn.Server(uvicorn.Config(app, **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the listener did not start"
        thread.join(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
