"""What developers do with services of their own, and operators with all of them — RFC 7591, 7592.

Each verb is one unit of work with its event. A developer reaches their own alone: somebody else's
service is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request

from foundation import opaque, web
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, Forbidden, NotFound
from foundation.marking import N_
from foundation.pages import Place
from foundation.runtime import Runtime
from idp.developers import metadata, store
from idp.developers.service import ASKED, PRODUCTION, REMOVED, TEST, Owned, Owner, Wish
from idp.developers.settings import DevelopersSettings
from idp.oauth import Client, OAuth, Tried, add_tester, forget_testers_of

ROLE = "developer"
_BECAUSE = "its developer changed it"
_THEIR_OWN = "at the wish of its developer"
_APPROVED = "it went into production"
MOST_WISH = 3500


@dataclass(frozen=True, slots=True)
class Mine:
    """A service of somebody: what is registered, and whose it is."""

    client: Client
    owned: Owned


@dataclass(frozen=True, slots=True)
class Made:
    """`secret`: shown this once."""

    mine: Mine
    secret: str | None


class Developers:
    """The place put together."""

    def __init__(self, runtime: Runtime, tokens: OAuth) -> None:
        self.runtime = runtime
        self.tokens = tokens
        self.settings = runtime.settings.of(DevelopersSettings)
        self._database = runtime.database
        if self.settings.self_service == TEST:
            runtime.pages.places += (Place(N_("Your test services"), "/developers"),)
        runtime.jobs.periodic("tried sign-ins", timedelta(hours=1), self._sweep)

    # ── who is there ──────────────────────────────────────────────────────────────────

    def developer(self, request: Request) -> Owner:
        """Who may register services; raises what `web.require` raises for everybody else."""
        kinds = ("staff", "citizen") if self.settings.self_service == TEST else "staff"
        found = web.require(request, kind=kinds, role=ROLE)
        return Owner("citizen" if found.kind == "citizen" else "staff", found.id)

    def posted(self, request: Request) -> tuple[Owner, web.Form]:
        """The developer and their form, which came from a page of ours."""
        owner = self.developer(request)
        form = web.form(request)
        web.check_csrf(request, form)
        return owner, form

    # ── theirs ────────────────────────────────────────────────────────────────────────

    def services_of(self, owner: Owner) -> Sequence[Mine]:
        with self._database.read() as uow:
            listed = store.of_owner(uow, owner)
        found = ((self._client(one.client_id), one) for one in listed)
        return [Mine(client, one) for client, one in found if client is not None]

    def service_of(self, owner: Owner, client_id: str) -> Mine:
        """Raises NotFound for somebody else's, as for one that is not there."""
        with self._database.read() as uow:
            owned = store.find(uow, client_id)
        client = self._client(client_id) if owned is not None else None
        if owned is None or client is None or owned.owner != owner:
            raise _not_there()
        return Mine(client, owned)

    def add(
        self,
        owner: Owner,
        name: str,
        program: str,
        url: str,
        uris: Sequence[str],
        scopes: Sequence[str],
    ) -> Made:
        """A new test service. Raises InvalidClientMetadata, Conflict."""
        now, client_id = self.runtime.clock.now(), opaque.identifier("svc")
        chosen = metadata.kit_of(program, self.settings)
        ours = self.tokens.trying.redirect_uri
        said = metadata.of_test(client_id, name, chosen, url, uris, scopes, ours, self.settings)
        prepared = self.tokens.clients.prepare(said, client_id)
        owned = Owned(client_id, owner, program, url, TEST, now)
        with self._database.write() as uow:
            if store.in_test(uow, owner) >= self.settings.services_each:
                raise Conflict(
                    N_("You have as many test services as one developer may have."),
                    next_step=N_("Remove one that you do not need any more."),
                )
            self.tokens.clients.insert(uow, prepared, now, _actor(owner), test=True)
            store.add(uow, owned)
            if owner.kind == "citizen":
                add_tester(uow, owner.id, now, client_id)
        return Made(Mine(prepared.client, owned), prepared.secret)

    def change(
        self,
        owner: Owner,
        client_id: str,
        name: str,
        uris: Sequence[str],
        after_sign_out: Sequence[str],
        scopes: Sequence[str],
    ) -> None:
        """Change a test service. Raises NotFound, InvalidClientMetadata, Conflict."""
        now, ours = self.runtime.clock.now(), self.tokens.trying.redirect_uri
        said = metadata.changed(name, uris, after_sign_out, scopes, ours, self.settings)
        with self._database.write() as uow:
            self._in_test(uow, owner, client_id)
            altered = self.tokens.clients.altered(uow, client_id, said, locked=True)
            if not altered.members:
                return
            self.tokens.clients.change(uow, altered, _BECAUSE, _actor(owner), now)
            if altered.ends_what_it_was_given:
                self.tokens.stopping.of_client(uow, client_id, _BECAUSE, now)
            if altered.ends_codes:
                self.tokens.stopping.of_redirect(uow, client_id)

    def rotate(self, owner: Owner, client_id: str, overlap: timedelta) -> str:
        """A new secret, shown this once. Raises NotFound, BadRequest."""
        self.service_of(owner, client_id)
        now = self.runtime.clock.now()
        return self.tokens.clients.new_secret(client_id, _THEIR_OWN, now, _actor(owner), overlap)

    def remove(self, owner: Owner, client_id: str) -> None:
        """A test service, for good. Raises NotFound, Conflict."""
        now = self.runtime.clock.now()
        with self._database.write() as uow:
            owned = self._in_test(uow, owner, client_id)
            self._remove(uow, owned, _THEIR_OWN, _actor(owner))
            self.tokens.stopping.of_client(uow, client_id, _THEIR_OWN, now)

    def ask(self, owner: Owner, client_id: str, wish: Wish) -> None:
        """Ask for production. Raises NotFound, Conflict, InvalidClientMetadata."""
        now = self.runtime.clock.now()
        if not wish.reason.strip() or len(wish.reason) > 500:
            metadata.refuse("reason", N_("Say in a sentence or two what the service is for."))
        if self.tokens.trying.redirect_uri in wish.redirect_uris:
            metadata.refuse("redirect_uris", N_("Only tests come back to this address of ours."))
        if len(wish.written()) > MOST_WISH:
            metadata.refuse("redirect_uris", N_("That are too many addresses."))
        with self._database.write() as uow:
            owned = self._in_test(uow, owner, client_id)
            self._after_yes(uow, client_id, wish)
            values = {"state": ASKED, "wish": wish.written(), "asked_at": now, "answer": None}
            if not store.change(uow, client_id, owned.state, **values):
                raise _meanwhile()
            self._tell(uow, "client.production_asked", client_id, _actor(owner))

    def take_back(self, owner: Owner, client_id: str) -> None:
        """They do not ask any more. Raises NotFound, Conflict."""
        self.service_of(owner, client_id)
        with self._database.write() as uow:
            if not store.change(uow, client_id, ASKED, state=TEST, wish=None):
                raise _meanwhile()
            self._tell(uow, "client.production_taken_back", client_id, _actor(owner))

    # ── trying ────────────────────────────────────────────────────────────────────────

    def begin_trial(self, owner: Owner, client_id: str) -> str:
        """The secret of a sign-in to be tried. Raises NotFound, Conflict."""
        mine = self.service_of(owner, client_id)
        if not mine.client.test_only or not mine.client.active:
            raise Conflict(N_("Sign-ins are tried at test services that are served."))
        lasts, now = timedelta(seconds=self.settings.trial_seconds), self.runtime.clock.now()
        with self._database.write() as uow:
            return store.begin_trial(uow, client_id, lasts, now)

    def go_and_try(self, request: Request, secret: str) -> str:
        """Where the browser begins, which is the only one from now on. Raises NotFound."""
        with self._database.write() as uow:
            now, browser = self.runtime.clock.now(), web.browser_id(request)
            client_id = store.bind_trial(uow, secret, browser, now)
        client = self._client(client_id) if client_id else None
        if client is None:
            raise _over()
        return self.tokens.trying.address(client, secret)

    def tried(self, request: Request, answer: Mapping[str, str]) -> tuple[Client, Tried | None]:
        """What came of it, once, in the browser where it began; None: the service was told of an
        error. Raises NotFound, OAuthError."""
        secret, now = answer.get("state", ""), self.runtime.clock.now()
        with self._database.write() as uow:
            client_id = store.end_trial(uow, secret, web.browser_ids(request), now)
        client = self._client(client_id) if client_id else None
        if client is None or answer.get("iss") != self.tokens.issuer:
            raise _over()
        code = answer.get("code")
        if not code:
            return client, None
        return client, self.tokens.trying.finish(client, secret, code, now)

    # ── operators ─────────────────────────────────────────────────────────────────────

    def everybodys(self) -> Mapping[str, Owned]:
        """Whose services are, for operators."""
        with self._database.read() as uow:
            return store.everybodys(uow)

    def owned(self, client_id: str) -> Owned | None:
        with self._database.read() as uow:
            return store.find(uow, client_id)

    def approve(self, client_id: str, reason: str, by: Actor) -> None:
        """Into production, as it was asked for. Its people are others than in test, and its secret
        is known to nobody until its developer makes one. Raises NotFound, Conflict."""
        now = self.runtime.clock.now()
        with self._database.write() as uow:
            owned = store.find(uow, client_id, locked=True)
            if owned is None:
                raise _not_there()
            if owned.state != ASKED or owned.wish is None:
                raise _meanwhile()
            if owned.owner == Owner("staff", by.id):
                raise Forbidden(N_("Nobody approves a service of their own."))
            altered = self._after_yes(uow, client_id, owned.wish)
            self.tokens.clients.change(uow, altered, reason, by, now)
            self.tokens.clients.lock_secret(uow, client_id)
            self.tokens.stopping.of_client(uow, client_id, _APPROVED, now)
            self.tokens.stopping.of_redirect(uow, client_id)
            forget_testers_of(uow, client_id)
            done = {"state": PRODUCTION, "decided_at": now, "answer": reason}
            if not store.change(uow, client_id, ASKED, **done):
                raise _meanwhile()
            self._tell(uow, "client.production_approved", client_id, by, reason=reason)

    def refuse(self, client_id: str, reason: str, by: Actor) -> None:
        """It stays a test; its developer reads why. Raises NotFound, Conflict."""
        now = self.runtime.clock.now()
        with self._database.write() as uow:
            if store.find(uow, client_id) is None:
                raise _not_there()
            values = {"state": TEST, "answer": reason, "decided_at": now, "wish": None}
            if not store.change(uow, client_id, ASKED, **values):
                raise _meanwhile()
            self._tell(uow, "client.production_refused", client_id, by, reason=reason)

    def gone(self, uow: UnitOfWork, client_id: str) -> None:
        """An operator removed the service, in the caller's unit of work."""
        owned = store.find(uow, client_id)
        if owned is not None:
            store.change(uow, client_id, owned.state, state=REMOVED)
            forget_testers_of(uow, client_id)

    def owner_left(self, uow: UnitOfWork, owner: Owner, reason: str, *, forgotten: bool) -> None:
        """Their test services are served no more; `forgotten`: they are removed, and nothing says
        whose any was."""
        now, by = self.runtime.clock.now(), Actor("system", "developers")
        for owned in store.of_owner(uow, owner):
            if owned.state not in (TEST, ASKED):
                continue
            if forgotten:
                self._remove(uow, owned, reason, by)
            else:
                self.tokens.clients.suspend(uow, owned.client_id, reason, by, now)
            self.tokens.stopping.of_client(uow, owned.client_id, reason, now)
        if forgotten:
            store.forget(uow, owner)

    # ── what they share ───────────────────────────────────────────────────────────────

    def _client(self, client_id: str) -> Client | None:
        found = self.tokens.clients.find(client_id, self.runtime.clock.now())
        return None if found is None or found.removed else found

    def _in_test(self, uow: UnitOfWork, owner: Owner, client_id: str) -> Owned:
        owned = store.find(uow, client_id, locked=True)
        if owned is None or owned.owner != owner:
            raise _not_there()
        if owned.state == ASKED:
            raise Conflict(
                N_("An operator is looking at this service."),
                next_step=N_("Take your question back first, or wait for the answer."),
            )
        if owned.state != TEST:
            raise Conflict(
                N_("This service is in production: an operator changes it."),
                next_step=N_("Write to the operator, or register a new test service."),
            )
        return owned

    def _after_yes(self, uow: UnitOfWork, client_id: str, wish: Wish) -> Any:
        """What would be registered; raises InvalidClientMetadata where that cannot be."""
        clients = self.tokens.clients
        before = clients.registrations(uow)[client_id][1]
        return clients.altered(uow, client_id, metadata.of_production(before, wish), locked=True)

    def _remove(self, uow: UnitOfWork, owned: Owned, reason: str, by: Actor) -> None:
        now = self.runtime.clock.now()
        self.tokens.clients.remove(uow, owned.client_id, reason, by, now)
        self.tokens.stopping.of_redirect(uow, owned.client_id)
        store.change(uow, owned.client_id, owned.state, state=REMOVED)
        forget_testers_of(uow, owned.client_id)

    def _tell(self, uow: UnitOfWork, kind: str, client_id: str, by: Actor, **more: Any) -> None:
        self.runtime.audit.record(uow, kind, by, details={"client": client_id, **more})

    def _sweep(self) -> None:
        with self._database.write() as uow:
            store.sweep_trials(uow, self.runtime.clock.now())


def _actor(owner: Owner) -> Actor:
    return Actor(owner.kind, owner.id)


def _not_there() -> NotFound:
    return NotFound(
        N_("You have no such service."),
        where="client_id",
        next_step=N_("Look at the list of your services."),
    )


def _meanwhile() -> Conflict:
    return Conflict(
        N_("This service is not in that state any more."),
        next_step=N_("Look at its page, and try again."),
    )


def _over() -> NotFound:
    return NotFound(
        N_("This sign-in was tried already, in another browser, or too long ago."),
        next_step=N_("Begin again on the page of the service."),
    )
