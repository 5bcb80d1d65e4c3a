"""Unknown names of clients, and what they make us fetch — OpenID Federation 1.0 §12.1."""

from datetime import timedelta

import pytest

from civitas.adapters import Federated
from foundation.clock import FrozenClock
from tests.support.authorization_server import AuthorizationServer
from tests.support.federation import City, ScriptedProvider


@pytest.fixture
def leaf(provider: ScriptedProvider) -> AuthorizationServer:
    """An accredited provider that takes relying parties on the regulator's word."""
    member = provider.member
    source = Federated(member.federation, member.runtime.settings)
    return AuthorizationServer(member.runtime, sources=(source,))


def fetched(city: City) -> int:
    return sum("stranger" in sent.url for sent in city.network.sent)


@pytest.mark.rfc("openid-federation", "12.1")
@pytest.mark.row("failures", "6")
def test_unknown_names_at_the_authorization_endpoint_make_us_fetch_only_so_often(
    leaf: AuthorizationServer, federation_city: City, clock: FrozenClock
) -> None:
    most = leaf.oauth.settings.unknown_clients_per_minute
    for number in range(most):
        named = {"client_id": f"https://stranger-{number}.example"}
        assert leaf.http.get("/oauth/authorize", params=named).status_code == 400
    assert fetched(federation_city) == most
    refused = leaf.http.get("/oauth/authorize", params={"client_id": "https://stranger.example"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert fetched(federation_city) == most
    clock.advance(timedelta(minutes=1))
    again = leaf.http.get("/oauth/authorize", params={"client_id": "https://stranger.example"})
    assert again.status_code == 400
    assert fetched(federation_city) == most + 1


@pytest.mark.rfc("openid-federation", "12.1")
@pytest.mark.row("failures", "6")
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
def test_unknown_names_at_the_back_channel_make_us_fetch_only_so_often(
    leaf: AuthorizationServer, federation_city: City, path: str
) -> None:
    most = leaf.oauth.settings.unknown_clients_per_minute
    for number in range(most):
        leaf.http.get(
            "/oauth/end-session", params={"client_id": f"https://stranger-{number}.example"}
        )
    assert fetched(federation_city) == most
    refused = leaf.http.post(path, data={"client_id": "https://stranger.example", "token": "t"})
    assert refused.status_code == 429
    assert refused.json()["error"] == "temporarily_unavailable"
    assert fetched(federation_city) == most
