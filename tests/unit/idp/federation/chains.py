"""Entities of a made-up federation, with keys, that say whatever a test wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import algorithms
from foundation.signing_keys import Signer
from idp.federation import jws
from idp.federation.entity_statement import TYP
from idp.federation.trust_chain import TrustChain, validate

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Entity:
    """An entity with one key; `claims` go over those of its own configuration."""

    id: str
    hints: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ES256"

    def __post_init__(self) -> None:
        private = algorithms.generate(self.algorithm)
        self.signer = Signer(f"key-of-{self.id}", "federation", self.algorithm, private)

    @property
    def jwks(self) -> dict[str, Any]:
        public = algorithms.jwk(self.signer.public_key)
        return {"keys": [{**public, "kid": self.signer.kid, "alg": self.algorithm}]}

    def configuration(self, typ: str = TYP, **claims: Any) -> str:
        own: dict[str, Any] = {"metadata": self.metadata}
        if self.hints:
            own["authority_hints"] = list(self.hints)
        return self._statement(self.id, self.jwks, typ, {**own, **claims})

    def about(self, other: Entity, typ: str = TYP, **claims: Any) -> str:
        return self._statement(other.id, other.jwks, typ, claims)

    def _statement(self, subject: str, keys: Any, typ: str, claims: dict[str, Any]) -> str:
        all_claims = {
            "iss": self.id,
            "sub": subject,
            "iat": jws.seconds(NOW - timedelta(seconds=5)),
            "exp": jws.seconds(NOW + timedelta(minutes=10)),
            "jwks": keys,
            **claims,
        }
        kept = {name: value for name, value in all_claims.items() if value is not ...}
        return jws.sign(self.signer, typ, kept)


def federation() -> tuple[Entity, Entity, Entity]:
    """A leaf, an intermediate above it, an anchor above that."""
    anchor = Entity("https://anchor.example")
    middle = Entity("https://middle.example", (anchor.id,))
    provider = {"openid_provider": {"acr_values_supported": ["1", "2", "3"]}}
    leaf = Entity("https://leaf.example", (middle.id,), provider)
    return leaf, middle, anchor


def chain(*tokens: str, anchor: Entity, now: datetime = NOW) -> TrustChain:
    return validate(tokens, {anchor.id: anchor.jwks["keys"]}, now)
