"""What an operator does when something went wrong — ISO/IEC 27035-1 §5.5, NIST SP 800-61r3 RS.MI.

Each verb is one unit of work with its event, which says who and why; it holds from the next
request on, in every process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Forbidden, NotFound
from foundation.marking import N_
from idp.developers import Owner
from idp.register import Frozen, checked_reason
from idp.supervision.days import beginning
from idp.supervision.parts import Parts

_BECAUSE = "incident"


@dataclass(frozen=True, slots=True)
class Stopped:
    """What ended: sign-in sessions, and grants with all that was issued on them."""

    sessions: int
    grants: int


class Incidents:
    """Verbs over staff, services and sessions. A part that a deployment lacks is refused."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.runtime.database

    # ── members of staff ──────────────────────────────────────────────────────────────

    def end_staff(self, staff_id: str, reason: str, by: Actor) -> None:
        """They left, or their means were stolen: role, sessions, credentials and name end."""
        now = self._now()
        with self._database.write() as uow:
            self._parts.require_register().staff_changes.end(uow, staff_id, reason, by, now)
            self._out(uow, staff_id, now)
            self._develops_no_more(uow, staff_id)

    def change_role(self, staff_id: str, role: str, reason: str, by: Actor) -> None:
        """Another role; never one's own."""
        changes = self._parts.require_register().staff_changes
        with self._database.write() as uow:
            changes.change_role(uow, staff_id, role, reason, by, self._now())
            if role != "developer":
                self._develops_no_more(uow, staff_id)

    def ask_recovery(self, staff_id: str, reason: str, by: Actor) -> str:
        """Somebody lost their passkey: the id of the request, which two operators agree to."""
        changes = self._parts.require_register().staff_changes
        with self._database.write() as uow:
            return changes.ask_recovery(uow, staff_id, reason, by, self._now())

    def agree(self, recovery_id: str, by: Actor) -> str | None:
        """The second operator's word gives the secret of a one-time link; what was bound before
        is ended with it."""
        now, changes = self._now(), self._parts.require_register().staff_changes
        with self._database.write() as uow:
            recovery = changes.recovery(uow, recovery_id)
            secret = changes.agree(uow, recovery, by, now)
            if secret is not None:
                self._out(uow, recovery.staff_id, now)
        return secret

    def freeze_cases(self, staff_id: str, since: date, reason: str, by: Actor) -> Frozen:
        """What an officer imported, proofed or had written since that day: letters and codes not
        yet used are stopped, and each decision waits for another officer's second look."""
        reason, now = checked_reason(reason), self._now()
        register, first = self._parts.require_register(), beginning(since, self._parts.runtime)
        if by.id == staff_id:
            raise Forbidden(
                "Nobody puts their own cases on hold.", next_step="Ask another operator."
            )
        with self._database.write() as uow:
            register.staff.member(uow, staff_id)
            return register.freezing.freeze(uow, staff_id, first, reason, by, now)

    def _develops_no_more(self, uow: UnitOfWork, staff_id: str) -> None:
        """Nobody watches over their test services any more."""
        if self._parts.developers is not None:
            owner = Owner("staff", staff_id)
            self._parts.developers.owner_left(uow, owner, "its developer left", forgotten=False)

    def _out(self, uow: UnitOfWork, staff_id: str, now: datetime) -> None:
        if self._parts.login is not None:
            self._parts.login.sessions_end.end_identity(uow, staff_id, "staff ended", now)

    # ── services ──────────────────────────────────────────────────────────────────────

    def suspend_client(self, client_id: str, reason: str, by: Actor) -> int:
        """Serve it no more, and end what it was given; how many grants."""
        reason, now = checked_reason(reason), self._now()
        tokens = self._parts.require_tokens()
        with self._database.write() as uow:
            tokens.clients.suspend(uow, client_id, reason, by, now)
            return tokens.stopping.of_client(uow, client_id, _BECAUSE, now)

    def resume_client(self, client_id: str, reason: str, by: Actor) -> None:
        """Serve it again; what had ended stays so, and people sign in anew."""
        reason, tokens = checked_reason(reason), self._parts.require_tokens()
        with self._database.write() as uow:
            tokens.clients.resume(uow, client_id, reason, by, self._now())

    def rotate_secret(self, client_id: str, reason: str, by: Actor, overlap: timedelta) -> str:
        """A new secret; the old one works on for `overlap`, not at all when that is none."""
        clients = self._parts.require_tokens().clients
        return clients.new_secret(client_id, checked_reason(reason), self._now(), by, overlap)

    # ── sessions, and all that was issued ─────────────────────────────────────────────

    def stop_person(self, person_id: str, reason: str, by: Actor) -> Stopped:
        """Everywhere: here, and at every service, offline access included. They read it."""
        reason, now = checked_reason(reason), self._now()
        tokens = self._parts.tokens
        with self._database.write() as uow:
            self._known(uow, person_id)
            stopped = Stopped(
                self._parts.sessions.end_all(uow, person_id, _BECAUSE, now),
                0 if tokens is None else tokens.stopping.of_person(uow, person_id, _BECAUSE, now),
            )
            self._tell(uow, "incident.person_stopped", by, reason, stopped, person_id)
        return stopped

    def stop_staff(self, staff_id: str, reason: str, by: Actor) -> Stopped:
        """The sessions of one member of staff; they sign in anew with what is bound to them."""
        reason, now = checked_reason(reason), self._now()
        with self._database.write() as uow:
            self._parts.require_register().staff.member(uow, staff_id)
            stopped = Stopped(self._parts.sessions.end_all(uow, staff_id, _BECAUSE, now), 0)
            self._tell(uow, "incident.staff_stopped", by, reason, stopped, staff=staff_id)
        return stopped

    def stop_client(self, client_id: str, reason: str, by: Actor) -> Stopped:
        """What one service was given, of all people and for itself. It may ask anew."""
        reason, now = checked_reason(reason), self._now()
        tokens = self._parts.require_tokens()
        if tokens.clients.find(client_id, now) is None:
            raise NotFound(
                N_("There is no client %(client_id)s.", client_id=client_id), where="client_id"
            )
        with self._database.write() as uow:
            stopped = Stopped(0, tokens.stopping.of_client(uow, client_id, _BECAUSE, now))
            self._tell(uow, "incident.client_stopped", by, reason, stopped, client=client_id)
        return stopped

    def stop_everybody(self, reason: str, by: Actor, but: str | None = None) -> Stopped:
        """All people, staff, services and devices. `but`: the session of who asks."""
        reason, now = checked_reason(reason), self._now()
        tokens = self._parts.tokens
        with self._database.write() as uow:
            grants = 0 if tokens is None else tokens.stopping.of_everybody(uow, _BECAUSE, now)
            stopped = Stopped(self._parts.sessions.end_everybody(uow, _BECAUSE, now, but), grants)
            self._tell(uow, "incident.everybody_stopped", by, reason, stopped)
        return stopped

    def _known(self, uow: UnitOfWork, person_id: str) -> None:
        register = self._parts.register
        if register is not None and register.person(uow, person_id) is None:
            raise NotFound(
                "There is no such person in the register.",
                where="person",
                next_step="Write the identifier that begins with per_.",
            )

    def _tell(
        self,
        uow: UnitOfWork,
        kind: str,
        by: Actor,
        reason: str,
        stopped: Stopped,
        person_id: str | None = None,
        **named: str,
    ) -> None:
        counts = {"sessions": stopped.sessions, "grants": stopped.grants}
        details = {"reason": reason, **counts, **named}
        self._parts.runtime.audit.record(uow, kind, by, [person_id] if person_id else (), details)

    def _now(self) -> datetime:
        return self._parts.runtime.clock.now()
