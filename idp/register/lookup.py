"""Look-ups, each with its purpose, and in the person's ledger — P-4, GDPR art. 15.

By officers at the desk, and by the operator of the host.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from sqlalchemy import insert, select

from foundation import opaque
from foundation.audit import Actor
from foundation.clock import AHEAD
from foundation.database import UnitOfWork
from foundation.errors import BadRequest
from foundation.runtime import Runtime
from idp.register import search, store
from idp.register.search import Result
from idp.register.settings import RegisterSettings
from idp.register.tables import lookups

DATA = Path(__file__).parent / "data" / "lookup_purposes.toml"


@lru_cache(maxsize=1)
def purposes() -> Mapping[str, str]:
    """Purposes by id, each with the sentence that the person reads (a message id)."""
    with DATA.open("rb") as file:
        return {row["id"]: row["sentence"] for row in tomllib.load(file)["purpose"]}


class Lookups:
    """Opens a person's record to one officer, for one purpose, for a while."""

    def __init__(self, runtime: Runtime) -> None:
        self._database = runtime.database
        self._vault = runtime.vault
        self._audit = runtime.audit
        self._lasts = timedelta(minutes=runtime.settings.of(RegisterSettings).lookup_minutes)

    def search(self, number: str, purpose: str, officer: Actor, now: datetime) -> str | None:
        """The person with this civil number (normal form), whose record is then open.

        A search that finds nobody is recorded too, without the number.
        """
        check(purpose)
        with self._database.write() as uow:
            person_id = store.by_civil_number(uow, self._vault, number)
            if person_id is None:
                details = {"purpose": purpose}
                self._audit.record(uow, "register.searched-in-vain", officer, (), details)
            else:
                self._open(uow, person_id, purpose, officer, now)
        return person_id

    def search_by_name(
        self, name: str, birthdate: str, purpose: str, officer: Actor, leave_out: str | None
    ) -> Result:
        """People of this name and birth date (ISO, or its beginning); no record opens by it. Each
        who is shown reads that somebody searched; a search in vain is recorded without the words.
        """
        sentence = check(purpose)
        with self._database.write() as uow:
            found = search.find(uow, self._vault, name, birthdate, leave_out)
            details = {"purpose": purpose, "sentence": sentence, "found": found.number}
            shown = [one.person_id for one in found.people]
            kind = "register.searched" if shown else "register.searched-in-vain"
            self._audit.record(uow, kind, officer, shown, details)
        return found

    def open(self, person_id: str, purpose: str, officer: Actor, now: datetime) -> None:
        """Open the record of a person who is known already. Raises NoSuchPerson, BadRequest."""
        check(purpose)
        with self._database.write() as uow:
            store.known_person(uow, person_id)
            self._open(uow, person_id, purpose, officer, now)

    def note(self, uow: UnitOfWork, person_id: str, purpose: str, officer: Actor) -> None:
        """Tell the person why their address is read this once, for a letter; their record does
        not open. Raises BadRequest."""
        check(purpose)
        self._tell(uow, person_id, purpose, officer)

    def is_open(self, uow: UnitOfWork, person_id: str, officer: Actor, now: datetime) -> bool:
        row = uow.one(
            select(lookups.c.id).where(
                lookups.c.officer == officer.id,
                lookups.c.person_id == person_id,
                lookups.c.until > now,
                lookups.c.at <= now + AHEAD,
            )
        )
        return row is not None

    def _open(
        self, uow: UnitOfWork, person_id: str, purpose: str, officer: Actor, now: datetime
    ) -> None:
        uow.execute(
            insert(lookups).values(
                id=opaque.identifier("lku"),
                officer=officer.id,
                person_id=person_id,
                purpose=purpose,
                at=now,
                until=now + self._lasts,
            )
        )
        self._tell(uow, person_id, purpose, officer)

    def _tell(self, uow: UnitOfWork, person_id: str, purpose: str, officer: Actor) -> None:
        at_desk = officer.kind == "staff"
        system = "registration desk" if at_desk else "command line of the operator"
        details = {"purpose": purpose, "sentence": check(purpose), "system": system}
        self._audit.record(uow, "register.looked-up", officer, [person_id], details)


def check(purpose: str) -> str:
    """The sentence that the person reads. Raises BadRequest unless it is one of the purposes."""
    if purpose not in purposes():
        raise BadRequest(
            "A look-up needs its purpose.",
            where="purpose",
            next_step="Choose why you look this person up. They will read it.",
        )
    return purposes()[purpose]
