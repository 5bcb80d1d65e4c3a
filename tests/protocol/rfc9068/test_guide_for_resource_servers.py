"""The Python of the integrator's guide for resource servers, run as it stands — RFC 9068 §4."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import jwt
import pytest

from foundation.clock import FrozenClock
from idp.oauth import AddedClient
from tests.support.authorization_server import AuthorizationServer

GUIDE = Path(__file__).parents[3] / "docs" / "integrator.md"
RESOURCE, SCOPE = "https://api.example/", "loans:read"


@pytest.fixture
def server(authorization_server: AuthorizationServer, clock: FrozenClock) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    authorization_server.add(
        redirect_uris=None, grant_types=["client_credentials"], purposes=None,
        scope="access:evaluate", resource=RESOURCE, sector="api.example",
    )  # fmt: skip
    return authorization_server


@pytest.fixture
def guide(server: AuthorizationServer, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the guide defines; its keys come from the server in this process, its time from us."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return clock.now()

    monkeypatch.setattr("jwt.api_jwt.datetime", Now)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    (source,) = (block for block in blocks if "def claims_of" in block)
    written = source.replace("https://city.example", server.issuer)
    defined: dict[str, Any] = {}
    exec(compile(written, str(GUIDE), "exec"), defined)
    monkeypatch.setattr(
        jwt.PyJWKClient, "fetch_data", lambda self: server.http.get("/oauth/jwks").json()
    )
    return defined


def client(server: AuthorizationServer) -> AddedClient:
    return server.add(scope=f"openid {SCOPE}", audiences=[RESOURCE])


@pytest.mark.rfc("9068", "4")
def test_the_example_takes_a_token_for_its_resource_and_no_other(
    server: AuthorizationServer, guide: Any
) -> None:
    service = client(server)
    tokens = server.tokens(service, scope=f"openid {SCOPE}", resource=RESOURCE)
    claims = guide["claims_of"](tokens["access_token"], SCOPE, 2)
    assert claims["client_id"] == service.client.id
    elsewhere = server.tokens(service, scope=f"openid {SCOPE}")["access_token"]
    head, _, rest = tokens["access_token"].partition(".")
    for bad in (elsewhere, tokens["id_token"], "x", f"{head}.{rest[:-4]}AAAA"):
        with pytest.raises(guide["Refused"], match="invalid_token") as refused:
            guide["claims_of"](bad, SCOPE)
        assert refused.value.status == 401


@pytest.mark.rfc("9470", "3")
def test_the_example_asks_for_the_scope_and_the_level_that_are_missing(
    server: AuthorizationServer, guide: Any
) -> None:
    token = server.tokens(client(server), resource=RESOURCE)["access_token"]
    with pytest.raises(guide["Refused"], match='insufficient_scope", scope="loans:read"'):
        guide["claims_of"](token, SCOPE)
    with pytest.raises(guide["Refused"], match=r"insufficient_user_authentication.*loa:3"):
        guide["claims_of"](token, "openid", 3)


@pytest.mark.rfc("9068", "4")
def test_the_example_refuses_a_token_whose_time_is_over(
    server: AuthorizationServer, guide: Any, clock: FrozenClock
) -> None:
    token = server.tokens(client(server), resource=RESOURCE)["access_token"]
    assert guide["claims_of"](token, "openid")["sub"]
    clock.advance(timedelta(minutes=6))
    with pytest.raises(guide["Refused"], match="invalid_token"):
        guide["claims_of"](token, "openid")
