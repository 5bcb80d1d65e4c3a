"""Requests and answers of wallets that travel encrypted — OpenID4VCI §8.2, §10."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from tests.support.city import Visitor
from tests.support.lockers import Lockers
from tests.support.wallets import Phone, offer_page

IDENTITY = "credential.identity"
HEAD = {"alg": "ECDH-ES", "enc": "A128GCM"}


@pytest.fixture
def ready(phone: Phone, citizen: Visitor) -> Phone:
    """A phone with a token for the citizen's identity."""
    answer = phone.redeem(*phone.read(offer_page(citizen, IDENTITY).text))
    assert answer.status_code == 200, answer.text
    return phone


def issuer_key(city: Lockers) -> Any:
    said = city.browser().http.get("/.well-known/openid-credential-issuer").json()
    offered = said["credential_request_encryption"]
    assert offered["encryption_required"] is False
    assert "A128GCM" in offered["enc_values_supported"]
    assert said["credential_response_encryption"]["alg_values_supported"] == ["ECDH-ES"]
    (key,) = offered["jwks"]["keys"]
    return key


def body_of(phone: Phone, **more: Any) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    proof = phone.proof_of(key, phone.new_nonce())
    return {**phone.which(), "proofs": {"jwt": [proof]}, **more}


def send(phone: Phone, sealed: str) -> Any:
    headers = {"Content-Type": "application/jwt"}
    for _ in range(2):
        proof = phone._proof("POST", "/openid4vci/credential")
        more = {"DPoP": proof, "Authorization": f"DPoP {phone.token}"}
        http = phone.city.browser().http
        answer = http.post("/openid4vci/credential", content=sealed, headers={**headers, **more})
        phone.nonce = answer.headers.get("DPoP-Nonce", phone.nonce)
        if "use_dpop_nonce" not in answer.headers.get("www-authenticate", ""):
            break
    return answer


def sealed(body: Any, to: Any, head: dict[str, Any] = HEAD) -> str:
    algorithms = ["ECDH-ES", "ECDH-ES+A128KW", "A128GCM", "A256GCM", "A128CBC-HS256", "DEF"]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return jwe.encrypt_compact(dict(head), raw, ECKey.import_key(to), algorithms=algorithms)


def word(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


@pytest.mark.rfc("OpenID4VCI", "8.2")
@pytest.mark.rfc("OpenID4VCI", "10")
@pytest.mark.parametrize(("enc", "more"), [("A128GCM", {}), ("A256GCM", {"zip": "DEF"})])
def test_what_only_the_wallet_reads(
    city: Lockers, ready: Phone, enc: str, more: dict[str, str]
) -> None:
    own = ECKey.generate_key("P-256", {"kid": "phone", "alg": "ECDH-ES"})
    asked = {"jwk": own.as_dict(private=False), "enc": enc, **more}
    body = body_of(ready, credential_response_encryption=asked)
    answer = send(ready, sealed(body, issuer_key(city)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwt")
    assert answer.headers["cache-control"] == "no-store"
    opened = jwe.decrypt_compact(answer.text, own, algorithms=["ECDH-ES", enc, "DEF"])
    assert (opened.headers()["enc"], opened.headers()["kid"]) == (enc, "phone")
    assert opened.headers().get("zip") == more.get("zip")
    assert len(json.loads(opened.plaintext or b"")["credentials"]) == 1


def test_a_request_may_be_encrypted_and_its_answer_not(city: Lockers, ready: Phone) -> None:
    answer = send(ready, sealed(body_of(ready), issuer_key(city)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["credentials"]


def test_yesterdays_key_still_opens_and_that_before_does_not(city: Lockers, ready: Phone) -> None:
    key = issuer_key(city)
    city.clock.advance(timedelta(days=1))
    assert ready.refresh_tokens().status_code == 200
    assert issuer_key(city) != key
    assert send(ready, sealed(body_of(ready), key)).status_code == 200
    city.clock.advance(timedelta(days=1))
    assert ready.refresh_tokens().status_code == 200
    assert word(send(ready, sealed(body_of(ready), key))) == "invalid_encryption_parameters"


@pytest.mark.row("failures", "10")
def test_what_cannot_be_decrypted_or_would_be_a_bomb_is_refused(
    city: Lockers, ready: Phone
) -> None:
    key, other = issuer_key(city), ECKey.generate_key("P-256").as_dict(private=False)
    body = body_of(ready)
    for wrong in (
        "",
        "not a jwe",
        "a.b.c.d.e",
        sealed(body, other),
        sealed(body, key)[:-4] + "AAAA",
        sealed(body, key, {**HEAD, "alg": "ECDH-ES+A128KW"}),
        sealed(body, key, {**HEAD, "enc": "A128CBC-HS256"}),
        sealed(b" " * 60_000, key, {**HEAD, "zip": "DEF"}),
        jwe.encrypt_compact({**HEAD, "alg": "dir"}, b"{}", OctKey.generate_key(128),
                            algorithms=["dir", "A128GCM"]),
    ):  # fmt: skip
        assert word(send(ready, wrong)) == "invalid_encryption_parameters", wrong[:60]
    for raw in (b"", b"[]", b"{", b'{"a":1,"a":2}'):
        assert word(send(ready, sealed(raw, key))) == "invalid_credential_request", raw


@pytest.mark.rfc("OpenID4VCI", "8.3.1")
def test_a_key_for_the_answer_that_does_not_do_is_refused(city: Lockers, ready: Phone) -> None:
    key, own = issuer_key(city), ECKey.generate_key("P-256")
    public = own.as_dict(private=False)
    for asked in (
        None,
        [],
        {},
        {"jwk": public},
        {"jwk": public, "enc": "A128CBC-HS256"},
        {"jwk": public, "enc": ["A128GCM"]},
        {"jwk": public, "enc": "A128GCM", "zip": "br"},
        {"jwk": {**public, "alg": "RSA-OAEP"}, "enc": "A128GCM"},
        {"jwk": own.as_dict(private=True), "enc": "A128GCM"},
        {"jwk": {**public, "x": "AA"}, "enc": "A128GCM"},
        {"jwk": {"kty": "OKP", "crv": "X25519", "x": "AA"}, "enc": "A128GCM"},
    ):
        body = body_of(ready, credential_response_encryption=asked)
        assert word(send(ready, sealed(body, key))) == "invalid_encryption_parameters", asked
    # In clear the key could be another's.
    asked = {"jwk": public, "enc": "A128GCM"}
    answer = ready.ask(body_of(ready, credential_response_encryption=asked))
    assert word(answer) == "invalid_encryption_parameters"
