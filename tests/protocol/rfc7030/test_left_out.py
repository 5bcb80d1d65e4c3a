"""What of a request is not in the certificate is said: in the answer, and in the device's log."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AttributeOID, ObjectIdentifier
from sqlalchemy import select

from foundation import opaque
from foundation.audit.tables import events
from tests.support.devices import Town, certificates_in, csr, key_usage, new_key
from tests.support.est import ask, enrolled, parts, says_why

UNSTRUCTURED_NAME = ObjectIdentifier("1.2.840.113549.1.9.2")
V3_REQ = (
    (x509.BasicConstraints(ca=False, path_length=None), False),
    (
        key_usage(digital_signature=True, content_commitment=True, key_encipherment=True),
        False,
    ),
)
NOTES = [(AttributeOID.CHALLENGE_PASSWORD, b"secret"), (UNSTRUCTURED_NAME, b"Lamp 7")]
LEFT_OUT = [
    "attributes.challengePassword",
    "attributes.unstructuredName",
    "keyUsage.content_commitment",
    "keyUsage.key_encipherment",
]


def asks_for_more(name: str | None = None) -> bytes:
    return csr(new_key(), name, *V3_REQ, attributes=NOTES)


@pytest.mark.rfc("7030", "4.2.1")
def test_what_asks_for_nothing_is_left_out_and_the_answer_and_the_log_say_so(town: Town) -> None:
    registered = town.city.register()
    answer = ask(town, "simpleenroll", asks_for_more(registered.device.id), registered)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Civitas-Left-Out"].split(", ") == LEFT_OUT
    (certificate,) = certificates_in(answer.content)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage == key_usage(digital_signature=True)
    enrolled_event = town.city.devices.history(registered.device.id)[-1]
    assert enrolled_event.reason == f"enrolled; left out: {', '.join(LEFT_OUT)}"
    assert enrolled_event.evidence["left_out"] == LEFT_OUT
    assert _audited(town, "device.enrolled")["left_out"] == LEFT_OUT


@pytest.mark.rfc("7030", "4.2.2")
def test_a_renewal_says_it_too(town: Town) -> None:
    registered, _, town.peer.certificate = enrolled(town)
    assert "left_out" not in _audited(town, "device.enrolled")
    answer = ask(town, "simplereenroll", asks_for_more(registered.device.id))
    assert answer.headers["Civitas-Left-Out"].split(", ") == LEFT_OUT
    assert _audited(town, "device.renewed")["left_out"] == LEFT_OUT


@pytest.mark.rfc("7030", "4.4")
def test_an_answer_with_a_key_that_was_made_here_says_it_too(town: Town) -> None:
    registered = town.city.register(profile="device-made-here")
    answer = ask(town, "serverkeygen", asks_for_more(), registered)
    assert len(parts(answer)) == 2
    assert answer.headers["Civitas-Left-Out"].split(", ") == LEFT_OUT


def test_a_lost_answer_that_is_asked_for_again_says_it_again(town: Town) -> None:
    registered = town.city.register()
    body = asks_for_more(registered.device.id)
    first, second = (ask(town, "simpleenroll", body, registered) for _ in range(2))
    assert certificates_in(first.content) == certificates_in(second.content)
    assert second.headers["Civitas-Left-Out"] == first.headers["Civitas-Left-Out"]


def test_where_nothing_is_left_out_nothing_is_said(town: Town) -> None:
    registered = town.city.register()
    answer = ask(town, "simpleenroll", csr(new_key(), registered.device.id), registered)
    assert "Civitas-Left-Out" not in answer.headers
    assert town.city.devices.history(registered.device.id)[-1].reason == "enrolled"


@pytest.mark.rfc("7030", "3.5")
@pytest.mark.parametrize("octets", [12, 32, 36, 48])
def test_a_challenge_password_that_could_be_a_link_is_never_left_out(
    town: Town, octets: int
) -> None:
    link = base64.b64encode(bytes(range(octets)))
    body = csr(new_key(), None, attributes=[(AttributeOID.CHALLENGE_PASSWORD, link)])
    refused = ask(town, "simpleenroll", body, town.city.register())
    says_why(refused, 400, "attributes.challengePassword")


def test_a_new_id_can_be_written_in_every_type_of_string(town: Town) -> None:
    prefix, joint, rest = town.city.register().device.id.partition("-")
    assert (prefix, joint) == ("dev", "-")
    assert rest.isascii()
    assert rest.isalnum()


def test_a_device_with_an_early_id_enrols_and_renews(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = opaque.identifier
    with monkeypatch.context() as patched:
        patched.setattr(opaque, "identifier", lambda prefix, joint="_": made(prefix))
        registered = town.city.register()
    name = registered.device.id
    assert name.startswith("dev_")
    answer = ask(town, "simpleenroll", csr(new_key(), name), registered)
    (town.peer.certificate,) = certificates_in(answer.content)
    assert ask(town, "simplereenroll", csr(new_key(), name)).status_code == 200


def _audited(town: Town, kind: str) -> Mapping[str, Any]:
    """What the last event of this kind says."""
    of_this_kind = select(events.c.id).where(events.c.kind == kind).order_by(events.c.at)
    with town.city.runtime.database.read() as uow:
        *_, last = uow.all(of_this_kind)
    details: Mapping[str, Any] = town.city.runtime.audit.details(last.id)["details"]
    return details
