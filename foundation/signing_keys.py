"""A signing key and its life: waiting, signing, published, retired — RFC 7517, RFC 7638.

States follow from instants, so nothing has to run at the moment when one begins.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, Integer, LargeBinary, String, Table, UniqueConstraint

from foundation import algorithms
from foundation.algorithms import PrivateKey, PublicKey
from foundation.clock import Instant
from foundation.database import metadata
from foundation.row_macs import NOW, bound

State = Literal["waiting", "signing", "published", "retired", "revoked"]


signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("use", String(40), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("algorithm", String(10), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Column("label", String(80), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("signs_from", Instant, nullable=False),
    Column("signs_until", Instant, nullable=True),
    Column("published_until", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    UniqueConstraint("use", "generation", name="uq_signing_keys_use_generation"),
)
# A key that somebody else put here would be published, and believed, as ours.
bound(
    signing_keys,
    "use",
    "generation",
    "algorithm",
    "public_key",
    "sealed",
    "label",
    "signs_from",
    "signs_until",
    "published_until",
    "revoked_at",
    takes=lambda before, after: after["revoked_at"] is not None,
    ends={"revoked_at": NOW},
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key that signs now. `private_key` has cryptography's interface, token or not."""

    kid: str
    use: str
    algorithm: str
    private_key: PrivateKey
    in_token: bool = False

    @property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()

    def sign(self, data: bytes) -> bytes:
        """The signature in the form of JWS (RFC 7518 §3.4: R‖S for ECDSA)."""
        return algorithms.sign(self.algorithm, self.private_key, data)


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """What others may know of a signing key, and the instants of its life."""

    kid: str
    use: str
    algorithm: str
    public_key: PublicKey
    state: State
    created_at: datetime
    signs_from: datetime
    signs_until: datetime | None
    published_until: datetime | None


@dataclass(frozen=True, slots=True)
class Generation:
    key: PublishedKey
    generation: int
    sealed: bytes | None
    label: str | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> State:
        key = self.key
        if self.revoked_at is not None:
            return "revoked"
        if key.published_until is not None and key.published_until <= now:
            return "retired"
        if now < key.signs_from:
            return "waiting"
        if key.signs_until is None or now < key.signs_until:
            return "signing"
        return "published"


def generation(row: Any) -> Generation:
    key = PublishedKey(
        kid=row.kid,
        use=row.use,
        algorithm=row.algorithm,
        public_key=algorithms.load_public(row.public_key),
        state="signing",
        created_at=row.created_at,
        signs_from=row.signs_from,
        signs_until=row.signs_until,
        published_until=row.published_until,
    )
    return Generation(key, row.generation, row.sealed, row.label, row.revoked_at)


def thumbprint(public: PublicKey) -> str:
    """The RFC 7638 SHA-256 thumbprint: our kid."""
    canonical = json.dumps(algorithms.jwk(public), sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
