"""A request only proposes: every field that does not fit is refused by name — failures 17."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from foundation.errors import PayloadTooLarge, Problem
from pki import RequestRefused
from pki.requests.request import parse
from tests.support.devices import LAMPS, City, csr, key_usage, new_key

pytestmark = pytest.mark.row("failures", "17")


def refusal(city: City, body: bytes) -> Problem:
    registered = city.register("Lamp", LAMPS, ("eui64", "0024befffe804ff1"))
    with pytest.raises(Problem) as caught:
        city.enrol(registered, body)
    assert city.devices.get(registered.device.id).state == "claimed", "nothing was spent"
    return caught.value


SMUGGLED: list[tuple[str, x509.ExtensionType]] = [
    ("basicConstraints", x509.BasicConstraints(ca=True, path_length=None)),
    ("keyUsage", key_usage(digital_signature=True, key_cert_sign=True)),
    ("extKeyUsage", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
    ("subjectAltName", x509.SubjectAlternativeName([x509.DNSName("id.example.city")])),
    (
        "subjectAltName",
        x509.SubjectAlternativeName(
            [x509.UniformResourceIdentifier("urn:dev:mac:00000000000000aa")]
        ),
    ),
    ("subjectAltName", x509.SubjectAlternativeName([x509.RFC822Name("mayor@example.city")])),
    (
        "extensionRequest.2.5.29.30",
        x509.NameConstraints([x509.DNSName("example.city")], None),
    ),
    (
        "extensionRequest.1.3.6.1.4.1.99999.1",
        x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"),
    ),
]


@pytest.mark.parametrize(("field", "extension"), SMUGGLED)
def test_a_smuggled_extension_is_refused_and_named(
    city: City, field: str, extension: x509.ExtensionType
) -> None:
    refused = refusal(city, csr(new_key(), None, (extension, False)))
    assert refused.where == field
    assert refused.next_step


def test_the_devices_own_registered_name_may_be_repeated(city: City) -> None:
    registered = city.register("Lamp", LAMPS, ("eui64", "0024befffe804ff1"))
    own = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("urn:dev:mac:0024befffe804ff1")]
    )
    issued = city.enrol(registered, csr(new_key(), registered.device.id, (own, False)))
    certificate = x509.load_der_x509_certificate(issued.der)
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found == own


@pytest.mark.parametrize(
    ("field", "subject"),
    [
        ("subject.CN", {"common_name": "dev_somebodyelse"}),
        ("subject.O", {"common_name": None, "more": [(NameOID.ORGANIZATION_NAME, "City Hall")]}),
        ("subject.emailAddress", {"common_name": None, "more": [(NameOID.EMAIL_ADDRESS, "a@b.c")]}),
        ("subject.UID", {"common_name": None, "more": [(NameOID.USER_ID, "1")]}),
    ],
)
def test_other_peoples_names_are_refused(city: City, field: str, subject: dict[str, Any]) -> None:
    refused = refusal(city, csr(new_key(), subject["common_name"], more=subject.get("more", ())))
    assert refused.where is not None
    assert refused.where.startswith("subject.")


WEAK: dict[str, Callable[[], Any]] = {
    "RSA, short": lambda: rsa.generate_private_key(65537, 1024),
    "RSA, exponent 3": lambda: rsa.generate_private_key(3, 2048),
    "P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "DSA": lambda: dsa.generate_private_key(2048),
}


@pytest.mark.parametrize("kind", WEAK)
def test_a_weak_or_unknown_key_is_refused(city: City, kind: str) -> None:
    assert refusal(city, csr(WEAK[kind](), None)).where == "subjectPKInfo"


def test_a_broken_hash_is_refused(city: City) -> None:
    body = csr(new_key(), None, hash_used=hashes.SHA224())
    assert refusal(city, body).where == "signatureAlgorithm"


@pytest.mark.parametrize(
    "new",
    [ed25519.Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048)],
    ids=["Ed25519", "RSA"],
)
def test_other_strong_keys_are_welcome(city: City, new: Callable[[], Any]) -> None:
    key = new()
    registered = city.register()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    hashed = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    issued = city.enrol(registered, builder.sign(key, hashed).public_bytes(Encoding.DER))
    assert x509.load_der_x509_certificate(issued.der).public_key() == key.public_key()


@pytest.mark.rfc("2986", "4.2")
def test_a_request_without_proof_of_possession_is_refused(city: City) -> None:
    body = bytearray(csr(new_key(), None))
    other = csr(new_key(), None)
    body[-20:] = other[-20:]
    refused = refusal(city, bytes(body))
    assert refused.where in ("signature", "request")


def test_a_key_that_another_device_holds_is_refused(city: City) -> None:
    key = new_key()
    first, second = city.register(), city.register()
    city.enrol(first, csr(key, first.device.id))
    with pytest.raises(RequestRefused) as caught:
        city.enrol(second, csr(key, second.device.id))
    assert caught.value.where == "subjectPKInfo"
    assert city.devices.get(second.device.id).state == "claimed"


@pytest.mark.rfc("8951", "3.1")
@pytest.mark.parametrize("form", ["der", "pem", "one line", "wrapped", "new pem"])
def test_der_pem_and_base64_with_or_without_breaks_are_one_request(form: str) -> None:
    der = csr(new_key(), "dev_1")
    encoded = base64.b64encode(der)
    wrapped = base64.encodebytes(der)
    pem = (
        b"-----BEGIN CERTIFICATE REQUEST-----\n" + wrapped + b"-----END CERTIFICATE REQUEST-----\n"
    )
    forms = {
        "der": der,
        "pem": pem,
        "one line": encoded,
        "wrapped": wrapped.replace(b"\n", b"\r\n"),
        "new pem": pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
    }
    assert parse(forms[form]) == parse(der)


@pytest.mark.parametrize("body", [b"", b"hello", b"MII=", b"0\x82", b"\x30" * 50, b"\xff" * 9])
def test_what_is_no_request_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(RequestRefused) as caught:
        parse(body)
    assert caught.value.where == "request"


def test_a_request_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(PayloadTooLarge):
        parse(b"A" * 20_000)
