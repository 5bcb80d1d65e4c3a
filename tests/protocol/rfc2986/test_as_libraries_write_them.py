"""Requests as real libraries write them: each accepted, or refused with its own reason.

The table grows with every program that we meet. `tests/interop/` runs some of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import Admission, RequestRefused, profiles
from pki.issuing import lint
from pki.requests.request import parse
from tests.support import pkcs10
from tests.support.pkcs10 import (
    BASIC_CONSTRAINTS,
    BMP,
    ECDSA_SHA1,
    ECDSA_SHA256,
    IA5,
    KEY_ID,
    KEY_USAGE,
    MICROSOFTS,
    NAMES,
    NULL,
    PRINTABLE,
    RSA_MD5,
    RSA_SHA1,
    RSA_SHA256,
    TELETEX,
    UNIVERSAL,
    UTF8,
    asking,
    attribute,
    extension,
    name,
    oid,
    request,
    seq,
    tlv,
)  # fmt: skip

DEVICE = "dev-3kdM9xQ2vT7wLp5Rz8YbNc"
EARLY = "dev_3kdM9xQ2vT7wLp5Rz8YbNc"
EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
NOT_CA, CA = bytes.fromhex("3000"), bytes.fromhex("30030101ff")
TRUE, FALSE = bytes.fromhex("0101ff"), bytes.fromhex("010100")
SIGNS = bytes.fromhex("03020780")  # digitalSignature
V3_REQ = bytes.fromhex("030205e0")  # nonRepudiation, digitalSignature, keyEncipherment
ADMISSION = Admission("token:1", DEVICE, "device", DEVICE, ("URI:urn:dev:mac:0024befffe804ff1",))


@dataclass(frozen=True)
class Case:
    """`left_out` of an accepted request; of a refused one the field, and what its sentence says."""

    program: str
    body: bytes
    left_out: tuple[str, ...] = ()
    where: str | None = None
    says: str = ""
    device: str = DEVICE


def judged(case: Case) -> tuple[str, ...]:
    admission = replace(ADMISSION, common_name=case.device, holder=case.device)
    profile = profiles.load()["device"]
    proposed = parse(case.body)
    lint.check(proposed, profile, admission)
    return lint.left_out(proposed, profile)


def note(dotted: str, value: bytes) -> bytes:
    return attribute(f"1.2.840.113549.1.9.{dotted}", value)


def microsofts(dotted: str, *value: bytes) -> bytes:
    return attribute(f"1.3.6.1.4.1.311.{dotted}", *value)


OURS = name(DEVICE)
FRIENDLY = note("20", tlv(BMP, "EST".encode("utf-16-be")))
OS_VERSION = microsofts("13.2.3", tlv(IA5, b"10.0.22631.2"))
CLIENT = microsofts("21.20", seq(b"\x02\x01\x09", tlv(UTF8, b"pole7"), tlv(UTF8, b"CITY\\pole7$")))
PROVIDER = microsofts(
    "13.2.2", seq(b"\x02\x01\x00", tlv(BMP, "K".encode("utf-16-be")), b"\x03\x01\x00")
)
OWN_NAME = extension(NAMES, seq(tlv(0x86, b"urn:dev:mac:0024befffe804ff1")))
OUR_KEY_ID = x509.SubjectKeyIdentifier.from_public_key(EC.public_key()).public_bytes()
USAGES = ("keyUsage.content_commitment", "keyUsage.key_encipherment")

ACCEPTED = (
    Case("openssl req", request(EC, OURS)),
    Case("openssl req with an empty subject", request(EC)),
    Case(
        "openssl req -reqexts v3_req",
        request(
            EC, OURS, asking(extension(BASIC_CONSTRAINTS, NOT_CA), extension(KEY_USAGE, V3_REQ))
        ),
        USAGES,
    ),
    Case(
        "openssl req, questions answered",
        request(EC, OURS, note("2", tlv(UTF8, b"Lighting")), note("7", tlv(UTF8, b"secret"))),
        ("attributes.challengePassword", "attributes.unstructuredName"),
    ),
    Case("Mbed TLS 2.28", request(EC, OURS, algorithm=seq(oid(ECDSA_SHA256), NULL))),
    Case(
        "a TPM provider, Ed25519", request(EDWARDS, OURS, algorithm=seq(oid("1.3.101.112"), NULL))
    ),
    Case("RSA without the NULL (RFC 4055 §5)", request(RSA, OURS, algorithm=seq(oid(RSA_SHA256)))),
    Case(
        "wolfSSL",
        request(
            EC, OURS, note("7", tlv(UTF8, b"password")), asking(extension(KEY_USAGE, SIGNS, TRUE))
        ),
        ("attributes.challengePassword",),
    ),
    Case("Go, Java's keytool", request(EC, name(DEVICE, PRINTABLE))),
    Case(
        "Java's keytool, which names its key as we do",
        request(EC, name(DEVICE, PRINTABLE), asking(extension(KEY_ID, OUR_KEY_ID))),
    ),
    Case(
        "certmonger",
        request(
            EC,
            name(DEVICE, PRINTABLE),
            FRIENDLY,
            asking(
                extension(BASIC_CONSTRAINTS, NOT_CA, TRUE), extension(KEY_ID, tlv(4, b"k" * 20))
            ),
        ),
        ("attributes.friendlyName", "subjectKeyIdentifier"),
    ),
    Case(
        "node-forge",
        request(
            RSA,
            name(DEVICE, PRINTABLE),
            note("2", tlv(UTF8, b"lamp")),
            note("7", tlv(PRINTABLE, b"password")),
            asking(OWN_NAME),
        ),
        ("attributes.challengePassword", "attributes.unstructuredName"),
    ),
    Case(
        "Windows' certreq",
        request(
            RSA,
            name(DEVICE, BMP),
            OS_VERSION,
            CLIENT,
            PROVIDER,
            asking(extension(KEY_USAGE, SIGNS, TRUE)),
            asking(OWN_NAME, by=MICROSOFTS),
        ),
        ("attributes.enrollmentCSP", "attributes.osVersion", "attributes.requestClientInfo"),
    ),
    *(
        Case(f"a CN in a string of the type {kind:02X}", request(EC, name(DEVICE, kind)))
        for kind in (UTF8, PRINTABLE, TELETEX, IA5, UNIVERSAL, BMP, 0x1A)
    ),
    Case("an id of an early device", request(EC, name(EARLY)), device=EARLY),
    Case("an extensionRequest that asks for nothing", request(EC, OURS, asking())),
    Case(
        "the same extension twice, for the same",
        request(EC, OURS, asking(OWN_NAME), asking(OWN_NAME, by=MICROSOFTS)),
    ),
)

COMPRESSED = EC.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def ec_key(*parameters: bytes) -> bytes:
    return seq(seq(oid("1.2.840.10045.2.1"), *parameters), tlv(3, b"\0", COMPRESSED))


def ordered_wrongly() -> bytes:
    first, second = sorted((FRIENDLY, asking(OWN_NAME)), reverse=True)
    return request(EC, OURS, field=tlv(0xA0, first, second))


GOOD = request(EC, OURS)
REFUSED = (
    # ── the structure ──
    Case("version 1, as if it were v1", request(EC, OURS, version=b"\x02\x01\x01"),
         where="version", says="written as 1;"),
    Case("wolfSSL by default: version 2", request(EC, OURS, version=b"\x02\x01\x02"),
         where="version", says="as 2;"),
    Case("a long zero", request(EC, OURS, version=b"\x02\x02\x00\x00"),
         where="version", says="shortest"),
    Case("no version", request(EC, OURS, version=b""), where="version", says="missing"),
    Case("no attributes", request(EC, OURS, field=b""), where="attributes", says="are missing"),
    Case("attributes in a SET", request(EC, OURS, field=b"\x31\x00"),
         where="certificationRequestInfo", says="attributes"),
    Case("trailing octets", GOOD + b"\n\n", where="request", says="2 octets follow"),
    Case("a trailing line break", GOOD + b"\n", where="request", says="1 octet follows"),
    Case("trailing octets inside", seq(GOOD[4:] if GOOD[1] == 0x82 else GOOD[3:], NULL),
         where="request", says="4 parts"),
    Case("an indefinite length", b"\x30\x80" + GOOD[3:] + b"\x00\x00",
         where="request", says="indefinite length"),
    Case("cut off", GOOD[:-5], where="request", says="ends too soon"),
    Case("node-forge as documented: attributes out of order", ordered_wrongly(),
         where="attributes", says="SET OF"),
    Case("an attribute without a value", request(EC, OURS, attribute("1.2.840.113549.1.9.20")),
         where="attributes.1.2.840.113549.1.9.20", says="no value"),
    # ── the subject ──
    Case("an early id as certmonger and node-forge write it", request(EC, name(EARLY, PRINTABLE)),
         where="subject.CN", says='PrintableString, which has no "_"', device=EARLY),
    Case("an IA5String beyond ASCII", request(EC, name("Straße", IA5)),
         where="subject.CN", says="IA5String, which has no octet C3"),
    Case("UTF-8 that is none", request(EC, seq(tlv(0x31, seq(oid("2.5.4.3"), b"\x0c\x01\xff")))),
         where="subject.CN", says="UTF8String, but"),
    Case("a BMPString of odd length",
         request(EC, seq(tlv(0x31, seq(oid("2.5.4.3"), b"\x1e\x03abc")))),
         where="subject.CN", says="BMPString, but"),
    Case("a CN that is no string",
         request(EC, seq(tlv(0x31, seq(oid("2.5.4.3"), b"\x02\x01\x05")))),
         where="subject.CN", says="is no string"),
    Case("somebody else", request(EC, name("dev-other")), where="subject.CN", says="other than"),
    # ── key and signature ──
    Case("a key without its curve", request(EC, OURS, spki=ec_key()),
         where="subjectPKInfo", says="names no curve"),
    Case("NULL for a curve", request(EC, OURS, spki=ec_key(NULL)),
         where="subjectPKInfo", says="names no curve"),
    Case("a curve that nobody knows", request(EC, OURS, spki=ec_key(oid("1.3.36.3.3.2.8.1.1.99"))),
         where="subjectPKInfo", says="not known here"),
    Case("NULL beside an Ed25519 key", request(EDWARDS, OURS, spki=seq(
        seq(oid("1.3.101.112"), NULL),
        tlv(3, b"\0", EDWARDS.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)))),
         where="subjectPKInfo", says="not written as a key of its algorithm"),
    Case("ecdsa-with-SHA1",
         request(EC, OURS, algorithm=seq(oid(ECDSA_SHA1)), hashed=hashes.SHA1()),
         where="signatureAlgorithm", says="SHA-1, which is broken"),
    Case("md5WithRSAEncryption",
         request(RSA, OURS, algorithm=seq(oid(RSA_MD5), NULL), hashed=hashes.MD5()),
         where="signatureAlgorithm", says="MD5, which is broken"),
    Case("sha1WithRSAEncryption",
         request(RSA, OURS, algorithm=seq(oid(RSA_SHA1), NULL), hashed=hashes.SHA1()),
         where="signatureAlgorithm", says="SHA-1, which is broken"),
    Case("RSASSA-PSS by default", request(RSA, OURS, algorithm=seq(oid("1.2.840.113549.1.1.10"))),
         where="signatureAlgorithm", says="means SHA-1"),
    Case("other parameters", request(EC, OURS, algorithm=seq(oid(ECDSA_SHA256), b"\x02\x01\x00")),
         where="signatureAlgorithm", says="has no parameters"),
    Case("md2WithRSAEncryption",
         request(RSA, OURS, algorithm=seq(oid("1.2.840.113549.1.1.2"), NULL)),
         where="signatureAlgorithm", says="not known here"),
    Case("an algorithm of another kind of key",
         request(EC, OURS, algorithm=seq(oid(RSA_SHA256), NULL)),
         where="signatureAlgorithm", says="does not go with the key"),
    Case("signed by another key", request(
        ec.generate_private_key(ec.SECP256R1()), OURS, spki=EC.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
         where="signature", says="not signed by"),
    Case("a signature of no whole octets", request(EC, OURS, signature=b"\x03\x02\x04\xf0"),
         where="signature", says="BIT STRING"),
    # ── what it asks for ──
    Case("critical FALSE written out",
         request(EC, OURS, asking(extension(KEY_USAGE, SIGNS, FALSE))),
         where="extensionRequest.2.5.29.15", says="DEFAULT"),
    Case("TRUE as 01", request(EC, OURS, asking(extension(KEY_USAGE, SIGNS, b"\x01\x01\x01"))),
         where="extensionRequest.2.5.29.15", says="TRUE"),
    Case("cA FALSE written out",
         request(EC, OURS, asking(extension(BASIC_CONSTRAINTS, bytes.fromhex("3003010100")))),
         where="basicConstraints", says="DEFAULT"),
    Case("trailing octets in an extension",
         request(EC, OURS, asking(extension(KEY_USAGE, SIGNS + NULL))),
         where="keyUsage", says="follow its end"),
    Case("an extension of another type", request(EC, OURS, asking(extension(KEY_USAGE, NULL))),
         where="keyUsage", says="another type"),
    Case("a second extensionRequest that asks to be a CA",
         request(EC, OURS, asking(extension(KEY_USAGE, SIGNS)),
                 asking(extension(BASIC_CONSTRAINTS, CA, TRUE))),
         where="basicConstraints", says="certification authority"),
    Case("Microsoft's that asks to be a CA",
         request(EC, OURS, asking(OWN_NAME),
                 asking(extension(BASIC_CONSTRAINTS, CA), by=MICROSOFTS)),
         where="basicConstraints", says="certification authority"),
    Case("a second value that asks to be a CA",
         request(EC, OURS, attribute(
             pkcs10.EXTENSION_REQUEST, seq(extension(KEY_USAGE, SIGNS)),
             seq(extension(BASIC_CONSTRAINTS, CA, TRUE)))),
         where="basicConstraints", says="certification authority"),
    Case("a second name behind the own one",
         request(EC, OURS, asking(OWN_NAME),
                 asking(extension(NAMES, seq(tlv(0x82, b"id.example"))), by=MICROSOFTS)),
         where="subjectAltName", says="twice"),
    Case("Windows' certificate template",
         request(EC, OURS, asking(
             extension("1.3.6.1.4.1.311.20.2", tlv(BMP, "Machine".encode("utf-16-be"))))),
         where="extensionRequest.1.3.6.1.4.1.311.20.2", says="may not propose"),
    Case("a usage beyond v3_req",
         request(EC, OURS, asking(extension(KEY_USAGE, bytes.fromhex("03020186")))),
         where="keyUsage", says="crl_sign"),
    Case("an attribute that nobody knows", request(EC, OURS, attribute("1.2.3.4", NULL)),
         where="attributes.1.2.3.4", says="not used here"),
)  # fmt: skip


def named(case: Any) -> str:
    return str(case.program)


@pytest.mark.rfc("2986", "4")
@pytest.mark.parametrize("case", ACCEPTED, ids=named)
def test_what_changes_nothing_is_accepted_and_what_is_left_out_is_named(case: Case) -> None:
    assert judged(case) == case.left_out


@pytest.mark.rfc("2986", "4")
@pytest.mark.row("devices", "5.12")
@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_each_fault_has_its_own_sentence_and_field(case: Case) -> None:
    with pytest.raises(RequestRefused) as caught:
        judged(case)
    assert (caught.value.where, case.says in caught.value.description) == (case.where, True), (
        caught.value.where,
        caught.value.description,
    )
    assert caught.value.next_step


def test_two_requests_in_one_body_are_refused() -> None:
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(RequestRefused) as caught:
        parse(pem + pem)
    assert "2 certification requests" in caught.value.description


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (
            b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
            "of the kind CERTIFICATE, not",
        ),
        (b"-----BEGIN EC PRIVATE KEY-----\nMA==\n", "of the kind EC PRIVATE KEY, not"),
        (b"-----BEGIN NEW CERTIFICATE REQUEST-----\nMA==\n", "has no end"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----",
            "no base64",
        ),
    ],
)
def test_pem_that_holds_no_request_is_told_what_it_holds(pem: bytes, says: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        parse(pem)
    assert says in caught.value.description
    assert caught.value.where == "request"
