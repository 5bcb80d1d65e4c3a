"""A time stamp as bytes: TSTInfo, and CMS around it — RFC 3161 §2.4.2, RFC 5652, RFC 5816.

Written as DER by hand, as lists and certificates are (`pki/x509/der.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pki.issuing import drafting
from pki.timestamps.request import Refused, StampRequest
from pki.x509 import der

_TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_HASH_OIDS = {
    "sha256": der.sequence(der.oid("2.16.840.1.101.3.4.2.1")),
    "sha384": der.sequence(der.oid("2.16.840.1.101.3.4.2.2")),
    "sha512": der.sequence(der.oid("2.16.840.1.101.3.4.2.3")),
}
_SET, _UTF8 = 0x31, 0x0C
_TRUE = der.tlv(der.BOOLEAN, b"\xff")
_GRANTED = der.sequence(der.integer(0))
_REJECTION = 2
_MILLISECOND = timedelta(milliseconds=1)
_A_SECOND = 1000


@dataclass(frozen=True, slots=True)
class StampSigner:
    """What signs: `identifier` is its IssuerAndSerialNumber, `attribute` the ESSCertIDv2 of its
    certificate, `certificates` it and those above it but for the root; all DER."""

    private_key: Any = field(repr=False)
    subject: bytes
    identifier: bytes
    attribute: bytes = field(repr=False)
    certificates: bytes = field(repr=False)
    algorithm: bytes
    hash_name: str
    not_after: datetime


def signer(private_key: Any, certificate: bytes, chain: tuple[bytes, ...]) -> StampSigner:
    """What signs with this key, which `certificate` is for; `chain` is what stands above it."""
    read = drafting.parts(_body_of(certificate))
    parsed = drafting.unsigned(_body_of(certificate))
    hashed = drafting.hash_for(private_key)
    issuer_and_serial = der.sequence(read.issuer, der.integer(parsed.serial_number))
    # RFC 5816 §2.2.1, RFC 5035 §4: SHA-256 is the default, and DER leaves a default out.
    general_names = der.sequence(der.explicit(4, read.issuer))
    identified = der.sequence(
        der.octets(hashlib.sha256(certificate).digest()),
        der.sequence(general_names, der.integer(parsed.serial_number)),
    )
    return StampSigner(
        private_key,
        read.subject,
        issuer_and_serial,
        _attribute(_SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(identified))),
        der.tlv(0xA0, b"".join(sorted((certificate, *chain)))),
        drafting.signature_algorithm(private_key),
        # RFC 8419 §3: Ed25519 comes with SHA-512.
        hashed.name if hashed is not None else "sha512",
        parsed.not_valid_after_utc,
    )


def info(
    asked: StampRequest,
    policy: str,
    serial: int,
    at: datetime,
    accuracy: timedelta,
    subject: bytes,
) -> bytes:
    """The TSTInfo, DER: these bytes, at this instant, wrong by `accuracy` at most."""
    return der.sequence(
        der.integer(1),
        der.oid(policy),
        asked.imprint.der,
        der.integer(serial),
        _time(at),
        _accuracy(accuracy),
        _TRUE,
        asked.nonce,
        der.explicit(0, der.explicit(4, subject)),
    )


def token(signed: bytes, by: StampSigner, *, with_certificates: bool) -> bytes:
    """The TimeStampToken, DER: a CMS SignedData around `signed`, a TSTInfo."""
    digest = hashlib.new(by.hash_name, signed).digest()
    attributes = b"".join(
        sorted(
            (
                _attribute(_CONTENT_TYPE, _TST_INFO),
                _attribute(_MESSAGE_DIGEST, der.octets(digest)),
                by.attribute,
            )
        )
    )
    hash_algorithm = _HASH_OIDS[by.hash_name]
    # RFC 5652 §5.4: what is signed bears the tag of a SET, what is sent that of the field.
    signature = drafting.signature(der.tlv(_SET, attributes), by.private_key)
    signer_info = der.sequence(
        der.integer(1),
        by.identifier,
        hash_algorithm,
        der.tlv(0xA0, attributes),
        by.algorithm,
        der.octets(signature),
    )
    content = der.sequence(
        der.integer(3),
        der.tlv(_SET, hash_algorithm),
        der.sequence(_TST_INFO, der.explicit(0, der.octets(signed))),
        by.certificates if with_certificates else b"",
        der.tlv(_SET, signer_info),
    )
    return der.sequence(_SIGNED_DATA, der.explicit(0, content))


def granted(stamp: bytes) -> bytes:
    """The answer that carries a stamp."""
    return der.sequence(_GRANTED, stamp)


def rejected(refusal: Refused) -> bytes:
    """The answer without a stamp: the failure's bit, and a sentence."""
    unused = 7 - refusal.failure % 8
    octets = bytearray(refusal.failure // 8 + 1)
    octets[-1] = 1 << unused
    failure = der.tlv(der.BITS, bytes((unused,)) + bytes(octets))
    sentence = der.sequence(der.tlv(_UTF8, refusal.sentence.encode()))
    return der.sequence(der.sequence(der.integer(_REJECTION), sentence, failure))


def _attribute(oid: bytes, value: bytes) -> bytes:
    return der.sequence(oid, der.tlv(_SET, value))


def _time(at: datetime) -> bytes:
    """§2.4.2: to the microsecond, without zeros at the end."""
    at = at.astimezone(UTC)
    fraction = f".{at.microsecond:06}".rstrip("0").rstrip(".")
    return der.tlv(der.GENERALIZED_TIME, f"{at:%Y%m%d%H%M%S}{fraction}Z".encode())


def _accuracy(within: timedelta) -> bytes:
    """Rounded up to the millisecond."""
    milliseconds = max(1, -(-within // _MILLISECOND))
    seconds, rest = divmod(milliseconds, _A_SECOND)
    return der.sequence(
        der.integer(seconds) if seconds else b"",
        der.tlv(0x80, der.integer(rest)[2:]) if rest else b"",
    )


def _body_of(certificate: bytes) -> bytes:
    _, at, _, end = next(der.elements(certificate, *der.only(certificate, der.SEQUENCE)))
    return certificate[at:end]
