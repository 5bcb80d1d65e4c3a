"""General names and subjects as plain text, to compare and to store — RFC 5280 §4.2.1.6, RFC 9549.

`canonical` is the door by which a name comes in; what it gives is written into certificates.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable
from urllib.parse import quote

from cryptography import x509
from cryptography.x509.oid import NameOID

from foundation import hosts

LONGEST_NAME = 64
"""Characters of a common name (RFC 5280, upper bound ub-common-name)."""
LONGEST_URI = 2_000
_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<rest>.*)")
# RFC 3986 §2: reserved, unreserved, and whole escapes.
_URI_TEXT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#\[\]-]|%[0-9A-Fa-f]{2})*")
# RFC 8141 §2: a namespace, and a name in it.
_URN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]:.+")
_SHORT = {
    NameOID.COMMON_NAME.dotted_string: "CN",
    NameOID.SERIAL_NUMBER.dotted_string: "serialNumber",
    NameOID.ORGANIZATION_NAME.dotted_string: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME.dotted_string: "OU",
    NameOID.COUNTRY_NAME.dotted_string: "C",
    NameOID.LOCALITY_NAME.dotted_string: "L",
    NameOID.STATE_OR_PROVINCE_NAME.dotted_string: "ST",
    NameOID.EMAIL_ADDRESS.dotted_string: "emailAddress",
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
    """The extension for canonical names. Raises ValueError."""
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


def canonical(name: str, *, wildcard: bool = False) -> str:
    """`DNS:`, `IP:` or `URI:` with the one form of what follows. Raises ValueError, a sentence.

    International names become A-labels; `wildcard` lets the first label of a DNS name be `*`.
    """
    kind, _, value = name.partition(":")
    if kind == "DNS":
        return f"DNS:{hosts.dns_name(value, wildcard=wildcard)}"
    if kind == "IP":
        return f"IP:{hosts.ip_address(value)}"
    if kind == "URI":
        return f"URI:{_uri(value)}"
    raise ValueError(f"{hosts.shown(name)} is no name; write DNS:…, IP:… or URI:….")


def _uri(written: str) -> str:
    """§4.2.1.6: absolute, with a scheme and something behind it, and a real host if with any."""
    found = _URI.fullmatch(written)
    if found is None or len(written) > LONGEST_URI:
        raise ValueError(f"{hosts.shown(written)} does not begin with a scheme such as https: or "
                         "urn:.")  # fmt: skip
    scheme, authority, rest = found["scheme"].lower(), found["authority"], found["rest"]
    # RFC 3987 §3.1: what is beyond ASCII goes as escaped UTF-8.
    rest = "".join(c if c.isascii() else quote(c) for c in rest)
    if not _URI_TEXT.fullmatch(rest) or not (rest or authority):
        raise ValueError(f"{hosts.shown(written)} is empty, or has a space or a character that no "
                         "URI has (RFC 3986).")  # fmt: skip
    if authority is None:
        if scheme == "urn" and not _URN.fullmatch(rest):
            raise ValueError(f"{hosts.shown(written)} is no URN: urn:, a namespace, a name.")
        return f"{scheme}:{rest}"
    host, colon, port = authority.rpartition(":") if authority[-1:] != "]" else (authority, "", "")
    if not colon:
        host, port = authority, ""
    if port and not (port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise ValueError(f"{hosts.shown(written)} names no port that there is.")
    return f"{scheme}://{hosts.host(host)}{colon if port else ''}{port}{rest}"


def host(hostname: str) -> str:
    """The host of one of our own URLs as a general name; a dot at its end says nothing more.

    Raises ValueError.
    """
    try:
        return canonical(f"IP:{hostname}")
    except ValueError:
        return canonical(f"DNS:{hostname.removesuffix('.')}")


def as_common_name(written: Iterable[str], otherwise: str) -> str:
    """The first of some general names that fits whole into a CN: half a name is another's."""
    values = (name.partition(":")[2] for name in written)
    return next((value for value in values if len(value) <= LONGEST_NAME), otherwise)


def subject(common_name: str, attributes: Container[str] = ("CN",), country: str = "") -> x509.Name:
    """The holder's name, as CN, as serialNumber (RFC 5280 App. A.1) or as both; and the country."""
    written = (
        ("CN", NameOID.COMMON_NAME, common_name),
        ("serialNumber", NameOID.SERIAL_NUMBER, common_name),
        ("C", NameOID.COUNTRY_NAME, country),
    )
    return x509.Name(
        [x509.NameAttribute(oid, said) for short, oid, said in written if short in attributes]
    )


def common_name(subject: x509.Name) -> str:
    """Whom `subject` names, be it as CN or as serialNumber; empty for nobody."""
    return next((a.value for a in subject if isinstance(a.value, str)), "")


def attributes(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """The attributes of a subject in their order, as (short name or dotted OID, value)."""
    return tuple(
        (short(a.oid.dotted_string), a.value if isinstance(a.value, str) else "") for a in name
    )


def short(oid: str) -> str:
    """What an attribute of a name is called, or its dotted OID."""
    return _SHORT.get(oid, oid)
