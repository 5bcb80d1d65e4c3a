"""What was begun under a clock that was ahead does not last until that day — failures 8."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.clock import FrozenClock
from tests.support.authorization_server import AuthorizationServer, answer_of

YEAR = timedelta(days=365)


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    any_authorization_server.people.born("per_1", given_name="Anna")
    any_authorization_server.people.sign_in("per_1")
    return any_authorization_server


def test_a_code_of_a_clock_that_was_ahead_is_over(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    clock.advance(YEAR)
    code = server.sign_in(service)
    clock.advance(-YEAR)
    answer = server.redeem(service, code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_tokens_of_a_clock_that_was_ahead_are_dead_and_a_new_sign_in_goes_on(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    clock.advance(YEAR)
    server.people.sign_in("per_1")
    tokens = server.tokens(service, "given_name", scope="openid profile offline_access")
    clock.advance(-YEAR)
    server.people.sign_in("per_1")
    assert server.introspect(service, tokens["access_token"]) == {"active": False}
    assert server.refresh(service, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    # Asked anew: a consent from a day that is still to come is none.
    again = server.tokens(service, "given_name", scope="openid profile offline_access")
    assert "given_name" in server.userinfo(again["access_token"]).json()


def test_a_consent_page_of_a_clock_that_was_ahead_is_over(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    clock.advance(YEAR)
    server.people.sign_in("per_1")
    asked = server.authorize(service, scope="openid profile")
    clock.advance(-YEAR)
    server.people.sign_in("per_1")
    assert server.http.get(asked.headers["location"]).status_code in (400, 404, 410)


def test_a_clock_that_is_set_back_a_little_in_the_middle_of_a_sign_in_stops_nothing(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service, back = server.add(), timedelta(seconds=3)
    asked = server.authorize(service, scope="openid profile offline_access")
    clock.advance(-back)
    code = answer_of(server.answer(asked, "given_name"))["code"]
    clock.advance(-back)
    tokens = server.redeem(service, code).json()
    clock.advance(-back)
    assert "given_name" in server.userinfo(tokens["access_token"]).json()
    clock.advance(-back)
    assert server.introspect(service, tokens["access_token"])["active"]
    assert server.refresh(service, tokens["refresh_token"]).status_code == 200


def test_a_secret_that_was_replaced_under_a_clock_ahead_does_not_work_on_until_that_day(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    from foundation.audit import SYSTEM

    service = server.add(
        grant_types=["client_credentials"], redirect_uris=None, scope="access:evaluate"
    )
    clients = server.oauth.clients
    clock.advance(YEAR)
    clients.new_secret(service.client.id, "a drill", clock.now(), SYSTEM, timedelta(days=1))
    clock.advance(-YEAR)
    answer = server.token(service, grant_type="client_credentials")
    assert answer.json()["error"] == "invalid_client"
