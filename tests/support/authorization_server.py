"""The authorization server alone, behind the real gate; the people are fakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from foundation.database import UnitOfWork
from foundation.edge import Edge
from foundation.errors import Forbidden
from foundation.middleware import Gate
from foundation.runtime import Runtime
from foundation.settings import Server
from foundation.web import Context, Principal
from idp import oauth
from idp.login import Authenticated, GoTo, Requirement
from idp.oauth import pkce
from policies import Facts, Known, Policies, Withdrawal
from policies import prepare as prepare_policies
from tests.support.client import TestClient

CALLBACK = "https://library.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""The verifier of RFC 7636, appendix B; its challenge begins with E9Melhoa2."""


@dataclass
class FakePeople:
    """Who is at the browser, and what is known of them: both set by the test."""

    runtime: Runtime
    present: Authenticated | None = None
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: Facts = field(default_factory=lambda: Facts(level=2, age=34))
    asked: list[Requirement] = field(default_factory=list)
    active_devices: set[str] = field(default_factory=set)
    certificates: dict[str, str] = field(default_factory=dict)

    def born(self, person_id: str, **claims: Any) -> str:
        self.runtime.vault.create(person_id)
        self.claims[person_id] = claims
        return person_id

    def sign_in(self, person_id: str, level: int = 2, session: str = "ses_1") -> Authenticated:
        now = self.runtime.clock.now()
        self.present = Authenticated(person_id, level, ("pwd",), now, session)
        return self.present

    def who(self, request: Request, requirement: Requirement) -> Authenticated | GoTo:
        self.asked.append(requirement)
        there = self.present
        stale = (
            there is not None
            and requirement.max_age is not None
            and self.runtime.clock.now() - there.auth_time > requirement.max_age
        )
        unfit = there is None or there.acr_level < requirement.level or stale
        if unfit or "login" in requirement.prompt:
            return GoTo("/sign-in?" + urlencode({"return_to": requirement.return_to}))
        assert there is not None
        return there

    def sign_out(self, request: Request, response: Response) -> None:
        self.present = None

    def session_lives(self, uow: UnitOfWork, session_id: str) -> bool:
        return self.present is not None and self.present.session_id == session_id

    def known(self, person_id: str, session_id: str, level: int) -> Known:
        known = self.claims.get(person_id, {})

        def claims(names: Sequence[str]) -> Mapping[str, Any]:
            return {name: known[name] for name in names if name in known}

        return Known(person_id, self.facts, claims)

    def authenticate_device(self, certificate: x509.Certificate, now: datetime) -> _Device:
        name = self.certificates.get(certificate.fingerprint(SHA256()).hex())
        if name is None or name not in self.active_devices:
            raise Forbidden("The device is suspended.")
        return _Device(name)

    def device_is_active(self, device_id: str, now: datetime) -> bool:
        return device_id in self.active_devices


@dataclass(frozen=True)
class _Device:
    id: str


