"""Sign-ins of devices without a browser — RFC 8628."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from foundation.runtime import Runtime
from idp.oauth import AddedClient, InvalidClientMetadata
from idp.oauth.client import DEVICE_CODE
from tests.support.authorization_server import AuthorizationServer, hidden_fields
from tests.support.dpop import ProofKey


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def board(server: AuthorizationServer) -> AddedClient:
    """A board in the reading room: public, with no address of its own."""
    return server.add(
        client_name="Reading room",
        token_endpoint_auth_method="none",
        redirect_uris=None,
        grant_types=[DEVICE_CODE, "refresh_token"],
    )


def start(server: AuthorizationServer, client: AddedClient, **changed: str | None) -> Any:
    asked = {"client_id": client.client.id, "scope": "openid email offline_access", **changed}
    kept = {name: value for name, value in asked.items() if value is not None}
    auth = None if client.secret is None else (client.client.id, client.secret)
    return server.browser().post("/oauth/device_authorization", data=kept, auth=auth)


def ask(server: AuthorizationServer, client: AddedClient, code: str, **more: str) -> Any:
    return server.token(client, grant_type=DEVICE_CODE, device_code=code, **more)


def type_in(server: AuthorizationServer, user_code: str) -> Any:
    page = server.http.get("/oauth/device")
    assert page.status_code == 200, page.text
    fields = {**hidden_fields(page.text), "user_code": user_code}
    return server.http.post("/oauth/device", data=fields)


def later(server: AuthorizationServer, seconds: int) -> None:
    server.runtime.clock.advance(timedelta(seconds=seconds))  # type: ignore[attr-defined]


@pytest.mark.rfc("8628", "3.2")
@pytest.mark.rfc("8628", "3.4")
def test_a_person_lets_a_device_in(server: AuthorizationServer, board: AddedClient) -> None:
    answer = start(server, board)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given["verification_uri"] == server.issuer + "/oauth/device"
    assert given["user_code"] in given["verification_uri_complete"]
    assert (given["expires_in"], given["interval"]) == (600, 5)
    assert ask(server, board, given["device_code"]).json()["error"] == "authorization_pending"
    response = type_in(server, given["user_code"])
    assert response.headers["location"].startswith("/oauth/consent")
    page = server.http.get(response.headers["location"]).text
    assert "This signs a device in as you." in page
    done = server.answer(response, "email")
    assert done.headers["location"] == server.issuer + "/oauth/device/done"
    assert "Look at your device" in server.http.get("/oauth/device/done").text
    tokens = ask(server, board, given["device_code"])
    assert tokens.status_code == 200, tokens.text
    assert {"access_token", "refresh_token", "id_token"} <= set(tokens.json())
    told = server.userinfo(tokens.json()["access_token"]).json()
    assert told["email"] == "ada@example.org"
    assert server.refresh(board, tokens.json()["refresh_token"]).status_code == 200


@pytest.mark.rfc("8628", "6.1")
def test_the_code_may_be_typed_as_people_type(
    server: AuthorizationServer, board: AddedClient
) -> None:
    code = start(server, board).json()["user_code"]
    typed = f" {code.lower().replace('-', ' ')} "
    assert type_in(server, typed).status_code == 303


@pytest.mark.rfc("8628", "3.5")
def test_a_refusal_reaches_the_device(server: AuthorizationServer, board: AddedClient) -> None:
    given = start(server, board).json()
    done = server.answer(type_in(server, given["user_code"]), choice="refuse")
    place = urlsplit(done.headers["location"])
    assert place.path == "/oauth/device/done"
    assert "not signed in" in server.http.get(f"{place.path}?{place.query}").text
    assert ask(server, board, given["device_code"]).json()["error"] == "access_denied"


@pytest.mark.rfc("8628", "3.5")
def test_who_asks_too_often_is_slowed_down(server: AuthorizationServer, board: AddedClient) -> None:
    code = start(server, board).json()["device_code"]
    said = []
    for seconds in (0, 4, 2):
        later(server, seconds)
        said.append(ask(server, board, code).json()["error"])
    assert said == ["authorization_pending", "slow_down", "authorization_pending"]


@pytest.mark.rfc("8628", "3.5")
def test_codes_are_over_after_ten_minutes(server: AuthorizationServer, board: AddedClient) -> None:
    one, two = start(server, board).json(), start(server, board).json()
    server.answer(type_in(server, two["user_code"]))
    later(server, 600)
    for given in (one, two):
        assert ask(server, board, given["device_code"]).json()["error"] == "expired_token"
    assert type_in(server, one["user_code"]).status_code == 422


@pytest.mark.rfc("8628", "3.4")
@pytest.mark.row("failures", "8")
def test_a_device_code_that_comes_back_ends_what_it_gave(
    server: AuthorizationServer, board: AddedClient
) -> None:
    given = start(server, board).json()
    server.answer(type_in(server, given["user_code"]))
    tokens = ask(server, board, given["device_code"]).json()
    assert ask(server, board, given["device_code"]).json()["error"] == "invalid_grant"
    refused = server.refresh(board, tokens["refresh_token"]).json()
    assert refused["error"] == "invalid_grant"


@pytest.mark.rfc("8628", "5.2")
def test_it_is_bound_to_its_client(server: AuthorizationServer, board: AddedClient) -> None:
    other = server.add(
        token_endpoint_auth_method="none", redirect_uris=None, grant_types=[DEVICE_CODE]
    )
    code = start(server, board).json()["device_code"]
    assert ask(server, other, code).json()["error"] == "invalid_grant"
    assert ask(server, board, "guess").json()["error"] == "invalid_grant"
    assert ask(server, board, code).json()["error"] == "authorization_pending"


@pytest.mark.rfc("8628", "5.1")
def test_who_guesses_codes_is_stopped(server: AuthorizationServer) -> None:
    statuses = [type_in(server, "AAAA-AAAA").status_code for _ in range(22)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


@pytest.mark.rfc("8628", "5.4")
@pytest.mark.row("failures", "11")
def test_a_code_in_the_address_is_only_written_into_the_field(
    server: AuthorizationServer, board: AddedClient
) -> None:
    given = start(server, board).json()
    place = urlsplit(given["verification_uri_complete"])
    page = server.http.get(f"{place.path}?{place.query}")
    assert page.status_code == 200
    assert f'value="{given["user_code"]}"' in page.text
    bare = server.http.post("/oauth/device", data={"user_code": given["user_code"]})
    assert bare.status_code == 403
    later(server, 6)
    assert ask(server, board, given["device_code"]).json()["error"] == "authorization_pending"


@pytest.mark.rfc("8628", "5.4")
def test_it_is_asked_each_time_and_answered_by_one(
    server: AuthorizationServer, board: AddedClient
) -> None:
    server.answer(type_in(server, start(server, board).json()["user_code"]))
    given = start(server, board).json()
    first, second = (type_in(server, given["user_code"]) for _ in range(2))
    for response in (first, second):
        assert response.headers["location"].startswith("/oauth/consent")
    assert server.answer(second).status_code == 303
    assert server.answer(first).status_code == 409
    assert type_in(server, given["user_code"]).status_code == 422


@pytest.mark.rfc("8628", "3.3")
def test_who_is_not_signed_in_signs_in_first_and_may_give_up(
    server: AuthorizationServer, board: AddedClient
) -> None:
    given = start(server, board).json()
    server.people.present = None
    response = type_in(server, given["user_code"])
    assert response.headers["location"].startswith("/sign-in")
    back = dict(parse_qsl(urlsplit(response.headers["location"]).query))["return_to"]
    handle = dict(parse_qsl(urlsplit(back).query))["transaction"]
    gone = server.http.get("/oauth/cancel", params={"transaction": handle})
    assert urlsplit(gone.headers["location"]).path == "/oauth/device/done"
    assert ask(server, board, given["device_code"]).json()["error"] == "access_denied"


@pytest.mark.rfc("8628", "3.1")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"scope": None}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"scope": "openid everything"}, "invalid_scope"),
        ({"purpose": "nothing"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"authorization_details": "[{}]"}, "invalid_authorization_details"),
        ({"scope": "openid " + "x" * 5000}, "invalid_request"),
        ({"client_id": "svc_other"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
    ],
)
def test_what_is_wrong_is_told_to_the_device(
    server: AuthorizationServer, board: AddedClient, changed: dict[str, str | None], error: str
) -> None:
    assert start(server, board, **changed).json()["error"] == error


def test_who_is_not_registered_for_it_gets_no_code(server: AuthorizationServer) -> None:
    assert start(server, server.add()).json()["error"] == "unauthorized_client"
    with pytest.raises(InvalidClientMetadata, match="grant_types"):
        server.add(
            profile="fapi2-security",
            token_endpoint_auth_method="tls_client_auth",
            tls_client_auth_subject_dn="CN=x",
            grant_types=["authorization_code", DEVICE_CODE],
        )


@pytest.mark.rfc("9449", "5")
def test_what_a_device_gets_may_be_bound_to_its_key(
    server: AuthorizationServer, board: AddedClient
) -> None:
    given, key = start(server, board).json(), ProofKey(server)
    server.answer(type_in(server, given["user_code"]))
    form = {
        "grant_type": DEVICE_CODE,
        "device_code": given["device_code"],
        "client_id": board.client.id,
    }
    tokens = key.post("/oauth/token", form).json()
    assert tokens["token_type"] == "DPoP"
    assert server.refresh(board, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_end_of_a_service_ends_its_devices_and_old_codes_are_swept(
    server: AuthorizationServer, board: AddedClient, runtime: Runtime
) -> None:
    from sqlalchemy import text

    from idp.oauth import sweeping
    from idp.oauth.clients import OPERATOR

    code = start(server, board).json()["user_code"]
    with runtime.database.write() as uow:
        server.oauth.clients.suspend(uow, board.client.id, "test", OPERATOR, runtime.clock.now())
    assert type_in(server, code).status_code == 400
    sweeping.sweep(runtime.database, runtime.clock.now() + timedelta(hours=2))
    with runtime.database.read() as uow:
        left = uow.connection.execute(text("SELECT count(*) FROM oauth_device_codes"))
        assert left.scalar() == 0


@pytest.mark.row("failures", "29")
def test_an_answer_that_somebody_wrote_into_the_database_is_none(
    server: AuthorizationServer, board: AddedClient
) -> None:
    from sqlalchemy import text

    service = server.add()
    server.tokens(service)
    given = start(server, board).json()
    with server.runtime.database.write() as uow:
        uow.connection.execute(
            text(
                "UPDATE oauth_device_codes SET state = 'approved', "
                "grant_id = (SELECT id FROM oauth_grants LIMIT 1)"
            )
        )
    assert ask(server, board, given["device_code"]).json()["error"] == "invalid_grant"
