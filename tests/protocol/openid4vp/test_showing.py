"""A wallet shows credentials to a service of the city — OpenID4VP 1.0, RFC 9901 §7.3.

Each thing that may be wrong with what is shown is refused in a word of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey

from documents.credentials import sd_jwt
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import Visitor
from tests.support.holding import Counter, bind, choose, read
from tests.support.lockers import Lockers
from tests.support.wallets import Phone, citizen_of, wallets


@pytest.fixture
def city_and_phone(settings: Settings, clock: FrozenClock) -> Iterator[tuple[Lockers, Phone]]:
    with wallets(settings, clock) as (city, wallet):
        yield city, Phone(city, wallet)


@pytest.fixture
def city(city_and_phone: tuple[Lockers, Phone]) -> Lockers:
    return city_and_phone[0]


@pytest.fixture
def citizen(city: Lockers) -> Visitor:
    return citizen_of(city)


@pytest.fixture
def phone(city_and_phone: tuple[Lockers, Phone], citizen: Visitor) -> Phone:
    """With three copies of the citizen's identity."""
    phone = city_and_phone[1]
    phone.copies = phone.take(citizen, "credential.identity", copies=3)
    return phone


@pytest.fixture
def pool(city: Lockers) -> Counter:
    return Counter(city)


def now_of(city: Lockers) -> int:
    return int(city.clock.now().timestamp())


def show(city: Lockers, phone: Phone, pool: Counter, nth: int = 0, **changed: Any) -> Any:
    """One copy shown as it should be, but for what is changed in the holder's proof."""
    asked = pool.ask("age_over_18")
    request = pool.request(asked)
    parts = choose(phone.copies[nth], "age_over_18")
    shown = bind(parts, phone.keys[nth], request, now_of(city), **changed)
    return asked, pool.post(request, {"c0": [shown]})


@pytest.mark.rfc("OpenID4VP", "8.3")
@pytest.mark.row("privacy", "P-2")
def test_a_service_gets_what_it_asked_for_and_nothing_else(
    city: Lockers, phone: Phone, pool: Counter, citizen: Visitor
) -> None:
    asked = pool.ask("age_over_18")
    assert pool.read(asked)["state"] == "waiting"
    request = pool.request(asked)
    # The wallet shows more than it was asked for: the service does not get it.
    parts = choose(phone.copies[0], "age_over_18", "name")
    shown = bind(parts, phone.keys[0], request, now_of(city))
    answer = pool.post(request, {"c0": [shown]})
    assert (answer.status_code, answer.json()) == (200, {})
    said = pool.read(asked)
    assert (said["state"], said["claims"]) == ("shown", {"c0": {"age_over_18": True}})
    assert "wallet.shown" in city.kinds(citizen.id)
    page = citizen.get("/account/ledger").text
    assert "Swimming pool" in page


def test_what_was_shown_once_is_not_shown_again(city: Lockers, phone: Phone, pool: Counter) -> None:
    asked = pool.ask("age_over_18")
    request = pool.request(asked)
    shown = bind(choose(phone.copies[0], "age_over_18"), phone.keys[0], request, now_of(city))
    assert pool.post(request, {"c0": [shown]}).status_code == 200
    assert pool.post(request, {"c0": [shown]}).status_code == 400
    # At another request its nonce is another one.
    other = pool.request(pool.ask("age_over_18"))
    assert pool.word(pool.post(other, {"c0": [shown]})) == "wrong_nonce"


WRONG_PROOFS: list[tuple[dict[str, Any], str]] = [
    ({"nonce": "another"}, "wrong_nonce"),
    ({"aud": "x509_hash:another"}, "wrong_audience"),
    ({"aud": ["x509_hash:another"]}, "wrong_audience"),
    ({"sd_hash": "another"}, "wrong_sd_hash"),
    ({"iat": 1}, "stale_key_binding"),
    ({"iat": 99_999_999_999}, "stale_key_binding"),
    ({"iat": None}, "stale_key_binding"),
    ({"header": {"typ": "JWT"}}, "wrong_key_binding"),
    ({"header": {"crit": ["exp"]}}, "critical_header"),
]


