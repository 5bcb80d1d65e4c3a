"""Answers of the OCSP responder as bytes — RFC 6960 §4.2, RFC 9654."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pki.issuing import drafting
from pki.status.asking import NONCE, CertId
from pki.status.encoding import CODES
from pki.status.responders import Responder
from pki.x509 import der

BASIC = der.oid("1.3.6.1.5.5.7.48.1.1")
GOOD, UNKNOWN = der.tlv(0x80, b""), der.tlv(0x82, b"")


def _only_status(code: int) -> bytes:
    return der.sequence(der.tlv(der.ENUMERATED, bytes((code,))))


# §2.3: nothing is signed, for there is nothing to say about a certificate.
MALFORMED_REQUEST = _only_status(1)
TRY_LATER = _only_status(3)
UNAUTHORIZED = _only_status(6)


@dataclass(frozen=True, slots=True)
class Single:
    """What is said of one certificate: `status` as DER, see `revoked`."""

    certificate: CertId
    status: bytes


def revoked(at: datetime, reason: str | None) -> bytes:
    """RevokedInfo. As in a list, an unspecified reason is left out."""
    code = CODES.get(reason or "")
    said = () if code is None else (der.explicit(0, der.tlv(der.ENUMERATED, bytes((code,)))),)
    return der.tlv(0xA1, b"".join((der.generalized_time(at), *said)))


def answer(
    singles: Sequence[Single],
    responder: Responder,
    produced_at: datetime,
    this_update: datetime,
    next_update: datetime,
    nonce: bytes | None,
) -> bytes:
    """The whole signed OCSPResponse, with the responder's certificate (RFC 5019 §3.2.1)."""
    since, until = der.generalized_time(this_update), der.generalized_time(next_update)
    said = (
        der.sequence(one.certificate.der, one.status, since, der.explicit(0, until))
        for one in singles
    )
    extensions: tuple[bytes, ...] = ()
    if nonce is not None:
        repeated = der.sequence(NONCE, der.octets(der.octets(nonce)))
        extensions = (der.explicit(1, der.sequence(repeated)),)
    data = der.sequence(
        der.explicit(2, der.octets(responder.key_hash)),
        der.generalized_time(produced_at),
        der.sequence_of(said),
        *extensions,
    )
    signature = der.bits(drafting.signature(data, responder.private_key))
    chain = der.explicit(0, der.sequence(responder.certificate))
    basic = der.sequence(data, responder.algorithm, signature, chain)
    return der.sequence(
        der.tlv(der.ENUMERATED, b"\0"),
        der.explicit(0, der.sequence(BASIC, der.octets(basic))),
    )
