"""Originals: what an issuer signed, to be believed without asking anybody — RFC 7515, RFC 7519.

An original is a compact JWS under the key of its issuer. It is made on demand, from the document as
it is now; an extract has fewer fields and says so. One changed byte, and it does not verify.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any

import jwt
from jwt import PyJWK

from documents.locker.document import Content, Document
from documents.locker.kinds import Issuer, Kind, Kinds
from foundation.marking import N_
from foundation.runtime import Runtime
from foundation.settings import Server

TYPE = "document+jwt"
ALGORITHM = "ES256"


class NotGenuine(Exception):
    """No issuer of this deployment signed this, as it is. The sentence says what is wrong."""


def use_of(issuer: str) -> str:
    """What an issuer's key is for, among all keys of the deployment."""
    return f"document-{issuer}"


class Originals:
    """Signs and verifies."""

    def __init__(self, runtime: Runtime, kinds: Kinds) -> None:
        self._runtime = runtime
        self._kinds = kinds
        self.url = runtime.settings.of(Server).url

    def uri(self, issuer: str, kind: str, number: str) -> str:
        """The address of a document: issuer, kind, number."""
        return f"{self.url}/documents/v1/{issuer}/{kind}/{number}"

    def make(
        self, document: Document, content: Content, kind: Kind, parts: Collection[str] = ()
    ) -> str:
        """The original; with `parts`, an extract of these fields."""
        issuer = self._kinds.issuers[kind.issuer]
        signer = self._runtime.keys.signer(use_of(issuer.id))
        header = {"alg": signer.algorithm, "kid": signer.kid, "typ": TYPE}
        signed = f"{_part(header)}.{_part(self._claims(document, content, issuer, kind, parts))}"
        return f"{signed}.{_base64url(signer.sign(signed.encode()))}"

    def _claims(
        self,
        document: Document,
        content: Content,
        issuer: Issuer,
        kind: Kind,
        parts: Collection[str],
    ) -> dict[str, Any]:
        fields = {n: v for n, v in content.fields.items() if not parts or n in parts}
        claims: dict[str, Any] = {
            "iss": self.url,
            "jti": self.uri(issuer.id, kind.id, content.number),
            "iat": int(document.changed_at.timestamp()),
            "nbf": int(document.issued_at.timestamp()),
            "issuer": {"id": issuer.id, "name": issuer.name},
            "kind": {"id": kind.id, "version": kind.version, "title": kind.title},
            "version": document.version,
            "holder": {"name": content.name, "birthdate": content.birthdate},
            "content": fields,
        }
        if document.valid_until is not None:
            claims["exp"] = int(document.valid_until.timestamp())
        if len(fields) < len(content.fields):
            claims["extract"] = True
        return claims

    def verify(self, token: str) -> Mapping[str, Any]:
        """What an original says, expired ones too; raises NotGenuine."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise NotGenuine(N_("This is no signed document.")) from None
        if header.get("typ") != TYPE:
            raise NotGenuine(N_("This is signed, but no document."))
        key = self._runtime.keys.by_kid(str(header.get("kid", "")))
        if key is None or not key.use.startswith(use_of("")) or key.state == "revoked":
            raise NotGenuine(N_("It is signed by a key that is none of our issuers'."))
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                PyJWK(self._runtime.keys.jwk(key)),
                algorithms=[key.algorithm],
                issuer=self.url,
                options={
                    "require": ["iss", "iat", "jti"],
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_exp": False,
                },
            )
        except jwt.InvalidTokenError:
            raise NotGenuine(
                N_("It was changed after it was signed, or it is another one's.")
            ) from None
        if use_of(str(claims.get("issuer", {}).get("id", ""))) != key.use:
            raise NotGenuine(N_("It names an issuer that did not sign it."))
        return claims

    def keys(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that verifies originals, those of long ago too — RFC 7517 §5."""
        keys = self._runtime.keys
        return {
            "keys": [
                keys.jwk(key)
                for issuer in self._kinds.issuers
                for key in keys.history(use_of(issuer))
            ]
        }

    def prepare(self) -> None:
        """Make a key for each issuer that has none; idempotent."""
        for issuer in self._kinds.issuers:
            self._runtime.keys.ensure(use_of(issuer), ALGORITHM)


def _part(content: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
