"""Queries on authorities and certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Executable,
    Integer,
    Row,
    String,
    bindparam,
    exists,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from foundation.database import UnitOfWork
from pki.refusals import RequestRefused
from pki.tables import (
    authorities,
    banned_keys,
    certificates,
    cross_certificates,
    held_keys,
    revocation_lists,
)
from pki.x509.certificate import IssuedCertificate
from pki.x509.thumbprint import x5t_s256


def _hold_key(new: Any) -> Any:
    """One statement for three answers: the holder of the key, and nothing for a banned one."""
    columns = held_keys.c
    banned = exists().where(banned_keys.c.public_key == bindparam("key", type_=String))
    row = select(
        bindparam("key", type_=columns.public_key.type),
        bindparam("by", type_=columns.holder.type),
        bindparam("now", type_=columns.since.type),
    ).where(~banned)
    statement: Executable = (
        new(held_keys)
        .from_select(["public_key", "holder", "since"], row)
        # Changes nothing; it is there so that the statement returns the present holder.
        .on_conflict_do_update(
            index_elements=["public_key"], set_={"public_key": columns.public_key}
        )
        .returning(columns.holder, columns.retired_at)
    )
    return statement


# Every issuance runs these: built once, since building costs as much as running.
_HOLD_KEY = {"sqlite": _hold_key(sqlite.insert), "postgresql": _hold_key(postgresql.insert)}
_BY_SERIAL = select(certificates).where(certificates.c.serial == bindparam("of_serial"))
_UNSIGNED = (
    select(certificates)
    .where(certificates.c.state == text("'recorded'"))  # written out, as the index is
    .where(certificates.c.serial > bindparam("after"))
    .order_by(certificates.c.serial)
    .limit(bindparam("limit", type_=Integer))
)
_BY_REFERENCE = select(certificates).where(
    certificates.c.reference == bindparam("of_reference"), certificates.c.state != "void"
)


def _record(new: Any) -> Executable:
    """Nothing comes back where a certificate stands under the same reference."""
    statement: Executable = (
        new(certificates)
        .on_conflict_do_nothing(index_elements=["reference"], index_where=text("state != 'void'"))
        .returning(certificates.c.serial)
    )
    return statement


_RECORD = {"sqlite": _record(sqlite.insert), "postgresql": _record(postgresql.insert)}


def _record_held() -> Executable:
    """Both in one journey; nothing comes back where either of the two alone says no."""
    names = [*(c.name for c in certificates.c if not c.nullable), "body", "row_mac"]
    held = _HOLD_KEY["postgresql"].cte("held")
    row = select(*(bindparam(f"of_{n}", type_=certificates.c[n].type) for n in names))
    mine = row.select_from(held).where(
        held.c.holder == bindparam("by"), held.c.retired_at.is_(None)
    )
    return (
        postgresql.insert(certificates)
        .from_select(names, mine)
        .on_conflict_do_nothing(index_elements=["reference"], index_where=text("state != 'void'"))
        .returning(certificates.c.serial)
    )


_RECORD_HELD = _record_held()
_SIGNED = (
    update(certificates)
    .where(certificates.c.serial == bindparam("of_serial"), certificates.c.state == "recorded")
    .where(~exists().where(banned_keys.c.public_key == certificates.c.public_key))
    .values(
        state="issued",
        body=None,
        certificate=bindparam("der"),
        thumbprint=bindparam("of_thumbprint"),
        issued_at=bindparam("now"),
    )
)


def authority_rows(uow: UnitOfWork) -> Sequence[Row[Any]]:
    return uow.all(select(authorities).order_by(authorities.c.created_at, authorities.c.name))


def add_authority(uow: UnitOfWork, **values: Any) -> None:
    uow.execute(insert(authorities).values(**values))


def cross_rows(uow: UnitOfWork) -> Sequence[Row[Any]]:
    return uow.all(select(cross_certificates).order_by(cross_certificates.c.created_at))


def add_cross(uow: UnitOfWork, **values: Any) -> None:
    """A repeat changes nothing."""
    known = select(cross_certificates.c.thumbprint).where(
        cross_certificates.c.thumbprint == values["thumbprint"]
    )
    if uow.one(known) is None:
        uow.execute(insert(cross_certificates).values(**values))


def by_serial(uow: UnitOfWork, serial: str) -> Row[Any] | None:
    return uow.one(_BY_SERIAL, {"of_serial": serial})


def by_reference(uow: UnitOfWork, reference: str) -> Row[Any] | None:
    """The certificate, recorded or issued, of one leave; a voided one does not count."""
    return uow.one(_BY_REFERENCE, {"of_reference": reference})


def standing_under(uow: UnitOfWork, reference: str, beginning: str) -> dict[str, str]:
    """What stands under a reference, or under one that begins so: its state by reference."""
    c = certificates.c
    rows = uow.all(
        select(c.reference, c.state)
        .where(or_(c.reference == reference, c.reference.startswith(beginning, autoescape=True)))
        .where(c.state != "void")
    )
    return {row.reference: row.state for row in rows}


def unsigned(uow: UnitOfWork, after: str, limit: int) -> Sequence[Row[Any]]:
    """What is on record and not signed, in the order of its serials, behind one of them."""
    return uow.all(_UNSIGNED, {"after": after, "limit": limit})


def hold_key(uow: UnitOfWork, public_key: str, holder: str, now: datetime) -> bool:
    """Whether `holder` is, from now or before, the one holder of this public key.

    Raises RequestRefused where the key is banned, whoever holds it, or retired.
    """
    row = uow.one(
        _HOLD_KEY[uow.connection.dialect.name],
        {"key": public_key, "by": holder, "now": now},
    )
    if row is None:
        raise key_is_banned()
    if row.holder == holder and row.retired_at is not None:
        raise RequestRefused(
            "subjectPKInfo",
            "This key was in use before the device changed hands.",
            "Make a new key on the device itself: who had the device before may know the old one.",
        )
    return bool(row.holder == holder)


def retire_keys(uow: UnitOfWork, holder: str, now: datetime) -> int:
    """Nobody gets a certificate again for the keys that this holder has had; how many they are."""
    known = select(certificates.c.public_key).where(certificates.c.holder == holder)
    return uow.changed(
        update(held_keys)
        .where(held_keys.c.public_key.in_(known), held_keys.c.holder == holder)
        .where(held_keys.c.retired_at.is_(None))
        .values(retired_at=now)
    )


def recorded_since(
    uow: UnitOfWork, holder: str, profile: str, since: datetime, now: datetime
) -> Sequence[Row[Any]]:
    """Reference and instant of what was recorded for a holder, void ones aside; oldest first."""
    return uow.all(
        select(certificates.c.reference, certificates.c.recorded_at)
        .where(certificates.c.holder == holder, certificates.c.profile == profile)
        .where(certificates.c.recorded_at > since, certificates.c.recorded_at <= now)
        .where(certificates.c.state != "void")
        .order_by(certificates.c.recorded_at)
    )


def hold_and_record(uow: UnitOfWork, **values: Any) -> bool | None:
    """`hold_key` for the holder of the record, then `record`; None where somebody else holds it.

    One journey instead of two where the database can (SQLite changes one table at a time), unless
    the answer is no: then the two of them say why.
    """
    key, holder, now = values["public_key"], values["holder"], values["recorded_at"]
    if uow.connection.dialect.name == "postgresql":
        bare = dict.fromkeys(("revoked_at", "revocation_reason"))
        mac = uow.row_mac(certificates, {**bare, **values})
        row = {f"of_{name}": value for name, value in values.items()}
        row |= {"of_state": "recorded", "of_row_mac": mac, "key": key, "by": holder, "now": now}
        if uow.one(_RECORD_HELD, row) is not None:
            return True
    return record(uow, **values) if hold_key(uow, key, holder, now) else None


def key_is_banned() -> RequestRefused:
    return RequestRefused(
        "subjectPKInfo",
        "This key is known to others than its holder.",
        "Make a new key on the device itself, with a good source of randomness.",
    )


def record(uow: UnitOfWork, **values: Any) -> bool:
    """The serial exists from here on, the certificate not yet; False if its leave led to one."""
    row = {"state": "recorded", **values}
    return uow.one(_RECORD[uow.connection.dialect.name], row) is not None


def signed(uow: UnitOfWork, issued: IssuedCertificate, now: datetime) -> bool:
    """Whether this call was the one that completed the serial; nobody does for a banned key."""
    row = {"of_serial": issued.serial, "der": issued.der, "of_thumbprint": issued.thumbprint}
    return uow.changed(_SIGNED, {**row, "now": now}) == 1


def void(uow: UnitOfWork, serial: str, reason: str, now: datetime) -> bool:
    return (
        uow.changed(
            update(certificates)
            .where(certificates.c.serial == serial, certificates.c.state == "recorded")
            .values(state="void", body=None, revoked_at=now, revocation_reason=reason)
        )
        == 1
    )


def void_unsigned(uow: UnitOfWork, holder: str, reason: str, now: datetime) -> list[str]:
    """Void what is on record for a holder and not signed yet; the serials.

    Leaves out what another transaction is completing now: it asks the registrar itself, who waits.
    """
    waiting = (
        select(certificates.c.serial)
        .where(certificates.c.holder == holder, certificates.c.state == "recorded")
        .with_for_update(skip_locked=True)
    )
    rows = uow.all(
        update(certificates)
        .where(certificates.c.serial.in_(waiting))
        .values(state="void", body=None, revoked_at=now, revocation_reason=reason)
        .returning(certificates.c.serial)
    )
    return sorted(row.serial for row in rows)


def is_revoked(serial: Any) -> Any:
    """A condition for others' statements: the certificate of this serial is revoked, or on hold."""
    c = certificates.c
    return exists().where(c.serial == serial, c.revoked_at.is_not(None))


