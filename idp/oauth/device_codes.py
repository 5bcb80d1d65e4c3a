"""Sign-ins of devices without a browser: a code for the device, one for the person — RFC 8628.

Neither is stored. The person's answer and the device's use are each one UPDATE that decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from foundation import opaque
from foundation.clock import begun
from foundation.database import UnitOfWork
from idp.oauth.request_tables import device_codes

PENDING, APPROVED, DENIED, USED = "pending", "approved", "denied", "used"
INTERVAL = timedelta(seconds=5)
"""How long a device waits between two questions (§3.5)."""

_ADD = insert(device_codes)
_OF_DEVICE = select(device_codes).where(device_codes.c.code_digest == bindparam("digest"))
_OF_PERSON = select(device_codes).where(device_codes.c.user_code_digest == bindparam("digest"))


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A sign-in of a device as stored. `grant_id`: what the person gave, once they did."""

    digest: bytes
    user_code_digest: bytes
    client_id: str
    request: Mapping[str, Any]
    state: str
    grant_id: str | None
    polled_at: datetime | None
    issued_at: datetime
    expires_at: datetime

    def is_over(self, now: datetime) -> bool:
        return now >= self.expires_at or not begun(self.issued_at, now)


@dataclass(frozen=True, slots=True)
class Codes:
    """The two codes of one sign-in, shown this once."""

    device: str
    person: str


def issue(
    uow: UnitOfWork,
    client_id: str,
    request: Mapping[str, Any],
    codes: Codes,
    now: datetime,
    lifetime: timedelta,
) -> None:
    """Record a checked request and the digests of its codes."""
    row = {
        "code_digest": opaque.digest(codes.device),
        "user_code_digest": opaque.digest(codes.person),
        "client_id": client_id,
        "request": dict(request),
        "state": PENDING,
        "issued_at": now,
        "expires_at": now + lifetime,
    }
    uow.execute(_ADD, row)


def new_codes() -> Codes:
    """A secret for the device, and eight characters that a person types (36 bits, §6.1)."""
    return Codes(opaque.secret(), opaque.code(2))


def of_device(uow: UnitOfWork, code: str) -> DeviceCode | None:
    """The sign-in of this device code, in whatever state."""
    row = uow.one(_OF_DEVICE, {"digest": opaque.digest(code)})
    return None if row is None else DeviceCode(*tuple(row)[:9])


def of_person(uow: UnitOfWork, typed: str) -> DeviceCode | None:
    """The sign-in of the code that a person typed: case, spaces and dashes do not matter."""
    row = uow.one(_OF_PERSON, {"digest": opaque.digest(opaque.normalise_code(typed))})
    return None if row is None else DeviceCode(*tuple(row)[:9])


def approve(uow: UnitOfWork, digest: bytes, grant_id: str) -> bool:
    """pending → approved, in the write that makes the grant. False if it was answered before."""
    return _move(uow, digest, PENDING, {"state": APPROVED, "grant_id": grant_id})


def deny(uow: UnitOfWork, digest: bytes) -> bool:
    """pending → denied."""
    return _move(uow, digest, PENDING, {"state": DENIED})


def use(uow: UnitOfWork, digest: bytes) -> bool:
    """approved → used, in the write that gives the tokens. False if it was used before."""
    return _move(uow, digest, APPROVED, {"state": USED})


def polled(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """Note that the device asked. False if it asked less than `INTERVAL` ago."""
    last = device_codes.c.polled_at
    statement = (
        update(device_codes)
        .where(device_codes.c.code_digest == digest)
        .where(or_(last.is_(None), last <= now - INTERVAL))
        .values(polled_at=now)
    )
    return uow.changed(statement) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget sign-ins that expired before `before`."""
    return uow.changed(delete(device_codes).where(device_codes.c.expires_at < before))


def _move(uow: UnitOfWork, digest: bytes, state: str, values: Mapping[str, Any]) -> bool:
    here = (device_codes.c.code_digest == digest) & (device_codes.c.state == state)
    return uow.changed(update(device_codes).where(here).values(**values)) == 1
