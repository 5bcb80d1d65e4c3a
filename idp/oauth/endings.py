"""What ends with a consent, a session, an identity or a device — RFC 9700 §4.14; G-4, P-6."""

from __future__ import annotations

from datetime import datetime

import device_registry
from foundation.database import UnitOfWork
from idp.oauth import answers, backchannel_requests, cut_offs, grant_store, reviews
from idp.oauth.signals import events
from policies import Consent, Ended

_TOKENS = "sign-ins at the service"


class TokensEndWithConsent:
    """`policies.EndsWithConsent`: what the person had answered at that service, the grants of that
    consent, and those that rest on none, with their codes and tokens.

    So the service gets nobody in silence, by any scope and for any purpose, until the person
    answers anew. What rests on another consent that stands goes on: they see it beside this one.
    """

    def end(self, uow: UnitOfWork, consent: Consent, reason: str, now: datetime) -> Ended:
        # The answers first: a code that is being issued holds one of them, and its grant is seen
        # by what follows.
        answers.forget(uow, consent.person_id, consent.service)
        backchannel_requests.end_of_person(uow, consent.person_id, consent.service)
        count = grant_store.end_of_consent(uow, consent.id, reason, now)
        count += grant_store.end_without_consent(
            uow, consent.person_id, consent.service, reason, now
        )
        return Ended(_TOKENS, count)


class TokensEndWithSession:
    """`login.EndsWithSession`: grants of that session, except those given beyond it."""

    def end_session(self, uow: UnitOfWork, session_id: str, reason: str, now: datetime) -> None:
        grant_store.end_of_session(uow, session_id, f"session ended: {reason}", now)


class TokensEndWithIdentity:
    """`register.EndsWithIdentity`: everything of that person."""

    def end_identity(self, uow: UnitOfWork, person_id: str, reason: str, now: datetime) -> None:
        answers.forget(uow, person_id)
        backchannel_requests.end_of_person(uow, person_id)
        reviews.done(uow, person_id)
        grant_store.tell_of_person(uow, person_id, events.ACCOUNT_DISABLED, now)
        grant_store.end_of_person(uow, person_id, f"identity: {reason}", now)


class TokensEndWithDevice:
    """`device_registry.EndsWithDevice`: every token that the device got for itself."""

    def end(
        self, uow: UnitOfWork, device_id: str, reason: str, now: datetime
    ) -> device_registry.Ended:
        cut_offs.cut_off(uow, device_id, now)
        return device_registry.Ended("access tokens", 1)
