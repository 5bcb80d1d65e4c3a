"""A pgbouncer in transaction mode before a PostgreSQL of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.support.postgresql import PostgreSQL

INI = """
[databases]
* = host={host} user=postgres
[pgbouncer]
pool_mode = {mode}
auth_type = any
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
logfile = {folder}/log
default_pool_size = {size}
max_client_conn = 500
{more}
"""
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"


def program() -> str | None:
    """Where pgbouncer is; None if it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{SBIN}")


class PgBouncer:
    """Reached over a Unix socket; `url` is that of the same database through it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, direct: str) -> str:
        query = {"host": str(self.folder), "port": "6432"}
        return make_url(direct).set(query=query).render_as_string(hide_password=False)


@contextmanager
def running(
    server: PostgreSQL, *, mode: str = "transaction", size: int = 5, more: str = ""
) -> Iterator[PgBouncer]:
    """So few connections that whoever keeps anything on one of them meets somebody else's."""
    found = program()
    assert found is not None, "pgbouncer is not installed"
    folder = Path(tempfile.mkdtemp(prefix="civitas-pool-", dir="/tmp"))
    file = folder / "pgbouncer.ini"
    file.write_text(
        INI.format(host=server.host, mode=mode, folder=folder, size=size, more=more),
        encoding="utf-8",
    )
    command = [found, "-q", str(file)]
    if os.getuid() == 0:  # it refuses to be root: it is whoever the server is
        owner = server.data.owner()
        shutil.chown(folder, owner)
        command[1:1] = ["-u", owner]
    folder.chmod(0o755)
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait(folder, process)
        yield PgBouncer(folder)
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _connect(folder: Path) -> None:
    psycopg.connect(
        host=str(folder), port=6432, user="postgres", dbname="postgres", connect_timeout=3
    ).close()


def _wait(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            _connect(folder)
        except psycopg.OperationalError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        else:
            return
