"""Relying parties that describe themselves: honest ones work, hostile ones gain nothing — OpenID
Federation 1.0 §12.1, failures 19."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from civitas.adapters import Federated
from foundation.clock import FrozenClock
from foundation.fetch import Fetch, Fetched, FetchRefused
from idp.federation import FederationSettings
from idp.oauth import Client
from tests.support.authorization_server import AuthorizationServer, answer_of
from tests.support.federation import (
    OFFICER,
    PROVIDER,
    SERVICE,
    City,
    Member,
    ScriptedProvider,
    ScriptedService,
)


@pytest.fixture
def shop(federation_city: City, regulator: Member, provider: ScriptedProvider) -> ScriptedService:
    """A bicycle shop that the regulator took up."""
    made = federation_city.service()
    regulator.federation.accreditation.accredit(SERVICE, None, OFFICER)
    return made


@pytest.fixture
def server(provider: ScriptedProvider, shop: ScriptedService) -> AuthorizationServer:
    """A provider that takes relying parties on the regulator's word, with a person at hand."""
    member = provider.member
    source = Federated(member.federation, member.runtime.settings)
    made = AuthorizationServer(member.runtime, sources=(source,))
    made.people.born("per_1", email="ada@example.org", name="Ada", given_name="Ada")
    made.people.sign_in("per_1")
    return made


def begin(server: AuthorizationServer, shop: ScriptedService, **changed: Any) -> Any:
    return server.http.get("/oauth/authorize", params=shop.request(server.issuer, **changed))


def client(server: AuthorizationServer) -> Client | None:
    return server.oauth.clients.find(SERVICE, server.runtime.clock.now())


def sign_in(
    server: AuthorizationServer, shop: ScriptedService, *give: str, **changed: Any
) -> dict[str, Any]:
    """The whole walk; returns the tokens."""
    response = begin(server, shop, **changed)
    if response.headers.get("location", "").startswith("/oauth/consent"):
        response = server.answer(response, *give)
    code = answer_of(response)["code"]
    form = shop.redemption(server.issuer, grant_type="authorization_code", code=code)
    answer = server.browser().post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


