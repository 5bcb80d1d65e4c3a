"""Debian's nginx, with deploy/nginx.conf, in front of our server on a Unix socket — RFC 9440."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from foundation.clock import SystemClock
from tests.support.deployments import ROOT, free_port

PEOPLE = "id.example.city"
DEVICES = "devices.id.example.city"


@dataclass(frozen=True)
class Identity:
    """A self-signed certificate and its key, on disk: nobody vouches for it."""

    certificate: Path
    key: Path
    fingerprint: str


def identity(folder: Path, name: str, *hosts: str, hours: float = 1) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = SystemClock().now()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=9))
        .not_valid_after(now + timedelta(hours=hours))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts or (name,)]),
            critical=False,
        )
        .sign(key, SHA256())
    )
    fingerprint = made.fingerprint(SHA256()).hex()
    files = Identity(folder / f"{name}.pem", folder / f"{name}.key", fingerprint)
    files.certificate.write_bytes(made.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@dataclass(frozen=True)
class Proxied:
    port: int
    server: Identity

    def peer(
        self,
        host: str,
        client: Identity | None = None,
        headers: dict[str, str] | None = None,
        method: str = "GET",
    ) -> dict[str, object]:
        """What our server believes about a caller who comes through nginx to `host`."""
        context = ssl.create_default_context(cafile=str(self.server.certificate))
        if client:
            context.load_cert_chain(client.certificate, client.key)
        connection = HTTPSConnection(host, self.port, context=context, timeout=20)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        body = b"a" * 30_000 if method == "POST" else None
        connection.request(method, "/peer", body, headers or {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        assert response.status == 200, content
        answer: dict[str, object] = json.loads(content)
        return answer

    def head(
        self, path: str, length: int, host: str = PEOPLE, client: Identity | None = None
    ) -> bytes:
        """The first line of the answer to a head whose body never comes."""
        context = ssl.create_default_context(cafile=str(self.server.certificate))
        if client:
            context.load_cert_chain(client.certificate, client.key)
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=host) as stream,
        ):
            written = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n"
            stream.sendall(written.encode())
            return stream.recv(4096).partition(b"\r\n")[0]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxied")
    server = identity(folder, "server", PEOPLE, DEVICES)
    tls, plain = free_port(), free_port()
    configuration = (ROOT / "deploy" / "nginx.conf").read_text()
    for ours, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{tls} ssl"),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        ("/etc/civitas/tls/server.pem", str(server.certificate)),
        ("/etc/civitas/tls/server.key", str(server.key)),
        ("/run/civitas/civitas.sock", str(folder / "civitas.sock")),
    ):
        assert ours in configuration
        configuration = configuration.replace(ours, here)
    # A worker of another user could not enter pytest's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log stderr;\n"
        "events {}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path "
        f"{folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; "
        f"scgi_temp_path {folder}/s;\n{configuration}\n}}\n"
    )
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert nginx, "nginx is missing: run `make setup`"
    commands = (
        [sys.executable, "-m", "tests.support.peer_server", str(folder)],
        [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")],
    )
    with (folder / "log").open("wb") as log:
        running = [
            subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) for command in commands
        ]
        try:
            wait_for(running, folder, tls)
            yield Proxied(tls, server)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)


def wait_for(running: list[subprocess.Popen[bytes]], folder: Path, port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert all(p.poll() is None for p in running), (folder / "log").read_text()
        if (folder / "civitas.sock").exists():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                pass
            else:
                return
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())


@pytest.mark.rfc("8705", "6")
def test_the_certificate_that_a_device_proves_reaches_the_application(
    proxied: Proxied, tmp_path: Path
) -> None:
    lamp = identity(tmp_path, "lamp")
    assert proxied.peer(DEVICES, lamp) == {
        "address": "127.0.0.1",
        "secure": True,
        "certificate": lamp.fingerprint,
        "body": 0,
    }


@pytest.mark.rfc("8705", "6")
@pytest.mark.parametrize("hours", [1, -1], ids=["good", "expired"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_certificate_that_nginx_would_refuse_reaches_the_application_as_well(
    proxied: Proxied, tmp_path: Path, hours: float, method: str
) -> None:
    lamp = identity(tmp_path, "lamp", hours=hours)
    assert proxied.peer(DEVICES, lamp, method=method) == {
        "address": "127.0.0.1",
        "secure": True,
        "certificate": lamp.fingerprint,
        "body": 30_000 if method == "POST" else 0,
    }


def test_who_comes_without_a_certificate_has_none(proxied: Proxied) -> None:
    assert proxied.peer(DEVICES)["certificate"] is None


@pytest.mark.rfc("9440", "4")
@pytest.mark.parametrize("host", [PEOPLE, DEVICES])
@pytest.mark.parametrize("header", ["X-SSL-Client-Cert", "Client-Cert", "X_SSL_Client_Cert"])
def test_a_certificate_in_a_header_that_the_caller_wrote_is_not_believed(
    proxied: Proxied, tmp_path: Path, host: str, header: str
) -> None:
    stolen = identity(tmp_path, "stolen").certificate.read_text()
    if header == "Client-Cert":
        value = f":{''.join(stolen.splitlines()[1:-1])}:"
    else:
        value = stolen.replace("\n", "%0A")
    assert proxied.peer(host, headers={header: value})["certificate"] is None


def test_people_are_never_asked_for_a_certificate(proxied: Proxied, tmp_path: Path) -> None:
    assert proxied.peer(PEOPLE, identity(tmp_path, "lamp"))["certificate"] is None


def test_an_address_that_the_caller_wrote_is_not_believed(proxied: Proxied) -> None:
    claimed = proxied.peer(
        PEOPLE, headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    )
    assert claimed["address"] == "127.0.0.1"
    assert claimed["secure"] is True


def test_a_body_that_we_would_refuse_does_not_come_past_the_proxy(proxied: Proxied) -> None:
    assert b" 413 " in proxied.head("/peer", 65_537)


def test_the_head_of_a_large_body_is_answered_before_the_body_comes(proxied: Proxied) -> None:
    # nginx lets as much pass here; the refusal is that of the application behind it.
    assert b" 413 " in proxied.head("/desk/imports", 10_000_000)


def test_who_shows_an_expired_certificate_fills_no_disk_with_a_body(
    proxied: Proxied, tmp_path: Path
) -> None:
    # On this way nginx looks at no length by itself.
    lamp = identity(tmp_path, "lamp", hours=-1)
    assert b" 413 " in proxied.head("/peer", 10_000_000, DEVICES, lamp)
