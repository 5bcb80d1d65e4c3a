"""The token endpoint: clients, codes, refresh, client credentials — RFC 6749 §3.2, §4, §5, §6."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.audit import Actor
from foundation.clock import FrozenClock
from tests.support.authorization_server import CALLBACK, AuthorizationServer

OPERATOR = Actor("staff", "stf_operator")


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", given_name="Ada")
    authorization_server.people.sign_in("per_1")
    return authorization_server


# ── the code ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("6749", "5.1")
def test_a_token_response_is_never_stored(server: AuthorizationServer) -> None:
    service = server.add()
    response = server.redeem(service, server.sign_in(service))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert response.json()["expires_in"] <= 300


@pytest.mark.rfc("6749", "4.1.2")
def test_a_code_redeemed_twice_revokes_its_tokens(server: AuthorizationServer) -> None:
    service = server.add()
    code = server.sign_in(service, scope="openid offline_access")
    first = server.redeem(service, code).json()
    assert server.introspect(service, first["access_token"])["active"]
    second = server.redeem(service, code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert not server.introspect(service, first["access_token"])["active"]
    assert server.userinfo(first["access_token"]).status_code == 401
    assert server.refresh(service, first["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.rfc("6749", "4.1.2")
def test_a_code_lives_sixty_seconds(server: AuthorizationServer, clock: FrozenClock) -> None:
    service = server.add()
    code = server.sign_in(service)
    clock.advance(timedelta(seconds=60))
    assert server.redeem(service, code).json()["error"] == "invalid_grant"


@pytest.mark.rfc("6749", "4.1.3")
def test_a_code_of_another_client_is_refused(server: AuthorizationServer) -> None:
    service, other = server.add(), server.add()
    assert server.redeem(other, server.sign_in(service)).json()["error"] == "invalid_grant"


@pytest.mark.rfc("6749", "4.1.3")
@pytest.mark.parametrize("uri", ["https://library.example/other", CALLBACK + "/"])
def test_a_code_with_another_redirect_uri_is_refused(server: AuthorizationServer, uri: str) -> None:
    service = server.add(redirect_uris=[CALLBACK, "https://library.example/other"])
    code = server.sign_in(service)
    assert server.redeem(service, code, redirect_uri=uri).json()["error"] == "invalid_grant"
    assert server.redeem(service, code).json()["error"] == "invalid_grant"


@pytest.mark.rfc("6749", "5.2")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "nothing"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "nothing"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, "invalid_request"),
    ],
)
def test_a_bad_token_request_says_what_is_wrong(
    server: AuthorizationServer, form: dict[str, str], error: str
) -> None:
    response = server.token(server.add(), **form)
    assert response.status_code == 400
    assert response.json()["error"] == error
    assert response.json()["error_description"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.rfc("6749", "3.2")
def test_a_repeated_parameter_is_refused(server: AuthorizationServer) -> None:
    service = server.add()
    response = server.http.post(
        "/oauth/token",
        content="grant_type=authorization_code&code=a&code=b",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=(service.client.id, service.secret or ""),
    )
    assert response.json()["error"] == "invalid_request"


@pytest.mark.rfc("6749", "3.2")
def test_parameters_in_the_query_and_other_methods_are_refused(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    assert server.http.get("/oauth/token").status_code == 405
    in_query = server.http.post(
        "/oauth/token?grant_type=client_credentials",
        data={"grant_type": "client_credentials"},
        auth=(service.client.id, service.secret or ""),
    )
    assert in_query.json()["error"] == "invalid_request"
    as_json = server.http.post("/oauth/token", json={"grant_type": "client_credentials"})
    assert as_json.json()["error"] == "invalid_request"


# ── the client ───────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("6749", "5.2")
def test_a_wrong_secret_and_an_unknown_client_get_the_same_words(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    form = {"grant_type": "authorization_code", "code": "x"}
    wrong = server.http.post("/oauth/token", data=form, auth=(service.client.id, "wrong"))
    unknown = server.http.post("/oauth/token", data=form, auth=("svc_nobody", "wrong"))
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["error"] == "invalid_client"
    assert wrong.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.rfc("6749", "2.3.1")
@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic Zm9v", "Basic /////w=="])
def test_a_malformed_authorization_header_is_refused(
    server: AuthorizationServer, header: str
) -> None:
    response = server.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": header},
    )
    assert response.status_code == 401


@pytest.mark.rfc("6749", "2.3.1")
def test_many_wrong_secrets_are_slowed_down_and_lock_nobody_out(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    form = {"grant_type": "authorization_code", "code": "x"}
    statuses = [
        server.http.post("/oauth/token", data=form, auth=(service.client.id, "wrong")).status_code
        for _ in range(22)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert server.token(service, **form).json()["error"] == "invalid_grant"


def test_a_replaced_secret_is_dead_at_once(server: AuthorizationServer) -> None:
    service = server.add(grant_types=["client_credentials"], redirect_uris=None, scope="a:b")
    assert server.token(service, grant_type="client_credentials").status_code == 200
    server.oauth.clients.new_secret(
        service.client.id, "leaked", server.runtime.clock.now(), OPERATOR, timedelta(0)
    )
    assert server.token(service, grant_type="client_credentials").status_code == 401


def test_a_suspended_client_gets_nothing(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service)
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        server.oauth.clients.suspend(uow, service.client.id, "hostile", OPERATOR, now)
    assert server.authorize(service).status_code == 400
    assert server.userinfo(tokens["access_token"]).status_code == 401
    assert server.token(service, grant_type="refresh_token", refresh_token="x").status_code == 401


def test_no_secret_is_stored_in_clear(server: AuthorizationServer) -> None:
    service = server.add()
    code = server.sign_in(service, scope="openid offline_access")
    tokens = server.redeem(service, code).json()
    server.runtime.database.close()
    folder = server.runtime.settings.path.parent
    stored = b"".join(file.read_bytes() for file in folder.glob("civitas.db*"))
    for secret in (service.secret, code, tokens["refresh_token"], tokens["access_token"]):
        assert secret.encode() not in stored


# ── refresh ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("6749", "6")
def test_a_refresh_gives_a_new_refresh_token_and_may_narrow_the_scope(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid profile offline_access")
    narrowed = server.refresh(service, tokens["refresh_token"], scope="openid").json()
    assert narrowed["scope"] == "openid"
    assert narrowed["refresh_token"] != tokens["refresh_token"]
    widened = server.refresh(service, narrowed["refresh_token"], scope="openid email")
    assert widened.json()["error"] == "invalid_scope"
    again = server.refresh(service, narrowed["refresh_token"])
    assert again.json()["scope"] == "openid profile offline_access"


@pytest.mark.row("failures", "8")
@pytest.mark.rfc("6749", "10.4")
def test_a_refresh_token_that_comes_back_ends_the_family_of_the_winner_too(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    winner = server.refresh(service, tokens["refresh_token"]).json()
    assert server.refresh(service, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.refresh(service, winner["refresh_token"]).json().get("error") == "invalid_grant"
    assert not server.introspect(service, winner["access_token"])["active"]
    kinds = [entry.kind for entry in server.runtime.audit.ledger("per_1")]
    assert "tokens.ended" in kinds


@pytest.mark.rfc("6749", "6")
def test_a_refresh_token_of_another_client_is_refused(server: AuthorizationServer) -> None:
    service, other = server.add(), server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    assert server.refresh(other, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.refresh(service, tokens["refresh_token"]).status_code == 200


def test_a_grant_without_offline_access_ends_with_the_session(
    server: AuthorizationServer,
) -> None:
    from idp.oauth import TokensEndWithSession

    service = server.add()
    tied = server.tokens(service)
    beyond = server.tokens(service, scope="openid offline_access")
    with server.runtime.database.write() as uow:
        TokensEndWithSession().end_session(uow, "ses_1", "signed out", server.runtime.clock.now())
    assert server.refresh(service, tied["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.refresh(service, beyond["refresh_token"]).status_code == 200


# ── client credentials ───────────────────────────────────────────────────────────────────


@pytest.mark.rfc("6749", "4.4.3")
def test_a_service_gets_a_token_for_itself_and_no_refresh_token(
    server: AuthorizationServer,
) -> None:
    service = server.add(
        grant_types=["client_credentials"], redirect_uris=None, scope="access:evaluate"
    )
    response = server.token(service, grant_type="client_credentials").json()
    assert response["scope"] == "access:evaluate"
    assert "refresh_token" not in response
    assert "id_token" not in response
    claims = server.introspect(service, response["access_token"])
    assert claims["sub"] == claims["client_id"] == service.client.id


@pytest.mark.rfc("6749", "4.4")
def test_a_service_gets_no_scope_about_people_for_itself(server: AuthorizationServer) -> None:
    service = server.add(
        grant_types=["authorization_code", "client_credentials"],
        scope="openid email access:evaluate",
    )
    response = server.token(service, grant_type="client_credentials", scope="openid")
    assert response.json()["error"] == "invalid_scope"


@pytest.mark.rfc("8707", "2")
def test_a_resource_that_is_not_registered_is_refused(server: AuthorizationServer) -> None:
    service = server.add(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        audiences=["https://api.example"],
    )
    asked = {"grant_type": "client_credentials"}
    wrong = server.token(service, **asked, resource="https://other.example")
    right = server.token(service, **asked, resource="https://api.example")
    assert wrong.json()["error"] == "invalid_target"
    assert server.introspect(service, right.json()["access_token"])["aud"] == "https://api.example"
