"""Acts on a device that take effect on its next use: suspend, quarantine, revoke, hand on, end.

What rests on the device (tokens, sessions) ends in the same unit of work as the act.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from device_registry import credential_store, store, tokens
from device_registry.device import Device
from device_registry.life import ACTS, NotNow, State, after
from device_registry.ports import EndsWithDevice
from device_registry.refusals import not_possible, unknown_device
from device_registry.registry import Devices
from device_registry.steps import step
from foundation.audit import Actor
from foundation.database import UnitOfWork

# The acts that a person may ask for; the others are steps of enrolment.
ASKED = ("suspend", "reactivate", "quarantine", "release", "transfer", "revoke", "decommission")
ACTS_THAT_HOLD = frozenset(name for name, rule in ACTS.items() if rule.holds)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an act would do: the device as it is, the state after it, and the serials of the
    certificates that it revokes, or puts or may take off hold."""

    device: Device
    after: State
    certificates: tuple[str, ...]


class DeviceLife:
    """The registry, and who has something that ends with a device."""

    def __init__(self, devices: Devices, ends: Sequence[EndsWithDevice] = ()) -> None:
        self.devices = devices
        self._ends = tuple(ends)
        self._audit = devices.runtime.audit
        self._database = devices.runtime.database

    def suspend(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """Refused at its next use, until it is reactivated."""
        return self.act("suspend", device_id, actor, reason, now)

    def reactivate(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        return self.act("reactivate", device_id, actor, reason, now)

    def quarantine(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """Refused at its next use, since it may do harm, until it is released."""
        return self.act("quarantine", device_id, actor, reason, now)

    def release(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        return self.act("release", device_id, actor, reason, now)

    def transfer(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """The old owner's certificates are revoked before a new claim can succeed."""
        return self.act("transfer", device_id, actor, reason, now)

    def revoke(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """Its certificates are revoked, and it never comes back under this id."""
        return self.act("revoke", device_id, actor, reason, now)

    def decommission(self, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """Final: certificates revoked, and what may tell of a person erased."""
        return self.act("decommission", device_id, actor, reason, now)

    def foresee(self, name: str, device_id: str) -> Foreseen:
        """What `act` would do now, and refuses alike; nothing is changed."""
        rule = ACTS[name]
        with self._database.read() as uow:
            device = store.get(uow, device_id)
            living = credential_store.living(uow, device_id)
        if device is None:
            raise unknown_device()
        try:
            reached = after(name, device.state)
        except NotNow as problem:
            raise not_possible(problem) from problem
        touches = rule.revokes is not None or rule.holds or rule.releases
        return Foreseen(device, reached, tuple(living) if touches else ())

    def act(self, name: str, device_id: str, actor: Actor, reason: str, now: datetime) -> Device:
        """One act of `ASKED`, whole or not at all. Raises NotFound, or Conflict by the state."""
        rule = ACTS[name]
        with self._database.write() as uow:
            device = store.locked(uow, device_id)
            if device is None:
                raise unknown_device()
            if name not in ASKED:
                raise not_possible(NotNow(name, device.state))
            held = self._hold(uow, device_id, now) if rule.holds else []
            evidence = {"held": held} if rule.holds else None
            step(uow, self._audit, device, name, actor, reason, now, evidence)
            if rule.ends:
                for resting in self._ends:
                    resting.end(uow, device_id, reason, now)
            if rule.revokes is not None:
                tokens.withdraw_tokens(uow, device_id, now)
                # What the old owner began is not completed under the new one.
                self.devices.authority.issuance.give_up(uow, device_id, rule.revokes, now)
                for serial in credential_store.end(uow, device_id, "revoked"):
                    self.devices.authority.revoke(uow, serial, rule.revokes, now)
            if rule.releases:
                self._release(uow, device_id, now)
            if rule.after is State.TRANSFERRED:
                # What the old owner may know opens nothing under the new one.
                self.devices.authority.retire_keys(uow, device_id, now)
                store.set_owner(uow, device_id, None, "transfer", now)
                # What was approved was a device of its owner.
                store.approve(uow, device_id, None, now)
            if rule.after is State.DECOMMISSIONED:
                store.erase(uow, device_id)
            changed = store.get(uow, device_id)
        return changed if changed is not None else device

    def _hold(self, uow: UnitOfWork, device_id: str, now: datetime) -> list[str]:
        """Tell those who ask about its certificates too; the serials that were not on hold yet."""
        authority = self.devices.authority
        living = credential_store.living(uow, device_id)
        return [one for one in living if authority.revoke(uow, one, "certificateHold", now)]

    def _release(self, uow: UnitOfWork, device_id: str, now: datetime) -> None:
        """Take back what the device's own suspension did, and no hold of an operator's."""
        holding = [one for one in store.history(uow, device_id) if ACTS_THAT_HOLD & {one.act}]
        serials = credential_store.living(uow, device_id)
        # Before this was noted, all were released.
        held = holding[-1].evidence.get("held", serials) if holding else serials
        for serial in serials:
            if serial in held:
                self.devices.authority.release(uow, serial, now)
