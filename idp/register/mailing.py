"""Notices on their way out, by e-mail or as a file for who posts letters — RFC 5321, RFC 8314.

An error of a mail server names addresses, so none of it is kept or logged: only what kind it was.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from babel.lists import format_list

from foundation import secret_file
from foundation.pages.language import Translator
from foundation.pages.times import spelled
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from idp.register import store
from idp.register.csv_files import csv_text
from idp.register.notice_settings import NoticeSettings
from idp.register.notices import (
    CODE,
    CODE_SUBJECT,
    HOME,
    IF_NOT_YOURS,
    JOB,
    LABELS,
    TO_APPLICANTS,
    WHAT_TO_DO,
    WHERE_IT_STANDS,
    Notice,
    Notices,
)
from idp.register.tables import notices as table

_PATIENCE = 20  # seconds for each step of a conversation with the mail server
FIELDS = ("name", "street_address", "postal_code", "locality", "country", "date", "text")


class NotSent(Exception):
    """The mail server did not take it now; the message names nobody."""


class Mailing:
    """Sends what waits; each notice once, as far as a mail server lets one know."""

    def __init__(self, runtime: Runtime, notices: Notices) -> None:
        self._runtime = runtime
        self._notices = notices
        self._settings = runtime.settings.of(NoticeSettings)
        self._jurisdiction = runtime.settings.of(Jurisdiction)
        runtime.jobs.handler(JOB, self._send)
        runtime.jobs.periodic(
            "notices", timedelta(minutes=10), lambda: notices.sweep(runtime.clock.now())
        )

    def sentence(self, notice: Notice, say: Translator) -> str:
        """What happened, in the reader's language."""
        words = dict(notice.words)
        if "due" in words:
            words["due"] = self._spell(words["due"], say)
        if "device" in words:
            words["device"] = words["device"] or "?"
        if "changed" in words:
            labels = [say(LABELS.get(name, name)) for name in words["changed"].split(", ")]
            words["changed"] = format_list(labels, locale=say.locale)
        return say(notice.sentence, **words)

    def text(self, notice: Notice) -> tuple[str, str]:
        """(sentence, whole text) in the person's language."""
        say = self._runtime.pages.words.choose([notice.locale])
        if notice.kind.startswith(TO_APPLICANTS):
            return self._to_applicant(notice, say)
        where = f"{self._runtime.settings.of(Server).url}/account/credentials"
        sentence = self.sentence(notice, say)
        when = self._spell(notice.at.isoformat(), say)
        return sentence, "\n\n".join(
            (sentence, when, say(WHAT_TO_DO, where=where), self._jurisdiction.name)
        )

    def _to_applicant(self, notice: Notice, say: Translator) -> tuple[str, str]:
        """As `text`, without a word on who it is: the address may be somebody else's."""
        where = f"{self._runtime.settings.of(Server).url}/apply/status"
        sentence = say(notice.sentence, **notice.words)
        onward = say(IF_NOT_YOURS) if notice.kind == CODE else say(WHERE_IT_STANDS, where=where)
        when = self._spell(notice.at.isoformat(), say)
        subject = say(CODE_SUBJECT) if notice.kind == CODE else sentence
        return subject, "\n\n".join((sentence, when, onward, self._jurisdiction.name))

    def letters(self) -> tuple[list[str], bytes]:
        """(ids, a CSV file) of all that has to be posted; `posted` when the file is safe."""
        with self._runtime.database.read() as uow:
            waiting = self._notices.letters(uow)
            profiles = {
                n.subject.id: store.profile(uow, self._runtime.vault, n.subject.id) for n in waiting
            }
        rows = []
        for notice in waiting:
            profile = profiles[notice.subject.id]
            now_at = {name: getattr(profile, name) for name in HOME}
            # A closed record has no address any more: then where they lived when it was written.
            home = now_at if profile.street_address or profile.locality else notice.home or now_at
            address = {"name": profile.name, **home}
            _, text = self.text(notice)
            rows.append({**address, "date": notice.at.date().isoformat(), "text": text})
        return [notice.id for notice in waiting], csv_text(FIELDS, rows).encode()

    def posted(self, notice_ids: list[str]) -> None:
        with self._runtime.database.write() as uow:
            self._notices.sent(uow, notice_ids, self._runtime.clock.now())

    def _send(self, payload: Mapping[str, Any]) -> None:
        with self._runtime.database.read() as uow:
            notice = self._notices.find(uow, str(payload["notice"]))
        if notice is None or not notice.to or not self._settings.smtp_host:
            return
        refused = self._deliver(notice)
        with self._runtime.database.write() as uow:
            if refused:
                self._notices.send_otherwise(uow, table.c.id == notice.id)
            else:
                self._notices.sent(uow, [notice.id], self._runtime.clock.now())

    def _deliver(self, notice: Notice) -> bool:
        """Hand it to the mail server; True when it will never take it. Raises NotSent."""
        subject, text = self.text(notice)
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["Subject"] = f"{self._jurisdiction.name}: {subject}"[:200].replace("\n", " ")
        message["Date"] = format_datetime(self._runtime.clock.now())
        message["Message-ID"] = make_msgid(domain=str(self._settings.sender).rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers it by a machine
        message.set_content(text)
        try:
            with self._connected() as server:
                # No To of all: who had the address before learns nothing of the new one.
                for address in notice.to:
                    del message["To"]
                    message["To"] = address
                    server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            if all(code >= 500 for code in codes):
                return True
            raise NotSent("the mail server takes no mail for this recipient now") from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotSent(f"the mail server failed us: {type(error).__name__}") from None
        return False

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        host, port = str(settings.smtp_host), settings.smtp_port
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if settings.smtp_security == "tls":
            server = smtplib.SMTP_SSL(host, port, timeout=_PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=_PATIENCE)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user and settings.smtp_password_file:
                file = self._runtime.settings.resolve(settings.smtp_password_file)
                password = secret_file.read(file, "password of the mail server").decode().strip()
                server.login(settings.smtp_user, password)
        except BaseException:
            server.close()
            raise
        return server

    def _spell(self, instant: str, say: Translator) -> str:
        at = datetime.fromisoformat(instant)
        return spelled(at, self._jurisdiction.zone, say.locale, "full")
