"""An accredited provider as the broker uses it, and how a sign-in there may end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Reason = Literal["refused", "unreachable", "invalid_answer", "level_too_low", "not_offered"]


@dataclass(frozen=True, slots=True)
class Provider:
    """`level`: that of its accreditation now. `metadata`: resolved, as the regulator allows it."""

    slug: str
    entity_id: str
    name: str
    level: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UpstreamPerson:
    """Whom the provider found, after everything was checked. `level` is never above its own."""

    subject: str
    level: int
    amr: tuple[str, ...]
    auth_time: datetime
    claims: Mapping[str, Any]


class UpstreamFailed(Exception):
    """The sign-in at the provider did not succeed. `detail` is for the log only."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.detail = detail


def slug_of(entity_id: str) -> str:
    """The provider's part of its own redirect URI: stable, without meaning."""
    return hashlib.sha256(entity_id.encode()).hexdigest()[:20]
