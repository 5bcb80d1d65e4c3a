"""A label chooses the profile, and the registry says who may have it — RFC 7030 §3.2.2, §3.3.2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa

from device_registry import State
from foundation.clock import FrozenClock
from tests.support.devices import Town, certificates_in, csr, new_key
from tests.support.est import EST, ask, enrolled, says_why


def ml_dsa_request(device_id: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(mldsa.MLDSA65PrivateKey.generate(), None).public_bytes(Encoding.DER)


def kinds(town: Town, device_id: str) -> list[tuple[str, str]]:
    return [(c.profile, c.state) for c in town.city.devices.credentials(device_id)]


def allow(town: Town, profile: str) -> None:
    town.city.devices.gate.also_allowed = lambda device, asked, *_: asked == profile


@pytest.mark.rfc("7030", "3.2.2")
@pytest.mark.parametrize("label", [None, "devices-short"])
def test_a_device_gets_the_kind_that_it_is_registered_for(town: Town, label: str | None) -> None:
    registered = town.city.register(profile="device-short")
    answer = ask(town, "simpleenroll", csr(new_key(), None), registered, label=label)
    (certificate,) = certificates_in(answer.content)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life < timedelta(hours=37)
    assert kinds(town, registered.device.id) == [("device-short", "issued")]


@pytest.mark.rfc("7030", "3.2.2")
def test_a_label_that_is_not_the_devices_is_refused_and_costs_no_token(town: Town) -> None:
    registered, body = town.city.register(), csr(new_key(), None)
    refused = ask(town, "simpleenroll", body, registered, label="devices-short")
    says_why(refused, 403, "label_not_allowed")
    assert "Use the label devices, or none" in refused.text
    assert ask(town, "simpleenroll", body, registered, label="devices").status_code == 200


@pytest.mark.parametrize("profile", ["server", "root", "citizen-signature", "idevid", "parking"])
def test_nobody_is_registered_for_what_is_not_a_devices_kind(town: Town, profile: str) -> None:
    from foundation.errors import Unprocessable

    with pytest.raises(Unprocessable) as refused:
        town.city.register(profile=profile)
    assert refused.value.where == "profile"
    assert "devices" not in (refused.value.next_step or "").split(", ")


@pytest.mark.rfc("7030", "4.2.2")
def test_a_renewal_keeps_to_the_kind_of_its_certificate(town: Town) -> None:
    registered, _, old = enrolled(town, "device-short")
    town.peer.certificate = old
    body = csr(new_key(), registered.device.id)
    refused = ask(town, "simplereenroll", body, label="devices")
    says_why(refused, 403, "label_not_allowed")
    assert ask(town, "simplereenroll", body).status_code == 200
    assert {profile for profile, _ in kinds(town, registered.device.id)} == {"device-short"}


@pytest.mark.rfc("7030", "3.3.2")
def test_a_certificate_enrols_for_a_further_kind_that_the_registry_allows(
    town: Town, clock: FrozenClock
) -> None:
    registered, _, own = enrolled(town)
    device_id = registered.device.id
    town.peer.certificate = own
    body = ml_dsa_request(device_id)
    refused = ask(town, "simpleenroll", body, label="devices-mldsa")
    says_why(refused, 403, "label_not_allowed")
    allow(town, "device-mldsa")
    answer = ask(town, "simpleenroll", body, label="devices-mldsa")
    assert answer.status_code == 200, answer.text
    (further,) = certificates_in(answer.content)
    again = ask(town, "simpleenroll", body, label="devices-mldsa")
    assert certificates_in(again.content) == [further], "a lost answer is repeated"
    assert town.city.devices.authenticate(further, town.city.now).id == device_id
    assert kinds(town, device_id) == [("device-mldsa", "in_use"), ("device", "in_use")]
    assert town.city.devices.authenticate(own, town.city.now).id == device_id


@pytest.mark.row("devices", "renewal")
def test_a_further_certificate_neither_renews_nor_ends_the_own_one(
    town: Town, clock: FrozenClock
) -> None:
    registered, _, own = enrolled(town)
    device_id = registered.device.id
    town.city.devices.authenticate(own, town.city.now)
    clock.advance(timedelta(days=70))
    town.city.devices.mark_renewals(town.city.now)
    allow(town, "device-mldsa")
    town.peer.certificate = own
    answer = ask(town, "simpleenroll", ml_dsa_request(device_id), label="devices-mldsa")
    (further,) = certificates_in(answer.content)
    town.city.devices.authenticate(further, town.city.now)
    assert town.city.devices.get(device_id).state is State.RENEWAL_DUE
    assert ("device", "in_use") in kinds(town, device_id)
    assert ask(town, "simplereenroll", csr(new_key(), device_id)).status_code == 200
    assert town.city.devices.get(device_id).state is State.ACTIVE
    assert ("device-mldsa", "in_use") in kinds(town, device_id)


def test_a_token_is_for_the_devices_own_kind_only(town: Town) -> None:
    registered = town.city.register()
    allow(town, "device-mldsa")
    body = ml_dsa_request(registered.device.id)
    refused = ask(town, "simpleenroll", body, registered, label="devices-mldsa")
    says_why(refused, 403, "label_not_allowed")


def test_a_further_kind_does_not_lead_to_yet_another_one(town: Town) -> None:
    registered, _, own = enrolled(town)
    town.city.devices.gate.also_allowed = lambda *_: True
    town.peer.certificate = own
    body = csr(new_key(), None)
    answer = ask(town, "simpleenroll", body, label="devices-short")
    (town.peer.certificate,) = certificates_in(answer.content)
    refused = ask(town, "simpleenroll", csr(new_key(), None), label="devices-approved")
    says_why(refused, 403, "label_not_allowed")
    renewed = ask(town, "simplereenroll", csr(new_key(), registered.device.id))
    assert renewed.status_code == 200
    town.city.devices.gate.also_allowed = lambda *_: False
    renewed = ask(town, "simplereenroll", csr(new_key(), registered.device.id))
    says_why(renewed, 403, "label_not_allowed")


@pytest.mark.rfc("7030", "3.3.2")
def test_a_certificate_alone_does_not_enrol_for_its_own_kind_again(town: Town) -> None:
    _, _, town.peer.certificate = enrolled(town)
    for label in (None, "devices"):
        refused = ask(town, "simpleenroll", csr(new_key(), None), label=label)
        says_why(refused, 401, "token_missing")
        assert "simplereenroll" in refused.text


@pytest.mark.rfc("7030", "4.1")
def test_a_label_gives_the_authorities_of_its_family(town: Town) -> None:
    def names(path: str) -> set[str]:
        found = certificates_in(town.https.get(f"{EST}{path}/cacerts").content)
        return {c.subject.rfc4514_string() for c in found}

    assert names("/devices-short") == names("/devices") == names("")
    newer = names("/devices-mldsa")
    assert len(newer) == 2, "a root, and who issues to devices"
    assert not newer & names("")


@pytest.mark.rfc("7030", "4.2.2")
def test_a_renewal_may_repeat_what_the_issuer_said_in_the_certificate(town: Town) -> None:
    """cisco libest builds its next request from the whole present certificate."""
    registered, _, old = enrolled(town)
    town.peer.certificate = old
    repeated = [(e.value, e.critical) for e in old.extensions]
    answer = ask(town, "simplereenroll", csr(new_key(), registered.device.id, *repeated))
    assert answer.status_code == 200, answer.text
    first = ask(town, "simpleenroll", csr(new_key(), None, *repeated), town.city.register())
    assert first.status_code == 400
    assert "Where: extensionRequest." in first.text


@pytest.mark.rfc("7030", "4.2.2")
def test_a_renewal_rests_on_the_certificate_whatever_token_comes_along(town: Town) -> None:
    registered, _, town.peer.certificate = enrolled(town)
    other: Any = town.city.register()
    answer = ask(town, "simplereenroll", csr(new_key(), registered.device.id), other)
    (certificate,) = certificates_in(answer.content)
    assert registered.device.id in certificate.subject.rfc4514_string()
    assert ask(town, "simpleenroll", csr(new_key(), other.device.id), other).status_code == 200