@pytest.mark.rfc("OpenID4VP", "14.1")
@pytest.mark.row("failures", "9")
def test_a_proof_of_the_holders_key_that_is_for_something_else_is_refused(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    for changed, word in WRONG_PROOFS:
        asked, answer = show(city, phone, pool, **changed)
        assert pool.word(answer) == word, changed
        said = pool.read(asked)
        assert (said["state"], said["refused"], said["claims"]) == ("refused", word, {})
        assert said["why"]


def test_a_copy_without_a_proof_or_with_another_key_is_nobodys(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    request = pool.request(pool.ask("age_over_18"))
    parts = choose(phone.copies[0], "age_over_18")
    bare = sd_jwt.joined(parts.token, parts.disclosures)
    assert pool.word(pool.post(request, {"c0": [bare]})) == "no_key_binding"
    request = pool.request(pool.ask("age_over_18"))
    thief = ec.generate_private_key(ec.SECP256R1())
    shown = bind(parts, thief, request, now_of(city))
    assert pool.word(pool.post(request, {"c0": [shown]})) == "wrong_holder"
    # The key of another copy is another key.
    request = pool.request(pool.ask("age_over_18"))
    shown = bind(parts, phone.keys[1], request, now_of(city))
    assert pool.word(pool.post(request, {"c0": [shown]})) == "wrong_holder"


def _changed_byte(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    head, payload, signature = parts.token.split(".")
    said = json.loads(sd_jwt.from_base64url(payload))
    said["exp"] += 86_400
    forged = sd_jwt.base64url(json.dumps(said).encode())
    return replace(parts, token=f"{head}.{forged}.{signature}")


def _own_key(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    """Signed anew by a key of one's own, under the issuer's certificate."""
    header = jwt.get_unverified_header(parts.token)
    key = ec.generate_private_key(ec.SECP256R1())
    head = {"typ": header["typ"], "x5c": header["x5c"]}
    return replace(parts, token=jwt.encode(read(parts.token), key, algorithm="ES256", headers=head))


def _own_certificate(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    """Signed by a key and a certificate of one's own."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Credentials")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    head = {"typ": "dc+sd-jwt", "x5c": [der]}
    return replace(parts, token=jwt.encode(read(parts.token), key, algorithm="ES256", headers=head))


def _without_certificate(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    key = ec.generate_private_key(ec.SECP256R1())
    head = {"typ": "dc+sd-jwt"}
    return replace(parts, token=jwt.encode(read(parts.token), key, algorithm="ES256", headers=head))


def _critical(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    key = ec.generate_private_key(ec.SECP256R1())
    head = {"typ": "dc+sd-jwt", "crit": ["new"], "new": 1}
    return replace(parts, token=jwt.encode(read(parts.token), key, algorithm="ES256", headers=head))


def _twice(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    return replace(parts, disclosures=parts.disclosures * 2)


def _invented(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    made = sd_jwt.base64url(json.dumps(["salt", "age_over_21", True]).encode())
    return replace(parts, disclosures=(*parts.disclosures, made))


def _altered(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    salt, name, _ = json.loads(sd_jwt.from_base64url(parts.disclosures[0]))
    changed = sd_jwt.base64url(json.dumps([salt, name, False]).encode())
    return replace(parts, disclosures=(changed,))


def _nothing(parts: sd_jwt.SdJwt) -> sd_jwt.SdJwt:
    return replace(parts, disclosures=())


SPOILED: list[tuple[Callable[[sd_jwt.SdJwt], sd_jwt.SdJwt], str]] = [
    (_changed_byte, "wrong_signature"),
    (_own_key, "wrong_signature"),
    (_own_certificate, "issuer_unknown"),
    (_without_certificate, "no_certificate"),
    (_critical, "critical_header"),
    (_twice, "disclosed_twice"),
    (_invented, "disclosure_not_signed"),
    (_altered, "disclosure_not_signed"),
    (_nothing, "claim_missing"),
]


@pytest.mark.rfc("9901", "7.1")
@pytest.mark.row("failures", "10")
def test_a_spoiled_credential_is_refused_in_a_word_of_its_own(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    for spoil, word in SPOILED:
        request = pool.request(pool.ask("age_over_18"))
        parts = spoil(choose(phone.copies[0], "age_over_18"))
        shown = bind(parts, phone.keys[0], request, now_of(city))
        assert pool.word(pool.post(request, {"c0": [shown]})) == word, spoil


def test_an_answer_to_another_question_is_refused(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    answers: list[Any] = [None, [], {}, {"c1": ["x~"]}, {"c0": []}, {"c0": ["x~", "x~"]}]
    for vp_token in answers:
        request = pool.request(pool.ask("age_over_18"))
        assert pool.word(pool.post(request, vp_token)) == "other_credentials", vp_token


def test_a_credential_of_another_kind_is_refused(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    office = city.program(city.office)
    assert office.make_out(citizen.id).status_code == 201
    library = Counter(city, "Library", purposes=["library"])
    asked = library.ask("content.street", credential="credential.town-hall.residence")
    request = library.request(asked)
    shown = bind(choose(phone.copies[0], "name"), phone.keys[0], request, now_of(city))
    assert library.word(library.post(request, {"c0": [shown]})) == "wrong_type"


def test_an_expired_credential_is_refused(city: Lockers, phone: Phone, pool: Counter) -> None:
    city.clock.advance(timedelta(days=15))
    assert pool.word(show(city, phone, pool)[1]) == "expired"


def test_an_answer_in_clear_to_an_encrypted_request_is_none(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    request = pool.request(pool.ask("age_over_18"))
    shown = bind(choose(phone.copies[0], "age_over_18"), phone.keys[0], request, now_of(city))
    in_clear = {**request, "response_mode": "direct_post"}
    assert pool.post(in_clear, {"c0": [shown]}).status_code == 400
    assert pool.post(request, {"c0": [shown]}).status_code == 200


@pytest.mark.rfc("OpenID4VP", "8.3")
@pytest.mark.row("failures", "10")
def test_an_answer_that_cannot_be_decrypted_or_would_be_a_bomb_is_refused(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    request = pool.request(pool.ask("age_over_18"))
    (public,) = request["client_metadata"]["jwks"]["keys"]
    assert request["client_metadata"]["encrypted_response_enc_values_supported"]
    key, other = ECKey.import_key(public), ECKey.generate_key("P-256")
    path = request["response_uri"].removeprefix(city.locker.originals.url)
    known = ["ECDH-ES", "ECDH-ES+A128KW", "A128GCM", "A128CBC-HS256", "DEF"]
    for to, head in (
        (other, {}),
        (key, {"alg": "ECDH-ES+A128KW"}),
        (key, {"enc": "A128CBC-HS256"}),
        (key, {"zip": "DEF"}),
    ):
        whole = {"alg": "ECDH-ES", "enc": "A128GCM", **head}
        sealed = jwe.encrypt_compact(whole, b" " * 40_000, to, algorithms=known)
        answer = city.browser().http.post(path, data={"response": sealed})
        assert answer.status_code == 400, head
        assert "cannot be decrypted" in answer.json()["error_description"]
    # It is not over: what is no answer to it ends nothing.
    shown = bind(choose(phone.copies[0], "age_over_18"), phone.keys[0], request, now_of(city))
    assert pool.post(request, {"c0": [shown]}).status_code == 200
    # Each request has a key of its own.
    later = pool.request(pool.ask("age_over_18"))
    assert later["client_metadata"]["jwks"]["keys"][0]["x"] != public["x"]


def test_a_wallet_that_declines_shows_nothing(city: Lockers, phone: Phone, pool: Counter) -> None:
    asked = pool.ask("age_over_18")
    request = pool.request(asked)
    path = request["response_uri"].removeprefix(city.locker.originals.url)
    http = city.browser().http
    answer = http.post(path, data={"error": "access_denied", "state": request["state"]})
    assert answer.status_code == 200
    assert pool.read(asked)["state"] == "declined"


def test_a_request_is_over_after_some_minutes(city: Lockers, phone: Phone, pool: Counter) -> None:
    asked = pool.ask("age_over_18")
    request = pool.request(asked)
    city.clock.advance(timedelta(seconds=301))
    shown = bind(choose(phone.copies[0], "age_over_18"), phone.keys[0], request, now_of(city))
    assert pool.post(request, {"c0": [shown]}).status_code == 400
    assert pool.read(asked)["state"] == "expired"


# ── who reads it ──────────────────────────────────────────────────────────────────────


@pytest.mark.row("privacy", "P-2")
def test_only_the_service_that_asked_reads_and_only_what_its_purpose_needs(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    asked, answer = show(city, phone, pool)
    assert answer.status_code == 200
    other = Counter(city, "Somebody else")
    assert other.read(asked)["title"] == "not found"
    thrifty = Counter(city, "Parking", purposes=["mobility"])
    assert thrifty.try_to_ask("birthdate").status_code == 422
    assert thrifty.try_to_ask("age_over_21").status_code == 201
    assert thrifty.try_to_ask("shoe_size").status_code == 422


def test_who_is_led_back_brings_a_code_and_nobody_else_reads(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    asked = pool.ask("age_over_18", return_to="https://pool.example/cb")
    request = pool.request(asked, "link_same_device")
    shown = bind(choose(phone.copies[0], "age_over_18"), phone.keys[0], request, now_of(city))
    answer = pool.post(request, {"c0": [shown]})
    assert answer.status_code == 200, answer.text
    code = answer.json()["redirect_uri"].rpartition("response_code=")[2]
    assert pool.read(asked)["title"] == "bad request"
    assert pool.read(asked, "0" * 64)["title"] == "bad request"
    assert pool.read(asked, code)["claims"] == {"c0": {"age_over_18": True}}


def test_the_page_leads_only_the_browser_back_that_opened_it_first(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    asked = pool.ask("age_over_18", return_to="https://pool.example/cb")
    path = asked["url"].removeprefix(city.locker.originals.url)
    first, other = city.browser(), city.browser()
    page = first.get(path).text
    assert "openid4vp://" in page
    assert "Swimming pool" in page
    request = pool.request(asked)
    shown = bind(choose(phone.copies[0], "age_over_18"), phone.keys[0], request, now_of(city))
    assert pool.post(request, {"c0": [shown]}).json() == {}
    assert "response_code=" in first.get(path).text
    assert "response_code=" not in other.get(path).text


# ── what ends ─────────────────────────────────────────────────────────────────────────


@pytest.mark.row("failures", "20")
def test_what_was_withdrawn_is_refused_within_the_time_of_a_list(
    city: Lockers, phone: Phone, pool: Counter, citizen: Visitor
) -> None:
    assert show(city, phone, pool)[1].status_code == 200
    (consent,) = city.deployment.parts["policies"].consent.list(citizen.id)
    here = f"/account/consents/{consent.id}"
    assert citizen.post(f"{here}/withdraw", here).status_code in (200, 303)
    city.clock.advance(timedelta(seconds=16))
    assert pool.word(show(city, phone, pool, 1)[1]) == "revoked"


# ── nothing in common ─────────────────────────────────────────────────────────────────


@pytest.mark.row("privacy", "P-1")
def test_two_services_find_nothing_in_common_but_what_they_asked(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    """All bytes of two presentations of one person, at two services, are compared: what is in both
    is in everybody's of that day."""
    library = Counter(city, "Library", purposes=["city"])
    seen = []
    for nth, service in ((0, pool), (1, library)):
        request = service.request(service.ask("age_over_18"))
        parts = choose(phone.copies[nth], "age_over_18")
        shown = bind(parts, phone.keys[nth], request, now_of(city))
        assert service.post(request, {"c0": [shown]}).status_code == 200
        header = jwt.get_unverified_header(parts.token)
        salt, name, value = json.loads(sd_jwt.from_base64url(parts.disclosures[0]))
        payload = read(parts.token)
        for digest in payload.pop("_sd"):
            seen.append((nth, "digest", digest))
        seen += [(nth, "salt", salt), (nth, "signature", parts.token.rpartition(".")[2])]
        seen += [
            (nth, "key", json.dumps(payload.pop("cnf"))),
            (nth, "proof", shown.rpartition("~")[2]),
        ]
        place = payload.pop("status")["status_list"]
        seen.append((nth, "place", place.pop("idx")))
        seen.append((nth, "same", json.dumps([header, payload, place, name, value])))
    first = {(kind, value) for nth, kind, value in seen if nth == 0}
    second = {(kind, value) for nth, kind, value in seen if nth == 1}
    assert {kind for kind, _ in first & second} == {"same"}
    (same,) = (json.loads(value) for kind, value in first & second)
    header, payload, place, name, value = same
    assert set(header) == {"alg", "typ", "kid", "x5c"}
    assert set(payload) == {"iss", "vct", "iat", "exp", "_sd_alg"}
    assert payload["iat"] % 86_400 == payload["exp"] % 86_400 == 0
    assert (set(place), name, value) == ({"uri"}, "age_over_18", True)
