"""Pairwise subjects and sessions — OpenID Connect Core §8.1; privacy P-1.

A subject is a stored random value per (person, sector), never computed: it can move with the
governance model, and no key of ours links the subjects of one person.
"""

from __future__ import annotations

import base64
from datetime import datetime

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.keys import Keys
from idp.oauth.tables import subjects

# Built once: every sign-in runs the one, every question the other.
_SUBJECT = select(subjects.c.subject).where(
    subjects.c.person_id == bindparam("person"), subjects.c.sector == bindparam("sector")
)
_PERSON_OF = select(subjects.c.person_id).where(
    subjects.c.sector == bindparam("of_sector"), subjects.c.subject == bindparam("of_subject")
)


def known_subject(uow: UnitOfWork, person_id: str, sector: str) -> str | None:
    """The subject of this person in this sector, if there is one."""
    row = uow.one(_SUBJECT, {"person": person_id, "sector": sector})
    return None if row is None else str(row.subject)


def subject_of(uow: UnitOfWork, person_id: str, sector: str, now: datetime) -> str:
    """The subject of this person in this sector, made at first need.

    Two processes that make it at once agree on the row that came first.
    """
    known = known_subject(uow, person_id, sector)
    if known is not None:
        return known
    dialect = uow.connection.dialect.name
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = {
        "person_id": person_id,
        "sector": sector,
        "subject": opaque.secret(24),
        "created_at": now,
    }
    uow.execute(build(subjects).values(**row).on_conflict_do_nothing())
    made = known_subject(uow, person_id, sector)
    if made is None:
        raise LookupError("the row that was just written is not there")
    return made


def person_of(uow: UnitOfWork, sector: str, subject: str) -> str | None:
    """Who that sector means by `subject`."""
    row = uow.one(_PERSON_OF, {"of_sector": sector, "of_subject": subject})
    return None if row is None else str(row.person_id)


def adopt(uow: UnitOfWork, person_id: str, sector: str, subject: str, now: datetime) -> None:
    """Take over a subject that was made elsewhere (a move between governance models)."""
    uow.execute(
        insert(subjects).values(person_id=person_id, sector=sector, subject=subject, created_at=now)
    )


def session_reference(keys: Keys, session_id: str, sector: str) -> str:
    """`sid` for one sector: stable for the session, and useless to another sector (P-1)."""
    mac = keys.mac("oauth-sid", f"{session_id}\0{sector}".encode())
    return base64.urlsafe_b64encode(mac[:18]).decode("ascii")
