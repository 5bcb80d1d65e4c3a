"""A grant: what one person authorised one client to have, at one sign-in — RFC 6749 §1.3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation.clock import begun

ACTIVE, ENDED = "active", "ended"


@dataclass(frozen=True, slots=True)
class Grant:
    """Everything issued (code, tokens, ID token) names its grant, and dies with it.

    `subject`: the pairwise `sub` that the client sees. `session_reference`: the pairwise `sid`.
    `userinfo_attributes`, `id_token_attributes`: what the person agreed to release, by place.
    `level`: the level of assurance really reached (1–4). `audience`: the resource of the access
    token (RFC 8707), None for our own endpoints. `auth_time_told`: what the service learns of
    `auth_time`, None when it did not ask. `offline`: outlives the sign-in session. `used_at`: when
    tokens were last issued on it. `authorization_details`: what was allowed in detail (RFC 9396).
    """

    id: str
    client_id: str
    person_id: str
    subject: str
    session_id: str
    session_reference: str
    consent_id: str | None
    purpose: str
    scope: tuple[str, ...]
    audience: str | None
    userinfo_attributes: tuple[str, ...]
    id_token_attributes: tuple[str, ...]
    level: int
    amr: tuple[str, ...]
    auth_time: datetime
    nonce: str | None
    offline: bool
    created_at: datetime
    expires_at: datetime
    auth_time_told: datetime | None = None
    state: str = ACTIVE
    ended_because: str | None = None
    used_at: datetime | None = None
    authorization_details: tuple[Mapping[str, Any], ...] = ()

    def alive(self, now: datetime) -> bool:
        """Whether anything resting on this grant may still be used."""
        return self.state == ACTIVE and now < self.expires_at and begun(self.created_at, now)

    @property
    def attributes(self) -> tuple[str, ...]:
        """All attributes that rest on this grant, each once."""
        return tuple(dict.fromkeys((*self.userinfo_attributes, *self.id_token_attributes)))
