"""The registry as the rest of the service uses it: who a device is, and whether it may act now."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509

from device_registry import credential_store, store
from device_registry.changing_over import ChangeOvers
from device_registry.device import LIVING, CameBack, Credential, Device, Owner, StateEvent
from device_registry.gate import Gate
from device_registry.life import MAY_AUTHENTICATE, MAY_ENROL, State
from device_registry.ports import AlsoAllowed
from device_registry.refusals import DeviceRefused, in_state, unknown_device
from device_registry.registration import Registration
from device_registry.settings import DevicesSettings
from device_registry.steps import step
from device_registry.succession import Succession
from device_registry.words import ENDS_SOON
from foundation.audit import SYSTEM
from foundation.runtime import Runtime
from pki import CertificateAuthority, CertificateRefused

STEP, STEPS = 1_000, 100
"""Devices that one unit of work looks at, and how often it does in one sweep."""
ENOUGH = 500
"""So many that fell due end a sweep: other work waits for its turn."""
CAME_BACK_LATELY = timedelta(days=30)


class Devices:
    """Registers, admits to enrolment (`gate`), authenticates. What changes a life: `DeviceLife`."""

    def __init__(
        self,
        runtime: Runtime,
        authority: CertificateAuthority,
        also_allowed: AlsoAllowed | None = None,
    ) -> None:
        self.runtime = runtime
        self.authority = authority
        self.settings = runtime.settings.of(DevicesSettings)
        self._database = runtime.database
        self._audit = runtime.audit
        self._registration = Registration(
            runtime.database, runtime.audit, self.settings, authority.profiles
        )
        self.change_overs = ChangeOvers(runtime, authority, self._registration.kinds)
        self._succession = Succession(runtime.audit, authority, self.settings.certificates_per_hour)
        self.gate = Gate(
            runtime.database,
            runtime.audit,
            runtime.rates,
            self.settings,
            authority.profiles,
            self._succession,
            also_allowed or self.change_overs.also_allowed,
        )
        self.register = self._registration.register
        self.new_token = self._registration.new_token
        self.claim = self._registration.claim
        self.approve = self._registration.approve
        self.kinds = self._registration.kinds
        self._seen_to = ""
        runtime.jobs.periodic(
            "devices due for renewal",
            timedelta(minutes=10),
            lambda: self.mark_renewals(runtime.clock.now()),
        )

    def authenticate(self, certificate: x509.Certificate, now: datetime) -> Device:
        """The device that holds this certificate and may act now (RFC 8705 §2.1).

        Raises DeviceRefused with the reason. The first use of a renewed certificate ends the
        one that it replaces: until then both work, so a lost answer costs nobody a visit.
        """
        try:
            valid = self.authority.validate_client(certificate, now)
        except CertificateRefused as refusal:
            if refusal.reason == "suspended":
                self._say_why(certificate)
            raise DeviceRefused(
                refusal.reason,
                refusal.description,
                refusal.next_step or "Enrol the device.",
                detail=refusal.detail,
            ) from refusal
        with self._database.read() as uow:
            device = store.get(uow, valid.holder)
            credential = credential_store.state(uow, valid.serial)
        if device is None or credential not in LIVING:
            raise DeviceRefused(
                "not_a_device",
                "The certificate does not belong to a registered device.",
                "Enrol the device by EST with a one-time token from the operator.",
            )
        if device.state not in MAY_AUTHENTICATE:
            raise in_state(device.state)
        if credential == "issued":
            self._take_into_use(device, valid.serial, now)
        return device

    def _say_why(self, certificate: x509.Certificate) -> None:
        """A certificate is on hold because of its device's state: that is what can be mended."""
        with self._database.read() as uow:
            device = store.of_certificate(uow, f"{certificate.serial_number:x}")
        if device is not None and device.state not in MAY_AUTHENTICATE:
            raise in_state(device.state)

    def may_act(self, device_id: str) -> Device:
        """The device, if its state lets it act now. Raises DeviceRefused, or NotFound."""
        device = self.get(device_id)
        if device.state not in MAY_AUTHENTICATE:
            raise in_state(device.state)
        return device

    def waits(self, device: Device) -> bool:
        """Whether a first certificate of this device waits for an operator's approval."""
        human = self.authority.profiles[device.profile].approval == "human"
        return human and device.approved_at is None and device.state in MAY_ENROL

    def get(self, device_id: str) -> Device:
        """Raises NotFound."""
        with self._database.read() as uow:
            device = store.get(uow, device_id)
        if device is None:
            raise unknown_device()
        return device

    def page(self, after: str | None = None, limit: int = 50) -> list[Device]:
        """Devices, newest first; `after` is the id of the last one seen."""
        with self._database.read() as uow:
            return store.page(uow, after, limit)

    def of_owner(self, owner: Owner) -> list[Device]:
        with self._database.read() as uow:
            return store.owned_by(uow, owner)

    def history(self, device_id: str) -> list[StateEvent]:
        """Every step of the device's life, oldest first."""
        with self._database.read() as uow:
            return store.history(uow, device_id)

    def credentials(self, device_id: str) -> list[Credential]:
        """The device's certificates, newest first."""
        with self._database.read() as uow:
            return credential_store.of_device(uow, device_id)

    def came_back(self, now: datetime, limit: int = 50) -> list[CameBack]:
        """Who renewed lately with a certificate that had expired, the latest first."""
        with self._database.read() as uow:
            return store.came_back(uow, now - CAME_BACK_LATELY, limit)

    def mark_renewals(self, now: datetime) -> int:
        """Active devices whose certificate ends soon become due: periodic work; how many.

        In small steps, as many as there is time for: the next sweep goes on where this one ended.
        """
        before = now + timedelta(days=self.settings.renew_before_days)
        marked = 0
        for _ in range(STEPS):
            with self._database.read() as uow:
                due, last = credential_store.due_for_renewal(uow, before, self._seen_to, STEP)
            for device_id in due:
                self._fall_due(device_id, now)
            marked += len(due)
            self._seen_to = last or ""
            if last is None or marked >= ENOUGH:
                break
        return marked

    def _fall_due(self, device_id: str, now: datetime) -> None:
        with self._database.write() as uow:
            device = store.locked(uow, device_id)
            if device is not None and device.state is State.ACTIVE:
                step(uow, self._audit, device, "fall_due", SYSTEM, ENDS_SOON, now)

    def _take_into_use(self, device: Device, serial: str, now: datetime) -> None:
        with self._database.write() as uow:
            store.locked(uow, device.id)
            self._succession.take_into_use(uow, device.id, serial, now)