@pytest.mark.rfc("openid-federation", "12.1")
def test_an_honest_service_signs_people_in_with_a_signed_request_and_its_key(
    server: AuthorizationServer, shop: ScriptedService
) -> None:
    tokens = sign_in(server, shop, "email", scope="openid profile email offline_access")
    keys = jwt.PyJWKSet.from_dict(server.http.get("/oauth/jwks").json())
    kid = jwt.get_unverified_header(tokens["id_token"])["kid"]
    claims = jwt.decode(
        tokens["id_token"],
        keys[kid],
        ["ES256"],
        audience=SERVICE,
        issuer=PROVIDER,
        # The clock of the test stands still in another year.
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["nonce"] == "no-1"
    told = server.userinfo(tokens["access_token"]).json()
    assert told == {"sub": claims["sub"], "email": "ada@example.org"}
    form = shop.redemption(
        server.issuer, grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert server.browser().post("/oauth/token", data=form).status_code == 200


@pytest.mark.row("failures", "19")
def test_a_service_gets_no_subject_and_no_token_of_another_by_saying_so(
    server: AuthorizationServer, shop: ScriptedService
) -> None:
    library = server.add(resource="https://library.example/api", sector="library.example")
    ours = server.tokens(library)
    shop.said |= {
        "sector": "library.example",
        "audiences": ["https://library.example/api"],
        "resource": "https://library.example/api",
        "client_uri": "https://library.example",
        "grant_types": ["authorization_code", "client_credentials"],
    }
    refused = begin(server, shop, resource="https://library.example/api")
    assert answer_of(refused)["error"] == "invalid_target"
    theirs = sign_in(server, shop)
    subject = {server.userinfo(t["access_token"]).json()["sub"] for t in (ours, theirs)}
    assert len(subject) == 2
    form = shop.redemption(
        server.issuer, grant_type="client_credentials", resource="https://library.example/api"
    )
    answer = server.browser().post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.row("failures", "19")
def test_the_consent_page_names_the_host_that_the_code_goes_to(
    server: AuthorizationServer, shop: ScriptedService
) -> None:
    shop.said |= {
        "client_name": "City Library",
        "client_uri": "https://library.example",
        "policy_uri": "https://library.example/privacy",
        "logo_uri": "https://library.example/logo.png",
    }
    where = begin(server, shop).headers["location"]
    page = server.http.get(where).text
    assert "localhost:9401" in page
    assert "library.example" not in page
    assert "It calls itself “City Library”. Nobody vouches for that name." in page


@pytest.mark.rfc("openid-federation", "12.1.1")
@pytest.mark.parametrize("says", [{}, {"require_signed_request_object": False}])
def test_an_unsigned_request_is_refused_whatever_the_service_says_of_itself(
    server: AuthorizationServer, shop: ScriptedService, says: dict[str, Any]
) -> None:
    shop.said |= says
    signed = shop.request(server.issuer)["request"]
    inside = jwt.decode(signed, options={"verify_signature": False})
    answer = server.http.get(
        "/oauth/authorize",
        params={n: v for n, v in inside.items() if n not in ("iss", "aud", "jti", "iat", "exp")},
    )
    assert answer_of(answer)["error"] == "invalid_request"
    assert "code" not in answer_of(answer)


REFUSED = "invalid_request_object"


@pytest.mark.rfc("openid-federation", "12.1.1")
def test_a_signed_request_carries_a_fresh_jti_and_an_end_that_is_near(
    server: AuthorizationServer, shop: ScriptedService, clock: FrozenClock
) -> None:
    now = int(clock.now().timestamp())
    far = int(timedelta(hours=1).total_seconds())
    for wrong in ({"jti": None}, {"jti": ""}, {"exp": None}, {"exp": now + far}, {"exp": now - 60},
                  {"aud": "https://other.example"}, {"sub": SERVICE}):  # fmt: skip
        assert answer_of(begin(server, shop, **wrong))["error"] == REFUSED, wrong
    assert not answer_of(begin(server, shop, jti="once")).get("error")
    assert answer_of(begin(server, shop, jti="once"))["error"] == REFUSED


@pytest.mark.row("failures", "19")
def test_our_operator_can_vouch_for_what_nobody_else_does(
    server: AuthorizationServer, shop: ScriptedService, provider: ScriptedProvider
) -> None:
    allied = provider.member.federation
    chosen = FederationSettings(
        trust_anchors=allied.runtime.settings.of(FederationSettings).trust_anchors,
        relying_party_scope=("openid",),
        vouched={SERVICE: {"audiences": ["https://api.tax.example"], "sector": "tax.example"}},
    )
    allied.runtime = replace(allied.runtime, settings=allied.runtime.settings.with_sections(chosen))
    found = client(server)
    assert found is not None
    assert found.audiences == ("https://api.tax.example",)
    assert found.scopes == {"openid"}
    assert found.sector == "localhost"


# ── what is refused is said ──────────────────────────────────────────────────────────────────


@pytest.mark.row("failures", "19")
@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"client_name": None}, "client_name"),
        ({"subject_type": "public"}, "subject_type"),
        ({"jwks": None}, "jwks"),
        ({"redirect_uris": ["http://shop.example/callback"]}, "redirect_uris"),
        ({"client_registration_types": ["explicit"]}, "client_registration_types"),
        ({"jwks": None, "jwks_uri": "https://10.0.0.1/keys"}, "keys"),
        ({"jwks": None, "jwks_uri": 7}, "jwks_uri"),
    ],
)
def test_a_service_that_is_refused_is_logged_with_the_reason(
    server: AuthorizationServer,
    shop: ScriptedService,
    caplog: pytest.LogCaptureFixture,
    says: dict[str, Any],
    reason: str,
) -> None:
    shop.said = {n: v for n, v in {**shop.said, **says}.items() if v is not None}
    with caplog.at_level(logging.WARNING, "civitas.federation"):
        assert client(server) is None
    assert any(SERVICE in line and reason in line for line in caplog.messages), caplog.messages


def test_a_name_that_no_anchor_vouches_for_is_logged_with_the_reason(
    server: AuthorizationServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "civitas.federation"):
        server.http.get("/oauth/authorize", params={"client_id": "https://stranger.example"})
    assert any("https://stranger.example is refused" in line for line in caplog.messages)


# ── keys that are named by address ───────────────────────────────────────────────────────────


@pytest.mark.rfc("openid-federation", "5.2.1")
def test_keys_are_read_from_where_the_service_publishes_them(
    server: AuthorizationServer, shop: ScriptedService
) -> None:
    shop.published = ("application/jwk-set+json", json.dumps(shop.said.pop("jwks")))
    shop.said["jwks_uri"] = f"{SERVICE}/keys"
    assert sign_in(server, shop)["id_token"]


