"""A certificate for a TLS server of the city, its key made here — RFC 9525."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from foundation import opaque
from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from pki.issuing.issuance import Issuance
from pki.ports import Admission
from pki.requests import request
from pki.x509 import names
from pki.x509.certificate import IssuedCertificate


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """PEM: the certificate with its issuer below it, and the private key (PKCS #8)."""

    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    not_after: datetime


class Console:
    """The registrar of those who run this deployment's command line: they may name a server."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def give_back(self, uow: UnitOfWork, admission: Admission, public_key: str) -> None:
        """Nothing was spent."""

    def bind(self, uow: UnitOfWork, admission: Admission, public_key: str, now: datetime) -> None:
        """Nothing to spend: the key was made a moment ago, for this certificate."""

    def issued(
        self, uow: UnitOfWork, admission: Admission, certificate: IssuedCertificate, now: datetime
    ) -> None:
        self._audit.record(
            uow,
            "certificate.issued",
            Actor("system", "pki"),
            details={
                "serial": certificate.serial,
                "profile": certificate.profile,
                "holder": certificate.holder,
                "names": list(admission.names),
                "thumbprint": certificate.thumbprint,
                **({"left_out": list(certificate.left_out)} if certificate.left_out else {}),
            },
        )


def issue(
    issuance: Issuance,
    registrar: Console,
    chain: Sequence[x509.Certificate],
    hostnames: Sequence[str],
    now: datetime,
) -> ServerCertificate:
    """Make a key and have it certified for `hostnames`: names or address literals, at least one."""
    hosts = tuple(dict.fromkeys(names.host(hostname) for hostname in hostnames))
    key = ec.generate_private_key(ec.SECP256R1())
    proposed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    digest = hashlib.sha256(" ".join(hosts).encode()).hexdigest()[:16]
    admission = Admission(
        reference=opaque.identifier("srv"),
        holder=f"server:{digest}",
        profile="server",
        common_name=names.as_common_name(hosts, "TLS server"),
        names=hosts,
    )
    issued = issuance.issue(admission, request.parse(proposed), registrar, now)
    pem = [x509.load_der_x509_certificate(issued.der), *chain]
    return ServerCertificate(
        chain_pem=b"".join(c.public_bytes(Encoding.PEM) for c in pem),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        not_after=issued.not_after,
    )
