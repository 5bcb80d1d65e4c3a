"""Passkeys as a hostile client meets them — W3C WebAuthn §7.1, §7.2; AU-5, AU-6, AU-8, AU-11."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from fido2.utils import websafe_decode, websafe_encode

from foundation.clock import FrozenClock
from idp.register import Subject
from tests.support.passkey import SoftPasskey
from tests.support.sign_in import NAME, SignInDesk


def test_a_passkey_alone_signs_in_at_the_level_of_two_factors(desk: SignInDesk) -> None:
    own = desk.citizen(level=3)
    passkey = own.add_passkey()
    elsewhere = desk.browser()
    assert elsewhere.use(passkey, query="?return_to=%2Fnext").json() == {"location": "/next"}
    there = elsewhere.whoami()
    assert (there["id"], there["level"]) == (own.whoami()["id"], 3)
    assert elsewhere.who(level=3)["amr"] == ["mfa", "swk", "user"]


def test_the_session_is_no_higher_than_the_proofing(desk: SignInDesk) -> None:
    passkey = desk.citizen(level=2).add_passkey()
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    assert elsewhere.whoami()["level"] == 2


@pytest.mark.row("assurance", "CM-2")
@pytest.mark.parametrize("backup_eligible", [True, False])
def test_without_attestation_no_passkey_reaches_more_than_three(
    desk: SignInDesk, backup_eligible: bool
) -> None:
    # Everything else is at 4 here, so that nothing but the missing attestation holds it down.
    city = desk.of_organisation_at(4)
    passkey = city.citizen(level=4).add_passkey(backup_eligible=backup_eligible)
    elsewhere = city.browser()
    elsewhere.use(passkey)
    assert elsewhere.whoami()["level"] == 3


@pytest.mark.row("assurance", "AU-11")
def test_without_user_verification_a_passkey_is_one_factor_and_a_password_makes_it_two(
    desk: SignInDesk,
) -> None:
    passkey = desk.citizen(level=3).add_passkey()
    passkey.user_verified = False
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    assert elsewhere.whoami()["level"] == 2
    elsewhere.sign_in(query="?fresh=1")
    assert elsewhere.whoami()["level"] == 2, "what is asked anew counts alone"
    elsewhere.use(passkey, step_up=True)
    assert elsewhere.whoami()["level"] == 3


def test_a_passkey_must_be_made_with_the_user_verified(desk: SignInDesk) -> None:
    with pytest.raises(AssertionError, match="did not open anything"):
        desk.citizen().add_passkey(user_verified=False)


def test_stepping_up_keeps_the_session_and_changes_its_cookie(desk: SignInDesk) -> None:
    passkey = desk.citizen(level=3).add_passkey()
    browser = desk.browser()
    browser.sign_in()
    before, cookie = browser.whoami(), browser.cookie("session")
    assert "level=3" in browser.who(level=3)["go_to"]
    page = browser.get(browser.who(level=3)["go_to"])
    assert "Continue with your passkey" in page.text
    browser.use(passkey, step_up=True)
    after = browser.whoami()
    assert (after["session"], after["level"]) == (before["session"], 3)
    assert browser.cookie("session") != cookie


@pytest.mark.row("assurance", "AU-6")
@pytest.mark.parametrize(
    "origin",
    [
        "https://localhost:8000",
        "http://localhost:8001",
        "http://localhost",
        "http://localhost:8000.evil.example",
        "https://evil.example",
        "null",
    ],
)
def test_an_assertion_for_another_origin_fails(desk: SignInDesk, origin: str) -> None:
    passkey = desk.citizen().add_passkey()
    passkey.origin = origin
    assert desk.browser().use(passkey).status_code == 422


def test_an_assertion_for_another_relying_party_fails(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey()
    passkey.rp_id = "evil.example"
    browser = desk.browser()
    asked = browser.ask()
    passkey.rp_id = "evil.example"
    answer = passkey.get(asked["options"])
    body = {"challenge": asked["challenge"], "credential": answer}
    assert browser.send("/sign-in/passkey", body).status_code == 422


@pytest.mark.row("assurance", "AU-10")
def test_a_proxy_that_relays_question_and_answer_stays_below_level_3(desk: SignInDesk) -> None:
    passkey = desk.citizen(level=3).add_passkey()
    # The victim's browser signs the origin that it is at, whatever the proxy shows there.
    passkey.origin = "https://localhost.evil.example"
    proxy = desk.browser()
    asked = proxy.ask()
    relayed = passkey.get(asked["options"])
    body = {"challenge": asked["challenge"], "credential": relayed}
    assert proxy.send("/sign-in/passkey", body).status_code == 422
    asked = proxy.ask()
    corrected = passkey.get(asked["options"])
    said = json.loads(websafe_decode(corrected["response"]["clientDataJSON"]))
    said["origin"] = desk.issuer
    corrected["response"]["clientDataJSON"] = websafe_encode(json.dumps(said).encode())
    body = {"challenge": asked["challenge"], "credential": corrected}
    assert proxy.send("/sign-in/passkey", body).status_code == 422
    assert proxy.whoami() is None
    # A password can be relayed: that is why it reaches no higher.
    proxy.sign_in()
    assert proxy.whoami()["level"] == 2


@pytest.mark.row("assurance", "AU-8")
@pytest.mark.row("failures", "5")
def test_a_challenge_works_once_in_its_own_browser_and_not_for_long(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    # Without a counter, or that would refuse the replay as well.
    passkey = desk.citizen().add_passkey(step=0)
    browser = desk.browser()
    asked = browser.ask()
    body = {"challenge": asked["challenge"], "credential": passkey.get(asked["options"])}
    assert desk.browser().send("/sign-in/passkey", body).status_code == 422, "another browser"
    assert browser.send("/sign-in/passkey", body).status_code == 200
    assert browser.send("/sign-in/passkey", body).status_code == 422, "a replay"
    asked = browser.ask()
    clock.advance(desk.login.settings.challenge + timedelta(seconds=1))
    body = {"challenge": asked["challenge"], "credential": passkey.get(asked["options"])}
    assert browser.send("/sign-in/passkey", body).status_code == 422, "stale"


def test_the_answer_to_another_challenge_fails(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey()
    browser = desk.browser()
    first, second = browser.ask(), browser.ask()
    body = {"challenge": first["challenge"], "credential": passkey.get(second["options"])}
    assert browser.send("/sign-in/passkey", body).status_code == 422


@pytest.mark.row("assurance", "AU-5")
def test_a_cloned_passkey_is_refused_by_its_counter(desk: SignInDesk) -> None:
    own = desk.citizen()
    person = own.whoami()["id"]
    passkey = own.add_passkey()
    copied_at = passkey.counter
    for _ in range(3):
        assert desk.browser().use(passkey).status_code == 200
    passkey.counter = copied_at
    assert desk.browser().use(passkey).status_code == 422
    reasons = [d["reason"] for kind, d in desk.events(person) if kind == "sign-in.failed"]
    assert reasons == ["the signature counter did not move on: perhaps a clone"]


def test_a_passkey_that_keeps_no_counter_works_again_and_again(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey(step=0)
    assert [desk.browser().use(passkey).status_code for _ in range(3)] == [200, 200, 200]


def test_a_passkey_cannot_become_exportable_after_it_was_made(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey(backup_eligible=False)
    passkey.backup_eligible = True
    assert desk.browser().use(passkey).status_code == 422


def test_another_persons_passkey_does_not_step_up_my_session(desk: SignInDesk) -> None:
    theirs = desk.citizen("berta", number="CD654321").add_passkey()
    mine = desk.citizen()
    mine.add_passkey()
    before = mine.whoami()
    assert mine.use(theirs, step_up=True).status_code == 422
    assert mine.whoami() == before


def test_a_wrong_signature_fails(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey()
    browser = desk.browser()
    asked = browser.ask()
    answer = passkey.get(asked["options"])
    signature = bytearray(base64.urlsafe_b64decode(answer["response"]["signature"] + "=="))
    signature[-1] ^= 1
    answer["response"]["signature"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    body = {"challenge": asked["challenge"], "credential": answer}
    assert browser.send("/sign-in/passkey", body).status_code == 422


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"rawId": 7},
        {"rawId": "", "response": {}},
        {"rawId": "AAAA", "response": []},
        {"rawId": "A" * 3000, "response": {}},
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "e30"},
        },
    ],
)
def test_an_answer_that_is_no_answer_is_a_4xx(desk: SignInDesk, credential: Any) -> None:
    browser = desk.citizen()
    for ask, answer in (("/sign-in/passkey/options",) * 2, ("/passkeys/options", "/passkeys")):
        asked = browser.send(ask, {}).json()
        answer = answer.removesuffix("/options")
        body = {"challenge": asked["challenge"], "credential": credential}
        assert browser.send(answer, body).status_code == 422
    assert browser.send("/passkeys", {"challenge": 7, "credential": {}}).status_code == 400
    assert browser.send("/passkeys", {"challenge": "x", "credential": 1}).status_code == 400


@pytest.mark.row("assurance", "X.1253-9.3-4")
def test_what_a_name_has_is_never_told_to_who_asks_for_a_passkey(desk: SignInDesk) -> None:
    passkey = desk.citizen().add_passkey()
    browser = desk.browser()
    options = [browser.ask(name=name)["options"] for name in (NAME, "nobody", None)]
    for asked in options:
        assert not asked.get("allowCredentials")
        asked.pop("challenge")
    assert options[0] == options[1] == options[2]
    assert browser.use(passkey, name=NAME).status_code == 200


def test_a_passkey_is_bound_once(desk: SignInDesk) -> None:
    browser = desk.citizen()
    passkey = browser.add_passkey()
    browser.use(passkey, step_up=True)
    asked = browser.send("/passkeys/options", {}).json()
    answer = passkey.create(asked["options"])
    again = browser.send("/passkeys", {"challenge": asked["challenge"], "credential": answer})
    assert again.status_code == 409


def test_without_our_token_no_script_gets_anything(desk: SignInDesk) -> None:
    browser = desk.citizen()
    for path in (
        "/sign-in/passkey/options",
        "/sign-in/passkey",
        "/passkeys/options",
        "/passkeys",
    ):
        assert browser.http.post(path, json={}).status_code == 403


# ── binding ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row("failures", "12")
def test_a_passkey_bound_with_a_password_alone_raises_nobody(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen(level=3)
    clock.advance(timedelta(days=1))
    thief = desk.browser()
    thief.sign_in()
    passkey = thief.add_passkey()
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    assert elsewhere.whoami()["level"] == 2


@pytest.mark.row("assurance", "CM-1")
@pytest.mark.parametrize(
    "tampered", ["question", "origin", "relying party", "attestation", "identifier"]
)
def test_a_passkey_whose_making_was_tampered_with_is_not_bound(
    desk: SignInDesk, tampered: str
) -> None:
    browser = desk.citizen()
    passkey = SoftPasskey("https://evil.example" if tampered == "origin" else desk.issuer)
    asked = browser.send("/passkeys/options", {}).json()
    options = asked["options"]
    if tampered == "question":
        options = browser.send("/passkeys/options", {}).json()["options"]
    if tampered == "relying party":
        options["rp"]["id"] = "evil.example"
    credential = passkey.create(options)
    if tampered == "attestation":
        made = bytearray(websafe_decode(credential["response"]["attestationObject"]))
        made[-1] ^= 1  # a point that is not on the curve
        credential["response"]["attestationObject"] = websafe_encode(bytes(made))
    if tampered == "identifier":
        credential["id"] = credential["rawId"] = websafe_encode(b"another passkey's identifier")
    body = {"challenge": asked["challenge"], "credential": credential}
    assert browser.send("/passkeys", body).status_code == 422
    holder = Subject("citizen", browser.whoami()["id"])
    assert [c.kind for c in desk.login.management.list(holder)] == ["password"]


def test_binding_needs_a_recent_proof(desk: SignInDesk, clock: FrozenClock) -> None:
    browser = desk.citizen()
    clock.advance(timedelta(minutes=16))
    answer = browser.send("/passkeys/options?return_to=%2Faccount%2Fcredentials", {}).json()
    assert answer == {"location": "/sign-in?return_to=%2Faccount%2Fcredentials&strongest=1"}


def test_binding_needs_somebody_who_is_signed_in(desk: SignInDesk) -> None:
    assert desk.browser().send("/passkeys/options", {}).status_code == 401
