"""EUI-64, the address of a network interface — IEEE 802, RFC 4291 appendix A."""

from __future__ import annotations

import re

EXAMPLE = "00-24-BE-FF-FE-80-4F-F1"
_WRITTEN = re.compile(
    r"[0-9a-f]{16}|[0-9a-f]{2}([-:])(?:[0-9a-f]{2}\1){6}[0-9a-f]{2}", re.IGNORECASE
)


def parse(value: str) -> str:
    """Sixteen lower-case hexadecimal digits. A 48-bit address is not one: it would be guessed."""
    if not _WRITTEN.fullmatch(value):
        raise ValueError("An EUI-64 has eight bytes in hexadecimal.")
    digits = value.replace("-", "").replace(":", "").lower()
    if digits in ("0" * 16, "f" * 16):
        raise ValueError("This EUI-64 names no device.")
    return digits


def uri(value: str) -> str:
    """RFC 9039 §4.1: a MAC-48 or EUI-64 as `urn:dev:mac:`."""
    return f"urn:dev:mac:{value}"