def was_revoked(uow: UnitOfWork, serial: str) -> bool:
    """Whether it ever was, or is on hold: also after it ended, when lists name it no more."""
    return uow.one(select(literal(1)).where(is_revoked(serial))) is not None


def revoked(uow: UnitOfWork, authority_kid: str, now: datetime) -> Sequence[Row[Any]]:
    """What a revocation list names: revoked, and not yet expired (RFC 5280 §3.3)."""
    return uow.all(
        select(certificates.c.serial, certificates.c.revoked_at, certificates.c.revocation_reason)
        .where(certificates.c.authority_kid == authority_kid, certificates.c.state == "issued")
        .where(certificates.c.revoked_at.is_not(None), certificates.c.not_after > now)
        .where(certificates.c.status_changed_at.is_not(None))  # what the index holds
        .order_by(certificates.c.revoked_at)
    )


def put_list(
    uow: UnitOfWork,
    *,
    authority_kid: str,
    partition: int,
    kind: str,
    number: int,
    this_update: datetime,
    next_update: datetime,
    der: bytes,
    base_number: int | None = None,
    base_at: datetime | None = None,
    changes: int = 0,
) -> bool:
    """Make this the newest list of its place, unless one of the same or a higher number stands.

    `kind` is "complete" or "delta". Whether it is the newest now.
    """
    insert_into: Any = (
        postgresql if uow.connection.dialect.name == "postgresql" else sqlite
    ).insert
    values = {
        "number": number,
        "base_number": base_number,
        "base_at": base_at,
        "this_update": this_update,
        "next_update": next_update,
        "changes": changes,
        "der": der,
    }
    statement = insert_into(revocation_lists).values(
        authority_kid=authority_kid, partition=partition, kind=kind, **values
    )
    newest = statement.on_conflict_do_update(
        index_elements=["authority_kid", "partition", "kind"],
        set_={name: statement.excluded[name] for name in values},
        where=revocation_lists.c.number < number,
    )
    return uow.one(newest.returning(revocation_lists.c.number)) is not None


def as_issued(row: Mapping[str, Any], der: bytes) -> IssuedCertificate:
    """What the row is, or becomes, with this certificate."""
    said = ("serial", "reference", "holder", "profile", "public_key", "not_before", "not_after")
    return IssuedCertificate(
        **{name: row[name] for name in said}, thumbprint=x5t_s256(der), der=der
    )


def distrust(uow: UnitOfWork, kid: str, now: datetime, recover_until: datetime) -> None:
    uow.execute(
        update(authorities)
        .where(authorities.c.kid == kid)
        .values(distrusted_at=now, recover_until=recover_until)
    )
