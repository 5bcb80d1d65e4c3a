"""DER by hand, where thousands of entries or requests a second are written or read — X.690 §8, §10.

Writing joins bytes that are already encoded; reading accepts DER only, and never looks past what
is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

SEQUENCE, INTEGER, OCTETS, OID, ENUMERATED, BITS, NULL = 0x30, 0x02, 0x04, 0x06, 0x0A, 0x03, 0x05
UTC_TIME, GENERALIZED_TIME, BOOLEAN = 0x17, 0x18, 0x01


class NotDer(ValueError):
    """The bytes are not DER, or not what was expected at this place."""


# ── writing ───────────────────────────────────────────────────────────────────────────────


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, b"".join(parts))


def sequence_of(parts: Iterable[bytes]) -> bytes:
    return tlv(SEQUENCE, b"".join(parts))


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(content: bytes) -> bytes:
    return tlv(OCTETS, content)


def bits(content: bytes) -> bytes:
    return tlv(BITS, b"\0" + content)


def explicit(number: int, content: bytes) -> bytes:
    return tlv(0xA0 | number, content)


def generalized_time(at: datetime) -> bytes:
    return tlv(GENERALIZED_TIME, at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def time(at: datetime) -> bytes:
    """RFC 5280 §5.1.2.4: UTCTime until 2049, GeneralizedTime from then on."""
    at = at.astimezone(UTC)
    if at.year < 2050:
        return tlv(UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(at)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = bytearray()
    for part in (40 * first + second, *rest):
        groups = [part & 0x7F]
        while part := part >> 7:
            groups.append(0x80 | part & 0x7F)
        content += bytes(reversed(groups))
    return tlv(OID, bytes(content))


def extension(dotted: str, content: bytes, critical: bool = False) -> bytes:
    """RFC 5280 §4.1: `critical` FALSE is the default, and DER leaves a default out."""
    said = (tlv(BOOLEAN, b"\xff"),) if critical else ()
    return sequence(oid(dotted), *said, octets(content))


# ── reading ───────────────────────────────────────────────────────────────────────────────


def read(data: bytes, at: int = 0, end: int | None = None) -> tuple[int, int, int]:
    """Tag, and where the content begins and ends, of the element at `at`. Raises NotDer."""
    end = len(data) if end is None else end
    if at + 2 > end:
        raise NotDer("the data ends too soon")
    tag, size = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise NotDer("a tag of several octets")
    at += 2
    if size >= 0x80:
        count = size & 0x7F
        if count == 0:
            raise NotDer("an indefinite length, which only BER has")
        if not 1 <= count <= 4 or at + count > end:
            raise NotDer("a length that DER does not have")
        size = int.from_bytes(data[at : at + count], "big")
        if size < 0x80 or size >> (8 * (count - 1)) == 0:
            raise NotDer("a length that is not the shortest")
        at += count
    if at + size > end:
        raise NotDer("the data ends too soon")
    return tag, at, at + size


Element = tuple[int, int, int, int]
"""Tag, where it begins, where its content begins, where it ends."""


def elements(data: bytes, at: int, end: int) -> Iterator[Element]:
    """Each element between two places."""
    while at < end:
        tag, begin, stop = read(data, at, end)
        yield tag, at, begin, stop
        at = stop


def dotted(content: bytes) -> str:
    """The OID whose content this is."""
    parts, part = [], 0
    for place, octet in enumerate(content):
        if part == 0 and octet == 0x80 and (place == 0 or not content[place - 1] & 0x80):
            raise NotDer("an OBJECT IDENTIFIER that is not the shortest")
        part = part << 7 | octet & 0x7F
        if not octet & 0x80:
            parts.append(part)
            part = 0
    if not content or content[-1] & 0x80 or len(content) > 63:
        raise NotDer("an OBJECT IDENTIFIER that ends too soon, or never")
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, (first, parts[0] - 40 * first, *parts[1:])))


def only(data: bytes, tag: int) -> tuple[int, int]:
    """Where the content is of data that is one element of this tag and nothing else."""
    found, begin, stop = read(data)
    if found != tag or stop != len(data):
        raise NotDer("not one element of the tag that is expected")
    return begin, stop
