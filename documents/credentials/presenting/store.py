"""Queries over requests to be shown credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from documents.credentials.presenting.wanted import Wanted, from_json
from documents.credentials.tables import presentation_requests
from foundation.database import UnitOfWork

WAITING, SHOWN, REFUSED, DECLINED = "waiting", "shown", "refused", "declined"
_c = presentation_requests.c


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as stored."""

    id: str
    service: str
    service_name: str
    purpose: str
    wanted: tuple[Wanted, ...]
    nonce: str
    key_sealed: bytes | None
    return_to: str | None
    browser_digest: bytes | None
    state: str
    result_sealed: bytes | None
    expires_at: datetime

    def state_at(self, now: datetime) -> str:
        return "expired" if self.state == WAITING and now >= self.expires_at else self.state


def add(uow: UnitOfWork, values: Mapping[str, Any]) -> None:
    uow.execute(insert(presentation_requests).values(**values))


def find(uow: UnitOfWork, request_id: str) -> Asked | None:
    row = uow.one(select(presentation_requests).where(_c.id == request_id))
    if row is None:
        return None
    wanted = tuple(from_json(one) for one in row.wanted)
    return Asked(
        row.id,
        row.service,
        row.service_name,
        row.purpose,
        wanted,
        row.nonce,
        row.key_sealed,
        row.return_to,
        row.browser_digest,
        row.state,
        row.result_sealed,
        row.expires_at,
    )


def open_in(uow: UnitOfWork, request_id: str, browser: bytes) -> bool:
    """Bind a request to the first browser that opens its page; False for another one."""
    mine = (_c.id == request_id) & (_c.browser_digest.is_(None))
    uow.changed(update(presentation_requests).where(mine).values(browser_digest=browser))
    found = find(uow, request_id)
    return found is not None and found.browser_digest == browser


def conclude(
    uow: UnitOfWork, request_id: str, state: str, result: bytes | None, now: datetime
) -> bool:
    """What came of it, once: the row count decides."""
    waiting = (_c.id == request_id) & (_c.state == WAITING) & (_c.expires_at > now)
    changed = update(presentation_requests).where(waiting)
    return uow.changed(changed.values(state=state, result_sealed=result, key_sealed=None)) == 1


def sweep(uow: UnitOfWork, before: datetime) -> int:
    return uow.changed(delete(presentation_requests).where(_c.kept_until < before))
