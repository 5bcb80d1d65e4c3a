"""CBOR as ISO mdoc writes it: one spelling for each value — RFC 8949 §4.2, ISO/IEC 18013-5 §8.1.

Whatever has a second spelling is refused: lengths that are not the shortest, indefinite ones, a
map's key twice. What is signed is then the same bytes for everybody who reads it. What is too long,
too deep or too many is refused before room is made for it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from documents.credentials.malformed import Malformed

MOST_BYTES = 100_000
MOST_ITEMS = 4000
DEEPEST = 12
EMBEDDED = 24
"""The tag of a text of bytes that is CBOR itself (RFC 8949 §3.4.5.1)."""
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}
_WRITTEN = {value: bytes([_SIMPLE << 5 | number]) for number, value in _SIMPLE_VALUES.items()}
_FLOATS = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}


@dataclass(frozen=True, slots=True)
class Tag:
    """A value with a tag that says how it is meant (§3.4)."""

    number: int
    value: Any


# ── written ───────────────────────────────────────────────────────────────────────────


def encode(value: Any) -> bytes:
    """The one spelling of a value; maps keep their order. Raises TypeError for other kinds."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def embedded(value: Any) -> Tag:
    """A value as bytes of CBOR in CBOR, as everything is that is signed or hashed."""
    return Tag(EMBEDDED, encode(value))


def _write(out: bytearray, value: Any) -> None:
    match value:
        case list() | tuple():
            _write_head(out, _LIST, len(value))
            for one in value:
                _write(out, one)
        case Mapping():
            _write_head(out, _MAP, len(value))
            for name, one in value.items():
                _write(out, name)
                _write(out, one)
        case Tag():
            _write_head(out, _TAG, value.number)
            _write(out, value.value)
        case _:
            _write_one(out, value)


def _write_one(out: bytearray, value: Any) -> None:
    match value:
        case bool() | None:
            out += _WRITTEN[value]
        case int():
            _write_head(out, *((_UNSIGNED, value) if value >= 0 else (_NEGATIVE, -1 - value)))
        case bytes():
            _write_head(out, _BYTES, len(value))
            out += value
        case str():
            raw = value.encode()
            _write_head(out, _TEXT, len(raw))
            out += raw
        case float() if math.isfinite(value):
            out += b"\xfb" + struct.pack(">d", value)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in CBOR here")


def _write_head(out: bytearray, major: int, number: int) -> None:
    first = major << 5
    if number < 24:
        out.append(first | number)
        return
    for more, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            out.append(first | more)
            out += number.to_bytes(size, "big")
            return
    raise TypeError("a number of more than 64 bits has no form in CBOR here")


# ── read ──────────────────────────────────────────────────────────────────────────────


def decode(raw: bytes) -> Any:
    """The value of some bytes, all of them. Raises Malformed."""
    if len(raw) > MOST_BYTES:
        raise Malformed("too_long", "The credential is too long.")
    reading = _Reading(raw)
    value = reading.value(0)
    if reading.at != len(raw):
        raise Malformed("malformed_cbor", "Something follows after the end of it.")
    return value


def inside(value: Any) -> Any:
    """What is embedded in a value with tag 24. Raises Malformed."""
    return decode(raw_inside(value))


def raw_inside(value: Any) -> bytes:
    if not isinstance(value, Tag) or value.number != EMBEDDED or type(value.value) is not bytes:
        raise Malformed("malformed_cbor", "What must be CBOR in CBOR is something else.")
    return value.value


class _Reading:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.at = 0
        self._items = 0

    def value(self, depth: int) -> Any:
        self._items += 1
        if self._items > MOST_ITEMS:
            raise Malformed("too_many_items", "The credential has too many parts.")
        if depth > DEEPEST:
            raise Malformed("too_deep", "The credential is nested too deeply.")
        first = self._taken(1)[0]
        major, more = first >> 5, first & 31
        if major == _SIMPLE:
            return self._simple(more)
        number = self._number(more)
        match major:
            case 0:
                return number
            case 1:
                return -1 - number
            case 2:
                return self._taken(number)
            case 3:
                return self._text(number)
            case 4:
                return [self.value(depth + 1) for _ in range(self._room(number))]
            case 5:
                return self._map(self._room(number), depth)
            case _:
                return Tag(number, self.value(depth + 1))

    def _taken(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._raw):
            raise Malformed("malformed_cbor", "It ends before its end.")
        found, self.at = self._raw[self.at : end], end
        return found

    def _number(self, more: int) -> int:
        if more < 24:
            return more
        if more > 27:
            raise Malformed("indefinite_length", "It has a length that is not said at its start.")
        size = 1 << more - 24
        number = int.from_bytes(self._taken(size), "big")
        if number < (24 if size == 1 else 1 << 4 * size):
            raise Malformed("not_the_shortest", "It has a number that is written too long.")
        return number

    def _room(self, count: int) -> int:
        """Each part takes a byte at least: who announces more than there are bytes is refused."""
        if count > len(self._raw) - self.at:
            raise Malformed("malformed_cbor", "It ends before its end.")
        return count

    def _text(self, size: int) -> str:
        try:
            return self._taken(size).decode()
        except UnicodeDecodeError:
            raise Malformed("malformed_cbor", "A text in it is not UTF-8.") from None

    def _map(self, count: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for _ in range(count):
            key = self.value(depth + 1)
            if type(key) not in (int, str):
                raise Malformed("malformed_cbor", "A key of a map is neither number nor text.")
            if key in found:
                raise Malformed("key_twice", "A map says one thing twice.")
            found[key] = self.value(depth + 1)
        return found

    def _simple(self, more: int) -> Any:
        if more in _SIMPLE_VALUES:
            return _SIMPLE_VALUES[more]
        if more not in _FLOATS:
            raise Malformed("malformed_cbor", "It has a value of a kind that is not known here.")
        size, form = _FLOATS[more]
        (number,) = struct.unpack(form, self._taken(size))
        if not math.isfinite(number):
            raise Malformed("malformed_cbor", "It has a number that is none.")
        return number
