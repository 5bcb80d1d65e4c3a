"""Token revocation — RFC 7009."""

from __future__ import annotations

import pytest

from idp.oauth import AddedClient
from tests.support.authorization_server import AuthorizationServer


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


def revoke(server: AuthorizationServer, service: AddedClient, token: str, **more: str) -> int:
    response = server.http.post(
        "/oauth/revoke",
        data={"token": token, **more},
        auth=(service.client.id, service.secret or ""),
    )
    return response.status_code


@pytest.mark.rfc("7009", "2.1")
def test_a_revoked_refresh_token_takes_its_access_tokens_along(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    assert revoke(server, service, tokens["refresh_token"]) == 200
    assert not server.introspect(service, tokens["access_token"])["active"]
    assert server.refresh(service, tokens["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.rfc("7009", "2.1")
def test_a_revoked_access_token_is_dead_at_every_endpoint_and_goes_alone(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    assert revoke(server, service, tokens["access_token"], token_type_hint="access_token") == 200
    assert not server.introspect(service, tokens["access_token"])["active"]
    assert server.userinfo(tokens["access_token"]).status_code == 401
    assert server.refresh(service, tokens["refresh_token"]).status_code == 200


@pytest.mark.rfc("7009", "2.1")
def test_a_wrong_hint_does_not_matter(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    assert revoke(server, service, tokens["refresh_token"], token_type_hint="access_token") == 200
    assert not server.introspect(service, tokens["access_token"])["active"]


@pytest.mark.rfc("7009", "2.2")
@pytest.mark.parametrize("token", ["nothing", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_an_unknown_token_is_no_error(server: AuthorizationServer, token: str) -> None:
    assert revoke(server, server.add(), token) == 200


@pytest.mark.rfc("7009", "2.1")
def test_a_client_cannot_revoke_the_tokens_of_another(server: AuthorizationServer) -> None:
    service, other = server.add(), server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    assert revoke(server, other, tokens["refresh_token"]) == 400
    assert revoke(server, other, tokens["access_token"]) == 400
    assert server.introspect(service, tokens["access_token"])["active"]


@pytest.mark.rfc("7009", "2.1")
def test_a_client_must_authenticate_and_name_a_token(server: AuthorizationServer) -> None:
    service = server.add()
    assert server.http.post("/oauth/revoke", data={"token": "x"}).status_code == 401
    nameless = server.http.post(
        "/oauth/revoke", data={"x": "y"}, auth=(service.client.id, service.secret or "")
    )
    assert nameless.json()["error"] == "invalid_request"


@pytest.mark.rfc("7009", "2.1")
def test_a_token_of_a_service_itself_can_be_revoked(server: AuthorizationServer) -> None:
    service = server.add(grant_types=["client_credentials"], redirect_uris=None, scope="a:b")
    token = server.token(service, grant_type="client_credentials").json()["access_token"]
    assert server.introspect(service, token)["active"]
    assert revoke(server, service, token) == 200
    assert server.introspect(service, token) == {"active": False}
