"""From the choice to the person: begin at a provider, take its one answer, open a session."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Over
from foundation.keys import Keys
from foundation.pages import N_
from foundation.runtime import Runtime
from idp.broker import store
from idp.broker.providers import Providers
from idp.broker.settings import BrokerSettings
from idp.broker.store import BrokerSession, Transaction
from idp.broker.upstreams.oidc import Oidc, Secrets, Sought
from idp.broker.upstreams.provider import Provider, UpstreamFailed, UpstreamPerson
from idp.broker.wish import Wish
from idp.federation import Unresolved

log = logging.getLogger("civitas.broker")
_SECRETS = "broker-transaction"
_LED = "broker-led-to"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`cookie`: the new session's secret. `return_to`: where the browser goes on. `again`: the same
    answer had come before, and this is what came of it."""

    person_id: str
    cookie: str
    return_to: str
    again: bool = False


class SignInFailed(Exception):
    """It did not succeed at `provider`; the person may choose another for the same wish."""

    def __init__(self, reason: str, provider: str, wish: Wish) -> None:
        super().__init__(reason)
        self.reason = reason
        self.provider = provider
        self.wish = wish


class UnderWay(Exception):
    """The same answer came a moment ago, and is still being looked at."""

    def __init__(self, wish: Wish) -> None:
        super().__init__("under way")
        self.wish = wish


