"""A person who gives up before they sign in has a way back — OpenID Connect Core 1.0 §3.1.2.6."""

from __future__ import annotations

import pytest

from tests.support.authorization_server import AuthorizationServer, answer_of

pytestmark = pytest.mark.rfc("oidc-core", "3.1.2.6")


def way_out(server: AuthorizationServer) -> str:
    """What the sign-in page offers as its way back, once nobody was there."""
    waiting = server.authorize(server.add())
    assert waiting.headers["location"].startswith("/sign-in")
    return server.people.asked[-1].leave_to


def test_giving_up_leads_back_to_the_service_with_access_denied_and_nothing_else(
    authorization_server: AuthorizationServer,
) -> None:
    left = authorization_server.http.get(way_out(authorization_server))
    assert left.status_code == 303
    answer = answer_of(left)
    assert answer["error"] == "access_denied"
    assert answer["state"] == "af0ifjsldkj"
    assert answer["iss"] == authorization_server.issuer
    assert "code" not in answer


def test_what_was_given_up_cannot_be_continued_and_giving_up_twice_leads_to_one_place(
    authorization_server: AuthorizationServer,
) -> None:
    out = way_out(authorization_server)
    left = authorization_server.http.get(out)
    person = authorization_server.people.born("per_1")
    authorization_server.people.sign_in(person)
    again = authorization_server.http.get(out)
    assert again.headers["location"] == left.headers["location"]
    onward = authorization_server.http.get(out.replace("cancel", "continue"))
    assert onward.status_code == 400
    assert "already went on" in onward.json()["detail"]


def test_nobody_gives_up_in_the_place_of_another_browser(
    authorization_server: AuthorizationServer,
) -> None:
    out = way_out(authorization_server)
    assert authorization_server.browser().get(out).status_code == 400
    assert authorization_server.http.get(out).status_code == 303
