"""A suspended device's certificates are on hold, and come back with it — RFC 5280 §5.3.1."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from device_registry import DeviceRefused
from foundation.runtime import Runtime
from pki import CertificateRefused
from tests.support.devices import OPERATOR, City, found_city


@pytest.fixture
def city(runtime: Runtime) -> City:
    return found_city(runtime)


def listed(city: City, certificate: x509.Certificate) -> str | None:
    found = x509.load_der_x509_crl(city.authority.crl("devices", city.now))
    entry = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return None
    reason: Any = entry.extensions.get_extension_for_class(x509.CRLReason).value
    return str(reason.reason.value)


@pytest.mark.parametrize(
    ("away", "back", "state"),
    [("suspend", "reactivate", "suspended"), ("quarantine", "release", "quarantined")],
)
def test_they_are_listed_until_the_device_is_back(
    city: City, away: str, back: str, state: str
) -> None:
    registered, _, certificate = city.enrolled()
    city.life.act(away, registered.device.id, OPERATOR, "noise", city.now)
    assert listed(city, certificate) == "certificateHold"
    with pytest.raises(DeviceRefused) as refused:
        city.devices.authenticate(certificate, city.now)
    assert refused.value.reason == state
    with pytest.raises(CertificateRefused) as at_the_door:
        city.authority.validate_client(certificate, city.now)
    assert at_the_door.value.reason == "suspended"
    city.life.act(back, registered.device.id, OPERATOR, "mended", city.now)
    assert listed(city, certificate) is None
    assert city.devices.authenticate(certificate, city.now).id == registered.device.id
    assert city.events().count("certificate.held") == 1
    assert city.events().count("certificate.released") == 1


def test_a_device_that_ends_while_suspended_leaves_them_revoked_for_good(city: City) -> None:
    registered, _, certificate = city.enrolled()
    city.life.suspend(registered.device.id, OPERATOR, "noise", city.now)
    city.life.decommission(registered.device.id, OPERATOR, "scrapped", city.now)
    assert listed(city, certificate) == "cessationOfOperation"


def test_what_the_operator_revoked_does_not_come_back_with_the_device(city: City) -> None:
    registered, _, certificate = city.enrolled()
    city.life.suspend(registered.device.id, OPERATOR, "noise", city.now)
    with city.runtime.database.write() as uow:
        assert city.authority.revoke(
            uow, f"{certificate.serial_number:x}", "keyCompromise", city.now
        )
    city.life.reactivate(registered.device.id, OPERATOR, "mended", city.now)
    assert listed(city, certificate) == "keyCompromise"
    with pytest.raises(DeviceRefused) as refused:
        city.devices.authenticate(certificate, city.now)
    assert refused.value.reason == "revoked"


def test_a_hold_of_the_operators_own_stays_when_the_device_comes_back(city: City) -> None:
    registered, _, certificate = city.enrolled()
    with city.runtime.database.write() as uow:
        serial = f"{certificate.serial_number:x}"
        assert city.authority.revoke(uow, serial, "certificateHold", city.now)
    city.life.suspend(registered.device.id, OPERATOR, "noise", city.now)
    city.life.reactivate(registered.device.id, OPERATOR, "mended", city.now)
    assert listed(city, certificate) == "certificateHold"
    (suspended,) = (e for e in city.devices.history(registered.device.id) if e.act == "suspend")
    assert suspended.evidence == {"held": []}
