"""Sign-in at a provider by OpenID Connect — Core 1.0 §3.1, RFC 7523, 7636, 9101, 9207; failures 9.

The broker is the only relying party that a provider sees. What it sends depends on the provider,
the level and freshness needed, and random values: never on the service that asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from foundation import opaque
from foundation.clock import Clock
from foundation.fetch import Fetch, FetchError
from foundation.keys import Keys, PublishedKey
from idp import federation
from idp.broker.settings import BrokerSettings
from idp.broker.upstreams.provider import Provider, UpstreamFailed, UpstreamPerson
from idp.oauth import PASSES_ON
from policies import acr_of, level_of_acr

USE = "broker"
ALGORITHM = "ES256"
"""The one algorithm of ID tokens, which our metadata registers: nothing else is accepted."""

_LEEWAY = timedelta(seconds=60)
_JSON = ("application/json",)
_JWK_SET = ("application/json", "application/jwk-set+json")
_PROTOCOL_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nonce", "azp", "acr", "amr", "auth_time", "sid"}
)
_MOST_CLAIMS = 32_768
_LAST_SECOND = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Secrets:
    """The random values of one sign-in; `state` comes back, the others never leave as such."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Secrets:
        return cls(opaque.secret(), opaque.secret(), opaque.secret(48))

    @property
    def challenge(self) -> str:
        """BASE64URL(SHA256(verifier)) — RFC 7636 §4.2."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Sought:
    """What this sign-in must yield: at least `level`, and not before `started_at` if `fresh`."""

    level: int
    fresh: bool
    started_at: datetime
    redirect_uri: str


def client_metadata(
    settings: BrokerSettings,
    name: str,
    redirect_uris: Sequence[str],
    keys: Sequence[PublishedKey],
) -> Mapping[str, Any]:
    """The `openid_relying_party` metadata (OpenID Federation §5.1.2)."""
    return {
        "client_name": name,
        "client_registration_types": ["automatic"],
        PASSES_ON: True,
        "redirect_uris": list(redirect_uris),
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "scope": " ".join(settings.scope),
        "subject_type": "pairwise",
        "purposes": [settings.purpose],
        "attributes": list(settings.attributes),
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": ALGORITHM,
        "request_object_signing_alg": ALGORITHM,
        "require_signed_request_object": True,
        "id_token_signed_response_alg": ALGORITHM,
        "jwks": federation.published(keys),
    }


class Oidc:
    """Speaks OpenID Connect with providers, as `client_id` (our entity identifier)."""

    def __init__(
        self, keys: Keys, clock: Clock, fetch: Fetch, client_id: str, settings: BrokerSettings
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._fetch = fetch
        self._client_id = client_id
        self._scope = " ".join(settings.scope)

    def authorization_url(self, provider: Provider, sought: Sought, secrets: Secrets) -> str:
        """Where the browser goes: a signed request object, and what OIDC wants beside it."""
        now = self._clock.now()
        claims: dict[str, Any] = {
            "iss": self._client_id,
            "aud": provider.entity_id,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "jti": opaque.secret(16),
            "client_id": self._client_id,
            "response_type": "code",
            "redirect_uri": sought.redirect_uri,
            "scope": self._scope,
            "state": secrets.state,
            "nonce": secrets.nonce,
            "code_challenge": secrets.challenge,
            "code_challenge_method": "S256",
            "acr_values": acr_of(max(sought.level, 1)),
            "claims": {"id_token": {"auth_time": {"essential": True}}},
        }
        if sought.fresh:
            claims["prompt"] = "login"
        signed = federation.sign(self._keys.signer(USE), "oauth-authz-req+jwt", claims)
        outside = {
            "client_id": self._client_id,
            "response_type": "code",
            "scope": self._scope,
            "redirect_uri": sought.redirect_uri,
            "request": signed,
        }
        endpoint = self._endpoint(provider, "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(outside)}"

    def person(
        self, provider: Provider, sought: Sought, secrets: Secrets, code: str
    ) -> UpstreamPerson:
        """Redeem `code` and check everything that comes back. Raises UpstreamFailed."""
        tokens = self._redeem(provider, sought, secrets, code)
        claims = self._id_token(provider, secrets, tokens.get("id_token"))
        level = self._level(provider, sought, claims)
        auth_time = self._auth_time(sought, claims)
        return UpstreamPerson(
            subject=claims["sub"],
            level=level,
            amr=tuple(v for v in _array(claims.get("amr")) if isinstance(v, str))[:10],
            auth_time=auth_time,
            claims=self._userinfo(provider, tokens.get("access_token"), claims["sub"]),
        )

    def _redeem(
        self, provider: Provider, sought: Sought, secrets: Secrets, code: str
    ) -> Mapping[str, Any]:
        now = self._clock.now()
        assertion = federation.sign(
            self._keys.signer(USE),
            "JWT",
            {
                "iss": self._client_id,
                "sub": self._client_id,
                # RFC 7523bis: the issuer alone, so that no other server can use it (failures 7).
                "aud": provider.entity_id,
                "iat": int(now.timestamp()),
                "exp": int((now + timedelta(minutes=1)).timestamp()),
                "jti": opaque.secret(16),
            },
        )
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": sought.redirect_uri,
            "code_verifier": secrets.verifier,
            "client_id": self._client_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        try:
            answer = self._fetch.post(self._endpoint(provider, "token_endpoint"), form, _JSON)
        except FetchError as error:
            raise UpstreamFailed("unreachable", str(error)) from error
        tokens = _json_object(answer.body, "token response")
        if answer.status != 200:
            raise UpstreamFailed("refused", f"{answer.status} {str(tokens.get('error'))[:60]}")
        return tokens

    def _id_token(self, provider: Provider, secrets: Secrets, token: object) -> Mapping[str, Any]:
        if not isinstance(token, str):
            raise UpstreamFailed("invalid_answer", "no id_token")
        try:
            claims = federation.verify(
                federation.read(token, None), self._keys_of(provider), (ALGORITHM,)
            )
        except federation.Invalid as error:
            raise UpstreamFailed("invalid_answer", str(error)) from error
        _check(claims.get("iss") == provider.entity_id, "iss")
        _check(claims.get("aud") in (self._client_id, [self._client_id]), "aud")
        _check(claims.get("azp", self._client_id) == self._client_id, "azp")
        nonce = claims.get("nonce")
        _check(
            isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), secrets.nonce.encode()),
            "nonce",
        )
        subject = claims.get("sub")
        _check(isinstance(subject, str) and 0 < len(subject) <= 255, "sub")
        now = self._clock.now()
        issued, expires = _seconds(claims.get("iat"), "iat"), _seconds(claims.get("exp"), "exp")
        _check(abs(now.timestamp() - issued) <= 600 + _LEEWAY.total_seconds(), "iat")
        _check(issued <= now.timestamp() + _LEEWAY.total_seconds(), "iat")
        _check(expires > now.timestamp() - _LEEWAY.total_seconds(), "exp")
        return claims

    def _level(self, provider: Provider, sought: Sought, claims: Mapping[str, Any]) -> int:
        acr = claims.get("acr")
        asserted = level_of_acr(acr) if isinstance(acr, str) else None
        # A provider may assert what it is accredited for, and no more.
        level = min(asserted or 0, provider.level)
        if level < max(sought.level, 1):
            raise UpstreamFailed("level_too_low", f"acr {str(acr)[:60]!r}")
        return level

    def _auth_time(self, sought: Sought, claims: Mapping[str, Any]) -> datetime:
        now = self._clock.now()
        # Asked for as essential: without it an old sign-in would pass for one of this moment.
        told = _seconds(claims.get("auth_time"), "auth_time")
        _check(told <= now.timestamp() + _LEEWAY.total_seconds(), "auth_time")
        at = now - timedelta(seconds=max(0.0, now.timestamp() - told))
        if not sought.fresh:
            return at
        # Whole seconds: one that began within the second of our question is a fresh one.
        if told < int(sought.started_at.timestamp()):
            raise UpstreamFailed("invalid_answer", "auth_time is older than the question")
        return max(at, sought.started_at)

    def _userinfo(self, provider: Provider, token: object, subject: str) -> Mapping[str, Any]:
        if not provider.metadata.get("userinfo_endpoint"):
            return {}
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise UpstreamFailed("invalid_answer", "no access_token")
        try:
            answer = self._fetch.get(
                self._endpoint(provider, "userinfo_endpoint"),
                _JSON,
                {"Authorization": f"Bearer {token}"},
            )
        except FetchError as error:
            raise UpstreamFailed("unreachable", str(error)) from error
        claims = _json_object(answer.body[: _MOST_CLAIMS + 1], "userinfo")
        # OpenID Connect Core §5.3.2: otherwise the answer is about somebody else.
        _check(claims.get("sub") == subject, "userinfo sub")
        return {name: value for name, value in claims.items() if name not in _PROTOCOL_CLAIMS}

    def _keys_of(self, provider: Provider) -> tuple[Mapping[str, Any], ...]:
        held = provider.metadata.get("jwks")
        if held is None:
            try:
                answer = self._fetch.get(self._endpoint(provider, "jwks_uri"), _JWK_SET)
            except FetchError as error:
                raise UpstreamFailed("unreachable", str(error)) from error
            held = _json_object(answer.body, "jwks")
        try:
            return federation.key_set(held)
        except federation.Invalid as error:
            raise UpstreamFailed("invalid_answer", str(error)) from error

    def _endpoint(self, provider: Provider, name: str) -> str:
        url = provider.metadata.get(name)
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise UpstreamFailed("invalid_answer", f"no {name}")
        if any(c <= " " for c in url) or "#" in url:
            raise UpstreamFailed("invalid_answer", name)
        return url


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise UpstreamFailed("invalid_answer", f"{what} is wrong or missing")


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UpstreamFailed("invalid_answer", f"{name} is wrong or missing")
    # JSON as Python reads it has NaN, infinity and integers without end; no time is among them.
    _check(0 <= value <= _LAST_SECOND, name)
    return float(value)


def _array(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _json_object(body: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise UpstreamFailed("invalid_answer", f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise UpstreamFailed("invalid_answer", f"{what} is not an object")
    return value
