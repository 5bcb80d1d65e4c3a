"""A sign-in session and what was proven in it — NIST SP 800-63B §5, ISO/IEC 29115 AU-9."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from idp.register import Subject
from policies import Used

HIGHEST = 4

# The words of RFC 8176 for each authenticator of the ceilings table.
_METHODS = {
    "password": ("pwd",),
    "totp": ("otp",),
    "code-card": ("otp",),
    "passkey-synced-verified": ("swk", "user"),
    "passkey-synced": ("swk",),
    "passkey-bound-verified": ("swk", "user"),
    "passkey-bound": ("swk",),
    "fido2-attested-verified": ("hwk", "user"),
    "fido2-attested": ("hwk",),
    "x509-card": ("sc", "pin"),
    "x509-soft": ("swk", "pin"),
}
_FACTORS = {
    "pwd": "knowledge",
    "otp": "possession",
    "swk": "possession",
    "hwk": "possession",
    "user": "inherence",
    "sc": "possession",
    "pin": "knowledge",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """An authenticator that succeeded: its row in the ceilings table, the credential and the
    level that it is managed at (CM-1 to CM-10), and when."""

    authenticator: str
    credential: str
    at: datetime
    managed: int = HIGHEST

    def as_used(self) -> Used:
        return Used(self.authenticator, self.managed)


@dataclass(frozen=True, slots=True)
class Session:
    """A live session. ``level`` is that of ISO/IEC 29115, the lowest of all it rests on.

    ``activated``: it began with a code that reached the person on a verified channel (CM-5), so
    what is bound in it is bound to the right person.
    """

    id: str
    subject: Subject
    level: int
    proofs: tuple[Proof, ...]
    auth_time: datetime
    ends_at: datetime
    signed_in_for: bytes | None = None
    activated: bool = False

    @property
    def amr(self) -> tuple[str, ...]:
        return methods(self.proofs)


def methods(proofs: Iterable[Proof]) -> tuple[str, ...]:
    """The ``amr`` values of what was used; ``mfa`` when two categories were evidenced (AU-1)."""
    words = {word for proof in proofs for word in _METHODS.get(proof.authenticator, ())}
    if len({_FACTORS[word] for word in words}) > 1:
        words.add("mfa")
    return tuple(sorted(words))


def with_proof(proofs: Iterable[Proof], new: Proof) -> tuple[Proof, ...]:
    """The proofs of a session after a step-up: a credential counts once, by its latest use."""
    return (*(p for p in proofs if p.credential != new.credential), new)
