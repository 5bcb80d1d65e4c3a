"""A revocation list as bytes — RFC 5280 §5, RFC 9881.

Written entry by entry as DER: a list of 100,000 is made in the time that a builder of objects
needs, and the authority's key may be in a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.issuing import drafting
from pki.x509 import der

# RFC 5280 §5.3.1. "unspecified" is said by saying nothing.
CODES = {
    "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4,
    "cessationOfOperation": 5, "certificateHold": 6, "removeFromCRL": 8,
    "privilegeWithdrawn": 9, "aACompromise": 10,
}  # fmt: skip
REASON_CODE, CRL_NUMBER, DELTA = "2.5.29.21", "2.5.29.20", "2.5.29.27"
ISSUING_POINT, FRESHEST, AUTHORITY_KEY = "2.5.29.28", "2.5.29.46", "2.5.29.35"
_REASONS = {
    name: der.sequence(der.extension(REASON_CODE, der.tlv(der.ENUMERATED, bytes((code,)))))
    for name, code in CODES.items()
}

Entry = tuple[str, int, str | None]
"""Serial in hex, when in microseconds since 1970, and why; a reason None is removeFromCRL."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything that a list says beside its entries.

    `place` is its distribution point, None for a list without a scope of its own; `fresher` where
    the delta is; `base` makes it a delta that continues the list of that number.
    """

    issuer: x509.Certificate
    number: int
    this_update: datetime
    next_update: datetime
    place: str | None = None
    fresher: str | None = None
    base: int | None = None


def revocation_list(frame: Frame, entries: Sequence[Entry], private_key: Any) -> bytes:
    """The signed list, DER."""
    algorithm = drafting.signature_algorithm(private_key)
    listed = (der.sequence_of(_entries(entries)),) if entries else ()
    signed = der.sequence(
        der.integer(1),
        algorithm,
        frame.issuer.subject.public_bytes(),
        der.time(frame.this_update),
        der.time(frame.next_update),
        *listed,
        der.explicit(0, der.sequence_of(_extensions(frame))),
    )
    return der.sequence(signed, algorithm, der.bits(drafting.signature(signed, private_key)))


def _entries(entries: Iterable[Entry]) -> Iterable[bytes]:
    for serial, at, reason in entries:
        number = bytes.fromhex(serial if len(serial) % 2 == 0 else "0" + serial)
        if number[0] & 0x80:
            number = b"\0" + number
        # An unspecified reason is left out (§5.3.1); no reason is a certificate off its hold.
        said = _REASONS.get(reason or "removeFromCRL", b"")
        content = bytes((der.INTEGER, len(number))) + number + _second(at // 1_000_000) + said
        yield bytes((der.SEQUENCE, len(content))) + content


@lru_cache(maxsize=4096)
def _second(since_1970: int) -> bytes:
    return der.time(datetime.fromtimestamp(since_1970, UTC))


def _extensions(frame: Frame) -> Iterable[bytes]:
    yield der.extension(AUTHORITY_KEY, drafting.key_of(frame.issuer).public_bytes())
    yield der.extension(CRL_NUMBER, der.integer(frame.number))
    if frame.base is not None:
        yield der.extension(DELTA, der.integer(frame.base), critical=True)
    if frame.place is not None:
        # §5.2.5: the name in the certificates' own distribution point, byte for byte.
        point = x509.IssuingDistributionPoint(
            [x509.UniformResourceIdentifier(frame.place)], None, False, False, None, False, False
        )
        yield der.extension(ISSUING_POINT, point.public_bytes(), critical=True)
    if frame.fresher is not None:
        address = x509.UniformResourceIdentifier(frame.fresher)
        fresher = x509.FreshestCRL([x509.DistributionPoint([address], None, None, None)])
        yield der.extension(FRESHEST, fresher.public_bytes())


def pem(content: bytes) -> bytes:
    """The list as text — RFC 7468 §6."""
    return x509.load_der_x509_crl(content).public_bytes(Encoding.PEM)
