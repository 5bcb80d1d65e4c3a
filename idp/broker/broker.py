"""The broker: services integrate once, the person chooses who vouches for them.

Towards a provider the broker is the only relying party; towards a service it is the only
provider. Neither learns of the other, and no attribute outlives the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from foundation import birth, web
from foundation.birth import sure_age
from foundation.clock import recent
from foundation.database import UnitOfWork
from foundation.fetch import Fetch
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from foundation.vault import Erased
from foundation.web import Principal
from idp.broker import completion, store
from idp.broker.providers import Providers
from idp.broker.settings import BrokerSettings
from idp.broker.signing_in import SigningIn, opened_claims
from idp.broker.store import BrokerSession
from idp.broker.upstreams.oidc import USE, Oidc, client_metadata
from idp.broker.wish import Wish, is_local
from idp.federation import Completion, Federation, Unresolved
from idp.login import Authenticated, EndsWithSession, GoTo, Requirement
from idp.oauth import TokensEndWithSession
from policies import Facts, Known, Policies

SESSION = "broker-session"
REMEMBERED = "broker-provider"
CHOOSE = "/broker/choose"
CALLBACK = "/broker/callback"


def prepare(runtime: Runtime) -> None:
    """What `init` and `db upgrade` do: the key of our relying party."""
    runtime.keys.ensure(USE, "ES256")


def relying_party_metadata(runtime: Runtime) -> Mapping[str, Any]:
    """Our `openid_relying_party` metadata, for the entity configuration: one redirect URI for
    every provider that was ever offered."""
    with runtime.database.read() as uow:
        slugs = store.known_slugs(uow)
    base = runtime.settings.of(Server).url + CALLBACK
    return client_metadata(
        runtime.settings.of(BrokerSettings),
        runtime.settings.of(Jurisdiction).name,
        [f"{base}/{slug}" for slug in slugs],
        runtime.keys.published(USE),
    )


class Broker:
    """Answers `who is there?` and `which claims?` out of what a provider vouched for.

    `ends` are told when a session ends. `fetch` is for tests and simulators.
    """

    def __init__(
        self,
        runtime: Runtime,
        federation: Federation,
        policies: Policies,
        ends: Sequence[EndsWithSession] = (TokensEndWithSession(),),
        fetch: Fetch | None = None,
    ) -> None:
        self.runtime = runtime
        self.policies = policies
        self.settings = runtime.settings.of(BrokerSettings)
        self._ends = tuple(ends)
        self._federation = federation
        self.providers = Providers(runtime, federation)
        self._oidc = Oidc(
            runtime.keys,
            runtime.clock,
            fetch or federation.fetch,
            federation.entity_id,
            self.settings,
        )
        self.signing_in = SigningIn(
            runtime, self.settings, self.providers, self._oidc, federation.entity_id + CALLBACK
        )
        runtime.jobs.periodic("broker sessions", timedelta(minutes=1), self.sweep)
        runtime.jobs.periodic("offered providers", timedelta(minutes=1), self.providers.refresh)

    # ── who is there? ─────────────────────────────────────────────────────────────────

    def who(self, request: Request, requirement: Requirement) -> Authenticated | GoTo:
        """The person of this browser's session if it suffices, else the way to the choice."""
        if not is_local(requirement.return_to):
            raise ValueError("a return path must be local")
        now, ceiling = self.runtime.clock.now(), self.ceiling()
        # Nobody is sent away for more than we may hand on; the asker compares what came back.
        wanted = min(requirement.level, ceiling)
        fresh = bool(requirement.prompt & {"login", "select_account"})
        session = None if fresh or ceiling == 0 else self.session(request)
        if session is not None and self._suffices(session, wanted, requirement.max_age, now):
            return Authenticated(
                subject=session.person_id,
                acr_level=min(session.level, ceiling),
                amr=session.amr,
                auth_time=session.auth_time,
                session_id=session.id,
            )
        too_old = requirement.max_age is not None
        wish = Wish(
            level=wanted,
            return_to=requirement.return_to,
            fresh=fresh or too_old,
            made_at=int(now.timestamp()),
            leave_to=requirement.leave_to if is_local(requirement.leave_to) else "",
            ui_locales=requirement.ui_locales[:200],
        )
        sealed = wish.seal(self.runtime.keys, web.browser_id(request))
        wished = {"ui_locales": wish.ui_locales} if wish.ui_locales else {}
        return GoTo(f"{CHOOSE}?{urlencode({'for': sealed, **wished})}")

    def session(self, request: Request) -> BrokerSession | None:
        """The live session of this browser."""
        cookie = web.cookie(request, SESSION)
        if not cookie:
            return None
        with self.runtime.database.read() as uow:
            return store.session_of_cookie(uow, cookie, self.runtime.clock.now())

    def principal_of_session(self, request: Request) -> Principal | None:
        """Who calls by a broker session: a citizen, for our own pages."""
        session = self.session(request)
        if session is None:
            return None
        level = min(session.level, self.ceiling())
        return Principal("citizen", session.person_id, level=level, session=session.id)

    def ceiling(self) -> int:
        """The level above which nothing is handed on: that of our organisation, and that at which
        the regulator accredits us, when it does so at one; 0 while it does not vouch for us."""
        own = self._federation.own_level()
        organisation = self.policies.settings.organisation_level
        return organisation if own is None else min(organisation, own)

    def _suffices(
        self, session: BrokerSession, level: int, max_age: timedelta | None, now: datetime
    ) -> bool:
        if session.level < level:
            return False
        if max_age is not None and not recent(session.auth_time, max_age, now):
            return False
        # Who was suspended since does not vouch for anybody any more.
        try:
            provider = self.providers.find(session.provider)
        except Unresolved:
            return False
        return provider is not None and provider.level >= session.level

    # ── which claims? ─────────────────────────────────────────────────────────────────

    def known(self, person_id: str, session_id: str, level: int) -> Known:
        """Out of the sealed upstream answer: no claims when it is gone; age where the provider
        told the birth date."""
        claims = self._claims(person_id, session_id)

        def named(names: Sequence[str]) -> Mapping[str, Any]:
            return {name: claims[name] for name in names if claims.get(name) is not None}

        return Known(person_id, Facts(level, self._age(claims.get("birthdate"))), named)

    def _age(self, born: object) -> int | None:
        if not isinstance(born, str):
            return None
        now, jurisdiction = self.runtime.clock.now(), self.runtime.settings.of(Jurisdiction)
        try:
            return sure_age(birth.parse(born), now, jurisdiction)
        except ValueError:  # no date, or one without its year (OpenID Connect Core §5.1)
            return None

    def _claims(self, person_id: str, session_id: str) -> Mapping[str, Any]:
        with self.runtime.database.read() as uow:
            session = store.session(uow, session_id, self.runtime.clock.now())
        if session is None or session.person_id != person_id:
            return {}
        try:
            return opened_claims(self.runtime, session)
        except Erased:
            return {}

    # ── how sign-ins end ──────────────────────────────────────────────────────────────

    def completion(self, *, whole_days: bool = False) -> tuple[Completion, ...]:
        """Per provider and month. `whole_days`: without today, so that who watches the numbers
        cannot tell which provider somebody used a moment ago."""
        today = self.runtime.clock.now().date() if whole_days else None
        with self.runtime.database.read() as uow:
            return completion.by_month(uow, today)

    # ── the end of a session ──────────────────────────────────────────────────────────

    def sign_out(self, request: Request, response: Response) -> None:
        """End this browser's session, its sealed answer, and whatever rests on it."""
        web.delete_cookie(response, request, SESSION)
        self._end(request)

    def session_lives(self, uow: UnitOfWork, session_id: str) -> bool:
        """Whether what rests on this session may go on."""
        return store.session(uow, session_id, self.runtime.clock.now()) is not None

    def _end(self, request: Request) -> None:
        session = self.session(request)
        if session is None:
            return
        now = self.runtime.clock.now()
        with self.runtime.database.write() as uow:
            for other in self._ends:
                other.end_session(uow, session.id, "signed out", now)
            store.end_session(uow, session.id)
            alone = store.others_of(uow, session.person_id, now) == 0
        if alone:
            self.runtime.vault.erase(session.person_id)

    def make_way(self, request: Request, person_id: str) -> None:
        """Before a new session: one of somebody else in this browser ends. The same person's
        goes on for the services that rest on it, without a cookie (failures 5)."""
        before = self.session(request)
        if before is not None and before.person_id != person_id:
            self._end(request)

    def remember(self, response: Response, request: Request, slug: str) -> None:
        """Keep the person's choice in their own browser, because they asked for it."""
        age = self.settings.remember_days * 86_400
        web.set_cookie(response, request, REMEMBERED, slug, max_age=age)

    def sweep(self) -> None:
        """Delete expired sessions and transactions: periodic work."""
        with self.runtime.database.write() as uow:
            store.sweep(uow, self.runtime.clock.now())
