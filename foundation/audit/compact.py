"""How the audit writes short on disk what is the same in all its events, and reads it back.

What a leaf hashes is what `written` gives back, byte for byte: whatever would come back otherwise
is kept as it is. The forms are numbered and stay: events of any age must be read for decades.

Details are packed before they are sealed. How long a sealed part is tells a little of what is in it
(as without packing), and only to who reads the database; the digest, which is public, tells
nothing. Each event is packed alone, beside nothing but the words below, which are in this file: no
event's length depends on another's content, and what is written into one by who asks (a case, a
reason) stands beside no secret of anybody else.
"""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from foundation.clock import instant, microseconds

_FIRST = b"\x01"
_AS_IT_IS = b"\x00"
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {digit: value for value, digit in enumerate(_BASE62)}
_DIGITS, _BYTES = 22, 17  # of an identifier: 131 bits
_REF, _REF_BYTES = 16, 12

# ── the open part ──────────────────────────────────────────────────────────────────────

_ACTORS = (b"citizen", b"staff", b"service", b"device", b"system")
_WRITTEN = (
    b'{"id":"evt_%b","kind":"%b","at":"%b","actor":{"kind":"%b","ref":"%b"},"persons":["%b"]}'
)
_OPEN = re.compile(
    rb'\{"id":"evt_([0-9A-Za-z]{22})","kind":"([a-z][a-z0-9_.-]{0,63})","at":"([0-9T:.+-]{29})",'
    rb'"actor":\{"kind":"([a-z]+)","ref":"([\w-]{16})"\},'
    rb'"persons":\[("[\w-]{16}"(?:,"[\w-]{16}")*)\]\}'
)


def short(public: bytes) -> bytes:
    """The open part as it is stored."""
    try:
        found = _packed(public)
        if found is not None and _unpacked(found) == public:
            return found
    except (ValueError, TypeError, OverflowError):
        pass  # of a form that we do not write
    return _AS_IT_IS + public if public[:1] in (_FIRST, _AS_IT_IS) else public


def written(stored: bytes) -> bytes:
    """The open part, byte for byte as it was written; what somebody else put there, as it is."""
    begins = stored[:1]
    if begins == _AS_IT_IS:
        return stored[1:]
    if begins != _FIRST:
        return stored  # of before there was a short form, or another than ours
    try:
        return _unpacked(stored)
    except (ValueError, IndexError, OverflowError):
        return stored


def _packed(public: bytes) -> bytes | None:
    found = _OPEN.fullmatch(public)
    if found is None or found[4] not in _ACTORS:
        return None
    number, kind, at, actor, ref, persons = found.groups()
    milliseconds = microseconds(datetime.fromisoformat(at.decode())) // 1000
    return b"".join(
        (
            _FIRST,
            _packed_id(number),
            milliseconds.to_bytes(6, "big"),
            bytes((_ACTORS.index(actor), len(kind))),
            kind,
            urlsafe_b64decode(ref),
            *(urlsafe_b64decode(person) for person in persons[1:-1].split(b'","')),
        )
    )


def _unpacked(stored: bytes) -> bytes:
    number, rest = stored[1 : 1 + _BYTES], stored[1 + _BYTES :]
    at = instant(int.from_bytes(rest[:6], "big") * 1000)
    actor, length = _ACTORS[rest[6]], rest[7]
    kind, refs = rest[8 : 8 + length], rest[8 + length :]
    if len(refs) < 2 * _REF_BYTES or len(refs) % _REF_BYTES:
        raise ValueError("not a short form")
    ref, *persons = (
        urlsafe_b64encode(refs[start : start + _REF_BYTES])
        for start in range(0, len(refs), _REF_BYTES)
    )
    return _WRITTEN % (
        _unpacked_id(number),
        kind,
        at.isoformat(timespec="milliseconds").encode(),
        actor,
        ref,
        b'","'.join(persons),
    )


def _packed_id(digits: bytes) -> bytes:
    number = 0
    for digit in digits:
        number = number * 62 + _VALUE[digit]
    return number.to_bytes(_BYTES, "big")


def _unpacked_id(packed: bytes) -> bytes:
    number, digits = int.from_bytes(packed, "big"), bytearray(_DIGITS)
    for place in range(_DIGITS - 1, -1, -1):
        number, digit = divmod(number, 62)
        digits[place] = _BASE62[digit]
    return bytes(digits)


class OpenPart(TypeDecorator[bytes]):
    """The public JSON of an event: short on disk, its own bytes to everybody who asks."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else short(bytes(value))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else written(bytes(value))


# ── what is sealed ─────────────────────────────────────────────────────────────────────

# Never changed: another dictionary is another form. What is most frequent stands at its end.
_WORDS = (
    b'"reason":"no-ground","case":"","from":"","to":"active","state":"suspended","closed","revoked",'
    b'"by":"","count":1,"number":"","serial":"","profile":"","device":"dev_","authority":"",'
    b'"certificate":"","key":"","use":"","session":"ses_","means":"passkey","password","level":2,'
    b'"method":"","client":"cli_","family":"","scope":"openid profile email","audience":"",'
    b'"actor":"civitas","details":{}}"actor":"stf_"actor":"per_"person":"per_","until":"2026-'
    b'T00:00:00+00:00","at":"2026-","basis":"kind":"legal-basis","id":"bas_'
    b'"given_name","family_name","birthdate","address","email","over_18","resident",'
    b'],"asked":"release","asked":"question",'
    b'{"actor":"cli_","details":{"service":"cli_","purpose":"","attributes":["'
    b'"],"asked":"verify","rule_digest":,"ground":{"kind":"consent","id":"cns\xfe"},'
    b'"obligations":["notify","log-in-ledger"]}}"obligations":[]}}'
)
_LONG = re.compile(rb'"([0-9a-f]{64})"|_([0-9A-Za-z]{22})(?=")')
# No text in UTF-8 has these bytes.
_SHORT = re.compile(rb"\xff(.{32})|\xfe(.{17})", re.DOTALL)
_WINDOW = -12


def packed(plaintext: bytes) -> bytes:
    """The JSON of a sealed part, packed where that is shorter."""
    squeezing = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, 5, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    found = _FIRST + squeezing.compress(_LONG.sub(_shorter, plaintext)) + squeezing.flush()
    return found if len(found) < len(plaintext) else plaintext


def unpacked(content: bytes) -> bytes:
    """The JSON that `packed` was given."""
    if content[:1] != _FIRST:
        return content
    opening = zlib.decompressobj(_WINDOW, _WORDS)
    return _SHORT.sub(_longer, opening.decompress(content[1:]) + opening.flush())


def _shorter(found: re.Match[bytes]) -> bytes:
    digest, identifier = found.groups()
    if digest is not None:
        return b"\xff" + bytes.fromhex(digest.decode())
    return b"\xfe" + _packed_id(identifier)


def _longer(found: re.Match[bytes]) -> bytes:
    digest, identifier = found.groups()
    if digest is not None:
        return b'"%b"' % digest.hex().encode()
    return b"_" + _unpacked_id(identifier)
