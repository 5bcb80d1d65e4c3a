"""Staff: invited by a one-time link, never a default account — rule 9, X.1253 9.1-6."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Row, insert, select, update

from foundation import opaque
from foundation.audit import SYSTEM, Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Gone, NotFound
from foundation.marking import N_
from foundation.nearest import instead
from foundation.runtime import Runtime
from idp.register.profile import civil_number
from idp.register.settings import RegisterSettings
from idp.register.store import CIVIL_NUMBER
from idp.register.tables import blind_indexes, staff, staff_invitations

Role = Literal["officer", "operator", "regulator", "auditor", "developer"]
ROLES: tuple[str, ...] = get_args(Role)
_NAME = "staff name"


class InvitationRefused(Gone):
    """Unknown, used or expired."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            "This invitation no longer works.",
            where="invitation",
            next_step="Ask an operator for a new one: civitas staff invite.",
            detail=detail,
        )


@dataclass(frozen=True, slots=True)
class StaffMember:
    """`state`: invited, active or ended; `since`: the last change of role or state."""

    id: str
    name: str
    role: str
    state: str
    since: datetime

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({self.role})


class Staff:
    """Invites members of staff, and knows who they are; `staff_changes` changes them."""

    def __init__(self, runtime: Runtime) -> None:
        self._database = runtime.database
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._lifetime = timedelta(hours=runtime.settings.of(RegisterSettings).invitation_hours)

    def invite(self, role: str, name: str, now: datetime, by: Actor = SYSTEM) -> str:
        """Make an invitation; returns the secret of its one-time link, shown once."""
        if role not in ROLES:
            raise BadRequest(
                N_("There is no role %(role)s.", role=repr(role)),
                where="role",
                next_step=instead(role, ROLES),
            )
        if not name.strip() or len(name) > 200:
            raise BadRequest(
                "A member of staff needs a name of at most 200 characters.",
                where="name",
                next_step="Write the name that colleagues know.",
            )
        staff_id, secret = opaque.identifier("stf"), opaque.secret()
        self._vault.create(staff_id)  # the key stands before the first row about them
        sealed = self._vault.seal(staff_id, name.strip().encode(), _NAME)
        with self._database.write() as uow:
            uow.execute(
                insert(staff).values(
                    id=staff_id,
                    role=role,
                    state="invited",
                    sealed_name=sealed,
                    invited_at=now,
                    changed_at=now,
                )
            )
            uow.execute(
                insert(staff_invitations).values(
                    digest=opaque.digest(secret),
                    staff_id=staff_id,
                    expires_at=now + self._lifetime,
                )
            )
            self._audit.record(uow, "staff.invited", by, (), {"staff": staff_id, "role": role})
        return secret

    def open_invitation(self, uow: UnitOfWork, secret: str, now: datetime) -> StaffMember:
        """Whom the link invites, without using it up; raises InvitationRefused."""
        row = uow.one(
            select(staff_invitations).where(staff_invitations.c.digest == opaque.digest(secret))
        )
        if row is None or row.accepted_at is not None or row.expires_at <= now:
            raise InvitationRefused("unknown, used or expired")
        return self.member(uow, row.staff_id)

    def accept_invitation(self, uow: UnitOfWork, secret: str, now: datetime) -> str:
        """Use the link up, inside the caller's unit of work; returns the staff id.

        The caller binds a credential and claims a sign-in name in the same unit of work.
        """
        digest = opaque.digest(secret)
        used = uow.changed(
            update(staff_invitations)
            .where(
                staff_invitations.c.digest == digest,
                staff_invitations.c.accepted_at.is_(None),
                staff_invitations.c.expires_at > now,
            )
            .values(accepted_at=now)
        )
        row = uow.one(
            select(staff_invitations.c.staff_id).where(staff_invitations.c.digest == digest)
        )
        if used != 1 or row is None:
            raise InvitationRefused("unknown, used or expired")
        staff_id = str(row.staff_id)
        joined = uow.changed(
            update(staff)
            .where(staff.c.id == staff_id, staff.c.state == "invited")
            .values(state="active", changed_at=now)
        )
        if joined != 1:
            raise InvitationRefused("the invitation was taken back")
        self._audit.record(uow, "staff.accepted", Actor("staff", staff_id), (), {})
        return staff_id

    def declare_own_number(self, uow: UnitOfWork, staff_id: str, number: str) -> None:
        """Keep, as a blind index, whom this member is in the register; raises WrongField.

        It is asked once, at the set-up, and works also for who is enrolled later.
        """
        index = self._vault.index(CIVIL_NUMBER, civil_number(number))
        uow.execute(update(staff).where(staff.c.id == staff_id).values(own_number=index))
        self._audit.record(uow, "staff.own-number", Actor("staff", staff_id), (), {})

    def own_person(self, uow: UnitOfWork, staff_id: str) -> str | None:
        """Whom this member of staff declared to be in the register, if anybody there."""
        row = uow.one(
            select(blind_indexes.c.person_id)
            .join_from(staff, blind_indexes, staff.c.own_number == blind_indexes.c.value)
            .where(staff.c.id == staff_id, blind_indexes.c.kind == CIVIL_NUMBER)
        )
        return None if row is None else str(row.person_id)

    def name_of(self, staff_id: str) -> str | None:
        """What they are called; None for who is no member of staff, such as a host's operator."""
        if not staff_id.startswith("stf_"):
            return None
        try:
            with self._database.read() as uow:
                return self.member(uow, staff_id).name
        except NotFound:
            return None

    def member(self, uow: UnitOfWork, staff_id: str) -> StaffMember:
        """Raises NotFound."""
        row = uow.one(select(staff).where(staff.c.id == staff_id))
        if row is None:
            raise NotFound("There is no such member of staff.")
        return self._member(row)

    def members(self, uow: UnitOfWork) -> list[StaffMember]:
        return [self._member(row) for row in uow.all(select(staff).order_by(staff.c.invited_at))]

    def _member(self, row: Row[Any]) -> StaffMember:
        name = self._vault.open(row.id, row.sealed_name, _NAME).decode()
        return StaffMember(row.id, name, row.role, row.state, row.changed_at)
