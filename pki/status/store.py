"""Queries on the status of certificates, and on the lists that tell it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Row,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from pki.status.encoding import Entry
from pki.tables import banned_keys, certificates, revocation_lists

HOLD = "certificateHold"
WHOLE = -1
"""The partition under which the list of all that an authority issued is kept."""
LEAST = "least"
"""The kind under which stands what all numbers of an authority's lists exceed."""
OVERLAP = timedelta(minutes=10)
"""How late a change may be committed after the instant that it bears, clocks' differences too."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_C = certificates.c
_CHANGED = type_coerce(_C.status_changed_at, BigInteger)
_STATUS = select(_C.authority_kid, _C.state, _C.revoked_at, _C.revocation_reason, _C.not_after)
_OF_SERIAL = _STATUS.where(_C.serial == bindparam("of_serial"))


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


# ── acts ──────────────────────────────────────────────────────────────────────────────────


def moment(now: datetime) -> Any:
    """For `status_changed_at`: later than the last change, whatever the clock says.

    So no two states look the same.
    """
    at = microseconds(now)
    return case((at <= _CHANGED, _CHANGED + 1), else_=at)


def _open_to(reason: str) -> Any:
    """What can be revoked for this reason: issued, not revoked, or on hold and now for good."""
    free = _C.revoked_at.is_(None)
    return free if reason == HOLD else or_(free, _C.revocation_reason == HOLD)


def revoke(
    uow: UnitOfWork, serials: Sequence[str], reason: str, now: datetime
) -> Sequence[Row[Any]]:
    """Serial, key and holder of those whom this call revoked."""
    return uow.all(
        update(certificates)
        .where(_C.serial.in_(serials), _C.state == "issued", _open_to(reason))
        .values(revoked_at=now, revocation_reason=reason, status_changed_at=moment(now))
        .returning(_C.serial, _C.public_key, _C.holder)
    )


def release(uow: UnitOfWork, serials: Sequence[str], now: datetime) -> Sequence[Row[Any]]:
    """Serial and key of those whom this call took off hold."""
    return uow.all(
        update(certificates)
        .where(_C.serial.in_(serials), _C.state == "issued", _C.revocation_reason == HOLD)
        .values(revoked_at=None, revocation_reason=None, status_changed_at=moment(now))
        .returning(_C.serial, _C.public_key)
    )


def ban(uow: UnitOfWork, public_keys: Sequence[str], reason: str, now: datetime) -> None:
    """Nobody gets a certificate for these keys again; a repeat changes nothing."""
    new: Any = (postgresql if uow.connection.dialect.name == "postgresql" else sqlite).insert
    rows = [{"public_key": key, "reason": reason, "since": now} for key in sorted(set(public_keys))]
    if rows:
        uow.execute(new(banned_keys).on_conflict_do_nothing(index_elements=["public_key"]), rows)


def with_keys(
    uow: UnitOfWork, public_keys: Sequence[str], holders: Sequence[str]
) -> Sequence[Row[Any]]:
    """Serial and state of all certificates for these keys of these holders, kept from others.

    Whoever is completing one is waited for.
    """
    return uow.all(
        select(_C.serial, _C.state)
        .where(_C.holder.in_(holders), _C.public_key.in_(public_keys))
        .where(_C.state.in_(("recorded", "issued")))
        .order_by(_C.serial)
        .with_for_update()
    )


# ── asking ────────────────────────────────────────────────────────────────────────────────


def status(uow: UnitOfWork, serial: str) -> Row[Any] | None:
    return uow.one(_OF_SERIAL, {"of_serial": serial})


def entries(
    uow: UnitOfWork, authority_kid: str, partition: int, not_ended_at: datetime
) -> Sequence[Entry]:
    """What a complete list names."""
    found = uow.all(
        select(_C.serial, type_coerce(_C.revoked_at, BigInteger), _C.revocation_reason)
        .where(*_in_list(authority_kid, partition), _C.status_changed_at.is_not(None))
        .where(_C.state == "issued", _C.revoked_at.is_not(None), _C.not_after > not_ended_at)
    )
    return cast(Sequence[Entry], found)


def changes(
    uow: UnitOfWork, authority_kid: str, partition: int, since: datetime, not_ended_at: datetime
) -> Sequence[Entry]:
    """What a delta names: as `entries`, and without a reason those who came off hold."""
    found = uow.all(
        select(
            _C.serial,
            type_coerce(func.coalesce(_C.revoked_at, _C.status_changed_at), BigInteger),
            _C.revocation_reason,
        )
        .where(*_in_list(authority_kid, partition), _C.status_changed_at >= since)
        .where(_C.state == "issued", _C.not_after > not_ended_at)
    )
    return cast(Sequence[Entry], found)


def reflected(uow: UnitOfWork, authority_kid: str, partition: int, made_at: datetime) -> int:
    """One number for all changes that a list made at that moment could miss.

    It grows with every change, also with one that is committed later than a younger one: a list
    that was made when it was smaller is outdated.
    """
    since = made_at - OVERLAP
    asked = select(func.coalesce(func.sum(_CHANGED - microseconds(since) + 1), 0)).where(
        *_in_list(authority_kid, partition), _C.status_changed_at >= since
    )
    return int(uow.execute(asked).scalar_one())


def _in_list(authority_kid: str, partition: int) -> tuple[Any, ...]:
    of_authority = _C.authority_kid == authority_kid
    return (of_authority,) if partition == WHOLE else (of_authority, _C.partition == partition)


# ── lists ─────────────────────────────────────────────────────────────────────────────────


def newest(uow: UnitOfWork, authority_kid: str, partition: int, kind: str) -> Row[Any] | None:
    lists = revocation_lists.c
    return uow.one(
        select(revocation_lists).where(
            lists.authority_kid == authority_kid,
            lists.partition == partition,
            lists.kind == kind,
        )
    )


def least(uow: UnitOfWork, authority_kid: str) -> int:
    """What every next number of this authority's lists exceeds; 0 where nothing was restored."""
    row = newest(uow, authority_kid, WHOLE, LEAST)
    return 0 if row is None else int(row.number)


