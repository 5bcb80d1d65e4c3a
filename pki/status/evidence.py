"""What a certificate is worth now, for whoever asks in ten years — ETSI EN 319 142-1 §5.4.

An OCSP answer about a certificate that we issued, and the lists of the roots above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from foundation.errors import Unavailable
from pki.hierarchy.hierarchy import Hierarchy
from pki.status.lists import Lists
from pki.status.responding import Responding


@dataclass(frozen=True, slots=True)
class Evidence:
    """DER: `answers` of OCSP, revocation `lists`, `certificates` of the authorities above."""

    answers: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    certificates: tuple[bytes, ...]


def evidence(
    hierarchy: Hierarchy,
    lists: Lists,
    responding: Responding,
    certificates: Sequence[bytes],
    now: datetime,
) -> Evidence:
    """About these, DER, each issued by one of our authorities. Raises Unavailable."""
    answers, roots, above = [], [], []
    for der in certificates:
        certificate = x509.load_der_x509_certificate(der)
        issuer = next(
            (
                one
                for one in hierarchy.all()
                if one.certificate.subject == certificate.issuer and not one.is_root
            ),
            None,
        )
        if issuer is None:
            raise Unavailable("Nobody can say what this certificate is worth.")
        answers.append(_answer(responding, certificate, issuer.certificate, now))
        chain = hierarchy.chain(issuer)
        above += [one.public_bytes(Encoding.DER) for one in chain]
        root = next(one for one in hierarchy.all() if one.certificate == chain[-1])
        roots.append(lists.whole(root.slug, now).der)
    return Evidence(tuple(answers), _once(roots), _once(above))


def _answer(
    responding: Responding, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> bytes:
    # SHA-1 only identifies here (RFC 5019 §2.1.1).
    question = ocsp.OCSPRequestBuilder().add_certificate(
        certificate,
        issuer,
        hashes.SHA1(),  # noqa: S303
    )
    told = responding.answer(question.build().public_bytes(Encoding.DER), now).der
    if ocsp.load_der_ocsp_response(told).response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Unavailable(
            "Nobody can say now what this certificate is worth.", next_step="Try again in a minute."
        )
    return told


def _once(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(parts))
