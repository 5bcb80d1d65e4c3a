"""Makers of authenticators and the FIDO Metadata Service, of the tests: roots, keys, a signed file.

Chromium's virtual authenticator signs its attestation itself, with a certificate of its own that
no root stands above: here a root of ours stands for the maker's, and another for the service's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

from tests.support.passkey import SoftPasskey

FLAG = AuthenticatorData.FLAG
MODEL = "11112222-3333-4444-5555-666677778888"
_AAGUID = ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


@dataclass
class Root:
    """An authority, and what it signs."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        usage = x509.KeyUsage(
            key_cert_sign=True,
            crl_sign=True,
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        self.certificate = (
            self._builder(self.subject, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def leaf(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> x509.Certificate:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        built = (
            self._builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(authority, critical=False)
        )
        for extension, critical in extensions:
            built = built.add_extension(extension, critical=critical)
        return built.sign(self.key, hashes.SHA256())

    def pem(self, path: Path) -> Path:
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(FROM)
            .not_valid_after(UNTIL)
        )


def entry(
    maker: Root, *statuses: str, model: str = MODEL, protection: Sequence[str] = ("hardware",)
) -> dict[str, Any]:
    """One model in the metadata."""
    return {
        "aaguid": model,
        "metadataStatement": {
            "description": "Test key",
            "aaguid": model,
            "authenticatorVersion": 1,
            "schema": 3,
            "upv": [{"major": 1, "minor": 1}],
            "attestationTypes": ["basic_full"],
            "userVerificationDetails": [],
            "keyProtection": list(protection),
            "matcherProtection": ["on_chip"],
            "attachmentHint": ["external"],
            "tcDisplay": [],
            "attestationRootCertificates": [_der64(maker.certificate)],
        },
        "statusReports": [{"status": status, "effectiveDate": "2026-01-01"} for status in statuses],
        "timeOfLastStatusChange": "2026-01-01",
    }


def metadata(
    service: Root,
    entries: Sequence[dict[str, Any]],
    number: int = 1,
    signer: str = "mds.fidoalliance.org",
) -> bytes:
    """The file that the service gives out: a JWT with its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = service.leaf(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer)]),
        key,
        [
            (x509.SubjectAlternativeName([x509.DNSName(signer)]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ],
    )
    return signed(key, [certificate], number, entries)


def signed(
    key: ec.EllipticCurvePrivateKey,
    chain: Sequence[x509.Certificate],
    number: int,
    entries: Sequence[dict[str, Any]],
) -> bytes:
    header = {"alg": "ES256", "typ": "JWT", "x5c": [_der64(one) for one in chain]}
    payload = {
        "legalHeader": "test",
        "no": number,
        "nextUpdate": "2026-12-01",
        "entries": list(entries),
    }
    message = b".".join(_encoded(json.dumps(part).encode()) for part in (header, payload))
    # What the library verifies is a signature in DER.
    return message + b"." + _encoded(key.sign(message, ec.ECDSA(hashes.SHA256())))


@dataclass
class AttestedPasskey(SoftPasskey):
    """A key in hardware, with the statement of its maker — WebAuthn §8.2, "packed"."""

    backup_eligible: bool = False
    maker: Root | None = None
    model: str = MODEL

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        self.rp_id = options["rp"]["id"]
        self.user_handle = websafe_decode(options["user"]["id"])
        public_key = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        aaguid = Aaguid.parse(self.model)
        public = AttestedCredentialData.create(aaguid, self.credential_id, public_key)
        data = AuthenticatorData.create(
            sha256(self.rp_id.encode()).digest(), self._flags() | FLAG.AT, self._count(), public
        )
        client = self._client_data("webauthn.create", options["challenge"])
        statement = self.statement(data, sha256(client).digest())
        attestation = AttestationObject.create("packed", data, statement)
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client),
                "attestationObject": websafe_encode(attestation),
                "transports": ["usb"],
            }
        )

    def statement(self, data: bytes, client_hash: bytes) -> dict[str, Any]:
        assert self.maker is not None
        key = ec.generate_private_key(ec.SECP256R1())
        names = (
            (NameOID.COUNTRY_NAME, "EE"),
            (NameOID.ORGANIZATION_NAME, "Test maker"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
            (NameOID.COMMON_NAME, "Test key"),
        )
        model = bytes(Aaguid.parse(self.model))
        certificate = self.maker.leaf(
            x509.Name([x509.NameAttribute(oid, value) for oid, value in names]),
            key,
            [(x509.UnrecognizedExtension(_AAGUID, b"\x04\x10" + model), False)],
        )
        signature = key.sign(data + client_hash, ec.ECDSA(hashes.SHA256()))
        return {
            "alg": -7,
            "sig": signature,
            "x5c": [certificate.public_bytes(Encoding.DER)],
        }


def _der64(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


LATER = timedelta(minutes=2)
