"""A small authority for the bare equivalent, and certification requests for both sides."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs7,
)
from cryptography.x509 import ocsp
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

from benchmarks.load import Request

_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
# Where its status is found: the same number of addresses as in a certificate of Civitas.
_ACCESS = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(f"http://127.0.0.1/{end}"))
        for method, end in (
            (AuthorityInformationAccessOID.OCSP, "pki/ocsp"),
            (AuthorityInformationAccessOID.CA_ISSUERS, "pki/authorities/devices-1.cer"),
        )
    ]
)
_LIST = x509.CRLDistributionPoints(
    [
        x509.DistributionPoint(
            [x509.UniformResourceIdentifier("http://127.0.0.1/pki/crl/devices-1/10.crl")],
            None, None, None,
        )
    ]
)  # fmt: skip
_CLIENT_AUTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
PKCS10 = {"Content-Type": "application/pkcs10", "X-Forwarded-Proto": "https"}


@dataclass(frozen=True)
class Authority:
    """A P-256 key that signs certificates under one name."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path) -> Self:
        """A new authority, its certificate in `ca.pem`, and one for a TLS server on localhost."""
        authority = cls(name_of("bare"), ec.generate_private_key(ec.SECP256R1()))
        now = datetime.now(UTC) - timedelta(minutes=1)
        later = now + timedelta(days=2)
        own = authority._draft(authority.name, authority.key.public_key(), 1, now, later)
        root = own.add_extension(x509.BasicConstraints(True, None), True)
        _write(folder / "ca.pem", root.sign(authority.key, SHA256()))
        _write_key(folder / "ca.key", authority.key)
        key = ec.generate_private_key(ec.SECP256R1())
        server = authority._draft(name_of("localhost"), key.public_key(), 2, now, later)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        signed = server.add_extension(names, False).sign(authority.key, SHA256())
        _write(folder / "server.pem", signed)
        _write_key(folder / "server.key", key)
        return authority

    @classmethod
    def load(cls, folder: Path) -> Self:
        key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(name_of("bare"), key)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """Its own, signed by itself."""
        now = datetime.now(UTC)
        draft = self._draft(self.name, self.key.public_key(), 1, now, now + timedelta(days=2))
        return draft.sign(self.key, SHA256())

    def issue(
        self,
        subject: x509.Name,
        public_key: CertificatePublicKeyTypes,
        serial: int,
        start: datetime,
        end: datetime,
    ) -> x509.Certificate:
        """A certificate for a TLS client, with the extensions that a device's has in Civitas."""
        draft = (
            self._draft(subject, public_key, serial, start, end)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(self._identifier, critical=False)
            .add_extension(_CLIENT_AUTH, critical=False)
            .add_extension(_ACCESS, critical=False)
            .add_extension(_LIST, critical=False)
        )
        return draft.sign(self.key, SHA256())

    @cached_property
    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())

    def _draft(
        self,
        subject: x509.Name,
        public_key: CertificatePublicKeyTypes,
        serial: int,
        start: datetime,
        end: datetime,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(start)
            .not_valid_after(end)
        )


@dataclass(frozen=True)
class Holder:
    """Who asks for certificates: a name and a P-256 key."""

    name: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str) -> Self:
        return cls(name, ec.generate_private_key(ec.SECP256R1()))

    def request(self, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        """A certification request for `key`, by default the holder's own: base64 of DER."""
        draft = x509.CertificateSigningRequestBuilder().subject_name(name_of(self.name))
        return base64.b64encode(draft.sign(key or self.key, SHA256()).public_bytes(Encoding.DER))

    def next_request(self) -> bytes:
        """A certification request for a new key: what a renewal sends."""
        return self.request(ec.generate_private_key(ec.SECP256R1()))

    def tls(self, answer: bytes, anchors: Path, folder: Path) -> ssl.SSLContext:
        """How to connect with the certificate in an EST `answer`."""
        issued = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer))[0]
        path = folder / f"{self.name}.pem"
        _write_key(path, self.key)
        with path.open("ab") as file:
            file.write(issued.public_bytes(Encoding.PEM))
        context = tls(anchors)
        context.load_cert_chain(path)
        return context


def status_question(path: str, holder: Path, issuer: x509.Certificate) -> Request:
    """What a relying party asks of the certificate in `holder`, a PEM file (RFC 6960 §4.1)."""
    certificate = x509.load_pem_x509_certificate(holder.read_bytes())
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256()).build()
    headers = {"Content-Type": "application/ocsp-request"}
    return Request("POST", path, asked.public_bytes(Encoding.DER), headers)


def tls(anchors: Path) -> ssl.SSLContext:
    """How to connect to a server under these anchors."""
    context = ssl.create_default_context(cafile=str(anchors))
    # The bare authority leaves out what nobody measures, such as key identifiers.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
