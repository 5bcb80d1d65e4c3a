"""The walk of a sign-in: request → checks → who is there? → question → code (architecture)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request

from foundation import web
from foundation.database import UnitOfWork
from foundation.errors import ALLOW_COOKIES, NO_COOKIES, Forbidden, OAuthError, Over
from foundation.pages import N_
from foundation.runtime import Runtime
from idp.login import Authenticated, GoTo, Requirement, WhoIsThere
from idp.oauth import subjects, testers
from idp.oauth.authorization import freshness, transaction
from idp.oauth.authorization.asking import Asking, Question, still_answered
from idp.oauth.authorization.issuing import Issuing
from idp.oauth.authorization.reading import Reading
from idp.oauth.authorization.repeating import AnsweredMeanwhile, Repeating
from idp.oauth.authorization.request import AuthorizationRequest
from idp.oauth.authorization.transaction import Transaction
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.errors import (
    AccessDenied,
    ConsentRequired,
    LoginRequired,
    Redirected,
    UnmetAuthenticationRequirements,
    UnusableRequest,
)
from idp.oauth.settings import OAuthSettings

COME = "/oauth/come"
CONTINUE = "/oauth/continue"
CANCEL = "/oauth/cancel"
CONSENT = "/oauth/consent"
CONTINUED, CANCELLED = ("continue",), ("cancel",)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Everything between the authorization request and the code, but the consent answer."""

    runtime: Runtime
    settings: OAuthSettings
    issuer: str
    clients: Clients
    reading: Reading
    who: WhoIsThere
    asking: Asking
    issuing: Issuing
    repeating: Repeating

    def begin(self, http: Request, parameters: web.Form) -> str:
        """Answer an authorization request; returns where the browser goes next.

        Raises UnusableRequest before the redirect URI is trusted, Redirected after that, and
        TooManyRequests.
        """
        now = self.runtime.clock.now()
        request, client = self.reading.from_browser(http, parameters, now)
        try:
            if http.method == "POST" and web.is_from_elsewhere(http):
                return self._ask_to_come(http, request, now)
            return self._who_is_there(http, request, client, now)
        except AnsweredMeanwhile:
            raise _used() from None
        except OAuthError as error:
            raise self._redirected(error, request) from None

    def begin_with(self, http: Request, request: AuthorizationRequest) -> str:
        """The same for a request that came by another way and was checked (RFC 8628 §3.3)."""
        now = self.runtime.clock.now()
        client = self._known_client(request.client_id, now)
        try:
            return self._who_is_there(http, request, client, now)
        except OAuthError as error:
            raise self._redirected(error, request) from None

    def come(self, http: Request, handle: str) -> str:
        """Go on with a request that another site posted: now the browser's cookies are here."""
        now = self.runtime.clock.now()
        with self.runtime.database.write() as uow:
            transaction.claim(uow, handle, web.browser_id(http))

        def act(waiting: Transaction) -> str:
            client = self._known_client(waiting.client_id, now)
            try:
                return self._who_is_there(http, waiting.request, client, now, waiting)
            except OAuthError as error:
                return self._ended(waiting, CONTINUED, error)

        return self.repeating.once(lambda: self.waiting(http, handle, now), CONTINUED, act, _used)

    def resume(self, http: Request, handle: str) -> str:
        """Go on with a stored request after sign-in; once, and only in its own browser."""
        now = self.runtime.clock.now()

        def act(waiting: Transaction) -> str:
            request, client = waiting.request, self._known_client(waiting.client_id, now)
            try:
                answer = self.who.who(http, Requirement(level=0, return_to=continuing(handle)))
                if isinstance(answer, GoTo) or not _fresh_enough(request, answer, waiting, now):
                    raise LoginRequired("The person did not sign in.")
                if waiting.person_id not in (None, answer.subject):
                    raise not_who_was_asked()
                return self._ask_or_issue(http, request, client, answer, now, waiting)
            except OAuthError as error:
                return self._ended(waiting, CONTINUED, error)

        return self.repeating.once(lambda: self.waiting(http, handle, now), CONTINUED, act, _used)

    def cancel(self, http: Request, handle: str) -> str:
        """The person gives up: the service learns that, and nothing else."""
        now = self.runtime.clock.now()

        def act(waiting: Transaction) -> str:
            self._known_client(waiting.client_id, now)
            cancelled = AccessDenied("The person cancelled the sign-in.")
            return self._ended(waiting, CANCELLED, cancelled)

        return self.repeating.once(lambda: self.waiting(http, handle, now), CANCELLED, act, _used)

    def waiting(self, http: Request, handle: str, now: datetime) -> Transaction:
        """The live transaction of this browser. Raises Over for any other."""
        browsers = web.browser_ids(http)
        with self.runtime.database.read() as uow:
            found = transaction.find(uow, handle, browsers, now)
        if found is not None:
            return found
        if not browsers:
            raise Over(NO_COOKIES, where="transaction", next_step=ALLOW_COOKIES)
        raise Over(
            N_("This sign-in was not begun in this browser, or it has expired."),
            where="transaction",
            next_step=N_("Go back to the service and start again."),
        )

    def _known_client(self, client_id: str, now: datetime) -> Client:
        client = self.clients.find(client_id, now)
        if client is None or not client.active:
            raise UnusableRequest(
                N_("This service is suspended."),
                where="client_id",
                next_step=N_("Ask the service; nothing about you was given to it."),
            )
        return client

    def _who_is_there(
        self,
        http: Request,
        request: AuthorizationRequest,
        client: Client,
        now: datetime,
        waiting: Transaction | None = None,
    ) -> str:
        handle = transaction.new_handle() if waiting is None else waiting.handle
        silent = "none" in request.prompt
        answer = self.who.who(
            http,
            Requirement(
                # Without a page to go to, only an essential level can stop the answer.
                level=request.essential_level if silent else request.wanted_level,
                max_age=freshness.oldest(request),
                prompt=frozenset(request.prompt) - {"consent"},
                return_to=continuing(handle),
                leave_to=f"{CANCEL}?transaction={handle}",
                ui_locales=request.ui_locales or "",
            ),
        )
        if isinstance(answer, Authenticated):
            return self._ask_or_issue(http, request, client, answer, now, waiting, handle)
        if silent:
            raise self._in_silence(http, now)
        if waiting is None:
            self._store(http, handle, web.browser_id(http), request, now)
        return answer.url

    def _ask_to_come(self, http: Request, request: AuthorizationRequest, now: datetime) -> str:
        """Cookies that are SameSite=Lax stay behind when another site posts, so nobody seems to be
        there; they come with the GET that follows. None is set before: it would take the place of
        the one that this browser has (RFC 6265bis §5.6.7.1)."""
        handle = transaction.new_handle()
        self._store(http, handle, handle, request, now)
        return f"{COME}?transaction={handle}"

    def _ask_or_issue(
        self,
        http: Request,
        request: AuthorizationRequest,
        client: Client,
        person: Authenticated,
        now: datetime,
        waiting: Transaction | None,
        handle: str = "",
    ) -> str:
        if not self.may_sign_in(client, person):
            raise self._in_silence(http, now) if "none" in request.prompt else being_tested()
        question = self.asking.question(request, client, person.subject, now)
        if "none" in request.prompt and (
            question.must_ask or not self.is_expected(request, client, person)
        ):
            raise self._in_silence(http, now)
        if person.acr_level < request.essential_level:
            raise UnmetAuthenticationRequirements("The level asked for was not reached.")
        if not question.must_ask:
            if not self.is_expected(request, client, person):
                raise somebody_else()
            return self._issue(http, request, client, person, question, now, waiting)
        if waiting is None:
            self._store(http, handle, web.browser_id(http), request, now)
        else:
            handle = waiting.handle
        with self.runtime.database.write() as uow:
            bound = transaction.ask(
                uow,
                handle,
                session_id=person.session_id,
                person_id=person.subject,
                asked_digest=question.digest(request, person.subject, person.session_id),
            )
        if not bound:
            raise AnsweredMeanwhile
        return consent_page(handle, request)

    def _issue(
        self,
        http: Request,
        request: AuthorizationRequest,
        client: Client,
        person: Authenticated,
        question: Question,
        now: datetime,
        waiting: Transaction | None,
    ) -> str:
        allowed = (*question.covered, *question.by_law)
        with self.runtime.database.write() as uow:
            if waiting is None:
                self._limit(uow, http, now)
            else:
                self.repeating.answer(uow, waiting)
            answer = still_answered(uow, person.subject, question, now)
            if answer is None:
                raise ConsentRequired("The person has just taken back what they had answered.")
            place = self.issuing.issue(
                uow, request, client, person, allowed, question.consent_id, answer.until, now
            )
            if waiting is not None:
                self.repeating.led(uow, waiting, CONTINUED, place)
            return place

    def _ended(self, waiting: Transaction, said: Sequence[str], error: OAuthError) -> str:
        """Where the service learns that there is no code. Raises AnsweredMeanwhile."""
        request = waiting.request
        place = self._redirected(error, request).location
        with self.runtime.database.write() as uow:
            self.repeating.end(uow, waiting)
            return self.repeating.led(uow, waiting, said, place)

    def _store(
        self,
        http: Request,
        handle: str,
        browser: str,
        request: AuthorizationRequest,
        now: datetime,
    ) -> None:
        lifetime = timedelta(seconds=self.settings.transaction_seconds)
        with self.runtime.database.write() as uow:
            self._limit(uow, http, now)
            transaction.begin(uow, handle, browser, request, now, lifetime)

    def may_sign_in(self, client: Client, person: Authenticated) -> bool:
        """At a service that is being tested its developer and invented residents alone."""
        if not client.test_only:
            return True
        with self.runtime.database.read() as uow:
            return testers.may_sign_in(uow, client, person.subject)

    def is_expected(
        self, request: AuthorizationRequest, client: Client, person: Authenticated
    ) -> bool:
        """A request for one `sub` is never answered with another — OpenID Connect Core §3.1.2.1.

        A service asks this of people who have answered only: of anybody else it could find out
        who is there by guessing.
        """
        if not request.claims.subjects:
            return True
        with self.runtime.database.read() as uow:
            actual = subjects.known_subject(uow, person.subject, client.sector)
        return actual in request.claims.subjects

    def _in_silence(self, http: Request, now: datetime) -> LoginRequired:
        """The one answer to `prompt=none` without a code, counted: nobody is there, somebody who
        never answered, or took it back, or is not the one who is asked for."""
        with self.runtime.database.write() as uow:
            self._limit(uow, http, now)
        return LoginRequired("Nobody who may be told of is there, and prompt=none forbids asking.")

    def _redirected(self, error: OAuthError, request: AuthorizationRequest) -> Redirected:
        return Redirected(
            error,
            way_back=request.way_back,
            issuer=self.issuer,
            respond=self.reading.responses.response,
        )

    def _limit(self, uow: UnitOfWork, http: Request, now: datetime) -> None:
        self.runtime.rates.attempt_from(
            uow,
            "oauth.authorize",
            web.client_network(http),
            self.settings.authorize_per_minute,
            timedelta(minutes=1),
            now,
        )