@pytest.mark.rfc("openid-federation", "5.2.1")
def test_signed_keys_count_when_a_key_that_the_superior_knows_signed_them(
    server: AuthorizationServer, shop: ScriptedService, clock: FrozenClock
) -> None:
    from idp import federation

    keys = shop.said.pop("jwks")["keys"]
    shop.said["signed_jwks_uri"] = f"{SERVICE}/keys"
    claims = {"iss": SERVICE, "sub": SERVICE, "keys": keys}
    signer = shop.member.runtime.keys.signer("federation")

    def published(token: str) -> Client | None:
        shop.published = ("application/jwk-set+jwt", token)
        clock.advance(timedelta(seconds=3))
        return client(server)

    assert published(shop.signed(claims, "jwk-set+jwt")) is None
    assert published(federation.sign(signer, "JWT", claims)) is None
    about_another = {**claims, "sub": PROVIDER}
    assert published(federation.sign(signer, "jwk-set+jwt", about_another)) is None
    assert published(federation.sign(signer, "jwk-set+jwt", {**claims, "exp": 1})) is None
    assert published(federation.sign(signer, "jwk-set+jwt", claims)) is not None


@pytest.mark.row("failures", "6")
@pytest.mark.parametrize("member", ["jwks_uri", "signed_jwks_uri"])
def test_an_address_of_keys_in_our_own_network_is_not_fetched(
    server: AuthorizationServer, shop: ScriptedService, federation_city: City, member: str
) -> None:
    guarded = Fetch(resolve=lambda host, port: ("169.254.169.254",))
    refused: list[str] = []
    network, real = federation_city.network, federation_city.network.get

    def get(url: str, accept: Any, headers: Any = None) -> Fetched:
        if "metadata.example" not in url:
            return real(url, accept, headers)
        try:
            return guarded.get(url, accept, headers)
        except FetchRefused:
            refused.append(url)
            raise

    network.get = get  # type: ignore[method-assign]
    del shop.said["jwks"]
    shop.said[member] = "https://metadata.example/keys"
    assert client(server) is None
    assert refused == ["https://metadata.example/keys"]


# ── after a withdrawal ───────────────────────────────────────────────────────────────────────

SCOPES = ("openid", "openid offline_access", "openid email", "openid profile",
          "openid profile email offline_access")  # fmt: skip


@pytest.mark.row("failures", "20")
def test_a_hostile_service_learns_nothing_more_after_the_person_withdrew(
    server: AuthorizationServer, shop: ScriptedService, clock: FrozenClock
) -> None:
    tokens = sign_in(server, shop, "email", "name", scope=SCOPES[-1])
    subject = server.userinfo(tokens["access_token"]).json()["sub"]
    (consent,) = server.policies.consent.list("per_1")
    server.withdrawal.withdraw(consent.id, "per_1", "")

    assert server.userinfo(tokens["access_token"]).status_code == 401
    refreshed = shop.redemption(
        server.issuer, grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert server.browser().post("/oauth/token", data=refreshed).json()["error"] == "invalid_grant"
    hints: tuple[dict[str, Any], ...] = (
        {},
        {"login_hint": "ada@example.org"},
        {"id_token_hint": tokens["id_token"]},
        {"claims": {"id_token": {"sub": {"value": subject}}}},
        {"claims": {"id_token": {"sub": {"value": "not-ada"}}}},
        {"max_age": 0},
        {"acr_values": "urn:civitas:loa:1"},
    )
    answers = set()
    for scope in SCOPES:
        clock.advance(timedelta(minutes=1))  # the limit of requests is not what is tried here
        for hint in hints:
            answer = answer_of(begin(server, shop, scope=scope, prompt="none", **hint))
            assert "code" not in answer, (scope, hint)
            answers.add((answer["error"], answer.get("error_description")))
            for prompt in (None, "login", "consent", "select_account"):
                response = begin(server, shop, scope=scope, prompt=prompt, **hint)
                where = response.headers["location"]
                # Whatever is asked, the person stands between: a page of ours, and no code.
                assert where.startswith(("/oauth/consent", "/sign-in")) or "error=" in where
                assert "code=" not in where
    assert len({error for error, _ in answers} - {"login_required"}) <= 1
