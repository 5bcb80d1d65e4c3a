"""Who holds a key comes in; what cannot be agreed on is said in an alert — RFC 8446 §6.

OpenSSL, curl and Python's ssl at our listeners, with certificates that nobody here vouches for.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import keys, pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from foundation.clock import SystemClock
from tests.support.listening import Listening, kept, listening_in, openssl_request

CURL = ("curl", "-sS", "--max-time", "20", "--cacert", "ca.pem", "-w", "\n%{http_code}")
PKCS10 = ("-H", "Content-Type: application/pkcs10")
LINES = ("ordinary", "linking")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening_in(tmp_path_factory.mktemp("tls")) as listening:
        for kind in ("expired", "foreign", "self-signed", "IDevID", "RSA"):
            _write(listening.folder, kind)
        yield listening


def _write(folder: Path, kind: str, name: str = "lamp") -> None:
    """A certificate for a key of our own that the city did not issue."""
    key = (
        rsa.generate_private_key(65537, 2048)
        if kind == "RSA"
        else ec.generate_private_key(ec.SECP256R1())
    )
    maker = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker")])
    now = SystemClock().now()
    # IEEE 802.1AR §8.7: a factory identity does not end.
    ends = {"expired": now - timedelta(days=1), "IDevID": datetime(9999, 12, 31, 23, 59, 59)}
    builder = x509.CertificateBuilder(
        issuer if kind in ("foreign", "IDevID") else subject,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=9),
        ends.get(kind, now + timedelta(days=9)),
    )
    made = builder.sign(maker if kind in ("foreign", "IDevID") else key, SHA256())
    (folder / f"{kind}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{kind}.key").write_bytes(written)


def _curl(town: Listening, path: str, *more: str) -> tuple[int, str]:
    """Status and body."""
    said = town.run(*CURL, *more, f"{town.url}/.well-known/est/{path}").decode("latin-1")
    body, _, status = said.rpartition("\n")
    return int(status), body


def _with(kind: str) -> tuple[str, ...]:
    return "--cert", f"{kind}.pem", "--key", f"{kind}.key"


KINDS = pytest.mark.parametrize("kind", ["expired", "foreign", "self-signed", "IDevID", "RSA"])
NEWEST = pytest.mark.parametrize("newest", ["1.2", "1.3"])


@KINDS
@NEWEST
@pytest.mark.rfc("7030", "4.1.1")
def test_the_authorities_are_told_whatever_certificate_is_shown(
    town: Listening, kind: str, newest: str
) -> None:
    status, _ = _curl(town, "cacerts", *_with(kind), "--tls-max", newest)
    assert status == 200


@KINDS
@pytest.mark.rfc("7030", "3.2.3")
def test_a_valid_token_enrols_whatever_certificate_is_shown(town: Listening, kind: str) -> None:
    registered = town.city.register()
    openssl_request(town, registered.device.id)
    status, body = _curl(
        town, "simpleenroll", *_with(kind), *PKCS10,
        "-u", f"{registered.device.id}:{registered.token}", "--data-binary", "@device.csr",
    )  # fmt: skip
    assert status == 200, body
    kept(town, body.encode(), "device")


@KINDS
@pytest.mark.rfc("7030", "4.2.3")
def test_a_certificate_that_is_not_ours_renews_nothing_and_is_told_why(
    town: Listening, kind: str
) -> None:
    openssl_request(town, "lamp")
    status, body = _curl(
        town, "simplereenroll", *_with(kind), *PKCS10, "--data-binary", "@device.csr"
    )
    assert status == 401
    assert "Where: foreign_issuer\n" in body


@pytest.mark.rfc("8705", "2.1")
def test_a_certificate_that_somebody_made_in_a_devices_name_is_not_the_device(
    town: Listening,
) -> None:
    registered = town.city.register()
    openssl_request(town, registered.device.id)
    status, body = _curl(
        town, "simpleenroll", *PKCS10,
        "-u", f"{registered.device.id}:{registered.token}", "--data-binary", "@device.csr",
    )  # fmt: skip
    assert status == 200
    real = kept(town, body.encode(), "device")
    _forge(town.folder, real)
    for operation in ("simplereenroll", "simpleenroll", "serverkeygen"):
        status, body = _curl(
            town, operation, *_with("forged"), *PKCS10, "--data-binary", "@device.csr"
        )
        assert status == 401, operation
        assert "Where: foreign_issuer\n" in body


def _forge(folder: Path, real: x509.Certificate) -> None:
    """All that a certificate says, its issuer and serial number too, for another key."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        real.issuer,
        real.subject,
        key.public_key(),
        real.serial_number,
        real.not_valid_before_utc,
        real.not_valid_after_utc,
    )
    for extension in real.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    made = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    (folder / "forged.pem").write_bytes(made)
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "forged.key").write_bytes(written)


