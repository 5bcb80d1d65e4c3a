"""Pre-authorised codes: what a person has ready for a wallet, used once — OpenID4VCI §3.5, §6."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from foundation import opaque
from foundation.clock import begun
from foundation.database import UnitOfWork
from foundation.keys import Keys
from idp.oauth import grant_store
from idp.oauth.request_tables import pre_authorized_codes as codes

TRIES = 5
"""How often the transaction code may be wrong before the offer is over."""
DIGITS = 6
_PURPOSE = "tx-code"
_ADD = insert(codes)
_FIND = select(codes).where(codes.c.code_digest == bindparam("digest"))
_USE = (
    update(codes)
    .where(codes.c.code_digest == bindparam("digest"), codes.c.used_at.is_(None))
    .where(codes.c.expires_at > bindparam("now"), codes.c.tries_left > 0)
    .values(used_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class PreAuthorizedCode:
    """A code as stored; its value is in the offer alone."""

    digest: bytes
    client_id: str
    grant_id: str
    tx_code_mac: bytes
    tries_left: int
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        late = now >= self.expires_at or not begun(self.issued_at, now)
        return late or self.tries_left <= 0


@dataclass(frozen=True, slots=True)
class Offered:
    """The code for the wallet, and the one that its person types (§3.5), shown this once."""

    code: str
    tx_code: str
    expires_at: datetime


def issue(
    uow: UnitOfWork,
    keys: Keys,
    *,
    code: str,
    grant_id: str,
    client_id: str,
    now: datetime,
    lifetime: timedelta,
) -> Offered:
    """Record a new code."""
    tx_code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
    digest = opaque.digest(code)
    row = {
        "code_digest": digest,
        "client_id": client_id,
        "grant_id": grant_id,
        "tx_code_mac": _mac(keys, digest, tx_code),
        "tries_left": TRIES,
        "issued_at": now,
        "expires_at": now + lifetime,
    }
    uow.execute(_ADD, row)
    return Offered(code, tx_code, now + lifetime)


def find(uow: UnitOfWork, code: str) -> PreAuthorizedCode | None:
    """The code with this value, in whatever state."""
    row = uow.one(_FIND, {"digest": opaque.digest(code)})
    return None if row is None else PreAuthorizedCode(*tuple(row)[:8])


def is_right(keys: Keys, found: PreAuthorizedCode, tx_code: str) -> bool:
    """Whether the person typed the transaction code of this offer."""
    return hmac.compare_digest(found.tx_code_mac, _mac(keys, found.digest, tx_code))


def use(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """Use the code up. False if it was used or is over: the row count decides."""
    return uow.changed(_USE, {"digest": digest, "now": now}) == 1


def try_in_vain(uow: UnitOfWork, found: PreAuthorizedCode) -> bool:
    """Count a wrong transaction code, before it is said to be wrong; False if none is left."""
    left = codes.c.tries_left
    mine = (codes.c.code_digest == found.digest) & (left == found.tries_left) & (left > 0)
    return uow.changed(update(codes).where(mine).values(tries_left=found.tries_left - 1)) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget codes that expired before `before`; with one that no wallet came for ends what the
    person had allowed by it."""
    over = select(codes.c.grant_id).where(codes.c.expires_at < before, codes.c.used_at.is_(None))
    for row in uow.all(over):
        grant_store.end_one(uow, row.grant_id, "no wallet came for it", before)
    return uow.changed(delete(codes).where(codes.c.expires_at < before))


def _mac(keys: Keys, digest: bytes, tx_code: str) -> bytes:
    return keys.mac(_PURPOSE, digest + tx_code.encode(errors="replace"))
