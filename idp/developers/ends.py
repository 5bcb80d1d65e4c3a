"""What ends when a developer's identity does — ISO/IEC 24760-1 §7."""

from __future__ import annotations

from datetime import datetime

from foundation.database import UnitOfWork
from idp.developers.developers import Developers
from idp.developers.service import Owner
from idp.oauth import forget_tester


class ServicesEndWithIdentity:
    """`register.EndsWithIdentity`: their test services are suspended; once the identity is closed,
    they are removed, and nothing says any more whose a service was."""

    def __init__(self, developers: Developers) -> None:
        self._developers = developers

    def end_identity(self, uow: UnitOfWork, person_id: str, transition: str, now: datetime) -> None:
        closed = transition != "suspend"
        owner = Owner("citizen", person_id)
        self._developers.owner_left(uow, owner, f"identity: {transition}", forgotten=closed)
        if closed:
            forget_tester(uow, person_id)