def standing_until(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Of every complete list that there is: whose, since when and until when."""
    lists = revocation_lists.c
    return uow.all(
        select(lists.authority_kid, lists.this_update, lists.next_update).where(
            lists.kind == "complete"
        )
    )


def restored(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Each authority whose lists were restored: since when, as of when, what was shown since."""
    lists = revocation_lists.c
    return uow.all(
        select(lists.authority_kid, lists.this_update, lists.base_at, lists.base_number).where(
            lists.kind == LEAST
        )
    )


def places_in_use(uow: UnitOfWork, now: datetime) -> Sequence[tuple[str, int]]:
    """Each authority and partition under which a certificate is on record that has not ended."""
    here = (_C.authority_kid, _C.partition)
    found = uow.connection.execute(
        select(*here).where(_C.state == "issued", _C.not_after > now).distinct().order_by(*here)
    )
    return [(row.authority_kid, row.partition) for row in found]


def surpass(uow: UnitOfWork, authority_kid: str, published: int, now: datetime) -> None:
    """A list of this number was published: every next one is higher, and a lower one is void."""
    lists = revocation_lists.c
    row = newest(uow, authority_kid, WHOLE, LEAST)
    values = {
        "number": max(published, 0 if row is None else row.number),
        "base_number": max(published, 0 if row is None else row.base_number or 0),
    }
    of_authority = lists.authority_kid == authority_kid
    if row is not None:
        uow.execute(
            update(revocation_lists).where(of_authority, lists.kind == LEAST).values(values)
        )
    else:
        key = {"authority_kid": authority_kid, "partition": WHOLE, "kind": LEAST}
        said = {"this_update": now, "next_update": now, "der": b"", **values}
        uow.execute(revocation_lists.insert().values(**key, **said))
    uow.execute(
        delete(revocation_lists).where(of_authority, lists.kind != LEAST, lists.number < published)
    )


def standing(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """The place of every list that there is."""
    lists = revocation_lists.c
    return uow.all(
        select(lists.authority_kid, lists.partition)
        .where(lists.kind == "complete")
        .order_by(lists.authority_kid, lists.partition)
    )
