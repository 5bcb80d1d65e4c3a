"""Entity statements: what an entity says of itself, and a superior of it — OpenID Federation §3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from idp.federation import entity_identifier, jws
from idp.federation.constraints import Constraints
from idp.federation.jws import Invalid, Unverified

TYP = "entity-statement+jwt"
CONTENT_TYPE = f"application/{TYP}"

STANDARD_CLAIMS = frozenset(
    {
        "iss", "sub", "iat", "exp", "jwks", "metadata", "crit", "aud", "trust_anchor",
        "authority_hints", "trust_anchor_hints", "trust_marks", "trust_mark_issuers",
        "trust_mark_owners", "constraints", "metadata_policy", "metadata_policy_crit",
        "source_endpoint",
    }
)  # fmt: skip
# §3.1.2, §3.1.3: which claims belong to one kind of statement alone.
_CONFIGURATION_ONLY = frozenset(
    {"authority_hints", "trust_anchor_hints", "trust_marks", "trust_mark_issuers",
     "trust_mark_owners"}
)  # fmt: skip
_SUBORDINATE_ONLY = frozenset(
    {"constraints", "metadata_policy", "metadata_policy_crit", "source_endpoint"}
)
_REGISTRATION_ONLY = frozenset({"aud", "trust_anchor"})


@dataclass(frozen=True, slots=True)
class MarkEntry:
    """One element of `trust_marks`: its type, and the mark as a JWT that is not verified yet."""

    trust_mark_type: str
    trust_mark: str


@dataclass(frozen=True, slots=True)
class EntityStatement:
    """A statement of the right form. It is believed only after `verified_by`."""

    unverified: Unverified
    issuer: str
    subject: str
    issued_at: datetime
    expires_at: datetime
    keys: tuple[Mapping[str, Any], ...]
    metadata: Mapping[str, Mapping[str, Any]]
    authority_hints: tuple[str, ...]
    trust_marks: tuple[MarkEntry, ...]
    trust_mark_issuers: Mapping[str, tuple[str, ...]]
    trust_mark_owners: Mapping[str, Any]
    constraints: Constraints
    metadata_policy: Mapping[str, Any] | None
    critical_operators: frozenset[str]

    @property
    def token(self) -> str:
        return self.unverified.token

    @property
    def is_configuration(self) -> bool:
        """Whether the entity speaks of itself (an Entity Configuration)."""
        return self.issuer == self.subject

    def check_time(self, now: datetime) -> None:
        """Raise Invalid unless `now` lies in the statement's lifetime."""
        jws.check_lifetime(self.unverified.unverified_claims, now)

    def verified_by(self, keys: Sequence[Mapping[str, Any]]) -> EntityStatement:
        """Itself, when one of `keys` (the issuer's) signed it. Raises Invalid."""
        jws.verify(self.unverified, keys)
        return self


def parse(token: str, *, loopback_http: bool = False) -> EntityStatement:
    """Read `token` and check its form, all of §3.2 but time and signature. Raises Invalid."""
    unverified = jws.read(token, TYP)
    claims = unverified.unverified_claims

    def entity(value: object) -> str:
        return entity_identifier.parse(value, loopback_http=loopback_http)

    issuer, subject = entity(claims.get("iss")), entity(claims.get("sub"))
    _check_kind(claims, issuer == subject)
    _check_crit(claims)
    hints = _list(claims, "authority_hints")
    return EntityStatement(
        unverified=unverified,
        issuer=issuer,
        subject=subject,
        issued_at=jws.instant(claims, "iat"),
        expires_at=jws.instant(claims, "exp"),
        keys=jws.key_set(claims.get("jwks")),
        metadata=_metadata(claims.get("metadata", {})),
        authority_hints=tuple(entity(hint) for hint in hints),
        trust_marks=_marks(_list(claims, "trust_marks", may_be_empty=True)),
        trust_mark_issuers=_mark_issuers(claims.get("trust_mark_issuers", {})),
        trust_mark_owners=_object(claims.get("trust_mark_owners", {}), "trust_mark_owners"),
        constraints=Constraints.parse(claims.get("constraints")),
        metadata_policy=(
            _object(claims["metadata_policy"], "metadata_policy")
            if "metadata_policy" in claims
            else None
        ),
        critical_operators=frozenset(_strings(claims, "metadata_policy_crit")),
    )


def _check_kind(claims: Mapping[str, Any], configuration: bool) -> None:
    misplaced = claims.keys() & (_SUBORDINATE_ONLY if configuration else _CONFIGURATION_ONLY)
    misplaced |= claims.keys() & _REGISTRATION_ONLY
    if misplaced:
        raise Invalid(f"The claim {min(misplaced)} does not belong into this entity statement.")


def _check_crit(claims: Mapping[str, Any]) -> None:
    # §13.4: we understand no claim beyond the standard ones, which must not be listed.
    listed = _strings(claims, "crit")
    if listed:
        raise Invalid(f"The critical claim {listed[0]!r} is not understood.")


def _metadata(value: object) -> Mapping[str, Mapping[str, Any]]:
    metadata = _object(value, "metadata")
    for entity_type, parameters in metadata.items():
        if any(v is None for v in _object(parameters, f"metadata {entity_type}").values()):
            raise Invalid(f"The metadata of {entity_type} has a null value.")
    return metadata


def _marks(value: Sequence[Any]) -> tuple[MarkEntry, ...]:
    marks = []
    for entry in value:
        kind = entry.get("trust_mark_type") if isinstance(entry, Mapping) else None
        mark = entry.get("trust_mark") if isinstance(entry, Mapping) else None
        if not isinstance(kind, str) or not isinstance(mark, str):
            raise Invalid("An element of trust_marks lacks trust_mark_type or trust_mark.")
        marks.append(MarkEntry(kind, mark))
    return tuple(marks)


def _mark_issuers(value: object) -> Mapping[str, tuple[str, ...]]:
    issuers: dict[str, tuple[str, ...]] = {}
    for kind, listed in _object(value, "trust_mark_issuers").items():
        if not isinstance(listed, list) or not all(isinstance(i, str) for i in listed):
            raise Invalid("The claim trust_mark_issuers is not a map to entity identifiers.")
        issuers[kind] = tuple(listed)
    return issuers


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid(f"The claim {name} is not an object.")
    return value


def _list(claims: Mapping[str, Any], name: str, *, may_be_empty: bool = False) -> Sequence[Any]:
    value = claims.get(name, [])
    if not isinstance(value, list) or (name in claims and not value and not may_be_empty):
        raise Invalid(f"The claim {name} is not an array with elements.")
    return value


def _strings(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = _list(claims, name)
    if not all(isinstance(v, str) for v in value):
        raise Invalid(f"The claim {name} is not an array of strings.")
    return tuple(value)
