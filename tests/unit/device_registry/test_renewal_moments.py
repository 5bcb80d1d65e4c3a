"""When devices are told to renew — EN 303 645 5.9."""

from __future__ import annotations

from datetime import timedelta

import pytest

from device_registry import renewal
from device_registry.device import Credential
from foundation.web import Principal
from tests.support.deployments import START
from tests.support.devices import City, build_town, csr, new_key

LIFE = timedelta(days=90)


def credential(serial: str) -> Credential:
    return Credential(serial, "device", "x", "issued", START, START + LIFE, None, 1)


@pytest.mark.row("devices", "5.9")
@pytest.mark.row("devices", "renewal")
def test_devices_that_enrolled_together_renew_over_a_third_of_a_life() -> None:
    moments = [renewal.moment(credential(f"{n:x}")) for n in range(3000)]
    assert START + LIFE / 2 <= min(moments) < max(moments) <= START + LIFE * 5 / 6
    tenths = [0] * 10
    for moment in moments:
        tenths[min(9, int((moment - START - LIFE / 2) / (LIFE / 3) * 10))] += 1
    assert min(tenths) > 200, "no tenth of the window is left out, and none is crowded"
    assert max(tenths) < 400


def test_the_same_certificate_hears_the_same_moment() -> None:
    assert renewal.moment(credential("ab")) == renewal.moment(credential("ab"))
    assert renewal.moment(credential("ab")) != renewal.moment(credential("ac"))


@pytest.mark.row("devices", "5.9")
def test_a_device_reads_when_to_renew_at_its_own_endpoint(city: City) -> None:
    town = build_town(city)
    registered = city.register()
    town.who["caller"] = Principal("device", registered.device.id)
    issued = city.enrol(registered, csr(new_key(), registered.device.id))
    said = town.https.get("/devices/v1/self").json()
    (held,) = said["credentials"]
    assert held["serial"] == issued.serial
    assert held["profile"] == said["profile"] == "device"
    assert said["renew_after"] == held["renew_after"]
    assert held["issued_at"] < said["renew_after"] < held["not_after"]
