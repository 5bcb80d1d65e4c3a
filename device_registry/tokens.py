"""One-time enrolment tokens: made, withdrawn, spent on one key — RFC 7030 §3.2.3."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, or_, update

from device_registry.device import Device
from device_registry.store import NAMED, named
from device_registry.tables import device_identifiers, devices, enrolment_tokens
from foundation import opaque
from foundation.database import UnitOfWork
from foundation.errors import Unavailable
from foundation.marking import N_

UNSETTLED = timedelta(minutes=1)
"""Longer than anything that comes between recording and signing is ever waited for."""

# Every enrolment runs these: built once, since building costs as much as running.
_BY_TOKEN = (
    NAMED.add_columns(
        enrolment_tokens.c.id.label("token_id"),
        enrolment_tokens.c.made_at,
        enrolment_tokens.c.expires_at,
        enrolment_tokens.c.withdrawn_at,
        enrolment_tokens.c.bound_key,
        enrolment_tokens.c.bound_at,
        enrolment_tokens.c.digest,
        enrolment_tokens.c.row_mac.label("token_mac"),
    )
    .select_from(enrolment_tokens.join(devices).outerjoin(device_identifiers))
    .where(enrolment_tokens.c.digest == bindparam("of_digest"))
)
_OPEN = (
    enrolment_tokens.c.id == bindparam("token"),
    enrolment_tokens.c.withdrawn_at.is_(None),
    enrolment_tokens.c.expires_at > bindparam("now"),
)
_SPENT: dict[str, Any] = {"bound_key": bindparam("public_key"), "bound_at": bindparam("now")}
_BIND_TOKEN = (
    update(enrolment_tokens)
    .where(
        *_OPEN,
        or_(
            enrolment_tokens.c.bound_key.is_(None),
            enrolment_tokens.c.bound_key == bindparam("public_key"),
        ),
    )
    .values(_SPENT)
)
# The token as it was read, a moment ago and with its MAC: whatever changed it made another one.
_SPEND_UNSPENT = (
    update(enrolment_tokens)
    .where(*_OPEN, enrolment_tokens.c.bound_key.is_(None))
    .where(enrolment_tokens.c.row_mac == bindparam("as_read"))
    .values({**_SPENT, "row_mac": bindparam("row_mac_after")})
)


@dataclass(frozen=True, slots=True)
class Token:
    """A one-time enrolment token as it is stored: without its value."""

    id: str
    device_id: str
    made_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    bound_key: str | None
    bound_at: datetime | None
    digest: bytes = field(repr=False)
    row_mac: bytes | None = field(default=None, repr=False)


def by_token(uow: UnitOfWork, digest: bytes) -> tuple[Token, Device] | None:
    """A one-time token and the device that it was made for."""
    rows = uow.all(_BY_TOKEN, {"of_digest": digest})
    device = named(rows)
    if device is None:
        return None
    first = rows[0]
    token = Token(
        first.token_id,
        device.id,
        first.made_at,
        first.expires_at,
        first.withdrawn_at,
        first.bound_key,
        first.bound_at,
        first.digest,
        first.token_mac,
    )
    return token, device


def add_token(
    uow: UnitOfWork, device_id: str, digest: bytes, expires_at: datetime, now: datetime
) -> None:
    """A new token; earlier ones of the device stop working."""
    withdraw_tokens(uow, device_id, now)
    uow.execute(
        insert(enrolment_tokens).values(
            id=opaque.identifier("tok"),
            device_id=device_id,
            digest=digest,
            made_at=now,
            expires_at=expires_at,
        )
    )


def withdraw_tokens(uow: UnitOfWork, device_id: str, now: datetime) -> None:
    uow.execute(
        update(enrolment_tokens)
        .where(enrolment_tokens.c.device_id == device_id, enrolment_tokens.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )


def bind_token(uow: UnitOfWork, token_id: str, public_key: str, now: datetime) -> bool:
    """Spend the token on this key, or find it spent on the same one: the row count decides."""
    spent = {"token": token_id, "public_key": public_key, "now": now}
    return uow.changed(_BIND_TOKEN, spent) == 1


def spend(
    uow: UnitOfWork, token: Token | None, token_id: str, public_key: str, now: datetime
) -> bool:
    """As `bind_token`; a token that was read, and was free, is not read again."""
    return (token is not None and _spend_unspent(uow, token, public_key, now)) or bind_token(
        uow, token_id, public_key, now
    )


def _spend_unspent(uow: UnitOfWork, token: Token, public_key: str, now: datetime) -> bool:
    if token.row_mac is None or token.bound_key is not None:
        return False
    before = {
        "id": token.id,
        "device_id": token.device_id,
        "digest": token.digest,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
        "bound_key": None,
        "row_mac": token.row_mac,
    }
    spent = {"token": token.id, "now": now, "public_key": public_key, "as_read": token.row_mac}
    mac = uow.row_mac(enrolment_tokens, {**before, "bound_key": public_key}, before)
    return uow.changed(_SPEND_UNSPENT, {**spent, "row_mac_after": mac}) == 1


def release_token(uow: UnitOfWork, token_id: str, public_key: str) -> bool:
    """Take back that the token was spent on this key: nothing was ever signed for it."""
    c = enrolment_tokens.c
    spent = update(enrolment_tokens).where(c.id == token_id, c.bound_key == public_key)
    return uow.changed(spent.values(bound_key=None, bound_at=None)) == 1


def settled(token: Token, now: datetime) -> None:
    """Raises Unavailable while what the token was bound for may still be signed.

    Nothing was, and after this time nothing will be: it failed for a reason of ours, such as a
    database that was away, and the token is as good as unused.
    """
    began = token.bound_at
    if began is not None and timedelta(0) <= now - began < UNSETTLED:
        seconds = math.ceil((began + UNSETTLED - now).total_seconds())
        raise Unavailable(
            "An enrolment by this token and another key is under way, or has just failed.",
            where="token_used",
            next_step=N_(
                "Send the same request as before, or this one in %(seconds)s seconds.",
                seconds=seconds,
            ),
            headers={"Retry-After": str(seconds)},
        )
