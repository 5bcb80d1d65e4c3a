"""Signed request objects — RFC 9101, OpenID Federation 1.0 §12.1.1 (automatic registration)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import opaque
from foundation.runtime import Runtime
from idp.oauth import AddedClient, Client, client_from_metadata
from tests.support.authorization_server import AuthorizationServer, answer_of, soon

ENTITY = "https://library.example"
KEY = ec.generate_private_key(ec.SECP256R1())


class Federation:
    """Vouches for one leaf as long as it is accredited."""

    accredited = True

    def would_fetch(self, client_id: str, now: datetime) -> bool:
        return "://" in client_id

    def find(self, client_id: str, now: datetime) -> Client | None:
        if client_id != ENTITY or not self.accredited:
            return None
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
        metadata = {
            "client_name": "City Library",
            "redirect_uris": [ENTITY + "/callback"],
            "scope": "openid email made-up",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [jwk]},
            "require_signed_request_object": True,
            "client_registration_types": ["automatic"],
        }
        return client_from_metadata(ENTITY, metadata, development=False, kind="federated")


@pytest.fixture
def federation() -> Federation:
    return Federation()


@pytest.fixture
def server(runtime: Runtime, federation: Federation) -> AuthorizationServer:
    made = AuthorizationServer(runtime, sources=(federation,))
    made.people.born("per_1", email="ada@example.org")
    made.people.sign_in("per_1")
    return made


@pytest.fixture
def leaf(server: AuthorizationServer) -> AddedClient:
    client = server.oauth.clients.find(ENTITY, server.runtime.clock.now())
    assert client is not None
    return AddedClient(client, None)


def begin(
    server: AuthorizationServer,
    leaf: AddedClient,
    outside: dict[str, str] | None = None,
    **changed: Any,
) -> Any:
    claims = {
        **server.parameters(leaf),
        "iss": ENTITY,
        "aud": server.issuer,
        "jti": opaque.secret(8),
        "exp": soon(server.runtime.clock.now()),
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    request = jwt.encode(kept, KEY, algorithm="ES256", headers={"typ": "oauth-authz-req+jwt"})
    parameters = {"client_id": ENTITY, "request": request, **(outside or {})}
    return server.http.get("/oauth/authorize", params=parameters)


@pytest.mark.rfc("9101", "5")
def test_a_leaf_of_the_federation_begins_with_a_signed_request(
    server: AuthorizationServer, leaf: AddedClient
) -> None:
    response = begin(server, leaf)
    assert response.headers["location"].startswith("/oauth/consent?")


@pytest.mark.row("failures", "6")
def test_a_leaf_that_is_vouched_for_does_not_count_as_an_unknown_name(
    server: AuthorizationServer, leaf: AddedClient
) -> None:
    for _ in range(server.oauth.settings.unknown_clients_per_minute + 1):
        assert begin(server, leaf).status_code == 303


@pytest.mark.rfc("9101", "6.3")
def test_parameters_outside_of_the_request_object_do_not_count(
    server: AuthorizationServer, leaf: AddedClient
) -> None:
    response = begin(server, leaf, {"prompt": "none"})
    assert response.headers["location"].startswith("/oauth/consent?")
    contradicting = begin(server, leaf, {"redirect_uri": "https://evil.example/"})
    assert contradicting.headers["location"].startswith(ENTITY + "/callback?")
    assert answer_of(contradicting)["error"] == "invalid_request_object"


@pytest.mark.rfc("9101", "10.5")
def test_such_a_client_cannot_come_unsigned(server: AuthorizationServer, leaf: AddedClient) -> None:
    assert answer_of(server.authorize(leaf))["error"] == "invalid_request"


@pytest.mark.rfc("9101", "6.2")
@pytest.mark.row("failures", "7")
@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://other.example"},
        {"aud": None},
        {"iss": "https://other.example"},
        {"iss": None},
        {"client_id": "https://other.example"},
        {"sub": ENTITY},
        {"jti": None},
        {"exp": None},
        {"exp": 1},
        {"request": "x"},
        {"request_uri": "https://library.example/r"},
        {"nonce": ["a", "b"]},
    ],
)
@pytest.mark.parametrize("mode", [None, "query", "fragment"])
def test_what_is_wrong_with_a_request_object_is_told_where_the_client_signed_to_hear_it(
    server: AuthorizationServer, leaf: AddedClient, changed: dict[str, Any], mode: str | None
) -> None:
    # What stands outside does not count (§6.3).
    outside = {"response_mode": "fragment"} if mode is None else {}
    response = begin(server, leaf, outside, response_mode=mode, **changed)
    assert response.status_code == 303
    mark = "#" if mode == "fragment" else "?"
    assert response.headers["location"].startswith(f"{ENTITY}/callback{mark}")
    answer = answer_of(response)
    assert answer["error"] == "invalid_request_object"
    assert answer["state"] == "af0ifjsldkj"
    assert answer["iss"] == server.issuer


@pytest.mark.rfc("9101", "6.2")
@pytest.mark.row("failures", "1")
@pytest.mark.parametrize("changed", [{}, {"aud": "https://other.example"}])
@pytest.mark.parametrize("redirect_uri", [None, "https://evil.example/", ["a", "b"], ""])
def test_a_request_object_without_a_registered_way_back_gives_a_page(
    server: AuthorizationServer, leaf: AddedClient, changed: dict[str, Any], redirect_uri: Any
) -> None:
    outside = {"redirect_uri": ENTITY + "/callback"} if redirect_uri is None else {}
    response = begin(server, leaf, outside, **{**changed, "redirect_uri": redirect_uri})
    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.rfc("9101", "6.2")
@pytest.mark.parametrize("request_object", ["x", "e30.e30.", "a.b.c"])
def test_an_object_that_nobody_signed_is_refused_where_the_parameters_beside_it_say(
    server: AuthorizationServer, leaf: AddedClient, request_object: str
) -> None:
    beside = {**server.parameters(leaf), "request": request_object}
    response = server.http.get("/oauth/authorize", params=beside)
    assert response.headers["location"].startswith(ENTITY + "/callback?")
    assert answer_of(response)["error"] == "invalid_request_object"
    for redirect_uri in ("https://evil.example/", ""):
        beside["redirect_uri"] = redirect_uri
        assert server.http.get("/oauth/authorize", params=beside).status_code == 400


@pytest.mark.rfc("oidc-core", "6.1")
def test_a_request_object_of_a_client_without_a_key_is_not_supported(
    server: AuthorizationServer,
) -> None:
    response = server.authorize(server.add(), request="e30.e30.")
    assert answer_of(response)["error"] == "request_not_supported"


@pytest.mark.row("failures", "7")
def test_a_request_object_works_once(server: AuthorizationServer, leaf: AddedClient) -> None:
    assert begin(server, leaf, jti="one").headers["location"].startswith("/oauth/consent?")
    assert answer_of(begin(server, leaf, jti="one"))["error"] == "invalid_request_object"


@pytest.mark.rfc("9101", "6.2")
@pytest.mark.row("failures", "10")
def test_a_request_object_without_signature_is_refused(
    server: AuthorizationServer, leaf: AddedClient
) -> None:
    unsigned = jwt.encode({"iss": ENTITY, "aud": server.issuer}, None, algorithm="none")
    parameters = {"client_id": ENTITY, "request": unsigned}
    assert server.http.get("/oauth/authorize", params=parameters).status_code == 400


def test_a_leaf_that_is_no_longer_accredited_is_unknown(
    server: AuthorizationServer, leaf: AddedClient, federation: Federation
) -> None:
    federation.accredited = False
    assert begin(server, leaf).status_code == 400
