"""`email_verified`, `phone_number_verified`: said where the value is, true only where somebody
checked — OpenID Connect Core 1.0 §5.1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.authorization_server import AuthorizationServer

CHECKED = {"email_verified", "phone_number_verified"}


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born(
        "per_1",
        given_name="Ada",
        email="ada@example.org",
        email_verified=False,
        phone_number="+3725551234",
        phone_number_verified=False,
    )
    authorization_server.people.sign_in("per_1")
    return authorization_server


def told(server: AuthorizationServer, *give: str, **changed: str | None) -> dict[str, Any]:
    tokens = server.tokens(server.add(scope="openid profile email phone"), *give, **changed)
    body: dict[str, Any] = server.userinfo(tokens["access_token"]).json()
    return body


@pytest.mark.rfc("oidc-core", "5.1")
def test_whether_an_address_was_checked_leaves_with_it(server: AuthorizationServer) -> None:
    body = told(server, "email", scope="openid email phone")
    assert body["email"] == "ada@example.org"
    assert body["email_verified"] is False
    assert not body.keys() & {"phone_number", "phone_number_verified"}


@pytest.mark.rfc("oidc-core", "5.1")
def test_nothing_of_it_leaves_without_the_address(server: AuthorizationServer) -> None:
    assert not told(server, scope="openid email phone").keys() & CHECKED


@pytest.mark.rfc("oidc-core", "5.5")
def test_asked_for_alone_it_brings_no_address_along(server: AuthorizationServer) -> None:
    wish = json.dumps({"userinfo": {"email_verified": {"essential": True}}})
    body = told(server, scope="openid", claims=wish)
    assert set(body) == {"sub"}


@pytest.mark.rfc("oidc-discovery", "3")
def test_the_metadata_lists_them(server: AuthorizationServer) -> None:
    listed = server.http.get("/.well-known/openid-configuration").json()["claims_supported"]
    assert set(listed) >= CHECKED
