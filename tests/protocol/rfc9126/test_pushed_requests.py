"""Pushed authorization requests — RFC 9126."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation import opaque
from foundation.runtime import Runtime
from idp.oauth import AddedClient
from idp.oauth.settings import OAuthSettings
from tests.support.authorization_server import CALLBACK, AuthorizationServer, answer_of, soon

KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add()


def push(server: AuthorizationServer, client: AddedClient, **changed: str | None) -> Any:
    auth = None if client.secret is None else (client.client.id, client.secret)
    return server.browser().post("/oauth/par", data=server.parameters(client, **changed), auth=auth)


def pushed(server: AuthorizationServer, client: AddedClient, **changed: str | None) -> str:
    answer = push(server, client, **changed)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["request_uri"])


def come(
    server: AuthorizationServer, client: AddedClient, request_uri: str, /, **beside: str
) -> Any:
    parameters = {"client_id": client.client.id, "request_uri": request_uri, **beside}
    return server.http.get("/oauth/authorize", params=parameters)


def signed(server: AuthorizationServer, client: AddedClient, **changed: Any) -> str:
    claims = {
        **server.parameters(client),
        "iss": client.client.id,
        "aud": server.issuer,
        "jti": opaque.secret(8),
        "exp": soon(server.runtime.clock.now()),
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, KEY, algorithm="ES256", headers={"typ": "oauth-authz-req+jwt"})


def with_a_key(server: AuthorizationServer, **more: Any) -> AddedClient:
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return server.add(jwks={"keys": [jwk]}, **more)


@pytest.mark.rfc("9126", "2.2")
def test_a_pushed_request_leads_to_a_code(
    server: AuthorizationServer, service: AddedClient
) -> None:
    answer = push(server, service)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in"] == 60
    uri = answer.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:")
    code = answer_of(server.answer(come(server, service, uri)))["code"]
    assert server.redeem(service, code).status_code == 200


@pytest.mark.rfc("9126", "4")
def test_what_stands_beside_the_uri_does_not_count(
    server: AuthorizationServer, service: AddedClient
) -> None:
    uri = pushed(server, service, state="pushed")
    response = come(server, service, uri, state="beside", redirect_uri="https://evil.example/")
    answer = answer_of(server.answer(response))
    assert answer["state"] == "pushed"


@pytest.mark.rfc("9126", "7.3")
@pytest.mark.parametrize("choice", ["accept", "refuse"])
def test_an_answered_request_is_not_opened_again(
    server: AuthorizationServer, service: AddedClient, choice: str
) -> None:
    uri = pushed(server, service)
    assert server.answer(come(server, service, uri), choice=choice).status_code == 303
    again = come(server, service, uri)
    assert again.status_code == 400
    assert "location" not in again.headers


@pytest.mark.rfc("9126", "7.3")
def test_a_request_that_is_answered_without_a_page_is_not_opened_again(
    server: AuthorizationServer, service: AddedClient
) -> None:
    server.sign_in(service)
    uri = pushed(server, service)
    assert "code" in answer_of(come(server, service, uri))
    assert come(server, service, uri).status_code == 400


@pytest.mark.rfc("fapi2", "5.3.2.2")
@pytest.mark.row("failures", "27")
def test_a_page_may_be_loaded_again_until_it_is_answered_and_gives_one_code(
    server: AuthorizationServer, service: AddedClient
) -> None:
    uri = pushed(server, service)
    first, second = come(server, service, uri), come(server, service, uri)
    assert "code" in answer_of(server.answer(second))
    late = server.answer(first)
    assert late.status_code == 409, late.text


@pytest.mark.rfc("9126", "7.1")
def test_another_browser_does_not_open_it(
    server: AuthorizationServer, service: AddedClient
) -> None:
    uri = pushed(server, service)
    come(server, service, uri)
    server.http = server.browser()
    assert come(server, service, uri).status_code == 400


@pytest.mark.rfc("9126", "4")
def test_it_is_bound_to_the_client_that_pushed_it(
    server: AuthorizationServer, service: AddedClient
) -> None:
    other = server.add(client_name="Swimming Pool")
    uri = pushed(server, service)
    assert come(server, other, uri).status_code == 400
    assert come(server, service, uri).status_code == 303


@pytest.mark.rfc("9126", "2.2")
def test_it_is_over_after_a_minute(server: AuthorizationServer, service: AddedClient) -> None:
    uri = pushed(server, service)
    server.runtime.clock.advance(timedelta(seconds=60))  # type: ignore[attr-defined]
    assert come(server, service, uri).status_code == 400


@pytest.mark.rfc("9126", "4")
@pytest.mark.parametrize("tail", ["", "guess", "a" * 5000])
def test_an_unknown_uri_gives_a_page(
    server: AuthorizationServer, service: AddedClient, tail: str
) -> None:
    response = come(server, service, "urn:ietf:params:oauth:request_uri:" + tail)
    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.rfc("9126", "2")
def test_a_client_that_does_not_prove_itself_pushes_nothing(
    server: AuthorizationServer, service: AddedClient
) -> None:
    wrong = AddedClient(service.client, "guess")
    assert push(server, wrong).json()["error"] == "invalid_client"
    bare = server.browser().post("/oauth/par", data=server.parameters(service))
    assert bare.json()["error"] == "invalid_client"


@pytest.mark.rfc("9126", "2.1")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"client_id": "svc_other"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid everything"}, "invalid_scope"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"nonce": "n" * 5000}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_told_to_the_client_at_once(
    server: AuthorizationServer,
    service: AddedClient,
    changed: dict[str, str | None],
    error: str,
) -> None:
    answer = push(server, service, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.rfc("9126", "2.1")
def test_a_repeated_parameter_and_other_bodies_are_refused(
    server: AuthorizationServer, service: AddedClient
) -> None:
    assert service.secret is not None
    auth = (service.client.id, service.secret)
    twice = {**server.parameters(service), "state": ["a", "b"]}
    answers = [
        server.http.post("/oauth/par", data=twice, auth=auth),
        server.http.post("/oauth/par", json=server.parameters(service), auth=auth),
        server.http.post("/oauth/par?x=1", data=server.parameters(service), auth=auth),
    ]
    assert [(a.status_code, a.json()["error"]) for a in answers] == [(400, "invalid_request")] * 3
    assert server.http.get("/oauth/par").status_code == 405


@pytest.mark.rfc("9126", "2.3")
def test_a_public_client_pushes_with_its_name_alone_as_often_as_it_may_sign_in(
    server: AuthorizationServer,
) -> None:
    public = server.add(token_endpoint_auth_method="none")
    uri = pushed(server, public)
    assert come(server, public, uri).status_code == 303
    codes = {push(server, public).status_code for _ in range(130)}
    assert codes == {201, 429}


@pytest.mark.rfc("9126", "6")
def test_a_client_that_must_push_cannot_come_with_parameters(
    server: AuthorizationServer,
) -> None:
    service = server.add(require_pushed_authorization_requests=True)
    assert answer_of(server.authorize(service))["error"] == "invalid_request"
    assert come(server, service, pushed(server, service)).status_code == 303


@pytest.mark.rfc("9126", "5")
def test_the_whole_server_may_ask_for_it(server: AuthorizationServer, service: AddedClient) -> None:
    always = OAuthSettings(require_pushed_authorization_requests=True)
    object.__setattr__(server.oauth.authorization.reading, "settings", always)
    assert answer_of(server.authorize(service))["error"] == "invalid_request"
    assert come(server, service, pushed(server, service)).status_code == 303
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert metadata["pushed_authorization_request_endpoint"] == server.issuer + "/oauth/par"
    assert metadata["require_pushed_authorization_requests"] is False


@pytest.mark.rfc("9126", "3")
def test_a_request_object_is_pushed_and_what_is_inside_counts(
    server: AuthorizationServer,
) -> None:
    service = with_a_key(server, require_signed_request_object=True)
    assert push(server, service).json()["error"] == "invalid_request"
    request = signed(server, service, state="inside")
    uri = pushed(server, service, request=request, state="inside", scope=None)
    assert answer_of(server.answer(come(server, service, uri)))["state"] == "inside"
    again = push(server, service, request=request, state="inside")
    assert again.json()["error"] == "invalid_request_object"


@pytest.mark.rfc("9126", "3")
@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://other.example"},
        {"iss": "svc_other"},
        {"client_id": "svc_other"},
        {"exp": 1},
        {"exp": None},
        {"redirect_uri": "https://evil.example/"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
    ],
)
def test_a_pushed_request_object_is_checked_as_any_other(
    server: AuthorizationServer, changed: dict[str, Any]
) -> None:
    service = with_a_key(server)
    request = signed(server, service, **changed)
    answer = push(server, service, request=request, redirect_uri=None)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request_object", "invalid_request")


def test_what_was_taken_from_the_registration_since_does_not_count(
    server: AuthorizationServer, service: AddedClient
) -> None:
    uri = pushed(server, service, scope="openid email")
    with server.runtime.database.write() as uow:
        clients, now = server.oauth.clients, server.runtime.clock.now()
        less = clients.altered(uow, service.client.id, {"scope": "openid"}, locked=True)
        from idp.oauth.clients import OPERATOR

        clients.change(uow, less, "test", OPERATOR, now)
    assert answer_of(come(server, service, uri))["error"] == "invalid_scope"


@pytest.mark.row("failures", "29")
def test_a_pushed_request_that_somebody_altered_in_the_database_is_not_there(
    server: AuthorizationServer, service: AddedClient
) -> None:
    from sqlalchemy import text

    uri = pushed(server, service)
    with server.runtime.database.write() as uow:
        uow.connection.execute(text("UPDATE oauth_pushed_requests SET signed = 1"))
    assert come(server, service, uri).status_code == 400


def test_a_post_from_the_services_page_opens_it_too(
    server: AuthorizationServer, service: AddedClient
) -> None:
    uri = pushed(server, service)
    posted = server.http.post(
        "/oauth/authorize",
        data={"client_id": service.client.id, "request_uri": uri},
        headers={"Origin": "https://library.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert posted.headers["location"].startswith("/oauth/come?")
    come_to = server.http.get(posted.headers["location"])
    answer = answer_of(server.answer(come_to))
    assert "code" in answer
    assert CALLBACK


def test_old_ones_are_swept(
    server: AuthorizationServer, service: AddedClient, runtime: Runtime
) -> None:
    from sqlalchemy import text

    from idp.oauth import sweeping

    pushed(server, service)
    sweeping.sweep(runtime.database, runtime.clock.now() + timedelta(hours=2))
    with runtime.database.read() as uow:
        left = uow.connection.execute(text("SELECT count(*) FROM oauth_pushed_requests"))
        assert left.scalar() == 0
