"""The real listeners of a town, for clients that we did not write: TLS, client certificates."""

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

from civitas.server import spoken
from civitas.tls import TlsListener
from device_registry import DevicesSettings
from foundation.clock import Clock, SystemClock
from pki.linking import Linking
from tests.support import deployments
from tests.support.devices import City, Town, build_town, certificates_in, found_city


@dataclass
class Listening:
    """The real listeners, TLS and client certificates included, and a folder for the client.

    `linking` is the port of the one that stops at TLS 1.2.
    """

    city: City
    url: str
    linking: int
    folder: Path

    def run(self, *command: str, ok: bool = True, stdin: bytes | None = None) -> bytes:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, check=False, input=stdin, timeout=60
        )
        if ok:
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


@contextmanager
def listening_in(folder: Path, clock: Clock | None = None) -> Iterator[Listening]:
    """A town behind both of its listeners, with the files that a client needs."""
    clock = clock or SystemClock()
    soon = DevicesSettings(approval_retry_seconds=1)
    runtime = deployments.build_runtime(deployments.settings_in(folder, soon), clock)
    town = build_town(found_city(runtime))
    made = town.city.authority.issue_server_certificate(["localhost", "127.0.0.1"])
    (folder / "server.pem").write_bytes(made.chain_pem)
    (folder / "server.key").write_bytes(made.key_pem)
    (folder / "ca.pem").write_bytes(town.city.authority.trust_anchors())
    for n, certificate in enumerate(town.city.authority.authorities()):
        (folder / f"ca{n}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    port, linking_port = deployments.free_port(), deployments.free_port()
    town.city.pki.linking = Linking(f"127.0.0.1:{linking_port}", required=False)
    ordinary = listener(town, folder, port)
    with ordinary, listener(town, folder, linking_port, linking=True):
        yield Listening(town.city, f"https://localhost:{port}", linking_port, folder)
    runtime.close()


@contextmanager
def listener(town: Town, folder: Path, port: int, *, linking: bool = False) -> Iterator[None]:
    files = folder / "server.pem", folder / "server.key"
    config = uvicorn.Config(
        town.app,
        host="127.0.0.1",
        port=port,
        http=spoken(TlsListener(*files, linking=linking)),  # type: ignore[arg-type]
        lifespan="off",
        log_level="warning",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the listener did not start"
        threading.Event().wait(0.02)
    yield
    server.should_exit = True
    thread.join()


def openssl_request(listening: Listening, device_id: str, name: str = "device") -> None:
    listening.run(
        "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{name}.key", "-subj", f"/CN={device_id}", "-out", f"{name}.csr",
    )  # fmt: skip


def openssl_verifies(listening: Listening, name: str) -> None:
    said = listening.run(
        "openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", name
    )
    assert said == f"{name}: OK\n".encode()


def kept(listening: Listening, answer: bytes, name: str) -> x509.Certificate:
    (certificate,) = certificates_in(answer)
    (listening.folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate
