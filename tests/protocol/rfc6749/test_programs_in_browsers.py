"""Programs in pages of other origins read refusals, too — Fetch Standard §3.2; RFC 6749 §5.2."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oauth import OAuthSettings
from tests.support.authorization_server import AuthorizationServer

SPA = "https://spa.example"
STRANGER = "https://evil.example"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.add(
        token_endpoint_auth_method="none", redirect_uris=["https://spa.example:443/callback"]
    )
    return authorization_server


def read_by(answer: Any) -> str | None:
    found: str | None = answer.headers.get("access-control-allow-origin")
    return found


def exposed(answer: Any) -> set[str]:
    return {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}


@pytest.mark.rfc("6749", "5.2")
@pytest.mark.rfc("7009", "2.2.1")
@pytest.mark.rfc("6750", "3")
@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("POST", "/oauth/token", {"data": {"grant_type": "authorization_code"}}, 401),
        ("POST", "/oauth/token", {"json": {}}, 400),
        ("POST", "/oauth/token", {"content": b"x" * 70_000}, 413),
        ("GET", "/oauth/token", {}, 405),
        ("POST", "/oauth/revoke", {"data": {"token": "x"}}, 401),
        ("POST", "/oauth/introspect", {"data": {"token": "x"}}, 401),
        ("GET", "/oauth/userinfo", {}, 401),
        ("GET", "/oauth/userinfo", {"headers": {"Authorization": "Bearer x"}}, 401),
    ],
)
def test_a_page_of_a_client_reads_every_refusal_and_a_page_of_nobody_none(
    server: AuthorizationServer, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    for origin, allowed in ((SPA, SPA), (STRANGER, None), ("null", None)):
        headers = {**sent.get("headers", {}), "Origin": origin}
        answer = server.browser().request(method, path, **{**sent, "headers": headers})
        assert answer.status_code == status, answer.text
        assert read_by(answer) == allowed
        assert "Origin" in answer.headers["vary"]
        if allowed:
            assert {"WWW-Authenticate", "Retry-After"} <= exposed(answer)


@pytest.mark.rfc("6749", "5.2")
def test_a_program_in_a_page_reads_that_its_code_is_no_good(server: AuthorizationServer) -> None:
    spa = server.oauth.clients.list()[0]
    answer = server.browser().post(
        "/oauth/token",
        data={"client_id": spa.id, "grant_type": "authorization_code", "code": "spent"}
        | {"redirect_uri": spa.redirect_uris[0], "code_verifier": "v" * 43},
        headers={"Origin": SPA},
    )
    assert answer.json()["error"] == "invalid_grant"
    assert read_by(answer) == SPA


@pytest.mark.rfc("6585", "4")
def test_a_page_reads_that_it_comes_too_often_and_when_to_come_back(
    server: AuthorizationServer,
) -> None:
    spa, http = server.oauth.clients.list()[0], server.browser()
    confidential = server.add()
    most = server.runtime.settings.of(OAuthSettings).client_failures_per_minute
    for _ in range(most + 1):
        answer = http.post(
            "/oauth/token",
            data={"client_id": confidential.client.id, "client_secret": "wrong"},
            headers={"Origin": SPA},
        )
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert read_by(answer) == SPA, spa


@pytest.mark.rfc("oidc-discovery", "4")
@pytest.mark.rfc("7517", "5")
@pytest.mark.parametrize(
    "path",
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth/jwks"],
)
def test_metadata_and_keys_answer_the_question_before_the_request(
    server: AuthorizationServer, path: str
) -> None:
    asked = {"Origin": STRANGER, "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "x-traced"
    question = server.browser().options(path, headers=asked)
    assert question.status_code == 204
    assert read_by(question) == "*"
    assert "GET" in question.headers["access-control-allow-methods"]
    assert "*" in question.headers["access-control-allow-headers"]
    assert read_by(server.browser().get(path, headers={"Origin": STRANGER})) == "*"


@pytest.mark.parametrize("path", ["token", "revoke", "userinfo", "introspect"])
def test_the_question_before_a_request_with_authorization_is_answered(
    server: AuthorizationServer, path: str
) -> None:
    question = server.browser().options(f"/oauth/{path}", headers={"Origin": SPA})
    assert read_by(question) == SPA
    assert "authorization" in question.headers["access-control-allow-headers"]
    assert read_by(server.browser().options(f"/oauth/{path}", headers={"Origin": STRANGER})) is None


@pytest.mark.rfc("6454", "6.2")
def test_an_origin_is_known_by_its_default_port_or_without_it_and_by_no_other(
    server: AuthorizationServer,
) -> None:
    known = server.oauth.is_client_origin
    assert known(SPA)
    assert known(SPA.upper())
    assert not known("https://spa.example:8443")
    assert not known("http://spa.example")
    assert not known("https://spa.example.evil.example")
