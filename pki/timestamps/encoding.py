"""A time stamp as bytes: TSTInfo, and CMS around it — RFC 3161 §2.4.2, RFC 5652, RFC 5816.

Written as DER by hand, as lists and certificates are (`pki/x509/der.py`); CMS is `pki/cms.py`.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from pki import cms
from pki.cms import CmsSigner
from pki.timestamps.request import Refused, StampRequest
from pki.x509 import der

_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_UTF8 = 0x0C
_TRUE = der.tlv(der.BOOLEAN, b"\xff")
_GRANTED = der.sequence(der.integer(0))
_REJECTION = 2
_MILLISECOND = timedelta(milliseconds=1)
_A_SECOND = 1000


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


def token(signed: bytes, by: CmsSigner, *, with_certificates: bool) -> bytes:
    """The TimeStampToken, DER: a CMS SignedData around `signed`, a TSTInfo."""
    hash_name = cms.natural_hash(by.private_key)
    return cms.signed_data(
        by,
        hashlib.new(hash_name, signed).digest(),
        hash_name,
        content_type=_TST_INFO,
        content=signed,
        with_certificates=with_certificates,
    )


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
