"""Authorization server metadata — RFC 8414."""

from __future__ import annotations

import pytest

from tests.support.authorization_server import AuthorizationServer


@pytest.mark.rfc("8414", "3")
def test_both_well_known_places_give_one_document(
    authorization_server: AuthorizationServer,
) -> None:
    http = authorization_server.http
    one = http.get("/.well-known/oauth-authorization-server")
    two = http.get("/.well-known/openid-configuration")
    assert one.json() == two.json()
    assert one.headers["content-type"] == "application/json"


@pytest.mark.rfc("8414", "2")
def test_what_is_said_to_be_supported_is_what_is_there(
    authorization_server: AuthorizationServer,
) -> None:
    metadata = authorization_server.http.get("/.well-known/oauth-authorization-server").json()
    pipeline = authorization_server.oauth.pipeline
    assert metadata["grant_types_supported"] == [g.name for g in pipeline.grant_types]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert "none" not in metadata["introspection_endpoint_auth_methods_supported"]
