"""The issuer in every authorization response — RFC 9207."""

from __future__ import annotations

import pytest

from tests.support.authorization_server import AuthorizationServer, answer_of


@pytest.mark.rfc("9207", "2")
def test_a_code_comes_with_the_issuer_and_the_state(
    authorization_server: AuthorizationServer,
) -> None:
    server = authorization_server
    server.people.born("per_1")
    server.people.sign_in("per_1")
    service = server.add()
    answer = answer_of(server.answer(server.authorize(service)))
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == server.issuer
    assert answer["state"] == "af0ifjsldkj"


@pytest.mark.rfc("9207", "3")
def test_the_metadata_says_so(authorization_server: AuthorizationServer) -> None:
    metadata = authorization_server.http.get("/.well-known/openid-configuration").json()
    assert metadata["authorization_response_iss_parameter_supported"] is True
