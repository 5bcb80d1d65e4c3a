"""The services that can act for a person, and their end — GDPR art. 7(3), 15; G-4, failures 20.

A service can act by tokens that it holds, by an answer that lets it in without a page, by a consent
on which it may ask. With or without data: all of them are listed, and each can be ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from idp.oauth import answers, grant_store, reviews
from idp.oauth.answers import Answer
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.grant import Grant
from policies import Consent, Policies, Withdrawal

EndElsewhere = Callable[[UnitOfWork, Request], None]
"""Ends the person's sign-in sessions in other browsers."""

_BECAUSE = "ended by the person in their account"
_USES = frozenset({"service.signed_in", "data.released", "data.verified"})
# What is further back than this in the ledger is told by the tokens, or by the ledger itself.
_LOOK_BACK = 200


@dataclass(frozen=True, slots=True)
class ActingService:
    """What one service can do now. `attributes`: it may learn them by consent. `lets_in`: the
    person is signed in there without a page. `here`: it holds tokens that end with the session.
    `away_until`: it may act in the person's absence till then. `audiences`: at whose endpoints its
    tokens count. `details`: what was allowed in detail (RFC 9396). `last_used` is None when nothing
    is on record."""

    client_id: str
    name: str
    suspended: bool
    removed: bool
    purposes: tuple[str, ...]
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    details: tuple[Mapping[str, Any], ...]
    attributes: tuple[str, ...]
    lets_in: bool
    here: bool
    away_until: datetime | None
    since: datetime
    last_used: datetime | None


class ActingServices:
    """Lists and ends. `elsewhere` is None where a person has no other sessions to end."""

    def __init__(
        self,
        runtime: Runtime,
        policies: Policies,
        clients: Clients,
        withdrawal: Withdrawal,
        elsewhere: EndElsewhere | None = None,
    ) -> None:
        self.runtime = runtime
        self.policies = policies
        self._clients = clients
        self._withdrawal = withdrawal
        self.elsewhere = elsewhere

    def of(self, person_id: str) -> list[ActingService]:
        """Every service that can act for this person now, by name."""
        now = self.runtime.clock.now()
        with self.runtime.database.read() as uow:
            grants = grant_store.alive_of_person(uow, person_id, now)
            let_in = answers.of_person(uow, person_id, now)
        consents = [c for c in self.policies.consent.list(person_id) if c.active_at(now)]
        used = self._last_uses(person_id)
        ids = {
            *(g.client_id for g in grants),
            *(a.client_id for a in let_in),
            *(c.service for c in consents),
        }
        found = [
            self._one(
                client_id,
                [g for g in grants if g.client_id == client_id],
                [a for a in let_in if a.client_id == client_id],
                [c for c in consents if c.service == client_id],
                used.get(client_id),
                now,
            )
            for client_id in ids
        ]
        # What was removed is refused at every endpoint, whatever consent of before stands.
        found = [service for service in found if not service.removed]
        return sorted(found, key=lambda service: (service.name.casefold(), service.client_id))

    def beginnings(self) -> Sequence[Client]:
        """The services at which a person may begin to sign in from here, by name."""
        return self._clients.beginnings()

    def to_review(self, person_id: str) -> list[ActingService]:
        """Those that were let in before the person's means of signing in changed, as long as the
        person has not said whether they may go on."""
        with self.runtime.database.read() as uow:
            changed_at = reviews.waiting(uow, person_id)
        if changed_at is None:
            return []
        return [service for service in self.of(person_id) if service.since < changed_at]

    def keep(self, person_id: str) -> None:
        """The person has looked: all of them may go on."""
        with self.runtime.database.write() as uow:
            reviews.done(uow, person_id)

    def choose_anew(self, person_id: str, client_id: str) -> None:
        """Forget that the person answered this service, so that its next sign-in asks them."""
        with self.runtime.database.write() as uow:
            answers.forget(uow, person_id, client_id)

    def end(
        self, person_id: str, services: Iterable[ActingService], http: Request | None = None
    ) -> None:
        """End all that these services can do, together: consents are withdrawn, answers forgotten,
        tokens dead. With `http` the sessions in other browsers end, too, and the review is done.

        What had ended already is passed over: pressed twice, it ends once.
        """
        now = self.runtime.clock.now()
        with self.runtime.database.write() as uow:
            for service in sorted(services, key=lambda s: s.client_id):
                self._end(uow, person_id, service, now)
            if http is not None:
                reviews.done(uow, person_id)
                if self.elsewhere is not None:
                    self.elsewhere(uow, http)

    def _end(self, uow: UnitOfWork, person_id: str, service: ActingService, now: datetime) -> None:
        here = (person_id, service.client_id)
        withdrawn = self._withdrawal.withdraw_at(uow, *here)
        forgotten = answers.forget(uow, *here)
        ended = grant_store.end_at_client(uow, *here, _BECAUSE, now)
        if not (withdrawn or forgotten or ended):
            return
        self.runtime.audit.record(
            uow,
            "service.ended",
            Actor("citizen", person_id),
            (person_id,),
            {
                "service": service.client_id,
                "service_name": service.name,
                "consents": [consent.id for consent in withdrawn],
                "ended": ended,
            },
        )

    def _one(
        self,
        client_id: str,
        grants: list[Grant],
        let_in: list[Answer],
        consents: list[Consent],
        used: datetime | None,
        now: datetime,
    ) -> ActingService:
        client = self._clients.find(client_id, now)
        named = [consent.service_name for consent in consents]
        began = [g.created_at for g in grants] + [a.since for a in let_in]
        uses = [g.used_at for g in grants if g.used_at] + ([used] if used else [])
        return ActingService(
            client_id=client_id,
            name=(named or [client.name if client else client_id])[0],
            suspended=client is not None and not client.active,
            removed=client is not None and client.removed,
            purposes=_each_once(
                [a.purpose for a in let_in],
                [g.purpose for g in grants],
                [c.purpose for c in consents],
            ),
            scopes=_each_once(*(g.scope for g in grants)),
            audiences=_each_once([g.audience for g in grants if g.audience]),
            details=tuple(detail for g in grants for detail in g.authorization_details),
            attributes=_each_once(*(c.attributes for c in consents)),
            lets_in=bool(let_in),
            here=any(not g.offline for g in grants),
            away_until=max((g.expires_at for g in grants if g.offline), default=None),
            since=min(began + [c.given_at for c in consents]),
            last_used=max(uses, default=None),
        )

    def _last_uses(self, person_id: str) -> Mapping[str, datetime]:
        uses: dict[str, datetime] = {}
        for entry in self.runtime.audit.ledger(person_id, limit=_LOOK_BACK):
            if entry.kind in _USES:
                uses.setdefault(str(entry.details.get("service")), entry.at)
        return uses


def _each_once(*lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for listed in lists for one in listed))


def service_as_json(service: ActingService) -> dict[str, Any]:
    """For a program of the person whom it is about."""
    told = asdict(service)
    del told["removed"]
    for name in ("away_until", "since", "last_used"):
        told[name] = told[name].isoformat() if told[name] else None
    return told
