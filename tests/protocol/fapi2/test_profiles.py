"""FAPI 2.0 Security Profile and Message Signing as one switch of a client, negative tests first.

What the foundation's own plans try (`fapi2-security-profile-final`, `fapi2-message-signing-final`)
is tried here as well.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from foundation import opaque
from idp.oauth import AddedClient, InvalidClientMetadata
from idp.oauth.client_authentication.private_key_jwt import ASSERTION_TYPE
from tests.support.authorization_server import VERIFIER, AuthorizationServer, answer_of, soon
from tests.support.dpop import ProofKey

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
SECURITY, SIGNING = "fapi2-security", "fapi2-message-signing"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


@pytest.fixture
def bank(server: AuthorizationServer) -> Bank:
    return Bank(server, SECURITY)


@pytest.fixture
def signing_bank(server: AuthorizationServer) -> Bank:
    return Bank(server, SIGNING)


class Bank:
    """A service of the profile, with its key and a DPoP key."""

    def __init__(self, server: AuthorizationServer, profile: str, **more: Any) -> None:
        keys = {"keys": [JWK]}
        usual = {"profile": profile, "jwks": keys, "id_token_signed_response_alg": None}
        self.server = server
        self.client: AddedClient = server.add(**{**usual, **more})
        self.key = ProofKey(server)

    @property
    def id(self) -> str:
        return self.client.client.id

    def _now(self, seconds: int) -> int:
        return soon(self.server.runtime.clock.now(), seconds)

    def assertion(self, **changed: Any) -> dict[str, str]:
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.server.issuer,
            "jti": opaque.secret(8),
            "exp": self._now(60),
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(kept, KEY, algorithm="ES256")
        return {
            "client_id": self.id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed,
        }

    def request_object(self, **changed: Any) -> str:
        claims = {
            **self.server.parameters(self.client, response_mode="jwt"),
            "iss": self.id,
            "aud": self.server.issuer,
            "nbf": self._now(0),
            "exp": self._now(300),
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, KEY, algorithm="ES256", headers={"typ": "oauth-authz-req+jwt"})

    def push(self, assertion: dict[str, Any] | None = None, **changed: str | None) -> Any:
        asked = self.server.parameters(self.client, **changed)
        if "request" in changed:
            asked = {"request": asked["request"]}
        return self.server.browser().post(
            "/oauth/par", data={**asked, **(assertion or self.assertion())}
        )

    def come(self, pushed: Any) -> Any:
        assert pushed.status_code == 201, pushed.text
        parameters = {"client_id": self.id, "request_uri": pushed.json()["request_uri"]}
        answer = self.server.http.get("/oauth/authorize", params=parameters)
        if answer.headers.get("location", "").startswith("/oauth/consent"):
            answer = self.server.answer(answer)
        return answer

    def code(self, **changed: str | None) -> str:
        return answer_of(self.come(self.push(**changed)))["code"]

    def redeem(self, code: str, **changed: Any) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.client.redirect_uris[0],
            "code_verifier": VERIFIER,
        }
        return self.post({**form, **changed})

    def post(self, form: dict[str, Any]) -> Any:
        """To the token endpoint, with a new assertion for each try."""
        answer = self._post(form)
        return self._post(form) if answer.json().get("error") == "use_dpop_nonce" else answer

    def _post(self, form: dict[str, Any]) -> Any:
        kept = {name: value for name, value in form.items() if value is not None}
        answer = self.server.browser().post(
            "/oauth/token",
            data={**self.assertion(), **kept},
            headers={"DPoP": self.key.proof("/oauth/token")},
        )
        self.key.nonce = answer.headers.get("DPoP-Nonce", self.key.nonce)
        return answer


# ── at registration ───────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("fapi2", "5.3.2.1")
def test_the_switch_says_what_the_registration_leaves_open(bank: Bank, signing_bank: Bank) -> None:
    for one in (bank.client.client, signing_bank.client.client):
        assert one.token_endpoint_auth_method == "private_key_jwt"
        assert one.require_pushed_authorization_requests
        assert one.dpop_bound_access_tokens
        assert one.assertion_audience == "issuer"
        assert one.id_token_signed_response_alg == "ES256"
    assert not bank.client.client.require_signed_request_object
    assert signing_bank.client.client.require_signed_request_object


def _rsa(algorithm: str | None) -> dict[str, Any]:
    jwk = json.loads(
        jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key())
    )
    return {**jwk, "alg": algorithm} if algorithm else jwk


def _p384() -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    found: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
    return found


@pytest.mark.rfc("fapi2", "5.3.2.1")
@pytest.mark.rfc("fapi2", "5.4.1")
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
        ({"jwks": {"keys": [_rsa(None)]}}, "jwks"),
        ({"jwks": {"keys": [_rsa("RS256")]}}, "jwks"),
        ({"jwks": {"keys": [_p384()]}}, "jwks"),
        ({"jwks": None}, "jwks"),
        ({"id_token_signed_response_alg": "RS256"}, "id_token_signed_response_alg"),
        ({"authorization_signed_response_alg": "RS256"}, "authorization_signed_response_alg"),
        (
            {"require_pushed_authorization_requests": False},
            "require_pushed_authorization_requests",
        ),
        ({"require_pkce": False}, "require_pkce"),
        ({"dpop_bound_access_tokens": False}, "dpop_bound_access_tokens"),
        ({"assertion_audience": "token_endpoint"}, "assertion_audience"),
        ({"redirect_uris": ["http://bank.example/callback"]}, "redirect_uris"),
        ({"profile": "fapi1-advanced"}, "profile"),
    ],
)
@pytest.mark.parametrize("profile", [SECURITY, SIGNING])
def test_what_does_not_fit_is_refused_by_name(
    server: AuthorizationServer, profile: str, changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        Bank(server, **{"profile": profile, **changed})
    assert refused.value.where == named
    assert named in refused.value.description


@pytest.mark.rfc("fapi2-message-signing", "5.3.1")
def test_message_signing_cannot_be_without_signed_requests(server: AuthorizationServer) -> None:
    with pytest.raises(InvalidClientMetadata, match="require_signed_request_object"):
        Bank(server, SIGNING, require_signed_request_object=False)


def test_a_service_that_is_there_keeps_to_it_from_then_on_or_hears_all_that_is_in_the_way(
    server: AuthorizationServer,
) -> None:
    service = server.add(id_token_signed_response_alg="RS256")
    changes = {"profile": SECURITY, "token_endpoint_auth_method": "client_secret_post"}
    with server.runtime.database.write() as uow, pytest.raises(InvalidClientMetadata) as refused:
        server.oauth.clients.altered(uow, service.client.id, changes)
    said = refused.value.description
    assert "id_token_signed_response_alg must be ES256" in said
    assert "token_endpoint_auth_method must be one of" in said


def test_tokens_bound_by_certificate_are_as_good(server: AuthorizationServer) -> None:
    bank = Bank(server, SECURITY, tls_client_certificate_bound_access_tokens=True)
    assert not bank.client.client.dpop_bound_access_tokens


# ── the walk ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("fapi2", "5.3")
def test_a_sign_in_by_the_profile(bank: Bank, server: AuthorizationServer) -> None:
    answer = bank.redeem(bank.code(scope="openid offline_access"))
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given["token_type"] == "DPoP"
    assert bank.key.get("/oauth/userinfo", given["access_token"]).status_code == 200
    assert server.userinfo(given["access_token"]).status_code == 401


@pytest.mark.rfc("fapi2", "5.3.2.1")
def test_a_refresh_token_is_not_rotated_and_an_answer_that_got_lost_costs_nothing(
    bank: Bank,
) -> None:
    given = bank.redeem(bank.code(scope="openid offline_access")).json()
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    for _ in range(3):
        answer = bank.post(form)
        assert answer.status_code == 200, answer.text
        assert "refresh_token" not in answer.json()
        assert answer.json()["token_type"] == "DPoP"


@pytest.mark.rfc("fapi2", "5.3.2.2")
def test_a_request_that_was_not_pushed_is_refused(bank: Bank, server: AuthorizationServer) -> None:
    assert answer_of(server.authorize(bank.client))["error"] == "invalid_request"
    signed = bank.request_object(response_mode=None)
    assert answer_of(server.authorize(bank.client, request=signed))["error"] == "invalid_request"


@pytest.mark.rfc("fapi2", "5.3.2.2")
@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://library.example/other"},
        {"response_type": "code id_token"},
        {"response_type": "token"},
        {"dpop_jkt": "x"},
    ],
)
def test_what_the_profile_forbids_is_refused_where_it_is_pushed(
    bank: Bank, changed: dict[str, str | None]
) -> None:
    answer = bank.push(**changed)
    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_request", "unsupported_response_type")


@pytest.mark.rfc("fapi2", "5.3.2.1")
@pytest.mark.parametrize("endpoint", ["/oauth/par", "/oauth/token"])
@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "{issuer}/oauth/token"},
        {"aud": "{issuer}{endpoint}"},
        {"aud": ["{issuer}"]},
        {"aud": ["{issuer}", "https://other.example"]},
        {"aud": "https://other.example"},
        {"aud": None},
        {"sub": None},
        {"exp": -300},
        {"exp": None},
        {"iat": 90},
        {"nbf": 90},
    ],
)
def test_an_assertion_that_the_profile_forbids_is_refused(
    bank: Bank, server: AuthorizationServer, endpoint: str, changed: dict[str, Any]
) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, int):
            return bank._now(value)
        return value and value.format(issuer=server.issuer, endpoint=endpoint)

    assertion = bank.assertion(**{name: filled(value) for name, value in changed.items()})
    form = {**server.parameters(bank.client), "grant_type": "authorization_code", "code": "x"}
    answer = server.browser().post(endpoint, data={**form, **assertion})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.rfc("fapi2", "5.3.2.1")
def test_an_assertion_from_a_clock_that_is_a_little_ahead_is_taken(bank: Bank) -> None:
    ahead = bank._now(8)
    assert bank.push(bank.assertion(iat=ahead, nbf=ahead)).status_code == 201


@pytest.mark.rfc("fapi2", "5.3.2.1")
def test_no_token_without_a_proof(bank: Bank, server: AuthorizationServer) -> None:
    code = bank.code()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": bank.client.client.redirect_uris[0],
        "code_verifier": VERIFIER,
        **bank.assertion(),
    }
    answer = server.browser().post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.rfc("fapi2", "5.3.2.1")
@pytest.mark.parametrize("verifier", [None, "x" * 43, "short"])
def test_a_code_without_its_verifier_is_refused(bank: Bank, verifier: str | None) -> None:
    assert bank.redeem(bank.code(), code_verifier=verifier).json()["error"] == "invalid_grant"


@pytest.mark.rfc("fapi2", "5.3.2.1")
def test_a_code_of_another_client_is_refused(bank: Bank, server: AuthorizationServer) -> None:
    other = Bank(server, SECURITY)
    assert other.redeem(bank.code()).json()["error"] == "invalid_grant"


@pytest.mark.rfc("fapi2", "5.4.1")
def test_a_proof_by_another_algorithm_is_refused(bank: Bank, server: AuthorizationServer) -> None:
    code = bank.code()
    made = ec.generate_private_key(ec.SECP384R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(made.public_key()))

    def proof(path: str) -> str:
        claims = {"jti": opaque.secret(8), "htm": "POST", "htu": server.issuer + path, "iat": 1}
        said = claims if bank.key.nonce is None else {**claims, "nonce": bank.key.nonce}
        return jwt.encode(said, made, algorithm="ES384", headers={"typ": "dpop+jwt", "jwk": jwk})

    bank.key.proof = proof  # type: ignore[method-assign,assignment]
    assert bank.redeem(code).json()["error"] == "invalid_dpop_proof"


@pytest.mark.rfc("fapi2", "5.3.2.2")
@pytest.mark.parametrize("changed", [{"state": None}, {"nonce": None}, {"nonce": "n" * 64}])
def test_state_and_nonce_are_the_services_own_affair(
    bank: Bank, changed: dict[str, str | None]
) -> None:
    answer = answer_of(bank.come(bank.push(**changed)))
    assert "code" in answer
    assert ("state" in answer) is ("state" not in changed)


# ── Message Signing ───────────────────────────────────────────────────────────────────────


def opened(server: AuthorizationServer, answer: Any, bank: Bank) -> dict[str, Any]:
    token = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["response"]
    keys = jwt.PyJWKSet.from_dict(server.http.get("/oauth/jwks").json())
    kid = jwt.get_unverified_header(token)["kid"]
    claims: dict[str, Any] = jwt.decode(
        token, keys[kid].key, ["ES256"], audience=bank.id, options={"verify_exp": False}
    )
    return claims


@pytest.mark.rfc("fapi2-message-signing", "5.4")
def test_a_sign_in_with_signed_messages(signing_bank: Bank, server: AuthorizationServer) -> None:
    bank = signing_bank
    answer = bank.come(bank.push(request=bank.request_object()))
    told = opened(server, answer, bank)
    assert told["iss"] == server.issuer
    assert bank.redeem(told["code"]).status_code == 200


@pytest.mark.rfc("fapi2-message-signing", "5.3.1")
def test_an_unsigned_request_is_refused_where_it_is_pushed(signing_bank: Bank) -> None:
    answer = signing_bank.push(response_mode="jwt")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.rfc("fapi2-message-signing", "5.4")
@pytest.mark.parametrize("mode", [None, "query", "fragment", "form_post"])
def test_an_unsigned_answer_cannot_be_asked_for(signing_bank: Bank, mode: str | None) -> None:
    answer = signing_bank.push(request=signing_bank.request_object(response_mode=mode))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "response_mode" in answer.json()["error_description"]


@pytest.mark.row("failures", "7")
@pytest.mark.rfc("fapi2-message-signing", "5.3.1")
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 201),
        ({"nbf": 8}, 201),
        ({"aud": ["https://other.example", "http://localhost:8000"]}, 201),
        ({"typ": "x"}, 201),
        ({"nbf": None}, 400),
        ({"nbf": -3300}, 201),
        ({"nbf": -3300, "exp": 540}, 400),
        ({"nbf": -3660}, 400),
        ({"nbf": -3660, "iat": None}, 400),
        ({"nbf": -4200, "iat": -4200}, 400),
        ({"nbf": 90}, 400),
        ({"exp": None}, 400),
        ({"exp": -60}, 400),
        ({"exp": 4200}, 400),
        ({"aud": None}, 400),
        ({"aud": []}, 400),
        ({"aud": "https://other.example"}, 400),
        ({"aud": ["https://other.example"]}, 400),
        ({"iss": None}, 400),
        ({"redirect_uri": None}, 400),
        ({"sub": "svc_x"}, 400),
    ],
)
def test_what_a_request_object_has_to_say(
    signing_bank: Bank, server: AuthorizationServer, changed: dict[str, Any], status: int
) -> None:
    times = {n: signing_bank._now(v) if isinstance(v, int) else v for n, v in changed.items()}
    answer = signing_bank.push(request=signing_bank.request_object(**times))
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["error"] in ("invalid_request_object", "invalid_request")


@pytest.mark.rfc("fapi2-message-signing", "5.3.1")
def test_a_request_object_that_nobody_signed_is_refused(signing_bank: Bank) -> None:
    unsigned = jwt.encode({"iss": signing_bank.id}, None, algorithm="none")
    good = signing_bank.request_object()
    for request in (unsigned, good[:-4] + "AAAA", good.rpartition(".")[0] + "."):
        answer = signing_bank.push(request=request)
        assert answer.json()["error"] == "invalid_request_object"
