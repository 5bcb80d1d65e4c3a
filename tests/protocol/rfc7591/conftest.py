"""A server where services may register themselves, and what one of them sends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from foundation.settings import Settings
from idp.oauth import ClientsSettings
from idp.oauth.dynamic import tokens
from tests.support import deployments
from tests.support.authorization_server import AuthorizationServer


class Registrar:
    """Registers services as a program does."""

    def __init__(self, server: AuthorizationServer) -> None:
        self.server = server

    def initial(self, uses: int = 1, **ends: float) -> str:
        now = self.server.runtime.clock.now()
        with self.server.runtime.database.write() as uow:
            until = now + timedelta(**(ends or {"days": 1}))
            return tokens.make(uow, "for the tests", uses, until, now)[1]

    def post(self, body: Any, token: str | None = None) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.server.browser().post("/oauth/register", json=body, headers=headers)

    def registered(self, **changed: Any) -> dict[str, Any]:
        answer = self.post(asked(**changed), self.initial())
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def at(
        self, made: dict[str, Any], method: str, token: str | None = None, body: Any = None
    ) -> Any:
        shown = token or made["registration_access_token"]
        return self.server.browser().request(
            method,
            made["registration_client_uri"],
            headers={"Authorization": f"Bearer {shown}"},
            json=body if method == "PUT" else None,
        )


def asked(**changed: Any) -> dict[str, Any]:
    """What a service says of itself; it needs no RSA key of ours."""
    usual: dict[str, Any] = {
        "client_name": "Chess Club",
        "redirect_uris": ["https://chess.example/cb"],
        "id_token_signed_response_alg": "ES256",
        **changed,
    }
    return {name: value for name, value in usual.items() if value is not ...}


@pytest.fixture
def chosen() -> ClientsSettings:
    return ClientsSettings(dynamic_registration=True, registrations_per_minute=1000)


@pytest.fixture
def settings(tmp_path: Any, chosen: ClientsSettings) -> Settings:
    return deployments.settings_in(tmp_path, chosen)


@pytest.fixture
def registrar(authorization_server: AuthorizationServer) -> Registrar:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return Registrar(authorization_server)