@NEWEST
@pytest.mark.rfc("8446", "4.4.3")
def test_who_does_not_hold_the_certificates_key_does_not_come_in(
    town: Listening, newest: str
) -> None:
    _steal(town.folder, "foreign")
    context = ssl.create_default_context(cafile=str(town.folder / "ca.pem"))
    context.load_cert_chain(town.folder / "foreign.pem", town.folder / "stolen.key")
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if newest == "1.2" else ssl.TLSVersion.TLSv1_3
    with (
        pytest.raises(ssl.SSLError, match="decrypt error"),
        socket.create_connection(("localhost", _port(town)), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as stream,
    ):
        stream.recv(1)


def _steal(folder: Path, kind: str) -> None:
    """A key file with the certificate's public key, and a private one that is not its."""
    certificate = x509.load_pem_x509_certificate((folder / f"{kind}.pem").read_bytes())
    point = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    parameters = keys.ECDomainParameters({"named": "secp256r1"})
    written = keys.ECPrivateKey(
        {"version": 1, "private_key": 4711, "parameters": parameters, "public_key": point}
    )
    (folder / "stolen.key").write_bytes(pem.armor("EC PRIVATE KEY", written.dump()))


def _port(town: Listening, line: str = "ordinary") -> int:
    return town.linking if line == "linking" else int(town.url.rpartition(":")[2])


@pytest.mark.rfc("8446", "6.2")
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("how", "alert"),
    [
        (("-tls1",), "protocol version"),
        (("-tls1_1",), "protocol version"),
        (("-tls1_2", "-cipher", "AES128-GCM-SHA256"), "handshake failure"),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), "handshake failure"),
        (("-tls1_2", "-curves", "brainpoolP256r1"), "handshake failure"),
    ],
    ids=["TLS 1.0", "TLS 1.1", "no key agreement", "no AEAD", "no common curve"],
)
def test_what_openssl_cannot_agree_on_is_told_in_an_alert(
    town: Listening, line: str, how: tuple[str, ...], alert: str
) -> None:
    command = ["openssl", "s_client", "-connect", f"localhost:{_port(town, line)}", *how]
    if how[0] in ("-tls1", "-tls1_1"):
        command += ["-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(
        command, input=b"", capture_output=True, check=False, timeout=30, cwd=town.folder
    )
    assert f"alert {alert}".encode() in done.stderr, done.stderr


@pytest.mark.rfc("8446", "6.2")
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\xff\xff" + b"a" * 300,
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x17\x03\x03\x00\x05hello",
    ],
    ids=["a record that is too long", "a server's hello", "data before a handshake"],
)
def test_what_is_no_handshake_is_told_in_an_alert_and_the_connection_ends(
    town: Listening, line: str, sent: bytes
) -> None:
    with socket.create_connection(("localhost", _port(town, line)), timeout=20) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    kind, length, level = answer[0], int.from_bytes(answer[3:5]), answer[5]
    assert (kind, length, level) == (21, 2, 2), "one fatal alert"


def test_plain_http_at_a_port_of_tls_is_told_in_http(town: Listening) -> None:
    plain = town.url.replace("https:", "http:")
    said = town.run("curl", "-sS", "-w", "%{http_code}", f"{plain}/healthz")
    assert said.endswith(b"400")
    assert b"TLS only" in said


@NEWEST
@pytest.mark.rfc("8446", "6.1")
def test_the_end_of_a_connection_is_said_before_it_comes(town: Listening, newest: str) -> None:
    context = ssl.create_default_context(cafile=str(town.folder / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if newest == "1.2" else ssl.TLSVersion.TLSv1_3
    with (
        socket.create_connection(("localhost", _port(town)), timeout=20) as plain,
        # An end without close_notify is an error to this one.
        context.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        ) as stream,
    ):
        stream.sendall(
            b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        answer = b"".join(iter(lambda: stream.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
