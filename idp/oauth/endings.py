"""What ends with a consent, a session, an identity or a device — RFC 9700 §4.14."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

import device_registry
from foundation.database import UnitOfWork
from idp.oauth import cut_offs, grant_store
from idp.oauth.tables import answers
from policies import Ended

_TOKENS = "sign-ins at the service"


class TokensEndWithConsent:
    """`policies.EndsWithConsent`: grants of that consent, with their codes and tokens."""

    def end(self, uow: UnitOfWork, consent_id: str, reason: str, now: datetime) -> Ended:
        count = grant_store.end_of_consent(uow, consent_id, "consent withdrawn", now)
        return Ended(_TOKENS, count)


class TokensEndWithSession:
    """`login.EndsWithSession`: grants of that session, except those given beyond it."""

    def end_session(self, uow: UnitOfWork, session_id: str, reason: str, now: datetime) -> None:
        grant_store.end_of_session(uow, session_id, f"session ended: {reason}", now)


class TokensEndWithIdentity:
    """`register.EndsWithIdentity`: everything of that person."""

    def end_identity(self, uow: UnitOfWork, person_id: str, reason: str, now: datetime) -> None:
        grant_store.end_of_person(uow, person_id, f"identity: {reason}", now)
        uow.execute(delete(answers).where(answers.c.person_id == person_id))


class TokensEndWithDevice:
    """`device_registry.EndsWithDevice`: every token that the device got for itself."""

    def end(
        self, uow: UnitOfWork, device_id: str, reason: str, now: datetime
    ) -> device_registry.Ended:
        cut_offs.cut_off(uow, device_id, now)
        return device_registry.Ended("access tokens", 1)
