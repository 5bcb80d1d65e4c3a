"""A person of the register, as the rest of the service sees one — ISO/IEC 24760-1 (identity)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from idp.register.life import State


@dataclass(frozen=True, slots=True)
class Person:
    """An identity without its attributes.

    `level`: what its proofing reached, 1–4; `in_person`: the person was there for it (EN-7).
    """

    id: str
    state: State
    level: int
    in_person: bool
    enrolled_at: datetime
    changed_at: datetime

    @property
    def may_authenticate(self) -> bool:
        """No authentication outside `active` (ISO/IEC 24760-1)."""
        return self.state is State.ACTIVE


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a person's history."""

    number: int
    transition: str
    from_state: State
    to_state: State
    level: int
    at: datetime
    actor_kind: str
    actor: str
