"""Tokens that are bound to a key, and the proofs of it — RFC 9449."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.requests import Request

from foundation.runtime import Runtime
from idp.oauth import AddedClient
from idp.oauth.errors import InvalidToken
from tests.support.authorization_server import VERIFIER, AuthorizationServer, answer_of
from tests.support.dpop import ProofKey, hash_of

TOKEN, USERINFO, PAR = "/oauth/token", "/oauth/userinfo", "/oauth/par"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def service(server: AuthorizationServer) -> AddedClient:
    return server.add(dpop_bound_access_tokens=True)


@pytest.fixture
def public(server: AuthorizationServer) -> AddedClient:
    return server.add(token_endpoint_auth_method="none", dpop_bound_access_tokens=True)


@pytest.fixture
def key(server: AuthorizationServer) -> ProofKey:
    return ProofKey(server)


def redeem(client: AddedClient, code: str, key: ProofKey, **changed: Any) -> Any:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.client.redirect_uris[0],
        "code_verifier": VERIFIER,
        "client_id": client.client.id,
    }
    return key.post(TOKEN, form, _auth(client), **changed)


def refresh(client: AddedClient, token: str, key: ProofKey) -> Any:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": client.client.id,
    }
    return key.post(TOKEN, form, _auth(client))


def _auth(client: AddedClient) -> tuple[str, str] | None:
    return None if client.secret is None else (client.client.id, client.secret)


def tokens(
    server: AuthorizationServer, client: AddedClient, key: ProofKey, **asked: str
) -> dict[str, Any]:
    answer = redeem(client, server.sign_in(client, **asked), key)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.rfc("9449", "5")
@pytest.mark.rfc("9449", "6.1")
def test_a_token_is_bound_to_the_key_of_its_proof(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    given = tokens(server, service, key)
    assert given["token_type"] == "DPoP"
    assert claims_of(given["access_token"])["cnf"] == {"jkt": key.thumbprint}
    told = server.introspect(service, given["access_token"])
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": key.thumbprint})
    answer = key.get(USERINFO, given["access_token"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["dpop-nonce"]


@pytest.mark.rfc("9449", "7.2")
@pytest.mark.row("failures", "2")
def test_a_bound_token_is_refused_as_a_bearer_token(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    token = tokens(server, service, key)["access_token"]
    refused = server.userinfo(token)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof(USERINFO, "GET", token)}
    assert server.http.get(USERINFO, headers=headers).status_code == 401
    assert server.http.post(USERINFO, data={"access_token": token}).status_code == 401


@pytest.mark.rfc("9449", "7.1")
def test_a_token_that_is_bound_to_nothing_does_not_come_by_this_scheme(
    server: AuthorizationServer, key: ProofKey
) -> None:
    plain = server.tokens(server.add())["access_token"]
    assert server.userinfo(plain).status_code == 200
    refused = key.get(USERINFO, plain)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("DPoP ")


@pytest.mark.rfc("9449", "5.2")
def test_a_client_whose_tokens_are_bound_gets_none_without_a_proof_and_keeps_its_code(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    code = server.sign_in(service)
    refused = server.redeem(service, code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    assert redeem(service, code, key).status_code == 200


@pytest.mark.rfc("9449", "8")
def test_the_first_answer_is_a_nonce_and_it_costs_nothing(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    form = {"grant_type": "authorization_code", "code": "x"}
    asked = server.http.post(
        TOKEN, data=form, auth=_auth(service), headers={"DPoP": key.proof(TOKEN)}
    )
    assert (asked.status_code, asked.json()["error"]) == (400, "use_dpop_nonce")
    assert asked.headers["dpop-nonce"]
    assert asked.headers["cache-control"] == "no-store"
    token = tokens(server, service, key)["access_token"]
    key.nonce = None
    headers = {"Authorization": f"DPoP {token}", "DPoP": key.proof(USERINFO, "GET", token)}
    at_resource = server.http.get(USERINFO, headers=headers)
    assert at_resource.status_code == 401
    assert 'error="use_dpop_nonce"' in at_resource.headers["www-authenticate"]
    assert at_resource.headers["dpop-nonce"]


@pytest.mark.rfc("9449", "8.2")
def test_the_next_nonce_comes_with_every_answer_and_an_old_one_is_over(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    given = tokens(server, service, key)
    old = key.nonce
    server.runtime.clock.advance(timedelta(minutes=3))  # type: ignore[attr-defined]
    assert key.get(USERINFO, given["access_token"]).status_code == 200
    assert key.nonce != old
    server.runtime.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    token = given["access_token"]
    proof = key.proof(USERINFO, "GET", token, nonce=old)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    late = server.http.get(USERINFO, headers=headers)
    assert "use_dpop_nonce" in late.headers["www-authenticate"]


@pytest.mark.rfc("9449", "8")
def test_a_client_whose_clock_is_wrong_is_served_by_the_nonce(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    code = server.sign_in(service)
    now = int(server.runtime.clock.now().timestamp())
    assert redeem(service, code, key, iat=now - 86_400).status_code == 200


@pytest.mark.rfc("9449", "11.1")
@pytest.mark.parametrize(("late", "status"), [(100, 200), (-25, 200), (150, 401), (-60, 401)])
def test_without_nonces_the_time_of_the_proof_has_to_be_near(
    server: AuthorizationServer, service: AddedClient, key: ProofKey, late: int, status: int
) -> None:
    token = tokens(server, service, key)["access_token"]
    server.oauth.proofs._with_nonces = False
    key.nonce = None
    now = int(server.runtime.clock.now().timestamp())
    assert key.get(USERINFO, token, iat=now - late).status_code == status


@pytest.mark.rfc("9449", "11.1")
@pytest.mark.row("failures", "7")
def test_a_proof_works_once_at_an_address_also_after_a_restart(
    server: AuthorizationServer, service: AddedClient, key: ProofKey, runtime: Runtime
) -> None:
    token = tokens(server, service, key)["access_token"]
    headers = {"Authorization": f"DPoP {token}", "DPoP": key.proof(USERINFO, "GET", token)}
    assert server.http.get(USERINFO, headers=headers).status_code == 200
    again = server.http.get(USERINFO, headers=headers)
    assert again.status_code == 401
    assert "used before" in again.headers["www-authenticate"]
    other = AuthorizationServer(runtime)
    other.people.born("per_2")
    assert other.http.get(USERINFO, headers=headers).status_code == 401


@pytest.mark.rfc("9449", "11.1")
def test_a_proof_works_once_at_the_token_endpoint(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    given = tokens(server, service, key, scope="openid offline_access")
    proof = {"DPoP": key.proof(TOKEN)}
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    auth = _auth(service)
    first = server.http.post(TOKEN, data=form, auth=auth, headers=proof)
    assert first.status_code == 200
    form["refresh_token"] = first.json()["refresh_token"]
    again = server.http.post(TOKEN, data=form, auth=auth, headers=proof)
    assert again.json()["error"] == "invalid_dpop_proof"
    # What was refused used nothing up.
    assert refresh(service, form["refresh_token"], key).status_code == 200


def _hostile() -> list[tuple[str, dict[str, Any]]]:
    public_rsa = rsa.generate_private_key(65537, 1024).public_key()
    import json

    weak = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public_rsa))
    return [
        ("another method", {"htm": "PUT"}),
        ("no method", {"htm": None}),
        ("another address", {"htu": "https://other.example/oauth/userinfo"}),
        ("another endpoint", {"htu": "http://localhost:8000/oauth/token"}),
        ("no address", {"htu": None}),
        ("an address that is none", {"htu": "http://[::1"}),
        ("a number as address", {"htu": 7}),
        ("no time", {"iat": None}),
        ("a text as time", {"iat": "now"}),
        ("no identifier", {"jti": None}),
        ("an empty identifier", {"jti": ""}),
        ("a long identifier", {"jti": "x" * 300}),
        ("no hash of the token", {"ath": None}),
        ("the hash of another", {"ath": hash_of("other")}),
        ("half of a character as hash", {"ath": "\ud800"}),
        ("a number as nonce", {"nonce": 5}),
        ("no type", {"header": {"typ": None}}),
        ("another type", {"header": {"typ": "JWT"}}),
        ("no key", {"header": {"jwk": None}}),
        ("a text as key", {"header": {"jwk": "x"}}),
        ("a key of another kind", {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}),
        ("a weak key", {"header": {"jwk": weak}}),
        ("a critical header", {"header": {"crit": ["x"]}}),
        ("very long", {"more": "x" * 9000}),
    ]


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize(
    ("what", "changed"), _hostile(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_proof_that_is_not_for_this_request_is_refused(
    server: AuthorizationServer,
    service: AddedClient,
    key: ProofKey,
    what: str,
    changed: dict[str, Any],
) -> None:
    token = tokens(server, service, key)["access_token"]
    header = changed.pop("header", None)
    refused = key.get(USERINFO, token, header=header, **changed)
    assert refused.status_code == 401, what
    assert refused.headers["www-authenticate"].startswith("DPoP ")
    assert 'algs="ES256' in refused.headers["www-authenticate"]


@pytest.mark.rfc("9449", "4.3")
def test_other_things_in_the_header_are_refused(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    token = tokens(server, service, key)["access_token"]
    good = key.proof(USERINFO, "GET", token)
    head, payload, signature = good.split(".")
    other = ProofKey(server).proof(USERINFO, "GET", token).split(".")[2]
    private = {**key.jwk, "d": "AAAA"}
    for proofs in (
        ["x"],
        [""],
        [f"{head}.{payload}."],
        [f"{head}.{payload}.{other}"],
        [good, good],
        [key.proof(USERINFO, "GET", token, header={"jwk": private})],
        [jwt.encode({"jti": "x"}, None, algorithm="none", headers={"typ": "dpop+jwt"})],
        [jwt.encode({"jti": "x"}, "s" * 32, algorithm="HS256", headers={"typ": "dpop+jwt"})],
        [],
    ):
        headers = [("Authorization", f"DPoP {token}"), *(("DPoP", proof) for proof in proofs)]
        assert server.browser().get(USERINFO, headers=headers).status_code == 401, proofs
    assert signature


@pytest.mark.rfc("9449", "4.3")
def test_rs256_is_not_among_the_algorithms(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    import json

    code = server.sign_in(service)
    for algorithm, status in (("RS256", 400), ("PS256", 200)):
        made = rsa.generate_private_key(65537, 2048)
        key.jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(made.public_key()))
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

        def proof(path: str, pem: bytes = pem, algorithm: str = algorithm, **_: Any) -> str:
            claims = {
                "jti": algorithm + str(key.nonce),
                "htm": "POST",
                "iat": 1,
                "nonce": key.nonce,
            }
            claims["htu"] = server.issuer + path
            head = {"typ": "dpop+jwt", "jwk": key.jwk}
            kept = {n: v for n, v in claims.items() if v is not None}
            return jwt.encode(kept, pem, algorithm=algorithm, headers=head)

        key.proof = proof  # type: ignore[method-assign,assignment]
        assert redeem(service, code, key).status_code == status


@pytest.mark.rfc("9449", "4.3")
def test_keys_on_other_curves_prove_as_well(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    import json

    for made, algorithm, to_jwk in (
        (ec.generate_private_key(ec.SECP384R1()), "ES384", jwt.algorithms.ECAlgorithm.to_jwk),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA", jwt.algorithms.OKPAlgorithm.to_jwk),
    ):
        jwk = json.loads(to_jwk(made.public_key()))  # type: ignore[operator]

        def proof(path: str, made: Any = made, alg: str = algorithm, jwk: Any = jwk) -> str:
            claims = {"jti": alg + str(key.nonce), "htm": "POST", "iat": 1, "nonce": key.nonce}
            claims["htu"] = server.issuer + path
            kept = {n: v for n, v in claims.items() if v is not None}
            return jwt.encode(kept, made, algorithm=alg, headers={"typ": "dpop+jwt", "jwk": jwk})

        key.proof, key.nonce = proof, None  # type: ignore[method-assign,assignment]
        assert redeem(service, server.sign_in(service), key).status_code == 200


@pytest.mark.rfc("9449", "4.3")
@pytest.mark.parametrize("tail", ["?a=b", "#c", "?a=b#c"])
def test_query_and_fragment_of_the_address_do_not_count(
    server: AuthorizationServer, service: AddedClient, key: ProofKey, tail: str
) -> None:
    token = tokens(server, service, key)["access_token"]
    assert key.get(USERINFO, token, htu=server.issuer + USERINFO + tail).status_code == 200


@pytest.mark.rfc("9449", "7.1")
def test_the_proof_of_another_key_is_refused(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    token = tokens(server, service, key)["access_token"]
    thief = ProofKey(server)
    refused = thief.get(USERINFO, token)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


@pytest.mark.rfc("9449", "5")
def test_a_refresh_token_of_a_public_client_is_bound_to_its_key(
    server: AuthorizationServer, public: AddedClient, key: ProofKey
) -> None:
    given = tokens(server, public, key, scope="openid offline_access")
    thief = ProofKey(server)
    assert refresh(public, given["refresh_token"], thief).json()["error"] == "invalid_grant"
    bare = server.refresh(public, given["refresh_token"])
    assert bare.json()["error"] in ("invalid_grant", "invalid_dpop_proof")
    next_one = refresh(public, given["refresh_token"], key).json()
    assert next_one["token_type"] == "DPoP"
    assert refresh(public, next_one["refresh_token"], thief).json()["error"] == "invalid_grant"


@pytest.mark.rfc("9449", "5")
def test_a_client_that_authenticates_may_change_its_key_at_a_refresh(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    given = tokens(server, service, key, scope="openid offline_access")
    other = ProofKey(server)
    anew = refresh(service, given["refresh_token"], other).json()
    assert claims_of(anew["access_token"])["cnf"] == {"jkt": other.thumbprint}


@pytest.mark.rfc("9449", "10")
def test_a_code_is_bound_to_the_key_that_was_named(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    code = server.sign_in(service, dpop_jkt=key.thumbprint)
    assert redeem(service, code, key).status_code == 200
    code = server.sign_in(service, dpop_jkt=key.thumbprint)
    assert redeem(service, code, ProofKey(server)).json()["error"] == "invalid_grant"
    # Whoever has the code but not the key did not begin: nobody uses it any more.
    assert redeem(service, code, key).json()["error"] == "invalid_grant"


@pytest.mark.rfc("9449", "10")
def test_a_bound_code_needs_a_proof_of_whatever_client(
    server: AuthorizationServer, key: ProofKey
) -> None:
    plain = server.add()
    code = server.sign_in(plain, dpop_jkt=key.thumbprint)
    assert server.redeem(plain, code).json()["error"] == "invalid_grant"


@pytest.mark.rfc("9449", "10")
@pytest.mark.parametrize("named", ["x", "A" * 42, "A" * 44, "A" * 42 + "B", "é" * 43])
def test_a_thumbprint_that_is_none_is_refused(
    server: AuthorizationServer, service: AddedClient, named: str
) -> None:
    assert answer_of(server.authorize(service, dpop_jkt=named))["error"] == "invalid_request"


@pytest.mark.rfc("9449", "10.1")
def test_a_proof_where_the_request_is_pushed_binds_the_code(
    server: AuthorizationServer, service: AddedClient, key: ProofKey
) -> None:
    asked = server.parameters(service)
    pushed = key.post(PAR, asked, _auth(service))
    assert pushed.status_code == 201, pushed.text
    request_uri = pushed.json()["request_uri"]
    come = {"client_id": service.client.id, "request_uri": request_uri}
    response = server.http.get("/oauth/authorize", params=come)
    code = answer_of(server.answer(response))["code"]
    assert redeem(service, code, ProofKey(server)).json()["error"] == "invalid_grant"
    other = {**asked, "dpop_jkt": ProofKey(server).thumbprint}
    assert key.post(PAR, other, _auth(service)).json()["error"] == "invalid_dpop_proof"
    same = {**asked, "dpop_jkt": key.thumbprint}
    assert key.post(PAR, same, _auth(service)).status_code == 201


@pytest.mark.rfc("9449", "5")
def test_a_service_gets_a_bound_token_for_itself_and_calls_with_it(
    server: AuthorizationServer, key: ProofKey
) -> None:
    service = server.add(grant_types=["client_credentials"], redirect_uris=None, scope="a:b")
    form = {"grant_type": "client_credentials"}
    given = key.post(TOKEN, form, _auth(service)).json()
    assert given["token_type"] == "DPoP"

    def call(scheme: str, proof: str | None) -> Any:
        headers = [(b"authorization", f"{scheme} {given['access_token']}".encode())]
        if proof is not None:
            headers.append((b"dpop", proof.encode()))
        scope = {
            "type": "http", "method": "GET", "path": "/access/v1/evaluation", "headers": headers,
            "query_string": b"", "client": ("testclient", 1), "scheme": "http",
            "server": ("localhost", 8000),
        }  # fmt: skip
        return server.oauth.principal_of_token(Request(scope))

    proof = key.proof("/access/v1/evaluation", "GET", given["access_token"])
    assert call("DPoP", proof).id == service.client.id
    for scheme, sent in (("Bearer", None), ("DPoP", None), ("DPoP", proof)):
        with pytest.raises(InvalidToken if scheme == "Bearer" else Exception):
            call(scheme, sent)


@pytest.mark.rfc("9449", "7.1")
def test_the_challenge_names_both_schemes(server: AuthorizationServer) -> None:
    challenge = server.http.get(USERINFO).headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert 'DPoP algs="ES256 ES384 EdDSA PS256"' in challenge


@pytest.mark.rfc("9449", "5.1")
def test_metadata_says_which_algorithms(server: AuthorizationServer) -> None:
    metadata = server.http.get("/.well-known/openid-configuration").json()
    assert "RS256" not in metadata["dpop_signing_alg_values_supported"]
    assert "ES256" in metadata["dpop_signing_alg_values_supported"]
