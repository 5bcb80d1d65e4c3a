"""Names within subtrees, where the library is silent or lax — RFC 5280 §4.2.1.10.

It knows no addresses, and takes the empty DNS name for one that no name is under, while the RFC
has every name under it: our authorities exclude all names so.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from pyhanko_certvalidator import name_trees
from pyhanko_certvalidator.name_trees import GeneralNameType


def address_within(base: Any, other: Any) -> bool:
    """Whether an address, or a whole network, lies in the base; both as CIDR writes them."""
    outer, inner = ipaddress.ip_network(base), ipaddress.ip_network(other)
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def domain_within(base: Any, other: Any) -> bool:
    """Whether the name is the base with no, one or more labels to its left."""
    return base == "" or bool(name_trees.dns_tree_contains(base, other))


def teach() -> None:
    """Have the library ask here for these two kinds."""
    known = name_trees._name_type_checkers  # it has no other way in; PKITS and our tests watch it
    known[GeneralNameType.IP_ADDRESS] = address_within
    known[GeneralNameType.DNS_NAME] = domain_within
