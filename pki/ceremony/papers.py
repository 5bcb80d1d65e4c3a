"""What travels between a city and its ceremony: a request there, an answer back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from pki.refusals import CeremonyRefused

VERSION = 1
MOST_GENERATIONS = 99
REASONS = frozenset(
    {"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
     "cessationOfOperation", "privilegeWithdrawn"}
)  # fmt: skip
"""For which a root may list what it certified (RFC 5280 §5.3.1): a hold is not for authorities."""
LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class AuthorityRequest:
    """One authority that asks to be certified; `request` is PKCS #10, PEM."""

    authority: str
    generation: int
    request: str


@dataclass(frozen=True, slots=True)
class RevocationRequest:
    """What a root shall list as revoked: serial in hex, reason by its name (RFC 5280 §5.3.1)."""

    issuer: str
    serial: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Requests:
    """Everything that a city asks of its roots; `status` is where it publishes lists."""

    city: str
    country: str
    status: str
    requests: tuple[AuthorityRequest, ...]
    revoke: tuple[RevocationRequest, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of what `written` gives, hex: read aloud at both ends."""
        return hashlib.sha256(self.written().encode()).hexdigest()

    def written(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False)


def read(text: str) -> Requests:
    """Raises CeremonyRefused, which names the field."""
    try:
        if len(text) > LARGEST:
            raise ValueError("too large")
        found: dict[str, Any] = json.loads(text)
        if found.pop("version") != VERSION:
            raise ValueError("another version")
        requests = tuple(AuthorityRequest(**one) for one in found.pop("requests"))
        revoke = tuple(RevocationRequest(**one) for one in found.pop("revoke", ()))
        asked = Requests(requests=requests, revoke=revoke, **found)
        _check(asked)
        return asked
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CeremonyRefused(
            "The file is not a request to the ceremony.",
            "Bring the file that `civitas ca requests` wrote, unchanged.",
            where="requests",
            detail=str(error),
        ) from error


def _check(asked: Requests) -> None:
    """Raises ValueError or TypeError for a value that a root could not sign."""
    if not asked.status.startswith("http://") or not asked.status.isprintable():
        raise ValueError("status is no http address")
    for one in asked.requests:
        if type(one.generation) is not int or not 1 <= one.generation <= MOST_GENERATIONS:
            raise ValueError("generation")
    for revocation in asked.revoke:
        int(revocation.serial, 16)
        if revocation.reason not in REASONS:
            raise ValueError("reason")
        at = datetime.fromisoformat(revocation.at)
        if at.tzinfo is None or at.year < 1950:
            raise ValueError("at")


def answer(
    certificates: Sequence[x509.Certificate], lists: Sequence[x509.CertificateRevocationList]
) -> bytes:
    """PEM, each with a line that says what it is: for openssl's eyes and for people's."""
    from cryptography.hazmat.primitives.serialization import Encoding

    parts = []
    for certificate in certificates:
        parts.append(f"# {certificate.subject.rfc4514_string()}\n".encode())
        parts.append(certificate.public_bytes(Encoding.PEM))
    for each in lists:
        parts.append(f"# revocation list of {each.issuer.rfc4514_string()}\n".encode())
        parts.append(each.public_bytes(Encoding.PEM))
    return b"".join(parts)


def read_answer(
    content: bytes,
) -> tuple[list[x509.Certificate], list[x509.CertificateRevocationList]]:
    """Certificates and lists of an answer. Raises CeremonyRefused."""
    try:
        if len(content) > LARGEST:
            raise ValueError("too large")
        certificates = x509.load_pem_x509_certificates(content)
        ends = b"-----END X509 CRL-----"
        lists = [
            x509.load_pem_x509_crl(part[part.index(b"-----BEGIN X509 CRL-----") :] + ends)
            for part in content.split(ends)[:-1]
        ]
    except ValueError as error:
        raise CeremonyRefused(
            "The file is not an answer of a ceremony.",
            "Bring the PEM file that `civitas ca ceremony` wrote, unchanged.",
            where="answer",
            detail=str(error),
        ) from error
    return certificates, lists
