"""A question, the facts beside it, the one ground it may rest on, and the answer — all values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["release", "verify"]


@dataclass(frozen=True)
class Question:
    """May `service` read `attributes` of `person` for `purpose`, at `at`?

    `kind` "verify" asks for a yes or no only. `case` is the reference of an emergency.
    """

    service: str
    person: str
    attributes: tuple[str, ...]
    purpose: str
    at: datetime
    kind: Kind = "release"
    case: str | None = None


@dataclass(frozen=True)
class Facts:
    """What the asker knows of the person: `level` 0–4 of the session or, without one, of the
    identity; `age` in years that they have surely completed, so that who may be a child is one,
    None if unknown; whether the identity is in use."""

    level: int
    age: int | None = None
    alive: bool = True
    active: bool = True


@dataclass(frozen=True)
class Known:
    """A person, from one reading: `facts` for the decision, `claims` for what it permits.

    `claims` takes names and gives the values that are known; unknown ones are absent.
    """

    person: str
    facts: Facts
    claims: Callable[[Sequence[str]], Mapping[str, Any]]


@dataclass(frozen=True)
class Ground:
    """Why a use may be lawful: a consent, or a legal basis on record. Never two at once.

    The law's own word (GDPR art. 17(1)(b), "legal ground for the processing"): `catalogue.Basis` is
    a row of the catalogue, and one kind of it.
    """

    kind: str
    id: str
    state: str
    service: str
    person: str | None
    purpose: str
    attributes: frozenset[str]
    classes: frozenset[str]
    not_before: datetime
    not_after: datetime
    explicit: bool = False
    giver: str | None = None
    authority: bool = False
    uses_left: int | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class Permit:
    """Yes, on this ground. `obligations` bind the receiver: `keep-at-most:P180D`, …"""

    ground: Ground
    obligations: tuple[str, ...]
    rule_digest: str


@dataclass(frozen=True)
class Deny:
    """No. `code` names the reason; `reason` and `next_step` are sentences for a person."""

    code: str
    reason: str
    next_step: str
    rule_digest: str
    values: Mapping[str, str] = field(default_factory=dict)
    message: str = ""

    def translated(self, translate: Callable[[str], str]) -> tuple[str, str]:
        """Reason and next step in the language of `translate` (gettext)."""
        return translate(self.message).format(**self.values), translate(self.next_step)


Decision = Permit | Deny
