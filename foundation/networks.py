"""The networks around an address, narrow to wide: whoever has one may have all in it — RFC 6177.

Of IPv6 a home has a /56 or a /48 and an organisation a /40: each of these is one party, and its
limit binds whatever addresses it writes from. What is wider (an IPv6 /32, an IPv4 /24 and /16, all
together) is many parties: such a limit alone must not shut out a neighbour who did nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

ALL = "all"


@dataclass(frozen=True, slots=True)
class Network:
    """`times`: how often the limit of one address it has. `shared`: by many parties."""

    name: str
    times: float
    shared: bool = False


_Widths = tuple[tuple[int, float, bool], ...]
_WIDTHS_6: _Widths = (
    (64, 1, False),
    (56, 1.5, False),
    (48, 2, False),
    (40, 4, False),
    (32, 8, True),
)
_WIDTHS_4: _Widths = ((32, 1, False), (24, 4, True), (16, 16, True))
_EVERYBODY = Network(ALL, 50, shared=True)


@lru_cache(maxsize=4096)
def around(source: str) -> tuple[Network, ...]:
    """The networks that hold `source`, an address or a network, narrow to wide, ending with all.

    A source that is no address (`unix`) is a party of its own.
    """
    network = _network(source)
    if network is None:
        return (Network(source, 1), _EVERYBODY)
    widths = _WIDTHS_6 if network.version == 6 else _WIDTHS_4
    found = tuple(
        Network(_written(network, prefix), times, shared)
        for prefix, times, shared in widths
        if prefix <= network.prefixlen
    )
    return (*found, _EVERYBODY)


def narrowest(source: str) -> str:
    """What attempts of this address are counted under: itself, or of IPv6 its /64."""
    return around(source)[0].name


@lru_cache(maxsize=4096)
def party(source: str) -> str:
    """The widest network around `source` that is one party's."""
    network = _network(source)
    if network is None:
        return source
    widths = _WIDTHS_6 if network.version == 6 else _WIDTHS_4
    own = [prefix for prefix, _, shared in widths if not shared and prefix <= network.prefixlen]
    return _written(network, own[-1])


def descent(source: str) -> tuple[str, ...]:
    """The networks around `source`, wide to narrow: where it stands in a queue by networks."""
    return tuple(n.name for n in reversed(around(source)[:-1]))


def _network(source: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    bare = source.partition("%")[0]
    try:
        network = ipaddress.IPv6Network(bare) if ":" in bare else ipaddress.IPv4Network(bare)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen == 128:
            return ipaddress.ip_network(mapped)
    return network


def _written(network: ipaddress.IPv4Network | ipaddress.IPv6Network, prefix: int) -> str:
    first, beyond = network.network_address, network.max_prefixlen - prefix
    start = type(first)(int(first) >> beyond << beyond)
    # A single IPv4 address is written as one, as everywhere.
    return str(start) if beyond == 0 else f"{start}/{prefix}"
