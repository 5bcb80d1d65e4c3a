"""What an operator does with registered services every day: add, change, remove — RFC 7592 §2.

Each verb is one unit of work with its event. What a change takes away ends with it: tokens and
codes that say what was registered do not outlive it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation.audit import Actor
from foundation.errors import Conflict, NotFound
from foundation.marking import N_
from idp.oauth import AddedClient, Alteration, add_tester, invented_residents, remove_tester
from idp.register import checked_reason
from idp.supervision.parts import Parts

_BECAUSE = "the registration of the service changed"


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done. `secret`: a first one, shown once. `grants`: how many ended."""

    alteration: Alteration
    secret: str | None
    grants: int


class Managing:
    """Verbs over the services that are registered here."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.runtime.database

    def add(self, metadata: Mapping[str, Any], by: Actor) -> AddedClient:
        """Register a service. Raises InvalidClientMetadata that names the member."""
        return self._parts.require_tokens().clients.add(metadata, self._now(), actor=by)

    def planned(self, client_id: str, changes: Mapping[str, Any]) -> Alteration:
        """What would change, before it does. Raises NotFound, InvalidClientMetadata."""
        with self._database.read() as uow:
            return self._parts.require_tokens().clients.altered(uow, client_id, changes)

    def change(
        self,
        client_id: str,
        changes: Mapping[str, Any],
        reason: str,
        by: Actor,
        *,
        agreed: bool = False,
    ) -> Changed:
        """Change its registration. `agreed`: they know that nobody is known there again, where
        that follows. Raises NotFound, InvalidClientMetadata, Conflict."""
        reason, now, tokens = checked_reason(reason), self._now(), self._parts.require_tokens()
        with self._database.write() as uow:
            alteration = tokens.clients.altered(uow, client_id, changes, locked=True)
            if not alteration.members:
                raise Conflict(
                    "That is what is registered already; nothing was changed.",
                    next_step="Look at what is registered: civitas clients show.",
                )
            if alteration.cannot_be_undone and not agreed:
                raise Conflict(
                    "With another sector everybody gets another identifier at this service: it "
                    "will know nobody again.",
                    where="sector",
                    next_step="Keep the sector by naming the one it has, or say that you mean it.",
                )
            secret = tokens.clients.change(uow, alteration, reason, by, now)
            grants = 0
            if alteration.ends_what_it_was_given:
                grants = tokens.stopping.of_client(uow, client_id, _BECAUSE, now)
            if alteration.ends_codes:
                tokens.stopping.of_redirect(uow, client_id)
        return Changed(alteration, secret, grants)

    def remove(self, client_id: str, reason: str, by: Actor) -> int:
        """Serve it never again; how many grants ended. People still read its name."""
        reason, now, tokens = checked_reason(reason), self._now(), self._parts.require_tokens()
        with self._database.write() as uow:
            tokens.clients.remove(uow, client_id, reason, by, now)
            tokens.stopping.of_redirect(uow, client_id)
            if self._parts.developers is not None:
                self._parts.developers.gone(uow, client_id)
            return tokens.stopping.of_client(uow, client_id, "the service was removed", now)

    # ── invented residents ────────────────────────────────────────────────────────────

    def invented(self) -> Sequence[str]:
        """Residents who may sign in at every test service, the latest first."""
        with self._database.read() as uow:
            return invented_residents(uow)

    def invent(self, person_id: str, reason: str, by: Actor) -> None:
        """Say that this resident of the register is an invented one. Raises NotFound."""
        reason, now = checked_reason(reason), self._now()
        register = self._parts.require_register()
        with self._database.write() as uow:
            if register.person(uow, person_id) is None:
                raise NotFound(
                    N_("There is no such person in the register."),
                    where="person",
                    next_step=N_("Write the identifier that begins with per_."),
                )
            add_tester(uow, person_id, now)
            details = {"reason": reason}
            self._parts.runtime.audit.record(uow, "tester.named", by, [person_id], details)

    def not_invented(self, person_id: str, reason: str, by: Actor) -> None:
        """They sign in at no test service any more. Raises NotFound."""
        reason = checked_reason(reason)
        with self._database.write() as uow:
            if not remove_tester(uow, person_id):
                raise NotFound(N_("Nobody of that identifier is in the list."), where="person")
            details = {"reason": reason}
            self._parts.runtime.audit.record(uow, "tester.ended", by, [person_id], details)

    def _now(self) -> datetime:
        return self._parts.runtime.clock.now()
