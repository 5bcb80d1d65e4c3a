"""What the consent page asks, and when it need not — ISO/IEC 29184 §5; privacy G-1; failures 14."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from foundation.database import Database, UnitOfWork
from idp.oauth import answers
from idp.oauth.answers import Answer
from idp.oauth.authorization.request import AuthorizationRequest
from idp.oauth.authorization.wishes import Wishes
from idp.oauth.client import Client
from idp.oauth.release import Releases
from policies import Consent, Policies


@dataclass(frozen=True, slots=True)
class Question:
    """What one person is asked, or has answered before, about one request.

    `needed`: without these the service does not work; taken or refused with the sign-in itself.
    `optional`: each is the person's free choice, none ticked in advance. `by_law`: released on a
    legal basis, shown but not asked. `covered`: allowed by the consent `consent_id` already.
    `must_ask`: something here was never answered. `details`: what is asked to be allowed (RFC
    9396), asked each time.
    """

    client_id: str
    purpose: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    by_law: tuple[str, ...]
    covered: tuple[str, ...]
    consent_id: str | None
    offline: bool
    must_ask: bool
    details: tuple[Mapping[str, Any], ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """What the consent record says was asked."""
        return (*self.needed, *self.optional)

    def digest(self, request: AuthorizationRequest, person_id: str, session_id: str) -> bytes:
        """What an answer is bound to: this person, session, request and question (failures 11)."""
        question = [self.client_id, self.purpose, self.needed, self.optional, self.offline]
        parts = [person_id, session_id, request.digest().hex(), question]
        return hashlib.sha256(json.dumps(parts).encode()).digest()


class Asking:
    """Compares what a request needs with what the person answered before."""

    def __init__(
        self, database: Database, policies: Policies, wishes: Wishes, releases: Releases
    ) -> None:
        self._database = database
        self._policies = policies
        self._wishes = wishes
        self._releases = releases

    def question(
        self, request: AuthorizationRequest, client: Client, person_id: str, now: datetime
    ) -> Question:
        """The question that this request puts to this person."""
        requested = self._wishes.requested(request, client)
        by_law = self._releases.by_law(client.id, request.purpose, requested, now)
        asked = tuple(name for name in requested if name not in by_law)
        purpose, standing_of = request.purpose, self._policies.consent.standing
        with self._database.read() as uow:
            standing = standing_of(person_id, client.id, purpose, asked, uow)
            answered = answers.find(uow, person_id, client.id, purpose, now)
        needed = tuple(name for name in asked if name in client.required_attributes)
        missing = any(name not in standing.covered for name in needed)
        return Question(
            client_id=client.id,
            purpose=request.purpose,
            needed=needed,
            optional=tuple(name for name in asked if name not in needed),
            by_law=tuple(name for name in requested if name in by_law),
            covered=standing.covered,
            consent_id=standing.consent_id,
            offline=request.offline,
            details=request.authorization_details,
            # What is allowed in detail is allowed once: the next time is another payment.
            must_ask=bool(request.authorization_details)
            # Who sits before another's device has to see what they let in (RFC 8628 §5.4).
            or request.device is not None
            # Who asks from elsewhere is answered by a person who read the question (CIBA §8).
            or request.backchannel is not None
            or standing.must_ask
            or missing
            or answered is None
            or (request.offline and not answered.offline)
            or "consent" in request.prompt,
        )

    def remember(
        self,
        uow: UnitOfWork,
        person_id: str,
        question: Question,
        consent: Consent | None,
        now: datetime,
    ) -> Answer:
        """Note that the person let the service in, so that the same is not asked again: as long
        as what they chose holds or, where they chose nothing, as long as a consent would."""
        days = self._policies.purpose(question.purpose).valid_days
        until = now + timedelta(days=days) if consent is None else consent.not_after
        answer = Answer(question.client_id, question.purpose, question.offline, now, until)
        answers.remember(uow, person_id, answer)
        return answer


def still_answered(
    uow: UnitOfWork, person_id: str, question: Question, now: datetime
) -> Answer | None:
    """The answer that made a page needless, held until this unit of work is done; None if it
    ended since it was read (a withdrawal that came between)."""
    answer = answers.find(uow, person_id, question.client_id, question.purpose, now, locked=True)
    if answer is None or (question.offline and not answer.offline):
        return None
    return answer
