"""`urn:epc:id:sgtin:`, a serialised trade item — GS1 EPC Tag Data Standard §6.3.1."""

from __future__ import annotations

import re

EXAMPLE = "urn:epc:id:sgtin:0614141.112345.400"
_PREFIX = "urn:epc:id:sgtin:"
_ITEM = re.compile(r"([0-9]{6,12})\.([0-9]{1,7})\.((?:[A-Za-z0-9!'()*+,\-.:;=_]|%[0-9A-Fa-f]{2})+)")
_LONGEST_SERIAL = 20


def parse(value: str) -> str:
    """The URN as GS1 writes it: company prefix and item reference have 13 digits together."""
    if value[: len(_PREFIX)].lower() != _PREFIX:
        raise ValueError("A serialised trade item begins with urn:epc:id:sgtin:.")
    found = _ITEM.fullmatch(value[len(_PREFIX) :])
    if found is None or len(found[1]) + len(found[2]) != 13:
        raise ValueError("Company prefix and item reference have 13 digits together.")
    if len(re.sub("%..", "x", found[3])) > _LONGEST_SERIAL:
        raise ValueError("The serial number has at most 20 characters.")
    return f"{_PREFIX}{found[0]}"


def uri(value: str) -> str:
    return value
