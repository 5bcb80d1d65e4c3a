"""Members of staff who leave, change their role, or lost their passkey — X.1253 9.1-6.

Nobody changes their own role (failures 12), and the last operator does not end themself: there
would be nobody left who could undo it. The host's command line may do both, and is audited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, Forbidden, NotFound
from foundation.marking import N_
from foundation.nearest import instead
from foundation.runtime import Runtime
from idp.register.reasons import checked_reason
from idp.register.settings import RegisterSettings
from idp.register.sign_in_names import SignInNames
from idp.register.staff import ROLES, Staff
from idp.register.subject import Subject
from idp.register.tables import staff, staff_invitations, staff_recoveries

MANAGES = "operator"
"""The role that looks after members of staff."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """A member of staff who is to be let in again. `first`: who agreed so far, if anybody."""

    id: str
    staff_id: str
    reason: str
    asked_at: datetime
    first: str | None


class StaffChanges:
    """What operators do about members of staff, inside the caller's unit of work.

    The caller ends sessions and credentials in the same unit of work.
    """

    def __init__(self, runtime: Runtime, members: Staff, names: SignInNames) -> None:
        self._audit = runtime.audit
        self._members = members
        self._names = names
        self._lifetime = timedelta(hours=runtime.settings.of(RegisterSettings).invitation_hours)

    def end(self, uow: UnitOfWork, staff_id: str, reason: str, by: Actor, now: datetime) -> None:
        """Take role, name and invitations away, for good. Raises Forbidden, Conflict, NotFound."""
        reason = checked_reason(reason)
        member = self._members.member(uow, staff_id)
        if by.kind == "staff" and not self._operators(uow, by) - {staff_id}:
            raise Forbidden(
                "You are the last operator.",
                next_step="Invite another operator first; then your account can be ended.",
            )
        ended = uow.changed(
            update(staff)
            .where(staff.c.id == staff_id, staff.c.state != "ended")
            .values(state="ended", changed_at=now)
        )
        if ended != 1:
            raise Conflict("This account has ended already.", where="staff")
        self._close(uow, staff_id, now)
        self._names.release(uow, Subject("staff", staff_id))
        details = {"staff": staff_id, "role": member.role, "reason": reason}
        self._audit.record(uow, "staff.ended", by, (), details)

    def change_role(
        self, uow: UnitOfWork, staff_id: str, role: str, reason: str, by: Actor, now: datetime
    ) -> None:
        """Give another role, from the next request on. Raises Forbidden for one's own."""
        reason = checked_reason(reason)
        if role not in ROLES:
            raise BadRequest(
                N_("There is no role %(role)s.", role=repr(role)),
                where="role",
                next_step=instead(role, ROLES),
            )
        self._others(uow, staff_id, by)
        member = self._members.member(uow, staff_id)
        changed = uow.changed(
            update(staff)
            .where(staff.c.id == staff_id, staff.c.state != "ended", staff.c.role == member.role)
            .values(role=role, changed_at=now)
        )
        if changed != 1:
            raise Conflict("This account has ended, or was just changed.", where="staff")
        details = {"staff": staff_id, "from": member.role, "to": role, "reason": reason}
        self._audit.record(uow, "staff.role_changed", by, (), details)

    # ── recovery with four eyes ───────────────────────────────────────────────────────

    def ask_recovery(
        self, uow: UnitOfWork, staff_id: str, reason: str, by: Actor, now: datetime
    ) -> str:
        """Ask that this member be let in again; returns the id. An operator who asks agrees."""
        reason = checked_reason(reason)
        self._others(uow, staff_id, by)
        if self._members.member(uow, staff_id).state == "ended":
            raise Conflict(
                "An account that has ended is not opened again.",
                where="staff",
                next_step="Invite them again: civitas staff invite.",
            )
        self._end_recoveries(uow, staff_id, now)
        recovery_id = opaque.identifier("rcv")
        uow.execute(
            insert(staff_recoveries).values(
                id=recovery_id,
                staff_id=staff_id,
                reason=reason,
                asked_at=now,
                expires_at=now + self._lifetime,
                first=by.id if by.kind == "staff" else None,
            )
        )
        details = {"staff": staff_id, "reason": reason}
        self._audit.record(uow, "staff.recovery_asked", by, (), details)
        return recovery_id

    def agree(self, uow: UnitOfWork, asked: Recovery, by: Actor, now: datetime) -> str | None:
        """Agree to a recovery. The second of two operators gets the secret of a new invitation;
        the member's old credentials are to be ended by the caller then."""
        if by.kind != "staff":
            raise Forbidden(
                "Two operators, each signed in, agree to a recovery; a command cannot.",
                next_step="Have them sign in, and agree on the page of that member of staff.",
            )
        self._others(uow, asked.staff_id, by)
        open_ = (
            (staff_recoveries.c.id == asked.id)
            & staff_recoveries.c.ended_at.is_(None)
            & (staff_recoveries.c.expires_at > now)
        )
        first = update(staff_recoveries).where(open_, staff_recoveries.c.first.is_(None))
        if uow.changed(first.values(first=by.id)) == 1:
            details = {"staff": asked.staff_id, "recovery": asked.id}
            self._audit.record(uow, "staff.recovery_agreed", by, (), details)
            return None
        # The first one's word counts as long as they still have the role themselves.
        second = update(staff_recoveries).where(
            open_, staff_recoveries.c.first != by.id, staff_recoveries.c.first.in_(_OPERATORS)
        )
        if uow.changed(second.values(second=by.id, ended_at=now)) != 1:
            raise Forbidden(
                "A recovery needs two operators, and each agrees once.",
                next_step="Ask a colleague with the role operator; an old request is made again.",
            )
        return self._reinvite(uow, asked.staff_id, by, now)

    def recovery(self, uow: UnitOfWork, recovery_id: str) -> Recovery:
        """Raises NotFound."""
        row = uow.one(select(staff_recoveries).where(staff_recoveries.c.id == recovery_id))
        if row is None:
            raise NotFound("Nobody asked for this recovery.", detail=recovery_id)
        return _recovery(row)

    def recoveries(self, uow: UnitOfWork, now: datetime) -> list[Recovery]:
        """Those that wait for an operator."""
        query = select(staff_recoveries).where(
            staff_recoveries.c.ended_at.is_(None), staff_recoveries.c.expires_at > now
        )
        return [_recovery(row) for row in uow.all(query.order_by(staff_recoveries.c.asked_at))]

    def _reinvite(self, uow: UnitOfWork, staff_id: str, by: Actor, now: datetime) -> str:
        invited = uow.changed(
            update(staff)
            .where(staff.c.id == staff_id, staff.c.state != "ended")
            .values(state="invited", changed_at=now)
        )
        if invited != 1:
            raise Conflict("This account has ended meanwhile.", where="staff")
        self._close(uow, staff_id, now)
        self._names.release(uow, Subject("staff", staff_id))
        secret = opaque.secret()
        uow.execute(
            insert(staff_invitations).values(
                digest=opaque.digest(secret), staff_id=staff_id, expires_at=now + self._lifetime
            )
        )
        self._audit.record(uow, "staff.recovered", by, (), {"staff": staff_id})
        return secret

    def _close(self, uow: UnitOfWork, staff_id: str, now: datetime) -> None:
        """No older invitation or recovery of theirs works any more."""
        uow.execute(
            update(staff_invitations)
            .where(staff_invitations.c.staff_id == staff_id, staff_invitations.c.expires_at > now)
            .values(expires_at=now)
        )
        self._end_recoveries(uow, staff_id, now)

    def _end_recoveries(self, uow: UnitOfWork, staff_id: str, now: datetime) -> None:
        open_ = staff_recoveries.c.ended_at.is_(None)
        uow.execute(
            update(staff_recoveries)
            .where(staff_recoveries.c.staff_id == staff_id, open_)
            .values(ended_at=now)
        )

    def _others(self, uow: UnitOfWork, staff_id: str, by: Actor) -> None:
        """Only about somebody else, and only by who is an operator at this very moment."""
        if by.kind != "staff":
            return
        if by.id == staff_id:
            raise Forbidden(
                "Nobody changes their own role or access.",
                next_step="Ask another operator.",
            )
        self._operators(uow, by)

    def _operators(self, uow: UnitOfWork, by: Actor) -> set[str]:
        """The active operators, held until the commit: of two who end each other, one does."""
        rows = uow.all(_OPERATORS.order_by(staff.c.id).with_for_update())
        operators = {row.id for row in rows}
        if by.id not in operators:
            raise Forbidden("This is for operators.", next_step="Ask an operator.")
        return operators


def _recovery(row: Row[Any]) -> Recovery:
    return Recovery(row.id, row.staff_id, row.reason, row.asked_at, row.first)


_OPERATORS = select(staff.c.id).where(staff.c.role == MANAGES, staff.c.state == "active")
