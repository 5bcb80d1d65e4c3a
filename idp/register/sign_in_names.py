"""Sign-in names: chosen at activation, unique over citizens and staff, stored blind.

Which ones can be chosen is said by PRECIS' IdentifierClass (RFC 8264 §4.2, RFC 8265 §3), over one
version of Unicode (decision 30). Who has a name is found by it, whatever can be chosen today.
"""

from __future__ import annotations

from datetime import datetime

import unicodedata2
from precis_i18n import get_profile
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict
from foundation.text import category, fold, is_letter, is_mark, nfkc, trimmed
from foundation.vault import Vault
from idp.register.subject import Subject
from idp.register.tables import sign_in_names

LONGEST = 254
# Characters of Han, Kana and Hangul are wide, and say as much as two.
_LEAST_WIDTH = 3
_KIND = "sign-in-name"
# Those of an e-mail address (RFC 5322 §3.2.3) but the slash; the class would take all of ASCII.
_MARKS = frozenset(".@!#$%&'*+-=?^_`{|}~")
_IDENTIFIER = get_profile("IdentifierClass", unicodedata=unicodedata2)
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
        name = written(name)
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


def written(name: str) -> str:
    """The name as every keyboard writes it: NFKC, with the apostrophe and hyphen of ASCII for those
    that a phone puts in their place, and without what surrounds it unseen."""
    return "".join(_of_a_keyboard(char) for char in nfkc(trimmed(name)))


def check(name: str) -> str:
    """The name as it is written; raises BadRequest when it cannot be one."""
    name = written(name)
    if not _can_be_chosen(name):
        raise BadRequest(
            "A sign-in name has 3 to 254 letters or digits, or at least 2 characters of Chinese, "
            "Japanese or Korean. Dots, dashes and @ are fine; spaces are not.",
            where="sign_in_name",
            next_step="Choose such a name; your e-mail address is one.",
        )
    return name


def _can_be_chosen(name: str) -> bool:
    wide_enough = sum(2 if _is_wide(char) else 1 for char in name) >= _LEAST_WIDTH
    if not wide_enough or len(name) > LONGEST or is_mark(name[0]):
        return False
    if any(char.isascii() and not char.isalnum() and char not in _MARKS for char in name):
        return False
    try:
        # Vowel signs, tone marks and joiners where a script needs them; nothing that is not seen.
        _IDENTIFIER.enforce(fold(name))
    except UnicodeEncodeError:
        return False
    return any(is_letter(char) for char in name)


def _is_wide(char: str) -> bool:
    """East Asian Width — UAX #11."""
    return unicodedata2.east_asian_width(char) in ("W", "F")


def _of_a_keyboard(char: str) -> str:
    if char in "\u2018\u2019":
        return "'"
    return "-" if category(char) == "Pd" or char == "\u2212" else char
