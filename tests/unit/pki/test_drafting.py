"""Bodies of certificates: read back before they are signed, and signed with whatever key."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from foundation.clock import FrozenClock
from foundation.pkcs11.token import Token
from pki import profiles
from pki.issuing import drafting, preflight
from pki.issuing.drafting import Draft
from pki.x509 import names
from pki.x509.public_key import info_of
from tests.support import softhsm
from tests.support.devices import City, new_key

pytestmark = pytest.mark.row("devices", "issuance")

SECOND = timedelta(seconds=1)


def draft_for(city: City, **other: Any) -> Draft:
    return replace(
        Draft(
            serial=x509.random_serial_number(),
            profile=city.authority.profiles["device"],
            subject=names.subject("dev_1"),
            public_key=info_of(new_key().public_key()),
            alternative_names=("URI:urn:dev:ops:32473-lamp",),
            not_before=city.now,
            not_after=city.now + timedelta(days=1),
            links=city.authority.places.links("devices-1", 3),
        ),
        **other,
    )


def test_what_is_examined_is_what_is_signed(city: City) -> None:
    issuer, private_key = city.authority.hierarchy.signing("devices")
    body = preflight.examine(draft_for(city), issuer.certificate, private_key)
    certificate = x509.load_der_x509_certificate(drafting.signed(body, private_key))
    assert certificate.tbs_certificate_bytes == body
    certificate.verify_directly_issued_by(issuer.certificate)


@pytest.mark.rfc("5280", "4.1.2")
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("serial", "serial number differs"),
        ("subject", "subject's name differs"),
        ("public_key", "the key differs"),
        ("alternative_names", "subjectAltName"),
        ("not_before", "begins at another instant"),
        ("not_after", "ends at another instant"),
        ("links", "addresses of its status"),
        ("permitted", "extensions differ"),
        ("profile", "extKeyUsage differs"),
    ],
)
def test_a_body_that_says_something_else_than_its_draft_is_never_signed(
    city: City, monkeypatch: pytest.MonkeyPatch, field: str, said: str
) -> None:
    issuer, private_key = city.authority.hierarchy.signing("devices")
    draft, write = draft_for(city), drafting.body
    other: dict[str, Any] = {
        "serial": draft.serial + 1,
        "subject": names.subject("dev_2"),
        "public_key": info_of(new_key().public_key()),
        "alternative_names": ("URI:urn:dev:ops:32473-other",),
        "not_before": draft.not_before - SECOND,
        "not_after": draft.not_after + SECOND,
        "links": city.authority.places.links("devices-1", 4),
        "permitted": ("DNS:example",),
        "profile": city.authority.profiles["server"],
    }

    def defective(draft: Draft, *more: Any) -> bytes:
        return write(replace(draft, **{field: other[field]}), *more)

    with monkeypatch.context() as patched:
        patched.setattr(drafting, "body", defective)
        with pytest.raises(preflight.DraftRefused, match=said):
            preflight.examine(draft, issuer.certificate, private_key)
    preflight.examine(draft, issuer.certificate, private_key)


@pytest.mark.rfc("5280", "4.1.2.4")
def test_a_body_for_another_issuer_is_never_signed(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, private_key = city.authority.hierarchy.signing("devices")
    other, _ = city.authority.hierarchy.signing("services")
    write = drafting.body

    def of_another(draft: Draft, _: object, key: Any) -> bytes:
        return write(draft, other.certificate, key)

    monkeypatch.setattr(drafting, "body", of_another)
    with pytest.raises(preflight.DraftRefused, match="issuer"):
        preflight.examine(draft_for(city), issuer.certificate, private_key)


def test_a_body_that_cannot_be_read_is_never_signed(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, private_key = city.authority.hierarchy.signing("devices")
    monkeypatch.setattr(drafting, "unsigned", lambda body: x509.load_der_x509_certificate(body))
    with pytest.raises(preflight.DraftRefused, match="cannot be read"):
        preflight.examine(draft_for(city), issuer.certificate, private_key)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256"])
def test_a_key_in_a_token_signs_the_body(hsm: Path, clock: FrozenClock, algorithm: str) -> None:
    key = Token(softhsm.new_token(hsm).uri()).generate(f"ca {algorithm}", algorithm)
    draft = Draft(
        serial=1,
        profile=profiles.load()["root"],
        subject=names.subject("Root"),
        public_key=info_of(key.public_key()),
        alternative_names=(),
        not_before=clock.now(),
        not_after=clock.now() + timedelta(days=1),
    )
    certificate = drafting.sign(draft, None, key)
    certificate.verify_directly_issued_by(certificate)
