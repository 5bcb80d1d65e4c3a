"""What is asked of a certification path, and the two answers — RFC 5280 §6.1.1, §6.1.6."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ANY_POLICY = "2.5.29.32.0"

LONGEST = 8
"""Certificates in a path, its anchor among them."""
MOST_PATHS = 16
"""Paths that are tried for one certificate."""
MOST_STEPS = 256
"""Issuers that are looked at while building them."""
LARGEST = 32_768
"""Octets of a certificate."""

Reason = Literal[
    "malformed", "no_path", "signature", "algorithm", "not_yet_valid", "expired", "issuer_expired",
    "revoked", "issuer_revoked", "revocation_unknown", "name_constraints", "policy",
    "is_an_authority", "not_an_authority", "path_length", "wrong_key_usage",
    "wrong_extended_key_usage", "critical_extension", "path",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Algorithms:
    """The signatures that count; whatever is not named does not. Names are those of asn1crypto."""

    signatures: frozenset[str]
    hashes: frozenset[str]
    least_bits: int = 2048
    """Of an RSA or DSA key."""


OURS = Algorithms(
    signatures=frozenset(
        {"rsassa_pkcs1v15", "rsassa_pss", "ecdsa", "ed25519", "mldsa44", "mldsa65", "mldsa87"}
    ),
    hashes=frozenset({"sha256", "sha384", "sha512"}),
)
"""No MD5, no SHA-1, no DSA."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The inputs of §6.1.1, and what is asked of the last certificate beyond them.

    `extended_key_usage` is an OID that it must name itself: anyExtendedKeyUsage does not count, and
    None asks for nothing. `key_usage` likewise, as in `profile.KEY_USAGES`. `revocation` "lists"
    wants a revocation list for every certificate, "elsewhere" leaves the question to the caller.
    """

    extended_key_usage: str | None
    key_usage: str | None = "digital_signature"
    may_be_authority: bool = False
    revocation: Literal["lists", "elsewhere"] = "lists"
    policies: frozenset[str] = frozenset({ANY_POLICY})
    explicit_policy: bool = False
    inhibit_policy_mapping: bool = False
    inhibit_any_policy: bool = False
    algorithms: Algorithms = OURS


@dataclass(frozen=True, slots=True)
class ValidPath:
    """A path that holds, from its anchor down, DER; and the time within which all of it is valid.

    `policies` are those of the last certificate that the caller's policies cover (§6.1.6).
    """

    certificates: tuple[bytes, ...]
    not_before: datetime
    not_after: datetime
    policies: frozenset[str]


class PathRefused(Exception):
    """No path holds; `reason` is for machines, the text for the log."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason: Reason = reason
        self.text = text
