"""EST clients that we did not write: strongSwan's pki, curl with openssl — RFC 7030."""

from __future__ import annotations

import base64
import email
import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AttributeOID

from civitas.connection import Connection
from civitas.server import tls_context
from device_registry import DevicesSettings, Registered
from foundation.clock import SystemClock
from pki.linking import Linking
from tests.support import deployments
from tests.support.devices import (
    OPERATOR,
    City,
    Town,
    build_town,
    certificates_in,
    csr,
    found_city,
    new_key,
)


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


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    clock = SystemClock()
    soon = DevicesSettings(approval_retry_seconds=1)
    ground = deployments.lay_ground(deployments.settings_in(tmp_path, soon), clock)
    town = build_town(found_city(ground))
    made = town.city.authority.issue_server_certificate(["localhost", "127.0.0.1"])
    (tmp_path / "server.pem").write_bytes(made.chain_pem)
    (tmp_path / "server.key").write_bytes(made.key_pem)
    (tmp_path / "ca.pem").write_bytes(town.city.authority.trust_anchors())
    for n, certificate in enumerate(town.city.authority.authorities()):
        (tmp_path / f"ca{n}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    port, linking_port = deployments.free_port(), deployments.free_port()
    town.city.pki.linking = Linking(f"127.0.0.1:{linking_port}", required=False)
    with listener(town, tmp_path, port), listener(town, tmp_path, linking_port, linking=True):
        yield Listening(town.city, f"https://localhost:{port}", linking_port, tmp_path)
    ground.close()


@contextmanager
def listener(town: Town, folder: Path, port: int, *, linking: bool = False) -> Iterator[None]:
    files = folder / "server.pem", folder / "server.key"
    config = uvicorn.Config(
        town.app,
        host="127.0.0.1",
        port=port,
        http=Connection,
        lifespan="off",
        log_level="warning",
        ssl_certfile=str(files[0]),
        ssl_keyfile=str(files[1]),
    )
    config.load()
    config.ssl = tls_context(*files, [town.city.authority.trust_anchors()], linking=linking)
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


# ── the whole life, by curl and openssl ──────────────────────────────────────────────────


def est(listening: Listening, path: str, *options: str, status: int = 200) -> bytes:
    """What curl gets at an EST path; the answer's head is left in `head`."""
    answer = listening.run(
        "curl", "-sS", "--cacert", "ca.pem", "-D", "head", "-w", "%{http_code}", *options,
        f"{listening.url}/.well-known/est/{path}",
    )  # fmt: skip
    assert answer.endswith(str(status).encode()), answer
    return answer.removesuffix(str(status).encode())


PKCS10 = ("-H", "Content-Type: application/pkcs10")


def by_token(registered: Registered) -> tuple[str, str]:
    return "-u", f"{registered.device.id}:{registered.token}"


def kept(listening: Listening, answer: bytes, name: str) -> x509.Certificate:
    (certificate,) = certificates_in(answer)
    (listening.folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate


@pytest.mark.rfc("7030", "3.2.2")
def test_curl_and_openssl_go_through_a_whole_life_under_a_label(listening: Listening) -> None:
    registered = listening.city.register(profile="device-short")
    label = "devices-short"
    listening.run("openssl", "asn1parse", "-inform", "DER", "-in", "/dev/stdin",
                  stdin=base64.b64decode(est(listening, f"{label}/csrattrs")))  # fmt: skip
    (listening.folder / "authorities.p7").write_bytes(
        base64.b64decode(est(listening, f"{label}/cacerts"))
    )
    listening.run("openssl", "pkcs7", "-inform", "DER", "-in", "authorities.p7", "-print_certs",
                  "-out", "ca.pem")  # fmt: skip
    openssl_request(listening, registered.device.id)
    sent = (*PKCS10, "--data-binary", "@device.csr")
    refused = est(listening, "devices/simpleenroll", *sent, *by_token(registered), status=403)
    assert b"Where: label_not_allowed" in refused
    first = kept(listening, est(listening, f"{label}/simpleenroll", *sent, *by_token(registered)),
                 "device")  # fmt: skip
    openssl_verifies(listening, "device.pem")
    for name, before in (("second", "device"), ("third", "second")):
        openssl_request(listening, registered.device.id, name)
        answer = est(
            listening, f"{label}/simplereenroll", *PKCS10, "--data-binary", f"@{name}.csr",
            "--cert", f"{before}.pem", "--key", f"{before}.key",
        )  # fmt: skip
        next_one = kept(listening, answer, name)
        openssl_verifies(listening, f"{name}.pem")
        assert next_one.subject == first.subject
        listening.city.devices.authenticate(next_one, listening.city.now)
    states = [c.state for c in listening.city.devices.credentials(registered.device.id)]
    assert states == ["in_use", "superseded", "superseded"]


@pytest.mark.rfc("7030", "4.4.2")
def test_curl_gets_a_key_that_was_made_here_and_openssl_uses_it(listening: Listening) -> None:
    registered = listening.city.register(profile="device-made-here")
    openssl_request(listening, registered.device.id, "ignored")
    body = est(
        listening, "devices-made-here/serverkeygen", *PKCS10, "--data-binary", "@ignored.csr",
        *by_token(registered),
    )  # fmt: skip
    head = (listening.folder / "head").read_bytes().split(b"\r\n", 1)[1]
    message = email.message_from_bytes(head.rstrip(b"\r\n") + b"\r\n\r\n" + body)
    key, certificate = (part.get_payload(decode=True) for part in message.get_payload())
    (listening.folder / "made.p8").write_bytes(key)
    listening.run("openssl", "pkey", "-inform", "DER", "-in", "made.p8", "-out", "made.key")
    kept(listening, base64.b64encode(certificate), "made")
    openssl_verifies(listening, "made.pem")
    openssl_request(listening, registered.device.id, "next")
    est(listening, "simplereenroll", *PKCS10, "--data-binary", "@next.csr",
        "--cert", "made.pem", "--key", "made.key")  # fmt: skip


@pytest.mark.rfc("7030", "4.2.3")
def test_curl_reads_202_until_the_operator_approves(listening: Listening) -> None:
    registered = listening.city.register(profile="device-approved")
    openssl_request(listening, registered.device.id)
    sent = (*PKCS10, "--data-binary", "@device.csr", *by_token(registered))
    est(listening, "simpleenroll", *sent, status=202)
    assert b"retry-after: 1\r\n" in (listening.folder / "head").read_bytes().lower()
    listening.city.devices.approve(registered.device.id, OPERATOR, "seen", listening.city.now)
    kept(listening, est(listening, "simpleenroll", *sent), "device")
    openssl_verifies(listening, "device.pem")


# ── strongSwan, which knows no labels: the device's own kind needs none ──────────────────


@pytest.mark.rfc("7030", "4.2.3")
def test_strongswan_polls_until_the_operator_approves(listening: Listening) -> None:
    registered = listening.city.register(profile="device-approved")
    openssl_request(listening, registered.device.id)
    anchors = [part for n in range(3) for part in ("--cacert", f"ca{n}.pem")]
    waiting = subprocess.Popen(
        ("pki", "--est", "--url", listening.url, "--in", "device.csr",
         *anchors, "--userpass", f"{registered.device.id}:{registered.token}",
         "--interval", "1", "--maxpolltime", "50", "--outform", "pem"),
        cwd=listening.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert waiting.stderr is not None
    heard = b""
    for line in waiting.stderr:
        heard += line
        if b"retry" in line.lower() or b"pending" in line.lower() or b"202" in line:
            break
    listening.city.devices.approve(registered.device.id, OPERATOR, "seen", listening.city.now)
    said, rest = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, heard + rest
    (listening.folder / "device.pem").write_bytes(said)
    openssl_verifies(listening, "device.pem")


# ── linking, over a real socket ──────────────────────────────────────────────────────────


class LinkingClient:
    """One TLS connection of Python's ssl module, whose channel binding goes into the request."""

    def __init__(self, listening: Listening, port: int, newest: ssl.TLSVersion) -> None:
        self.listening = listening
        context = ssl.create_default_context(cafile=str(listening.folder / "ca.pem"))
        context.maximum_version = newest
        pair = listening.folder / "linked.pem", listening.folder / "linked.key"
        if pair[0].exists():
            context.load_cert_chain(*pair)
        self.connection = http.client.HTTPSConnection("localhost", port, context=context)
        self.connection.connect()
        sock = self.connection.sock
        assert isinstance(sock, ssl.SSLSocket)
        self.version = sock.version()
        self.unique = base64.b64encode(sock.get_channel_binding("tls-unique") or b"")

    def enrols(
        self, operation: str, registered: Registered, link: bytes, *, token: bool = True
    ) -> tuple[int, bytes]:
        key = new_key()
        body = csr(key, registered.device.id,
                   attributes=[(AttributeOID.CHALLENGE_PASSWORD, link)])  # fmt: skip
        headers = {"Content-Type": "application/pkcs10"}
        if token:
            pair = f"{registered.device.id}:{registered.token}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self.connection.request("POST", f"/.well-known/est/{operation}", body, headers)
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status == 200:
            kept(self.listening, said, "linked")
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (self.listening.folder / "linked.key").write_bytes(pem)
        return answer.status, said


@pytest.mark.rfc("7030", "3.5")
def test_a_client_links_its_enrolment_and_its_renewal_to_the_connection(
    listening: Listening,
) -> None:
    registered = listening.city.register()
    client = LinkingClient(listening, listening.linking, ssl.TLSVersion.MAXIMUM_SUPPORTED)
    assert client.version == "TLSv1.2", "the listener stops there, whatever the client offers"
    status, said = client.enrols("simpleenroll", registered, client.unique)
    assert status == 200, said
    again = LinkingClient(listening, listening.linking, ssl.TLSVersion.TLSv1_2)
    assert again.unique != client.unique
    status, said = again.enrols("simplereenroll", registered, again.unique, token=False)
    assert status == 200, said
    openssl_verifies(listening, "linked.pem")


@pytest.mark.rfc("7030", "3.5")
def test_a_request_that_somebody_passes_on_does_not_fit_his_connection(
    listening: Listening,
) -> None:
    registered = listening.city.register()
    device = LinkingClient(listening, listening.linking, ssl.TLSVersion.TLSv1_2)
    in_the_middle = LinkingClient(listening, listening.linking, ssl.TLSVersion.TLSv1_2)
    status, said = in_the_middle.enrols("simpleenroll", registered, device.unique)
    assert status == 400
    assert b"Where: attributes.challengePassword" in said


@pytest.mark.rfc("7030", "3.5")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_on_the_ordinary_listener_linking_is_refused(
    listening: Listening, newest: ssl.TLSVersion
) -> None:
    registered = listening.city.register()
    port = int(listening.url.rpartition(":")[2])
    client = LinkingClient(listening, port, newest)
    assert client.version == newest.name.replace("_", ".")
    status, said = client.enrols("simpleenroll", registered, client.unique)
    assert status == 400
    assert f"to port {listening.linking}".encode() in said


@pytest.mark.rfc("7030", "3.5")
def test_nobody_renegotiates_on_the_linking_listener(listening: Listening) -> None:
    said = subprocess.run(
        ("openssl", "s_client", "-connect", f"localhost:{listening.linking}", "-CAfile", "ca.pem"),
        cwd=listening.folder, input=b"R\nQ\n", capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    whole = said.stdout + said.stderr
    assert b"TLSv1.2" in whole
    assert b"RENEGOTIATING" in whole
    assert b"no renegotiation" in whole


@pytest.mark.rfc("7030", "3.5")
def test_no_connection_to_the_linking_listener_takes_up_an_earlier_one(
    listening: Listening,
) -> None:
    context = ssl.create_default_context(cafile=str(listening.folder / "ca.pem"))
    session = None
    for _ in range(2):
        with socket.create_connection(("localhost", listening.linking)) as raw:
            tls = context.wrap_socket(raw, server_hostname="localhost", session=session)
            assert not tls.session_reused
            session = tls.session
            tls.close()


@pytest.mark.rfc("7030", "3.2.3")
def test_header_names_go_out_as_old_clients_compare_them(listening: Listening) -> None:
    """cisco libest looks for the very letters that RFC 7030 prints."""
    heard = listening.run(
        "curl", "-sSi", "--http1.1", "--cacert", "ca.pem", "-X", "POST",
        f"{listening.url}/.well-known/est/simpleenroll",
    )  # fmt: skip
    for name in (b"WWW-Authenticate: Basic ", b"Content-Type: text/plain", b"Content-Length: "):
        assert b"\r\n" + name in heard
