"""Web eID's published tokens, under a frozen clock, and what is wrong with others.

Tokens and certificates of `published/` are those of the tests of web-eid-authtoken-validation-java
(MIT License, Copyright (c) 2020-2025 Estonian Information System Authority).
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from foundation.settings import SettingsError
from idp.login.authenticators import web_eid
from idp.login.authenticators.card_issuers import CardIssuer, CardIssuers
from idp.login.authenticators.web_eid import Card, Refused, new_nonce, verify
from tests.support.cards import token_of

FOLDER = Path(__file__).resolve().parent / "published"
PUBLISHED = json.loads((FOLDER / "tokens.json").read_text())
ESTONIAN = PUBLISHED["estonian"]
pytestmark = pytest.mark.row("assurance", "AU-11")


def issuer(told: dict[str, Any], **more: Any) -> CardIssuer:
    content = (FOLDER / told["ca"]).read_bytes()
    pem = content.startswith(b"-----")
    read = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
    number = re.compile(r"PNOEE-(\d{11})")
    policies = frozenset({told["policy"]})
    made = CardIssuer("published", "Published", read(content), policies, True, number)
    return replace(made, **more)


def verified(told: dict[str, Any] = ESTONIAN, **more: Any) -> Card:
    return verify(
        more.get("token", told["token"]),
        more.get("nonce", told["nonce"]),
        (more.get("origin", told["origin"]),),
        CardIssuers([more.get("issuer", issuer(told))]),
        more.get("at", datetime.fromisoformat(told["at"])),
    )


def refused(**more: Any) -> str:
    with pytest.raises(Refused) as error:
        verified(**more)
    return error.value.why


def test_web_eids_published_token_verifies_under_a_frozen_clock() -> None:
    card = verified()
    assert (card.issuer.id, card.number) == ("published", "38001085718")


def refused_of(told: dict[str, Any]) -> str:
    with pytest.raises(Refused) as error:
        verified(told)
    return error.value.why


@pytest.mark.parametrize("kind", ["finnish_ecdsa", "finnish_pss"])
def test_a_published_certificate_that_is_not_in_der_is_refused(kind: str) -> None:
    """Test cards of Finland: parameters where RFC 5758 has none, a default that is written out."""
    told = PUBLISHED[kind]
    assert refused_of(told) == web_eid.FORMAT


def test_another_origin_is_refused() -> None:
    for origin in ("https://invalid.org", "https://ria.ee:8443", "http://ria.ee"):
        assert refused(origin=origin) == web_eid.SIGNATURE


@pytest.mark.row("assurance", "AU-8")
def test_another_nonce_is_refused() -> None:
    assert refused(nonce=ESTONIAN["nonce"][:-1] + "4") == web_eid.SIGNATURE


def test_another_certificate_is_refused() -> None:
    """Of the same holder and authority, published as the wrong one for its signature."""
    at = datetime.fromisoformat("2022-01-01T00:00:00+00:00")
    assert refused(token=PUBLISHED["wrong_certificate"], at=at) == web_eid.SIGNATURE


def test_another_policy_is_refused() -> None:
    other = issuer(ESTONIAN, policies=frozenset({"1.3.6.1.4.1.51361.1.2.2"}))
    assert refused(issuer=other) == web_eid.POLICY


def test_another_authority_is_refused() -> None:
    """The live authority did not issue the test card; and a name alone makes no authority."""
    live = issuer({**ESTONIAN, "ca": "ESTEID2018.cer"})
    assert refused(issuer=live) == web_eid.ISSUER
    real = issuer(ESTONIAN).certificate
    key = ec.generate_private_key(ec.SECP521R1())
    forged = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(real.not_valid_before_utc)
        .not_valid_after(real.not_valid_after_utc)
        .sign(key, hashes.SHA512())
    )
    assert refused(issuer=issuer(ESTONIAN, certificate=forged)) == web_eid.ISSUER


@pytest.mark.parametrize("at", ["2021-07-21T00:00:00+00:00", "2026-07-10T00:00:00+00:00"])
def test_a_card_before_and_after_its_time_is_refused(at: str) -> None:
    assert refused(at=datetime.fromisoformat(at)) == web_eid.ENDED


@pytest.mark.parametrize(
    "change",
    [
        {"format": "web-eid:2.0"},
        {"format": "web-eid:1.00"},
        {"format": None},
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"algorithm": None},
        {"signature": ""},
        {"signature": "!"},
        {"signature": "A" * 20_000},
        {"unverifiedCertificate": "AAAA"},
        {"unverifiedCertificate": None},
        {"unverifiedCertificate": 7},
    ],
)
def test_what_is_no_token_is_refused(change: dict[str, Any]) -> None:
    assert refused(token={**ESTONIAN["token"], **change}) == web_eid.FORMAT


@pytest.mark.parametrize("algorithm", ["ES256", "ES512", "RS384", "PS384"])
def test_an_algorithm_that_the_key_is_not_for_is_refused(algorithm: str) -> None:
    token = {**ESTONIAN["token"], "algorithm": algorithm}
    assert refused(token=token) == web_eid.SIGNATURE


def test_every_bit_of_the_signature_counts() -> None:
    signature = base64.b64decode(ESTONIAN["token"]["signature"])
    for place in range(0, len(signature), 7):
        changed = bytearray(signature)
        changed[place] ^= 1
        token = {**ESTONIAN["token"], "signature": base64.b64encode(changed).decode()}
        assert refused(token=token) == web_eid.SIGNATURE
    empty = base64.b64encode(bytes(len(signature))).decode()
    assert refused(token={**ESTONIAN["token"], "signature": empty}) == web_eid.SIGNATURE


def test_the_nonce_has_256_bits() -> None:
    made = {new_nonce() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(nonce)) * 8 for nonce in made} == {256}
    assert {len(nonce) for nonce in made} == {44}


# ── certificates that an authority of ours did issue, and that are for something else ─────


AUTHORITY = ec.generate_private_key(ec.SECP256R1())
AT = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cards")])


def certificate(*extensions: tuple[x509.ExtensionType, bool], of: Any = None) -> x509.Certificate:
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME if of is None else x509.Name([]))
        .issuer_name(NAME)
        .public_key((of or AUTHORITY).public_key())
        .serial_number(5)
        .not_valid_before(AT - timedelta(days=1))
        .not_valid_after(AT + timedelta(days=1))
    )
    for value, critical in extensions:
        made = made.add_extension(value, critical)
    return made.sign(AUTHORITY, hashes.SHA256())


def usage(**more: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
             "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: more.get(name, False) for name in names})


def policy(value: str = "1.2.3") -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier(value), None)])


CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SIGNS = usage(digital_signature=True)
GOOD = ((SIGNS, True), (CLIENT, False), (policy(), False))


@pytest.mark.parametrize(
    ("extensions", "why"),
    [
        (GOOD, None),
        (((SIGNS, True), (policy(), False)), None),
        (((usage(content_commitment=True), True), *GOOD[1:]), web_eid.CERTIFICATE),
        (GOOD[1:], web_eid.CERTIFICATE),
        (
            ((SIGNS, True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
             GOOD[2]),
            web_eid.CERTIFICATE,
        ),
        ((*GOOD, (x509.BasicConstraints(ca=True, path_length=None), True)), web_eid.CERTIFICATE),
        (
            (*GOOD, (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"), True)),
            web_eid.CERTIFICATE,
        ),
        (GOOD[:2], web_eid.POLICY),
        ((*GOOD[:2], (policy("1.2.4"), False)), web_eid.POLICY),
    ],
)  # fmt: skip
def test_the_certificate_is_for_signing_in_under_an_accepted_policy(
    extensions: Any, why: str | None
) -> None:
    key, nonce, origin = ec.generate_private_key(ec.SECP256R1()), new_nonce(), "https://id.example"
    leaf = certificate(*extensions, of=key)
    ours = CardIssuer("ours", "Ours", certificate(), frozenset({"1.2.3"}), True)
    token = token_of(leaf, key, origin, nonce)
    if why is None:
        assert verify(token, nonce, (origin,), CardIssuers([ours]), AT).number == ""
        return
    with pytest.raises(Refused) as error:
        verify(token, nonce, (origin,), CardIssuers([ours]), AT)
    assert error.value.why == why


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_a_card_with_an_rsa_key_signs_as_well_and_one_scheme_is_not_the_other(
    algorithm: str,
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    nonce, where = new_nonce(), "https://id.example"
    message = b"".join(sha256(text.encode()).digest() for text in (where, nonce))
    scheme: Any = padding.PKCS1v15()
    if algorithm == "PS256":
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    leaf = certificate(*GOOD, of=key)
    token = {
        "unverifiedCertificate": base64.b64encode(leaf.public_bytes(Encoding.DER)).decode(),
        "algorithm": algorithm,
        "signature": base64.b64encode(key.sign(message, scheme, hashes.SHA256())).decode(),
        "format": "web-eid:1.1",
    }
    issuers = CardIssuers([CardIssuer("ours", "Ours", certificate(), frozenset({"1.2.3"}), True)])
    assert verify(token, nonce, (where,), issuers, AT).certificate == leaf
    other = {"RS256": "PS256", "PS256": "RS256"}[algorithm]
    with pytest.raises(Refused) as error:
        verify({**token, "algorithm": other}, nonce, (where,), issuers, AT)
    assert error.value.why == web_eid.SIGNATURE


# ── the operator's file ───────────────────────────────────────────────────────────────────


def written(folder: Path, **change: str) -> Path:
    row = {
        "id": '"esteid"',
        "label": '"Estonian card"',
        "certificate": f'"{FOLDER / "TEST_of_ESTEID2018.cer"}"',
        "policies": '["1.3.6.1.4.1.51361.1.2.1"]',
        "certified": "true",
        "number": "'PNOEE-(\\d{11})'",
        **change,
    }
    file = folder / "cards.toml"
    file.write_text("[[issuer]]\n" + "\n".join(f"{k} = {v}" for k, v in row.items() if v))
    return file


def test_the_operator_names_whose_cards_count(tmp_path: Path) -> None:
    read = CardIssuers.read(written(tmp_path))
    assert read.labels == ("Estonian card",)
    at = datetime.fromisoformat(ESTONIAN["at"])
    card = verify(ESTONIAN["token"], ESTONIAN["nonce"], (ESTONIAN["origin"],), read, at)
    assert (card.number, card.issuer.authenticator) == ("38001085718", "x509-card")
    soft = CardIssuers.read(written(tmp_path, certified="false"))
    card = verify(ESTONIAN["token"], ESTONIAN["nonce"], (ESTONIAN["origin"],), soft, at)
    assert card.issuer.authenticator == "x509-soft"


@pytest.mark.parametrize(
    "change",
    [
        {"certificate": '"nowhere.pem"'},
        {"policies": "[]"},
        {"policies": ""},
        {"number": "'PNOEE'"},
        {"number": "'('"},
        {"certified": ""},
    ],
)
def test_a_file_that_says_nothing_clear_stops_the_start(
    tmp_path: Path, change: dict[str, str]
) -> None:
    with pytest.raises(SettingsError):
        CardIssuers.read(written(tmp_path, **change))
