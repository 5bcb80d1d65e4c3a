"""Access tokens as JWTs — RFC 9068; failures 10."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from idp.oauth.tokens import access_token, jws
from tests.support.authorization_server import AuthorizationServer


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.mark.rfc("9068", "2.1")
@pytest.mark.rfc("9068", "2.2")
@pytest.mark.row("assurance", "X.1253-9.3-1")
def test_an_access_token_has_its_type_and_every_required_claim(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    token = server.tokens(service)["access_token"]
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(claims)
    assert claims["exp"] - claims["iat"] <= 300


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.rfc("9068", "4")
@pytest.mark.row("failures", "10")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"typ": "JWT"},
        {"typ": "at+jwt", "crit": ["b64"], "b64": False},
        {"kid": "nobody"},
        {"kid": None},
        {"jwk": {"kty": "oct", "k": "AAAA"}, "alg": "HS256"},
    ],
)
def test_a_token_with_another_header_never_verifies(
    server: AuthorizationServer, header: dict[str, Any]
) -> None:
    token = server.tokens(server.add())["access_token"]
    _, body, signature = token.split(".")
    forged = encoded({**jwt.get_unverified_header(token), **header})
    for last in (signature, ""):
        assert server.userinfo(f"{forged}.{body}.{last}").status_code == 401


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384"])
def test_the_algorithm_is_the_keys_even_where_the_signature_is_ours(
    server: AuthorizationServer, algorithm: str
) -> None:
    _, body, _ = server.tokens(server.add())["access_token"].split(".")
    signer = server.runtime.keys.signer("jwt")

    def status(named: str) -> int:
        head = encoded({"alg": named, "typ": "at+jwt", "kid": signer.kid})
        signature = signer.sign(f"{head}.{body}".encode())
        last = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        return int(server.userinfo(f"{head}.{body}.{last}").status_code)

    assert status("ES256") == 200
    assert status(algorithm) == 401


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("signature", ["", "AAAA", "A" * 86])
def test_no_signature_and_none_that_fits_never_verifies(
    server: AuthorizationServer, signature: str
) -> None:
    head, body, _ = server.tokens(server.add())["access_token"].split(".")
    assert server.userinfo(f"{head}.{body}.{signature}").status_code == 401


@pytest.mark.row("failures", "10")
def test_a_token_signed_with_our_public_key_as_a_secret_never_verifies(
    server: AuthorizationServer,
) -> None:
    import hashlib
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    token = server.tokens(server.add())["access_token"]
    _, body, _ = token.split(".")
    public = server.runtime.keys.published("jwt")[0].public_key
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = encoded({**jwt.get_unverified_header(token), "alg": "HS256"})
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    forged = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    assert server.userinfo(f"{head}.{body}.{forged}").status_code == 401


@pytest.mark.rfc("9068", "4")
def test_an_id_token_is_no_access_token(server: AuthorizationServer) -> None:
    assert server.userinfo(server.tokens(server.add())["id_token"]).status_code == 401


@pytest.mark.rfc("9068", "4")
def test_a_token_of_another_issuer_is_refused(server: AuthorizationServer) -> None:
    token = server.tokens(server.add())["access_token"]
    now = server.runtime.clock.now()
    with pytest.raises(jws.NotOurs):
        access_token.decode(server.runtime.keys, "https://other.example", token, now)


def test_a_token_still_verifies_after_a_rotation(server: AuthorizationServer) -> None:
    token = server.tokens(server.add())["access_token"]
    server.runtime.keys.rotate("jwt", server.runtime.clock.now())
    assert server.userinfo(token).status_code == 200
    assert len(server.http.get("/oauth/jwks").json()["keys"]) == 2
