"""A wallet asks for a credential, and its person answers — OpenID4VCI 1.0 §5, by code.

With PAR, PKCE and DPoP; in detail (RFC 9396) or by scope.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from documents.credentials import sd_jwt
from idp.oauth import AddedClient, kit
from tests.support import mdocs
from tests.support.city import Visitor
from tests.support.holding import read
from tests.support.lockers import Lockers
from tests.support.wallets import WALLET_URL, Phone, citizen_of

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


@pytest.mark.rfc("OpenID4VCI", "5.1.1")
def test_a_wallet_may_say_whose_credential_it_asks_for(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    asked = details(f"{IDENTITY}.mso_mdoc", locations=[phone.issuer])
    code, page = agree(citizen, phone, authorization_details=asked)
    assert "To hold a credential of yours in a wallet" in page
    said = redeem(phone, code).json()["authorization_details"]
    assert said[0]["locations"] == [phone.issuer]
    identifier = f"{IDENTITY}.mso_mdoc"
    assert said[0]["credential_identifiers"] == [identifier]
    proofs = {"jwt": [phone.proof_of(phone.key, phone.new_nonce())]}
    given = phone.ask({"credential_identifier": identifier, "proofs": proofs}).json()
    assert "name" in mdocs.items(mdocs.read(given["credentials"][0]["credential"]))
    other = details(IDENTITY, locations=["https://other.example"])
    pushed = push(phone, authorization_details=other)
    assert pushed.json()["error"] == "invalid_authorization_details"


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


# ── what is not there yet ─────────────────────────────────────────────────────────────


def wait_for(phone: Phone, citizen: Visitor, form: str = "") -> dict[str, Any]:
    """What a wallet is told that asks for a document which nobody made out yet."""
    code, _ = agree(citizen, phone, scope=f"{RESIDENCE}{form} offline_access")
    assert redeem(phone, code).status_code == 200
    proofs = {"jwt": [phone.proof_of(phone.key, phone.new_nonce())]}
    answer = phone.ask({"credential_configuration_id": f"{RESIDENCE}{form}", "proofs": proofs})
    assert answer.status_code == 202, answer.text
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    assert said["interval"] == 300
    return said


def ask_again(phone: Phone, transaction_id: Any) -> Any:
    body = {"transaction_id": transaction_id}
    return phone.send("POST", "/openid4vci/deferred", json=body)


def wallet_of(city: Lockers) -> AddedClient:
    metadata = {"client_name": "Another wallet", **kit("wallet").metadata(WALLET_URL)}
    return city.oauth.clients.add(metadata, city.clock.now())


@pytest.mark.rfc("OpenID4VCI", "9.1")
@pytest.mark.rfc("OpenID4VCI", "9.2")
@pytest.mark.parametrize("form", ["", ".mso_mdoc"])
@pytest.mark.row("failures", "8")
def test_a_wallet_waits_for_a_document_that_is_not_made_out_yet(
    city: Lockers, phone: Phone, citizen: Visitor, form: str
) -> None:
    said = city.browser().http.get("/.well-known/openid-credential-issuer").json()
    assert said["deferred_credential_endpoint"] == f"{phone.issuer}/openid4vci/deferred"
    waits = wait_for(phone, citizen, form)
    still = ask_again(phone, waits["transaction_id"])
    assert (still.status_code, still.json()) == (202, waits)
    assert city.program(city.office).make_out(citizen.id).status_code == 201
    answer = ask_again(phone, waits["transaction_id"])
    assert answer.status_code == 200, answer.text
    (given,) = answer.json()["credentials"]
    if form:
        shown = mdocs.items(mdocs.read(given["credential"]))
        assert shown["number"]["elementValue"] == "R-1"
        bound_to = mdocs.signed(mdocs.read(given["credential"]))["deviceKeyInfo"]["deviceKey"]
        assert bound_to[-2] == phone.key.public_key().public_numbers().x.to_bytes(32, "big")
    else:
        parts = sd_jwt.split(given["credential"])
        assert sd_jwt.disclosed(read(parts.token), parts.disclosures)["number"] == "R-1"
    noted = {"notification_id": answer.json()["notification_id"], "event": "credential_accepted"}
    assert phone.send("POST", "/openid4vci/notification", json=noted).status_code == 204
    # What it was for was given.
    again = ask_again(phone, waits["transaction_id"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_transaction_id")


@pytest.mark.rfc("OpenID4VCI", "9.3")
@pytest.mark.row("failures", "4")
def test_what_one_wallet_waits_for_is_nothing_to_another(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    waits = wait_for(phone, citizen)["transaction_id"]
    assert city.program(city.office).make_out(citizen.id).status_code == 201
    for wrong in (None, 7, "", "x", "!", waits[:-4] + "AAAA", waits + "A" * 20_000):
        assert ask_again(phone, wrong).json()["error"] == "invalid_transaction_id", wrong
    neighbour = citizen_of(city, "mari.two", number="CD654321", born=date(1961, 11, 3))
    other = Phone(city, wallet_of(city))
    code, _ = agree(neighbour, other, scope=f"{RESIDENCE} offline_access")
    assert redeem(other, code).status_code == 200
    assert ask_again(other, waits).json()["error"] == "invalid_transaction_id"
    # The same wallet, by a token that is for something else.
    code, _ = agree(citizen, phone, scope=f"{IDENTITY} offline_access")
    assert redeem(phone, code).status_code == 200
    assert ask_again(phone, waits).json()["error"] == "invalid_transaction_id"
    http = city.browser().http
    assert http.post("/openid4vci/deferred", json={"transaction_id": waits}).status_code == 401


def test_waiting_is_over_after_its_days(city: Lockers, phone: Phone, citizen: Visitor) -> None:
    city.deployment.parts["credentials"].issuing._deferrals.days = 1
    waits = wait_for(phone, citizen)["transaction_id"]
    city.clock.advance(timedelta(days=1))
    assert phone.refresh_tokens().status_code == 200
    assert city.program(city.office).make_out(citizen.id).status_code == 201
    assert ask_again(phone, waits).json()["error"] == "invalid_transaction_id"


def test_where_nobody_may_wait_it_is_said_at_once(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    city.deployment.parts["credentials"].issuing._deferrals.days = 0
    code, _ = agree(citizen, phone, scope=f"{RESIDENCE} offline_access")
    assert redeem(phone, code).status_code == 200
    proofs = {"jwt": [phone.proof_of(phone.key, phone.new_nonce())]}
    answer = phone.ask({"credential_configuration_id": RESIDENCE, "proofs": proofs})
    assert (answer.status_code, answer.json()["error"]) == (400, "credential_request_denied")


@pytest.mark.row("privacy", "P-6")
def test_nobody_waits_for_what_was_taken_away_or_not_agreed_to(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    waits = wait_for(phone, citizen)["transaction_id"]
    office = city.program(city.office)
    assert office.make_out(citizen.id).status_code == 201
    suspended = office.post("/documents/v1/documents/residence/R-1/suspend", {"reason": "x"})
    assert suspended.status_code == 200
    assert ask_again(phone, waits).json()["error"] == "credential_request_denied"
    proofs = {"jwt": [phone.proof_of(phone.key, phone.new_nonce())]}
    asked = phone.ask({"credential_configuration_id": RESIDENCE, "proofs": proofs})
    assert (asked.status_code, asked.json()["error"]) == (400, "credential_request_denied")
    (consent,) = city.deployment.parts["policies"].consent.list(citizen.id)
    here = f"/account/consents/{consent.id}"
    assert citizen.post(f"{here}/withdraw", here).status_code in (200, 303)
    assert ask_again(phone, waits).status_code == 401
