"""Pushed authorization requests: short, their client's own, answered once — RFC 9126 §2.2, §7.

Until the person has answered, the browser that opened one may open it again: people reload a page
(FAPI 2.0 Security Profile §5.3.2.2, note 4).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, or_, select, update

from foundation import opaque
from foundation.clock import begun
from foundation.database import UnitOfWork
from idp.oauth.request_tables import pushed_requests

PREFIX = "urn:ietf:params:oauth:request_uri:"

_ADD = insert(pushed_requests)
_FIND = select(pushed_requests).where(pushed_requests.c.uri_digest == bindparam("digest"))
_OPEN = (
    update(pushed_requests)
    .where(pushed_requests.c.uri_digest == bindparam("digest"))
    .where(pushed_requests.c.used_at.is_(None), pushed_requests.c.expires_at > bindparam("now"))
    .where(
        or_(
            pushed_requests.c.browser_digest.is_(None),
            pushed_requests.c.browser_digest == bindparam("browser"),
        )
    )
    .values(browser_digest=bindparam("browser"))
)
_USE = (
    update(pushed_requests)
    .where(pushed_requests.c.uri_digest == bindparam("digest"), pushed_requests.c.used_at.is_(None))
    .values(used_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """A request as it was pushed. `parameters`: what counts of it, of a request object what is
    inside; `signed`: whether it came in one. `browser_digest`: the browser that opened it."""

    digest: bytes
    client_id: str
    parameters: Mapping[str, str]
    signed: bool
    browser_digest: bytes | None
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def may_be_opened(self, client_id: str, now: datetime) -> bool:
        """Whether it is this client's, and neither answered nor over."""
        ours = hmac.compare_digest(self.client_id.encode(), client_id.encode())
        fresh = now < self.expires_at and begun(self.issued_at, now)
        return ours and fresh and self.used_at is None


def is_one(request_uri: str | None) -> bool:
    """Whether a `request_uri` has the form of those that we give out; any other is fetched, and so
    refused."""
    return request_uri is not None and request_uri.startswith(PREFIX)


def push(
    uow: UnitOfWork,
    client_id: str,
    parameters: Mapping[str, str],
    *,
    signed: bool,
    now: datetime,
    lifetime: timedelta,
) -> str:
    """Record a checked request; returns its `request_uri`, of which a digest is kept."""
    request_uri = PREFIX + opaque.secret()
    row = {
        "uri_digest": opaque.digest(request_uri),
        "client_id": client_id,
        "parameters": dict(parameters),
        "signed": signed,
        "browser_digest": None,
        "issued_at": now,
        "expires_at": now + lifetime,
    }
    uow.execute(_ADD, row)
    return request_uri


def find(uow: UnitOfWork, request_uri: str) -> PushedRequest | None:
    """The request behind this URI, in whatever state."""
    row = uow.one(_FIND, {"digest": opaque.digest(request_uri)})
    return None if row is None else PushedRequest(*tuple(row)[:8])


def open_(uow: UnitOfWork, digest: bytes, browser: str, now: datetime) -> bool:
    """The first browser that comes has it from then on. False for another one, and once it was
    answered."""
    return (
        uow.changed(_OPEN, {"digest": digest, "browser": opaque.digest(browser), "now": now}) == 1
    )


def use(uow: UnitOfWork, digest: bytes, now: datetime) -> bool:
    """In the write that answers it. False if it was answered before: the row count decides."""
    return uow.changed(_USE, {"digest": digest, "now": now}) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Forget requests that expired before `before`."""
    return uow.changed(delete(pushed_requests).where(pushed_requests.c.expires_at < before))
