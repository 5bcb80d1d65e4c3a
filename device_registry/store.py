"""Queries on devices, their owners and their history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Executable,
    Row,
    ScalarSelect,
    Select,
    Table,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    union_all,
    update,
)

from device_registry.device import CameBack, Device, Owner, StateEvent, Step
from device_registry.identifiers import Identifier
from device_registry.life import State
from device_registry.tables import (
    device_credentials,
    device_identifiers,
    device_ownership_events,
    device_state_events,
    devices,
)
from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork


def next_number(table: Table) -> ScalarSelect[int]:
    """One more than the device's highest number so far."""
    earlier = table.alias()
    highest = select(func.coalesce(func.max(earlier.c.number), 0) + 1)
    return highest.where(earlier.c.device_id == bindparam("counted")).scalar_subquery()


# Every enrolment runs these: built once, since building costs as much as running.
NAMED = select(
    devices,
    devices.c.row_mac.label("mac_before"),
    device_identifiers.c.scheme,
    device_identifiers.c.value,
).order_by(device_identifiers.c.scheme, device_identifiers.c.value)
_GET = NAMED.outerjoin_from(devices, device_identifiers).where(devices.c.id == bindparam("device"))
_LOCKED = _GET.with_for_update(of=devices)
_IDENTIFIERS = (
    select(device_identifiers)
    .where(device_identifiers.c.device_id.in_(bindparam("devices", expanding=True)))
    .order_by(device_identifiers.c.scheme, device_identifiers.c.value)
)
# The device as it was read, or nothing: each change leaves its own instant.
_AS_READ = and_(
    devices.c.id == bindparam("counted"),
    devices.c.state == bindparam("present"),
    devices.c.changed_at == bindparam("read_at"),
)
_KEEP = select(devices.c.id).where(_AS_READ).with_for_update()
_MOVE = (
    update(devices)
    .where(_AS_READ)
    .values(
        state=bindparam("next"), changed_at=bindparam("now"), row_mac=bindparam("row_mac_after")
    )
)
_OF_ALL_STEPS = ("device_id", "at", "actor_kind", "actor_id")
_OF_EACH_STEP = ("act", "before", "after", "reason", "evidence")


@lru_cache(maxsize=16)
def _note(steps: int, moving: bool) -> Executable:
    """So many steps of one device, taken at one instant by one actor; if `moving` it moves too."""
    table = device_state_events
    moved = _MOVE.returning(devices.c.id).cte("moved")

    def row(nth: int) -> Select[Any]:
        names = {name: name for name in _OF_ALL_STEPS} | {
            name: f"{name}_{nth}" for name in _OF_EACH_STEP
        }
        values = [bindparam(p, type_=table.c[name].type) for name, p in names.items()]
        number = (next_number(table) + nth).label("number")
        row = select(number, *values)
        return row.select_from(moved) if moving else row

    columns = ["number", *_OF_ALL_STEPS, *_OF_EACH_STEP]
    noted = insert(table).from_select(columns, union_all(*(row(nth) for nth in range(steps))))
    return noted.returning(table.c.number) if moving else noted


def add_device(
    uow: UnitOfWork,
    device_id: str,
    label: str,
    profile: str,
    identifiers: Iterable[Identifier],
    now: datetime,
) -> None:
    uow.execute(
        insert(devices).values(
            id=device_id,
            state=State.REGISTERED.value,
            label=label,
            profile=profile,
            registered_at=now,
            changed_at=now,
        )
    )
    for identifier in identifiers:
        uow.execute(
            insert(device_identifiers).values(
                device_id=device_id,
                scheme=identifier.scheme,
                value=identifier.value,
                issuer="owner",
                verified_by="self-asserted",
            )
        )


def get(uow: UnitOfWork, device_id: str) -> Device | None:
    return named(uow.all(_GET, {"device": device_id}))


def locked(uow: UnitOfWork, device_id: str) -> Device | None:
    """A device, kept unchanged by others until the commit."""
    return named(uow.all(_LOCKED, {"device": device_id}))


def keep(uow: UnitOfWork, device: Device) -> bool:
    """Keep a device as it was read until the commit; False if it changed since."""
    return uow.one(_KEEP, _as_read(device)) is not None


def page(uow: UnitOfWork, after: str | None, limit: int) -> list[Device]:
    """Devices from the newest; `after` is the id of the last one seen."""
    query = select(devices).order_by(devices.c.registered_at.desc(), devices.c.id.desc())
    if after is not None:
        last = uow.one(select(devices.c.registered_at, devices.c.id).where(devices.c.id == after))
        if last is None:
            return []
        query = query.where(
            or_(
                devices.c.registered_at < last.registered_at,
                and_(devices.c.registered_at == last.registered_at, devices.c.id < last.id),
            )
        )
    return _devices(uow, uow.all(query.limit(limit)))


def owned_by(uow: UnitOfWork, owner: Owner) -> list[Device]:
    return _devices(
        uow,
        uow.all(
            select(devices)
            .where(devices.c.owner_kind == owner.kind, devices.c.owner == owner.name)
            .order_by(devices.c.registered_at.desc())
        ),
    )


def named(rows: Sequence[Row[Any]]) -> Device | None:
    """One device from its rows, one for each of its identifiers."""
    if not rows:
        return None
    names = (Identifier(row.scheme, row.value) for row in rows if row.scheme is not None)
    return _device(rows[0], tuple(names))


def _devices(uow: UnitOfWork, rows: Sequence[Row[Any]]) -> list[Device]:
    names: dict[str, list[Identifier]] = {row.id: [] for row in rows}
    if names:
        for row in uow.all(_IDENTIFIERS, {"devices": list(names)}):
            names[row.device_id].append(Identifier(row.scheme, row.value))
    return [_device(row, tuple(names[row.id])) for row in rows]


