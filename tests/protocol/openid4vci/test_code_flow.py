"""A wallet asks for a credential, and its person answers — OpenID4VCI 1.0 §5, by code.

With PAR, PKCE and DPoP; in detail (RFC 9396) or by scope.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from documents.credentials import sd_jwt
from tests.support.city import Visitor
from tests.support.holding import read
from tests.support.lockers import Lockers
from tests.support.wallets import WALLET_URL, Phone

IDENTITY, RESIDENCE = "credential.identity", "credential.town-hall.residence"
VERIFIER = "v" * 43


def details(*kinds: str, **more: Any) -> str:
    asked = [
        {"type": "openid_credential", "credential_configuration_id": kind, **more} for kind in kinds
    ]
    return json.dumps(asked)


def push(phone: Phone, **changed: str) -> Any:
    challenge = sd_jwt.base64url(hashlib.sha256(VERIFIER.encode()).digest())
    asked = {
        "response_type": "code",
        "client_id": phone.wallet,
        "redirect_uri": f"{WALLET_URL}/callback",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": "s",
        **changed,
    }
    return phone.send("POST", "/oauth/par", data=asked)


def agree(citizen: Visitor, phone: Phone, **changed: str) -> tuple[str, str]:
    """The code that the wallet gets, and the page on which its person agreed to all."""
    pushed = push(phone, **changed)
    assert pushed.status_code == 201, pushed.text
    query = urlencode({"client_id": phone.wallet, "request_uri": pushed.json()["request_uri"]})
    asked = citizen.get(f"/oauth/authorize?{query}")
    while asked.headers["location"].startswith("/oauth/continue"):
        asked = citizen.get(asked.headers["location"])
    page = citizen.get(asked.headers["location"]).text
    hidden = dict(re.findall(r'name="(transaction|notice)" value="([^"]+)"', page))
    ticks = dict.fromkeys(re.findall(r'name="(give\.[^"]+)"', page), "yes")
    done = citizen.post(
        "/oauth/consent", asked.headers["location"], **hidden, **ticks, answer="accept"
    )
    assert done.status_code == 303, done.text
    back = parse_qs(urlsplit(done.headers["location"]).query)
    assert back["iss"] == [phone.issuer]
    return back["code"][0], page


def redeem(phone: Phone, code: str, **changed: str) -> Any:
    form = {
        "grant_type": "authorization_code",
        "client_id": phone.wallet,
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": f"{WALLET_URL}/callback",
        **changed,
    }
    return phone._tokens_of(phone.send("POST", "/oauth/token", data=form))


@pytest.mark.rfc("OpenID4VCI", "5.1.1")
@pytest.mark.rfc("OpenID4VCI", "6.2")
def test_a_wallet_asks_in_detail(city: Lockers, phone: Phone, citizen: Visitor) -> None:
    code, page = agree(citizen, phone, authorization_details=details(IDENTITY))
    assert "To hold a credential of yours in a wallet" in page
    assert "To carry it with you in a wallet of yours" in page
    answer = redeem(phone, code)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["token_type"] == "DPoP"
    assert "id_token" not in said
    assert said["authorization_details"] == [
        {**json.loads(details(IDENTITY))[0], "credential_identifiers": [IDENTITY]}
    ]
    copy = phone.ask(copies=2).json()["credentials"][1]["credential"]
    parts = sd_jwt.split(copy)
    assert sd_jwt.disclosed(read(parts.token), parts.disclosures)["given_name"] == "Léïda"


@pytest.mark.rfc("OpenID4VCI", "5.1.2")
def test_a_wallet_asks_by_scope(city: Lockers, phone: Phone, citizen: Visitor) -> None:
    assert city.program(city.office).make_out(citizen.id).status_code == 201
    code, page = agree(citizen, phone, scope=f"{RESIDENCE} offline_access")
    assert "Certificate of residence" in page
    assert redeem(phone, code).status_code == 200
    key_proofs = [phone.proof_of(phone.key, phone.new_nonce())]
    body = {"credential_configuration_id": RESIDENCE, "proofs": {"jwt": key_proofs}}
    answer = phone.ask(body)
    assert answer.status_code == 200, answer.text
    other = {**body, "credential_configuration_id": IDENTITY}
    assert phone.ask(other).json()["error"] == "unknown_credential_configuration"
    assert phone.refresh_tokens().status_code == 200


def test_a_wallet_may_narrow_at_the_token_endpoint_and_not_widen(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    code, _ = agree(citizen, phone, authorization_details=details(IDENTITY))
    wider = redeem(phone, code, authorization_details=details(RESIDENCE))
    assert wider.json()["error"] == "invalid_authorization_details"
    assert redeem(phone, code, authorization_details=details(IDENTITY)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"authorization_details": details("credential.unknown")},
        {"authorization_details": details(IDENTITY, claims=[{"path": ["name"]}])},
        {"authorization_details": json.dumps([{"type": "openid_credential"}])},
        {"scope": "offline_access"},
        {"scope": "credential.unknown"},
        {},
    ],
)
def test_what_no_wallet_may_ask_is_refused(
    city: Lockers, phone: Phone, changed: dict[str, str]
) -> None:
    assert push(phone, **changed).status_code == 400


def test_a_service_that_is_no_wallet_must_ask_for_openid_as_before(city: Lockers) -> None:
    asked = {
        "response_type": "code",
        "client_id": city.library.client.id,
        "redirect_uri": "https://library.example/cb",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "scope": "documents:request",
    }
    answer = city.browser().get(f"/oauth/authorize?{urlencode(asked)}")
    assert "invalid_scope" in answer.headers["location"]


def test_an_answer_with_nothing_ticked_gives_no_credential(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    pushed = push(phone, authorization_details=details(IDENTITY)).json()
    query = urlencode({"client_id": phone.wallet, "request_uri": pushed["request_uri"]})
    asked = citizen.get(f"/oauth/authorize?{query}")
    while asked.headers["location"].startswith("/oauth/continue"):
        asked = citizen.get(asked.headers["location"])
    where = asked.headers["location"]
    hidden = dict(
        re.findall(r'name="(transaction|notice)" value="([^"]+)"', citizen.get(where).text)
    )
    done = citizen.post("/oauth/consent", where, **hidden, answer="accept")
    code = parse_qs(urlsplit(done.headers["location"]).query)["code"][0]
    assert redeem(phone, code).status_code == 200
    assert phone.ask().json()["error"] == "credential_request_denied"
