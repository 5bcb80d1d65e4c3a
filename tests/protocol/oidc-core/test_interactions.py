"""What a call of userinfo is found by in logs — FAPI 1.0 Read-Only §6.2.1 (11)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authorization_server import AuthorizationServer

HEADER, ID = "x-fapi-interaction-id", "d06F2cCe-46A5-4a4B-bF36-c0515706C05a"


def called(server: AuthorizationServer, said: str | None) -> Any:
    server.people.born("per_1")
    server.people.sign_in("per_1")
    token = server.tokens(server.add())["access_token"]
    headers = {"Authorization": f"Bearer {token}", **({HEADER: said} if said else {})}
    return server.browser().get("/oauth/userinfo", headers=headers)


@pytest.mark.rfc("fapi1", "6.2.1")
def test_who_names_a_call_reads_the_name_again(authorization_server: AuthorizationServer) -> None:
    assert called(authorization_server, ID).headers[HEADER] == ID


@pytest.mark.rfc("fapi1", "6.2.1")
@pytest.mark.parametrize("said", [None, "x", ID + "0", "<script>", ID.replace("-", "")])
def test_nothing_else_is_said_back(
    authorization_server: AuthorizationServer, said: str | None
) -> None:
    assert HEADER not in called(authorization_server, said).headers
