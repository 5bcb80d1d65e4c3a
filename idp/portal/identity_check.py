"""Is the person with this number the one who stands here? Yes or no — mission of Aadhaar's kind.

A service that the operator licensed (`identity:check`) sends a number or a Virtual ID that somebody
shows, and a one-time code of theirs. What it gets is a yes or a no, and with a yes the subject by
which it knows them: the same one whatever was shown, another one at each service. It gets no
attribute. The code is the person's own act, for this check alone, and it stands in their ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from foundation.audit import Actor
from foundation.runtime import Runtime
from idp.login import Login, LoginSettings
from idp.oauth import OAuth
from idp.register import Register, Subject

SCOPE = "identity:check"
_BUCKET, _MINUTE = "identity-check", timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer. ``locked``: it would be yes, but the person locked that means."""

    decision: bool
    subject: str | None = None
    locked: bool = False


class IdentityChecks:
    """Answers, and writes each answer into the ledger of whom it is about."""

    def __init__(self, runtime: Runtime, register: Register, login: Login, oauth: OAuth) -> None:
        self._runtime = runtime
        self._register = register
        self._login = login
        self._oauth = oauth
        self._most = runtime.settings.of(LoginSettings).identity_checks

    def check(self, service: str, shown: str, means: str, code: str, source: str) -> Checked:
        """Raises TooManyRequests. Whoever is unknown, suspended or has no such means is a no."""
        now = self._runtime.clock.now()
        self._runtime.rates.check(_BUCKET, service, self._most, _MINUTE, now)
        with self._runtime.database.read() as uow:
            person_id = self._register.numbers.person_of(uow, shown)
            active = person_id is not None and self._register.is_active(uow, person_id)
        if person_id is None or not active:
            return Checked(False)
        found = self._login.code_sign_in.confirm(Subject("citizen", person_id), means, code, source)
        sector = self._oauth.sector_of(service) or service
        details = {"service": service, "result": found, "means": means}
        with self._runtime.database.write() as uow:
            by = Actor("service", service)
            self._runtime.audit.record(uow, "identity.checked", by, (person_id,), details)
            if found != "right":
                return Checked(False, locked=found == "locked")
            return Checked(True, self._oauth.subject_in(uow, sector, person_id, now))
