"""Proof key for code exchange — RFC 7636; failures 2."""

from __future__ import annotations

import pytest

from idp.oauth import pkce
from tests.support.authorization_server import VERIFIER, AuthorizationServer, answer_of


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.mark.rfc("7636", "B")
def test_the_example_of_appendix_b_holds() -> None:
    assert pkce.challenge_of(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.rfc("7636", "4.4.1")
@pytest.mark.row("failures", "2")
@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": "short"},
        {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="},
    ],
)
def test_a_request_without_an_s256_challenge_is_refused(
    server: AuthorizationServer, changed: dict[str, str | None]
) -> None:
    answer = answer_of(server.authorize(server.add(), **changed))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


@pytest.mark.rfc("7636", "4.6")
@pytest.mark.row("failures", "2")
@pytest.mark.parametrize(
    "verifier",
    [None, "", "a" * 43, VERIFIER + "a", VERIFIER[:-1], "a" * 42, "a" * 129, VERIFIER + "\u00e9"],
)
def test_a_challenge_without_its_verifier_is_invalid_grant_and_ends_the_code(
    server: AuthorizationServer, verifier: str | None
) -> None:
    service = server.add()
    code = server.sign_in(service)
    refused = server.redeem(service, code, code_verifier=verifier).json()
    assert refused.get("error") == "invalid_grant"
    assert server.redeem(service, code).json()["error"] == "invalid_grant"


@pytest.mark.rfc("7636", "4.6")
def test_the_challenge_itself_is_no_verifier(server: AuthorizationServer) -> None:
    service = server.add()
    code = server.sign_in(service)
    given = pkce.challenge_of(VERIFIER)
    assert server.redeem(service, code, code_verifier=given).json()["error"] == "invalid_grant"


@pytest.mark.rfc("7636", "5")
def test_a_public_client_redeems_with_its_verifier_alone(server: AuthorizationServer) -> None:
    app = server.add(token_endpoint_auth_method="none")
    assert app.secret is None
    assert server.redeem(app, server.sign_in(app)).status_code == 200
