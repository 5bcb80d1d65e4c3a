"""Keys made here, where an operator chose a kind for it — RFC 7030 §4.4."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509.oid import AttributeOID

from foundation.clock import FrozenClock
from foundation.errors import Unavailable
from pki.issuing import drafting
from tests.support.devices import OPERATOR, Town, certificates_in, csr, new_key
from tests.support.est import EST, PKCS10, ask, parts, says_why

LABEL = "devices-made-here"
AGAIN = {"Retry-After": "5"}


def made(town: Town, body: bytes, registered: Any = None) -> tuple[Any, x509.Certificate]:
    answer = ask(town, "serverkeygen", body, registered)
    assert answer.status_code == 200, answer.text
    (one, pkcs8), (other, pkcs7) = parts(answer)
    assert (one, other) == ("application/pkcs8", "application/pkcs7-mime")
    (certificate,) = certificates_in(base64.b64encode(pkcs7))
    return load_der_private_key(pkcs8, None), certificate


@pytest.mark.rfc("7030", "4.4.2")
def test_the_answer_is_a_key_and_its_certificate(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    key, certificate = made(town, csr(new_key(), registered.device.id), registered)
    assert isinstance(key.curve, ec.SECP256R1)
    assert certificate.public_key() == key.public_key()
    assert town.city.devices.authenticate(certificate, town.city.now).id == registered.device.id


@pytest.mark.rfc("7030", "4.4.1")
def test_key_and_signature_of_the_request_are_ignored(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    broken = bytearray(csr(new_key(), registered.device.id))
    broken[-1] ^= 1
    mine = new_key()
    key, _ = made(town, bytes(broken), registered)
    assert key.public_key() != mine.public_key()


@pytest.mark.rfc("7030", "4.4.1")
def test_what_else_the_request_proposes_is_examined_as_always(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    for body, where in (
        (csr(new_key(), "dev_other"), "subject.CN"),
        (csr(new_key(), None, (x509.BasicConstraints(True, None), True)), "basicConstraints"),
        (b"not base64!", "request"),
    ):
        says_why(ask(town, "serverkeygen", body, registered), 400, where)


@pytest.mark.rfc("7030", "4.4")
def test_a_lost_answer_is_asked_for_again_until_its_key_was_used(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    body = csr(new_key(), registered.device.id)
    first, _ = made(town, body, registered)
    second, certificate = made(town, body, registered)
    assert first.public_key() != second.public_key()
    other = csr(new_key(), registered.device.id)
    says_why(ask(town, "serverkeygen", other, registered), 403, "token_used")
    town.city.devices.authenticate(certificate, town.city.now)
    says_why(ask(town, "serverkeygen", body, registered), 403, "token_used")
    states = {c.state for c in town.city.devices.credentials(registered.device.id)}
    assert states == {"in_use", "superseded"}


@pytest.mark.rfc("7030", "4.4")
@pytest.mark.parametrize("operation", ["serverkeygen", "simpleenroll"])
def test_while_the_authoritys_key_is_away_the_answer_is_503_and_nothing_is_spent(
    town: Town, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    profile = "device-made-here" if operation == "serverkeygen" else "device"
    registered = town.city.register(profile=profile)

    def away(*_: object) -> bytes:
        raise Unavailable("The token with this key does not sign now.", headers=AGAIN)

    with monkeypatch.context() as patched:
        patched.setattr(drafting, "signed", away)
        for _ in range(2):
            body = csr(new_key(), registered.device.id)
            answer = ask(town, operation, body, registered)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == AGAIN["Retry-After"]
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert "does not sign now" in answer.text
    body = csr(new_key(), registered.device.id)
    assert ask(town, operation, body, registered).status_code == 200


@pytest.mark.rfc("7030", "4.4")
def test_with_its_certificate_the_device_gets_its_next_key(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    body = csr(new_key(), registered.device.id)
    _, old = made(town, body, registered)
    town.peer.certificate = old
    key, certificate = made(town, body)
    assert certificate.public_key() == key.public_key() != old.public_key()


@pytest.mark.rfc("7030", "4.4")
def test_after_a_compromise_the_device_recovers_its_own_way(town: Town, clock: FrozenClock) -> None:
    registered = town.city.register(profile="device-made-here")
    body = csr(new_key(), registered.device.id)
    _, old = made(town, body, registered)
    town.city.authority.compromise().declare("devices-1", timedelta(days=14), town.city.now)
    clock.advance(timedelta(seconds=2))
    town.peer.certificate = old
    _, certificate = made(town, body)
    assert "G2" in certificate.issuer.rfc4514_string()
    town.city.devices.authenticate(certificate, town.city.now)


@pytest.mark.rfc("7030", "4.4")
def test_a_key_is_made_for_nobody_else(town: Town) -> None:
    registered = town.city.register()
    body = csr(new_key(), None)
    says_why(ask(town, "serverkeygen", body, registered), 404, "serverkeygen")
    says_why(ask(town, "serverkeygen", body, registered, label="devices"), 404, "serverkeygen")
    says_why(ask(town, "serverkeygen", body, registered, label=LABEL), 403, "label_not_allowed")
    assert ask(town, "simpleenroll", body, registered).status_code == 200, "the token is not spent"


@pytest.mark.rfc("7030", "3.2.3")
def test_a_caller_that_shows_nothing_is_asked_who_it_is(town: Town) -> None:
    for label in (None, LABEL):
        refused = ask(town, "serverkeygen", csr(new_key(), None), label=label)
        says_why(refused, 401, "token_missing")
        assert refused.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.rfc("7030", "4.4.1.1")
@pytest.mark.rfc("7030", "4.4.1.2")
@pytest.mark.parametrize("last", ["37", "54"])
def test_encryption_beyond_tls_is_refused_and_never_left_out(town: Town, last: str) -> None:
    registered = town.city.register(profile="device-made-here")
    oid = x509.ObjectIdentifier(f"1.2.840.113549.1.9.16.2.{last}")
    body = csr(new_key(), None, attributes=[(oid, b"which key")])
    refused = ask(town, "serverkeygen", body, registered)
    says_why(refused, 400, f"attributes.{oid.dotted_string}")
    assert "inside TLS" in refused.text


def test_the_private_key_is_nowhere_but_in_the_answer(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    answer = ask(town, "serverkeygen", csr(new_key(), None), registered)
    assert answer.headers["cache-control"] == "no-store"
    (_, pkcs8), _ = parts(answer)
    secret = load_der_private_key(pkcs8, None).private_numbers().private_value  # type: ignore[union-attr]
    raw = secret.to_bytes(32)
    folder = town.city.runtime.settings.path.parent
    stored = [f.read_bytes() for f in folder.rglob("*") if f.is_file()]
    assert stored
    assert not any(raw in content or base64.b64encode(raw) in content for content in stored)


def test_of_a_wait_for_approval_nothing_is_made(town: Town) -> None:
    """Both policies in one profile: first the human, then the key."""
    from dataclasses import replace

    profiles = dict(town.city.authority.profiles)
    profiles["device-made-here"] = replace(profiles["device-made-here"], approval="human")
    town.city.authority.profiles = profiles
    town.city.devices.gate._profiles = profiles
    town.city.devices._registration._profiles = profiles
    registered = town.city.register(profile="device-made-here")
    body = csr(new_key(), registered.device.id, hash_used=hashes.SHA384())
    assert ask(town, "serverkeygen", body, registered).status_code == 202
    town.city.devices.approve(registered.device.id, OPERATOR, "seen", town.city.now)
    made(town, body, registered)


def test_another_content_type_is_415(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    answer = town.https.post(
        f"{EST}/serverkeygen",
        content=b"",
        headers={**PKCS10, "Content-Type": "text/plain"},
        auth=(registered.device.id, registered.token),
    )
    says_why(answer, 415, "Content-Type")


def test_a_link_in_the_request_is_checked_here_too(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    link = base64.b64encode(b"twelve bytes")
    body = csr(new_key(), None, attributes=[(AttributeOID.CHALLENGE_PASSWORD, link)])
    says_why(ask(town, "serverkeygen", body, registered), 400, "attributes.challengePassword")
