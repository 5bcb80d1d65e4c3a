"""Proof key for code exchange — RFC 7636; failures 2."""

from __future__ import annotations

import jwt
import pytest

from idp import oauth
from idp.oauth import InvalidClientMetadata, pkce
from tests.support.authorization_server import VERIFIER, AuthorizationServer, answer_of

WITHOUT: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}


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
    assert answer.get("error") == "invalid_request"
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
    assert server.redeem(service, code).json().get("error") == "invalid_grant"


@pytest.mark.rfc("7636", "4.6")
def test_the_challenge_itself_is_no_verifier(server: AuthorizationServer) -> None:
    service = server.add()
    code = server.sign_in(service)
    given = pkce.challenge_of(VERIFIER)
    assert server.redeem(service, code, code_verifier=given).json().get("error") == "invalid_grant"


@pytest.mark.rfc("7636", "5")
def test_a_public_client_redeems_with_its_verifier_alone(server: AuthorizationServer) -> None:
    app = server.add(token_endpoint_auth_method="none")
    assert app.secret is None
    assert server.redeem(app, server.sign_in(app)).status_code == 200


# ── a client that may go without it ──────────────────────────────────────────────────────


@pytest.mark.rfc("9700", "2.1.1")
def test_a_confidential_client_may_send_a_nonce_in_place_of_a_challenge(
    server: AuthorizationServer,
) -> None:
    service = server.add(require_pkce=False)
    code = server.sign_in(service, **WITHOUT)
    answer = server.redeem(service, code, code_verifier=None)
    assert answer.status_code == 200
    claims = jwt.decode(answer.json()["id_token"], options={"verify_signature": False})
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    # Where there is a challenge it counts as for everybody.
    assert server.redeem(service, server.sign_in(service)).status_code == 200


@pytest.mark.rfc("9700", "2.1.1")
@pytest.mark.row("failures", "2")
@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({**WITHOUT, "nonce": None}, "nonce"),
        ({**WITHOUT, "nonce": ""}, "nonce"),
        # Somebody on the way took one of the two out.
        ({"code_challenge": None}, "code_challenge"),
        ({"code_challenge_method": None}, "code_challenge_method"),
        ({"code_challenge_method": "plain"}, "code_challenge_method"),
    ],
)
def test_without_a_challenge_a_nonce_is_demanded(
    server: AuthorizationServer, changed: dict[str, str | None], missing: str
) -> None:
    answer = answer_of(server.authorize(server.add(require_pkce=False), **changed))
    assert answer.get("error") == "invalid_request"
    assert answer["error_description"].startswith(missing)


def test_an_operator_may_let_one_leave_out_both_and_reads_what_that_costs(
    server: AuthorizationServer,
) -> None:
    service = server.add(require_pkce=False, require_nonce=False)
    code = server.sign_in(service, **{**WITHOUT, "nonce": None})
    assert server.redeem(service, code, code_verifier=None).status_code == 200
    relaxed = [one.member for one in oauth.relaxations_of(service.client)]
    assert relaxed == ["require_pkce", "require_nonce"]


@pytest.mark.rfc("9700", "4.8.2")
@pytest.mark.row("failures", "2")
def test_a_verifier_without_a_challenge_is_a_downgrade_and_ends_the_code(
    server: AuthorizationServer,
) -> None:
    service = server.add(require_pkce=False)
    code = server.sign_in(service, **WITHOUT)
    refused = server.redeem(service, code).json()
    assert refused.get("error") == "invalid_grant"
    assert "no code_challenge" in refused["error_description"]
    again = server.redeem(service, code, code_verifier=None)
    assert again.json().get("error") == "invalid_grant"


@pytest.mark.rfc("9700", "2.1.1")
@pytest.mark.row("failures", "2")
def test_a_challenge_of_a_client_that_may_go_without_is_verified(
    server: AuthorizationServer,
) -> None:
    service = server.add(require_pkce=False)
    for verifier in (None, "a" * 43):
        refused = server.redeem(service, server.sign_in(service), code_verifier=verifier)
        assert refused.json().get("error") == "invalid_grant"


@pytest.mark.rfc("9700", "2.1.1")
def test_a_public_client_cannot_be_registered_to_go_without(server: AuthorizationServer) -> None:
    with pytest.raises(InvalidClientMetadata, match="public client"):
        server.add(token_endpoint_auth_method="none", require_pkce=False)
