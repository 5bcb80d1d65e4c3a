"""The person's answer on the consent page — ISO/IEC 29184 §5.4; failures 11; privacy G-1, G-3."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, Forbidden, OAuthError, SeeOther
from foundation.pages import N_
from foundation.runtime import Runtime
from idp.login import Authenticated, Requirement
from idp.oauth import answers, grant_store
from idp.oauth.authorization import transaction
from idp.oauth.authorization.asking import Question
from idp.oauth.authorization.flow import (
    CONSENT,
    Authorization,
    being_tested,
    continuing,
    not_who_was_asked,
    somebody_else,
)
from idp.oauth.authorization.transaction import Transaction
from idp.oauth.choices import attributes_of
from idp.oauth.client import Client
from idp.oauth.errors import AccessDenied, Redirected
from policies import Consent, Notice, Policies

_REFUSED = ("refuse",)


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """All that the page shows: who asks, for what purpose, what exactly, in which words."""

    transaction: Transaction
    client: Client
    person: Authenticated
    question: Question
    notice: Notice

    @property
    def notice_digest(self) -> str:
        """Comes back with the answer: the record keeps the text that was really shown (G-3)."""
        return self.notice.digest.hex()


@dataclass(frozen=True, slots=True)
class Answering:
    """Shows the question and takes the answer, to the same person, session and request."""

    runtime: Runtime
    policies: Policies
    authorization: Authorization

    def page(self, http: Request, handle: str) -> ConsentPage:
        """The question of this transaction, for the person who is there now.

        Raises BadRequest, Conflict or Forbidden when handle, browser, session or question are
        not those that the transaction was bound to; SeeOther where it has to be put anew.
        """
        waiting = self.authorization.waiting(http, handle, self.runtime.clock.now())
        if waiting.state == transaction.ANSWERED:
            raise _answered()
        return self._page(http, waiting)

    def _page(self, http: Request, waiting: Transaction) -> ConsentPage:
        now, handle = self.runtime.clock.now(), waiting.handle
        if waiting.state != transaction.ASKING:
            raise SeeOther(continuing(handle))
        person = self.authorization.who.who(
            http, Requirement(level=0, return_to=f"{CONSENT}?transaction={handle}")
        )
        if not isinstance(person, Authenticated) or person.subject != waiting.person_id:
            raise not_who_was_asked()
        if person.session_id != waiting.session_id:
            # They signed in once more in another tab: the same question, for that session.
            raise SeeOther(continuing(handle))
        client = self.authorization.clients.find(waiting.client_id, now)
        if client is None or not client.active:
            raise Forbidden(
                N_("This service is suspended."),
                next_step=N_("Ask the service; nothing about you was given to it."),
            )
        if not self.authorization.may_sign_in(client, person):
            raise being_tested()
        question = self.authorization.asking.question(waiting.request, client, person.subject, now)
        asked = question.digest(waiting.request, person.subject, person.session_id)
        if waiting.asked_digest is None or not hmac.compare_digest(asked, waiting.asked_digest):
            raise Conflict(
                N_("What the service asks has changed while you were reading."),
                next_step=N_("Go back to the service and start again."),
            )
        translator = self.runtime.pages.translator(http)
        notice = self.policies.notice(
            question.purpose, client.name, translator.language, translator
        )
        return ConsentPage(waiting, client, person, question, notice)

    def accept(self, http: Request, handle: str, ticked: Collection[str], shown: str) -> str:
        """Record the choice and issue the code, together; returns where the browser goes.

        `ticked`: optional attributes chosen. `shown`: digest of the notice on the page.
        """
        said = ("accept", *sorted(ticked), shown)
        return self._once(http, handle, said, lambda page: self._accept(page, ticked, shown, said))

    def refuse(self, http: Request, handle: str) -> str:
        """The person said no: the service learns that, and nothing else.

        What they answered before does not outlive it: the service gets nobody in silence. Access
        that they gave before goes on until they end it.
        """
        return self._once(http, handle, _REFUSED, self._refuse)

    def _once(
        self, http: Request, handle: str, said: Sequence[str], act: Callable[[ConsentPage], str]
    ) -> str:
        return self.authorization.repeating.once(
            lambda: self.authorization.waiting(http, handle, self.runtime.clock.now()),
            said,
            lambda waiting: act(self._page(http, waiting)),
            _answered,
        )

    def _accept(
        self, page: ConsentPage, ticked: Collection[str], shown: str, said: Sequence[str]
    ) -> str:
        if not hmac.compare_digest(shown.encode(), page.notice_digest.encode()):
            raise BadRequest(
                N_("The notice changed while you were reading it."),
                where="notice",
                next_step=N_("Go back, load the page again, and read the notice as it is now."),
            )
        question, now = page.question, self.runtime.clock.now()
        ticked = attributes_of(ticked, question.optional, self.policies.catalogue)
        unknown = set(ticked) - set(question.optional)
        if unknown:
            raise BadRequest(N_("Only what the page asks can be chosen."), where=min(unknown))
        chosen = (*question.needed, *(name for name in question.optional if name in ticked))
        request, repeating = page.transaction.request, self.authorization.repeating
        if not self.authorization.is_expected(request, page.client, page.person):
            # Looked at only after they agreed to be known: a refusal tells nothing of a guess.
            with self.runtime.database.write() as uow:
                repeating.end(uow, page.transaction)
                place = self._place(page, somebody_else())
                return repeating.led(uow, page.transaction, said, place)
        with self.runtime.database.write() as uow:
            repeating.answer(uow, page.transaction)
            consent = None
            if question.asked:
                before = self.policies.consent.at_service(uow, page.person.subject, page.client.id)
                consent = self.policies.consent.give(
                    person_id=page.person.subject,
                    service=page.client.id,
                    service_name=page.client.name,
                    purpose=question.purpose,
                    asked=question.asked,
                    chosen=chosen,
                    notice=page.notice,
                    uow=uow,
                )
                self._end_what_is_wider(uow, before, consent, now)
            rests_on = consent if consent is not None and chosen else None
            answer = self.authorization.asking.remember(
                uow, page.person.subject, question, rests_on, now
            )
            place = self.authorization.issuing.issue(
                uow,
                request,
                page.client,
                page.person,
                (*chosen, *question.by_law),
                None if rests_on is None else rests_on.id,
                answer.until,
                now,
            )
            return repeating.led(uow, page.transaction, said, place)

    def _refuse(self, page: ConsentPage) -> str:
        repeating = self.authorization.repeating
        with self.runtime.database.write() as uow:
            repeating.end(uow, page.transaction)
            answers.forget(uow, page.person.subject, page.client.id)
            self.runtime.audit.record(
                uow,
                "service.refused",
                Actor("citizen", page.person.subject),
                persons=[page.person.subject],
                details={
                    "service": page.client.id,
                    "service_name": page.client.name,
                    "purpose": page.question.purpose,
                    "attributes": list(page.question.asked),
                },
            )
            place = self._place(page, AccessDenied("The person refused."))
            return repeating.led(uow, page.transaction, _REFUSED, place)

    def _place(self, page: ConsentPage, error: OAuthError) -> str:
        way_back = page.transaction.request.way_back
        return Redirected(error, way_back=way_back, issuer=self.authorization.issuer).location

    def _end_what_is_wider(
        self, uow: UnitOfWork, before: Sequence[Consent], given: Consent, now: datetime
    ) -> None:
        """Tokens that rest on a wider answer end with it: their scope says more than is allowed.

        The service has a new code in hand for what is allowed now.
        """
        for old in before:
            if old.purpose == given.purpose and set(old.attributes) - set(given.attributes):
                grant_store.end_of_consent(uow, old.id, "a narrower answer took its place", now)


def _answered() -> Conflict:
    return Conflict(
        N_("This question was answered already."),
        where="transaction",
        next_step=N_("Go back to the service; your choice is in your account."),
    )
