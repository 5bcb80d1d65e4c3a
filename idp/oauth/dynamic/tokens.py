"""What lets a client register itself, and see and change what it registered — RFC 7591 §3, 7592 §2.

Initial access tokens are made by an operator: for some clients, until some day. The token of a
registration is that of one client; it changes with each update, and the one before works until the
new one was seen, so that a lost answer locks nobody out. Only digests are kept.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from idp.oauth.tables import initial_access_tokens as initial
from idp.oauth.tables import registration_tokens as own

_INITIAL = select(initial).where(initial.c.token_digest == bindparam("digest"))
_OWN = select(own).where(own.c.client_id == bindparam("client"))
_RACES = 20


@dataclass(frozen=True, slots=True)
class InitialToken:
    """`uses_left`: how many clients may still register with it."""

    id: str
    note: str
    uses_left: int
    created_at: datetime
    expires_at: datetime


def make(uow: UnitOfWork, note: str, uses: int, ends: datetime, now: datetime) -> tuple[str, str]:
    """A new initial access token: its id, and its value, which is shown this once."""
    token_id, value = opaque.identifier("iat"), opaque.secret(32)
    row = {
        "id": token_id,
        "token_digest": opaque.digest(value),
        "note": note,
        "uses_left": uses,
        "created_at": now,
        "expires_at": ends,
    }
    uow.execute(insert(initial), row)
    return token_id, value


def good(uow: UnitOfWork, value: str, now: datetime) -> bool:
    """Whether a client may register with it now."""
    row = uow.one(_INITIAL, {"digest": opaque.digest(value)})
    return row is not None and row.uses_left > 0 and now < row.expires_at


def spend(uow: UnitOfWork, value: str, now: datetime) -> str | None:
    """Use it for one client, in the caller's unit of work: its id, or None where it is no good.

    One conditional UPDATE decides; who loses a race for one of several uses takes the next.
    """
    for _ in range(_RACES):
        row = uow.one(_INITIAL, {"digest": opaque.digest(value)})
        if row is None or row.uses_left <= 0 or not now < row.expires_at:
            return None
        mine = (initial.c.id == row.id) & (initial.c.uses_left == row.uses_left)
        if uow.changed(update(initial).where(mine).values(uses_left=row.uses_left - 1)) == 1:
            return str(row.id)
    return None


def listed(uow: UnitOfWork) -> Sequence[InitialToken]:
    """All that there are, the latest first."""
    rows = uow.all(select(initial).order_by(initial.c.created_at.desc(), initial.c.id))
    return [InitialToken(r.id, r.note, r.uses_left, r.created_at, r.expires_at) for r in rows]


def end(uow: UnitOfWork, token_id: str) -> bool:
    """End one before its time; False if there is none."""
    return uow.changed(delete(initial).where(initial.c.id == token_id)) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    return uow.changed(delete(initial).where(initial.c.expires_at < before))


# ── that of one registration ─────────────────────────────────────────────────────────────


def begin(uow: UnitOfWork, client_id: str, now: datetime) -> str:
    """The token of a new registration."""
    value = opaque.secret(32)
    row = {"client_id": client_id, "token_digest": opaque.digest(value), "issued_at": now}
    uow.execute(insert(own), row)
    return value


def is_of(uow: UnitOfWork, client_id: str, value: str) -> bool:
    """Whether it is the token of this client's registration, or the one before, which nobody has
    used the successor of."""
    row = uow.one(_OWN, {"client": client_id})
    if row is None:
        return False
    digest = opaque.digest(value)
    known = [one for one in (row.token_digest, row.former_digest) if one is not None]
    return any(hmac.compare_digest(digest, bytes(one)) for one in known)


def seen(uow: UnitOfWork, client_id: str, value: str) -> None:
    """The client has its new token: the one before is dead."""
    current = (own.c.client_id == client_id) & (own.c.token_digest == opaque.digest(value))
    followed = current & own.c.former_digest.is_not(None)
    uow.execute(update(own).where(followed).values(former_digest=None))


def has_former(uow: UnitOfWork, client_id: str) -> bool:
    row = uow.one(_OWN, {"client": client_id})
    return row is not None and row.former_digest is not None


def rotate(uow: UnitOfWork, client_id: str, shown: str, now: datetime) -> str:
    """A new one in place of the one that was shown (RFC 7592 §2.2)."""
    value = opaque.secret(32)
    mine = own.c.client_id == client_id
    changed = {
        "token_digest": opaque.digest(value),
        "former_digest": opaque.digest(shown),
        "issued_at": now,
    }
    uow.execute(update(own).where(mine).values(**changed))
    return value


def forget(uow: UnitOfWork, client_id: str) -> None:
    uow.execute(delete(own).where(own.c.client_id == client_id))
