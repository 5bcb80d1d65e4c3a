"""What a person is told outside of their session — NIST SP 800-63B §4.6, ISO/IEC 29115 CM-9.

Whoever changes how somebody signs in may be a thief in a session of theirs, so each change is told
on a way that the session does not open: by e-mail to the address in the register, or by a letter
that the operator posts. It also stands in the account, until the person with the strongest means
has seen it. The words are sealed for the person; they name no secret and hold no link with a token.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from foundation import opaque
from foundation.database import UnitOfWork
from foundation.pages import N_
from foundation.runtime import Runtime
from foundation.vault import Erased
from idp.register import store
from idp.register.notice_settings import NoticeSettings
from idp.register.subject import Subject
from idp.register.tables import notices

log = logging.getLogger("civitas.notices")
JOB = "notice"
_SEALED = "register notice"
_KEPT = timedelta(days=180)
HOME = ("street_address", "postal_code", "locality", "country")
_APPLICANT = "applicant"

SENTENCES: dict[str, str] = {
    "identity.activated": N_("Your identity was activated, and a password was chosen for it."),
    "credential.added": N_("A way to sign in was added to your account."),
    "credential.changed": N_("The password of your account was changed."),
    "credential.ended": N_("A way to sign in was removed from your account."),
    "credential.removal-asked": N_(
        "Somebody who is signed in to your account asked to remove a way to sign in without "
        "showing it. It is removed on %(due)s unless you stop it."
    ),
    "credential.removal-stopped": N_("The removal of a way to sign in was stopped."),
    "sign-in.new-browser": N_(
        "Somebody signed in to your account in a browser that we had not seen before: %(device)s."
    ),
    "credential.locked": N_("A way to sign in to your account was locked. It opens nothing."),
    "credential.unlocked": N_("A way to sign in to your account was unlocked."),
    "passkey.model-refused": N_(
        "A security key of yours is of a model that its maker or FIDO has called unsafe. It opens "
        "nothing any more. Add another one, and remove it."
    ),
    "recovery-code.used": N_(
        "A recovery code was used to change how you sign in. You have %(left)s left."
    ),
    "card.few-left": N_(
        "Your code card has %(left)s codes left. Print a new one on the page “How you sign in”."
    ),
    "codes.guessed": N_(
        "Somebody who knows your password is guessing the codes of your app or code card. Change "
        "your password."
    ),
    "recovery.asked": N_(
        "Somebody who gave your name and birth date asked for a letter with a code that lets them "
        "in as you. The letter is made on %(due)s, unless you stop it: sign in before that day."
    ),
    "recovery.asked-at-desk": N_(
        "At the registration office somebody showed to be you, and asked for a letter with a code "
        "that lets them in. All your ways to sign in end when the code is used."
    ),
    "recovery.stopped": N_("A letter that would have let somebody into your account was stopped."),
    "identity.recovered": N_(
        "The code of a letter was used to get back into your account. All ways to sign in that you "
        "had before have ended."
    ),
    "identity.joined": N_(
        "Somebody was entered in the register a second time, and two officers found that it is "
        "you. The second record was closed; yours is as it was."
    ),
    "identity.was-double": N_(
        "You were in the register twice. Two officers closed the second record, which this message "
        "is about; the first one is yours still."
    ),
    "identity.died": N_(
        "The civil register says that you have died, so your identity was closed, and nobody can "
        "sign in with it. If you read this and it is wrong, come to the registration office with "
        "your papers: it is opened again under the same number."
    ),
    "service.asks": N_(
        "A service asks you to confirm something. Sign in to your account, and look at “Requests "
        "of services” under “Services”. This message has no link, on purpose."
    ),
    "contact.changed": N_("What the register knows of you was changed: %(changed)s."),
    "application.code": N_("Your code is %(code)s. Type it on the page that asked for it."),
    "application.sent": N_("Your application %(number)s was sent."),
    "application.asked": N_("The office has a question about your application %(number)s."),
    "application.enrolled": N_(
        "The office has worked on your application %(number)s, and goes on with it."
    ),
    "application.refused": N_("The office cannot go on with your application %(number)s."),
}
LABELS: dict[str, str] = {
    "civil_number": N_("Civil number"),
    "given_name": N_("Given name"),
    "family_name": N_("Family name"),
    "birthdate": N_("Date of birth"),
    "street_address": N_("Street and house number"),
    "postal_code": N_("Postal code"),
    "locality": N_("Town"),
    "region": N_("Region"),
    "country": N_("Country"),
    "email": N_("Email address"),
    "phone_number": N_("Telephone number"),
    "locale": N_("Preferred language"),
    "municipality_code": N_("Municipality"),
    "date_of_death": N_("Date of death"),
}
"""What a profile holds, as people call it."""
WHAT_TO_DO = N_(
    "If this was you, there is nothing to do. If it was not, sign in with your passkey and look at "
    "%(where)s, or go to the registration office at once."
)


TO_APPLICANTS = "application."
"""How kinds begin that are told to who has no identity yet."""
CODE = "application.code"
CODE_SUBJECT = N_("A code for your application")
"""In the subject stands no code: a locked screen shows it."""
IF_NOT_YOURS = N_(
    "If you did not apply for an identity here, do nothing: without this message nobody goes on in "
    "your name."
)
WHERE_IT_STANDS = N_("Where it is, and what to do: %(where)s")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person is told. ``words`` fill the sentence of its kind."""

    id: str
    subject: Subject
    kind: str
    at: datetime
    channel: str
    to: tuple[str, ...]
    words: Mapping[str, str]
    locale: str
    home: Mapping[str, str]

    @property
    def sentence(self) -> str:
        return SENTENCES[self.kind]


