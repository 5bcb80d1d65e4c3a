"""What the locker asks of those who know people and services; `civitas` plugs in who answers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from foundation.database import UnitOfWork
from policies import Known


class People(Protocol):
    """Who is who."""

    def by_civil_number(self, number: str) -> str | None:
        """The person with this civil number, or None."""
        ...

    def by_subject(self, service: str, subject: str) -> str | None:
        """The person whom a service knows by this pairwise subject, or None."""
        ...

    def known(self, person_id: str, uow: UnitOfWork | None = None) -> Known:
        """Level, state, name and birth date, from one reading; raises NotFound. In the caller's
        unit of work, if there is one: who holds a connection must not wait for another."""
        ...


class EndsWithDocument(Protocol):
    """Told inside the caller's unit of work that a document is not any more what it was."""

    def end_document(self, uow: UnitOfWork, document_id: str, because: str, now: datetime) -> None:
        """End what rests on it; raise to roll everything back. `because`: replaced, suspended or
        revoked."""
        ...


class Services(Protocol):
    """What is known of those who ask."""

    def name(self, service: str) -> str:
        """What people call it."""
        ...

    def purposes(self, service: str) -> tuple[str, ...]:
        """What it is registered for."""
        ...

    def owns_address(self, service: str, address: str) -> bool:
        """Whether a person may be sent there: one of its redirect URIs, exactly."""
        ...
