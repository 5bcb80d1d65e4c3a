"""Queries on credentials: the certificates in devices' hands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Executable,
    Integer,
    Row,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from device_registry.device import LIVING, Credential
from device_registry.life import State
from device_registry.store import next_number
from device_registry.tables import device_credentials, devices, enrolment_tokens
from foundation.clock import Instant
from foundation.database import UnitOfWork
from pki import IssuedCertificate, is_revoked

# Built once: every enrolment runs it.
_WITHDRAWN = exists().where(
    enrolment_tokens.c.id == bindparam("token"), enrolment_tokens.c.withdrawn_at.is_not(None)
)


def _credential() -> Executable:
    """Adds one, unless the token or the certificate that it rests on was taken back meanwhile."""
    names = ("serial", "device_id", "profile", "thumbprint", "state", "issued_at", "not_after",
             "row_mac")  # fmt: skip
    table = device_credentials
    values = [bindparam(f"new_{name}", type_=table.c[name].type).label(name) for name in names]
    row = select(next_number(table).label("number"), *values)
    rests = row.where(~_WITHDRAWN, ~is_revoked(bindparam("old_serial")))
    return insert(table).from_select(["number", *names], rests).returning(table.c.number)


_ADD_CREDENTIAL = _credential()


def add(
    uow: UnitOfWork,
    device_id: str,
    new: IssuedCertificate,
    now: datetime,
    *,
    token: str | None,
    old_serial: str | None,
) -> int | None:
    """Add a credential of a device that the caller keeps locked; which one of its it is, from 1.

    None if the token, or the certificate that it rests on, was taken back.
    """
    row = {
        "counted": device_id,
        "token": token,
        "old_serial": old_serial,
        "new_serial": new.serial,
        "new_device_id": device_id,
        "new_profile": new.profile,
        "new_thumbprint": new.thumbprint,
        "new_state": "issued",
        "new_issued_at": now,
        "new_not_after": new.not_after,
        "new_row_mac": uow.row_mac(
            device_credentials,
            {
                "serial": new.serial,
                "device_id": device_id,
                "profile": new.profile,
                "thumbprint": new.thumbprint,
                "not_after": new.not_after,
            },
        ),
    }
    added = uow.one(_ADD_CREDENTIAL, row)
    return added.number if added is not None else None


def state(uow: UnitOfWork, serial: str) -> str | None:
    row = uow.one(select(device_credentials.c.state).where(device_credentials.c.serial == serial))
    return row.state if row is not None else None


def unused_since(uow: UnitOfWork, device_id: str, profile: str, made_at: datetime) -> bool:
    """Whether no certificate of a profile that the device got since an instant was used."""
    c = device_credentials.c
    query = select(c.state, c.first_used_at).where(c.device_id == device_id, c.profile == profile)
    rows = uow.all(query.where(c.issued_at >= made_at).order_by(c.number.desc()))
    unused = all(row.first_used_at is None for row in rows)
    return unused and bool(rows) and rows[0].state == "issued"


def take_into_use(uow: UnitOfWork, serial: str, now: datetime) -> bool:
    return (
        uow.changed(
            update(device_credentials)
            .where(device_credentials.c.serial == serial, device_credentials.c.state == "issued")
            .values(state="in_use", first_used_at=now)
        )
        == 1
    )


def living(uow: UnitOfWork, device_id: str) -> list[str]:
    """Serials of the certificates that the device may use, or could if it were not suspended."""
    c = device_credentials.c
    living = and_(c.device_id == device_id, c.state.in_(LIVING))
    return [row.serial for row in uow.all(select(c.serial).where(living).order_by(c.number))]


def end(uow: UnitOfWork, device_id: str, state: str, *, older_than: str | None = None) -> list[str]:
    """End the device's living credentials, or those of one profile that are older than one of it;
    their serials."""
    c = device_credentials.c
    living = and_(c.device_id == device_id, c.state.in_(LIVING))
    if older_than is not None:
        newer = uow.one(select(c.number, c.profile).where(c.serial == older_than))
        if newer is None:
            return []
        living = and_(living, c.number < newer.number, c.profile == newer.profile)
    serials = [row.serial for row in uow.all(select(c.serial).where(living))]
    if serials:
        uow.execute(update(device_credentials).where(c.serial.in_(serials)).values(state=state))
    return serials


def end_some(uow: UnitOfWork, serials: Sequence[str], state: str) -> list[str]:
    """End these credentials, as far as they live; their serials."""
    c = device_credentials.c
    ended = update(device_credentials).where(c.serial.in_(serials), c.state.in_(LIVING))
    return sorted(row.serial for row in uow.all(ended.values(state=state).returning(c.serial)))


def of_device(uow: UnitOfWork, device_id: str) -> list[Credential]:
    """Newest first."""
    c = device_credentials.c
    rows = uow.all(
        select(device_credentials).where(c.device_id == device_id).order_by(c.number.desc())
    )
    return [_credential_of(row) for row in rows]


def living_or_since(uow: UnitOfWork, device_id: str, since: datetime) -> list[Credential]:
    """Those that it may use, or could if they had not expired, and all since then; newest first."""
    rows = uow.all(_LIVING_OR_SINCE, {"of_device": device_id, "since": since})
    return [_credential_of(row) for row in rows]


_C = device_credentials.c
_LIVING_OR_SINCE = (
    select(device_credentials)
    .where(_C.device_id == bindparam("of_device"))
    .where(or_(_C.state.in_(LIVING), _C.issued_at > bindparam("since", type_=Instant)))
    .order_by(_C.number.desc())
)


def _credential_of(row: Row[Any]) -> Credential:
    return Credential(
        serial=row.serial,
        profile=row.profile,
        thumbprint=row.thumbprint,
        state=row.state,
        issued_at=row.issued_at,
        not_after=row.not_after,
        first_used_at=row.first_used_at,
        number=row.number,
    )


# Only where to look: whoever is moved is read again under its MAC, so no row is left out here.
_NEXT_FEW = (
    select(devices.c.id, devices.c.state, devices.c.profile)
    .where(devices.c.id > bindparam("after"))
    .order_by(devices.c.id)
    .limit(bindparam("most", type_=Integer))
    .subquery()
)
_LASTS = (
    select(_C.serial)
    .where(_C.device_id == _NEXT_FEW.c.id, _C.profile == _NEXT_FEW.c.profile)
    .where(_C.state.in_(LIVING), _C.not_after >= bindparam("before"))
    .exists()
)
_DUE = select(
    _NEXT_FEW.c.id,
    and_(_NEXT_FEW.c.state == State.ACTIVE.value, ~_LASTS).label("is_due"),
).order_by(_NEXT_FEW.c.id)


def due_for_renewal(
    uow: UnitOfWork, before: datetime, after: str, most: int
) -> tuple[list[str], str | None]:
    """Of the next devices behind one of them: which are active, with a last living credential that
    ends before an instant; and the last one that was looked at, None at the end of all."""
    rows = uow.all(_DUE, {"before": before, "after": after, "most": most})
    due = [row.id for row in rows if row.is_due]
    return due, rows[-1].id if len(rows) == most else None
