"""A wallet shows an mdoc to a service of the city — OpenID4VP Annex B.2, ISO/IEC 18013-5 §9.

Each thing that may be wrong with what is shown is refused in a word of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from documents.credentials.mdoc import cbor
from documents.credentials.mdoc.cbor import Tag
from documents.credentials.presenting.verifying import Refused
from documents.credentials.sd_jwt import base64url
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support import mdocs
from tests.support.city import Visitor
from tests.support.holding import Counter, bind, choose
from tests.support.lockers import Lockers
from tests.support.wallets import Phone, citizen_of, wallets

MDOC = ["mso_mdoc"]
Spoil = Callable[[dict[str, Any]], None]


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
    """With three copies of the citizen's identity as mdoc."""
    phone = city_and_phone[1]
    phone.form = "mso_mdoc"
    phone.copies = phone.take(citizen, "credential.identity", copies=3)
    return phone


@pytest.fixture
def pool(city: Lockers) -> Counter:
    return Counter(city)


def card(phone: Phone, *names: str, nth: int = 0) -> dict[str, Any]:
    return mdocs.choose(mdocs.read(phone.copies[nth]), *(names or ("age_over_18",)))


def request_of(pool: Counter, *claims: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = pool.ask(*(claims or ("age_over_18",)), formats=MDOC, **more)
    return asked, pool.request(asked)


def show(phone: Phone, pool: Counter, *args: Any, nth: int = 0, **changed: Any) -> Any:
    asked, request = request_of(pool)
    said = mdocs.shown(card(phone, nth=nth), phone.keys[nth], request, *args, **changed)
    return asked, pool.post(request, {"c0": [said]})


@pytest.mark.rfc("OpenID4VP", "B.2")
@pytest.mark.row("privacy", "P-2")
@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.row("failures", "9")
def test_a_service_gets_what_it_asked_for_and_nothing_else(
    phone: Phone, pool: Counter, city: Lockers, citizen: Visitor, encrypted: bool
) -> None:
    asked, request = request_of(pool, "age_over_18", "birthdate", encrypted=encrypted)
    (query,) = request["dcql_query"]["credentials"]
    doctype = query["meta"]["doctype_value"]
    assert (query["id"], query["format"]) == ("c0", "mso_mdoc")
    assert [claim["path"] for claim in query["claims"]] == [
        [doctype, "age_over_18"],
        [doctype, "birthdate"],
    ]
    assert request["client_metadata"]["vp_formats_supported"]["mso_mdoc"]
    # The wallet shows more than it was asked for: the service does not get it.
    more = card(phone, "age_over_18", "birthdate", "name")
    answer = pool.post(request, {"c0": [mdocs.shown(more, phone.keys[0], request)]})
    assert (answer.status_code, answer.json()) == (200, {})
    said = pool.read(asked)
    assert said["state"] == "shown"
    assert said["claims"] == {"c0": {"age_over_18": True, "birthdate": "1990-05-17"}}
    assert "wallet.shown" in city.kinds(citizen.id)


@pytest.mark.rfc("OpenID4VP", "6.2")
def test_either_form_will_do_where_the_service_says_so(
    city: Lockers, phone: Phone, pool: Counter, citizen: Visitor
) -> None:
    both = ["dc+sd-jwt", "mso_mdoc"]
    asked = pool.ask("age_over_18", formats=both)
    request = pool.request(asked)
    assert request["dcql_query"]["credential_sets"] == [{"options": [["c0"], ["c0-mso_mdoc"]]}]
    said = mdocs.shown(card(phone), phone.keys[0], request)
    assert pool.post(request, {"c0-mso_mdoc": [said]}).status_code == 200
    assert pool.read(asked)["claims"] == {"c0": {"age_over_18": True}}
    phone.form = ""
    (copy,) = phone.take(citizen, "credential.identity")
    asked = pool.ask("age_over_18", formats=both)
    request = pool.request(asked)
    now = int(city.clock.now().timestamp())
    proven = bind(choose(copy, "age_over_18"), phone.keys[0], request, now)
    assert pool.post(request, {"c0": [proven]}).status_code == 200
    # Both at once answer another question.
    request = pool.request(pool.ask("age_over_18", formats=both))
    proven = bind(choose(copy, "age_over_18"), phone.keys[0], request, now)
    answer = pool.post(request, {"c0": [proven], "c0-mso_mdoc": [said]})
    assert pool.word(answer) == "other_credentials"
    # And the one is not taken for the other.
    asked, request = request_of(pool)
    assert pool.word(pool.post(request, {"c0": [proven]})) == "malformed"


# ── for whom, and for what ────────────────────────────────────────────────────────────

WRONG_TRANSCRIPTS: list[dict[str, Any]] = [
    {"nonce": "another"},
    {"client_id": "x509_hash:another"},
    {"response_uri": "https://other.example/answers"},
    {"thumbprint": None},
    {"thumbprint": bytes(32)},
]


@pytest.mark.rfc("OpenID4VP", "B.2.6")
@pytest.mark.row("failures", "9")
def test_what_was_signed_for_another_request_is_refused(phone: Phone, pool: Counter) -> None:
    for changed in WRONG_TRANSCRIPTS:
        asked, answer = show(phone, pool, **changed)
        assert pool.word(answer) == "wrong_holder", changed
        said = pool.read(asked)
        assert (said["state"], said["refused"], said["claims"]) == ("refused", "wrong_holder", {})


def test_what_was_shown_once_is_not_shown_again(phone: Phone, pool: Counter) -> None:
    _, request = request_of(pool)
    said = mdocs.shown(card(phone), phone.keys[0], request)
    assert pool.post(request, {"c0": [said]}).status_code == 200
    assert pool.post(request, {"c0": [said]}).status_code == 400
    _, other = request_of(pool)
    assert pool.word(pool.post(other, {"c0": [said]})) == "wrong_holder"


def test_an_answer_for_this_device_is_not_one_for_the_other(phone: Phone, pool: Counter) -> None:
    asked = pool.ask("age_over_18", formats=MDOC)
    here = pool.request(asked, "link_same_device")
    there = pool.request(asked, "link_other_device")
    said = mdocs.shown(card(phone), phone.keys[0], there)
    assert pool.word(pool.post(here, {"c0": [said]})) == "wrong_holder"


def test_a_copy_without_a_proof_or_with_another_key_is_nobodys(phone: Phone, pool: Counter) -> None:
    def spoiled(change: Callable[[dict[str, Any]], None], key: Any = phone.keys[0]) -> str:
        _, request = request_of(pool)
        made = mdocs.response(card(phone), key, request)
        change(made["documents"][0]["deviceSigned"])
        return pool.word(pool.post(request, {"c0": [base64url(cbor.encode(made))]}))

    def authenticated(device: dict[str, Any]) -> list[Any]:
        found: list[Any] = device["deviceAuth"]["deviceSignature"]
        return found

    def attached(device: dict[str, Any]) -> None:
        authenticated(device)[2] = b""

    def other_algorithm(device: dict[str, Any]) -> None:
        authenticated(device)[0] = cbor.encode({1: -35})

    def mac(device: dict[str, Any]) -> None:
        device["deviceAuth"] = {"deviceMac": [cbor.encode({1: 5}), {}, None, bytes(32)]}

    def names(device: dict[str, Any]) -> None:
        device["nameSpaces"] = cbor.embedded({"x": {"age_over_18": True}})

    def critical(device: dict[str, Any]) -> None:
        authenticated(device)[0] = cbor.encode({1: -7, 2: [99], 99: 1})

    thief = ec.generate_private_key(ec.SECP256R1())
    assert spoiled(lambda _: None, thief) == "wrong_holder"
    assert spoiled(lambda _: None, phone.keys[1]) == "wrong_holder"
    assert spoiled(lambda d: d.pop("deviceAuth") and None) == "malformed"
    assert spoiled(lambda d: d["deviceAuth"].clear()) == "no_key_binding"
    assert spoiled(mac) == "no_key_binding"
    assert spoiled(attached) == "wrong_key_binding"
    assert spoiled(other_algorithm) == "wrong_key_binding"
    assert spoiled(names) == "wrong_holder"
    assert spoiled(critical) == "critical_header"


def test_what_the_device_says_by_itself_is_not_what_the_issuer_signed(
    phone: Phone, pool: Counter
) -> None:
    _, request = request_of(pool, "age_over_65")
    (doctype,) = mdocs.read(phone.copies[0])["nameSpaces"]

    def boast(document: dict[str, Any]) -> None:
        said = {doctype: {"age_over_65": True}}
        document["deviceSigned"]["nameSpaces"] = cbor.embedded(said)

    said = mdocs.shown(card(phone), phone.keys[0], request, boast)
    assert pool.word(pool.post(request, {"c0": [said]})) == "claim_missing"


# ── what the issuer signed ────────────────────────────────────────────────────────────


def _nothing(_: dict[str, Any]) -> None:
    pass


def _expires_later(said: dict[str, Any]) -> None:
    said["validityInfo"]["validUntil"] = Tag(0, "2099-01-01T00:00:00Z")


def _altered(mdoc: dict[str, Any], **changed: Any) -> dict[str, Any]:
    ((namespace, (item, *others)),) = mdoc["nameSpaces"].items()
    made = cbor.embedded({**cbor.inside(item), **changed})
    return {**mdoc, "nameSpaces": {namespace: [made, *others]}}


def _twice(mdoc: dict[str, Any]) -> dict[str, Any]:
    ((namespace, items),) = mdoc["nameSpaces"].items()
    return {**mdoc, "nameSpaces": {namespace: items * 2}}


def _in_another_namespace(mdoc: dict[str, Any]) -> dict[str, Any]:
    ((_, items),) = mdoc["nameSpaces"].items()
    return {**mdoc, "nameSpaces": {"org.iso.18013.5.1": items}}


def _own_certificate(mdoc: dict[str, Any]) -> dict[str, Any]:
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
    made = mdocs.again(mdoc, key)
    made["issuerAuth"][1] = {33: certificate.public_bytes(Encoding.DER)}
    return made


def _again(change: Spoil = _nothing, **more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda mdoc: mdocs.again(mdoc, ec.generate_private_key(ec.SECP256R1()), change, **more)


def _headers(number: int, value: Any, at: int = 1) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def changed(mdoc: dict[str, Any]) -> dict[str, Any]:
        parts = list(mdoc["issuerAuth"])
        found = {**(cbor.decode(parts[0]) if at == 0 else parts[1]), number: value}
        parts[at] = cbor.encode(found) if at == 0 else found
        return {**mdoc, "issuerAuth": parts}

    return changed


SPOILED: list[tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = [
    (_again(), "wrong_signature"),
    (_again(_expires_later), "wrong_signature"),
    (_again(headers={2: [99], 99: 1}), "critical_header"),
    (_own_certificate, "issuer_unknown"),
    (_headers(33, None), "no_certificate"),
    (_headers(33, []), "no_certificate"),
    (_headers(33, [b"x"] * 6), "no_certificate"),
    (_headers(33, b"x"), "issuer_malformed"),
    (_headers(1, -7), "malformed_signature"),
    (_headers(1, -8, at=0), "wrong_algorithm"),
    (_headers(1, 5, at=0), "wrong_algorithm"),
    (_headers(1, "ES256", at=0), "wrong_algorithm"),
    (lambda mdoc: _altered(mdoc, elementValue=False), "disclosure_not_signed"),
    (lambda mdoc: _altered(mdoc, elementIdentifier="age_over_21"), "disclosure_not_signed"),
    (lambda mdoc: _altered(mdoc, digestID=99), "disclosure_not_signed"),
    (lambda mdoc: _altered(mdoc, random=b"short"), "malformed_disclosure"),
    (lambda mdoc: _altered(mdoc, more=1), "malformed_disclosure"),
    (_twice, "digest_twice"),
    (_in_another_namespace, "disclosure_not_signed"),
    (lambda mdoc: {**mdoc, "nameSpaces": {}}, "claim_missing"),
    (lambda mdoc: {**mdoc, "nameSpaces": []}, "malformed"),
    (lambda mdoc: {**mdoc, "issuerAuth": mdoc["issuerAuth"][:3]}, "malformed_signature"),
]


@pytest.mark.rfc("ISO/IEC 18013-5", "9.3.1")
@pytest.mark.row("failures", "10")
def test_a_spoiled_credential_is_refused_in_a_word_of_its_own(phone: Phone, pool: Counter) -> None:
    for number, (spoil, word) in enumerate(SPOILED):
        _, request = request_of(pool)
        said = mdocs.shown(spoil(card(phone)), phone.keys[0], request)
        assert pool.word(pool.post(request, {"c0": [said]})) == word, number


MALFORMED: list[tuple[bytes, str]] = [
    (b"", "malformed_cbor"),
    (b"\xa0\x00", "malformed_cbor"),
    (b"\x80", "malformed"),
    (cbor.encode({"version": "1.0", "documents": [], "status": 0}), "other_credentials"),
    (cbor.encode({"version": "1.0", "documents": [{}, {}], "status": 0}), "other_credentials"),
    (cbor.encode({"version": "1.0", "documents": [{}], "status": 10}), "other_credentials"),
    (cbor.encode({"version": "9.0", "documents": [{}], "status": 0}), "wrong_format"),
    (cbor.encode({"version": "1.0", "documents": [{}], "status": 0}), "malformed"),
    (b"\xbf\xff", "indefinite_length"),
    (b"\x5f\x41\x00\xff", "indefinite_length"),
    (b"\xa2\x61a\x00\x61a\x01", "key_twice"),
    (b"\x18\x01", "not_the_shortest"),
    (b"\x9b" + b"\xff" * 8, "malformed_cbor"),
    (b"\x81" * 20_000, "too_deep"),
    (b"\x99\x40\x00" + b"\x00" * 0x4000, "too_many_items"),
    (b"\xc2\x58\x20" + b"\xff" * 32, "malformed"),
]


@pytest.mark.row("failures", "10")
@pytest.mark.rfc("8949", "5.6")
def test_what_is_no_cbor_of_one_spelling_is_refused(phone: Phone, pool: Counter) -> None:
    for raw, word in MALFORMED:
        _, request = request_of(pool)
        assert pool.word(pool.post(request, {"c0": [base64url(raw)]})) == word, raw[:20]
    for text in ("not base64!", "A", "=", "x~"):
        _, request = request_of(pool)
        assert pool.word(pool.post(request, {"c0": [text]})) == "malformed", text


@pytest.mark.row("failures", "10")
def test_one_changed_byte_anywhere_is_refused(phone: Phone, pool: Counter) -> None:
    """But for the certificate of who certified the issuer: the path is built from our own record,
    and what comes along is not looked at."""
    _, request = request_of(pool)
    made = mdocs.response(card(phone), phone.keys[0], request)
    whole = cbor.encode(made)
    beside = made["documents"][0]["issuerSigned"]["issuerAuth"][1][33][1]
    begins = whole.index(beside)
    counts = [at for at in range(len(whole)) if not begins <= at < begins + len(beside)]
    chance = random.Random(18013)
    presentations = pool.city.deployment.parts["credentials"].presentations
    asked = presentations.find(request["state"])
    expected = presentations._expected(asked, False)

    def verified(raw: bytes) -> Any:
        said = {"c0": [base64url(raw)]}
        return presentations._verified(asked, said, expected, pool.city.clock.now())

    for at in chance.sample(counts, 500):
        spoiled = bytearray(whole)
        spoiled[at] ^= 1 << chance.randrange(8)
        try:
            verified(bytes(spoiled))
        except Refused:
            continue
        pytest.fail(f"byte {at} may be another one")
    assert verified(whole)["c0"].claims == {"age_over_18": True}


@pytest.mark.row("failures", "10")
def test_a_credential_of_another_kind_is_refused(
    city: Lockers, phone: Phone, citizen: Visitor
) -> None:
    office = city.program(city.office)
    assert office.make_out(citizen.id).status_code == 201
    library = Counter(city, "Library", purposes=["library"])
    asked = library.ask("content.street", credential="credential.town-hall.residence", formats=MDOC)
    request = library.request(asked)
    said = mdocs.shown(card(phone, "name"), phone.keys[0], request)
    assert library.word(library.post(request, {"c0": [said]})) == "wrong_type"


def test_the_kind_outside_is_that_inside(phone: Phone, pool: Counter) -> None:
    def called(document: dict[str, Any]) -> None:
        document["docType"] = "org.iso.18013.5.1.mDL"

    assert pool.word(show(phone, pool, called)[1]) == "wrong_type"


@pytest.mark.row("failures", "20")
def test_an_expired_credential_is_refused(city: Lockers, phone: Phone, pool: Counter) -> None:
    city.clock.advance(timedelta(days=15))
    assert pool.word(show(phone, pool)[1]) == "expired"


@pytest.mark.row("failures", "20")
def test_what_was_withdrawn_is_refused_within_the_time_of_a_list(
    city: Lockers, phone: Phone, pool: Counter, citizen: Visitor
) -> None:
    assert show(phone, pool)[1].status_code == 200
    (consent,) = city.deployment.parts["policies"].consent.list(citizen.id)
    here = f"/account/consents/{consent.id}"
    assert citizen.post(f"{here}/withdraw", here).status_code in (200, 303)
    city.clock.advance(timedelta(seconds=16))
    assert pool.word(show(phone, pool, nth=1)[1]) == "revoked"


# ── nothing in common ─────────────────────────────────────────────────────────────────


@pytest.mark.row("privacy", "P-1")
def test_two_services_find_nothing_in_common_but_what_they_asked(
    city: Lockers, phone: Phone, pool: Counter
) -> None:
    """All values of two presentations of one person, at two services, are compared: what is in both
    is in everybody's of that day."""
    library = Counter(city, "Library", purposes=["city"])
    seen = []
    for nth, service in ((0, pool), (1, library)):
        _, request = request_of(service)
        made = mdocs.response(card(phone, nth=nth), phone.keys[nth], request)
        assert service.post(request, {"c0": [base64url(cbor.encode(made))]}).status_code == 200
        seen.append(set(_leaves(made)))
    certificates = {one for one in seen[0] & seen[1] if isinstance(one, bytes) and len(one) > 200}
    assert len(certificates) == 2  # the issuer's, and of who certified it
    rest = seen[0] & seen[1] - certificates
    assert not {one for one in rest if isinstance(one, bytes)}
    times = {one for one in rest if isinstance(one, str) and one.endswith("Z")}
    assert len(times) == 2
    said = mdocs.signed(mdocs.read(phone.copies[0]))
    number = said["status"]["status_list"]["idx"]
    assert number not in rest


def _leaves(value: Any) -> Iterator[Any]:
    """Every value in it, at whatever depth, also of CBOR in CBOR."""
    match value:
        case Tag(number=24):
            yield from _leaves(cbor.inside(value))
        case Tag():
            yield from _leaves(value.value)
        case dict():
            for name, one in value.items():
                yield from (name, *_leaves(one))
        case list():
            for one in value:
                yield from _leaves(one)
        case bytes() if value[:2] in (b"\xd8\x18", b"\xa1\x01"):
            yield from _leaves(cbor.decode(value))
        case _:
            yield value
