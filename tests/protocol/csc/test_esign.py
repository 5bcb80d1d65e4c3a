"""A signature by remote key, as it is promised — eSign; CSC API 2.x."""

from __future__ import annotations

import base64
import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from documents.signing.transaction import Document
from foundation.clock import FrozenClock
from foundation.errors import Over
from foundation.settings import Settings
from idp.oauth import subjects
from pki.tables import certificates
from tests.support.city import Visitor
from tests.support.signing import DOCUMENT, SigningCity, openssl_cms, prove, sha256, sign

ONCE = "citizen-signature-once"


def path_of(asked: dict[str, Any]) -> str:
    return f"/sign/{asked['transaction']}"


def issued(city: SigningCity) -> list[Any]:
    """Certificates that were ever begun for one act."""
    query = select(certificates).where(certificates.c.profile == ONCE)
    with city.runtime.database.read() as uow:
        return list(uow.all(query))


# ── only the document's hash leaves the service ───────────────────────────────────────────


def test_only_the_documents_hash_leaves_the_service(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    answer = city.service.post(
        "/sign/v1/transactions",
        {"documents": [{"title": "x", "hash": base64.b64encode(DOCUMENT).decode()}]},
    )
    assert answer.status_code == 422  # the document itself is not taken
    sign(citizen, path_of(asked))
    assert city.service.look(asked["transaction"])["state"] == "signed"
    written = b"".join(f.read_bytes() for f in city.settings.path.parent.rglob("*") if f.is_file())
    assert DOCUMENT not in written


def test_the_person_sees_who_asks_what_and_its_hash_as_words(
    city: SigningCity, citizen: Visitor
) -> None:
    asked = city.service.ask()
    page = citizen.get(path_of(asked)).text
    (words,) = asked["words"]
    assert len(words) == 8
    for told in ("Rents", "Rental contract", " ".join(words), "level 2", "Prove that it is you"):
        assert told in page
    other = Document("Rental contract", base64.b64decode(sha256(DOCUMENT + b" ")))
    assert list(other.words) != words


# ── no consent or no authentication means no certificate ──────────────────────────────────


def test_no_consent_means_no_certificate(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    prove(citizen, path_of(asked))
    citizen.get(path_of(asked))
    assert citizen.post(path_of(asked), path_of(asked), answer="refuse").status_code == 303
    assert "You did not sign" in citizen.get(path_of(asked)).text
    assert city.service.look(asked["transaction"])["state"] == "refused"
    assert issued(city) == []
    assert city.kinds(citizen.id)[-1] == "signature.refused"


@pytest.mark.row("failures", "11")
def test_no_authentication_for_this_very_signature_means_no_certificate(
    city: SigningCity, citizen: Visitor
) -> None:
    one, other = city.service.ask(), city.service.ask()
    # Signed in, and proven for another signature: neither is a proof for this one.
    assert sign(citizen, path_of(other)).status_code == 303
    led = citizen.post(path_of(one), path_of(other), answer="sign")
    assert led.headers["location"].startswith("/sign-in?")
    assert city.service.look(one["transaction"])["state"] == "waiting"
    assert len(issued(city)) == 1


def test_a_stranger_sees_nothing_and_signs_nothing(city: SigningCity) -> None:
    asked = city.service.ask()
    stranger = city.browser()
    led = stranger.get(path_of(asked))
    assert led.status_code == 303
    assert led.headers["location"].startswith("/sign-in?")
    assert stranger.post(path_of(asked), answer="sign").headers["location"].startswith("/sign-in?")
    assert issued(city) == []


def test_too_low_a_level_means_no_certificate(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask(level=4)
    prove(citizen, path_of(asked))
    page = citizen.get(path_of(asked)).text
    assert "this signature needs level 4" in page
    assert 'value="sign"' not in page
    assert citizen.post(path_of(asked), path_of(asked), answer="sign").status_code == 403
    assert issued(city) == []


def test_nobody_signs_for_whom_the_service_asked(city: SigningCity, citizen: Visitor) -> None:
    tokens = city.deployment.parts["oauth"]
    sector = tokens.sector_of(city.service.id)
    with city.runtime.database.write() as uow:
        sub = subjects.subject_of(uow, city.persons[1], sector, city.clock.now())
    asked = city.service.ask(sub=sub)
    assert citizen.get(path_of(asked)).status_code == 403
    assert "Somebody else is asked" in citizen.get(path_of(asked)).text
    assert city.service.post("/sign/v1/transactions", {**_body(), "sub": "?"}).status_code == 422


def _body() -> dict[str, Any]:
    return {"documents": [{"title": "x", "hash": sha256(b"x")}]}


def test_a_form_of_another_site_signs_nothing(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    prove(citizen, path_of(asked))
    forged = citizen.http.post(path_of(asked), data={"answer": "sign"})
    assert forged.status_code == 403
    assert issued(city) == []


def test_a_second_too_late_is_too_late(
    city: SigningCity, citizen: Visitor, clock: FrozenClock
) -> None:
    asked = city.service.ask()
    clock.advance(timedelta(minutes=7))
    prove(citizen, path_of(asked))
    clock.advance(timedelta(minutes=8) - timedelta(seconds=1))
    assert citizen.get(path_of(asked)).status_code == 200
    clock.advance(timedelta(seconds=1))
    late = citizen.post(path_of(asked), path_of(asked), answer="sign")
    assert late.status_code == 303
    page = citizen.get(path_of(asked))
    assert page.status_code == 410
    assert "The time to sign is over" in page.text
    assert city.service.look(asked["transaction"])["state"] == "expired"
    assert issued(city) == []


# ── a verifier that we did not write accepts the signature up to our root ─────────────────


@pytest.mark.parametrize("conformance", ["Ades-B-B", "Ades-B-T"])
@pytest.mark.parametrize("form", ["cades", "pades"])
def test_openssl_accepts_the_signature_up_to_our_root(
    city: SigningCity, citizen: Visitor, tmp_path: Path, form: str, conformance: str
) -> None:
    asked = city.service.ask(form=form, conformance_level=conformance)
    sign(citizen, path_of(asked))
    signature = city.service.signature(asked["transaction"])
    root, at = city.root(tmp_path), int(city.clock.now().timestamp())
    good = openssl_cms(tmp_path, root, signature, DOCUMENT, at)
    assert good.returncode == 0, good.stderr
    for spoiled in (DOCUMENT[:-1] + b"!", DOCUMENT + b" "):
        assert openssl_cms(tmp_path, root, signature, spoiled, at).returncode != 0
    parsed = asn1_cms.ContentInfo.load(signature)["content"]["signer_infos"][0]
    signed = {a["type"].native for a in parsed["signed_attrs"]}
    # A PDF has the claimed time elsewhere (EN 319 142-1 §5.3).
    assert ("signing_time" in signed) == (form == "cades")
    assert {"signing_certificate_v2", "message_digest", "content_type"} <= signed
    stamped = {a["type"].native for a in parsed["unsigned_attrs"]}
    assert stamped == ({"signature_time_stamp_token"} if conformance == "Ades-B-T" else set())


def test_the_certificate_names_the_person_for_an_hour_and_for_documents_alone(
    city: SigningCity, citizen: Visitor
) -> None:
    asked = city.service.ask()
    sign(citizen, path_of(asked))
    told = city.service.look(asked["transaction"])["certificates"]
    own, *above = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in told]
    name = city.signing.parties.name_of(citizen.id)
    assert own.subject.rfc4514_string() == f"CN={name}"
    assert own.not_valid_after_utc - city.clock.now() == timedelta(hours=1)
    usage = own.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.content_commitment
    assert not usage.digital_signature
    own.verify_directly_issued_by(above[0])


def test_a_bare_signature_is_fetched_by_csc(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask(form="raw")
    sign(citizen, path_of(asked))
    credential = {"credentialID": asked["transaction"]}
    hashes = {"hashes": [sha256(DOCUMENT)], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1"}
    listed = city.service.post("/csc/v2/credentials/list", {}).json()
    assert listed == {"credentialIDs": [asked["transaction"]]}
    told = city.service.post("/csc/v2/credentials/info", credential).json()
    certificate = x509.load_der_x509_certificate(base64.b64decode(told["cert"]["certificates"][0]))
    sad = city.service.post(
        "/csc/v2/credentials/authorize", {**credential, **hashes, "numSignatures": 1}
    ).json()["SAD"]
    fetch = {**credential, **hashes, "SAD": sad, "signAlgo": "1.2.840.10045.4.3.2"}
    answer = city.service.post("/csc/v2/signatures/signHash", fetch)
    (signature,) = answer.json()["signatures"]
    certificate.public_key().verify(base64.b64decode(signature), DOCUMENT, ec.ECDSA(SHA256()))
    # The activation data worked once.
    again = city.service.post("/csc/v2/signatures/signHash", fetch)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_sad")


def test_signatures_in_cms_are_fetched_by_csc(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    credential = {"credentialID": asked["transaction"]}
    hashes = {"hashes": [sha256(DOCUMENT)], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1"}
    wanted = {**credential, **hashes, "numSignatures": 1}
    early = city.service.post("/csc/v2/credentials/authorize", wanted)
    assert early.json()["error"] == "authorization_pending"
    sign(citizen, path_of(asked))
    sad = city.service.post("/csc/v2/credentials/authorize", wanted).json()["SAD"]
    body = {**credential, "SAD": sad, "documentDigests": [{**hashes, "signature_format": "C"}]}
    answer = city.service.post("/csc/v2/signatures/signDoc", body).json()
    assert answer["SignatureObject"] == city.service.look(asked["transaction"])["signatures"]


@pytest.mark.parametrize(
    "changed",
    [
        {"hashes": [sha256(b"another")]},
        {"hashes": [sha256(DOCUMENT), sha256(DOCUMENT)], "numSignatures": 2},
        {"numSignatures": 2},
        {"hashAlgorithmOID": "2.16.840.1.101.3.4.2.2"},
        {"hashAlgorithmOID": "1.3.14.3.2.26"},
        {"credentialID": "sig_0000000000000000000000"},
        {"hashes": ["%"]},
        {"hashes": []},
    ],
)
def test_nothing_is_handed_out_for_other_hashes_than_the_person_saw(
    city: SigningCity, citizen: Visitor, changed: dict[str, Any]
) -> None:
    asked = city.service.ask()
    sign(citizen, path_of(asked))
    wanted = {
        "credentialID": asked["transaction"],
        "hashes": [sha256(DOCUMENT)],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        "numSignatures": 1,
        **changed,
    }
    refused = city.service.post("/csc/v2/credentials/authorize", wanted)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_another_service_gets_nothing(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    sign(citizen, path_of(asked))
    other = city.client("Other")
    path = f"/sign/v1/transactions/{asked['transaction']}"
    assert other.http.get(path, headers=other.bearer).status_code == 404
    body = {"credentialID": asked["transaction"]}
    assert other.post("/csc/v2/credentials/info", body).status_code == 400
    assert other.post("/csc/v2/credentials/list", {}).json() == {"credentialIDs": []}
    without = city.client("Without", scope="openid")
    assert without.http.post("/sign/v1/transactions", json=_body()).status_code == 401


def test_people_go_back_only_to_where_the_service_registered(city: SigningCity) -> None:
    body = {**_body(), "return_uri": "https://rents.example.evil/back"}
    assert city.service.post("/sign/v1/transactions", body).status_code == 422


def test_csc_gives_time_stamps_and_says_what_it_can(city: SigningCity) -> None:
    told = city.service.http.post("/csc/v2/info", json={}).json()
    assert "signatures/timestamp" in told["methods"]
    body = {"hash": sha256(DOCUMENT), "hashAlgo": "2.16.840.1.101.3.4.2.1", "nonce": "00ff"}
    answer = city.service.post("/csc/v2/signatures/timestamp", body)
    token = asn1_cms.ContentInfo.load(base64.b64decode(answer.json()["timestamp"]))
    content = token["content"]["encap_content_info"]["content"].contents
    assert tsp.TSTInfo.load(content)["nonce"].native == 255
    weak = {**body, "hashAlgo": "1.3.14.3.2.26"}
    refused = city.service.post("/csc/v2/signatures/timestamp", weak)
    assert refused.json()["error"] == "invalid_request"


# ── the signing key cannot be recovered afterwards ────────────────────────────────────────


def test_the_signing_key_cannot_be_recovered_afterwards(
    city: SigningCity, citizen: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets: list[tuple[bytes, ...]] = []
    alive: list[int] = []
    make = ec.generate_private_key

    def watched(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        key = make(curve)
        number = key.private_numbers().private_value
        forms = [
            key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
            for encoding in (Encoding.DER, Encoding.PEM)
        ]
        secrets.append((number.to_bytes(32, "big"), str(number).encode(), *forms))
        alive.append(number)
        return key

    monkeypatch.setattr("pki.one_act.ec.generate_private_key", watched)
    asked = city.service.ask()
    sign(citizen, path_of(asked))
    monkeypatch.undo()
    assert len(secrets) == 1
    gc.collect()
    left = [
        key
        for key in gc.get_objects()
        if isinstance(key, ec.EllipticCurvePrivateKey)
        and key.private_numbers().private_value in alive
    ]
    assert left == []
    folder = city.settings.path.parent
    written = b"".join(f.read_bytes() for f in folder.rglob("*") if f.is_file())
    for form in secrets[0]:
        assert form not in written


# ── a replayed transaction is refused; one audit record each ──────────────────────────────


@pytest.mark.row("failures", "11")
def test_a_replayed_transaction_is_refused(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    sign(citizen, path_of(asked))
    first = city.service.signature(asked["transaction"])
    again = citizen.post(path_of(asked), path_of(city.service.ask()), answer="sign")
    assert again.headers["location"] == path_of(asked)
    assert "You have signed" in citizen.get(path_of(asked)).text
    assert city.service.signature(asked["transaction"]) == first
    assert len(issued(city)) == 1
    found = city.signing.find(asked["transaction"])
    with pytest.raises(Over):
        city.signing.sign(found, citizen.id, 4, city.clock.now())
    assert len(issued(city)) == 1


def test_each_signature_stands_once_in_the_persons_ledger(
    city: SigningCity, citizen: Visitor
) -> None:
    for _ in range(2):
        sign(citizen, path_of(city.service.ask()))
    entries = [e for e in city.runtime.audit.ledger(citizen.id, limit=100) if "signature" in e.kind]
    assert [e.kind for e in entries] == ["signature.made", "signature.made"]
    assert len({e.details["transaction"] for e in entries}) == 2
    assert entries[0].details["titles"] == ["Rental contract"]
    page = citizen.get("/account/ledger").text
    assert "You signed “Rental contract” for Rents." in page


def test_what_failed_leaves_no_signature_and_no_good_certificate(
    city: SigningCity, citizen: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = city.service.ask()
    prove(citizen, path_of(asked))

    def broken(*_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(city.signing, "_make", broken)
    found = city.signing.find(asked["transaction"])
    with pytest.raises(RuntimeError):
        city.signing.sign(found, citizen.id, 2, city.clock.now())
    assert city.service.look(asked["transaction"])["state"] == "failed"
    (row,) = issued(city)
    assert (row.state, row.revocation_reason) == ("issued", "cessationOfOperation")
    assert city.kinds(citizen.id)[-1] == "signature.failed"
    assert "Nothing was signed" in citizen.get(path_of(asked)).text
    assert "signatures" not in city.service.look(asked["transaction"])


@pytest.mark.row("failures", "11")
def test_what_a_crash_left_is_given_up(
    city: SigningCity, citizen: Visitor, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = city.service.ask()
    found = city.signing.find(asked["transaction"])
    monkeypatch.setattr(city.signing, "_give_up", lambda *_: None)  # as after a kill
    monkeypatch.setattr(city.signing, "_make", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        city.signing.sign(found, citizen.id, 2, clock.now())
    monkeypatch.undo()
    assert "Your signature is being made" in citizen.get(path_of(asked)).text
    assert city.signing.settle(clock.now()) == 0
    clock.advance(timedelta(minutes=3))
    assert city.signing.settle(clock.now()) == 1
    assert city.service.look(asked["transaction"])["state"] == "failed"
    (row,) = issued(city)
    assert row.revoked_at is not None
    assert city.kinds(citizen.id)[-1] == "signature.failed"
    assert city.signing.settle(clock.now()) == 0


def test_it_is_forgotten_here_after_a_day(
    city: SigningCity, citizen: Visitor, clock: FrozenClock, settings: Settings
) -> None:
    asked = city.service.ask()
    sign(citizen, path_of(asked))
    clock.advance(timedelta(hours=25))
    city.signing._sweep(clock.now())
    path = f"/sign/v1/transactions/{asked['transaction']}"
    assert city.service.http.get(path, headers=city.service.bearer).status_code == 404