class SigningIn:
    """The two halves of a sign-in, before and after the provider."""

    def __init__(
        self,
        runtime: Runtime,
        settings: BrokerSettings,
        providers: Providers,
        oidc: Oidc,
        callback: str,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._providers = providers
        self._oidc = oidc
        self._callback = callback

    def redirect_uri(self, slug: str) -> str:
        """One redirect URI per provider, so that no provider's answer passes for another's."""
        return f"{self._callback}/{slug}"

    def begin(self, slug: str, wish: Wish, browser: str) -> str:
        """Where the browser goes to sign in at the chosen provider. Raises SignInFailed."""
        if not self._count_begun(slug):
            raise SignInFailed("not_offered", slug, wish)
        provider = self._offered(slug, wish)
        secrets = Secrets.new()
        now = self._runtime.clock.now()
        reference = opaque.identifier("btx")
        try:
            url = self._oidc.authorization_url(
                provider, Sought(wish.level, wish.fresh, now, self.redirect_uri(slug)), secrets
            )
        except UpstreamFailed as failure:
            raise self._failed(failure, slug, wish) from failure
        # The wish is sealed too: the way back holds the handle of the service's request.
        kept = json.dumps([asdict(secrets), asdict(wish)]).encode()
        sealed = self._runtime.keys.seal(_SECRETS, kept, reference)
        with self._runtime.database.write() as uow:
            store.begin(
                uow,
                Transaction(reference, slug, sealed, now),
                secrets.state,
                browser,
                now + timedelta(seconds=self._settings.transaction_seconds),
            )
        return url

    def finish(self, slug: str, answer: Mapping[str, str], browsers: Collection[str]) -> SignedIn:
        """Take the answer that came to `slug`'s own redirect URI: once, in the same browser. The
        same browser that brings it twice hears twice what came of it.

        Raises Over when no sign-in waits for it, SignInFailed when it is not a good one, UnderWay.
        """
        state, now = answer.get("state", ""), self._runtime.clock.now()
        with self._runtime.database.write() as uow:
            waiting = store.consume(uow, state, browsers, slug, now)
        if waiting is None:
            return self._once_more(slug, state, browsers)
        try:
            return self._finish(waiting, slug, answer)
        except SignInFailed as failure:
            with self._runtime.database.write() as uow:
                self._led(uow, waiting, {"failed": failure.reason})
            raise

    def _once_more(self, slug: str, state: str, browsers: Collection[str]) -> SignedIn:
        now = self._runtime.clock.now()
        with self._runtime.database.read() as uow:
            before = store.look_up(uow, state, slug)
        if before is None:
            raise over()
        _, wish = _opened(self._runtime.keys, before.transaction)
        if before.expires_at <= now or not before.was_begun_by(browsers):
            raise over(wish.return_to)
        if before.led_to is None:
            raise UnderWay(wish)
        led = json.loads(self._runtime.keys.open(_LED, before.led_to, before.transaction.id))
        if "failed" in led:
            raise SignInFailed(led["failed"], slug, wish)
        with self._runtime.database.read() as uow:
            session = store.session_of_cookie(uow, led["cookie"], now)
        if session is None:
            raise over(wish.return_to)
        return SignedIn(session.person_id, led["cookie"], wish.return_to, again=True)

    def _led(self, uow: UnitOfWork, waiting: Transaction, to: Mapping[str, str]) -> None:
        """Keep what came of it, sealed, for who brings the same answer twice."""
        sealed = self._runtime.keys.seal(_LED, json.dumps(dict(to)).encode(), waiting.id)
        store.led(uow, waiting.id, sealed)

    def _finish(self, waiting: Transaction, slug: str, answer: Mapping[str, str]) -> SignedIn:
        secrets, wish = _opened(self._runtime.keys, waiting)
        try:
            provider = self._offered(slug, wish)
            _check_issuer(provider, answer)
            person = self._person(provider, waiting, secrets, wish, answer)
        except UpstreamFailed as failure:
            raise self._failed(failure, slug, wish) from failure
        person_id, cookie = self._open_session(provider, waiting, person)
        return SignedIn(person_id, cookie, wish.return_to)

    def _count_begun(self, slug: str) -> bool:
        with self._runtime.database.write() as uow:
            return store.count_begun(uow, slug, self._runtime.clock.now().date().isoformat())

    def _offered(self, slug: str, wish: Wish) -> Provider:
        """Accreditation is looked at before the person leaves and when they come back."""
        try:
            provider = self._providers.find(slug)
        except Unresolved as reason:
            failure = UpstreamFailed("not_offered", str(reason))
            raise self._failed(failure, slug, wish) from reason
        if provider is None or provider.level < wish.level:
            raise self._failed(UpstreamFailed("not_offered"), slug, wish)
        return provider

    def _person(
        self,
        provider: Provider,
        waiting: Transaction,
        secrets: Secrets,
        wish: Wish,
        answer: Mapping[str, str],
    ) -> UpstreamPerson:
        if "error" in answer:
            raise UpstreamFailed("refused", answer["error"][:60])
        code = answer.get("code", "")
        if not code:
            raise UpstreamFailed("invalid_answer", "no code")
        sought = Sought(
            wish.level, wish.fresh, waiting.started_at, self.redirect_uri(provider.slug)
        )
        return self._oidc.person(provider, sought, secrets, code)

    def _open_session(
        self, provider: Provider, waiting: Transaction, found: UpstreamPerson
    ) -> tuple[str, str]:
        runtime, now = self._runtime, self._runtime.clock.now()
        expires = now + timedelta(seconds=self._settings.session_seconds)
        name = f"{provider.entity_id}\0{found.subject}".encode()
        person_id = f"per_{runtime.keys.mac('broker-person', name).hex()[:32]}"
        session_id = opaque.identifier("ses")
        cookie = opaque.secret()
        # The key follows from the upstream subject: without the person it cannot be made again.
        runtime.vault.hold(person_id, runtime.keys.mac("broker-person-key", name), expires)
        sealed = runtime.vault.seal(
            person_id, json.dumps(dict(found.claims)).encode(), _context(session_id)
        )
        session = BrokerSession(
            id=session_id,
            person_id=person_id,
            provider=provider.slug,
            level=found.level,
            amr=found.amr,
            auth_time=found.auth_time,
            sealed_claims=sealed,
            created_at=now,
            expires_at=expires,
        )
        with runtime.database.write() as uow:
            store.add_session(uow, session, cookie)
            self._led(uow, waiting, {"cookie": cookie})
            store.count(uow, provider.slug, "completed", now.date().isoformat())
            runtime.audit.record(
                uow,
                "broker.sign_in",
                Actor("citizen", person_id),
                persons=(person_id,),
                details={
                    "transaction": opaque.digest(waiting.id).hex(),
                    "level": found.level,
                    "outcome": "completed",
                },
            )
        return person_id, cookie

    def _failed(self, failure: UpstreamFailed, slug: str, wish: Wish) -> SignInFailed:
        log.info("sign-in at provider %s failed: %s %s", slug, failure.reason, failure.detail)
        with self._runtime.database.write() as uow:
            day = self._runtime.clock.now().date().isoformat()
            store.count(uow, slug, failure.reason, day)
            self._runtime.audit.record(
                uow,
                "broker.sign_in_failed",
                Actor("system", "broker"),
                details={"level": wish.level, "outcome": failure.reason},
            )
        return SignInFailed(failure.reason, slug, wish)


def over(errand: str | None = None) -> Over:
    """No sign-in waits for an answer; `errand`: where one that is over would have gone on."""
    problem = Over(
        N_("No sign-in waits for this answer in this browser."),
        where="state",
        next_step=N_("Go back to the service and start again."),
    )
    problem.errand = errand
    return problem


def opened_claims(runtime: Runtime, session: BrokerSession) -> Mapping[str, Any]:
    """The upstream answer of a live session. Raises vault.Erased when its time is over."""
    plaintext = runtime.vault.open(session.person_id, session.sealed_claims, _context(session.id))
    claims: Mapping[str, Any] = json.loads(plaintext)
    return claims


def _context(session_id: str) -> str:
    return f"broker-claims\0{session_id}"


def _opened(keys: Keys, waiting: Transaction) -> tuple[Secrets, Wish]:
    secrets, wish = json.loads(keys.open(_SECRETS, waiting.sealed, waiting.id))
    return Secrets(**secrets), Wish(**wish)


def _check_issuer(provider: Provider, answer: Mapping[str, str]) -> None:
    # RFC 9207 §2.4: an answer that another provider sent here is not even looked at.
    told = answer.get("iss", "")
    if not hmac.compare_digest(told.encode(), provider.entity_id.encode()):
        raise UpstreamFailed("invalid_answer", "iss is wrong or missing")
