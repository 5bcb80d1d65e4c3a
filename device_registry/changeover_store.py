"""Queries on change-overs, and on who holds a second certificate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update

from device_registry.changeover import ChangeOver, ChangeOverState
from device_registry.device import LIVING
from device_registry.life import MAY_AUTHENTICATE
from device_registry.tables import device_changeovers, device_credentials, devices
from foundation.database import UnitOfWork

_WORKING = tuple(state.value for state in MAY_AUTHENTICATE)


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


def every(uow: UnitOfWork, limit: int | None = None) -> list[ChangeOver]:
    """Newest first."""
    newest = device_changeovers.c.planned_at.desc(), device_changeovers.c.id
    query = select(device_changeovers).order_by(*newest).limit(limit)
    return [_of(row) for row in uow.all(query)]


def newest_to(uow: UnitOfWork, profile: str, *, kept: bool = False) -> ChangeOver | None:
    """The one that counts for this profile; `kept` as it is until the commit."""
    c = device_changeovers.c
    query = (
        select(device_changeovers)
        .where(c.to_profile == profile)
        .order_by(c.planned_at.desc(), c.id)
        .limit(1)
    )
    row = uow.one(query.with_for_update(read=True) if kept else query)
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


def holders(uow: UnitOfWork, found: ChangeOver, now: datetime) -> int:
    """How many devices hold a living second certificate."""
    c = device_credentials.c
    counted = select(func.count(func.distinct(c.device_id)).label("n"))
    row = uow.one(_second(counted, found).where(c.not_after > now))
    return row.n if row is not None else 0


def holds(uow: UnitOfWork, device_id: str, profile: str, now: datetime) -> bool:
    c = device_credentials.c
    row = uow.one(
        select(c.serial)
        .where(c.device_id == device_id, c.profile == profile)
        .where(c.state.in_(LIVING), c.not_after > now)
        .limit(1)
    )
    return row is not None


def living(uow: UnitOfWork, found: ChangeOver, limit: int) -> list[str]:
    """Serials of living second certificates of so many devices, which stay as they are until the
    commit: the devices are locked first, as whoever changes a credential does."""
    c = device_credentials.c
    holding = _second(select(c.device_id).distinct(), found).order_by(c.device_id).limit(limit)
    ids = [row.device_id for row in uow.all(holding)]
    uow.all(
        select(devices.c.id).where(devices.c.id.in_(ids)).order_by(devices.c.id).with_for_update()
    )
    query = _second(select(c.serial), found).where(c.device_id.in_(ids))
    return [row.serial for row in uow.all(query)]


def _second(query: Select[Any], found: ChangeOver) -> Select[Any]:
    """Living certificates of its kind, but for those of devices that have no other kind."""
    c = device_credentials.c
    return (
        query.join_from(device_credentials, devices, devices.c.id == c.device_id)
        .where(c.profile == found.to_profile, c.state.in_(LIVING))
        .where(devices.c.profile == found.from_profile)
    )


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
