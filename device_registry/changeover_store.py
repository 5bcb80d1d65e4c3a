"""Queries on change-overs, and on who holds a second certificate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from device_registry.changeover import ChangeOver, ChangeOverState
from device_registry.life import MAY_AUTHENTICATE
from device_registry.tables import device_changeovers, device_credentials, devices
from foundation.database import UnitOfWork

_LIVING = ("issued", "in_use")
_WORKING = tuple(state.value for state in MAY_AUTHENTICATE)
_OPEN = ("planned", "running", "paused")


def add(uow: UnitOfWork, planned: ChangeOver, now: datetime) -> None:
    uow.execute(
        insert(device_changeovers).values(
            id=planned.id,
            from_profile=planned.from_profile,
            to_profile=planned.to_profile,
            state=planned.state.value,
            planned_at=now,
            starts_at=planned.starts_at,
            ends_at=planned.ends_at,
            changed_at=now,
        )
    )


def move(
    uow: UnitOfWork, change_over_id: str, before: Sequence[str], after: str, now: datetime
) -> bool:
    """Whether this call moved it: the row count decides."""
    c = device_changeovers.c
    moved = (
        update(device_changeovers)
        .where(c.id == change_over_id, c.state.in_(before))
        .values(state=after, changed_at=now)
    )
    return uow.changed(moved) == 1


def get(uow: UnitOfWork, change_over_id: str) -> ChangeOver | None:
    row = uow.one(select(device_changeovers).where(device_changeovers.c.id == change_over_id))
    return _of(row) if row is not None else None


def every(uow: UnitOfWork) -> list[ChangeOver]:
    """Newest first."""
    newest = device_changeovers.c.planned_at.desc(), device_changeovers.c.id
    return [_of(row) for row in uow.all(select(device_changeovers).order_by(*newest))]


def open_for(uow: UnitOfWork, profile: str) -> ChangeOver | None:
    c = device_changeovers.c
    row = uow.one(select(device_changeovers).where(c.to_profile == profile, c.state.in_(_OPEN)))
    return _of(row) if row is not None else None


def newest_to(uow: UnitOfWork, profile: str) -> ChangeOver | None:
    c = device_changeovers.c
    row = uow.one(
        select(device_changeovers)
        .where(c.to_profile == profile)
        .order_by(c.planned_at.desc(), c.id)
        .limit(1)
    )
    return _of(row) if row is not None else None


def count_of(uow: UnitOfWork, profile: str) -> int:
    """How many devices of this profile may authenticate."""
    c = devices.c
    counted = select(func.count().label("n")).where(c.profile == profile, c.state.in_(_WORKING))
    row = uow.one(counted)
    return row.n if row is not None else 0


def devices_of(uow: UnitOfWork, profile: str) -> list[str]:
    """Devices of this profile that may authenticate."""
    c = devices.c
    found = select(c.id).where(c.profile == profile, c.state.in_(_WORKING))
    return [row.id for row in uow.all(found)]


def holders(uow: UnitOfWork, profile: str, now: datetime) -> int:
    """How many devices hold a living certificate of this profile."""
    c = device_credentials.c
    row = uow.one(
        select(func.count(func.distinct(c.device_id)).label("n")).where(
            c.profile == profile, c.state.in_(_LIVING), c.not_after > now
        )
    )
    return row.n if row is not None else 0


def holds(uow: UnitOfWork, device_id: str, profile: str, now: datetime) -> bool:
    c = device_credentials.c
    row = uow.one(
        select(c.serial)
        .where(c.device_id == device_id, c.profile == profile)
        .where(c.state.in_(_LIVING), c.not_after > now)
        .limit(1)
    )
    return row is not None


def living(uow: UnitOfWork, found: ChangeOver, limit: int) -> list[str]:
    """Serials of living second certificates, kept until the commit: two at it wait in turn."""
    c = device_credentials.c
    query = (
        select(c.serial)
        .join(devices, devices.c.id == c.device_id)
        .where(c.profile == found.to_profile, c.state.in_(_LIVING))
        .where(devices.c.profile == found.from_profile)
        .order_by(c.serial)
        .limit(limit)
        .with_for_update(of=device_credentials)
    )
    return [row.serial for row in uow.all(query)]


def end(uow: UnitOfWork, serials: Sequence[str]) -> None:
    c = device_credentials.c
    uow.execute(update(device_credentials).where(c.serial.in_(serials)).values(state="superseded"))


def _of(row: Row[Any]) -> ChangeOver:
    return ChangeOver(
        row.id,
        row.from_profile,
        row.to_profile,
        ChangeOverState(row.state),
        row.starts_at,
        row.ends_at,
    )
