"""General names and subjects as plain text, to compare and to store — RFC 5280 §4.2.1.6."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID

_SHORT = {
    NameOID.COMMON_NAME: "CN",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.EMAIL_ADDRESS: "emailAddress",
}


def written(name: x509.GeneralName) -> str:
    """A general name as `KIND:value`; a kind that we never issue keeps its class name."""
    if isinstance(name, x509.UniformResourceIdentifier):
        return f"URI:{name.value}"
    if isinstance(name, x509.DNSName):
        return f"DNS:{name.value}"
    if isinstance(name, x509.IPAddress):
        return f"IP:{name.value}"
    return f"{type(name).__name__}:{getattr(name, 'value', '')}"


def alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    """The extension for names written as `URI:`, `DNS:` or `IP:`. Raises ValueError."""
    return x509.SubjectAlternativeName([_general(name) for name in names])


def _general(name: str) -> x509.GeneralName:
    kind, _, value = name.partition(":")
    if kind == "URI":
        return x509.UniformResourceIdentifier(value)
    if kind == "DNS":
        return x509.DNSName(value)
    if kind == "IP":
        return x509.IPAddress(ipaddress.ip_address(value))
    raise ValueError(f"{name!r}: write URI:, DNS: or IP:")


def host(hostname: str) -> str:
    """A host as a general name: an address literal is `IP:`, anything else `DNS:`."""
    try:
        return f"IP:{ipaddress.ip_address(hostname.strip('[]'))}"
    except ValueError:
        return f"DNS:{hostname.lower()}"


def subject(common_name: str, attributes: Container[str] = ("CN",)) -> x509.Name:
    """The holder's name, as CN, as serialNumber (RFC 5280 App. A.1) or as both."""
    written = (("CN", NameOID.COMMON_NAME), ("serialNumber", NameOID.SERIAL_NUMBER))
    return x509.Name(
        [x509.NameAttribute(oid, common_name) for short, oid in written if short in attributes]
    )


def attributes(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """The attributes of a subject in their order, as (short name or dotted OID, value)."""
    return tuple(
        (_SHORT.get(a.oid, a.oid.dotted_string), a.value if isinstance(a.value, str) else "")
        for a in name
    )
