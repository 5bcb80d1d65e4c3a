"""What this package asks of those above it; `civitas` plugs in who answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foundation.database import UnitOfWork
from policies.consent import Consent
from policies.question import Known


@dataclass(frozen=True)
class Ended:
    """What came to an end with a consent: "access tokens", 3."""

    what: str
    count: int


class EndsWithConsent(Protocol):
    """Something that rests on a consent: tokens, a service's session, links, credentials."""

    def end(self, uow: UnitOfWork, consent: Consent, reason: str, now: datetime) -> Ended:
        """End all that rests on the consent, in the caller's unit of work; idempotent.

        Called for the consent that ends, and for each whose place it took. An exception rolls
        the whole withdrawal back.
        """
        ...


class Subjects(Protocol):
    """Who a service means, and what is known of that person."""

    def known(self, service_id: str, sub: str) -> Known | None:
        """The person behind the pairwise `sub` of this very service, or None.

        The level is that of the identity; claims are the verified ones, derived ones included.
        """
        ...

    def purpose(self, service_id: str) -> str | None:
        """The one purpose that this service is registered for; None when there are several."""
        ...
