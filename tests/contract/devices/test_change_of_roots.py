"""A thousand devices live through a change of the root: not one of them is ever locked out.

Each device knows only the roots that it learned itself: at first the first one, later those that
`/cacerts` vouches for by a cross-certificate (RFC 7030 §4.1.3). It checks the server's chain with
a verifier that is not ours, renews when two thirds of its certificate's life are over, give or
take, and calls in between.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from pki import Rollover
from tests.support.devices import csr, found_city, new_key

HOST = "city.example"
STEP = timedelta(days=10)


@dataclass
class Device:
    """What a device keeps: its key, its certificate, and the roots that it trusts."""

    id: str
    key: Any
    certificate: x509.Certificate
    roots: list[x509.Certificate]
    renews_at: datetime


class Simulation:
    def __init__(self, runtime: Runtime, clock: FrozenClock, count: int) -> None:
        self.city, self.clock = found_city(runtime), clock
        self.rollover = Rollover(runtime)
        self.chance = random.Random(20261121)
        first = [c for c in self.city.authority.authorities() if c.subject == c.issuer]
        self.devices = [self._device(first) for _ in range(count)]
        self.chain: tuple[x509.Certificate, ...] = ()
        self.serve()

    def _device(self, roots: list[x509.Certificate]) -> Device:
        registered = self.city.register()
        key = new_key()
        issued = self.city.enrol(registered, csr(key, registered.device.id))
        certificate = x509.load_der_x509_certificate(issued.der)
        return Device(registered.device.id, key, certificate, list(roots), self._next(certificate))

    def _next(self, certificate: x509.Certificate) -> datetime:
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return certificate.not_valid_before_utc + life * self.chance.uniform(0.5, 0.8)

    def serve(self) -> None:
        """The server's own certificate, as it is renewed."""
        issued = self.city.authority.issue_server_certificate([HOST])
        self.chain = tuple(x509.load_pem_x509_certificates(issued.chain_pem))

    def live(self, days: int) -> None:
        for _ in range(days // STEP.days):
            self.clock.advance(STEP)
            for device in self.devices:
                if device.renews_at <= self.city.now:
                    self.renew(device)
                elif self.chance.random() < 0.1:
                    self.call(device)

    def call(self, device: Device) -> None:
        """TLS both ways: the device checks the server, the server the device."""
        verifier = (
            PolicyBuilder()
            .store(Store(device.roots))
            .time(self.city.now)
            .build_server_verifier(x509.DNSName(HOST))
        )
        verifier.verify(self.chain[0], list(self.chain[1:]))
        self.city.devices.authenticate(device.certificate, self.city.now)

    def renew(self, device: Device) -> None:
        self.call(device)
        self.learn(device, self.city.authority.authorities())
        key = new_key()
        issued = self.city.renew(device.certificate, csr(key, device.id))
        device.key, device.certificate = key, x509.load_der_x509_certificate(issued.der)
        device.renews_at = self._next(device.certificate)
        self.call(device)

    @staticmethod
    def learn(device: Device, cacerts: tuple[x509.Certificate, ...]) -> None:
        """A root is trusted if one that is trusted already certified its key."""
        for root in (c for c in cacerts if c.subject == c.issuer and c not in device.roots):
            for cross in (c for c in cacerts if c.subject == root.subject != c.issuer):
                if cross.public_key() == root.public_key() and _by_any(cross, device.roots):
                    device.roots.append(root)


def _by_any(certificate: x509.Certificate, roots: list[x509.Certificate]) -> bool:
    for root in roots:
        try:
            certificate.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def generation(certificate: x509.Certificate) -> str:
    name = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return str(name).rpartition(" ")[2]


@pytest.mark.row("devices", "renewal")
@pytest.mark.parametrize(
    "count",
    [60, pytest.param(10_000, marks=[pytest.mark.slow(minutes=12), pytest.mark.timeout(3600)])],
    ids=lambda n: f"{n}-devices",
)
def test_nobody_is_locked_out_while_the_root_and_its_authorities_change(
    runtime: Runtime, clock: FrozenClock, count: int
) -> None:
    city = Simulation(runtime, clock, count)
    city.live(30)
    city.rollover.begin("root", city.city.now)
    city.live(40)  # the next root is known, and signs by now
    for name in ("devices", "services"):
        city.rollover.begin(name, city.city.now)
    city.live(40)
    city.serve()
    assert generation(city.chain[0]) == "G2"
    city.live(100)
    for device in city.devices:
        city.call(device)
        assert generation(device.certificate) == "G2"
        assert len(device.roots) == 2, "each learned the next root by itself"


def test_a_device_that_was_away_finds_the_way_over_the_cross_certificate(
    runtime: Runtime, clock: FrozenClock
) -> None:
    city = Simulation(runtime, clock, 1)
    (device,) = city.devices
    city.rollover.begin("root", city.city.now)
    clock.advance(timedelta(days=31))
    for name in ("devices", "services"):
        city.rollover.begin(name, city.city.now, timedelta(0))
    city.serve()
    assert len(device.roots) == 1
    city.call(device)
    city.renew(device)
    assert len(device.roots) == 2


def test_without_the_cross_certificate_it_would_not(runtime: Runtime, clock: FrozenClock) -> None:
    """The check that the simulation can fail."""
    city = Simulation(runtime, clock, 1)
    city.rollover.begin("root", city.city.now, timedelta(0))
    city.rollover.begin("services", city.city.now, timedelta(0))
    clock.advance(timedelta(seconds=2))
    city.serve()
    assert generation(city.chain[0]) == "G2"
    city.chain = tuple(c for c in city.chain if "Root" not in c.subject.rfc4514_string())
    with pytest.raises(Exception, match="validation failed"):
        city.call(city.devices[0])
