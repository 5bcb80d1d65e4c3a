"""EST clients that we did not write: strongSwan's pki, curl with openssl — RFC 7030."""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509

from civitas.connection import Connection
from civitas.server import tls_context
from device_registry import Registered
from foundation.clock import SystemClock
from tests.support import deployments
from tests.support.devices import OPERATOR, City, build_town, certificates_in, found_city


@dataclass
class Listening:
    """The real listener, TLS and client certificates included, and a folder for the client."""

    city: City
    url: str
    folder: Path

    def run(self, *command: str, ok: bool = True, stdin: bytes | None = None) -> bytes:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, check=False, input=stdin, timeout=60
        )
        if ok:
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    clock = SystemClock()
    ground = deployments.lay_ground(deployments.settings_in(tmp_path), clock)
    town = build_town(found_city(ground))
    made = town.city.authority.issue_server_certificate(["localhost", "127.0.0.1"])
    (tmp_path / "server.pem").write_bytes(made.chain_pem)
    (tmp_path / "server.key").write_bytes(made.key_pem)
    (tmp_path / "ca.pem").write_bytes(town.city.authority.trust_anchors())
    for n, certificate in enumerate(town.city.authority.authorities()):
        from cryptography.hazmat.primitives.serialization import Encoding

        (tmp_path / f"ca{n}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    context = tls_context(
        tmp_path / "server.pem", tmp_path / "server.key", [town.city.authority.trust_anchors()]
    )
    port = deployments.free_port()
    config = uvicorn.Config(
        town.app,
        host="127.0.0.1",
        port=port,
        http=Connection,
        lifespan="off",
        log_level="warning",
        ssl_certfile=str(tmp_path / "server.pem"),
        ssl_keyfile=str(tmp_path / "server.key"),
    )
    config.load()
    config.ssl = context
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the listener did not start"
        threading.Event().wait(0.02)
    yield Listening(town.city, f"https://localhost:{port}", tmp_path)
    server.should_exit = True
    thread.join()
    ground.close()


def openssl_request(listening: Listening, device_id: str, name: str = "device") -> None:
    listening.run(
        "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{name}.key", "-subj", f"/CN={device_id}", "-out", f"{name}.csr",
    )  # fmt: skip


def curl_enrols(listening: Listening, registered: Registered) -> x509.Certificate:
    openssl_request(listening, registered.device.id)
    listening.run("openssl", "req", "-in", "device.csr", "-outform", "DER", "-out", "csr.der")
    body = base64.encodebytes((listening.folder / "csr.der").read_bytes())
    (listening.folder / "csr.b64").write_bytes(body)
    answer = listening.run(
        "curl", "--fail-with-body", "-sS", "--cacert", "ca.pem",
        "-u", f"{registered.device.id}:{registered.token}",
        "-H", "Content-Type: application/pkcs10", "-H", "Content-Transfer-Encoding: base64",
        "--data-binary", "@csr.b64", f"{listening.url}/.well-known/est/simpleenroll",
    )  # fmt: skip
    (listening.folder / "answer.p7").write_bytes(base64.b64decode(answer))
    listening.run(
        "openssl", "pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs",
        "-out", "device.pem",
    )  # fmt: skip
    (certificate,) = certificates_in(answer)
    return certificate


def openssl_verifies(listening: Listening, name: str) -> None:
    said = listening.run(
        "openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", name
    )
    assert said == f"{name}: OK\n".encode()


def test_curl_and_openssl_enrol_and_openssl_verifies(listening: Listening) -> None:
    registered = listening.city.register()
    certificate = curl_enrols(listening, registered)
    openssl_verifies(listening, "device.pem")
    device = listening.city.devices.authenticate(certificate, listening.city.now)
    assert device.id == registered.device.id


def test_curl_renews_with_its_certificate_over_mutual_tls(listening: Listening) -> None:
    registered = listening.city.register()
    old = curl_enrols(listening, registered)
    openssl_request(listening, registered.device.id, "next")
    command = [
        "curl", "-sS", "--cacert", "ca.pem", "--cert", "device.pem", "--key", "device.key",
        "-H", "Content-Type: application/pkcs10", "--data-binary", "@next.csr",
        "-w", "%{http_code}", f"{listening.url}/.well-known/est/simplereenroll",
    ]  # fmt: skip
    listening.city.life.suspend(registered.device.id, OPERATOR, "noise", listening.city.now)
    refused = listening.run(*command)
    assert refused.endswith(b"403")
    assert b"Where: suspended" in refused
    listening.city.life.reactivate(registered.device.id, OPERATOR, "quiet", listening.city.now)
    answer = listening.run(*command)
    assert answer.endswith(b"200"), answer
    (new,) = certificates_in(answer.removesuffix(b"200"))
    assert new.serial_number != old.serial_number
    assert new.subject == old.subject


def test_strongswan_gets_the_authorities_enrols_and_renews(listening: Listening) -> None:
    registered = listening.city.register()
    listening.run("pki", "--estca", "--url", listening.url, "--cacert", "ca0.pem",
                  "--caout", "est-ca", "--outform", "pem", "--force", ok=True)  # fmt: skip
    assert list(listening.folder.glob("est-ca*")), "the authorities were stored"

    for name in ("first", "second"):
        key = listening.run("pki", "--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem")
        (listening.folder / f"{name}.key").write_bytes(key)
        request = listening.run(
            "pki", "--req", "--in", f"{name}.key", "--type", "ecdsa",
            "--dn", f"CN={registered.device.id}", "--outform", "pem",
        )  # fmt: skip
        (listening.folder / f"{name}.csr").write_bytes(request)

    anchors = [part for n in range(3) for part in ("--cacert", f"ca{n}.pem")]
    first = listening.run(
        "pki", "--est", "--url", listening.url, "--in", "first.csr", *anchors,
        "--userpass", f"{registered.device.id}:{registered.token}", "--outform", "pem",
    )  # fmt: skip
    (listening.folder / "first.pem").write_bytes(first)
    openssl_verifies(listening, "first.pem")

    second = listening.run(
        "pki", "--est", "--url", listening.url, "--in", "second.csr", *anchors,
        "--cert", "first.pem", "--key", "first.key", "--outform", "pem",
    )  # fmt: skip
    (listening.folder / "second.pem").write_bytes(second)
    openssl_verifies(listening, "second.pem")
    certificate = x509.load_pem_x509_certificate(second)
    device = listening.city.devices.authenticate(certificate, listening.city.now)
    assert device.id == registered.device.id


@pytest.mark.row("devices", "5.5")
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_tls_below_1_2_is_refused(listening: Listening, version: str) -> None:
    host = listening.url.removeprefix("https://")
    said = listening.run(
        "openssl", "s_client", "-connect", host, version, "-cipher", "ALL:@SECLEVEL=0",
        "-brief", ok=False, stdin=b"",
    )  # fmt: skip
    assert b"CONNECTION ESTABLISHED" not in said