class Notices:
    """Writes notices in the unit of work of what they tell of, and remembers who has seen them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = runtime.settings.of(NoticeSettings)

    def tell(
        self,
        uow: UnitOfWork,
        subject: Subject,
        kind: str,
        now: datetime,
        words: Mapping[str, str] | None = None,
        also_to: Sequence[str] = (),
        told_already: bool = False,
    ) -> None:
        """A notice that commits with the act.

        ``also_to``: an address that they had before. ``told_already``: at the activation itself,
        where a letter came first, an e-mail is sent, and no second letter.
        """
        if kind not in SENTENCES:
            raise ValueError(f"{kind} has no sentence")
        addresses, locale, home = self._reached(uow, subject)
        to = list(dict.fromkeys(filter(None, (*also_to, *addresses))))
        channel = "account"
        if to and self._settings.smtp_host:
            channel = "mail"
        elif subject.kind == "citizen" and self._settings.letters and not told_already:
            channel = "letter"
        content = {"to": to, "words": dict(words or {}), "locale": locale, "home": home}
        notice_id = opaque.identifier("ntc")
        try:
            sealed = self._runtime.vault.seal(subject.id, json.dumps(content).encode(), _SEALED)
        except Erased:
            return
        uow.execute(
            insert(notices).values(
                id=notice_id,
                subject_kind=subject.kind,
                subject_id=subject.id,
                kind=kind,
                at=now,
                channel=channel,
                sealed=sealed,
                seen_at=now if told_already else None,
                keep_until=now + _KEPT,
            )
        )
        if channel == "mail":
            self._runtime.jobs.enqueue(uow, JOB, {"notice": notice_id}, run_at=now)

    def tell_applicant(
        self,
        uow: UnitOfWork,
        application_id: str,
        kind: str,
        address: str,
        locale: str,
        now: datetime,
        words: Mapping[str, str],
    ) -> bool:
        """An e-mail to somebody who has no identity yet, sealed under the key of the application;
        False where no mail server is, or the key is gone."""
        if not self._settings.smtp_host or not address:
            return False
        content = {"to": [address], "words": dict(words), "locale": locale}
        try:
            sealed = self._runtime.vault.seal(application_id, json.dumps(content).encode(), _SEALED)
        except Erased:
            return False
        notice_id = opaque.identifier("ntc")
        uow.execute(
            insert(notices).values(
                id=notice_id,
                subject_kind=_APPLICANT,
                subject_id=application_id,
                kind=kind,
                at=now,
                channel="mail",
                sealed=sealed,
                seen_at=now,
                keep_until=now + _KEPT,
            )
        )
        self._runtime.jobs.enqueue(uow, JOB, {"notice": notice_id}, run_at=now)
        return True

    def unseen(self, uow: UnitOfWork, subject: Subject) -> list[Notice]:
        """What stands in the account still, newest first."""
        rows = uow.all(
            select(notices)
            .where(_unseen_by(subject))
            .order_by(notices.c.at.desc(), notices.c.id)
            .limit(20)
        )
        return [notice for row in rows if (notice := self._notice(row)) is not None]

    def seen(self, uow: UnitOfWork, subject: Subject, now: datetime) -> int:
        """The person knows. Only for who has shown the strongest means; how many there were."""
        return uow.changed(update(notices).where(_unseen_by(subject)).values(seen_at=now))

    def find(self, uow: UnitOfWork, notice_id: str) -> Notice | None:
        """A notice that is not sent yet."""
        row = uow.one(select(notices).where(notices.c.id == notice_id, notices.c.sent_at.is_(None)))
        return None if row is None else self._notice(row)

    def letters(self, uow: UnitOfWork) -> list[Notice]:
        """What has to be posted still."""
        rows = uow.all(
            select(notices)
            .where(notices.c.channel == "letter", notices.c.sent_at.is_(None))
            .order_by(notices.c.at, notices.c.id)
        )
        return [notice for row in rows if (notice := self._notice(row)) is not None]

    def sent(self, uow: UnitOfWork, notice_ids: Sequence[str], now: datetime) -> None:
        uow.execute(update(notices).where(notices.c.id.in_(notice_ids)).values(sent_at=now))

    def send_otherwise(self, uow: UnitOfWork, which: Any) -> int:
        """What cannot go by e-mail goes by letter, or stays in the account alone."""
        waiting = (notices.c.channel == "mail") & notices.c.sent_at.is_(None) & which
        # Nobody has found out yet where an applicant lives: no letter goes there.
        applicant = notices.c.subject_kind == _APPLICANT
        nowhere = uow.changed(update(notices).where(waiting, applicant).values(channel="account"))
        channel = "letter" if self._settings.letters else "account"
        return nowhere + uow.changed(update(notices).where(waiting).values(channel=channel))

    def sweep(self, now: datetime) -> None:
        """Periodic work: what an e-mail did not bring in a day goes another way; old ones go."""
        with self._runtime.database.write() as uow:
            late = self.send_otherwise(uow, notices.c.at < now - timedelta(days=1))
            uow.execute(delete(notices).where(notices.c.keep_until <= now))
        if late:
            log.warning("%d notices could not be sent by e-mail in a day", late)

    def say_where_they_go(self, now: datetime) -> None:
        """At start: an operator knows whether people are told outside of their sessions."""
        if not self._settings.smtp_host and not self._settings.letters:
            log.warning(
                "people are told of changes to how they sign in inside their account only: set "
                "smtp_host in [notices], or letters = true and post what `civitas notices "
                "letters` writes"
            )

    def _reached(
        self, uow: UnitOfWork, subject: Subject
    ) -> tuple[Sequence[str], str, dict[str, str]]:
        """(e-mail addresses, language, home address); the last one for a letter that is printed
        when the record has none any more."""
        if subject.kind == "staff":
            return (self._settings.staff_mailbox,), "", {}
        try:
            profile = store.profile(uow, self._runtime.vault, subject.id)
        except Erased:
            return (), "", {}
        home = {name: getattr(profile, name) for name in HOME}
        return (profile.email,), profile.locale, home

    def _notice(self, row: Any) -> Notice | None:
        try:
            opened = self._runtime.vault.open(row.subject_id, row.sealed, _SEALED)
        except Erased:
            return None
        content = json.loads(opened)
        return Notice(
            row.id,
            Subject(row.subject_kind, row.subject_id),
            row.kind,
            row.at,
            row.channel,
            tuple(content["to"]),
            content["words"],
            content["locale"],
            content.get("home", {}),
        )


def _unseen_by(subject: Subject) -> ColumnElement[bool]:
    return and_(
        notices.c.subject_id == subject.id,
        notices.c.subject_kind == subject.kind,
        notices.c.seen_at.is_(None),
    )
