"""Federation: our own configuration, and whom we trust — OpenID Federation 1.0.

One deployment is a trust anchor (`regulator`), a leaf of one (a private provider, a broker), or
takes no part (a provider on its own).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from foundation.fetch import Fetch
from foundation.runtime import Runtime
from foundation.settings import Development, Jurisdiction
from idp.federation import client_keys, completion, entity_statement, jws, settings, trust_chain
from idp.federation.accreditation import OPENID_PROVIDER, OPENID_RELYING_PARTY, Accreditation
from idp.federation.authority import RESOLVE_TYP, USE, Authority
from idp.federation.brief_memory import BriefMemory
from idp.federation.completion import Completion, Own
from idp.federation.lasting import Lasting
from idp.federation.own_marks import OwnMarks
from idp.federation.own_standing import OwnStanding
from idp.federation.resolution import Accredited, Resolution, Unresolved
from idp.federation.settings import FederationSettings

log = logging.getLogger("civitas.federation")
Metadata = Mapping[str, Mapping[str, Any]]
"""Entity type → metadata parameters, such as `openid_provider` → discovery document."""
REGISTRATION_TYPES = ("automatic",)
"""How relying parties become clients of a provider here: `Federation.self_described` (§12.1)."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """A relying party that our anchor knows, as it describes itself.

    `said`: its metadata as the trust chain resolves it, keys included. `vouched`: the part that a
    superior or our operator stands behind (see `vouching`). `scope`: what our operator lets it ask
    for on its own word.
    """

    said: Mapping[str, Any]
    vouched: Mapping[str, Any]
    scope: tuple[str, ...]


def prepare(runtime: Runtime) -> None:
    """What `init` and `db upgrade` do: the federation key, used for nothing else (§3.1.1)."""
    runtime.keys.ensure(USE, "ES256")


class Federation:
    """The suite's one object.

    `metadata` answers "what is our metadata?" by entity type, each time anew: `oauth` for
    `openid_provider`, `broker` for `openid_relying_party`. `how_they_end`: how sign-ins end at a
    broker, which is reported to the anchors. `fetch` is for tests and simulators.
    """

    def __init__(
        self,
        runtime: Runtime,
        metadata: Callable[[], Metadata],
        fetch: Fetch | None = None,
        how_they_end: Own | None = None,
    ) -> None:
        self.runtime = runtime
        self.entity_id = settings.entity_id(runtime.settings)
        self.authority_hints = settings.authority_hints(runtime.settings)
        self._metadata = metadata
        self._completion = how_they_end
        chosen = runtime.settings.of(FederationSettings)
        self._lifetime = timedelta(seconds=chosen.statement_seconds)
        self.fetch = fetch or Fetch.of(runtime.settings)
        self._loopback = runtime.settings.of(Development).loopback_http
        self.anchors = settings.trust_anchors(runtime.settings)
        self.resolution = Resolution(
            self.fetch,
            runtime.clock,
            self.anchors,
            keep=timedelta(seconds=chosen.cache_seconds),
            loopback_http=self._loopback,
        )
        self._described: BriefMemory[RelyingParty | None] = BriefMemory(
            timedelta(seconds=chosen.cache_seconds)
        )
        self._resolved: BriefMemory[str | None] = BriefMemory(timedelta(seconds=2))
        self._lasting = Lasting(runtime.keys, USE)
        self.authority = Authority(
            runtime,
            self.entity_id,
            statement_for=self._lifetime,
            mark_for=timedelta(seconds=chosen.mark_seconds),
        )
        self.accreditation = Accreditation(runtime, self.resolution, self.entity_id)
        self.own_marks = OwnMarks(
            runtime, self.fetch, self.resolution, self.entity_id, self.authority_hints
        )
        self._standing = OwnStanding(
            runtime, self.resolution, self.own_marks, self.entity_id, self.authority_hints
        )
        self._own_level: BriefMemory[int | None] = BriefMemory(
            timedelta(seconds=chosen.cache_seconds)
        )
        if self.role == "anchor":
            runtime.jobs.periodic(
                "federation keys", timedelta(minutes=5), self.accreditation.refresh_keys
            )
            runtime.jobs.periodic("federation marks", timedelta(hours=6), self.authority.sweep)
        elif self.role == "leaf":
            runtime.jobs.periodic("own trust marks", timedelta(minutes=5), self.own_marks.renew)

    @property
    def role(self) -> Literal["anchor", "leaf", "none"]:
        """Which part this deployment takes."""
        if self.runtime.settings.of(Jurisdiction).governance == "regulator":
            return "anchor"
        return "leaf" if self.authority_hints else "none"

    # ── what we say of ourselves ──────────────────────────────────────────────────────

    def key_set(self) -> dict[str, Any]:
        """Our federation keys as a JWK Set: what others pin when we are their anchor."""
        return jws.published(self.runtime.keys.published(USE))

    def entity_configuration(self) -> str:
        """The signed Entity Configuration (§3, §9)."""
        now = self.runtime.clock.now()
        claims: dict[str, Any] = {
            "iss": self.entity_id,
            "sub": self.entity_id,
            "iat": jws.seconds(now),
            "exp": jws.seconds(now + self._lifetime),
            "jwks": self.key_set(),
            "metadata": self._own_metadata(),
        }
        if self.role == "anchor":
            claims["trust_mark_issuers"] = self.authority.mark_issuers()
        else:
            claims["authority_hints"] = list(self.authority_hints)
            marks = self.own_marks.held()
            if marks:
                claims["trust_marks"] = marks
        return self._lasting.sign(entity_statement.TYP, claims, now)

    def _own_metadata(self) -> dict[str, dict[str, Any]]:
        metadata = {name: dict(value) for name, value in self._metadata().items()}
        if OPENID_PROVIDER in metadata:
            # §5.1.3: without it a relying party does not know that it may simply come.
            metadata[OPENID_PROVIDER]["client_registration_types_supported"] = list(
                REGISTRATION_TYPES
            )
        metadata["federation_entity"] = self._federation_entity()
        return metadata

    def _federation_entity(self) -> dict[str, Any]:
        chosen = self.runtime.settings.of(FederationSettings)
        name = chosen.organization_name or self.runtime.settings.of(Jurisdiction).name
        own: dict[str, Any] = {"organization_name": name, "organization_uri": self.entity_id}
        if self.role == "anchor":
            base = f"{self.entity_id}/federation"
            own |= {
                "federation_fetch_endpoint": f"{base}/fetch",
                "federation_list_endpoint": f"{base}/list",
                "federation_resolve_endpoint": f"{base}/resolve",
                "federation_trust_mark_endpoint": f"{base}/trust-mark",
                "federation_trust_mark_status_endpoint": f"{base}/trust-mark-status",
                "federation_trust_mark_list_endpoint": f"{base}/trust-mark-list",
                "federation_historical_keys_endpoint": f"{base}/historical-keys",
            }
        return own

    # ── whom we trust ─────────────────────────────────────────────────────────────────

    def relying_party(self, entity_id: str) -> Mapping[str, Any] | None:
        """The resolved `openid_relying_party` metadata of an entity that our anchor vouches for,
        or None."""
        found = self.self_described(entity_id)
        return None if found is None else found.said

    def self_described(self, entity_id: str) -> RelyingParty | None:
        """What automatic registration (§12.1) takes for the client of that name, or None; why not
        is logged."""
        if not self.anchors or self.role != "leaf" or entity_id == self.entity_id:
            return None
        now = self.runtime.clock.now()
        return self._described.recall(entity_id, now, lambda: self._describe(entity_id))

    def _describe(self, entity_id: str) -> RelyingParty | None:
        chosen = self.runtime.settings.of(FederationSettings)
        try:
            chain = self.resolution.chain(entity_id)
            said = chain.metadata.get(OPENID_RELYING_PARTY)
            if said is None:
                raise Unresolved("Its anchor does not know it as a relying party.")
            said = client_keys.with_keys(said, chain, self.fetch, self.runtime.clock.now())
        except Unresolved as reason:
            log.warning("relying party %s is refused: %s", entity_id, reason)
            return None
        vouched = {**chain.vouched[OPENID_RELYING_PARTY], **chosen.vouched.get(entity_id, {})}
        return RelyingParty(said, vouched, chosen.relying_party_scope)

    def remembers(self, entity_id: str) -> bool:
        """Whether `self_described` would answer now without asking anybody."""
        return self._described.holds(entity_id, self.runtime.clock.now())

    def own_level(self) -> int | None:
        """The level at which those whom we answer to accredit us now: None without one or without
        anybody, 0 when they do not vouch for us."""
        return self._own_level.recall("", self.runtime.clock.now(), self._standing.level)

    def provider(self, entity_id: str) -> Accredited | None:
        """An accredited provider, with its level by an active mark; None when it is not one now."""
        try:
            found = self.resolution.accredited(entity_id)
        except Unresolved:
            return None
        return found if found.level and OPENID_PROVIDER in found.chain.metadata else None

    def providers(self) -> tuple[Accredited, ...]:
        """All providers that our anchors accredit now, ourselves excluded.

        Raises Unresolved when an anchor cannot be asked: nobody is offered on an old promise.
        """
        if not self.anchors:
            raise Unresolved("No trust anchor is pinned: write [federation] trust_anchors.")
        listed: dict[str, None] = {}
        for anchor in self.anchors:
            for entity_id in self.resolution.subordinates(anchor, OPENID_PROVIDER):
                listed.setdefault(entity_id)
        listed.pop(self.entity_id, None)
        return tuple(p for e in listed if (p := self.provider(e)) is not None)

    # ── how sign-ins end, told by a broker to its anchors ─────────────────────────────

    @property
    def reports(self) -> bool:
        """Whether there is something to report."""
        return self._completion is not None

    def completion_report(self, proof: str) -> str:
        """The report for the anchor that `proof` comes from. Raises Invalid."""
        now = self.runtime.clock.now()
        to = completion.check_asking(proof, self.anchors, self.entity_id, now)
        rows = self._completion() if self._completion is not None else ()
        return completion.report(self.runtime.keys.signer(USE), self.entity_id, to, rows, now)

    def completions(self) -> list[tuple[str, Sequence[Completion] | None]]:
        """As the anchor: what each accredited relying party that is a broker reports."""
        signer, now = self.runtime.keys.signer(USE), self.runtime.clock.now()
        told: list[tuple[str, Sequence[Completion] | None]] = []
        for e in self.accreditation.entities():
            if not e.is_accredited or OPENID_RELYING_PARTY not in e.entity_types:
                continue
            with suppress(completion.NotABroker):
                rows = completion.fetched(self.fetch, e, signer, self.entity_id, now)
                told.append((e.entity_id, rows))
        return told

    # ── what a trust anchor resolves for others (§8.3) ────────────────────────────────

    def resolve(self, entity_id: str, entity_types: frozenset[str]) -> str | None:
        """A signed resolve response for ourselves or an entity that we accredit, or None.

        Only our own subordinates are fetched: the endpoint is no way to make us call others.
        Raises Unresolved or jws.Invalid when it publishes nothing that verifies.
        """
        now = self.runtime.clock.now()
        if entity_id == self.entity_id:
            return self._resolve_self(entity_types)
        if self.authority.statement_about(entity_id) is None:
            return None
        key = "\0".join((entity_id, *sorted(entity_types)))
        return self._resolved.recall(key, now, lambda: self._resolve(entity_id, entity_types))

    def _resolve(self, entity_id: str, entity_types: frozenset[str]) -> str | None:
        about = self.authority.statement_about(entity_id)
        if about is None:
            return None
        now = self.runtime.clock.now()
        leaf = self.resolution.configuration(entity_id)
        chain = trust_chain.validate(
            (leaf.token, about, self.entity_configuration()),
            {self.entity_id: self.key_set()["keys"]},
            now,
            loopback_http=self._loopback,
        )
        marks = self.authority.verified_marks(chain, now)
        expires = min([chain.expires_at, *(m.expires_at for m in marks)])
        claims = self._resolved_claims(entity_id, expires, chain.metadata, entity_types)
        claims["trust_chain"] = list(chain.tokens)
        if marks:
            claims["trust_marks"] = [
                {"trust_mark_type": m.trust_mark_type, "trust_mark": m.token} for m in marks
            ]
        return jws.sign(self.runtime.keys.signer(USE), RESOLVE_TYP, claims)

    def _resolve_self(self, entity_types: frozenset[str]) -> str:
        """The chain that begins and ends with the anchor is its configuration, alone (§4): nobody
        stands above it, so that its metadata is what it says."""
        own = entity_statement.parse(self.entity_configuration(), loopback_http=self._loopback)
        claims = self._resolved_claims(self.entity_id, own.expires_at, own.metadata, entity_types)
        claims["trust_chain"] = [own.token]
        return jws.sign(self.runtime.keys.signer(USE), RESOLVE_TYP, claims)

    def _resolved_claims(
        self,
        entity_id: str,
        expires: datetime,
        metadata: Mapping[str, Mapping[str, Any]],
        entity_types: frozenset[str],
    ) -> dict[str, Any]:
        return {
            "iss": self.entity_id,
            "sub": entity_id,
            "iat": jws.seconds(self.runtime.clock.now()),
            "exp": jws.seconds(expires),
            "metadata": {
                t: m for t, m in metadata.items() if not entity_types or t in entity_types
            },
        }
