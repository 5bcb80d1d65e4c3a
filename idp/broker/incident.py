"""Sessions at the hub, ended by an operator: the sealed answers go with them."""

from __future__ import annotations

from datetime import datetime

from foundation.database import UnitOfWork
from idp.broker import store


class HubSessions:
    """`supervision.Sessions`. Grants that rest on a session are ended by the caller."""

    def end_all(
        self, uow: UnitOfWork, subject_id: str, reason: str, now: datetime, but: str | None = None
    ) -> int:
        return store.end_sessions(uow, subject_id, but)

    def end_everybody(
        self, uow: UnitOfWork, reason: str, now: datetime, but: str | None = None
    ) -> int:
        return store.end_sessions(uow, None, but)
