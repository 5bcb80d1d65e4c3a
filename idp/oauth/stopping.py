"""Ending at once what was issued: to a person, to a service, to everybody — RFC 9700 §4.14.

Inside the caller's unit of work. What is offline ends too: an incident leaves nothing behind.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

from foundation.database import UnitOfWork
from idp.oauth import cut_offs, grant_store
from idp.oauth.request_tables import transactions
from idp.oauth.tables import answers, codes


class Stopping:
    """Ends grants with their codes and tokens, and requests that wait for an answer."""

    def of_person(self, uow: UnitOfWork, person_id: str, because: str, now: datetime) -> int:
        """How many grants ended. Acting in their absence is asked anew."""
        uow.execute(delete(answers).where(answers.c.person_id == person_id, answers.c.offline))
        uow.execute(delete(transactions).where(transactions.c.person_id == person_id))
        return grant_store.end_of_person(uow, person_id, because, now)

    def of_client(self, uow: UnitOfWork, client_id: str, because: str, now: datetime) -> int:
        """The same for a service, with the tokens that it got for itself."""
        cut_offs.cut_off(uow, client_id, now)
        uow.execute(delete(transactions).where(transactions.c.client_id == client_id))
        uow.execute(delete(answers).where(answers.c.client_id == client_id, answers.c.offline))
        return grant_store.end_of_client(uow, client_id, because, now)

    def of_redirect(self, uow: UnitOfWork, client_id: str) -> None:
        """Codes of a service that were not used yet, and requests that wait: they go to addresses
        that may be its own no more."""
        unused = (codes.c.client_id == client_id) & codes.c.redeemed_at.is_(None)
        uow.execute(delete(codes).where(unused))
        uow.execute(delete(transactions).where(transactions.c.client_id == client_id))

    def of_everybody(self, uow: UnitOfWork, because: str, now: datetime) -> int:
        """The same for all services and devices."""
        cut_offs.cut_off(uow, cut_offs.EVERYBODY, now)
        uow.execute(delete(transactions))
        uow.execute(delete(answers).where(answers.c.offline))
        return grant_store.end_of_everybody(uow, because, now)
