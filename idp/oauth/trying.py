"""A sign-in at a service that is being tested, tried from its developer's page — RFC 6749 §4.1.

The browser walks the code flow as that service; we stand in for it at an address of our own, which
is registered for test services alone. What it got is shown once, and ends at once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from foundation.errors import Conflict
from foundation.marking import N_
from foundation.runtime import Runtime
from foundation.web import Form
from idp.oauth import codes, grant_store, pkce
from idp.oauth.client import Client
from idp.oauth.client_authentication import AuthenticatedClient
from idp.oauth.families import Families
from idp.oauth.grants.pipeline import Pipeline
from idp.oauth.grants.proposal import TokenRequest
from idp.oauth.release import Releases

PATH = "/developers/tried"
_VERIFIER, _NONCE = "developer-trial-verifier", "developer-trial-nonce"
_BECAUSE = "the sign-in was only tried"


@dataclass(frozen=True, slots=True)
class Tried:
    """What the service would have got: claims, no tokens."""

    id_token: Mapping[str, Any]
    id_token_header: Mapping[str, Any]
    access_token: Mapping[str, Any]
    userinfo: Mapping[str, Any]
    scope: str
    refreshes: bool


class Trying:
    """Begins a sign-in as a test service, and redeems its code in the service's place."""

    def __init__(
        self,
        runtime: Runtime,
        issuer: str,
        pipeline: Pipeline,
        releases: Releases,
        families: Families,
    ) -> None:
        self._runtime = runtime
        self._issuer = issuer
        self._pipeline = pipeline
        self._releases = releases
        self._families = families

    @property
    def redirect_uri(self) -> str:
        return self._issuer + PATH

    def address(self, client: Client, secret: str) -> str:
        """Where the browser begins; `secret` is that of this one trial, and its `state`."""
        asked = {
            "client_id": client.id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(sorted(client.scopes, key=lambda one: (one != "openid", one))),
            "state": secret,
            "nonce": self._derived(_NONCE, secret),
            "code_challenge": pkce.challenge_of(self._derived(_VERIFIER, secret)),
            "code_challenge_method": "S256",
            **({"purpose": client.purposes[0]} if len(client.purposes) > 1 else {}),
        }
        return f"/oauth/authorize?{urlencode(asked)}"

    def finish(self, client: Client, secret: str, code: str, now: datetime) -> Tried:
        """Redeem the code, look at what came of it, and end that. Raises OAuthError, Conflict."""
        if not client.test_only:
            raise Conflict(N_("This service is not being tested any more."))
        with self._runtime.database.read() as uow:
            found = codes.find(uow, code)
        grant_id = found.grant_id if found is not None and found.client_id == client.id else None
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self._derived(_VERIFIER, secret),
        }
        caller = AuthenticatedClient(client, None)
        try:
            answer = self._pipeline.answer(TokenRequest(Form(form), caller, now))
            userinfo = self._userinfo(grant_id, now)
        finally:
            if grant_id is not None:
                with self._runtime.database.write() as uow:
                    self._families.end(uow, grant_id, _BECAUSE, now)
        header, claims = _opened(answer["id_token"])
        return Tried(
            id_token=claims,
            id_token_header=header,
            access_token=_opened(answer["access_token"])[1],
            userinfo=userinfo,
            scope=str(answer.get("scope", "")),
            refreshes="refresh_token" in answer,
        )

    def _userinfo(self, grant_id: str | None, now: datetime) -> Mapping[str, Any]:
        if grant_id is None:
            return {}
        with self._runtime.database.read() as uow:
            grant = grant_store.find(uow, grant_id)
        if grant is None:
            return {}
        claims = self._releases.release(grant, grant.userinfo_attributes, now)
        return {"sub": grant.subject, **claims}

    def _derived(self, purpose: str, secret: str) -> str:
        mac = self._runtime.keys.mac(purpose, secret.encode())
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _opened(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims of a token that we have just signed."""
    header, claims, _ = token.split(".")
    return _part(header), _part(claims)


def _part(encoded: str) -> Mapping[str, Any]:
    padded = encoded + "=" * (-len(encoded) % 4)
    read: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return read
