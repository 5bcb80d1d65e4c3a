"""What an applicant does: begin, save each step, send, answer, withdraw — 29115 §10.1, EN-1.

Everything is on the server as soon as a step is sent. The same form sent twice changes nothing;
what another device has saved meanwhile is not overwritten unseen. Nothing here looks anybody up:
whether somebody is in the register already is for the office to find, and is told to nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Gone, Unavailable
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction
from idp.register.applications import store
from idp.register.applications.access import Access, Accesses
from idp.register.applications.application import (
    ANSWER,
    ASKED,
    DRAFT,
    FIELDS_OF,
    OPEN,
    REACH,
    REFUSED,
    SENT,
    WITHDRAWN,
    Application,
    Versions,
    missing,
)
from idp.register.applications.contact import Contacts
from idp.register.applications.settings import ApplicationSettings
from idp.register.applications.tables import online_applications
from idp.register.reasons import checked_reason
from idp.register.register import Register

_BEGUN, _RESUMED, _AN_HOUR = "apply-begun", "apply-resumed", timedelta(hours=1)


class Elsewhere(Conflict):
    """Another device or tab has saved this step meanwhile."""

    def __init__(self) -> None:
        super().__init__("This step was changed meanwhile, on another device or in another tab.")


class NotOpen(Gone):
    """Withdrawn, expired, sent already, or decided."""

    def __init__(self) -> None:
        super().__init__(
            "This application cannot be changed any more.",
            next_step="Look where it is, or begin a new one.",
        )


class Applying:
    """The applicant's acts. Safe to share between threads."""

    def __init__(self, runtime: Runtime, register: Register, contacts: Contacts) -> None:
        self._runtime = runtime
        self._register = register
        self._contacts = contacts
        self._settings = runtime.settings.of(ApplicationSettings)
        self._versions = Versions(
            runtime.settings.of(Jurisdiction).terms_version, self._settings.notice_version
        )
        self.accesses = Accesses(runtime.keys)

    @property
    def versions(self) -> Versions:
        """Of the terms and the notice that are agreed to now."""
        return self._versions

    # ── whose it is ───────────────────────────────────────────────────────────────────

    def opened(self, access: Access | None, now: datetime) -> Application | None:
        """That of a cookie, as long as it is there and the cookie is of its last code."""
        if access is None:
            return None
        with self._runtime.database.read() as uow:
            found = store.by_id(uow, access.application_id)
        if found is None or not access.opens(found) or found.expires_at <= now:
            return None
        return found

    def resume(self, code: str, source: str, now: datetime) -> Application | None:
        """The application of a code; a wrong one counts, and is told from nothing else. Raises
        TooManyRequests."""
        rates, most = self._runtime.rates, self._settings.begun_an_hour
        with self._runtime.database.write() as uow:
            counted = rates.attempt_from(uow, _RESUMED, source, most, _AN_HOUR, now, shared=True)
            found = store.by_resume(uow, self.accesses.digest(code))
            right = found is not None and self.accesses.fits(found, code) and found.expires_at > now
            if not right or found is None:
                rates.wrong_from(uow, _RESUMED, source, most, _AN_HOUR, now)
                return None
            rates.right_from(uow, counted)
            self._note(uow, "application.resumed", found)
        return found

    def renew_code(self, found: Application, by: Access, now: datetime) -> int:
        """Another code: the one before, and every browser that went on by it, opens nothing more
        but this one. The number of the new code; asked for twice, there is one. Raises NotOpen."""
        if found.access > max(by.access, 1):
            return found.access
        access = found.access + 1
        digest = self.accesses.digest(self.accesses.code(found.id, access))
        values = {"access": access, "resume": digest, "renewed_by": by.browser}
        with self._runtime.database.write() as uow:
            mine = online_applications.c.access == found.access
            if not store.change(uow, found, values, now, mine):
                raise NotOpen
            self._note(uow, "application.code-renewed", found)
        return access

    # ── filling in ────────────────────────────────────────────────────────────────────

    def begin(self, application_id: str, source: str, now: datetime) -> Application:
        """A new draft, under the id that the browser was given with the first form; the one that is
        there already, if the form is sent again. Raises TooManyRequests, Unavailable, NotOpen."""
        with self._runtime.database.read() as uow:
            if (found := store.by_id(uow, application_id)) is not None:
                return _as_begun(found)
            if store.drafts(uow) >= self._settings.most_open:
                raise Unavailable(
                    "Too many applications are open at the moment.",
                    next_step="Come back tomorrow, or go to the registration office.",
                    headers={"Retry-After": "3600"},
                )
        with self._runtime.database.write() as uow:
            most = self._settings.begun_an_hour
            self._runtime.rates.attempt_from(uow, _BEGUN, source, most, _AN_HOUR, now)
        self._runtime.vault.create(application_id)  # the key stands before the first row
        try:
            with self._runtime.database.write() as uow:
                return self._insert(uow, application_id, now)
        except IntegrityError:
            # The same form, twice in one moment: the first began it, and the key is its key.
            with self._runtime.database.read() as uow:
                found = store.by_id(uow, application_id)
            if found is None:
                raise
            return _as_begun(found)
        except LookupError:
            # It was there before, and was withdrawn: an id never comes back.
            self._runtime.vault.erase(application_id)
            raise NotOpen from None

    def _insert(self, uow: UnitOfWork, application_id: str, now: datetime) -> Application:
        resume = self.accesses.digest(self.accesses.code(application_id, 1))
        uow.execute(
            insert(online_applications).values(
                id=application_id,
                number=opaque.code(2),
                resume=resume,
                access=1,
                state=DRAFT,
                begun_at=now,
                urgent=False,
                expires_at=now + timedelta(days=self._settings.draft_days),
            )
        )
        found = store.known(uow, application_id)
        self._note(uow, "application.begun", found)
        return found

    def save(
        self, found: Application, step: str, values: Mapping[str, str], seen: int, now: datetime
    ) -> None:
        """Keep what one step says; raises Elsewhere, NotOpen."""
        kept = {name: values[name] for name in FIELDS_OF[step] if values.get(name)}
        with self._runtime.database.write() as uow:
            if found.state != DRAFT or not store.change(uow, found, self._later(now), now):
                raise NotOpen
            if not store.save(uow, self._runtime.vault, found.id, step, kept, seen):
                raise Elsewhere
            if step == REACH and not self._contacts.is_of(found, kept.get("email", "")):
                store.change(uow, found, {"contact": None, "contact_at": None}, now)

    def choose(self, found: Application, way: str, now: datetime) -> None:
        """The way; the caller has seen that it is offered. Raises NotOpen."""
        self._set(found, {"way": way}, now)

    def agree(self, found: Application, policy_version: str, now: datetime) -> None:
        """The terms and the notice, by their versions of now (EN-1). Raises NotOpen."""
        values = {
            "terms_version": self._versions.terms,
            "notice_version": self._versions.notice,
            "policy_version": policy_version,
            "agreed_at": now,
        }
        self._set(found, values, now)

    def _set(self, found: Application, values: Mapping[str, object], now: datetime) -> None:
        with self._runtime.database.write() as uow:
            if found.state != DRAFT or not store.change(
                uow, found, {**values, **self._later(now)}, now
            ):
                raise NotOpen

    def _later(self, now: datetime) -> dict[str, datetime]:
        return {"expires_at": now + timedelta(days=self._settings.draft_days)}

    # ── sent ──────────────────────────────────────────────────────────────────────────

    def send(self, found: Application, now: datetime) -> bool:
        """To the office, once; False when something is missing. The caller has seen that the data
        are a profile. Raises NotOpen."""
        with self._runtime.database.write() as uow:
            fresh = store.by_id(uow, found.id)
            if fresh is None or fresh.state == WITHDRAWN or fresh.expires_at <= now:
                raise NotOpen
            if fresh.state != DRAFT:
                return True  # sent twice
            if missing(fresh, store.versions(uow, fresh.id), self._versions):
                return False
            due = now + timedelta(days=self._settings.decision_days)
            expires = now + timedelta(days=self._settings.waiting_days)
            values = {"state": SENT, "sent_at": now, "due_at": due, "expires_at": expires}
            if not store.change(uow, fresh, values, now):
                raise NotOpen
            self._note(uow, "application.sent", fresh, way=fresh.way or "")
            self._contacts.tell(uow, fresh, "application.sent", now)
        return True

    def answer(self, found: Application, said: str, now: datetime) -> None:
        """To what the office asked: it is their turn again. The same answer twice is one. Raises
        NotOpen, BadRequest."""
        answer = checked_reason(said)
        with self._runtime.database.write() as uow:
            fresh = store.by_id(uow, found.id)
            if fresh is None or fresh.state not in (ASKED, SENT) or fresh.expires_at <= now:
                raise NotOpen
            if fresh.state == SENT:
                return
            values = {
                "state": SENT,
                "due_at": now + timedelta(days=self._settings.decision_days),
                "expires_at": now + timedelta(days=self._settings.waiting_days),
            }
            if not store.change(uow, fresh, values, now):
                raise NotOpen
            seen = store.versions(uow, fresh.id).get(ANSWER, 0)
            store.save(uow, self._runtime.vault, fresh.id, ANSWER, {"said": answer}, seen)
            self._note(uow, "application.answered", fresh, said=answer)

    def withdraw(self, found: Application, now: datetime) -> None:
        """It leads nowhere from now on, and is deleted with its key. Raises NotOpen when the office
        has made an identity of it already."""
        with self._runtime.database.write() as uow:
            fresh = store.by_id(uow, found.id)
            if fresh is None:
                return
            if fresh.state not in (*OPEN, REFUSED):
                raise NotOpen
            if not store.change(uow, fresh, {"state": WITHDRAWN, "expires_at": now}, now):
                raise NotOpen
            self._note(uow, "application.withdrawn", fresh)
        self.delete(found.id)

    def delete(self, application_id: str) -> None:
        """The key first, then the rows (rule 5)."""
        self._runtime.vault.erase(application_id)
        with self._runtime.database.write() as uow:
            store.forget(uow, application_id)
            self._runtime.audit.forget(uow, application_id)

    def _note(self, uow: UnitOfWork, kind: str, found: Application, **told: str) -> None:
        self._runtime.audit.record(uow, kind, Actor("citizen", found.id), [found.id], told)


def _as_begun(found: Application) -> Application:
    """A form that was sent again gives nothing back that a new code has taken from this browser."""
    if found.access != 1 or found.state != DRAFT:
        raise NotOpen
    return found
