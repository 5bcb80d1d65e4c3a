"""Who has something that rests on a device, and must end with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foundation.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended, such as "access tokens", and how many."""

    what: str
    count: int


class EndsWithDevice(Protocol):
    """Acts inside the caller's unit of work; a failure rolls the whole act back."""

    def end(self, uow: UnitOfWork, device_id: str, reason: str, now: datetime) -> Ended: ...
