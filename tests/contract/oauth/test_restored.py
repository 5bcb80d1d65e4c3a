"""Codes and tokens of a restored backup: what may have been spent since is nobody's."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from foundation.audit.tables import events
from foundation.row_macs import all_bound
from tests.support.authorization_server import AuthorizationServer
from tests.support.rewinding import Backup


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    any_authorization_server.people.born("per_1")
    any_authorization_server.people.sign_in("per_1")
    return any_authorization_server


def kinds(server: AuthorizationServer) -> list[str]:
    with server.runtime.database.read() as uow:
        return sorted(row.kind for row in uow.all(select(events.c.kind)))


@pytest.mark.row("failures", "8")
@pytest.mark.rfc("6749", "4.1.2")
@pytest.mark.rfc("6749", "10.5")
def test_a_code_and_a_refresh_token_of_the_backup_are_refused_after_a_restore(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    refresh = server.tokens(service, scope="openid offline_access")["refresh_token"]
    code = server.sign_in(service)
    backup = Backup(server.runtime)
    assert server.redeem(service, code).status_code == 200
    assert server.refresh(service, refresh).status_code == 200
    backup.restore(person_keys=True)
    before = kinds(server)
    for answer in (server.redeem(service, code), server.refresh(service, refresh)):
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_grant"
    assert kinds(server) == before, "nobody is told of a replay that was none"
    assert server.tokens(service), "who signs in again goes on"


def test_every_row_that_is_spent_once_says_whether_a_backup_may_bring_it_back() -> None:
    """A row with an instant at which it is used up either works once, or keeps that in mind."""
    said: dict[str, Any] = {}
    for bound in all_bound():
        spent = [name for name, values in bound.only_while.items() if values == (None,)]
        if spent:
            said[bound.table.name] = bound.once is not None
    assert {name for name, once in said.items() if not once} == {
        "login_sessions",  # who was signed in still is
        "register_imports",  # the same file again changes nothing
    }
