"""A service as it is anywhere: an OpenID Connect client that knows only discovery."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt

from civitas.tour.browser import Browser
from civitas.tour.story import expect


@dataclass
class SignedIn:
    """What the service learned at one sign-in."""

    tokens: dict[str, Any]
    claims: dict[str, Any]
    userinfo: dict[str, Any]


class Service:
    """One registered client; `redirect` is never fetched, only looked at."""

    redirect = "http://127.0.0.1:1/callback"

    def __init__(self, issuer: str, client_id: str, secret: str) -> None:
        self.client_id, self.secret = client_id, secret
        self.http = httpx.Client(timeout=30)
        self.metadata = self.http.get(f"{issuer}/.well-known/openid-configuration").json()
        expect(self.metadata["issuer"] == issuer, "discovery to name its own issuer")

    def begin(self, browser: Browser, scope: str, **more: str) -> dict[str, str]:
        """Send the person away to sign in; returns what has to be remembered."""
        kept = {
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "verifier": secrets.token_urlsafe(48),
        }
        digest = hashlib.sha256(kept["verifier"].encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "scope": scope,
            "state": kept["state"],
            "nonce": kept["nonce"],
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **more,
        }
        browser.leaves_at = self.redirect
        browser.get(f"{self.metadata['authorization_endpoint']}?{urlencode(asked)}")
        return kept

    def complete(self, browser: Browser, kept: dict[str, str]) -> SignedIn:
        """The person came back: redeem the code, and check everything a client must."""
        expect(browser.url.startswith(self.redirect), f"the way back, but got {browser.url}")
        answer = {k: v[0] for k, v in parse_qs(urlsplit(browser.url).query).items()}
        expect("code" in answer, f"a code, but got {answer}")
        expect(answer["state"] == kept["state"], "our own state")
        expect(answer["iss"] == self.metadata["issuer"], "the issuer (RFC 9207)")
        tokens = self.redeem(answer["code"], kept["verifier"])
        expect("id_token" in tokens, f"tokens, but got {tokens}")
        claims = self.verified(tokens["id_token"], self.client_id)
        expect(claims["nonce"] == kept["nonce"], "our own nonce")
        userinfo = self.userinfo(tokens["access_token"]).json()
        expect(userinfo["sub"] == claims["sub"], "one subject everywhere")
        return SignedIn(tokens, claims, userinfo)

    def redeem(self, code: str, verifier: str) -> dict[str, Any]:
        return self.token(
            grant_type="authorization_code",
            code=code,
            code_verifier=verifier,
            redirect_uri=self.redirect,
        )

    def token(self, **form: str) -> dict[str, Any]:
        answer = self.http.post(
            self.metadata["token_endpoint"], data=form, auth=(self.client_id, self.secret)
        )
        body: dict[str, Any] = answer.json()
        return body

    def verified(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token that the provider signed for us."""
        keys = jwt.PyJWKSet.from_dict(self.http.get(self.metadata["jwks_uri"]).json())
        kid = jwt.get_unverified_header(token)["kid"]
        claims: dict[str, Any] = jwt.decode(
            token,
            keys[kid],
            algorithms=["ES256", "RS256"],
            audience=audience,
            issuer=self.metadata["issuer"],
        )
        return claims

    def userinfo(self, access_token: str) -> httpx.Response:
        return self.http.get(
            self.metadata["userinfo_endpoint"],
            headers={"Authorization": f"Bearer {access_token}"},
        )

    def introspect(self, token: str) -> dict[str, Any]:
        answer = self.http.post(
            self.metadata["introspection_endpoint"],
            data={"token": token},
            auth=(self.client_id, self.secret),
        )
        body: dict[str, Any] = answer.json()
        return body

    def ask(self, sub: str, claim: str, purpose: str) -> dict[str, Any]:
        """One yes/no question at the AuthZEN endpoint."""
        issuer = self.metadata["issuer"]
        point = self.http.get(f"{issuer}/.well-known/authzen-configuration").json()
        token = self.token(grant_type="client_credentials", scope="access:evaluate")
        expect("access_token" in token, f"a token of our own, but got {token}")
        answer = self.http.post(
            point["access_evaluation_endpoint"],
            json={
                "subject": {"type": "person", "id": sub},
                "action": {"name": "verify"},
                "resource": {"type": "claim", "id": claim},
                "context": {"purpose": purpose},
            },
            headers={"Authorization": f"Bearer {token['access_token']}"},
        )
        expect(answer.status_code == 200, f"an answer, but got {answer.status_code} {answer.text}")
        body: dict[str, Any] = answer.json()
        return body
