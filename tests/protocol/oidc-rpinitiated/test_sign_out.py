"""Signing out at a service's wish — OpenID Connect RP-Initiated Logout 1.0."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp.oauth import AddedClient
from tests.support.authorization_server import AuthorizationServer, hidden_fields

BYE = "https://library.example/bye"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add(post_logout_redirect_uris=[BYE])


@pytest.mark.rfc("oidc-rpinitiated", "2")
def test_a_hint_of_this_session_signs_out_and_goes_back(
    server: AuthorizationServer, service: AddedClient
) -> None:
    hint = server.tokens(service)["id_token"]
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "s1"}
    response = server.http.get("/oauth/end-session", params=asked)
    assert response.headers["location"] == BYE + "?state=s1"
    assert server.people.present is None


@pytest.mark.rfc("oidc-rpinitiated", "2")
@pytest.mark.parametrize("end", ["retired", "revoked"])
def test_a_hint_that_a_key_of_before_signed_counts_as_any_other(
    server: AuthorizationServer, service: AddedClient, end: str
) -> None:
    hint = server.tokens(service)["id_token"]
    keys, now = server.runtime.keys, server.runtime.clock.now()
    before = keys.signer("jwt").kid
    keys.rotate("jwt", now, keep=timedelta(0), ahead=timedelta(0))
    if end == "revoked":
        keys.revoke(before, now)
    assert before not in {key.kid for key in keys.published("jwt")}
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE}
    assert server.http.get("/oauth/end-session", params=asked).headers["location"] == BYE
    assert server.people.present is None


@pytest.mark.rfc("oidc-rpinitiated", "2")
def test_without_proof_the_person_is_asked_first(
    server: AuthorizationServer, service: AddedClient
) -> None:
    asked = {"client_id": service.client.id, "post_logout_redirect_uri": BYE}
    page = server.http.get("/oauth/end-session", params=asked)
    assert page.status_code == 200
    assert server.people.present is not None
    fields = hidden_fields(page.text)
    stay = server.http.post("/oauth/end-session/confirm", data={**fields, "answer": "stay"})
    assert stay.status_code == 200
    assert server.people.present is not None
    leave = server.http.post("/oauth/end-session/confirm", data={**fields, "answer": "sign-out"})
    assert leave.headers["location"] == BYE
    assert server.people.present is None


@pytest.mark.rfc("oidc-rpinitiated", "2")
@pytest.mark.row("failures", "5")
def test_the_hint_of_another_session_is_no_proof(
    server: AuthorizationServer, service: AddedClient
) -> None:
    hint = server.tokens(service)["id_token"]
    server.people.sign_in("per_1", session="ses_2")
    response = server.http.get("/oauth/end-session", params={"id_token_hint": hint})
    assert response.status_code == 200
    assert server.people.present is not None


@pytest.mark.rfc("oidc-rpinitiated", "3")
@pytest.mark.row("failures", "1")
@pytest.mark.parametrize("uri", [BYE + "/", "https://evil.example/", BYE + "?x=1", BYE + "#x"])
def test_an_unregistered_way_back_is_never_taken(
    server: AuthorizationServer, service: AddedClient, uri: str
) -> None:
    asked = {"client_id": service.client.id, "post_logout_redirect_uri": uri}
    response = server.http.get("/oauth/end-session", params=asked)
    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.rfc("oidc-rpinitiated", "2")
@pytest.mark.parametrize(
    ("asked", "where", "words"),
    [
        ({"id_token_hint": "nonsense"}, "id_token_hint", "not an ID token of ours"),
        ({"client_id": "svc_nobody"}, "client_id", "not known"),
        ({"post_logout_redirect_uri": BYE}, "id_token_hint", "neither an id_token_hint nor"),
        (
            {"post_logout_redirect_uri": BYE, "id_token_hint": "", "client_id": ""},
            "id_token_hint",
            "neither an id_token_hint nor a client_id",
        ),
    ],
)
def test_a_malformed_request_is_refused_with_what_is_wrong_or_missing(
    server: AuthorizationServer, asked: dict[str, str], where: str, words: str
) -> None:
    refused = server.http.get("/oauth/end-session", params=asked)
    assert refused.status_code == 400
    assert refused.json()["where"] == where
    assert words in refused.json()["detail"]


def test_a_forged_confirmation_is_refused(
    server: AuthorizationServer, service: AddedClient
) -> None:
    form = {"client_id": service.client.id, "answer": "sign-out", "csrf_token": "forged"}
    assert server.http.post("/oauth/end-session/confirm", data=form).status_code == 403
    assert server.people.present is not None
