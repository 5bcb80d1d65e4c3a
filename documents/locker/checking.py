"""Is this document genuine, and does it still count? For anybody who holds one, without an account.

The signature says who made it out and that nothing was changed; that much works without a network.
Whether it was revoked, suspended or replaced since is what our record adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from documents.locker import store
from documents.locker.kinds import Kind, Kinds
from documents.locker.originals import NotGenuine, Originals
from foundation.clock import instant
from foundation.marking import N_
from foundation.runtime import Runtime

Now = Literal["valid", "expired", "suspended", "revoked", "replaced", "unknown"]
LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Checked:
    """A genuine document. `now`: what it comes to at this moment; "replaced" when a newer version
    was made out since, "unknown" when our record has none of this number any more."""

    claims: Mapping[str, Any]
    kind: Kind | None
    issuer: str
    issued_at: datetime
    valid_until: datetime | None
    now: Now

    @property
    def born(self) -> date:
        return date.fromisoformat(self.claims["holder"]["birthdate"])


class Checking:
    """Checks originals."""

    def __init__(self, runtime: Runtime, kinds: Kinds, originals: Originals) -> None:
        self._runtime = runtime
        self._kinds = kinds
        self._originals = originals

    def check(self, token: str) -> Checked:
        """Raises NotGenuine, with a sentence."""
        token = "".join(token.split())
        if not token or len(token) > LONGEST:
            raise NotGenuine(N_("This is no signed document."))
        claims = self._originals.verify(token)
        issuer, kind_id, number = urlsplit(claims["jti"]).path.split("/")[-3:]
        until = claims.get("exp")
        return Checked(
            claims,
            self._kinds.kinds.get((issuer, kind_id)),
            str(claims["issuer"]["name"]),
            instant(int(claims["nbf"]) * 1_000_000),
            None if until is None else instant(int(until) * 1_000_000),
            self._now(issuer, kind_id, number, int(claims["version"])),
        )

    def _now(self, issuer: str, kind: str, number: str, version: int) -> Now:
        with self._runtime.database.read() as uow:
            document = store.by_number(uow, self._runtime.vault, issuer, kind, number)
        if document is None:
            return "unknown"
        if document.version > version:
            return "replaced"
        return document.standing(self._runtime.clock.now())
