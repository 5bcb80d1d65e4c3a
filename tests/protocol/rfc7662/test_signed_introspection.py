"""Introspection answers that are signed — RFC 9701."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from idp.oauth import AddedClient
from tests.support.authorization_server import AuthorizationServer

SIGNED = "application/token-introspection+jwt"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


def ask(server: AuthorizationServer, client: AddedClient, token: str) -> dict[str, Any]:
    answer = server.browser().post(
        "/oauth/introspect",
        data={"token": token},
        auth=(client.client.id, client.secret or ""),
        headers={"Accept": SIGNED},
    )
    assert answer.headers["content-type"] == SIGNED
    assert answer.headers["cache-control"] == "no-store"
    keys = jwt.PyJWKSet.from_dict(server.http.get("/oauth/jwks").json())
    header = jwt.get_unverified_header(answer.text)
    assert header["typ"] == "token-introspection+jwt"
    claims: dict[str, Any] = jwt.decode(
        answer.text,
        keys[header["kid"]].key,
        ["ES256"],
        audience=client.client.id,
        issuer=server.issuer,
        options={"verify_iat": False},
    )
    assert not {"sub", "exp"} & set(claims)
    return claims


@pytest.mark.rfc("9701", "5")
def test_who_asks_for_it_gets_a_signed_answer(server: AuthorizationServer) -> None:
    service, stranger = server.add(), server.add(client_name="Stranger")
    token = server.tokens(service)["access_token"]
    told = ask(server, service, token)["token_introspection"]
    assert told == server.introspect(service, token)
    assert told["active"] is True
    for client, value in ((stranger, token), (service, "x")):
        assert ask(server, client, value)["token_introspection"] == {"active": False}


@pytest.mark.rfc("9701", "8.1")
def test_a_signed_answer_is_no_access_token(server: AuthorizationServer) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    answer = server.browser().post(
        "/oauth/introspect",
        data={"token": token},
        auth=(service.client.id, service.secret or ""),
        headers={"Accept": SIGNED},
    )
    assert server.userinfo(answer.text).status_code == 401
