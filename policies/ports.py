"""What this wing asks of those above it; the roof plugs in who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from foundation.database import UnitOfWork
from policies.question import Facts


@dataclass(frozen=True)
class Ended:
    """What came to an end with a consent: "access tokens", 3."""

    what: str
    count: int


class EndsWithConsent(Protocol):
    """Something that rests on a consent: tokens, a service's session, links, credentials."""

    def end(self, uow: UnitOfWork, consent_id: str, reason: str, now: datetime) -> Ended:
        """End all that rests on the consent, in the caller's unit of work; idempotent.

        An exception rolls the whole withdrawal back.
        """
        ...


class Subjects(Protocol):
    """Who a service means, and what is known of that person."""

    def person_of(self, service_id: str, sub: str) -> str | None:
        """The person behind the pairwise `sub` of this very service, or None."""
        ...

    def facts_of(self, person_id: str) -> Facts:
        """Level of the identity, age, whether it is in use."""
        ...

    def claims_of(self, person_id: str, names: Sequence[str]) -> Mapping[str, Any]:
        """The verified values of claims, derived ones included; an unknown one is absent."""
        ...
