"""A chip card of our own authority, its key in a PKCS#11 token: bound, used, refused — Web eID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.cross_origin import origin
from foundation.fetch import FetchFailed
from foundation.pkcs11.token import Token
from foundation.settings import Server, Settings
from idp.login.authenticators.card_issuers import CardIssuers
from idp.register import Evidence, Findings
from policies.settings import PoliciesSettings
from tests.support import softhsm
from tests.support.cards import card_for, issuer_of, token_of
from tests.support.city import City, Visitor

PEOPLE = list(residents(3, 7, city="Tallinn", country="EE"))
PAPERS = Findings(
    4,
    (
        Evidence("passport", "passport-authority", "presented-in-person", "K1", True, True),
        Evidence("identity-card", "civil-register", "presented-in-person", "N1", True, True),
        Evidence("bank-statement", "bank", "register-query", "", True, True),
    ),
    True,
)


class Card:
    """A certificate, and the key that signs: in a token, or in memory where nothing hangs on it."""

    def __init__(self, city: City, number: str, key: Any = None, **more: Any) -> None:
        self.city = city
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = card_for(city.deployment.parts["pki"], self.key, number, **more)

    def token(self, nonce: str, where: str | None = None) -> dict[str, Any]:
        here = origin(self.city.settings.of(Server).url)
        return token_of(self.certificate, self.key, where or here, nonce)


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    # An organisation that was itself assessed at 4: the lowest of all parts counts.
    made = City(settings.with_sections(PoliciesSettings(organisation_level=4)), clock)
    login, authority = made.deployment.parts["login"], made.deployment.parts["pki"]
    login.cards.issuers = CardIssuers([issuer_of(authority)])
    outside = made.browser()

    def ask(url: str, request: bytes) -> bytes:
        """OCSP at our own responder, without a network."""
        assert url == "http://pki.example.city/pki/ocsp"
        sent = {"Content-Type": "application/ocsp-request"}
        return bytes(outside.http.post("/pki/ocsp", content=request, headers=sent).content)

    login.cards.ask_responder = ask
    yield made
    made.close()


@pytest.fixture
def person_id(city: City) -> str:
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
    with city.runtime.database.read() as uow:
        return str(city.register.by_civil_number(uow, PEOPLE[0]["civil_number"]))


@pytest.fixture
def citizen(city: City, person_id: str) -> Visitor:
    return city.citizen(person_id, "some.citizen")


@pytest.fixture
def card(city: City) -> Card:
    return Card(city, PEOPLE[0]["civil_number"])


def send(visitor: Visitor, path: str, body: dict[str, Any]) -> Any:
    proof = {"X-CSRF-Token": visitor.token(), "Accept-Language": "en", "Accept": "*/*"}
    return visitor.http.post(path, json=body, headers=proof)


def bind(visitor: Visitor, card: Card) -> Any:
    asked = send(visitor, "/cards/options", {}).json()
    body = {"challenge": asked["challenge"], "token": card.token(asked["nonce"]), "label": "Blue"}
    return send(visitor, "/cards", body)


def sign_in(visitor: Visitor, card: Card, **more: Any) -> Any:
    asked = send(visitor, "/sign-in/card/options", {}).json()
    token = card.token(asked["nonce"], more.get("where"))
    return send(visitor, "/sign-in/card", {"challenge": asked["challenge"], "token": token})


def step_up(visitor: Visitor, card: Card) -> None:
    asked = send(visitor, "/sign-in/card/options", {"step_up": True}).json()
    token = card.token(asked["nonce"])
    body = {"step_up": True, "challenge": asked["challenge"], "token": token}
    assert send(visitor, "/sign-in/card", body).status_code == 200


def proofed_at_4(city: City, person_id: str) -> None:
    """In person, two authoritative sources, by two officers."""
    now, proofing = city.clock.now(), city.register.proofing
    version = proofing.current_policy(now).version
    with city.runtime.database.write() as uow:
        made = proofing.reproof(
            uow, person_id, version, PAPERS, Actor("staff", "stf_one"), "1", now
        )
        assert made.result == "awaiting-second-officer", made.reasons
        proofing.confirm(uow, made.id, Actor("staff", "stf_two"), True, now)


def session_of(city: City, visitor: Visitor) -> Any:
    """The newest session of the person."""
    login = city.deployment.parts["login"]
    with city.runtime.database.read() as uow:
        from idp.register import Subject

        living = login.sessions.living(uow, Subject("citizen", visitor.id), city.clock.now())
    return max(living, key=lambda one: one.session.auth_time).session


@pytest.mark.row("assurance", "AU-11")
def test_a_card_with_its_key_in_a_pkcs11_token_reaches_level_4_with_its_method_named(
    city: City, citizen: Visitor, person_id: str
) -> None:
    with softhsm.tokens() as folder:
        token = Token(softhsm.new_token(folder).uri(), Path())
        key = token.generate("card", "ES256")
        card = Card(city, PEOPLE[0]["civil_number"], key)
        proofed_at_4(city, person_id)
        assert bind(citizen, card).status_code == 200
        city.clock.advance(timedelta(minutes=1))
        visitor = city.browser()
        visitor.id = person_id
        done = sign_in(visitor, card)
    assert done.status_code == 200, done.text
    session = session_of(city, visitor)
    assert session.level == 4
    assert session.amr == ("mfa", "pin", "sc")
    assert visitor.get("/account").status_code == 200
    details = [e.details for e in city.runtime.audit.ledger(person_id)
               if e.kind == "sign-in.succeeded"]  # fmt: skip
    assert ("x509-card", 4) in [(d["method"], d["level"]) for d in details]


def test_a_card_without_presence_goes_no_higher_than_its_holder_is_known(
    city: City, citizen: Visitor, card: Card
) -> None:
    bind(citizen, card)
    visitor = city.browser()
    visitor.id = citizen.id
    assert sign_in(visitor, card).status_code == 200
    assert session_of(city, visitor).level == 1


@pytest.mark.row("assurance", "AU-8")
def test_a_nonce_lives_five_minutes_and_works_once(
    city: City, citizen: Visitor, card: Card
) -> None:
    bind(citizen, card)
    visitor = city.browser()
    asked = send(visitor, "/sign-in/card/options", {}).json()
    body = {"challenge": asked["challenge"], "token": card.token(asked["nonce"])}
    assert send(visitor, "/sign-in/card", body).status_code == 200
    again = send(visitor, "/sign-in/card", body)
    assert (again.status_code, again.json()["detail"]) == (422, "This card did not open anything.")
    asked = send(visitor, "/sign-in/card/options", {}).json()
    body = {"challenge": asked["challenge"], "token": card.token(asked["nonce"])}
    city.clock.advance(timedelta(minutes=5))
    assert send(visitor, "/sign-in/card", body).status_code == 422


def test_a_token_for_another_page_or_browser_opens_nothing(
    city: City, citizen: Visitor, card: Card
) -> None:
    bind(citizen, card)
    elsewhere = sign_in(city.browser(), card, where="https://bank.example")
    assert elsewhere.json()["detail"] == "This card did not open anything."
    asked = send(city.browser(), "/sign-in/card/options", {}).json()
    body = {"challenge": asked["challenge"], "token": card.token(asked["nonce"])}
    assert send(city.browser(), "/sign-in/card", body).status_code == 422


@pytest.mark.row("assurance", "AU-11")
def test_a_revoked_card_says_so_and_opens_nothing(city: City, citizen: Visitor, card: Card) -> None:
    bind(citizen, card)
    authority, now = city.deployment.parts["pki"], city.clock.now()
    with city.runtime.database.write() as uow:
        revoke(authority, uow, card, now)
    refused = sign_in(city.browser(), card)
    assert refused.status_code == 422
    assert refused.json()["detail"] == "Its issuer has revoked this card."
    assert refused.json()["next_step"] == "Ask its issuer for a new one."


def test_a_responder_that_is_away_opens_nothing(city: City, citizen: Visitor, card: Card) -> None:
    bind(citizen, card)

    def away(url: str, request: bytes) -> bytes:
        raise FetchFailed("no answer")

    login = city.deployment.parts["login"]
    answering, login.cards.ask_responder = login.cards.ask_responder, away
    refused = sign_in(city.browser(), card)
    assert "did not say whether it still counts" in refused.json()["detail"]
    for nonsense in (b"", b"\x30\x03\x0a\x01\x06", b"good"):
        login.cards.ask_responder = lambda url, request, said=nonsense: said
        assert sign_in(city.browser(), card).status_code == 422
    login.cards.ask_responder = answering
    assert sign_in(city.browser(), card).status_code == 200


@pytest.mark.row("assurance", "AU-11")
def test_an_answer_about_another_card_or_of_another_day_opens_nothing(
    city: City, citizen: Visitor, card: Card
) -> None:
    bind(citizen, card)
    login = city.deployment.parts["login"]
    answering, kept = login.cards.ask_responder, []

    def keeping(url: str, request: bytes) -> bytes:
        kept.append(answering(url, request))
        return bytes(kept[-1])

    login.cards.ask_responder = keeping
    assert sign_in(city.browser(), card).status_code == 200
    login.cards.ask_responder = lambda url, request: kept[0]
    other = Card(city, PEOPLE[1]["civil_number"])
    refused = sign_in(city.browser(), other)
    assert "did not say" in refused.json()["detail"]
    city.clock.advance(timedelta(days=30))
    assert "did not say" in sign_in(city.browser(), card).json()["detail"]


def test_a_card_that_nobody_bound_says_what_to_do(city: City, citizen: Visitor, card: Card) -> None:
    refused = sign_in(city.browser(), card)
    assert refused.json()["detail"] == "This card is not bound to anybody here."
    french = city.browser()
    asked = send(french, "/sign-in/card/options", {}).json()
    body = {"challenge": asked["challenge"], "token": card.token(asked["nonce"])}
    proof = {"X-CSRF-Token": french.token(), "Accept-Language": "fr", "Accept": "*/*"}
    said = french.http.post("/sign-in/card", json=body, headers=proof).json()
    assert said["detail"] == "Cette carte n’est liée à personne ici."


@pytest.mark.row("assurance", "CM-6")
def test_the_card_of_somebody_else_is_not_bound(city: City, citizen: Visitor) -> None:
    refused = bind(citizen, Card(city, PEOPLE[1]["civil_number"]))
    assert refused.status_code == 422
    assert refused.json()["detail"] == "This card is somebody else’s."


def test_a_card_is_bound_once_and_is_the_strongest_means_from_then_on(
    city: City, citizen: Visitor, card: Card
) -> None:
    assert bind(citizen, card).status_code == 200
    assert "strongest=1" in send(citizen, "/cards/options", {}).json()["location"]
    step_up(citizen, card)
    again = bind(citizen, card)
    assert (again.status_code, again.json()["detail"]) == (409, "This card is bound already.")


def test_a_card_of_an_issuer_without_numbers_counts_as_its_binding_did(
    city: City, citizen: Visitor, person_id: str
) -> None:
    login, authority = city.deployment.parts["login"], city.deployment.parts["pki"]
    login.cards.issuers = CardIssuers([issuer_of(authority, number=None)])
    proofed_at_4(city, person_id)
    city.clock.advance(timedelta(hours=2))
    session = sign_in_by_password(citizen)
    assert session.status_code == 303
    foreign = Card(city, "77777777777")
    assert bind(citizen, foreign).status_code == 200
    visitor = city.browser()
    visitor.id = person_id
    assert sign_in(visitor, foreign).status_code == 200
    assert session_of(city, visitor).level == 2


def test_a_certificate_of_a_phone_is_no_card(city: City, citizen: Visitor) -> None:
    phone = Card(city, PEOPLE[0]["civil_number"], profile="citizen-authentication")
    assert bind(citizen, phone).json()["detail"] == "Cards of this kind open nothing here."


def test_a_card_is_locked_unlocked_and_removed_as_other_ways_are(
    city: City, citizen: Visitor, card: Card
) -> None:
    bind(citizen, card)
    page = citizen.get("/account/credentials").text
    assert "Blue" in page
    login = city.deployment.parts["login"]
    from idp.register import Subject

    [bound] = [c for c in login.management.list(Subject("citizen", citizen.id))
               if c.kind == "chip-card"]  # fmt: skip
    citizen.post(f"/account/credentials/{bound.id}/lock", "/account/credentials")
    refused = sign_in(city.browser(), card)
    assert refused.json()["detail"] == "This card is locked: you locked it."
    citizen.post(f"/account/credentials/{bound.id}/unlock", "/account/credentials")
    step_up(citizen, card)
    where = f"/account/credentials/{bound.id}/remove"
    citizen.mean_it(where, "/account/credentials")
    assert sign_in(city.browser(), card).json()["detail"].startswith("This card is not bound")


def test_no_card_opens_anything_where_the_operator_named_no_issuer(
    city: City, citizen: Visitor
) -> None:
    city.deployment.parts["login"].cards.issuers = CardIssuers()
    assert send(city.browser(), "/sign-in/card/options", {}).status_code == 404
    assert "chip card" not in city.browser().get("/sign-in").text


def test_pages_offer_cards_by_a_script_of_ours_alone(city: City, citizen: Visitor) -> None:
    for page in (city.browser().get("/sign-in"), citizen.get("/account/credentials")):
        assert "data-card=" in page.text
        assert re.search(r'<script src="/static/cards\.[0-9a-f]+\.js" defer>', page.text)
        assert "unsafe" not in page.headers["content-security-policy"]


def sign_in_by_password(visitor: Visitor) -> Any:
    from tests.support.city import PASSWORD

    return visitor.post("/sign-in", "/sign-in", name="some.citizen", password=PASSWORD)


def revoke(authority: Any, uow: Any, card: Card, now: Any) -> None:
    assert authority.revoke(uow, f"{card.certificate.serial_number:x}", "keyCompromise", now)
