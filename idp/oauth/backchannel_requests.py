"""What a service asks a person who is not at it, at rest — OpenID Connect CIBA Core 1.0 §7, §10.

The identifier that the service has is not stored. The person's answer and the service's use are
each one UPDATE that decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from foundation import opaque
from foundation.clock import begun
from foundation.database import UnitOfWork
from idp.oauth.request_tables import backchannel_requests as requests

PENDING, APPROVED, DENIED, USED = "pending", "approved", "denied", "used"
INTERVAL = timedelta(seconds=5)
"""How long a service waits between two questions (§7.3)."""
LEASE = timedelta(minutes=1)

_ADD = insert(requests)
_OF_SERVICE = select(requests).where(requests.c.code_digest == bindparam("digest"))


@dataclass(frozen=True, slots=True)
class BackchannelRequest:
    """One as stored. `id`: how the person's page names it. `request`: a checked one.
    `notification_token`: sealed, with what the service calls the request; there is one where it
    wants to be told (ping)."""

    digest: bytes
    id: str
    client_id: str
    person_id: str
    request: Mapping[str, Any]
    binding_message: str | None
    notification_token: bytes | None
    state: str
    grant_id: str | None
    polled_at: datetime | None
    issued_at: datetime
    expires_at: datetime
    pings: int = 0

    def is_over(self, now: datetime) -> bool:
        return now >= self.expires_at or not begun(self.issued_at, now)

    def waits(self, now: datetime) -> bool:
        """Whether the person can still answer."""
        return self.state == PENDING and not self.is_over(now)


def add(uow: UnitOfWork, one: BackchannelRequest) -> None:
    """Record a checked request."""
    row = {
        "code_digest": one.digest,
        "id": one.id,
        "client_id": one.client_id,
        "person_id": one.person_id,
        "request": dict(one.request),
        "binding_message": one.binding_message,
        "notification_token": one.notification_token,
        "state": PENDING,
        "pings": 0,
        "issued_at": one.issued_at,
        "expires_at": one.expires_at,
    }
    uow.execute(_ADD, row)


def of_service(uow: UnitOfWork, auth_req_id: str) -> BackchannelRequest | None:
    """The request with this `auth_req_id`, in whatever state."""
    return find(uow, opaque.digest(auth_req_id))


def find(uow: UnitOfWork, digest: bytes) -> BackchannelRequest | None:
    """The one of this digest, in whatever state."""
    row = uow.one(_OF_SERVICE, {"digest": digest})
    return None if row is None else _one(row)


def of_person(uow: UnitOfWork, person_id: str, now: datetime) -> Sequence[BackchannelRequest]:
    """What waits for this person's answer, oldest first."""
    theirs = (requests.c.person_id == person_id) & (requests.c.state == PENDING)
    rows = uow.all(select(requests).where(theirs).order_by(requests.c.issued_at, requests.c.id))
    return [one for row in rows if (one := _one(row)).waits(now)]


def approve(uow: UnitOfWork, digest: bytes, grant_id: str, now: datetime) -> bool:
    """pending → approved, in the write that makes the grant. False if it was answered before."""
    return _answered(uow, digest, {"state": APPROVED, "grant_id": grant_id}, now)


def deny(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """pending → denied."""
    return _answered(uow, digest, {"state": DENIED}, now)


def use(uow: UnitOfWork, digest: bytes) -> bool:
    """approved → used, in the write that gives the tokens. False if it was used before."""
    here = (requests.c.code_digest == digest) & (requests.c.state == APPROVED)
    return uow.changed(update(requests).where(here).values(state=USED)) == 1


def polled(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """Note that the service asked. False if it asked less than `INTERVAL` ago."""
    last = requests.c.polled_at
    statement = (
        update(requests)
        .where(requests.c.code_digest == digest)
        .where(or_(last.is_(None), last <= now - INTERVAL))
        .values(polled_at=now)
    )
    return uow.changed(statement) == 1


def end_of_person(uow: UnitOfWork, person_id: str, client_id: str | None = None) -> int:
    """Nobody asks this person any more; `client_id`: that service does not."""
    theirs = requests.c.person_id == person_id
    if client_id is not None:
        theirs &= requests.c.client_id == client_id
    theirs &= requests.c.state == PENDING
    return uow.changed(update(requests).where(theirs).values(state=DENIED))


def to_ping(
    uow: UnitOfWork, now: datetime, busy: Collection[str], most: int
) -> Sequence[tuple[BackchannelRequest, datetime]]:
    """Answers that services are to hear of now, but none to those of `busy` (§10.2)."""
    query = (
        select(requests)
        .where(requests.c.ping_at <= now, requests.c.client_id.not_in(list(busy)))
        .order_by(requests.c.ping_at)
        .limit(most)
    )
    return [(_one(row), row.ping_at) for row in uow.all(query)]


def lease_ping(uow: UnitOfWork, one: BackchannelRequest, due_at: datetime, now: datetime) -> bool:
    """Take it on; False where another process was faster."""
    mine = (requests.c.code_digest == one.digest) & (requests.c.ping_at == due_at)
    values = {"ping_at": now + LEASE, "pings": one.pings + 1}
    return uow.changed(update(requests).where(mine).values(**values)) == 1


def pinged(uow: UnitOfWork, digest: bytes, again_at: datetime | None) -> None:
    """It was told, or never will be; `again_at`: it is to be tried once more."""
    here = requests.c.code_digest == digest
    uow.execute(update(requests).where(here).values(ping_at=again_at))


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget those that expired before `before`."""
    return uow.changed(delete(requests).where(requests.c.expires_at < before))


def _answered(uow: UnitOfWork, digest: bytes, values: Mapping[str, Any], now: datetime) -> bool:
    here = (requests.c.code_digest == digest) & (requests.c.state == PENDING)
    here &= requests.c.expires_at > now
    if uow.changed(update(requests).where(here).values(**values)) != 1:
        return False
    wants = (requests.c.code_digest == digest) & requests.c.notification_token.is_not(None)
    uow.execute(update(requests).where(wants).values(ping_at=now))
    return True


def _one(row: Any) -> BackchannelRequest:
    return BackchannelRequest(
        row.code_digest,
        row.id,
        row.client_id,
        row.person_id,
        row.request,
        row.binding_message,
        row.notification_token,
        row.state,
        row.grant_id,
        row.polled_at,
        row.issued_at,
        row.expires_at,
        row.pings,
    )
