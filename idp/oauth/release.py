"""Releasing attributes: nothing leaves without a decision at that moment — privacy P-2, P-4.

released ⊆ registered ∩ requested ∩ permitted: `authorization/wishes.py` cuts what is requested to
what the client registered and the purpose has a use for; the grant holds what the person chose of
it; `decide` has the last word each time, and writes the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from foundation.database import Database
from idp.oauth import subjects
from idp.oauth.clients import Clients
from idp.oauth.grant import Grant
from idp.oauth.ports import Ceiling, ClaimsSource
from policies import Facts, Policies, Question


class Releases:
    """The one place of this suite that asks for a decision and fetches values."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        claims: ClaimsSource,
        clients: Clients,
        ceiling: Ceiling,
    ) -> None:
        self._database = database
        self._policies = policies
        self._claims = claims
        self._clients = clients
        self._ceiling = ceiling

    def by_law(
        self, client_id: str, purpose: str, names: Sequence[str], now: datetime
    ) -> frozenset[str]:
        """Those of `names` that rest on a legal basis on record: nobody is asked for them."""
        catalogue = self._policies.catalogue
        return frozenset(
            name
            for basis in catalogue.bases.values()
            if basis.service == client_id and catalogue.covers(basis.purpose, purpose)
            if basis.not_before <= now < basis.not_after
            for name in names
            if name in basis.attributes
        )

    def release(self, grant: Grant, names: Sequence[str], now: datetime) -> Mapping[str, Any]:
        """The values of those `names` that may be read now; a refused one is simply absent."""
        if not names:
            return {}
        level = min(grant.level, self._ceiling())
        known = self._claims.known(grant.person_id, grant.session_id, level)
        permitted = self._permitted(grant, known.facts, tuple(names), now)
        told = (*permitted, *self._checked(permitted))
        values = known.claims(told)
        return {name: values[name] for name in told if values.get(name) is not None}

    def _checked(self, names: Sequence[str]) -> tuple[str, ...]:
        """The claims that say of others whether they were checked: no thing of their own, so they
        leave with what they are about (OpenID Connect Core §5.1)."""
        rows = (self._policies.catalogue.attributes.get(name) for name in names)
        return tuple(row.checked_as for row in rows if row is not None and row.checked_as)

    def shown_to(
        self, person_id: str, session_id: str, level: int, names: Sequence[str]
    ) -> Mapping[str, Any]:
        """For the eyes of the person themself, before they choose: what each of `names` would
        tell. Nothing leaves, so nothing is decided; what this sign-in is too weak for is absent."""
        if not names:
            return {}
        reached = min(level, self._ceiling())
        catalogue = self._policies.catalogue
        strong_enough = [
            name
            for name in names
            if catalogue.classes[catalogue.attributes[name].data_class].minimum_level <= reached
        ]
        return self._claims.known(person_id, session_id, reached).claims(strong_enough)

    def _permitted(
        self, grant: Grant, facts: Facts, names: tuple[str, ...], now: datetime
    ) -> tuple[str, ...]:
        lawful = self.by_law(grant.client_id, grant.purpose, names, now)
        # One ground per question: what the law decides and what the person chose never mix.
        groups = (
            tuple(name for name in names if name in lawful),
            tuple(name for name in names if name not in lawful),
        )
        questions = (_question(grant, group, now) for group in groups if group)
        permitted = self._policies.permitted(questions, facts)
        return tuple(name for name in names if name in permitted)

    def subject_for(self, grant: Grant, audience: str, issuer: str, now: datetime) -> str:
        """The `sub` of an access token: the receiver's own, so that two sectors cannot join what
        they know through tokens (P-1)."""
        receiver = None if audience == issuer else self._clients.of_resource(audience)
        if receiver is None:
            return grant.subject
        with self._database.read() as uow:
            known = subjects.known_subject(uow, grant.person_id, receiver.sector)
        if known is not None:
            return known
        with self._database.write() as uow:
            return subjects.subject_of(uow, grant.person_id, receiver.sector, now)


def _question(grant: Grant, names: tuple[str, ...], now: datetime) -> Question:
    return Question(
        service=grant.client_id,
        person=grant.person_id,
        attributes=names,
        purpose=grant.purpose,
        at=now,
        kind="release",
    )
