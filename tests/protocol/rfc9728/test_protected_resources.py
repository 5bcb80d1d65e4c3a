"""What a client that knows only a resource finds out — RFC 9728."""

from __future__ import annotations

import re

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.oauth.resources import PATHS, WELL_KNOWN
from tests.support.authorization_server import AuthorizationServer
from tests.support.city import City


@pytest.mark.rfc("9728", "3.3")
@pytest.mark.parametrize("path", PATHS)
def test_each_resource_names_itself_and_its_authorization_server(
    authorization_server: AuthorizationServer, path: str
) -> None:
    server = authorization_server
    answer = server.http.get(WELL_KNOWN + path)
    metadata = answer.json()
    assert metadata["resource"] == server.issuer + path
    assert metadata["authorization_servers"] == [server.issuer]
    assert answer.headers["content-type"] == "application/json"
    assert metadata["scopes_supported"]


@pytest.mark.rfc("9728", "5.1")
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer dead"}])
def test_a_refusal_at_userinfo_says_where_the_metadata_is(
    authorization_server: AuthorizationServer, header: dict[str, str]
) -> None:
    server = authorization_server
    refused = server.http.get("/oauth/userinfo", headers=header)
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    found = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert found is not None
    assert ('error="invalid_token"' in challenge) is bool(header)
    assert server.http.get(found[1]).json()["resource"] == f"{server.issuer}/oauth/userinfo"


@pytest.mark.rfc("9728", "5.1")
@pytest.mark.parametrize(
    ("path", "described"),
    [
        ("/access/v1/evaluation", "/access/v1/evaluation"),
        ("/access/v1/evaluations", "/access/v1/evaluations"),
        ("/devices", ""),
        ("/devices/dev_nobody", ""),
    ],
)
def test_a_refusal_at_every_other_address_for_programs_does_too(
    settings: Settings, clock: FrozenClock, path: str, described: str
) -> None:
    city = City(settings, clock)
    ask = city.browser().http.post if path.startswith("/access") else city.browser().http.get
    for header in ({}, {"Authorization": "Bearer dead"}):
        refused = ask(path, headers={"Accept": "application/json", **header})
        assert refused.status_code == 401
        found = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
        assert found is not None
        assert city.browser().http.get(found[1]).json()["resource"].endswith(described)
    city.close()


@pytest.mark.rfc("8707", "2")
@pytest.mark.rfc("9728", "3.3")
@pytest.mark.parametrize("path", PATHS)
def test_a_client_asks_for_a_token_by_the_name_that_the_resource_gives_itself(
    authorization_server: AuthorizationServer, path: str
) -> None:
    server = authorization_server
    server.people.sign_in(server.people.born("per_1"), level=3)
    ours = server.issuer + path
    library = server.add()
    answer = server.tokens(library, resource=ours)
    assert "access_token" in answer
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert server.http.get("/oauth/userinfo", headers=headers).status_code == 200
