"""Client assertions — RFC 7523 §3, OpenID Connect Core §9; failures 7, 10."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import opaque
from idp.oauth import AddedClient
from tests.support.authorization_server import AuthorizationServer, soon

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: ec.EllipticCurvePrivateKey, **more: str) -> dict[str, Any]:
    jwk: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {**jwk, **more}


def added(server: AuthorizationServer, **changed: Any) -> AddedClient:
    return server.add(
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [public_jwk(KEY, kid="k1")]},
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        **changed,
    )


def claims_for(server: AuthorizationServer, service: AddedClient) -> dict[str, Any]:
    return {
        "iss": service.client.id,
        "sub": service.client.id,
        "aud": server.issuer,
        "jti": opaque.secret(8),
        "exp": soon(server.runtime.clock.now()),
    }


def ask(server: AuthorizationServer, assertion: str, kind: str = TYPE) -> int:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": kind,
        "client_assertion": assertion,
    }
    return server.http.post("/oauth/token", data=form).status_code


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "ES256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=header or None)


@pytest.mark.rfc("7523", "3")
@pytest.mark.row("failures", "7")
def test_an_assertion_works_once(authorization_server: AuthorizationServer) -> None:
    server = authorization_server
    assertion = signed(claims_for(server, added(server)))
    assert ask(server, assertion) == 200
    assert ask(server, assertion) == 401


@pytest.mark.rfc("7523", "3")
@pytest.mark.row("failures", "7")
@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://other.example"},
        {"aud": None},
        {"aud": ["http://localhost:8000", "https://other.example"]},
        {"aud": ["http://localhost:8000", "http://localhost:8000/oauth/token"]},
        {"aud": []},
        {"aud": [["http://localhost:8000"]]},
        {"aud": {"http://localhost:8000": 1}},
        {"aud": "http://localhost:8000/"},
        {"aud": "http://localhost:8000/oauth/token/"},
        {"aud": "http://localhost:8000/oauth/revoke"},
        {"aud": "http://LOCALHOST:8000/oauth/token"},
        {"iss": "svc_other"},
        {"sub": "svc_other"},
        {"jti": None},
        {"jti": ""},
        {"exp": None},
        {"exp": 1},
        {"exp": 99_999_999_999},
        {"exp": 1e400},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": 99_999_999_999},
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    authorization_server: AuthorizationServer, changed: dict[str, Any]
) -> None:
    server = authorization_server
    claims = {**claims_for(server, added(server)), **changed}
    kept = {name: value for name, value in claims.items() if value is not None}
    assert ask(server, signed(kept)) == 401


@pytest.mark.rfc("oidc-core", "9")
@pytest.mark.row("failures", "7")
@pytest.mark.parametrize(
    "registered", [{}, {"assertion_audience": "token_endpoint"}], ids=["unsaid", "said"]
)
def test_issuer_or_token_endpoint_alone_is_the_audience(
    authorization_server: AuthorizationServer, registered: dict[str, Any]
) -> None:
    server = authorization_server
    service = added(server, **registered)
    endpoint = server.issuer + "/oauth/token"
    for audience in (server.issuer, endpoint, [server.issuer], [endpoint]):
        claims = {**claims_for(server, service), "aud": audience}
        assert ask(server, signed(claims)) == 200, audience
    claims = {**claims_for(server, service), "aud": [server.issuer, endpoint]}
    assert ask(server, signed(claims)) == 401


@pytest.mark.row("failures", "7")
@pytest.mark.parametrize(
    "registered",
    [
        {"assertion_audience": "issuer"},
        {"require_signed_request_object": True},
        {"tls_client_certificate_bound_access_tokens": True},
    ],
)
def test_a_client_of_a_stricter_profile_names_the_issuer_alone(
    authorization_server: AuthorizationServer, registered: dict[str, Any]
) -> None:
    server = authorization_server
    service = added(server, **registered)
    claims = {**claims_for(server, service), "aud": server.issuer + "/oauth/token"}
    form = {"client_assertion_type": TYPE, "client_assertion": signed(claims)}
    refused = server.http.post("/oauth/revoke", data={**form, "token": "x"})
    assert refused.status_code == 401
    assert f"aud must be {server.issuer}, and nothing" in refused.json()["error_description"]
    form["client_assertion"] = signed(claims_for(server, service))
    assert server.http.post("/oauth/revoke", data={**form, "token": "x"}).status_code == 200


@pytest.mark.rfc("7009", "2.1")
@pytest.mark.rfc("7662", "2.1")
@pytest.mark.parametrize("path", ["/oauth/revoke", "/oauth/introspect"])
def test_at_the_other_endpoints_their_own_address_does_as_well(
    authorization_server: AuthorizationServer, path: str
) -> None:
    server = authorization_server
    service = added(server)
    other = {"/oauth/revoke": "/oauth/introspect", "/oauth/introspect": "/oauth/revoke"}[path]
    expected = {"": 200, "/oauth/token": 200, path: 200, other: 401, "/oauth/userinfo": 401}
    for end, status in expected.items():
        for audience in (server.issuer + end, [server.issuer + end]):
            claims = {**claims_for(server, service), "aud": audience}
            form = {"client_assertion_type": TYPE, "client_assertion": signed(claims)}
            answer = server.http.post(path, data={**form, "token": "x"})
            assert answer.status_code == status, (audience, answer.text)


@pytest.mark.row("failures", "10")
def test_the_key_and_its_algorithm_are_the_registered_ones(
    authorization_server: AuthorizationServer,
) -> None:
    server = authorization_server
    service = added(server)
    claims = claims_for(server, service)
    public = public_jwk(KEY)["x"]
    assert ask(server, signed(claims, OTHER)) == 401
    assert ask(server, signed(claims, kid="k2")) == 401
    assert ask(server, signed(claims, None, "none")) == 401
    assert ask(server, signed(claims, public, "HS256")) == 401
    assert ask(server, signed(claims).rsplit(".", 1)[0] + ".") == 401
    assert ask(server, signed(claims), kind="urn:other") == 401
    assert ask(server, "x" * 20_000) == 401
    assert ask(server, signed(claims, kid="k1")) == 200


def test_a_secret_does_not_do_instead(authorization_server: AuthorizationServer) -> None:
    service = added(authorization_server)
    assert service.secret is None
    response = authorization_server.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(service.client.id, "guess"),
    )
    assert response.status_code == 401


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "secp256k1"},
        {**public_jwk(KEY), "d": "AAAA"},
        {**public_jwk(KEY), "alg": "HS256"},
        {**public_jwk(KEY), "alg": "RS256"},
    ],
)
def test_a_private_symmetric_or_unreadable_key_cannot_be_registered(
    authorization_server: AuthorizationServer, key: dict[str, Any]
) -> None:
    from idp.oauth import InvalidClientMetadata

    with pytest.raises(InvalidClientMetadata) as refused:
        authorization_server.add(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key]})
    assert refused.value.where == "jwks"
