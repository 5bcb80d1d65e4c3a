"""What a client that knows only a resource finds out — RFC 9728."""

from __future__ import annotations

import re

import pytest

from idp.oauth.resources import PATHS, WELL_KNOWN
from tests.support.authorization_server import AuthorizationServer


@pytest.mark.rfc("9728", "3.3")
@pytest.mark.parametrize("path", PATHS)
def test_each_resource_names_itself_and_its_authorization_server(
    authorization_server: AuthorizationServer, path: str
) -> None:
    server = authorization_server
    answer = server.http.get(WELL_KNOWN + path)
    metadata = answer.json()
    assert metadata["resource"] == server.issuer + path
    assert metadata["authorization_servers"] == [server.issuer]
    assert answer.headers["content-type"] == "application/json"
    assert metadata["scopes_supported"]


@pytest.mark.rfc("9728", "5.1")
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer dead"}])
def test_a_refusal_at_userinfo_says_where_the_metadata_is(
    authorization_server: AuthorizationServer, header: dict[str, str]
) -> None:
    server = authorization_server
    refused = server.http.get("/oauth/userinfo", headers=header)
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    found = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert found is not None
    assert ('error="invalid_token"' in challenge) is bool(header)
    assert server.http.get(found[1]).json()["resource"] == f"{server.issuer}/oauth/userinfo"
