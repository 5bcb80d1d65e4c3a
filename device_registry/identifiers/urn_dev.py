"""`urn:dev:`, names of devices — RFC 9039."""

from __future__ import annotations

import re

EXAMPLE = "urn:dev:os:32473-123456"
_COMPONENT = r"(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})+"
_BODY = re.compile(
    r"(?:mac:[0-9a-f]{16}"
    r"|ow:[0-9a-f]{16}"
    rf"|org:[1-9][0-9]*-{_COMPONENT}(?::{_COMPONENT})*"
    rf"|os:[1-9][0-9]*-{_COMPONENT}(?::{_COMPONENT})*"
    rf"|ops:[1-9][0-9]*-{_COMPONENT}-{_COMPONENT}(?::{_COMPONENT})*)"
    rf"(?:_{_COMPONENT})*"
)


def parse(value: str) -> str:
    """The URN with its scheme in lower case, hexadecimal digits as §3.2 wants them."""
    if value[:8].lower() != "urn:dev:":
        raise ValueError("A device URN begins with urn:dev:.")
    body = value[8:]
    subtype, _, rest = body.partition(":")
    if subtype.lower() in ("mac", "ow"):
        # Lexical equivalence is case-sensitive, so §4.1 and §4.2 fix lower case for hexadecimal.
        digits, underscore, component = rest.partition("_")
        body = f"{subtype.lower()}:{digits.lower()}{underscore}{component}"
    if not _BODY.fullmatch(body):
        raise ValueError("This is not one of the forms mac, ow, org, os or ops of RFC 9039 §4.")
    return f"urn:dev:{body}"


def uri(value: str) -> str:
    return value
