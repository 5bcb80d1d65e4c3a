"""Schemes by which things are known elsewhere, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from device_registry.identifiers import eui64, sgtin, urn_dev, urn_oid
from foundation.nearest import instead


@dataclass(frozen=True, slots=True)
class Scheme:
    """`parse` gives the one canonical form or raises ValueError; `uri` the form in certificates."""

    name: str
    parse: Callable[[str], str]
    uri: Callable[[str], str]
    example: str


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "eui64": Scheme("eui64", eui64.parse, eui64.uri, eui64.EXAMPLE),
        "urn_dev": Scheme("urn_dev", urn_dev.parse, urn_dev.uri, urn_dev.EXAMPLE),
        "urn_oid": Scheme("urn_oid", urn_oid.parse, urn_oid.uri, urn_oid.EXAMPLE),
        "sgtin": Scheme("sgtin", sgtin.parse, sgtin.uri, sgtin.EXAMPLE),
    }
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name of a device within a scheme, in its canonical form; unique per scheme."""

    scheme: str
    value: str

    @property
    def uri(self) -> str:
        return SCHEMES[self.scheme].uri(self.value)


def parse(scheme: str, value: str) -> Identifier:
    """An identifier in its canonical form. Raises ValueError with a sentence."""
    known = SCHEMES.get(scheme)
    if known is None:
        raise ValueError(f"There is no scheme {scheme!r}. {instead(scheme, SCHEMES)}")
    if len(value) > 200:
        raise ValueError("An identifier has at most 200 characters.")
    try:
        return Identifier(scheme, known.parse(value.strip()))
    except ValueError as error:
        raise ValueError(f"{error} Write it like {known.example}.") from None
