"""A parameter without a value is none, and one nobody knows is ignored — RFC 6749 §3.1, §3.2."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from foundation.runtime import Runtime
from tests.support.authorization_server import AuthorizationServer

AT_AUTHORIZATION = (
    *("state", "nonce", "prompt", "max_age", "claims", "acr_values", "ui_locales", "login_hint"),
    *("id_token_hint", "request", "request_uri", "resource", "response_mode", "purpose", "display"),
    *("registration", "claims_locales", "dpop_jkt", "authorization_details"),
)
AT_TOKEN = (
    *("scope", "resource", "audience", "refresh_token", "assertion", "username", "password"),
    *("client_assertion", "client_assertion_type", "client_secret", "client_id", "device_code"),
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def server(runtime: Runtime) -> AuthorizationServer:
    made = AuthorizationServer(runtime)
    made.people.sign_in(made.people.born("per_1", given_name="Leida"))
    return made


def asked(server: AuthorizationServer, query: str) -> tuple[int, str]:
    answer = server.browser().get(f"/oauth/authorize?{query}")
    return answer.status_code, urlsplit(answer.headers.get("location", "")).path


@pytest.mark.rfc("6749", "3.1")
@pytest.mark.parametrize("name", AT_AUTHORIZATION)
def test_an_empty_parameter_of_an_authorization_request_is_none(
    server: AuthorizationServer, name: str
) -> None:
    client = server.add()
    usual = server.parameters(client, **{name: None})
    assert asked(server, urlencode({**usual, name: ""})) == (303, "/oauth/consent")
    assert asked(server, urlencode(usual)) == (303, "/oauth/consent")


@pytest.mark.rfc("6749", "3.1")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "response_type", "code_challenge"])
def test_an_empty_parameter_that_must_be_there_is_missing(
    server: AuthorizationServer, name: str
) -> None:
    client = server.add()
    without = asked(server, urlencode(server.parameters(client, **{name: None})))
    assert asked(server, urlencode(server.parameters(client, **{name: ""}))) == without
    assert without != (303, "/oauth/consent")


@pytest.mark.rfc("6749", "3.2")
@pytest.mark.parametrize("name", AT_TOKEN)
def test_an_empty_parameter_of_a_token_request_is_none(
    server: AuthorizationServer, name: str
) -> None:
    client = server.add()
    code = server.sign_in(client)
    assert server.redeem(client, code, **{name: ""}).status_code == 200


@pytest.mark.rfc("7009", "2.1")
@pytest.mark.rfc("7662", "2.1")
@pytest.mark.parametrize("endpoint", ["introspect", "revoke"])
def test_an_empty_hint_at_a_token_is_none(server: AuthorizationServer, endpoint: str) -> None:
    client = server.add()
    token = server.tokens(client)["access_token"]
    own: Any = (client.client.id, client.secret)
    body = {"token": token, "token_type_hint": "", "client_assertion": ""}
    assert server.browser().post(f"/oauth/{endpoint}", data=body, auth=own).status_code == 200


@pytest.mark.rfc("6749", "3.1")
@pytest.mark.parametrize("more", ["&&", "&", "&x", "&x=1&x=2", "&x=1&x=1&"])
def test_empty_pieces_and_what_nobody_knows_are_ignored(
    server: AuthorizationServer, more: str
) -> None:
    client = server.add()
    query = urlencode(server.parameters(client))
    assert asked(server, query + more) == (303, "/oauth/consent")
    grant = "grant_type=client_credentials" + more
    machine = server.add(grant_types=["client_credentials"], scope="access:evaluate")
    own: Any = (machine.client.id, machine.secret)
    answer = server.browser().post("/oauth/token", content=grant, headers=FORM, auth=own)
    assert answer.status_code == 200, answer.text


@pytest.mark.rfc("6749", "3.3")
def test_a_space_too_many_in_a_scope_separates_as_well_as_one(server: AuthorizationServer) -> None:
    client = server.add()
    assert server.tokens(client, scope=" openid  profile ")["scope"].split() == [
        *("openid", "profile")
    ]
