"""An applicant's e-mail address, exercised by a code — ISO/IEC 29115 EN-5, NIST SP 800-63A §3.8.

The code is for one application and one address; it is kept as a keyed digest, ends after a while
and after a few wrong ones. Whoever changes the address has to show that they read the new one.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import TooManyRequests
from foundation.keys import Keys
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register.applications import store
from idp.register.applications.application import DRAFT, REACH, Application
from idp.register.applications.settings import ApplicationSettings
from idp.register.applications.tables import contact_codes
from idp.register.notice_settings import NoticeSettings
from idp.register.notices import CODE, Notices

TRIES = 5
_TO, _FROM, _A_DAY = "apply-code-to", "apply-code-from", timedelta(days=1)
_A_DAY_TO, _A_DAY_FROM = 5, 60


def answered(keys: Keys, found: Application, address: str) -> bool:
    """Whether a code came back from this address, for this application."""
    if found.contact is None or not address:
        return False
    return hmac.compare_digest(found.contact, _digest(keys, found.id, address))


def _digest(keys: Keys, application_id: str, address: str) -> bytes:
    return keys.mac("applicant-contact", f"{application_id}\0{address.casefold()}".encode())


class Contacts:
    """Sends codes, takes them back, and tells applicants by an address that answered."""

    def __init__(self, runtime: Runtime, notices: Notices) -> None:
        self._runtime = runtime
        self._notices = notices
        self._settings = runtime.settings.of(ApplicationSettings)
        self.by_mail = bool(runtime.settings.of(NoticeSettings).smtp_host)
        """Whether this deployment sends mail at all."""

    def is_of(self, found: Application, address: str) -> bool:
        """Whether this is the address that a code came back from."""
        return answered(self._runtime.keys, found, address)

    def send(
        self, found: Application, address: str, locale: str, source: str, now: datetime
    ) -> None:
        """A new code to the address; the one before works no more. Raises TooManyRequests: an
        address gets a few a day, whoever asks, and a network asks for some."""
        rates, code = self._runtime.rates, opaque.code(2)
        ends = now + timedelta(minutes=self._settings.code_minutes)
        values = {
            "digest": self._code(found.id, code),
            "contact": self._digest(found.id, address),
            "sent_at": now,
            "tries": 0,
            "expires_at": ends,
        }
        try:
            with self._runtime.database.write() as uow:
                key = self._runtime.vault.index("applicant-contact", address).hex()
                rates.attempt(uow, _TO, key, _A_DAY_TO, _A_DAY, now)
                rates.attempt_from(uow, _FROM, source, _A_DAY_FROM, _A_DAY, now)
                mine = update(contact_codes).where(contact_codes.c.application_id == found.id)
                if not uow.changed(mine.values(**values)):
                    uow.execute(insert(contact_codes).values(application_id=found.id, **values))
                words = {"code": code}
                self._notices.tell_applicant(uow, found.id, CODE, address, locale, now, words)
        except IntegrityError:
            return  # the same form twice in one moment: the other one's code is on its way

    def waits(self, uow: UnitOfWork, found: Application, address: str, now: datetime) -> bool:
        """Whether a code is on its way to this address."""
        row = uow.one(select(contact_codes).where(contact_codes.c.application_id == found.id))
        if row is None or row.expires_at <= now or row.tries >= TRIES:
            return False
        return hmac.compare_digest(row.contact, self._digest(found.id, address))

    def confirm(self, found: Application, address: str, typed: str, now: datetime) -> bool:
        """The code came back: whether it was right. Each try is counted before it is compared.
        Raises TooManyRequests when there were too many, or the code is over."""
        row_of = contact_codes.c.application_id == found.id
        with self._runtime.database.write() as uow:
            left = (contact_codes.c.tries < TRIES) & (contact_codes.c.expires_at > now)
            tried = update(contact_codes).where(row_of, left)
            if uow.changed(tried.values(tries=contact_codes.c.tries + 1)) != 1:
                raise TooManyRequests(
                    "This code no longer works.",
                    retry_after=1,
                    next_step="Ask for a new one.",
                )
        with self._runtime.database.write() as uow:
            row = uow.one(select(contact_codes).where(row_of))
            right = row is not None and hmac.compare_digest(
                row.digest, self._code(found.id, opaque.normalise_code(typed))
            )
            same = row is not None and hmac.compare_digest(
                row.contact, self._digest(found.id, address)
            )
            if not (right and same):
                return False
            fresh = store.by_id(uow, found.id)
            values = {"contact": self._digest(found.id, address), "contact_at": now}
            if fresh is None or fresh.state != DRAFT or not store.change(uow, fresh, values, now):
                return False
            uow.execute(delete(contact_codes).where(row_of))
            by = Actor("citizen", found.id)
            self._runtime.audit.record(uow, "application.contact-exercised", by, [found.id], {})
        return True

    def tell(self, uow: UnitOfWork, found: Application, kind: str, now: datetime) -> None:
        """A notice, to an address that has answered; else the page of the application says it."""
        try:
            reach = store.parts(uow, self._runtime.vault, found.id).get(REACH, {})
        except Erased:
            return
        address = reach.get("email", "")
        if self.is_of(found, address):
            words, locale = {"number": found.number}, reach.get("locale", "")
            self._notices.tell_applicant(uow, found.id, kind, address, locale, now, words)

    def _digest(self, application_id: str, address: str) -> bytes:
        return _digest(self._runtime.keys, application_id, address)

    def _code(self, application_id: str, code: str) -> bytes:
        return self._runtime.keys.mac("applicant-code", f"{application_id}\0{code}".encode())
