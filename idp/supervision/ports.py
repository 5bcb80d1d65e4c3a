"""Whose sessions an incident ends: sign-in's own, or a broker's."""

from datetime import datetime
from typing import Protocol

from foundation.database import UnitOfWork


class Sessions(Protocol):
    """Sign-in sessions of a deployment. What rests on them is ended by the caller as well."""

    def end_all(
        self, uow: UnitOfWork, subject_id: str, reason: str, now: datetime, but: str | None = None
    ) -> int:
        """End those of one person or member of staff; how many."""
        ...

    def end_everybody(
        self, uow: UnitOfWork, reason: str, now: datetime, but: str | None = None
    ) -> int:
        """End all but one; how many."""
        ...
