"""Where a client puts its secret, and what it is told when it is elsewhere — RFC 6749 §2.3."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from idp.oauth import AddedClient
from tests.support.authorization_server import AuthorizationServer

NEUTRAL = "Client authentication failed: the client is unknown, or its credentials are wrong."
METHODS = ("client_secret_basic", "client_secret_post")


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    return authorization_server


def ask(server: AuthorizationServer, way: str, client_id: str, secret: str, /, **more: str) -> Any:
    """A token request for a code that is not there: `invalid_grant` says that it was let in."""
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://x.example/"}
    named = {"client_id": client_id, "client_secret": secret} if way == METHODS[1] else {}
    auth = (client_id, secret) if way == METHODS[0] else None
    return server.browser().post("/oauth/token", data={**form, **named, **more}, auth=auth)


def with_header(server: AuthorizationServer, text: str, form: Mapping[str, str]) -> Any:
    basic = base64.b64encode(text.encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    return server.browser().post("/oauth/token", data=form, headers=headers)


def only(server: AuthorizationServer, method: str) -> AddedClient:
    return server.add(token_endpoint_auth_method=method, token_endpoint_auth_method_only=True)


@pytest.mark.rfc("6749", "2.3.1")
@pytest.mark.parametrize("registered", METHODS)
@pytest.mark.parametrize("used", METHODS)
def test_a_secret_is_taken_in_either_place(
    server: AuthorizationServer, registered: str, used: str
) -> None:
    service = server.add(token_endpoint_auth_method=registered)
    answer = ask(server, used, service.client.id, service.secret or "")
    assert answer.json()["error"] == "invalid_grant"
    wrong = ask(server, used, service.client.id, "wrong")
    assert (wrong.status_code, wrong.json()["error_description"]) == (401, NEUTRAL)


@pytest.mark.rfc("6749", "2.3")
@pytest.mark.parametrize("same", [True, False])
def test_a_secret_in_both_places_is_refused_and_says_so(
    server: AuthorizationServer, same: bool
) -> None:
    service = server.add()
    secret = service.secret or ""
    also = {"client_id": service.client.id, "client_secret": secret if same else "another"}
    answer = ask(server, METHODS[0], service.client.id, secret, **also)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "came twice" in answer.json()["error_description"]


@pytest.mark.rfc("6749", "2.3")
def test_the_same_client_id_in_the_body_beside_the_header_is_fine(
    server: AuthorizationServer,
) -> None:
    service, other = server.add(), server.add()
    secret = service.secret or ""
    same = ask(server, METHODS[0], service.client.id, secret, client_id=service.client.id)
    assert same.json()["error"] == "invalid_grant"
    two = ask(server, METHODS[0], service.client.id, secret, client_id=other.client.id)
    assert two.json()["error"] == "invalid_request"


@pytest.mark.rfc("6749", "2.3")
@pytest.mark.parametrize("way", METHODS)
def test_a_secret_beside_an_assertion_is_refused(server: AuthorizationServer, way: str) -> None:
    service = server.add()
    answer = ask(server, way, service.client.id, service.secret or "", client_assertion="a.b.c")
    assert answer.json()["error"] == "invalid_request"
    assert f"{way} and private_key_jwt" in answer.json()["error_description"]


@pytest.mark.rfc("6749", "2.3.1")
def test_identifier_and_secret_read_the_same_encoded_or_not(server: AuthorizationServer) -> None:
    """Half of the clients in use leave out the form encoding: ours have nothing to encode."""
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://x.example/"}
    for _ in range(20):
        service = server.add()
        pair = (service.client.id, service.secret or "")
        assert all(quote_plus(part) == quote(part, safe="") == part for part in pair)
        for text in (":".join(pair), ":".join(_encoded(part) for part in pair)):
            assert with_header(server, text, form).json()["error"] == "invalid_grant"


def _encoded(part: str) -> str:
    """By an encoder that leaves nothing as it is."""
    return "".join(f"%{ord(character):02x}" for character in part)


# ── a place that is switched off ─────────────────────────────────────────────────────────


@pytest.mark.rfc("6749", "2.3.1")
@pytest.mark.row("failures", "7")
@pytest.mark.parametrize(("registered", "used"), [METHODS, METHODS[::-1]])
def test_only_the_right_secret_in_the_wrong_place_is_told_the_right_one(
    server: AuthorizationServer, registered: str, used: str
) -> None:
    service, other = only(server, registered), only(server, registered)
    helped = ask(server, used, service.client.id, service.secret or "")
    assert helped.status_code == 401
    assert f"is registered for {registered}: send" in helped.json()["error_description"]
    for client_id, secret in (
        (service.client.id, "wrong"),
        (service.client.id, other.secret or ""),
        ("svc_nobody", service.secret or ""),
    ):
        refused = ask(server, used, client_id, secret)
        assert (refused.status_code, refused.json()["error_description"]) == (401, NEUTRAL)
    right = ask(server, registered, service.client.id, service.secret or "")
    assert right.json()["error"] == "invalid_grant"


@pytest.mark.rfc("6749", "2.3.1")
def test_the_right_secret_in_the_wrong_place_counts_as_a_failure(
    server: AuthorizationServer,
) -> None:
    service = only(server, METHODS[0])
    asked = [ask(server, METHODS[1], service.client.id, service.secret or "") for _ in range(25)]
    assert asked[0].status_code == 401
    assert asked[-1].status_code == 429


# ── public clients ───────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("6749", "2.3.1")
def test_an_empty_secret_is_none(server: AuthorizationServer) -> None:
    """§2.3.1: a client may send an empty secret, or leave it out."""
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://x.example/"}
    app, service = server.add(token_endpoint_auth_method="none"), server.add()
    in_the_header = with_header(server, f"{app.client.id}:", form)
    in_the_body = ask(server, METHODS[1], app.client.id, "")
    assert in_the_header.json()["error"] == in_the_body.json()["error"] == "invalid_grant"
    for answer in (
        with_header(server, f"{service.client.id}:", form),
        ask(server, METHODS[1], service.client.id, ""),
    ):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.rfc("6749", "2.1")
def test_a_public_client_that_sends_a_secret_learns_nothing(server: AuthorizationServer) -> None:
    app = server.add(token_endpoint_auth_method="none")
    for way in METHODS:
        refused = ask(server, way, app.client.id, "invented")
        assert (refused.status_code, refused.json()["error_description"]) == (401, NEUTRAL)