def _device(row: Row[Any], identifiers: tuple[Identifier, ...]) -> Device:
    return Device(
        id=row.id,
        state=State(row.state),
        label=row.label,
        owner=Owner(row.owner_kind, row.owner) if row.owner is not None else None,
        identifiers=identifiers,
        registered_at=row.registered_at,
        changed_at=row.changed_at,
        profile=row.profile,
        approved_at=row.approved_at,
        row_mac=getattr(row, "mac_before", None),
    )


def take(
    uow: UnitOfWork, device: Device, steps: Sequence[Step], actor: Actor, now: datetime
) -> bool:
    """Move a device by these steps and note them; False, and nothing is done, if it changed since
    it was read. One journey where the database can: SQLite changes one table at a time."""
    before = _bound(device)
    after = {**before, "state": steps[-1].after.value}
    row = {**_as_read(device), "next": after["state"], "now": now}
    row["row_mac_after"] = uow.row_mac(devices, after, before)
    if uow.connection.dialect.name == "postgresql":
        noted = _noted(device.id, steps, actor, now)
        return bool(uow.all(_note(len(steps), moving=True), {**row, **noted}))
    if uow.changed(_MOVE, row) != 1:
        return False
    note(uow, device.id, steps, actor, now)
    return True


def _bound(device: Device) -> dict[str, Any]:
    """What is under the MAC of its row, and that MAC."""
    owner = device.owner
    return {
        "id": device.id,
        "state": device.state.value,
        "profile": device.profile,
        "approved_at": device.approved_at,
        "owner_kind": owner.kind if owner is not None else None,
        "owner": owner.name if owner is not None else None,
        "row_mac": device.row_mac,
    }


def _as_read(device: Device) -> dict[str, Any]:
    return {
        "counted": device.id,
        "present": device.state.value,
        "read_at": device.changed_at,
    }


def note(
    uow: UnitOfWork, device_id: str, steps: Sequence[Step], actor: Actor, now: datetime
) -> None:
    """Append steps to the device's history; nothing ever changes or deletes one.

    The caller changes the device in the same unit of work, or a `take` beside it could miss these.
    """
    uow.execute(_note(len(steps), moving=False), _noted(device_id, steps, actor, now))


def _noted(device_id: str, steps: Sequence[Step], actor: Actor, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "device_id": device_id,
        "counted": device_id,
        "at": now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
    }
    for nth, step in enumerate(steps):
        row |= {
            f"act_{nth}": step.act,
            f"before_{nth}": step.before.value if step.before is not None else None,
            f"after_{nth}": step.after.value,
            f"reason_{nth}": step.reason[:300],
            f"evidence_{nth}": dict(step.evidence),
        }
    return row


def history(uow: UnitOfWork, device_id: str) -> list[StateEvent]:
    """Every step, oldest first."""
    rows = uow.all(
        select(device_state_events)
        .where(device_state_events.c.device_id == device_id)
        .order_by(device_state_events.c.number)
    )
    return [
        StateEvent(
            row.at,
            row.act,
            State(row.before) if row.before is not None else None,
            State(row.after),
            row.actor_kind,
            row.actor_id,
            row.reason,
            row.evidence,
        )
        for row in rows
    ]


def note_return(uow: UnitOfWork, device: Device, late: Step, actor: Actor, now: datetime) -> None:
    """Note that a device came back after its certificate had expired, inside the caller's lock."""
    uow.execute(update(devices).where(devices.c.id == device.id).values(changed_at=now))
    note(uow, device.id, [late], actor, now)


def came_back(uow: UnitOfWork, since: datetime, limit: int) -> list[CameBack]:
    """The latest first."""
    c = device_state_events.c
    rows = uow.all(
        select(c.device_id, c.at, c.reason, devices.c.label)
        .join(devices, devices.c.id == c.device_id)
        .where(c.act == text("'come_back'"), c.at > since)  # written out, as the index is
        .order_by(c.at.desc())
        .limit(limit)
    )
    return [CameBack(row.device_id, row.label, row.at, row.reason) for row in rows]


def set_owner(
    uow: UnitOfWork, device_id: str, owner: Owner | None, act: str, now: datetime
) -> None:
    kind, name = (owner.kind, owner.name) if owner is not None else (None, None)
    uow.execute(
        update(devices).where(devices.c.id == device_id).values(owner_kind=kind, owner=name)
    )
    uow.execute(
        insert(device_ownership_events).values(
            id=opaque.identifier("own"),
            device_id=device_id,
            at=now,
            act=act,
            owner_kind=kind,
            owner=name,
        )
    )


def approve(uow: UnitOfWork, device_id: str, at: datetime | None, now: datetime) -> None:
    """Note an operator's yes to a first certificate, or with None that it is to be said anew."""
    uow.execute(
        update(devices).where(devices.c.id == device_id).values(approved_at=at, changed_at=now)
    )


def erase(uow: UnitOfWork, device_id: str) -> None:
    """Remove what may tell of a person: label, owners, identifiers (EN 303 645 5.8, 5.11)."""
    uow.execute(
        update(devices)
        .where(devices.c.id == device_id)
        .values(label=None, owner_kind=None, owner=None)
    )
    uow.execute(
        update(device_ownership_events)
        .where(device_ownership_events.c.device_id == device_id)
        .values(owner=None)
    )
    uow.execute(device_identifiers.delete().where(device_identifiers.c.device_id == device_id))


def of_certificate(uow: UnitOfWork, serial: str) -> Device | None:
    """The device whose certificate has this serial."""
    c = device_credentials.c
    row = uow.one(select(c.device_id).where(c.serial == serial))
    return get(uow, row.device_id) if row is not None else None
