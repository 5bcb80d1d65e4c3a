"""Refresh tokens: opaque, rotated at every use, a family per grant — RFC 9700 §4.14.2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.oauth.tables import refresh_tokens


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as stored. `certificate_thumbprint` binds it to a client certificate."""

    digest: bytes
    grant_id: str
    client_id: str
    certificate_thumbprint: str | None
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


def issue(
    uow: UnitOfWork,
    *,
    grant_id: str,
    client_id: str,
    certificate_thumbprint: str | None,
    now: datetime,
    expires_at: datetime,
) -> str:
    """Record a new member of the grant's family and return its value."""
    value = opaque.secret()
    uow.execute(
        insert(refresh_tokens).values(
            token_digest=opaque.digest(value),
            grant_id=grant_id,
            client_id=client_id,
            certificate_thumbprint=certificate_thumbprint,
            issued_at=now,
            expires_at=expires_at,
        )
    )
    return value


def find(uow: UnitOfWork, value: str) -> RefreshToken | None:
    """The token with this value, used or not."""
    statement = select(refresh_tokens).where(refresh_tokens.c.token_digest == opaque.digest(value))
    row = uow.one(statement)
    return None if row is None else RefreshToken(*tuple(row))


def use(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """Use the token up. False if it was used already or has expired: the row count decides."""
    statement = (
        update(refresh_tokens)
        .where(refresh_tokens.c.token_digest == digest, refresh_tokens.c.used_at.is_(None))
        .where(refresh_tokens.c.expires_at > now)
        .values(used_at=now)
    )
    return uow.changed(statement) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget tokens that expired before `before`; used ones stay till then, to see reuse."""
    return uow.changed(delete(refresh_tokens).where(refresh_tokens.c.expires_at < before))
