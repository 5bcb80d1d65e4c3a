"""Names of hosts as certificates and URLs carry them — RFC 5280 §4.2.1.6, RFC 9549, RFC 5890.

One canonical form: lower case, international names as A-labels (by the `idna` library, which keeps
IDNA 2008 and the mapping of UTS #46), addresses as RFC 5952 writes them.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import idna

LONGEST_NAME, LONGEST_LABEL = 253, 63
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
# RFC 1123 §2.1: a name does not end in a number, so nobody takes it for an address, also not in
# the old notations that C libraries read: 127.1, 0x7f.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def dns_name(written: str, *, wildcard: bool = False) -> str:
    """A host's name in lower case and A-labels. Raises ValueError with a sentence.

    `wildcard`: its first label may be `*` (RFC 9525 §6.3: the whole label, and only the first).
    """
    first, dot, rest = written.partition(".")
    if first == "*" and dot:
        if not wildcard:
            raise ValueError(f"{shown(written)} has a wildcard, which is not allowed here.")
        if "." not in rest:
            raise ValueError(f"{shown(written)} stands for all of a top-level domain.")
        return f"*.{dns_name(rest)}"
    if _address(written) is not None:
        raise ValueError(f"{shown(written)} is an address, not a name; write IP:{bare(written)}.")
    name = written.lower() if written.isascii() else _a_labels(written)
    labels = name.split(".")
    for label in labels:
        _check_label(label, written)
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{shown(written)} has more than {LONGEST_NAME} characters.")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"{shown(written)} ends in a number, as no host's name does (RFC 1123).")
    try:
        # Also of labels that came as ASCII: xn-- must lead to a name and back again.
        idna.encode(name, strict=True)
    except UnicodeError as error:
        raise ValueError(f"{shown(written)} is no name of a host: {error}.") from None
    return name


def ip_address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address of a host; the brackets of a URL may stand around it. Raises ValueError."""
    if "/" in written:
        raise ValueError(f"{shown(written)} is a network; a certificate names single addresses.")
    found = _address(written)
    if found is None:
        raise ValueError(f"{shown(written)} is not an IPv4 or IPv6 address.")
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id is not None:
        raise ValueError(f"{shown(written)} names an interface, which only one machine knows.")
    if found.is_unspecified or found.is_multicast:
        raise ValueError(f"{shown(written)} is not the address of one host.")
    return found


def host(written: str) -> str:
    """The host of a URL, canonical: an address, in brackets where it needs them, or a name.

    Raises ValueError.
    """
    if written.startswith("[") or _address(written) is not None:
        found = ip_address(written)
        return f"[{found}]" if found.version == 6 else str(found)
    return dns_name(written)


def http_url(written: str) -> str:
    """An http or https URL without user, query or fragment, its host canonical. Raises ValueError.

    A path stays as it is; it is printable ASCII.
    """
    scheme, separator, rest = written.partition("://")
    authority, slash, path = rest.partition("/")
    if scheme.lower() not in ("http", "https") or not separator or not authority:
        raise ValueError("It begins with http:// or https:// and a host.")
    if any(c in rest for c in "@?#\\") or not all("!" <= c <= "~" for c in path):
        raise ValueError("It has a user name, a query, or a character that no URL has.")
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        raise ValueError(f"{shown(authority)} is not a host and a port.") from None
    bracketed = authority.startswith("[")
    name = host(f"[{parts.hostname}]" if bracketed else authority.partition(":")[0])
    return f"{scheme.lower()}://{name}{'' if port is None else f':{port}'}{slash}{path}"


def ascii_name(written: str) -> str:
    """A name as the domain name system is asked for it; ASCII is left as it is. Raises ValueError:
    whoever follows other people's links meets names that we would not certify."""
    return written if written.isascii() else _a_labels(written)


def bare(written: str) -> str:
    """Without the brackets that a URL puts around an IPv6 address."""
    return written[1:-1] if written.startswith("[") and written.endswith("]") else written


def shown(written: str) -> str:
    return repr(written if len(written) <= 80 else f"{written[:80]}…")


def _address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(bare(written))
    except ValueError:
        return None


def _a_labels(written: str) -> str:
    try:
        return idna.encode(written, uts46=True, std3_rules=True).decode()
    except UnicodeError as error:  # IDNAError is one
        raise ValueError(f"{shown(written)} is no name of a host: {error}.") from None


def _check_label(label: str, written: str) -> None:
    """RFC 1034 §3.5, RFC 1123 §2.1: letters, digits and hyphens, a hyphen at neither end."""
    if not label:
        raise ValueError(f"{shown(written)} has an empty label: two dots, or one at an end.")
    if len(label) > LONGEST_LABEL:
        raise ValueError(f"{shown(written)} has a label of more than {LONGEST_LABEL} characters.")
    strange = next((c for c in label if c not in _LETTERS), None)
    if strange is not None:
        raise ValueError(
            f"{shown(written)} contains {strange!r}; names of hosts have letters, digits and "
            "hyphens."
        )
    if label[0] == "-" or label[-1] == "-":
        raise ValueError(f"{shown(written)} has a label that begins or ends with a hyphen.")
