"""Sign-in names: chosen at activation, unique over citizens and staff, stored blind."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict
from foundation.vault import Vault
from idp.register.subject import Subject
from idp.register.tables import sign_in_names

LONGEST = 254
_KIND = "sign-in-name"
_MARKS = frozenset("._-@+")
# Built once: every sign-in runs them.
_SUBJECT_OF = select(sign_in_names.c.subject_kind, sign_in_names.c.subject_id).where(
    sign_in_names.c.value == bindparam("index")
)
_NAME_OF = select(sign_in_names.c.sealed_name).where(
    sign_in_names.c.subject_kind == bindparam("kind"),
    sign_in_names.c.subject_id == bindparam("subject"),
)


class NameTaken(Conflict):
    """The sign-in name belongs to somebody."""

    def __init__(self) -> None:
        super().__init__(
            "This sign-in name cannot be used.",
            where="sign_in_name",
            next_step="Choose another one, for example with a number at its end.",
        )


class SignInNames:
    """Claims names and finds whose they are; equal without regard to case and width."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def claim(self, uow: UnitOfWork, subject: Subject, name: str, now: datetime) -> None:
        """Give the name to the subject, who has none yet. Raises BadRequest or NameTaken."""
        name = check(name)
        value = self._vault.index(_KIND, name)
        taken = uow.one(
            select(sign_in_names.c.value).where(
                (sign_in_names.c.value == value)
                | (
                    (sign_in_names.c.subject_kind == subject.kind)
                    & (sign_in_names.c.subject_id == subject.id)
                )
            )
        )
        if taken is not None:
            raise NameTaken
        try:
            uow.execute(
                insert(sign_in_names).values(
                    value=value,
                    subject_kind=subject.kind,
                    subject_id=subject.id,
                    sealed_name=self._vault.seal(subject.id, name.encode(), _KIND),
                    claimed_at=now,
                )
            )
        except IntegrityError:
            raise NameTaken from None

    def subject_of(self, uow: UnitOfWork, name: str) -> Subject | None:
        """Whose name this is, or None; what cannot be a name is nobody's."""
        if len(name) > LONGEST:
            return None
        row = uow.one(_SUBJECT_OF, {"index": self._vault.index(_KIND, name)})
        return None if row is None else Subject(row.subject_kind, row.subject_id)

    def name_of(self, uow: UnitOfWork, subject: Subject) -> str | None:
        """The subject's own sign-in name, as it was typed; raises Erased."""
        row = uow.one(_NAME_OF, {"kind": subject.kind, "subject": subject.id})
        return None if row is None else self._vault.open(subject.id, row[0], _KIND).decode()

    def release(self, uow: UnitOfWork, subject: Subject) -> None:
        """Take the name back when the identity ends."""
        uow.execute(
            delete(sign_in_names).where(
                sign_in_names.c.subject_kind == subject.kind,
                sign_in_names.c.subject_id == subject.id,
            )
        )


def check(name: str) -> str:
    """The name in its normal form; raises BadRequest when it cannot be one."""
    name = unicodedata.normalize("NFKC", name).strip()
    fits = 3 <= len(name) <= LONGEST and all(c.isalnum() or c in _MARKS for c in name)
    if not fits:
        raise BadRequest(
            "A sign-in name has 3 to 254 letters, digits or the marks . _ - @ +, without spaces.",
            where="sign_in_name",
            next_step="Choose such a name; your e-mail address is one.",
        )
    return name
