"""Who is there: the answer that sign-in gives to those above it — OpenID Connect Core 1.0 §3.1.2.3.

OAuth asks this question under *provider*; the broker answers it in the same words.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from starlette.requests import Request

from foundation.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the asker needs before it goes on.

    ``level``: lowest acceptable level of assurance, 0–4 (ISO/IEC 29115; 0 asks for none).
    ``max_age``: how old the authentication may be; ``None`` accepts any live session.
    ``prompt``: OpenID Connect ``prompt`` values that concern sign-in (``none``, ``login``,
    ``select_account``).
    ``return_to``: local path (with query) where the browser goes when the person is there.
    ``leave_to``: local path where it goes when the person gives up; empty when there is nowhere.
    ``ui_locales``: languages of the pages, in order of preference (OpenID Connect Core §3.1.2.1).
    """

    level: int = 1
    max_age: timedelta | None = None
    prompt: frozenset[str] = frozenset()
    return_to: str = "/"
    leave_to: str = ""
    ui_locales: str = ""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A person who is there.

    ``subject``: the identifier of the person in this deployment, never shown to a service.
    ``acr_level``: level really reached, 1–4; lower than required when the person cannot reach
    more with what is bound to them, so the asker compares.
    ``amr``: methods used, words of RFC 8176.
    ``auth_time``: when the person last proved an authenticator, aware UTC.
    ``session_id``: identifier of the sign-in session; it is not the cookie.
    """

    subject: str
    acr_level: int
    amr: tuple[str, ...]
    auth_time: datetime
    session_id: str


@dataclass(frozen=True, slots=True)
class GoTo:
    """Nobody suitable is there yet: send the browser to ``url``, a local path of ours.

    With ``prompt=none`` the asker answers its own error (``login_required``) instead.
    """

    url: str


class WhoIsThere(Protocol):
    """The question itself: answered by ``Login`` under provider, by the broker under broker."""

    def who(self, request: Request, requirement: Requirement) -> Authenticated | GoTo:
        """Return who is there, or where to send the browser so that somebody will be."""
        ...


class EndsWithSession(Protocol):
    """Told inside the caller's unit of work that sign-in sessions end (RP tokens, cookies…)."""

    def end_session(self, uow: UnitOfWork, session_id: str, reason: str, now: datetime) -> None:
        """End whatever rests on ``session_id``; raise to roll everything back."""
        ...


class HearsOfChange(Protocol):
    """Told inside the caller's unit of work that a citizen's means of signing in changed, or were
    recovered: whoever had the old ones may have let services in."""

    def means_changed(self, uow: UnitOfWork, person_id: str, now: datetime) -> None:
        """Note it; raise to roll everything back."""
        ...
