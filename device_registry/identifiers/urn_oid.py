"""`urn:oid:`, object identifiers as names — RFC 3061, ITU-T X.660."""

from __future__ import annotations

import re

EXAMPLE = "urn:oid:1.3.6.1.4.1.32473.7"
_ARCS = re.compile(r"(0|1|2)(\.(0|[1-9][0-9]{0,38})){2,40}")


def parse(value: str) -> str:
    """The URN with its scheme in lower case; three arcs at least, so it is a registrant's own."""
    if value[:8].lower() != "urn:oid:":
        raise ValueError("An object identifier URN begins with urn:oid:.")
    arcs = value[8:]
    if not _ARCS.fullmatch(arcs):
        raise ValueError("The arcs are decimal numbers without leading zeros, at least three.")
    first, second = arcs.split(".")[:2]
    if first in "01" and int(second) > 39:
        raise ValueError("Below the arcs 0 and 1 the second arc is 39 at most (X.660).")
    return f"urn:oid:{arcs}"


def uri(value: str) -> str:
    return value
