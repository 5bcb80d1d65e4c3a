"""A software authenticator that really signs — WebAuthn §6, CTAP 2.1."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
)

FLAG = AuthenticatorData.FLAG


@dataclass
class SoftPasskey:
    """One passkey. Its faults can be set: another origin, an unverified user, a stale counter.

    ``step`` is how far the counter moves with each signature; 0 keeps none.
    """

    origin: str
    backup_eligible: bool = True
    user_verified: bool = True
    step: int = 1
    counter: int = 0
    rp_id: str = "localhost"
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes | None = None
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer creation options as a browser's ``toJSON()`` would."""
        self.rp_id = options["rp"]["id"]
        self.user_handle = websafe_decode(options["user"]["id"])
        key = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        public = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, key)
        data = AuthenticatorData.create(
            sha256(self.rp_id.encode()).digest(), self._flags() | FLAG.AT, self._count(), public
        )
        client = self._client_data("webauthn.create", options["challenge"])
        attestation = AttestationObject.create("none", data, {})
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client),
                "attestationObject": websafe_encode(attestation),
                "transports": ["internal"],
            }
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer request options as a browser's ``toJSON()`` would."""
        data = AuthenticatorData.create(
            sha256(self.rp_id.encode()).digest(), self._flags(), self._count()
        )
        client = self._client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        if self.user_handle is not None:
            response["userHandle"] = websafe_encode(self.user_handle)
        return self._answer(response)

    def _flags(self) -> AuthenticatorData.FLAG:
        flags = FLAG.UP
        if self.user_verified:
            flags |= FLAG.UV
        if self.backup_eligible:
            flags |= FLAG.BE | FLAG.BS
        return flags

    def _count(self) -> int:
        self.counter += self.step
        return self.counter

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        ).encode()

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": websafe_encode(self.credential_id),
            "rawId": websafe_encode(self.credential_id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }
