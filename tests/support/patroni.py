"""A pair of PostgreSQL kept by Patroni, with one etcd: whoever leads dies as a machine does."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.support.deployments import free_port

TTL = 20
"""Seconds until a leader that says nothing is none any more; Patroni allows no fewer."""
CONFIG = {
    "bootstrap": {
        "dcs": {
            "ttl": TTL,
            "loop_wait": 2,
            "retry_timeout": 3,
            "synchronous_mode": True,
            "postgresql": {"parameters": {"max_connections": 200, "shared_buffers": "64MB"}},
        },
        "initdb": [{"encoding": "UTF8"}, {"auth-host": "trust"}, {"auth-local": "trust"}],
    },
    "watchdog": {"mode": "off"},
}


def missing() -> str | None:
    """Why there can be no pair here; None if there can."""
    for program, package in (("patroni", "patroni"), ("etcd", "etcd-server")):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian package {package})"
    if _programs() is None:
        return "PostgreSQL is not installed (Debian package postgresql)"
    if os.getuid() == 0 and _unprivileged() is None:
        return "there is no user postgres to run PostgreSQL as"
    return None


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _unprivileged() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


class Node:
    """One machine: Patroni, and the PostgreSQL that it runs."""

    def __init__(self, pair: Pair, name: str) -> None:
        self._pair = pair
        self.name = name
        self.port, self.rest = free_port(), free_port()
        self.folder = pair.folder / name
        self.folder.mkdir()
        pair.give(self.folder)
        at = f"127.0.0.1:{self.port}"
        config = {
            **CONFIG,
            "scope": "civitas",
            "name": name,
            "etcd3": {"host": pair.etcd},
            "restapi": {
                "listen": f"127.0.0.1:{self.rest}",
                "connect_address": f"127.0.0.1:{self.rest}",
            },
            "postgresql": {
                "listen": at,
                "connect_address": at,
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(_programs()),
                "pgpass": str(self.folder / "pgpass"),
                "pg_hba": [
                    "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                },
                "parameters": {"unix_socket_directories": str(self.folder)},
            },
        }
        file = self.folder / "patroni.yml"
        file.write_text(json.dumps(config), encoding="utf-8")  # which is YAML, too
        self._patroni = pair.start("patroni", str(file), log=self.folder / "log")

    def says(self, what: str) -> bool:
        """Whether Patroni answers 200 at this path of its REST API."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.rest}/{what}", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def die(self) -> None:
        """As a machine that loses its power: nobody is told anything."""
        self._patroni.send_signal(signal.SIGKILL)
        self._patroni.wait()
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Patroni stops its PostgreSQL."""
        self._patroni.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._patroni.wait(20)
        if self._patroni.poll() is None:
            self.die()


class Pair:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.give(folder)
        client, peer = free_port(), free_port()
        self.etcd = f"127.0.0.1:{client}"
        among = f"http://127.0.0.1:{peer}"
        self._etcd = self.start(
            "etcd", "--name", "one", "--data-dir", str(folder / "etcd"), "--logger", "zap",
            "--listen-client-urls", f"http://{self.etcd}",
            "--advertise-client-urls", f"http://{self.etcd}",
            "--listen-peer-urls", among, "--initial-advertise-peer-urls", among,
            "--initial-cluster", f"one={among}",
            log=folder / "etcd.log",
        )  # fmt: skip
        self.nodes = [Node(self, "n1")]
        self.wait(lambda: self.nodes[0].says("primary"))
        self.nodes.append(Node(self, "n2"))
        self.wait(lambda: self.nodes[1].says("synchronous"))

    def url(self) -> str:
        """Both, whoever leads."""
        hosts = "&".join(f"host=127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql+psycopg://postgres@/postgres?{hosts}"

    def leader(self) -> Node | None:
        return next((node for node in self.nodes if node.says("primary")), None)

    def give(self, folder: Path) -> None:
        """To whoever runs PostgreSQL, which refuses to be root."""
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")

    def start(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        user = _unprivileged() if os.getuid() == 0 else None
        with log.open("ab") as file:
            return subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )

    def wait(self, true: object, seconds: float = 90) -> None:
        assert callable(true)
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, self._logs()
            time.sleep(0.1)

    def _logs(self) -> str:
        files = [self.folder / "etcd.log", *self.folder.glob("*/log")]
        return "\n".join(file.read_text(errors="replace")[-1500:] for file in files)

    def stop(self) -> None:
        for node in reversed(self.nodes):
            node.stop()
        self._etcd.kill()
        self._etcd.wait()


@contextmanager
def pair() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="civitas-ha-", dir="/tmp"))
    folder.chmod(0o755)
    made = None
    try:
        made = Pair(folder)
        yield made
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)
