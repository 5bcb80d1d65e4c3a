"""Authorization codes: single use, sixty seconds, bound to their request — RFC 6749 §4.1.2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.oauth.tables import codes

# Every sign-in runs these: built once, since building costs as much as running.
_ISSUE = insert(codes)
_FIND = select(codes).where(codes.c.code_digest == bindparam("digest"))
_REDEEM = (
    update(codes)
    .where(codes.c.code_digest == bindparam("digest"), codes.c.redeemed_at.is_(None))
    .where(codes.c.expires_at > bindparam("now"))
    .values(redeemed_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Code:
    """A code as stored; the value itself is only in the redirect. `code_challenge`: empty where
    the request had none. `key_thumbprint`: of the key to be proven with it (RFC 9449 §10)."""

    digest: bytes
    grant_id: str
    client_id: str
    redirect_uri: str
    code_challenge: str
    issued_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None = None
    key_thumbprint: str | None = None


def issue(
    uow: UnitOfWork,
    *,
    grant_id: str,
    client_id: str,
    redirect_uri: str,
    code_challenge: str | None,
    now: datetime,
    lifetime: timedelta,
    key_thumbprint: str | None = None,
) -> str:
    """Record a new code and return its value."""
    value = opaque.secret()
    row = {
        "code_digest": opaque.digest(value),
        "grant_id": grant_id,
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": code_challenge or "",
        "issued_at": now,
        "expires_at": now + lifetime,
        "key_thumbprint": key_thumbprint,
    }
    uow.execute(_ISSUE, row)
    return value


def find(uow: UnitOfWork, value: str) -> Code | None:
    """The code with this value, redeemed or not."""
    row = uow.one(_FIND, {"digest": opaque.digest(value)})
    return None if row is None else Code(*tuple(row))


def redeem(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """Use the code up. False if it was used already or has expired: the row count decides."""
    return uow.changed(_REDEEM, {"digest": digest, "now": now}) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget codes that expired before `before`."""
    return uow.changed(delete(codes).where(codes.c.expires_at < before))
