"""Discovery and keys — OpenID Connect Discovery 1.0 §3, RFC 7517 §5."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from foundation.settings import Server
from idp import oauth
from idp.oauth import provider_metadata
from tests.support.authorization_server import AuthorizationServer
from tests.support.deployments import settings_in


@pytest.mark.rfc("oidc-discovery", "3")
def test_every_required_member_is_there_and_true(
    authorization_server: AuthorizationServer,
) -> None:
    server = authorization_server
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert metadata["issuer"] == server.issuer
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["subject_types_supported"] == ["pairwise"]
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]
    assert metadata["request_uri_parameter_supported"] is False
    assert "openid" in metadata["scopes_supported"]


@pytest.mark.rfc("oidc-discovery", "3")
def test_every_endpoint_that_is_named_answers(authorization_server: AuthorizationServer) -> None:
    server = authorization_server
    metadata = server.http.get("/.well-known/openid-configuration").json()
    for name, value in metadata.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            path = urlsplit(value).path
            assert server.http.get(path).status_code != 404, name


@pytest.mark.rfc("8705", "5")
def test_the_mtls_aliases_lead_to_the_tls_listener(
    authorization_server: AuthorizationServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_in(
        tmp_path_factory.mktemp("tls"),
        Server(url="http://localhost:8000", tls_url="https://localhost:8443"),
    )
    metadata = provider_metadata(settings, authorization_server.policies.catalogue)
    aliases = metadata["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == "https://localhost:8443/oauth/token"
    assert set(aliases) <= set(metadata)


@pytest.mark.rfc("7517", "5")
def test_keys_are_public_cacheable_and_readable_from_anywhere(
    authorization_server: AuthorizationServer,
) -> None:
    server = authorization_server
    oauth.prepare(server.runtime)
    response = server.http.get("/oauth/jwks")
    assert response.headers["cache-control"] == "public, max-age=600"
    assert response.headers["access-control-allow-origin"] == "*"
    keys = response.json()["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
        assert {"kid", "use", "alg", "kty"} <= set(key)
