"""Authlib, a client library that we did not write, signs in with nothing but discovery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet

from foundation.clock import SystemClock
from foundation.settings import Server
from idp import oauth
from tests.support import deployments
from tests.support.authorization_server import CALLBACK, AuthorizationServer, hidden_fields
from tests.support.serving import serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AuthorizationServer]:
    """A live server on a socket; only the person at the browser is played by the test."""
    port = deployments.free_port()
    where = Server(url=f"http://127.0.0.1:{port}", listen=f"127.0.0.1:{port}")
    runtime = deployments.build_runtime(deployments.settings_in(tmp_path, where), SystemClock())
    oauth.prepare(runtime)
    made = AuthorizationServer(runtime)
    with serving(made.app, port, log_level="warning"):
        yield made
    runtime.close()


@pytest.mark.rfc("oidc-core", "3.1")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib_signs_in_by_discovery_alone(
    server: AuthorizationServer, method: str, algorithm: str
) -> None:
    server.people.born("per_1", given_name="Ada", email="ada@example.org")
    server.people.sign_in("per_1")
    added = server.add(token_endpoint_auth_method=method, id_token_signed_response_alg=algorithm)
    found = httpx.get(server.issuer + "/.well-known/openid-configuration").json()

    client = OAuth2Client(
        client_id=added.client.id,
        client_secret=added.secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="openid email offline_access",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    verifier, nonce = generate_token(48), generate_token(20)
    address, state = client.create_authorization_url(
        found["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    answer = _person_agrees(address, server.issuer)
    assert parse_qs(urlsplit(answer).query)["iss"] == [found["issuer"]]

    token = client.fetch_token(
        found["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
    )
    keys = KeySet.import_key_set(httpx.get(found["jwks_uri"]).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=[algorithm])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options={
            "iss": {"essential": True, "value": found["issuer"]},
            "aud": {"essential": True, "value": added.client.id},
        },
        params={
            "nonce": nonce,
            "client_id": added.client.id,
            "access_token": token["access_token"],
        },
    )
    claims.validate(leeway=5)
    body = client.get(found["userinfo_endpoint"]).json()
    assert body == {"sub": claims["sub"], "email": "ada@example.org"}

    before = token["access_token"]
    refreshed = client.refresh_token(found["token_endpoint"])
    assert refreshed["access_token"] != before
    gone = client.revoke_token(found["revocation_endpoint"], token=refreshed["refresh_token"])
    assert gone.status_code == 200
    assert client.get(found["userinfo_endpoint"]).status_code == 401


def _person_agrees(address: str, issuer: str) -> str:
    """What a person's browser does: follow, tick, accept; the address it is sent back to."""
    with httpx.Client(base_url=issuer) as browser:
        asked = browser.get(address)
        page = browser.get(asked.headers["location"])
        fields = {**hidden_fields(page.text), "give.email": "yes", "answer": "accept"}
        accepted = browser.post("/oauth/consent", data=fields)
    assert accepted.status_code == 303, accepted.text
    location: str = accepted.headers["location"]
    return location
