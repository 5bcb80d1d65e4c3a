"""A client's key, and the proofs that it makes — RFC 9449 §4, written for the tests."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import opaque
from foundation.keys import thumbprint
from tests.support.authorization_server import AuthorizationServer


class ProofKey:
    """One key. `nonce`: what the server said last; a proof has it from then on."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.jwk: dict[str, Any] = json.loads(
            jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key())
        )
        self.thumbprint = thumbprint(self.key.public_key())
        self.nonce: str | None = None

    def proof(
        self,
        path: str,
        method: str = "POST",
        token: str | None = None,
        header: dict[str, Any] | None = None,
        **changed: Any,
    ) -> str:
        """A proof for one request; `changed` claims replace the usual ones, None leaves one out."""
        claims: dict[str, Any] = {
            "jti": opaque.secret(12),
            "htm": method,
            "htu": self._server.issuer + path,
            "iat": int(self._server.runtime.clock.now().timestamp()),
            "nonce": self.nonce,
            "ath": None if token is None else hash_of(token),
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        head = {"typ": "dpop+jwt", "jwk": self.jwk, **(header or {})}
        return jwt.encode(kept, self.key, algorithm="ES256", headers=head)

    def post(self, path: str, data: dict[str, Any], auth: Any = None, **changed: Any) -> Any:
        """A request with a proof; once more with the nonce, where the server asks for one."""
        while True:
            asked_for_one = self.nonce is None
            headers = {"DPoP": self.proof(path, **changed)}
            answer = self._server.browser().post(path, data=data, auth=auth, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if not asked_for_one or "use_dpop_nonce" not in answer.text:
                return answer

    def get(self, path: str, token: str, **changed: Any) -> Any:
        """A request to a protected resource, the same."""
        while True:
            asked_for_one = self.nonce is None
            proof = self.proof(path, "GET", token, **changed)
            headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
            answer = self._server.browser().get(path, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            said = answer.headers.get("www-authenticate", "")
            if not asked_for_one or "use_dpop_nonce" not in said:
                return answer


def hash_of(token: str) -> str:
    digest = hashlib.sha256(token.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
