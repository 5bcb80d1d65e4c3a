"""Who has something that rests on a device, and who lets it have a further certificate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from device_registry.device import Device
from foundation.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended, such as "access tokens", and how many."""

    what: str
    count: int


class EndsWithDevice(Protocol):
    """Acts inside the caller's unit of work; a failure rolls the whole act back."""

    def end(self, uow: UnitOfWork, device_id: str, reason: str, now: datetime) -> Ended: ...


class AlsoAllowed(Protocol):
    """May this device have a certificate of the profile beside that of its own kind?

    Asked at each enrolment and renewal of one, and again in the unit of work that issues it: what
    it answers there holds until the commit. `profile` is never the device's own.
    """

    def __call__(
        self, device: Device, profile: str, now: datetime, uow: UnitOfWork | None = None
    ) -> bool: ...
