"""A consent and the notice that it answers, as values — ISO/IEC TS 27560, ISO/IEC 29184."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from foundation.clock import AHEAD
from policies.catalogue import Purpose
from policies.question import Ground

State = Literal["active", "withdrawn", "expired", "replaced", "refused"]


@dataclass(frozen=True)
class Notice:
    """What the person was shown: the exact text, its version and its language (BCP 47)."""

    purpose: str
    version: str
    language: str
    text: str

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


@dataclass(frozen=True)
class Giver:
    """Who gave it. A guardian or the holder of a mandate needs a verified `authority`: the
    reference of the guardianship or mandate."""

    kind: Literal["self", "guardian", "mandate"] = "self"
    id: str | None = None
    authority: str | None = None


@dataclass(frozen=True)
class Consent:
    """A person's recorded answer. `attributes` were chosen, `refused` were asked and not chosen.

    `notice` is None, and `reason` empty, once the person's key was erased.
    """

    id: str
    person_id: str
    giver: Giver
    service: str
    service_name: str
    purpose: str
    attributes: tuple[str, ...]
    refused: tuple[str, ...]
    classes: tuple[str, ...]
    explicit: bool
    uses_left: int | None
    retention_days: int
    notice: Notice | None
    notice_version: str
    notice_language: str
    notice_digest: bytes
    given_at: datetime
    not_before: datetime
    not_after: datetime
    state: State
    ended_at: datetime | None
    reason: str

    def active_at(self, now: datetime) -> bool:
        return self.state == "active" and self.in_force_from <= now < self.not_after

    @property
    def in_force_from(self) -> datetime:
        """Since it was given, be it by a clock that is a little ahead; or from a later day on."""
        given = self.not_before <= self.given_at
        return self.not_before - AHEAD if given else self.not_before

    @property
    def withdrawn_at(self) -> datetime | None:
        return self.ended_at if self.state == "withdrawn" else None

    def as_ground(self) -> Ground:
        """The consent as the rules see it."""
        return Ground(
            kind="consent",
            id=self.id,
            state=self.state,
            service=self.service,
            person=self.person_id,
            purpose=self.purpose,
            attributes=frozenset(self.attributes),
            classes=frozenset(self.classes),
            not_before=self.in_force_from,
            not_after=self.not_after,
            explicit=self.explicit,
            giver=self.giver.kind,
            authority=bool(self.giver.authority),
            uses_left=self.uses_left,
            withdrawn_at=self.withdrawn_at,
        )


@dataclass(frozen=True)
class Standing:
    """What a person already answered: a page need ask only when `unasked` is not empty.

    `covered` rests on the one consent `consent_id`; `refused` was asked before and not chosen.
    """

    consent_id: str | None
    covered: tuple[str, ...]
    refused: tuple[str, ...]
    unasked: tuple[str, ...]

    @property
    def must_ask(self) -> bool:
        return bool(self.unasked)


def notice_of(
    purpose: Purpose,
    service_name: str,
    city: str,
    controller: str,
    language: str,
    translate: Callable[[str], str],
) -> Notice:
    """The notice of a purpose, filled in, in one language: what a page shows, word for word."""
    text = translate(purpose.notice).format(service=service_name, city=city, controller=controller)
    return Notice(purpose.id, purpose.version, language, text)


def split(
    asked: Collection[str], covered: Collection[str], refused: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What was asked, in its order, as (covered, refused, unasked)."""
    return (
        tuple(a for a in asked if a in covered),
        tuple(a for a in asked if a not in covered and a in refused),
        tuple(a for a in asked if a not in covered and a not in refused),
    )
