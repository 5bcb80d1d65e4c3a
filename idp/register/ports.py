"""What rests on an identity, and ends with it — ISO/IEC 24760-1 (suspend, archive, delete)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from foundation.database import UnitOfWork


class EndsWithIdentity(Protocol):
    """Told inside the caller's unit of work that a person's identity left the state `active`."""

    def end_identity(self, uow: UnitOfWork, person_id: str, transition: str, now: datetime) -> None:
        """End what rests on the identity; raise to roll everything back.

        `transition` is "suspend" (sessions and tokens end, credentials are kept), "archive" or
        "delete" (credentials are revoked as well).
        """
        ...


Ends = Sequence[EndsWithIdentity]
