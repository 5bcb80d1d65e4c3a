"""Whether somebody is still signed in, asked through a frame — OIDC Session Management 1.0."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oauth import AddedClient
from idp.oauth.abilities import relaxations
from tests.support.authorization_server import CALLBACK, AuthorizationServer, answer_of

ORIGIN = "https://library.example"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", given_name="Ada")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add(session_management=True)


def signed_in(server: AuthorizationServer, service: AddedClient) -> dict[str, str]:
    """What the service is told; from the second time on without a page."""
    server.sign_in(service)
    return answer_of(server.authorize(service, prompt="none"))


def asked(server: AuthorizationServer, state: str, client_id: str, origin: str = ORIGIN) -> str:
    query = {"client_id": client_id, "origin": origin, "session_state": state}
    answer = server.http.get("/oauth/check-session/state", params=query)
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.text)


@pytest.mark.rfc("oidc-session", "2")
def test_a_service_that_did_not_ask_for_it_is_told_no_state(server: AuthorizationServer) -> None:
    service = server.add()
    answer = signed_in(server, service)
    assert "code" in answer
    assert "session_state" not in answer
    assert not [name for name in server.http.cookies if "frames" in name]


@pytest.mark.rfc("oidc-session", "2")
def test_each_state_is_of_one_client_one_origin_and_new(
    server: AuthorizationServer, service: AddedClient
) -> None:
    first, second = (signed_in(server, service)["session_state"] for _ in range(2))
    assert first != second
    assert " " not in first
    id_ = service.client.id
    assert asked(server, first, id_) == asked(server, second, id_) == "unchanged"
    assert asked(server, first, "svc_other") == "changed"
    assert asked(server, first, id_, "https://elsewhere.example") == "changed"


@pytest.mark.rfc("oidc-session", "3.2")
@pytest.mark.row("failures", "20")
def test_a_session_that_ended_anywhere_is_changed(
    server: AuthorizationServer, service: AddedClient
) -> None:
    state = signed_in(server, service)["session_state"]
    server.people.present = None
    assert asked(server, state, service.client.id) == "changed"
    server.people.sign_in("per_1", session="ses_2")
    assert asked(server, state, service.client.id) == "changed"


@pytest.mark.rfc("oidc-session", "3.2")
def test_another_browser_learns_nothing(server: AuthorizationServer, service: AddedClient) -> None:
    state = signed_in(server, service)["session_state"]
    server.http.cookies.clear()
    assert asked(server, state, service.client.id) == "changed"


@pytest.mark.rfc("oidc-session", "3.2")
@pytest.mark.parametrize("state", ["", ".", "a.", ".b", "a.b.c", "x" * 5000, "é.é"])
def test_what_is_no_state_is_an_error_or_changed(
    server: AuthorizationServer, service: AddedClient, state: str
) -> None:
    signed_in(server, service)
    assert asked(server, state, service.client.id) in ("error", "changed")


def test_a_cookie_that_was_made_up_is_changed(
    server: AuthorizationServer, service: AddedClient
) -> None:
    state = signed_in(server, service)["session_state"]
    [name] = [name for name in server.http.cookies if "frames" in name]
    for value in ("ses_1.AAAA", "ses_1", "", "..."):
        server.http.cookies.clear()
        server.http.cookies.set(name, value)
        assert asked(server, state, service.client.id) == "changed"


@pytest.mark.rfc("oidc-session", "3.2")
def test_the_frame_may_be_shown_by_anybody_and_other_pages_by_nobody(
    server: AuthorizationServer,
) -> None:
    page = server.http.get("/oauth/check-session")
    assert "frame-ancestors *" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers
    assert "check_session" in page.text
    other: Any = server.http.get("/oauth/end-session")
    assert other.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in other.headers["content-security-policy"]


@pytest.mark.rfc("oidc-session", "3.3")
def test_the_metadata_names_the_frame(server: AuthorizationServer) -> None:
    told = server.http.get("/.well-known/openid-configuration").json()
    assert told["check_session_iframe"] == f"{server.issuer}/oauth/check-session"


def test_what_it_costs_is_shown(service: AddedClient) -> None:
    assert "session_management" in [one.member for one in relaxations(service.client)]
    assert CALLBACK.startswith(ORIGIN)
