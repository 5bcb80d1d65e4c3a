"""Keys that are made here for devices that cannot make their own — RFC 7030 §4.4.

The private key lives in the memory of one request, goes out in its answer, and is kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from foundation.errors import NotFound
from pki.x509.public_key import PublicKey, describe

KIND = "EC-secp256r1"


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key made here; `pkcs8` is the private one, DER (RFC 5958)."""

    public: PublicKey
    pkcs8: bytes = field(repr=False)


def make() -> MadeKey:
    """A key on P-256: what constrained devices can use."""
    key = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return MadeKey(describe(key.public_key()), pkcs8)


def not_offered(profile: str) -> NotFound:
    """The refusal where the profile does not allow it."""
    return NotFound(
        f"Key generation by the server is not offered for certificates of the kind {profile}: a "
        "device's key never leaves the device.",
        where="serverkeygen",
        next_step="Make the key on the device and use simpleenroll; for a device that cannot, ask "
        "the operator to register it for a kind whose keys are made here.",
    )
