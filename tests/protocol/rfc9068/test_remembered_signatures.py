"""A signature is verified once, and nothing else is remembered of a token — RFC 9068 §4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from foundation import algorithms
from foundation.clock import FrozenClock
from idp.oauth.cut_offs import cut_off
from idp.oauth.tokens import access_token
from idp.oauth.tokens.jws import NotOurs
from idp.oauth.tokens.signatures import Signatures
from tests.support.authorization_server import AuthorizationServer

ROBOT = {
    "client_name": "Robot",
    "redirect_uris": None,
    "sector": "robot.example",
    "grant_types": ["client_credentials"],
    "scope": "access:evaluate",
}


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The algorithms of the signatures that were verified, as they are."""
    seen: list[str] = []
    verify = algorithms.verify

    def noted(algorithm: str, *more: Any) -> None:
        seen.append(algorithm)
        verify(algorithm, *more)

    monkeypatch.setattr(algorithms, "verify", noted)
    return seen


def test_a_signature_is_verified_once_however_often_its_token_is_shown(
    server: AuthorizationServer, verified: list[str]
) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    for _ in range(3):
        assert server.introspect(service, token)["active"]
        assert server.userinfo(token).status_code == 200
    assert verified == ["ES256"]


@pytest.mark.rfc("7009", "2")
def test_a_token_that_was_just_shown_is_dead_as_soon_as_it_is_revoked(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    assert server.introspect(service, token)["active"]
    auth = (service.client.id, service.secret or "")
    server.browser().post("/oauth/revoke", data={"token": token}, auth=auth)
    assert server.introspect(service, token) == {"active": False}
    assert server.userinfo(token).status_code == 401


def test_a_token_that_was_just_shown_is_dead_as_soon_as_its_clients_are_cut_off(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    robot = server.add(**ROBOT)
    token = server.token(robot, grant_type="client_credentials").json()["access_token"]
    assert server.introspect(robot, token)["active"]
    with server.runtime.database.write() as uow:
        cut_off(uow, robot.client.id, clock.now())
    assert server.introspect(robot, token) == {"active": False}


def _revoked(server: AuthorizationServer, kid: str) -> None:
    server.runtime.keys.revoke(kid, server.runtime.clock.now())


def _retired(server: AuthorizationServer, kid: str) -> None:
    now = server.runtime.clock.now()
    server.runtime.keys.rotate("jwt", now, keep=timedelta(0), ahead=timedelta(0))
    assert kid not in {key.kid for key in server.runtime.keys.published("jwt")}


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("end", [_revoked, _retired])
def test_a_token_that_was_just_shown_is_dead_as_soon_as_its_key_is_published_no_more(
    server: AuthorizationServer, end: Callable[[AuthorizationServer, str], None]
) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    assert server.introspect(service, token)["active"]
    end(server, server.runtime.keys.signer("jwt").kid)
    assert server.introspect(service, token) == {"active": False}
    assert server.userinfo(token).status_code == 401


@pytest.mark.row("failures", "10")
def test_a_token_that_was_just_shown_is_dead_at_its_end(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    assert server.introspect(service, token)["active"]
    clock.advance(timedelta(seconds=300))
    assert server.introspect(service, token) == {"active": False}


@pytest.mark.row("failures", "10")
def test_a_token_that_is_altered_anywhere_is_not_the_one_that_was_verified(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    assert server.userinfo(token).status_code == 200
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        assert server.userinfo(token[:place] + other + token[place + 1 :]).status_code == 401
    for altered in (token + "A", token[:-1], token.rpartition(".")[0] + ".", "?" + token[1:]):
        assert server.userinfo(altered).status_code == 401


def test_a_token_for_another_resource_stays_one_after_it_was_introspected(
    server: AuthorizationServer,
) -> None:
    server.add(
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        resource="https://api.example",
        sector="api.example",
    )
    service = server.add(audiences=["https://api.example"])
    token = server.tokens(service, resource="https://api.example")["access_token"]
    assert server.introspect(service, token)["active"]
    assert server.userinfo(token).status_code == 401


def test_a_refusal_is_not_remembered_and_no_more_than_so_many_tokens_are(
    server: AuthorizationServer,
) -> None:
    keys, now = server.runtime.keys, server.runtime.clock.now()
    robot = server.add(**ROBOT)
    made = [
        server.token(robot, grant_type="client_credentials").json()["access_token"]
        for _ in range(5)
    ]
    signatures = Signatures(keys, server.issuer, most=3)
    for token in made:
        with pytest.raises(NotOurs):
            signatures.token(token[:-4] + "AAAA", now)
        with pytest.raises(NotOurs):
            signatures.token(token, now + timedelta(hours=1))
    assert len(signatures._verified) == 0
    for token in made:
        assert signatures.token(token, now) == access_token.decode(keys, server.issuer, token, now)
    assert len(signatures._verified) == 3
