"""Constraints that a superior lays on a trust chain — OpenID Federation 1.0 §6.2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.federation import entity_identifier
from idp.federation.jws import Invalid

FEDERATION_ENTITY = "federation_entity"


@dataclass(frozen=True, slots=True)
class Constraints:
    """What one subordinate statement allows below it. None: no constraint of that kind."""

    max_path_length: int | None = None
    permitted: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()
    allowed_entity_types: frozenset[str] | None = None

    @classmethod
    def parse(cls, value: object) -> Constraints:
        """A `constraints` claim. Unknown members are ignored (§6.2). Raises Invalid."""
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            raise Invalid("The constraints claim is not an object.")
        length = value.get("max_path_length")
        if length is not None and (type(length) is not int or length < 0):
            raise Invalid("The constraint max_path_length is not a number from zero.")
        naming = value.get("naming_constraints", {})
        if not isinstance(naming, Mapping):
            raise Invalid("The constraint naming_constraints is not an object.")
        types = value.get("allowed_entity_types")
        if types is not None and FEDERATION_ENTITY in _strings(types, "allowed_entity_types"):
            raise Invalid("The constraint allowed_entity_types must not name federation_entity.")
        return cls(
            max_path_length=length,
            permitted=_strings(naming["permitted"], "permitted") if "permitted" in naming else None,
            excluded=_strings(naming.get("excluded", []), "excluded"),
            allowed_entity_types=None if types is None else frozenset(types),
        )

    def check_path(self, intermediates: int) -> None:
        """Raise Invalid when more than the allowed `intermediates` lie between the issuer of
        this constraint and the chain's subject (§6.2.1)."""
        if self.max_path_length is not None and intermediates > self.max_path_length:
            raise Invalid(
                f"The trust chain has {intermediates} intermediates where at most "
                f"{self.max_path_length} are allowed."
            )

    def check_name(self, entity_id: str) -> None:
        """Raise Invalid when the entity is outside the permitted names (§6.2.2)."""
        host = entity_identifier.host(entity_id)
        if any(_within(host, name) for name in self.excluded):
            raise Invalid(f"{entity_id} is excluded by a naming constraint.")
        if self.permitted is not None and not any(_within(host, n) for n in self.permitted):
            raise Invalid(f"{entity_id} is not within the permitted names.")

    def allowed(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """`metadata` without the entity types that are not allowed (§6.2.3)."""
        if self.allowed_entity_types is None:
            return dict(metadata)
        kept = self.allowed_entity_types | {FEDERATION_ENTITY}
        return {name: value for name, value in metadata.items() if name in kept}


def _within(host: str, name: str) -> bool:
    # RFC 5280 §4.2.1.10 for URIs: a leading period means one or more labels before it.
    name = name.lower()
    return host.endswith(name) if name.startswith(".") else host == name


def _strings(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise Invalid(f"The constraint {name} is not an array of names.")
    return tuple(value)
