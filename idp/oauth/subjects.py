"""Pairwise subjects and sessions — OpenID Connect Core §8.1; privacy P-1.

A subject is a stored random value per (person, sector), never computed: it can move with the
governance model, and no key of ours links the subjects of one person. The sector is a host without
its port (§8.1). Subjects that were made when the port belonged to it stay: they are looked for
first, and each service goes on with the `sub` that it knows.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.keys import Keys
from idp.oauth import redirects
from idp.oauth.tables import subjects


class Sector(str):
    """The name of a sector; `former`: the one that it had while a port belonged to it."""

    former: str | None = None

    @classmethod
    def of_host(cls, uris: Collection[str]) -> Sector:
        """That of the one host of these URIs, of which there is one at least."""
        sector = cls(redirects.host(next(iter(uris))))
        places = {urlsplit(uri).netloc.lower() for uri in uris}
        if len(places) == 1 and places != {sector}:
            sector.former = places.pop()
        return sector


def _names(sector: str) -> tuple[str, ...]:
    """Under which subjects are looked for, in the order in which they count."""
    former = sector.former if isinstance(sector, Sector) else None
    return (sector,) if former is None else (former, sector)


# Built once: every sign-in runs the one, every question the other.
_SUBJECT = select(subjects.c.subject).where(
    subjects.c.person_id == bindparam("person"), subjects.c.sector == bindparam("sector")
)
_PERSON_OF = select(subjects.c.person_id).where(
    subjects.c.sector == bindparam("of_sector"), subjects.c.subject == bindparam("of_subject")
)


def known_subject(uow: UnitOfWork, person_id: str, sector: str) -> str | None:
    """The subject of this person in this sector, if there is one."""
    for name in _names(sector):
        row = uow.one(_SUBJECT, {"person": person_id, "sector": name})
        if row is not None:
            return str(row.subject)
    return None


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
        "sector": str(sector),
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
    for name in _names(sector):
        row = uow.one(_PERSON_OF, {"of_sector": name, "of_subject": subject})
        if row is not None:
            return str(row.person_id)
    return None


def adopt(uow: UnitOfWork, person_id: str, sector: str, subject: str, now: datetime) -> None:
    """Take over a subject that was made elsewhere (a move between governance models)."""
    uow.execute(
        insert(subjects).values(person_id=person_id, sector=sector, subject=subject, created_at=now)
    )


def session_reference(keys: Keys, session_id: str, sector: str) -> str:
    """`sid` for one sector: stable for the session, and useless to another sector (P-1)."""
    return _session_reference(keys, session_id, sector)


def refers_to(keys: Keys, reference: str, session_id: str, sector: str) -> bool:
    """Whether a `sid` is that of this session, for this sector."""
    known = [_session_reference(keys, session_id, name) for name in _names(sector)]
    return any(hmac.compare_digest(one, reference) for one in known)


def _session_reference(keys: Keys, session_id: str, name: str) -> str:
    mac = keys.mac("oauth-sid", f"{session_id}\0{name}".encode())
    return base64.urlsafe_b64encode(mac[:18]).decode("ascii")
