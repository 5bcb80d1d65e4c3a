"""Token introspection — RFC 7662."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.clock import FrozenClock
from idp.oauth import TokensEndWithDevice, TokensEndWithIdentity
from tests.support.authorization_server import AuthorizationServer


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1", level=3)
    return authorization_server


@pytest.mark.rfc("7662", "2.2")
def test_a_live_token_tells_its_client_what_it_says(server: AuthorizationServer) -> None:
    service = server.add()
    found = server.introspect(service, server.tokens(service)["access_token"])
    assert found["active"] is True
    assert found["client_id"] == service.client.id
    assert found["scope"] == "openid"
    assert found["acr"] == "urn:civitas:loa:3"
    assert found["purpose"] == "library"
    assert "gid" not in found
    assert "per_1" not in str(found)


@pytest.mark.rfc("7662", "2.1")
@pytest.mark.parametrize("secret", [None, "wrong"])
def test_a_caller_must_authenticate(server: AuthorizationServer, secret: str | None) -> None:
    service = server.add()
    auth = None if secret is None else (service.client.id, secret)
    response = server.browser().post("/oauth/introspect", data={"token": "x"}, auth=auth)
    assert response.status_code == 401


@pytest.mark.rfc("7662", "2.1")
def test_a_public_client_may_not_introspect(server: AuthorizationServer) -> None:
    app = server.add(token_endpoint_auth_method="none")
    response = server.http.post(
        "/oauth/introspect", data={"token": "x", "client_id": app.client.id}
    )
    assert response.status_code == 401


@pytest.mark.rfc("7662", "2.2")
def test_a_token_that_concerns_somebody_else_looks_dead(server: AuthorizationServer) -> None:
    service, other = server.add(), server.add()
    token = server.tokens(service)["access_token"]
    assert server.introspect(other, token) == {"active": False}


@pytest.mark.rfc("7662", "4")
def test_the_resource_that_a_token_is_for_may_introspect_it(server: AuthorizationServer) -> None:
    resource = server.add(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        resource="https://api.example",
        sector="api.example",
    )
    service = server.add(audiences=["https://api.example"])
    tokens = server.tokens(service, resource="https://api.example")
    seen = server.introspect(resource, tokens["access_token"])
    assert seen["aud"] == "https://api.example"
    assert server.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.row("privacy", "P-1")
def test_the_sub_of_a_token_is_that_of_its_receivers_sector(server: AuthorizationServer) -> None:
    import jwt

    resource = server.add(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        resource="https://api.example",
        sector="api.example",
    )
    service = server.add(audiences=["https://api.example"])
    tokens = server.tokens(service, resource="https://api.example")
    at_service = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    assert server.introspect(resource, tokens["access_token"])["sub"] != at_service


@pytest.mark.rfc("7662", "2.2")
def test_an_expired_a_changed_and_a_foreign_token_look_dead(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    tokens = server.tokens(service)
    token = tokens["access_token"]
    head, body, signature = token.split(".")
    for dead in (
        "x",
        "",
        "..",
        f"{head}.{body}.",
        f"{head}.{body}.{'A' * len(signature)}",
        f"{head}.{body[:-2]}AA.{signature}",
        tokens["id_token"],
        tokens.get("refresh_token", "-"),
    ):
        response = server.http.post(
            "/oauth/introspect",
            data={"token": dead},
            auth=(service.client.id, service.secret or ""),
        )
        assert response.status_code in (200, 400)
        assert not response.json().get("active")
    clock.advance(timedelta(seconds=300))
    assert server.introspect(service, token) == {"active": False}


@pytest.mark.row("privacy", "P-6")
@pytest.mark.row("assurance", "X.1253-9.2-3")
def test_withdrawing_a_consent_ends_its_tokens_at_once(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, "email", scope="openid email offline_access")
    consent = server.policies.consent.list("per_1")[0]
    receipt = server.withdrawal.withdraw(consent.id, "per_1")
    assert sum(ended.count for ended in receipt.ended) == 1
    assert server.introspect(service, tokens["access_token"]) == {"active": False}
    assert server.userinfo(tokens["access_token"]).status_code == 401
    assert server.refresh(service, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.row("privacy", "P-6")
def test_a_code_dies_with_its_consent(server: AuthorizationServer) -> None:
    service = server.add()
    code = server.sign_in(service, "email", scope="openid email")
    server.withdrawal.withdraw(server.policies.consent.list("per_1")[0].id, "per_1")
    assert server.redeem(service, code).json().get("error") == "invalid_grant"


def test_tokens_end_with_the_identity(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    with server.runtime.database.write() as uow:
        TokensEndWithIdentity().end_identity(uow, "per_1", "suspend", server.runtime.clock.now())
    assert server.introspect(service, tokens["access_token"]) == {"active": False}


def test_tokens_of_a_client_itself_end_when_it_is_cut_off(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add(grant_types=["client_credentials"], redirect_uris=None, scope="a:b")
    token = server.token(service, grant_type="client_credentials").json()["access_token"]
    with server.runtime.database.write() as uow:
        TokensEndWithDevice().end(uow, service.client.id, "suspended", clock.now())
    assert server.introspect(service, token) == {"active": False}
    clock.advance(timedelta(seconds=1))
    later = server.token(service, grant_type="client_credentials").json()["access_token"]
    assert server.introspect(service, later)["active"]
