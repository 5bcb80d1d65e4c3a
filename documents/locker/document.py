"""A document, and what was given of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

State = Literal["valid", "suspended", "revoked"]
Standing = Literal["valid", "suspended", "revoked", "expired"]


@dataclass(frozen=True, slots=True)
class Content:
    """What a document says: its number, whom it is made out to, and its fields."""

    number: str
    name: str
    birthdate: str
    fields: Mapping[str, Any]

    @property
    def born(self) -> date:
        return date.fromisoformat(self.birthdate)


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its row has it. `content` is None once the person's key is gone."""

    id: str
    person_id: str
    issuer: str
    kind: str
    state: State
    version: int
    issued_at: datetime
    valid_until: datetime | None
    changed_at: datetime
    content: Content | None

    def standing(self, now: datetime) -> Standing:
        """What its state comes to at an instant."""
        if self.state == "valid" and self.valid_until is not None and now >= self.valid_until:
            return "expired"
        return self.state


@dataclass(frozen=True, slots=True)
class Version:
    """One step in a document's history. `act`: issued, replaced, suspended, resumed, revoked."""

    number: int
    at: datetime
    act: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind that is asked for, and which of its fields; none named means all."""

    claim: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A service's request to one person."""

    id: str
    person_id: str
    service: str
    service_name: str
    purpose: str
    wanted: tuple[Wanted, ...]
    return_to: str | None
    state: Literal["asked", "shared", "refused"]
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """One document, shared with one service. `parts`: the fields (empty: all)."""

    id: str
    request_id: str
    document_id: str
    person_id: str
    service: str
    purpose: str
    parts: tuple[str, ...]
    uses_left: int | None
    state: str
    given_at: datetime
    not_after: datetime
    ended_at: datetime | None

    def active_at(self, now: datetime) -> bool:
        return self.state == "active" and now < self.not_after and self.uses_left != 0


@dataclass(frozen=True, slots=True)
class Link:
    """One document behind an address that its person gave away."""

    id: str
    document_id: str
    person_id: str
    parts: tuple[str, ...]
    uses_left: int | None
    state: str
    made_at: datetime
    not_after: datetime
    ended_at: datetime | None

    def active_at(self, now: datetime) -> bool:
        return self.state == "active" and now < self.not_after and self.uses_left != 0


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An office has a document that is made out to another name or birth date (`what`)."""

    issuer: str
    kind: str
    what: tuple[str, ...]
    at: datetime
