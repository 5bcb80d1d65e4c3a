"""Signing in at a service: ID token, userinfo, subjects, prompts — OpenID Connect Core 1.0."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import select, update

from foundation.clock import FrozenClock
from idp import oauth
from idp.oauth import AddedClient
from idp.oauth.tables import clients
from policies import Facts
from tests.support.authorization_server import AuthorizationServer, answer_of


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born(
        "per_1", given_name="Ada", family_name="Byron", email="ada@example.org", age_over_18=True
    )
    authorization_server.people.sign_in("per_1")
    return authorization_server


def id_token(server: AuthorizationServer, service: AddedClient, token: str) -> dict[str, Any]:
    """The claims of an ID token, verified with the published keys only."""
    keys = jwt.PyJWKSet.from_dict(server.http.get("/oauth/jwks").json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token,
        key.key,
        algorithms=[service.client.id_token_signed_response_alg],
        audience=service.client.id,
        issuer=server.issuer,
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


@pytest.mark.rfc("oidc-core", "2")
@pytest.mark.rfc("oidc-core", "3.1.3.6")
def test_the_id_token_says_who_how_and_when(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, max_age="0")
    claims = id_token(server, service, tokens["id_token"])
    now = int(server.runtime.clock.now().timestamp())
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["acr"] == "urn:civitas:loa:2"
    assert claims["amr"] == ["pwd"]
    assert claims["auth_time"] == claims["iat"] == now
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


@pytest.mark.rfc("oidc-core", "2")
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_acr_is_the_one_that_was_really_reached(
    server: AuthorizationServer, level: int
) -> None:
    server.people.sign_in("per_1", level=level)
    service = server.add()
    tokens = server.tokens(service, acr_values="urn:civitas:loa:1")
    acr = id_token(server, service, tokens["id_token"])["acr"]
    assert acr == f"urn:civitas:loa:{level}"


@pytest.mark.rfc("oidc-core", "3.1.2.1")
def test_a_higher_level_is_asked_of_sign_in(server: AuthorizationServer) -> None:
    response = server.authorize(server.add(), acr_values="urn:civitas:loa:3")
    assert response.headers["location"].startswith("/sign-in?")
    assert server.people.asked[-1].level == 3


@pytest.mark.rfc("oidc-core", "5.5.1.1")
def test_an_essential_level_that_is_not_reached_is_an_error(server: AuthorizationServer) -> None:
    wish = {"id_token": {"acr": {"essential": True, "values": ["urn:civitas:loa:3"]}}}
    server.authorize(server.add(), claims=json.dumps(wish))
    response = server.http.get(server.people.asked[-1].return_to)
    assert answer_of(response)["error"] == "unmet_authentication_requirements"


@pytest.mark.rfc("oidc-core", "10.1")
def test_id_tokens_are_signed_by_rs256_where_the_registration_leaves_it_open(
    server: AuthorizationServer,
) -> None:
    """OpenID Connect Registration §2."""
    oauth.prepare(server.runtime)
    service = server.add(id_token_signed_response_alg=None)
    token = server.tokens(service)["id_token"]
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    assert id_token(server, service, token)["aud"] == service.client.id


@pytest.mark.rfc("oidc-core", "10.1")
def test_a_service_that_was_registered_before_keeps_its_algorithm(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    with server.runtime.database.write() as uow:
        row = uow.one(select(clients))
        assert row is not None
        # As rows were written while nobody chose: without the member.
        said = {k: v for k, v in row.registration.items() if k != "id_token_signed_response_alg"}
        assert said != row.registration
        uow.execute(update(clients).values(registration=said))
    clock.advance(timedelta(seconds=2))
    token = server.tokens(service)["id_token"]
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


@pytest.mark.rfc("oidc-core", "12.2")
def test_a_refreshed_id_token_keeps_the_person_and_the_first_auth_time(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access", max_age="3600")
    first = id_token(server, service, tokens["id_token"])
    clock.advance(timedelta(hours=1))
    refreshed = server.refresh(service, tokens["refresh_token"]).json()
    later = id_token(server, service, refreshed["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "acr", "sid"):
        assert later[name] == first[name]
    assert later["iat"] > first["iat"]
    assert "nonce" not in later


# ── subjects ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("oidc-core", "8.1")
@pytest.mark.row("privacy", "P-1")
def test_two_sectors_see_two_subjects_and_one_sector_sees_one(
    server: AuthorizationServer,
) -> None:
    def seen(**changed: Any) -> dict[str, Any]:
        service = server.add(**changed)
        return id_token(server, service, server.tokens(service)["id_token"])

    library, again = seen(), seen()
    bank = seen(redirect_uris=["https://bank.example/cb"])
    assert library["sub"] == again["sub"]
    assert library["sub"] != bank["sub"]
    assert library["sid"] == again["sid"]
    assert library["sid"] != bank["sid"]
    assert "per_1" not in json.dumps([library, bank])
    assert "ses_1" not in json.dumps([library, bank])


@pytest.mark.row("privacy", "P-1")
def test_nothing_in_the_tokens_of_two_sectors_lets_them_be_joined(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    def everything(host: str) -> set[str]:
        service = server.add(redirect_uris=[f"https://{host}/cb"])
        tokens = server.tokens(service, nonce=host, state=host)
        values: set[str] = set()
        for name in ("access_token", "id_token"):
            claims = jwt.decode(tokens[name], options={"verify_signature": False})
            values |= {str(value) for value in claims.values()}
        return values

    one = everything("a.example")
    clock.advance(timedelta(seconds=7))
    server.people.sign_in("per_1")
    two = everything("b.example")
    public = {server.issuer, "openid", "library", "urn:civitas:loa:2", "['pwd']"}
    assert one & two <= public


@pytest.mark.row("privacy", "P-1")
def test_a_service_finds_the_person_by_its_own_sub_only(server: AuthorizationServer) -> None:
    service = server.add()
    bank = server.add(redirect_uris=["https://bank.example/cb"])
    sub = id_token(server, service, server.tokens(service)["id_token"])["sub"]
    assert server.oauth.person_of(service.client.id, sub) == "per_1"
    assert server.oauth.person_of(bank.client.id, sub) is None
    assert server.oauth.person_of("svc_nobody", sub) is None


@pytest.mark.rfc("oidc-core", "3.1.2.1")
def test_a_request_for_one_sub_is_never_answered_with_another(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    server.tokens(service)
    wish = json.dumps({"id_token": {"sub": {"value": "somebody-else"}}})
    assert answer_of(server.authorize(service, claims=wish))["error"] == "login_required"


# ── userinfo ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("oidc-core", "5.3")
@pytest.mark.row("privacy", "P-2")
def test_userinfo_gives_what_the_person_chose_and_no_more(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, "given_name", scope="openid profile email age")
    body = server.userinfo(tokens["access_token"]).json()
    sub = id_token(server, service, tokens["id_token"])["sub"]
    assert body == {"sub": sub, "given_name": "Ada"}


@pytest.mark.row("privacy", "P-2")
@pytest.mark.parametrize(
    "facts", [Facts(level=2, age=34, active=False), Facts(level=2, age=34, alive=False)]
)
def test_what_the_decision_refuses_at_that_moment_is_not_released(
    server: AuthorizationServer, facts: Facts
) -> None:
    service = server.add()
    tokens = server.tokens(service, "email", scope="openid email")
    assert set(server.userinfo(tokens["access_token"]).json()) == {"sub", "email"}
    # The consent and the token live on; what is known of the person has changed.
    server.people.facts = facts
    assert set(server.userinfo(tokens["access_token"]).json()) == {"sub"}


@pytest.mark.row("privacy", "P-4")
def test_each_release_is_in_the_ledger_of_the_person(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, "email", scope="openid email")
    server.userinfo(tokens["access_token"])
    entries = {entry.kind: entry.details for entry in server.runtime.audit.ledger("per_1")}
    assert entries["data.released"]["attributes"] == ["email"]
    assert entries["data.released"]["service"] == service.client.id
    assert entries["data.released"]["purpose"] == "library"
    assert entries["service.signed_in"]["level"] == 2


def test_a_refused_attribute_does_not_take_the_others_along(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, "email", "age_over_18", scope="openid email age")
    server.people.facts = Facts(level=0, age=34)
    assert set(server.userinfo(tokens["access_token"]).json()) >= {"sub"}
    server.people.facts = Facts(level=4, age=34)
    body = server.userinfo(tokens["access_token"]).json()
    assert body["age_over_18"] is True
    assert body["email"] == "ada@example.org"


@pytest.mark.rfc("6750", "2")
def test_userinfo_takes_the_token_in_the_header_or_in_a_form(server: AuthorizationServer) -> None:
    token = server.tokens(server.add())["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert server.http.get("/oauth/userinfo", headers=header).status_code == 200
    assert server.http.post("/oauth/userinfo", headers=header).status_code == 200
    assert server.http.post("/oauth/userinfo", data={"access_token": token}).status_code == 200
    twice = server.http.post("/oauth/userinfo", data={"access_token": token}, headers=header)
    assert twice.status_code == 400
    in_url = server.http.get("/oauth/userinfo", params={"access_token": token})
    assert in_url.status_code == 400


@pytest.mark.rfc("6750", "3.1")
def test_userinfo_says_what_is_wrong_with_the_token(server: AuthorizationServer) -> None:
    without = server.http.get("/oauth/userinfo")
    assert without.status_code == 401
    assert "error" not in without.headers["www-authenticate"]
    wrong = server.userinfo("nothing")
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    machine = server.add(grant_types=["client_credentials"], redirect_uris=None, scope="a:b")
    token = server.token(machine, grant_type="client_credentials").json()["access_token"]
    refused = server.userinfo(token)
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


@pytest.mark.rfc("oidc-core", "5.5")
def test_claims_by_name_go_where_they_were_asked_for(server: AuthorizationServer) -> None:
    wish = {"id_token": {"age_over_18": None}, "userinfo": {"given_name": {"essential": True}}}
    service = server.add()
    tokens = server.tokens(service, "age_over_18", "given_name", claims=json.dumps(wish))
    assert id_token(server, service, tokens["id_token"])["age_over_18"] is True
    assert "given_name" not in id_token(server, service, tokens["id_token"])
    body = server.userinfo(tokens["access_token"]).json()
    assert (body["given_name"], "age_over_18" in body) == ("Ada", False)


@pytest.mark.row("privacy", "P-2")
def test_a_claim_that_is_not_registered_is_not_even_asked(server: AuthorizationServer) -> None:
    service = server.add(scope="openid age")
    wish = {"userinfo": {"email": {"essential": True}, "invented": None}}
    response = server.authorize(service, scope="openid age", claims=json.dumps(wish))
    page = server.http.get(response.headers["location"]).text
    assert "give.age_over_18" in page
    assert "give.email" not in page
    assert "invented" not in page


def test_a_browser_client_may_read_and_a_foreign_page_may_not(
    server: AuthorizationServer,
) -> None:
    app = server.add(token_endpoint_auth_method="none")
    token = server.tokens(app)["access_token"]
    ours, theirs = "https://library.example", "https://evil.example"
    for origin, allowed in ((ours, ours), (theirs, None)):
        headers = {"Authorization": f"Bearer {token}", "Origin": origin}
        answer = server.http.get("/oauth/userinfo", headers=headers)
        assert answer.headers.get("access-control-allow-origin") == allowed
        preflight = server.http.options("/oauth/token", headers={"Origin": origin})
        assert preflight.headers.get("access-control-allow-origin") == allowed


# ── prompts ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("oidc-core", "3.1.2.6")
def test_prompt_none_never_shows_a_page(server: AuthorizationServer) -> None:
    service = server.add()
    unasked = server.authorize(service, prompt="none")
    assert answer_of(unasked)["error"] == "login_required"
    server.tokens(service)
    assert "code" in answer_of(server.authorize(service, prompt="none"))
    server.people.present = None
    nobody = server.authorize(service, prompt="none")
    # A service that was never let in does not even learn that somebody is there.
    assert nobody.headers["location"] == unasked.headers["location"]


@pytest.mark.rfc("oidc-core", "3.1.2.1")
def test_max_age_asks_for_a_recent_sign_in(server: AuthorizationServer, clock: FrozenClock) -> None:
    clock.advance(timedelta(minutes=10))
    service = server.add()
    assert server.authorize(service, max_age="60").headers["location"].startswith("/sign-in?")
    stale = server.http.get(server.people.asked[-1].return_to)
    assert answer_of(stale)["error"] == "login_required"


def test_prompt_consent_asks_again(server: AuthorizationServer) -> None:
    service = server.add()
    server.tokens(service)
    again = server.authorize(service, prompt="consent")
    assert again.headers["location"].startswith("/oauth/consent?")
