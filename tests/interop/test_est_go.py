"""GlobalSign's EST client, in Go: a certificate's whole life, a key made here — RFC 7030."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from device_registry import Registered
from tests.support.devices import OPERATOR
from tests.support.listening import Listening, openssl_verifies

pytestmark = pytest.mark.slow

EC_PUBLIC_KEY = b"Type    : 1.2.840.10045.2.1\n Value  : 1.2.840.10045.3.1.7"
CLIENT = "github.com/globalsign/est/cmd/estclient"


@pytest.fixture(scope="module")
def estclient(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Built from its module by Go; nothing of it is kept here."""
    program: Path = tmp_path_factory.mktemp("go") / "estclient"
    built = subprocess.run(
        ["go", "build", "-o", program, CLIENT],
        cwd=Path(__file__).parent / "go", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return str(program)


def key_in(listening: Listening, name: str) -> None:
    listening.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name)


def ask(
    estclient: str, listening: Listening, what: str, *more: str, label: str = "devices"
) -> bytes:
    server = listening.url.removeprefix("https://")
    common = ("-server", server, "-explicit", "ca.pem", "-aps", label)
    return listening.run(estclient, what, *common, *more)


def refused(estclient: str, listening: Listening, what: str, *more: str) -> str:
    """What the client prints of a refusal."""
    server = listening.url.removeprefix("https://")
    done = subprocess.run(
        [estclient, what, "-server", server, "-explicit", "ca.pem", *more],
        cwd=listening.folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    return done.stderr


def as_device(registered: Registered) -> tuple[str, ...]:
    return ("-user", registered.device.id, "-pass", registered.token)


def certificate_of(listening: Listening, name: str) -> x509.Certificate:
    openssl_verifies(listening, name)
    return x509.load_pem_x509_certificate((listening.folder / name).read_bytes())


@pytest.mark.rfc("7030", "4.1")
@pytest.mark.rfc("7030", "4.2.1")
@pytest.mark.rfc("7030", "4.2.2")
@pytest.mark.rfc("7030", "4.5")
def test_go_enrols_renews_and_is_refused(estclient: str, listening: Listening) -> None:
    registered = listening.city.register()
    ask(estclient, listening, "cacerts", "-out", "authorities.pem")
    authorities = x509.load_pem_x509_certificates(
        (listening.folder / "authorities.pem").read_bytes()
    )
    assert set(authorities) <= set(listening.city.authority.authorities())
    assert authorities
    assert EC_PUBLIC_KEY in ask(estclient, listening, "csrattrs")

    key_in(listening, "first.key")
    ask(
        estclient, listening, "enroll", *as_device(registered),
        "-key", "first.key", "-cn", registered.device.id, "-out", "first.pem",
    )  # fmt: skip
    first = certificate_of(listening, "first.pem")

    # Renewal: the same key and names, taken from the certificate by the client itself; then
    # another key by a request of openssl's.
    with_it = ("-certs", "first.pem", "-key", "first.key")
    ask(estclient, listening, "reenroll", *with_it, "-out", "second.pem")
    second = certificate_of(listening, "second.pem")
    assert second.serial_number != first.serial_number
    assert second.public_key() == first.public_key()
    key_in(listening, "third.key")
    listening.run(
        "openssl", "req", "-new", "-key", "third.key",
        "-subj", f"/CN={registered.device.id}", "-out", "third.csr",
    )  # fmt: skip
    ask(estclient, listening, "reenroll", *with_it, "-csr", "third.csr", "-out", "third.pem")
    third = certificate_of(listening, "third.pem")
    assert third.public_key() != first.public_key()
    device = listening.city.devices.authenticate(third, listening.city.now)
    assert device.id == registered.device.id

    listening.city.life.suspend(registered.device.id, OPERATOR, "noise", listening.city.now)
    said = refused(estclient, listening, "reenroll", "-certs", "third.pem", "-key", "third.key")
    assert "Where: suspended" in said


@pytest.mark.rfc("7030", "3.2.3")
def test_go_is_told_of_a_wrong_token(estclient: str, listening: Listening) -> None:
    registered = listening.city.register()
    key_in(listening, "device.key")
    said = refused(
        estclient, listening, "enroll", "-user", registered.device.id, "-pass", "wrong",
        "-key", "device.key", "-cn", registered.device.id,
    )  # fmt: skip
    assert "Where: token_unknown" in said
    assert listening.city.devices.credentials(registered.device.id) == []


@pytest.mark.rfc("7030", "4.4")
def test_go_gets_a_key_that_was_made_here(estclient: str, listening: Listening) -> None:
    registered = listening.city.register(profile="device-made-here")
    key_in(listening, "ignored.key")
    ask(
        estclient, listening, "serverkeygen", *as_device(registered),
        "-key", "ignored.key", "-cn", registered.device.id,
        "-out", "device.pem", "-keyout", "device.key", label="devices-made-here",
    )  # fmt: skip
    certificate = certificate_of(listening, "device.pem")
    key = load_pem_private_key((listening.folder / "device.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate.public_key()
