"""Refresh tokens: opaque, rotated at every use, a family per grant — RFC 9700 §4.14.2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.oauth.tables import refresh_tokens

# Built once, since building costs as much as running.
_ISSUE = insert(refresh_tokens)
_FIND = select(refresh_tokens).where(refresh_tokens.c.token_digest == bindparam("digest"))
_USE = (
    update(refresh_tokens)
    .where(refresh_tokens.c.token_digest == bindparam("digest"), refresh_tokens.c.used_at.is_(None))
    .where(refresh_tokens.c.expires_at > bindparam("now"))
    .values(used_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as stored. `certificate_thumbprint` binds it to a client certificate,
    `key_thumbprint` to a key that is proven by DPoP."""

    digest: bytes
    grant_id: str
    client_id: str
    certificate_thumbprint: str | None
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    key_thumbprint: str | None = None


def issue(
    uow: UnitOfWork,
    *,
    grant_id: str,
    client_id: str,
    certificate_thumbprint: str | None,
    now: datetime,
    expires_at: datetime,
    key_thumbprint: str | None = None,
) -> str:
    """Record a new member of the grant's family and return its value."""
    value = opaque.secret()
    row = {
        "token_digest": opaque.digest(value),
        "grant_id": grant_id,
        "client_id": client_id,
        "certificate_thumbprint": certificate_thumbprint,
        "issued_at": now,
        "expires_at": expires_at,
        "key_thumbprint": key_thumbprint,
    }
    uow.execute(_ISSUE, row)
    return value


def find(uow: UnitOfWork, value: str) -> RefreshToken | None:
    """The token with this value, used or not."""
    row = uow.one(_FIND, {"digest": opaque.digest(value)})
    return None if row is None else RefreshToken(*tuple(row))


def use(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """Use the token up. False if it was used already or has expired: the row count decides."""
    return uow.changed(_USE, {"digest": digest, "now": now}) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget tokens that expired before `before`; used ones stay till then, to see reuse."""
    return uow.changed(delete(refresh_tokens).where(refresh_tokens.c.expires_at < before))
