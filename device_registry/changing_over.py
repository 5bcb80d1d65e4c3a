"""The operator's acts on a change-over, and whose turn it is: `AlsoAllowed` for the gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from device_registry import changeover_store as store
from device_registry.changeover import ACTS, KEEPS, ChangeOver, ChangeOverState, Progress
from device_registry.device import Device
from foundation import opaque
from foundation.audit import Actor
from foundation.clock import Clock
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound
from foundation.marking import N_
from foundation.nearest import instead
from foundation.runtime import Runtime
from pki import CertificateAuthority

BATCH = 200
UNDONE = "change-over undone"
"""The durable job that revokes what is left after `undo`, batch by batch."""
_PAUSE = timedelta(milliseconds=200)


class ChangeOvers:
    """`AlsoAllowed` for the gate, and the operator's acts."""

    def __init__(
        self, runtime: Runtime, authority: CertificateAuthority, kinds: Sequence[str]
    ) -> None:
        """`kinds`: the profiles between which a change-over may lead."""
        self.kinds = kinds
        self._runtime = runtime
        self._database = runtime.database
        self._authority = authority
        runtime.jobs.handler(UNDONE, lambda job: self._take_on(job["change_over"]))

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
            if name not in self.kinds:
                raise BadRequest(
                    N_("There is no profile %(name)s for which devices enrol.", name=name),
                    where="profile",
                    next_step=instead(name, self.kinds),
                )
        if from_profile == to_profile or ends_at < starts_at:
            raise BadRequest(
                "A move leads from one kind of certificate to another, and ends after it starts.",
                where="change-over",
                next_step="Name two profiles, and a number of days.",
            )
        planned = ChangeOver(
            opaque.identifier("chg"), from_profile, to_profile, ChangeOverState.PLANNED,
            starts_at, ends_at,
        )  # fmt: skip
        try:
            with self._database.write() as uow:
                earlier = store.newest_to(uow, to_profile)
                if earlier is not None and self._holds_on(uow, earlier):
                    raise Conflict(
                        N_(
                            "The move to %(to_profile)s before this one is being undone.",
                            to_profile=to_profile,
                        ),
                        next_step="Wait until nobody holds its certificates any more.",
                    )
                store.add(uow, planned, now)
                self._runtime.audit.record(
                    uow, "changeover.planned", actor,
                    details={"changeover": planned.id, "to": to_profile, "from": from_profile,
                             "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()},
                )  # fmt: skip
        except IntegrityError as error:  # one is open: the index says so, to two at once as well
            raise Conflict(
                N_("A move to %(to_profile)s is under way.", to_profile=to_profile),
                next_step="Finish it or undo it first.",
            ) from error
        return planned

    def act(self, change_over_id: str, act: str, actor: Actor, now: datetime) -> ChangeOver:
        """Run, pause, finish or undo. Raises NotFound, or Conflict where the state forbids it.

        After `undo` the second certificates end as work beside the answers; `take_back` is quicker.
        """
        before, after = ACTS[act]
        found = self.get(change_over_id)
        with self._database.write() as uow:
            if not store.move(uow, change_over_id, before, after, now):
                raise Conflict(
                    N_(
                        "A move that is %(state)s cannot %(act)s.",
                        state=found.state.value,
                        act=act,
                    ),
                    next_step=N_("It must be %(before)s.", before=" or ".join(before)),
                )
            self._runtime.audit.record(
                uow, f"changeover.{act}", actor, details={"changeover": change_over_id}
            )
            if act == "undo":
                newest = store.newest_to(uow, found.to_profile)
                if newest is None or newest.id != found.id:
                    raise Conflict(
                        N_(
                            "A later move to %(to_profile)s took the place of this one.",
                            to_profile=found.to_profile,
                        ),
                        next_step="Undo that one: it holds the same certificates.",
                    )
                self._runtime.jobs.enqueue(uow, UNDONE, {"change_over": change_over_id})
        return self.get(change_over_id)

    def take_back(self, change_over_id: str, clock: Clock) -> Iterator[int]:
        """After `undo`: revoke the second certificates, batch by batch; how many each time.

        A repeat goes on where the last one stopped. Each batch bears the instant of its writing.
        """
        found = self.get(change_over_id)
        if found.state is not ChangeOverState.UNDONE:
            raise Conflict("Only a move that was undone is taken back.", next_step="Undo it first.")
        while True:
            with self._database.write() as uow:
                count = self._end_some(uow, found, clock.now())
            if not count:
                return
            yield count

    def _holds_on(self, uow: UnitOfWork, found: ChangeOver) -> bool:
        """Whether it was undone, and its certificates are not all taken back yet."""
        return found.state is ChangeOverState.UNDONE and bool(store.living(uow, found, 1))

    def _end_some(self, uow: UnitOfWork, found: ChangeOver, now: datetime) -> int:
        serials = store.living(uow, found, BATCH)
        for serial in serials:
            self._authority.revoke(uow, serial, "cessationOfOperation", now)
        store.end(uow, serials)
        return len(serials)

    def _take_on(self, change_over_id: str) -> None:
        """One batch, and the promise of the next: other work has its turn between them."""
        found, now = self.get(change_over_id), self._runtime.clock.now()
        with self._database.write() as uow:
            if self._end_some(uow, found, now):
                again = {"change_over": change_over_id}
                self._runtime.jobs.enqueue(uow, UNDONE, again, run_at=now + _PAUSE)

    def get(self, change_over_id: str) -> ChangeOver:
        with self._database.read() as uow:
            found = store.get(uow, change_over_id)
        if found is None:
            raise NotFound(
                "There is no such move.",
                where="change-over",
                next_step="`civitas ca changeover list` names them.",
            )
        return found

    def all(self, limit: int | None = None) -> list[ChangeOver]:
        """Newest first."""
        with self._database.read() as uow:
            return store.every(uow, limit)

    def progress(self, found: ChangeOver, now: datetime) -> Progress:
        """How far it is. Who was invited is counted by each device's place."""
        with self._database.read() as uow:
            devices = store.count_of(uow, found.from_profile)
            hold = store.holders(uow, found, now)
            runs = found.state is ChangeOverState.RUNNING
            ids = store.devices_of(uow, found.from_profile) if runs else []
            newest = store.newest_to(uow, found.to_profile)
        invited = sum(found.has_come_to(device_id, now) for device_id in ids)
        is_newest = newest is not None and newest.id == found.id
        return Progress(found, len(ids) if runs else devices, invited, hold, is_newest)

    def also_allowed(
        self, device: Device, profile: str, now: datetime, uow: UnitOfWork | None = None
    ) -> bool:
        """Whether this device may enrol for a certificate of this further profile now."""
        if uow is None:
            with self._database.read() as reading:
                return self._allowed(reading, device, profile, now, kept=False)
        return self._allowed(uow, device, profile, now, kept=True)

    def _allowed(
        self, uow: UnitOfWork, device: Device, profile: str, now: datetime, *, kept: bool
    ) -> bool:
        found = store.newest_to(uow, profile, kept=kept)
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
