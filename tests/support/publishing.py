"""Lists, answers and authorities on a plain HTTP listener, as certificates name it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from civitas.connection import Connection
from foundation.clock import SystemClock
from pki import PkiSettings
from tests.support import deployments
from tests.support.devices import Town, build_town, found_city


@dataclass
class Publishing:
    """A plain HTTP listener, as certificates name it, and a folder for the client."""

    town: Town
    url: str
    folder: Path

    def run(self, *command: str, ok: bool | None = True) -> str:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )
        if ok is not None:
            assert (done.returncode == 0) == ok, (command, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def write(self, name: str, *certificates: x509.Certificate) -> str:
        pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
        (self.folder / name).write_bytes(pem)
        return name

    def fetch(self, certificate_or_path: str, name: str) -> str:
        self.run("curl", "-sSf", "-o", name, self.url + certificate_or_path)
        return name

    def as_pem(self, *files: str) -> str:
        for file in files:
            self.run("openssl", "crl", "-inform", "DER", "-in", file, "-out", f"{file}.pem")
        joined = b"".join((self.folder / f"{file}.pem").read_bytes() for file in files)
        (self.folder / "lists.pem").write_bytes(joined)
        return "lists.pem"


@contextmanager
def publishing_in(folder: Path) -> Iterator[Publishing]:
    """A town whose certificates name this listener."""
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(folder, PkiSettings(url=url))
    runtime = deployments.build_runtime(settings, SystemClock())
    town = build_town(found_city(runtime))
    config = uvicorn.Config(
        town.app, host="127.0.0.1", port=port, http=Connection, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the listener did not start"
        threading.Event().wait(0.02)
    found = Publishing(town, url, folder)
    found.write("ca.pem", *town.city.authority.authorities())
    try:
        yield found
    finally:
        server.should_exit = True
        thread.join()
        runtime.close()
