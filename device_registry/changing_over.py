"""The operator's acts on a change-over, and whose turn it is: `AlsoAllowed` for the gate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from device_registry import changeover_store as store
from device_registry.changeover import ACTS, KEEPS, ChangeOver, ChangeOverState, Progress
from device_registry.device import Device
from foundation import opaque
from foundation.audit import Actor
from foundation.clock import Clock
from foundation.errors import BadRequest, Conflict, NotFound
from foundation.ground import Ground
from pki import CertificateAuthority

BATCH = 200
UNDONE = "change-over undone"
"""The durable job that revokes what is left after `undo`, whoever began it and stopped."""


class ChangeOvers:
    """`AlsoAllowed` for the gate, and the operator's acts."""

    def __init__(self, ground: Ground, authority: CertificateAuthority) -> None:
        self._ground = ground
        self._database = ground.database
        self._authority = authority
        ground.jobs.handler(UNDONE, lambda job: self._take_all_back(job["change_over"]))

    def plan(
        self,
        to_profile: str,
        starts_at: datetime,
        ends_at: datetime,
        actor: Actor,
        now: datetime,
        from_profile: str = "device",
    ) -> ChangeOver:
        """Nothing happens yet. Raises BadRequest, or Conflict while another one is open."""
        for name in (from_profile, to_profile):
            if name not in self.kinds():
                raise BadRequest(
                    f"There is no profile {name} for which devices enrol.",
                    where="profile",
                    next_step="Name one with an est_label, such as device-mldsa.",
                )
        if from_profile == to_profile or ends_at < starts_at:
            raise BadRequest(
                "A change-over leads from one profile to another, and ends after it starts.",
                where="change-over",
                next_step="Name two profiles, and a number of days.",
            )
        planned = ChangeOver(
            opaque.identifier("chg"), from_profile, to_profile, ChangeOverState.PLANNED,
            starts_at, ends_at,
        )  # fmt: skip
        with self._database.write() as uow:
            if store.open_for(uow, to_profile) is not None:
                raise Conflict(
                    f"A change-over to {to_profile} is under way.",
                    next_step="Finish it or undo it first.",
                )
            store.add(uow, planned, now)
            self._ground.audit.record(
                uow, "changeover.planned", actor,
                details={"changeover": planned.id, "to": to_profile, "from": from_profile,
                         "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()},
            )  # fmt: skip
        return planned

    def act(self, change_over_id: str, act: str, actor: Actor, now: datetime) -> ChangeOver:
        """Run, pause, finish or undo. Raises NotFound, or Conflict where the state forbids it.

        After `undo` the second certificates end as work of `serve`; `take_back` is quicker.
        """
        before, after = ACTS[act]
        found = self.get(change_over_id)
        with self._database.write() as uow:
            if not store.move(uow, change_over_id, before, after, now):
                raise Conflict(
                    f"A change-over that is {found.state.value} cannot {act}.",
                    next_step=f"It must be {' or '.join(before)}.",
                )
            self._ground.audit.record(
                uow, f"changeover.{act}", actor, details={"changeover": change_over_id}
            )
            if act == "undo":
                self._ground.jobs.enqueue(uow, UNDONE, {"change_over": change_over_id})
        return self.get(change_over_id)

    def take_back(self, change_over_id: str, clock: Clock) -> Iterator[int]:
        """After `undo`: revoke the second certificates, batch by batch; how many each time.

        A repeat goes on where the last one stopped. Each batch bears the instant of its writing.
        """
        found = self.get(change_over_id)
        if found.state is not ChangeOverState.UNDONE:
            raise Conflict(
                "Only a change-over that was undone is taken back.", next_step="Undo it first."
            )
        while True:
            with self._database.write() as uow:
                now = clock.now()
                serials = store.living(uow, found, BATCH)
                for serial in serials:
                    self._authority.revoke(uow, serial, "cessationOfOperation", now)
                store.end(uow, serials)
            if not serials:
                return
            yield len(serials)

    def _take_all_back(self, change_over_id: str) -> None:
        for _ in self.take_back(change_over_id, self._ground.clock):
            pass

    def get(self, change_over_id: str) -> ChangeOver:
        with self._database.read() as uow:
            found = store.get(uow, change_over_id)
        if found is None:
            raise NotFound(
                "There is no such change-over.",
                where="change-over",
                next_step="`civitas ca changeover list` names them.",
            )
        return found

    def kinds(self) -> tuple[str, ...]:
        """The profiles between which a change-over may lead."""
        profiles = self._authority.profiles.values()
        return tuple(profile.name for profile in profiles if profile.est_label is not None)

    def all(self) -> list[ChangeOver]:
        """Newest first."""
        with self._database.read() as uow:
            return store.every(uow)

    def progress(self, change_over_id: str, now: datetime) -> Progress:
        """How far it is. Who was invited is counted by each device's place."""
        found = self.get(change_over_id)
        with self._database.read() as uow:
            devices = store.count_of(uow, found.from_profile)
            hold = store.holders(uow, found.to_profile, now)
            runs = found.state is ChangeOverState.RUNNING
            ids = store.devices_of(uow, found.from_profile) if runs else []
        invited = sum(found.has_come_to(device_id, now) for device_id in ids)
        return Progress(found, devices, invited, hold)

    def also_allowed(self, device: Device, profile: str, now: datetime) -> bool:
        """Whether this device may enrol for a certificate of this further profile now."""
        with self._database.read() as uow:
            found = store.newest_to(uow, profile)
            if found is None or found.from_profile != device.profile:
                return False
            return found.has_come_to(device.id, now) or (
                found.state in KEEPS and store.holds(uow, device.id, profile, now)
            )

    def invitations(self, device: Device, now: datetime) -> tuple[str, ...]:
        """Profiles that this device should enrol for, and does not hold yet."""
        with self._database.read() as uow:
            return tuple(
                found.to_profile
                for found in store.every(uow)
                if found.from_profile == device.profile
                and found.has_come_to(device.id, now)
                and not store.holds(uow, device.id, found.to_profile, now)
            )
