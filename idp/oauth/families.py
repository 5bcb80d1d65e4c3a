"""Ending a family: a grant and everything issued on it, told to the person — RFC 9700 §4.14.2."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from idp.oauth import grant_store


class Families:
    """Ends grants with an entry in the person's ledger."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def end(self, uow: UnitOfWork, grant_id: str, because: str, now: datetime) -> bool:
        """End one family inside the caller's unit of work; False if it had ended before."""
        ended = grant_store.end_one(uow, grant_id, because, now)
        if ended is None:
            return False
        self._audit.record(
            uow,
            "tokens.ended",
            Actor("service", ended.client_id),
            persons=[ended.person_id],
            details={"service": ended.client_id, "purpose": ended.purpose, "reason": because},
        )
        return True

    def ending(self, grant_id: str, because: str, now: datetime) -> Callable[[UnitOfWork], None]:
        """The same as a consequence: what a refusal carries to the edge."""

        def consequence(uow: UnitOfWork) -> None:
            self.end(uow, grant_id, because, now)

        return consequence
