"""However a device's life goes: no certificate speaks for a device that may not act."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device_registry import DeviceRefused, Owner, State
from device_registry.device_life import ASKED
from device_registry.life import MAY_AUTHENTICATE
from foundation.clock import FrozenClock
from foundation.errors import Conflict, Problem
from tests.support import deployments
from tests.support.devices import OPERATOR, csr, found_city, new_key


class DeviceLives(RuleBasedStateMachine):
    """One device, its operator, and whoever holds its keys."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FrozenClock(deployments.START)
        runtime = deployments.build_runtime(
            deployments.settings_in(Path(self.folder.name)), self.clock
        )
        self.city = found_city(runtime)
        self.registered = self.city.register()
        self.id = self.registered.device.id
        self.held: list[tuple[Any, x509.Certificate]] = []
        self.dead: set[int] = set()
        self.model: list[State] = [State.CLAIMED]

    def teardown(self) -> None:
        if hasattr(self, "city"):
            self.city.runtime.close()
            self.folder.cleanup()

    @rule(fresh=st.booleans())
    def enrol(self, fresh: bool) -> None:
        key = self.held[-1][0] if self.held and not fresh else new_key()
        try:
            issued = self.city.enrol(self.registered, csr(key, self.id))
        except Problem:
            return
        self.held.append((key, x509.load_der_x509_certificate(issued.der)))

    @rule()
    def renew(self) -> None:
        if not self.held:
            return
        _, certificate = self.held[-1]
        key = new_key()
        try:
            issued = self.city.renew(certificate, csr(key, self.id))
        except Problem:
            return
        self.held.append((key, x509.load_der_x509_certificate(issued.der)))

    @rule(act=st.sampled_from(ASKED))
    def act(self, act: str) -> None:
        try:
            self.city.life.act(act, self.id, OPERATOR, "because", self.city.now)
        except Conflict:
            return
        if act in ("transfer", "revoke", "decommission"):
            self.dead |= {certificate.serial_number for _, certificate in self.held}

    @rule()
    def claim(self) -> None:
        try:
            owner = Owner("organisation", "Parks")
            self.registered = self.city.devices.claim(self.id, owner, OPERATOR, self.city.now)
        except Conflict:
            return

    @rule()
    def new_token(self) -> None:
        try:
            self.registered = self.city.devices.new_token(self.id, OPERATOR, self.city.now)
        except Conflict:
            return

    @rule(days=st.integers(1, 40))
    def time_passes(self, days: int) -> None:
        self.clock.advance(timedelta(days=days))
        self.city.devices.mark_renewals(self.city.now)

    @rule()
    def used(self) -> None:
        for _, certificate in self.held:
            try:
                device = self.city.devices.authenticate(certificate, self.city.now)
            except DeviceRefused:
                continue
            assert device.state in MAY_AUTHENTICATE
            assert certificate.serial_number not in self.dead
            assert certificate.not_valid_after_utc >= self.city.now

    @invariant()
    def the_history_is_one_unbroken_line(self) -> None:
        if not hasattr(self, "city"):
            return
        steps = self.city.devices.history(self.id)
        assert steps[0].before is None
        for earlier, later in pairwise(steps):
            assert later.before == earlier.after
        assert steps[-1].after == self.city.devices.get(self.id).state

    @invariant()
    def decommissioned_holds_nothing_personal(self) -> None:
        if not hasattr(self, "city"):
            return
        device = self.city.devices.get(self.id)
        if device.state is State.DECOMMISSIONED:
            assert (device.label, device.owner, device.identifiers) == (None, None, ())


TestDeviceLives = DeviceLives.TestCase
TestDeviceLives.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