class AuthorizationServer:
    """Everything that a protocol test needs, with short words for the usual walk."""

    def __init__(
        self,
        runtime: Runtime,
        sources: Sequence[Any] = (),
        ceiling: Callable[[], int] | None = None,
    ) -> None:
        self.runtime = runtime
        self.visitor: Principal | None = None
        # The RSA key takes long to make: tests that need it call `oauth.prepare`.
        runtime.keys.ensure("jwt", "ES256")
        prepare_policies(runtime)
        self.policies = Policies(runtime)
        self.people = FakePeople(runtime)
        self.oauth = oauth.OAuth(
            runtime,
            self.policies,
            who=self.people,
            signs_out=self.people,
            claims=self.people,
            sources=sources,
            authenticate_device=self.people.authenticate_device,
            device_is_active=self.people.device_is_active,
            validate_certificate=lambda certificate, now: None,
            ceiling=ceiling,
        )
        self.withdrawal = Withdrawal(self.policies, ends=(oauth.TokensEndWithConsent(),))
        self.issuer = self.oauth.issuer
        self.app = self._app()
        self.http = self.browser()

    def _app(self) -> Starlette:
        routes = oauth.routes_of(self.oauth)
        served = [Route(r.path, r.endpoint, methods=list(r.methods)) for r in routes]
        app = Starlette(routes=served)
        settings = self.runtime.settings
        app.add_middleware(
            Gate,
            context=Context(
                origins=frozenset([settings.of(Server).url]),
                cookie_tag="0a1b2c3d",
                secure_cookies=False,
                trusted_proxies=("testclient",),
                client_certificate_header="Client-Cert",
                mac=self.runtime.keys.mac,
                who=lambda request: self.visitor,
                way_back=self.oauth.ways_back.of,
                signed_out=self.oauth.frames.mark,
                frames=self.oauth.frames.marked,
                resource_metadata=self.oauth.resource_metadata,
            ),
            edge=Edge(self.runtime.database, self.runtime.pages),
            max_body=65_536,
            routes=routes,
            observe=lambda scope, status, seconds: None,
        )
        return app

    def browser(self) -> TestClient:
        """A new browser, with no cookies yet."""
        return TestClient(self.app, base_url=self.issuer, follow_redirects=False)

    # ── clients ──────────────────────────────────────────────────────────────────────

    def add(self, **changed: Any) -> oauth.AddedClient:
        """A service with one redirect URI; `changed` members replace the usual ones."""
        metadata: dict[str, Any] = {
            "client_name": "City Library",
            "redirect_uris": [CALLBACK],
            "scope": "openid profile email age offline_access",
            "purposes": ["library"],
            "grant_types": ["authorization_code", "refresh_token"],
            # Its key is made in no time; RS256, the usual one, needs `oauth.prepare`.
            "id_token_signed_response_alg": "ES256",
            **changed,
        }
        kept = {name: value for name, value in metadata.items() if value is not None}
        return self.oauth.clients.add(kept, self.runtime.clock.now())

    # ── the walk ─────────────────────────────────────────────────────────────────────

    def parameters(self, client: oauth.AddedClient, **changed: str | None) -> dict[str, str]:
        return request_of(client.client.id, client.client.redirect_uris[0], **changed)

    def authorize(self, client: oauth.AddedClient, **changed: str | None) -> Any:
        return self.http.get("/oauth/authorize", params=self.parameters(client, **changed))

    def answer(self, response: Any, *give: str, choice: str = "accept") -> Any:
        """Follow a redirect to the consent page and answer it."""
        page = self.http.get(response.headers["location"])
        assert page.status_code == 200, page.text
        return self.http.post(
            "/oauth/consent",
            data={
                **hidden_fields(page.text),
                **{f"give.{name}": "yes" for name in give},
                "answer": choice,
            },
        )

    def sign_in(self, client: oauth.AddedClient, *give: str, **changed: str | None) -> str:
        """The whole walk as far as the code."""
        response = self.authorize(client, **changed)
        if response.headers.get("location", "").startswith("/oauth/consent"):
            response = self.answer(response, *give)
        assert response.status_code == 303, response.text
        return answer_of(response)["code"]

    def token(self, client: oauth.AddedClient, **form: str | None) -> Any:
        """A token request, authenticated by the client's secret if it has one."""
        if client.secret is None:
            form = {"client_id": client.client.id, **form}
        body = {name: value for name, value in form.items() if value is not None}
        auth = None if client.secret is None else (client.client.id, client.secret)
        return self.browser().post("/oauth/token", data=body, auth=auth)

    def redeem(self, client: oauth.AddedClient, code: str, **changed: str | None) -> Any:
        usual = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.client.redirect_uris[0],
            "code_verifier": VERIFIER,
        }
        return self.token(client, **{**usual, **changed})

    def tokens(
        self, client: oauth.AddedClient, *give: str, **changed: str | None
    ) -> dict[str, Any]:
        """Sign in and redeem: the token response."""
        response = self.redeem(client, self.sign_in(client, *give, **changed))
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def refresh(self, client: oauth.AddedClient, token: str, **more: str) -> Any:
        return self.token(client, grant_type="refresh_token", refresh_token=token, **more)

    def introspect(self, client: oauth.AddedClient, token: str) -> dict[str, Any]:
        response = self.browser().post(
            "/oauth/introspect", data={"token": token}, auth=(client.client.id, client.secret or "")
        )
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def userinfo(self, token: str) -> Any:
        return self.browser().get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})


def request_of(client_id: str, redirect_uri: str, /, **changed: str | None) -> dict[str, str]:
    """The parameters of an authorization request; `changed` ones replace the usual."""
    usual: dict[str, str | None] = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": "openid",
        "state": "af0ifjsldkj",
        "nonce": "n-0S6_WzA2Mj",
        "code_challenge": pkce.challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in usual.items() if value is not None}


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a form of ours."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return dict(found)


def answer_of(response: Any) -> dict[str, str]:
    """The parameters of an authorization response, wherever its mode puts them."""
    location = urlsplit(response.headers["location"])
    return dict(parse_qsl(location.fragment or location.query))


def soon(moment: datetime, seconds: int = 60) -> int:
    """A NumericDate some seconds after `moment`."""
    return int((moment.astimezone(UTC) + timedelta(seconds=seconds)).timestamp())
