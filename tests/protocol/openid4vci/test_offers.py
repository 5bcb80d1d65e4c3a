"""Credentials that a person has ready for a wallet — OpenID4VCI 1.0, by pre-authorised code."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from documents.credentials import sd_jwt, status_list
from foundation.audit import Actor
from tests.support.city import Visitor
from tests.support.holding import read
from tests.support.lockers import SAID, Lockers
from tests.support.wallets import Phone, offer_page

IDENTITY, RESIDENCE = "credential.identity", "credential.town-hall.residence"


def ended(city: Lockers, credential: str) -> bool:
    """What the status list says of a copy, once it was built anew."""
    city.clock.advance(timedelta(seconds=16))
    place = read(credential.partition("~")[0])["status"]["status_list"]
    path = place["uri"].removeprefix(city.locker.originals.url)
    answer = city.browser().http.get(path)
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    assert (jwt.get_unverified_header(answer.text)["typ"], read(answer.text)["sub"]) == (
        "statuslist+jwt",
        place["uri"],
    )
    return status_list.status_at(read(answer.text)["status_list"], place["idx"]) == 1


def word(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error"])


@pytest.mark.rfc("OpenID4VCI", "12.2")
def test_the_issuer_says_what_there_is(city: Lockers) -> None:
    http = city.browser().http
    said = http.get("/.well-known/openid-credential-issuer").json()
    assert said["credential_issuer"] == city.locker.originals.url
    assert said["batch_credential_issuance"] == {"batch_size": 10}
    known = said["credential_configurations_supported"]
    forms = {f"{one}{form}" for one in (IDENTITY, RESIDENCE) for form in ("", ".mso_mdoc")}
    assert set(known) == forms  # a diploma has no use for wallets
    assert known[RESIDENCE]["format"] == "dc+sd-jwt"
    assert known[RESIDENCE]["scope"] == RESIDENCE
    names = {d["locale"]: d["name"] for d in known[RESIDENCE]["credential_metadata"]["display"]}
    assert names["fr"] == "Certificat de résidence"
    paths = [claim["path"] for claim in known[RESIDENCE]["credential_metadata"]["claims"]]
    assert ["content", "street"] in paths
    of_type = http.get(urlsplit(known[RESIDENCE]["vct"]).path).json()
    assert of_type["vct"] == known[RESIDENCE]["vct"]
    server = http.get("/.well-known/oauth-authorization-server").json()
    assert "openid_credential" in server["authorization_details_types_supported"]
    assert server["pre-authorized_grant_anonymous_access_supported"] is False
    assert http.get("/.well-known/jwt-vc-issuer").json()["jwks"]["keys"]


@pytest.mark.rfc("OpenID4VCI", "8.3")
@pytest.mark.rfc("SD-JWT VC", "3.2")
def test_a_person_puts_their_identity_into_a_wallet(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    copies = phone.take(citizen, IDENTITY, copies=3)
    assert len(copies) == 3
    places = set()
    for copy, key in zip(copies, phone.keys, strict=True):
        parts = sd_jwt.split(copy)
        header, payload = jwt.get_unverified_header(parts.token), read(parts.token)
        assert (header["typ"], header["alg"], len(header["x5c"])) == ("dc+sd-jwt", "ES256", 2)
        numbers = key.public_key().public_numbers()
        assert payload["cnf"]["jwk"]["x"] == sd_jwt.base64url(numbers.x.to_bytes(32, "big"))
        claims = sd_jwt.disclosed(payload, parts.disclosures)
        assert claims["name"] == city.record(citizen.id)["name"]
        assert [claims[f"age_over_{age}"] for age in (18, 21, 65)] == [True, True, False]
        assert claims["assurance_level"].endswith("2")
        # Nothing of a person stands there openly.
        assert not {"sub", "jti", "name", "birthdate"} & payload.keys()
        places.add(payload["status"]["status_list"]["idx"])
    assert len(places) == 3
    assert {"wallet.offered", "wallet.issued"} <= set(city.kinds(citizen.id))
    page = citizen.get("/account/wallet").text
    assert "City Wallet" in page
    assert "An office" not in page


@pytest.mark.row("privacy", "P-1")
def test_only_what_was_ticked_goes_into_it(city: Lockers, phone: Phone, citizen: Visitor) -> None:
    (copy,) = phone.take(citizen, IDENTITY, give=["age_over_18"])
    parts = sd_jwt.split(copy)
    claims = sd_jwt.disclosed(read(parts.token), parts.disclosures)
    kept = {name for name in claims if name not in read(parts.token)}
    assert kept == {"age_over_18", "assurance_level"}
    # How many digests there are does not tell how little this is.
    (whole,) = phone.take(citizen, IDENTITY)
    assert len(read(parts.token)["_sd"]) == len(read(whole.partition("~")[0])["_sd"])


def test_an_offer_of_nothing_or_of_another_notice_is_refused(
    city: Lockers, citizen: Visitor
) -> None:
    assert offer_page(citizen, IDENTITY, give=[]).status_code == 400
    here = f"/account/wallet/offer?credential={IDENTITY}"
    page = citizen.get(here).text
    (wallet,) = re.findall(r'name="wallet" value="([^"]+)"', page)
    sent = {"give.name": "yes", "wallet": wallet, "credential": IDENTITY}
    assert citizen.post("/account/wallet/offer", here, **sent).status_code == 400
    wrong = {f"notice.{wallet}": "00", **sent}
    assert citizen.post("/account/wallet/offer", here, **wrong).status_code == 400
    assert citizen.get("/account/wallet/offer?credential=doc_x").status_code == 404


@pytest.mark.rfc("OpenID4VCI", "4.1.3")
def test_an_offer_is_read_by_its_address_until_it_was_taken(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    page = offer_page(citizen, IDENTITY).text
    offer, typed = phone.read(page)
    # What the code shows is the same as the link, by its address.
    credentials = city.deployment.parts["credentials"]
    assert offer["credential_issuer"] == credentials.url
    http = city.browser().http
    assert http.get("/openid4vci/offers/nothing").status_code == 410
    assert phone.redeem(offer, typed).status_code == 200
    assert "openid-credential-offer" in html.unescape(page)


@pytest.mark.rfc("OpenID4VCI", "6.3")
@pytest.mark.row("failures", "4")
def test_an_offer_without_its_number_is_worth_nothing(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    offer, typed = phone.read(offer_page(citizen, IDENTITY).text)
    assert word(phone.redeem(offer, None)) == "invalid_request"
    wrong = str((int(typed) + 1) % 1_000_000).zfill(6)
    for _ in range(5):
        assert word(phone.redeem(offer, wrong)) == "invalid_grant"
    assert word(phone.redeem(offer, typed)) == "invalid_grant"


@pytest.mark.rfc("OpenID4VCI", "13.6")
@pytest.mark.row("failures", "8")
def test_an_offer_works_once_and_twice_ends_what_it_gave(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    offer, typed = phone.read(offer_page(citizen, IDENTITY).text)
    assert phone.redeem(offer, typed).status_code == 200
    token, phone.token = phone.token, ""
    assert word(phone.redeem(offer, typed)) == "invalid_grant"
    phone.token = token
    assert phone.ask().status_code == 401


def test_an_offer_is_for_one_wallet_and_for_some_minutes(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    offer, typed = phone.read(offer_page(citizen, IDENTITY).text)
    other = city.oauth.clients.add(
        {**city.oauth.clients.registration_of(phone.wallet), "client_name": "Other"},
        city.clock.now(),
    )
    assert word(phone.redeem(offer, typed, client_id=other.client.id)) == "invalid_grant"
    city.clock.advance(timedelta(seconds=601))
    assert word(phone.redeem(offer, typed)) == "invalid_grant"


# ── credential requests ───────────────────────────────────────────────────────────────


@pytest.fixture
def ready(phone: Phone, citizen: Visitor) -> Phone:
    """A phone with a token."""
    assert phone.redeem(*phone.read(offer_page(citizen, IDENTITY).text)).status_code == 200
    return phone


@pytest.mark.rfc("OpenID4VCI", "8.3.1.2")
def test_a_request_that_is_wrong_is_refused_in_the_words_of_the_specification(
    city: Lockers, ready: Phone
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    def ask(**changed: Any) -> str:
        proof = ready.proof_of(key, ready.new_nonce())
        body = {**ready.which(), "proofs": {"jwt": [proof]}, **changed}
        return word(ready.ask({name: v for name, v in body.items() if v is not None}))

    which = {"credential_identifier": None}
    assert ask(**which) == "invalid_credential_request"
    assert ask(credential_configuration_id=IDENTITY) == "invalid_credential_request"
    unknown = {**which, "credential_configuration_id": RESIDENCE}
    assert ask(**unknown) == "unknown_credential_configuration"
    assert ask(credential_identifier="doc_x") == "unknown_credential_identifier"
    # Who asks in clear cannot ask for an encrypted answer (§8.2).
    assert ask(credential_response_encryption={}) == "invalid_encryption_parameters"
    assert ask(proof={"proof_type": "jwt"}) == "invalid_credential_request"
    for proofs in (None, [], {}, {"jwt": []}, {"jwt": [1]}, {"ldp_vp": []}, {"jwt": ["a"] * 11}):
        assert ask(proofs=proofs) == "invalid_proof", proofs
    answer = ready.send("POST", "/openid4vci/credential", content=b"{")
    assert answer.status_code in (400, 415)


@pytest.mark.rfc("OpenID4VCI", "F.1")
@pytest.mark.row("failures", "7")
@pytest.mark.row("privacy", "P-1")
def test_a_proof_that_does_not_hold_gives_no_credential(city: Lockers, ready: Phone) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def ask(*proofs: str) -> str:
        return word(ready.ask({**ready.which(), "proofs": {"jwt": list(proofs)}}))

    private = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
    for header in (
        {"typ": "JWT"},
        {"jwk": None},
        {"jwk": private},
        {"jwk": {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"x5c": ["AA"]},
    ):
        assert ask(ready.proof_of(key, ready.new_nonce(), header)) == "invalid_proof", header
    for changed in (
        {"aud": "https://other.example"},
        {"aud": [ready.issuer, "https://other.example"]},
        {"iss": "another"},
        {"iat": None},
        {"iat": 1},
        {"iat": 99_999_999_999},
    ):
        proof = ready.proof_of(key, ready.new_nonce(), **changed)
        assert ask(proof) == "invalid_proof", changed
    nonce = ready.new_nonce()
    stolen = jwt.encode(
        {"aud": ready.issuer, "iat": int(city.clock.now().timestamp()), "nonce": nonce},
        other,
        algorithm="ES256",
        headers=jwt.get_unverified_header(ready.proof_of(key, nonce)),
    )
    assert ask(stolen) == "invalid_proof"
    # One key a copy.
    assert ask(ready.proof_of(key, nonce), ready.proof_of(key, nonce)) == "invalid_proof"
    # Two nonces, none, one of another, an old one.
    two = [ready.proof_of(k, ready.new_nonce()) for k in (key, other)]
    assert ask(*two) == "invalid_nonce"
    for wrong in (None, "x", nonce[:-2] + "AA"):
        assert ask(ready.proof_of(key, wrong)) == "invalid_nonce", wrong
    city.clock.advance(timedelta(minutes=4))
    assert ready.refresh_tokens().status_code == 200
    old = nonce
    city.clock.advance(timedelta(minutes=2))
    assert ask(ready.proof_of(key, old)) == "invalid_nonce"


def test_a_phone_whose_clock_is_minutes_wrong_takes_its_credential(
    city: Lockers, ready: Phone
) -> None:
    for minutes in (-5, 5):
        key = ec.generate_private_key(ec.SECP256R1())
        theirs = int((city.clock.now() + timedelta(minutes=minutes)).timestamp())
        proof = ready.proof_of(key, ready.new_nonce(), iat=theirs)
        given = ready.ask({**ready.which(), "proofs": {"jwt": [proof]}})
        assert given.status_code == 200, given.text


@pytest.mark.rfc("OpenID4VCI", "7.2")
@pytest.mark.row("failures", "7")
def test_a_nonce_counts_once(city: Lockers, ready: Phone) -> None:
    first, second = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    nonce = ready.new_nonce()
    body = {**ready.which(), "proofs": {"jwt": [ready.proof_of(first, nonce)]}}
    assert ready.ask(body).status_code == 200
    assert word(ready.ask(body)) == "invalid_nonce"
    again = {**ready.which(), "proofs": {"jwt": [ready.proof_of(second, nonce)]}}
    assert word(ready.ask(again)) == "invalid_nonce"


def test_a_token_that_was_stolen_from_a_wallet_gives_nothing(city: Lockers, ready: Phone) -> None:
    http = city.browser().http
    bare = http.post(
        "/openid4vci/credential", json={}, headers={"Authorization": f"Bearer {ready.token}"}
    )
    assert bare.status_code == 401
    assert http.post("/openid4vci/credential", json={}).status_code == 401
    ready.key = ec.generate_private_key(ec.SECP256R1())
    assert ready.ask().status_code == 401


def test_a_service_that_is_no_wallet_gets_no_credential(city: Lockers, ready: Phone) -> None:
    library = city.program(city.library)
    assert library.post("/openid4vci/credential", {}).status_code == 403


@pytest.mark.rfc("OpenID4VCI", "11")
def test_a_wallet_says_what_became_of_it(city: Lockers, ready: Phone) -> None:
    given = ready.ask().json()
    copy, notification = given["credentials"][0]["credential"], given["notification_id"]

    def say(**body: Any) -> Any:
        return ready.send("POST", "/openid4vci/notification", json=body)

    assert say(notification_id=notification, event="credential_accepted").status_code == 204
    assert word(say(notification_id="x", event="credential_accepted")) == "invalid_notification_id"
    assert word(say(notification_id=notification, event="x")) == "invalid_notification_request"
    assert not ended(city, copy)
    assert say(notification_id=notification, event="credential_deleted").status_code == 204
    assert ended(city, copy)


def test_a_wallet_gets_new_copies_by_its_refresh_token_as_long_as_the_person_agrees(
    city: Lockers, ready: Phone, citizen: Visitor
) -> None:
    city.clock.advance(timedelta(minutes=6))
    assert ready.refresh_tokens().status_code == 200
    assert ready.ask(copies=2).status_code == 200
    withdraw(city, citizen)
    assert ready.ask().status_code == 401
    assert word(ready.refresh_tokens()) == "invalid_grant"


# ── what ends credentials ─────────────────────────────────────────────────────────────


def withdraw(city: Lockers, citizen: Visitor) -> None:
    (consent,) = city.deployment.parts["policies"].consent.list(citizen.id)
    here = f"/account/consents/{consent.id}"
    assert citizen.post(f"{here}/withdraw", here).status_code in (200, 303)


@pytest.mark.row("privacy", "P-6")
def test_a_withdrawn_consent_ends_what_the_wallet_holds(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    (copy,) = phone.take(citizen, IDENTITY)
    assert not ended(city, copy)
    withdraw(city, citizen)
    assert ended(city, copy)


@pytest.mark.row("privacy", "P-6")
def test_who_agrees_to_less_ends_what_says_more(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    (whole,) = phone.take(citizen, IDENTITY, give=["age_over_18"])
    (wider,) = phone.take(citizen, IDENTITY)
    # Agreeing to more ends nothing.
    assert not ended(city, whole)
    (little,) = phone.take(citizen, IDENTITY, give=["age_over_18"])
    assert ended(city, wider)
    assert not ended(city, little)


@pytest.mark.row("privacy", "P-6")
def test_a_suspended_identity_ends_what_every_wallet_holds(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    (copy,) = phone.take(citizen, IDENTITY)
    life = city.deployment.parts["identity_life"]
    life.suspend(citizen.id, Actor("staff", "stf_1"), "Reported as stolen.", city.clock.now())
    assert ended(city, copy)
    assert phone.ask().status_code == 401


def test_a_lost_phone_is_ended_by_its_person(city: Lockers, phone: Phone, citizen: Visitor) -> None:
    (copy,) = phone.take(citizen, IDENTITY)
    page = citizen.get("/account/wallet").text
    (batch,) = re.findall(r'name="batch" value="([^"]+)"', page)
    done = citizen.mean_it("/account/wallet/end", "/account/wallet", act="end", batch=batch)
    assert done.status_code == 303
    assert ended(city, copy)
    assert "wallet.ended" in city.kinds(citizen.id)
    assert "Nothing of yours." in citizen.get("/account/wallet").text


@pytest.mark.row("privacy", "P-6")
def test_a_document_is_carried_and_ends_with_what_it_was_made_from(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    office = city.program(city.office)
    assert office.make_out(citizen.id).status_code == 201
    page = citizen.get("/account/wallet").text
    (document_id,) = set(re.findall(r"credential=(doc_\w+)", page))
    (copy,) = phone.take(citizen, document_id)
    parts = sd_jwt.split(copy)
    claims = sd_jwt.disclosed(read(parts.token), parts.disclosures)
    assert (claims["number"], claims["content"]) == ("R-1", SAID)
    assert claims["holder"]["name"] == city.record(citizen.id)["name"]
    assert not ended(city, copy)
    # The same document made out anew is another one.
    assert office.make_out(citizen.id, content={**SAID, "owner": False}).status_code == 200
    assert ended(city, copy)
    anew = phone.ask().json()["credentials"][0]["credential"]
    assert not ended(city, anew)
    suspended = office.post("/documents/v1/documents/residence/R-1/suspend", {"reason": "x"})
    assert suspended.status_code == 200
    assert ended(city, anew)
    phone.refresh_tokens()
    assert word(phone.ask()) == "credential_request_denied"


def test_a_wallet_is_offered_only_at_the_level_that_it_needs(city: Lockers, phone: Phone) -> None:
    (person_id,) = city.people()
    somebody = city.citizen(person_id, "just.imported")
    somebody.add_and_use_passkey()
    page = somebody.get(f"/account/wallet/offer?credential={IDENTITY}", follow_redirects=True)
    assert page.status_code == 403
    assert "registration office" in page.text


def test_the_address_in_the_code_leads_to_the_same_offer(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    credentials = city.deployment.parts["credentials"]
    made: list[Any] = []
    offer = credentials.offer
    credentials.offer = lambda *a, **k: made.append(offer(*a, **k)) or made[-1]
    by_value, _ = phone.read(offer_page(citizen, IDENTITY).text)
    query = parse_qs(urlsplit(made[0].by_reference).query)
    path = query["credential_offer_uri"][0].removeprefix(credentials.url)
    answer = city.browser().http.get(path)
    assert (answer.status_code, answer.json()) == (200, by_value)
