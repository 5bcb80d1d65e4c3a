"""The providers that are offered: those that the regulator accredits at this moment."""

from __future__ import annotations

import random
from collections.abc import Sequence

from foundation.runtime import Runtime
from idp.broker import store
from idp.broker.upstreams.provider import Provider, slug_of
from idp.federation import OPENID_PROVIDER, Accredited, Federation


class Providers:
    """Asks the federation each time; what it says is seconds old at most."""

    def __init__(self, runtime: Runtime, federation: Federation) -> None:
        self._runtime = runtime
        self._federation = federation
        self._order = random.SystemRandom()
        self._registered: set[str] = set()

    def offered(self, level: int) -> list[Provider]:
        """Those accredited at `level` or higher, in an order that favours nobody.

        Raises federation.Unresolved when the regulator cannot be asked.
        """
        found = [_provider(accredited) for accredited in self._federation.providers()]
        suitable = [p for p in found if p is not None]
        self._register(suitable)
        fitting = [p for p in suitable if p.level >= level]
        self._order.shuffle(fitting)
        return fitting

    def find(self, slug: str) -> Provider | None:
        """The provider, if it is offered now. Raises federation.Unresolved."""
        return next((p for p in self.offered(0) if p.slug == slug), None)

    def refresh(self) -> None:
        """Register redirect URIs ahead of the first choice: periodic work."""
        self.offered(0)

    def known_slugs(self) -> list[str]:
        with self._runtime.database.read() as uow:
            return store.known_slugs(uow)

    def _register(self, providers: Sequence[Provider]) -> None:
        new = {p.slug: p.entity_id for p in providers if p.slug not in self._registered}
        if not new:
            return
        with self._runtime.database.write() as uow:
            store.remember_providers(uow, new, self._runtime.clock.now())
        self._registered |= new.keys()


def _provider(accredited: Accredited) -> Provider | None:
    chain = accredited.chain
    metadata = chain.metadata[OPENID_PROVIDER]
    # An issuer other than the entity itself would let one provider speak for another.
    if metadata.get("issuer") != chain.subject:
        return None
    # People choose by this name, so it is one that somebody vouches for, or the address.
    vouched = chain.vouched.get("federation_entity", {})
    name = vouched.get("organization_name") or chain.subject
    return Provider(
        slug=slug_of(chain.subject),
        entity_id=chain.subject,
        name=str(name)[:100],
        level=accredited.level,
        metadata=metadata,
    )
