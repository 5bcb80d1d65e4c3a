"""An online application: its states, its steps, what is missing. Pure — ISO/IEC 29115 EN-1."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from foundation.clock import recent
from foundation.marking import N_

DRAFT, SENT, ASKED, ENROLLED, REFUSED = "draft", "sent", "asked", "enrolled", "refused"
WITHDRAWN = "withdrawn"
"""For the moment until its key and its rows are gone."""
OPEN = (DRAFT, SENT, ASKED)
"""What can still be withdrawn, and lead anywhere."""
AT_OFFICE = (SENT, ASKED)

WHO, REACH, WAY, TERMS, CHECK = "who", "reach", "way", "terms", "check"
STEPS = (WHO, REACH, WAY, TERMS, CHECK)
LABELS = {
    WHO: N_("Who you are"),
    REACH: N_("How to reach you"),
    WAY: N_("Which way"),
    TERMS: N_("Terms"),
    CHECK: N_("Check and send"),
}
FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    WHO: ("given_name", "family_name", "birthdate", "civil_number"),
    REACH: (
        "street_address",
        "postal_code",
        "locality",
        "region",
        "country",
        "email",
        "phone_number",
        "locale",
    ),
}
QUESTION, ANSWER, REASON = "question", "answer", "reason"
"""Parts beside the steps: what the office asked, what came back, why it was refused."""


@dataclass(frozen=True, slots=True)
class Application:
    """One row. `number` is said at the desk, and opens nothing. `contact`: digest of the address
    that a code came back from. `renewed_by`: digest of the browser that made the last code.
    `expires_at`: when it is deleted, if nothing happens before."""

    id: str
    number: str
    access: int
    renewed_by: bytes | None
    state: str
    way: str | None
    terms_version: str | None
    notice_version: str | None
    policy_version: str | None
    agreed_at: datetime | None
    contact: bytes | None
    contact_at: datetime | None
    begun_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    urgent: bool
    officer: str | None
    leased_at: datetime | None
    person_id: str | None
    expires_at: datetime

    def held_by(self, lease: timedelta, now: datetime) -> str | None:
        """The officer who has it now, if anybody."""
        if self.officer is None or self.leased_at is None:
            return None
        return self.officer if recent(self.leased_at, lease, now) else None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Versions:
    """Of what an applicant agrees to now."""

    terms: str
    notice: str


def missing(application: Application, saved: Collection[str], now: Versions) -> tuple[str, ...]:
    """Steps that are not done yet, in their order; all but the last one, which sends it. What was
    agreed to in another version has to be agreed to again."""
    agreed = (application.terms_version, application.notice_version) == (now.terms, now.notice)
    done = {
        WHO: WHO in saved,
        REACH: REACH in saved,
        WAY: application.way is not None,
        TERMS: application.agreed_at is not None and agreed,
    }
    return tuple(step for step in STEPS[:-1] if not done[step])
