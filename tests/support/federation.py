"""A federation in one process: regulator, providers and broker, joined by a network of our own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as StarletteRoute

from foundation import algorithms, opaque, web
from foundation.clock import FrozenClock
from foundation.edge import Edge
from foundation.fetch import Fetch, Fetched, FetchFailed
from foundation.middleware import Gate
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from foundation.web import Context, Principal, Route
from idp import broker as broker_suite
from idp import federation as federation_suite
from idp import oauth as oauth_suite
from idp.broker import Broker
from idp.federation import Federation, FederationSettings
from idp.login import Authenticated, Requirement
from idp.oauth import OAuth, pkce
from policies import Policies, Withdrawal
from tests.support import deployments
from tests.support.authorization_server import VERIFIER
from tests.support.client import TestClient

REGULATOR = "http://localhost:9100"
PROVIDER = "http://localhost:9201"
SECOND_PROVIDER = "http://localhost:9202"
BROKER = "http://localhost:9300"
SERVICE = "http://localhost:9401"
OFFICER = "sta_officer"


@dataclass(frozen=True)
class Sent:
    """One request that crossed the network."""

    method: str
    url: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Network(Fetch):
    """`Fetch` without sockets: an origin is an application here, or nobody."""

    members: dict[str, TestClient] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def get(
        self, url: str, accept: Sequence[str], headers: Mapping[str, str] | None = None
    ) -> Fetched:
        self.sent.append(Sent("GET", url, {}, dict(headers or {})))
        answer = self._member(url).get(url, headers=dict(headers or {}))
        if answer.status_code != 200:
            raise FetchFailed(f"{url} answered {answer.status_code}.", answer.status_code)
        return self._fetched(url, answer, accept)

    def post(self, url: str, form: Mapping[str, str], accept: Sequence[str]) -> Fetched:
        self.sent.append(Sent("POST", url, dict(form), {}))
        return self._fetched(url, self._member(url).post(url, data=dict(form)), accept)

    def _member(self, url: str) -> TestClient:
        parts = urlsplit(url)
        try:
            return self.members[f"{parts.scheme}://{parts.netloc}"]
        except KeyError:
            raise FetchFailed(f"{url} cannot be reached.") from None

    def _fetched(self, url: str, answer: Any, accept: Sequence[str]) -> Fetched:
        content_type = answer.headers.get("content-type", "").split(";")[0]
        if accept and content_type not in accept:
            raise FetchFailed(f"{url} answers {content_type}.")
        return Fetched(url, answer.status_code, content_type, answer.content)


@dataclass
class Member:
    """One deployment: its runtime, its suites, and a browser that looks at it."""

    url: str
    runtime: Runtime
    federation: Federation
    browser: TestClient
    who: list[Principal] = field(default_factory=list)

    def sign_in(self, principal: Principal) -> None:
        """From now on this principal calls, whatever the request says."""
        self.who[:] = [principal]


class City:
    """Makes members on one clock and one network."""

    def __init__(self, folder: Path, clock: FrozenClock) -> None:
        self.folder = folder
        self.clock = clock
        self.network = Network()
        self.made: list[Member] = []
        self.anchor_keys: dict[str, Any] = {}

    def close(self) -> None:
        for member in self.made:
            member.runtime.close()

    def regulator(self) -> Member:
        made = self._member(REGULATOR, "regulator", None, dict)
        self.anchor_keys = {REGULATOR: made.federation.key_set()}
        return made

    def provider(self, url: str = PROVIDER) -> ScriptedProvider:
        provider = ScriptedProvider(url, self)
        provider.member = self._member(
            url, "provider", REGULATOR, provider.metadata, provider.routes()
        )
        return provider

    def service(self, url: str = SERVICE) -> ScriptedService:
        service = ScriptedService(url, self)
        service.member = self._member(
            url, "provider", REGULATOR, service.metadata, service.routes()
        )
        return service

    def broker(self) -> tuple[Member, Broker]:
        folder = self.folder / "broker"
        runtime = self._runtime(folder, BROKER, "broker", REGULATOR)
        broker_suite.prepare(runtime)
        federation_suite.prepare(runtime)
        runtime.keys.ensure("jwt", "ES256")
        federation = Federation(
            runtime,
            lambda: {"openid_relying_party": broker_suite.relying_party_metadata(runtime)},
            self.network,
            how_they_end=lambda: hub.completion(whole_days=True),
        )
        policies = Policies(runtime)
        hub = Broker(runtime, federation, policies)
        self.tokens = OAuth(runtime, policies, who=hub, signs_out=hub, claims=hub)
        withdrawal = Withdrawal(policies, (oauth_suite.TokensEndWithConsent(),))
        acting = oauth_suite.ActingServices(runtime, policies, self.tokens.clients, withdrawal)
        routes = (
            *federation_suite.routes_of(federation),
            *broker_suite.routes_of(hub, withdrawal),
            *oauth_suite.routes_of(self.tokens),
            *oauth_suite.account_routes(acting),
            Route(("GET",), "/service", lambda request: _service(hub, request), "a service"),
        )
        return self._serve(BROKER, runtime, federation, routes, hub.principal_of_session), hub

    def _member(
        self,
        url: str,
        governance: str,
        regulator: str | None,
        metadata: Callable[[], Mapping[str, Any]],
        more: Sequence[Route] = (),
    ) -> Member:
        folder = self.folder / f"{governance}-{urlsplit(url).port}"
        runtime = self._runtime(folder, url, governance, regulator)
        federation_suite.prepare(runtime)
        runtime.keys.ensure("jwt", "ES256")
        federation = Federation(runtime, metadata, self.network)
        routes = (*federation_suite.routes_of(federation), *more)
        return self._serve(url, runtime, federation, routes)

    def _runtime(self, folder: Path, url: str, governance: str, regulator: str | None) -> Runtime:
        folder.mkdir(parents=True)
        anchors = self.anchor_keys if regulator else {}
        settings = deployments.settings_in(
            folder,
            Server(url=url, listen=url.removeprefix("http://")),
            Jurisdiction(
                name=f"The {governance} {urlsplit(url).port}",
                governance=governance,  # type: ignore[arg-type]
                regulator=regulator,
            ),
            FederationSettings(trust_anchors=anchors),
        )
        return deployments.ready_runtime(settings, self.clock)

    def _serve(
        self,
        url: str,
        runtime: Runtime,
        federation: Federation,
        routes: Sequence[Route],
        who: Callable[[Request], Principal | None] | None = None,
    ) -> Member:
        called: list[Principal] = []
        context = Context(
            origins=frozenset({url}),
            cookie_tag=hashlib.sha256(url.encode()).hexdigest()[:8],
            secure_cookies=False,
            trusted_proxies=(),
            mac=runtime.keys.mac,
            who=who or (lambda request: called[0] if called else None),
        )
        gate = Middleware(
            Gate,
            context=context,
            edge=Edge(runtime.database, runtime.pages),
            max_body=1_000_000,
            routes=routes,
            observe=lambda scope, status, seconds: None,
        )
        served = [StarletteRoute(r.path, r.endpoint, methods=list(r.methods)) for r in routes]
        app = Starlette(routes=served, middleware=[gate])
        browser = TestClient(app, base_url=url, follow_redirects=False)
        self.network.members[url] = browser
        member = Member(url, runtime, federation, browser, called)
        self.made.append(member)
        return member


class ScriptedProvider:
    """An OpenID Provider whose answers a test may bend. It checks nothing that we test."""

    def __init__(self, url: str, city: City) -> None:
        self.url = url
        self.member: Member
        self.acr = "urn:civitas:loa:2"
        self.subject = "sub-of-ada"
        self.userinfo: dict[str, Any] = {"name": "Ada Lovelace", "age_over_18": True}
        self.bend: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.signed_by: Any = None
        self.token_status = 200
        self.asked: list[dict[str, str]] = []
        self.redeemed: list[dict[str, str]] = []
        self._nonces: dict[str, str] = {}
        self._city = city

    def metadata(self) -> Mapping[str, Any]:
        keys = self.member.runtime.keys.published("jwt")
        return {
            "openid_provider": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks": federation_suite.published(keys),
                "acr_values_supported": [f"urn:civitas:loa:{n}" for n in (1, 2, 3)],
            }
        }

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(("POST",), "/token", self._token, "test"),
            Route(("GET",), "/userinfo", self._userinfo, "test"),
        )

    def authorize(self, url: str) -> str:
        """What the person's browser does here: sign in, and go back with an answer."""
        outer = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        inner = dict(
            federation_suite.read(outer["request"], "oauth-authz-req+jwt").unverified_claims
        )
        self.asked.append({**outer, **{f"inner {k}": str(v) for k, v in inner.items()}})
        code = opaque.secret()
        self._nonces[code] = inner["nonce"]
        return f"{inner['redirect_uri']}?code={code}&state={inner['state']}&iss={self.url}"

    def _token(self, request: Request) -> Response:
        form = dict(web.form(request))
        self.redeemed.append(form)
        if self.token_status != 200:
            return JSONResponse({"error": "invalid_grant"}, self.token_status)
        now = int(self._city.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.subject,
            "aud": BROKER,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": self._nonces.pop(form["code"]),
            "acr": self.acr,
            "amr": ["pwd"],
            **self.bend,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        signer = self.signed_by or self.member.runtime.keys.signer("jwt")
        token = federation_suite.sign(signer, "JWT", claims)
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": token})

    def _userinfo(self, request: Request) -> Response:
        return JSONResponse({"sub": self.subject, **self.userinfo})


class ScriptedService:
    """A relying party of the federation that says of itself whatever a test likes."""

    def __init__(self, url: str, city: City) -> None:
        self.url = url
        self.member: Member
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.jwk = {**algorithms.jwk(self.key.public_key()), "kid": "rp-1", "use": "sig"}
        self.said: dict[str, Any] = {
            "client_name": "Bicycle Shop",
            "client_registration_types": ["automatic"],
            "redirect_uris": [f"{url}/callback"],
            "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile email offline_access",
            "subject_type": "pairwise",
            "token_endpoint_auth_method": "private_key_jwt",
            "id_token_signed_response_alg": "ES256",
            "jwks": {"keys": [self.jwk]},
        }
        self.published: tuple[str, str] = ("application/jwk-set+json", "")
        self._city = city

    def metadata(self) -> Mapping[str, Any]:
        return {"openid_relying_party": self.said}

    def routes(self) -> tuple[Route, ...]:
        return (Route(("GET",), "/keys", self._keys, "test"),)

    def _keys(self, request: Request) -> Response:
        content_type, body = self.published
        return Response(body, headers={"Content-Type": content_type})

    def signed(self, claims: Mapping[str, Any], typ: str) -> str:
        """`claims` as a JWT of its own key, as PyJWT makes it."""
        headers = {"kid": "rp-1", "typ": typ}
        return jwt.encode(dict(claims), self.key, algorithm="ES256", headers=headers)

    def request(self, issuer: str, **changed: Any) -> dict[str, str]:
        """An authorization request of §12.1.1: everything inside, signed and fresh."""
        now = int(self._city.clock.now().timestamp())
        claims = {
            "iss": self.url,
            "client_id": self.url,
            "aud": issuer,
            "jti": opaque.secret(16),
            "iat": now,
            "exp": now + 60,
            "response_type": "code",
            "redirect_uri": self.said["redirect_uris"][0],
            "scope": "openid",
            "state": "st-1",
            "nonce": "no-1",
            "code_challenge": pkce.challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = self.signed(kept, "oauth-authz-req+jwt")
        return {"client_id": self.url, "request": signed}

    def redemption(self, issuer: str, **form: str) -> dict[str, str]:
        """A token request, proven by its key."""
        now = int(self._city.clock.now().timestamp())
        claims = {
            "iss": self.url,
            "sub": self.url,
            "aud": issuer,
            "jti": opaque.secret(16),
            "iat": now,
            "exp": now + 60,
        }
        return {
            "client_id": self.url,
            "redirect_uri": self.said["redirect_uris"][0],
            "code_verifier": VERIFIER,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.signed(claims, "JWT"),
            **form,
        }


def _service(hub: Broker, request: Request) -> Response:
    """A stand-in for the authorization endpoint: who is there for what a service needs?"""
    asked = request.query_params
    answer = hub.who(
        request,
        Requirement(
            level=int(asked.get("level", "2")),
            prompt=frozenset(asked.get("prompt", "").split()),
            max_age=timedelta(seconds=int(asked["max_age"])) if "max_age" in asked else None,
            return_to=f"/service?level=0&service={asked.get('service', 'library')}",
        ),
    )
    if isinstance(answer, Authenticated):
        return JSONResponse(
            {"subject": answer.subject, "level": answer.acr_level, "session": answer.session_id}
        )
    return Response(status_code=303, headers={"Location": answer.url})