def continuing(handle: str) -> str:
    return f"{CONTINUE}?transaction={handle}"


def consent_page(handle: str, request: AuthorizationRequest) -> str:
    """The address of the question, in the language that the service wished for (§3.1.2.1)."""
    wished = {"ui_locales": request.ui_locales} if request.ui_locales else {}
    return f"{CONSENT}?{urlencode({'transaction': handle, **wished})}"


def _fresh_enough(
    request: AuthorizationRequest, person: Authenticated, waiting: Transaction, now: datetime
) -> bool:
    """Whether the sign-in is as recent as asked: a cancelled prompt=login never passes off the
    old session as a new one (failures 5)."""
    if "login" in request.prompt and person.auth_time < waiting.started_at:
        return False
    oldest = freshness.oldest(request)
    if oldest is None:
        return True
    # max_age=0 asks for a sign-in that happened for this request.
    return person.auth_time >= min(now - oldest, waiting.started_at)


def somebody_else() -> LoginRequired:
    """Told only of a person who has answered this service."""
    return LoginRequired("Somebody else is signed in than the person asked for.")


def being_tested() -> Forbidden:
    return Forbidden(
        N_("This service is being tested: only its developer and invented residents sign in."),
        where="client_id",
        next_step=N_("Nothing about you was given to it. Sign in as an invented resident, or ask "
                     "the service when it opens."),
    )  # fmt: skip


def not_who_was_asked() -> Forbidden:
    return Forbidden(
        N_("You are no longer signed in as the person who was asked."),
        next_step=N_("Go back to the service and start again."),
    )


def _used() -> Over:
    return Over(
        N_("You already went on from this page."),
        where="transaction",
        next_step=N_("Go back to the service; start again if it does not know you yet."),
    )
