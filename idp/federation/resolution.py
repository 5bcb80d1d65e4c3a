"""Building trust chains from what entities publish — OpenID Federation 1.0 §9, §10.1, §10.5.

Everything is fetched through the guarded `Fetch`; an answer is believed for seconds, since a
suspension must take effect at once and the protocol knows no revocation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from foundation.clock import Clock
from foundation.fetch import Fetch, FetchError
from idp.federation import entity_identifier, entity_statement, trust_chain, trust_mark
from idp.federation.brief_memory import BriefMemory
from idp.federation.entity_statement import EntityStatement
from idp.federation.jws import Invalid
from idp.federation.settings import Anchors
from idp.federation.trust_chain import TrustChain
from idp.federation.trust_mark import TrustMark

_JSON = ("application/json",)
_STATEMENT = (entity_statement.CONTENT_TYPE,)
_STATUS = (trust_mark.STATUS_CONTENT_TYPE,)
_MOST_HINTS = 8
_LARGEST_LIST = 10_000


class Unresolved(Exception):
    """No valid trust chain, mark or list could be had; the message is a public sentence."""


@dataclass(frozen=True, slots=True)
class Accredited:
    """An entity with a valid chain to an anchor, and the level of its active trust mark.

    `level` is 0 when it has no active mark of the anchor.
    """

    chain: TrustChain
    level: int


class Resolution:
    """Fetches statements and makes chains and checked marks of them."""

    def __init__(
        self, fetch: Fetch, clock: Clock, anchors: Anchors, *, keep: timedelta, loopback_http: bool
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._anchors = anchors
        self._loopback = loopback_http
        self._chains: BriefMemory[TrustChain | Unresolved] = BriefMemory(keep)
        self._levels: BriefMemory[Accredited | Unresolved] = BriefMemory(keep)
        self._lists: BriefMemory[tuple[str, ...]] = BriefMemory(keep)

    def configuration(self, entity_id: str) -> EntityStatement:
        """What an entity publishes of itself, signed by a key that it names itself (§9).

        Raises Unresolved.
        """
        try:
            entity_identifier.parse(entity_id, loopback_http=self._loopback)
            url = entity_identifier.configuration_url(entity_id)
            statement = self._statement(url)
            if not statement.is_configuration or statement.subject != entity_id:
                raise Invalid(f"{url} is not about {entity_id}.")
            statement.check_time(self._clock.now())
            return statement.verified_by(statement.keys)
        except (FetchError, Invalid) as error:
            raise Unresolved(str(error)) from error

    def chain(self, entity_id: str) -> TrustChain:
        """The shortest valid chain from the entity to one of our anchors. Raises Unresolved.

        A failure is remembered as briefly as a success, so that asking again costs nobody.
        """

        def find() -> TrustChain | Unresolved:
            try:
                return self._build(entity_id)
            except Unresolved as reason:
                return reason

        found = self._chains.recall(entity_id, self._clock.now(), find)
        if isinstance(found, Unresolved):
            raise Unresolved(str(found))
        return found

    def remembers(self, entity_id: str) -> bool:
        """Whether `chain` would answer now without asking anybody."""
        return self._chains.holds(entity_id, self._clock.now())

    def accredited(self, entity_id: str) -> Accredited:
        """The entity's chain and the level at which the anchor accredits it now.

        Raises Unresolved when there is no chain.
        """

        def find() -> Accredited | Unresolved:
            try:
                chain = self.chain(entity_id)
            except Unresolved as reason:
                return reason
            return Accredited(chain, max(self._levels_of(chain), default=0))

        found = self._levels.recall(entity_id, self._clock.now(), find)
        if isinstance(found, Unresolved):
            raise Unresolved(str(found))
        return found

    def subordinates(self, anchor: str, entity_type: str) -> tuple[str, ...]:
        """Whom the anchor lists as its immediate subordinates of that type (§8.2).

        Raises Unresolved.
        """

        def find() -> tuple[str, ...]:
            try:
                configuration = self.anchor(anchor)
                url = endpoint(configuration, "federation_list_endpoint")
                body = self._fetch.get(with_query(url, entity_type=entity_type), _JSON).body
                listed = json.loads(body)
            except (FetchError, Invalid, ValueError) as error:
                raise Unresolved(f"The list of {anchor} cannot be had: {error}") from error
            if not isinstance(listed, list) or len(listed) > _LARGEST_LIST:
                raise Unresolved(f"The list of {anchor} is not an array.")
            return tuple(dict.fromkeys(e for e in listed if isinstance(e, str)))

        return self._lists.recall(f"{anchor} {entity_type}", self._clock.now(), find)

    def _build(self, entity_id: str) -> TrustChain:
        leaf = self.configuration(entity_id)
        reasons: list[str] = []
        for path in self._paths(leaf, (), reasons):
            try:
                return trust_chain.validate(
                    (leaf.token, *path),
                    self._anchors,
                    self._clock.now(),
                    loopback_http=self._loopback,
                )
            except Invalid as error:
                reasons.append(str(error))
        why = reasons[0] if reasons else "it names no authority that leads to a trust anchor"
        raise Unresolved(f"There is no trust chain for {entity_id}: {why}")

    def _paths(
        self, lower: EntityStatement, seen: tuple[str, ...], reasons: list[str]
    ) -> list[tuple[str, ...]]:
        """Statements above `lower` up to an anchor's configuration, shorter ones first."""
        paths: list[tuple[str, ...]] = []
        if len(seen) >= trust_chain.LONGEST - 2:
            return paths
        hints = [h for h in lower.authority_hints[:_MOST_HINTS] if h not in (*seen, lower.subject)]
        for hint in sorted(hints, key=lambda h: h not in self._anchors):
            try:
                known = hint in self._anchors
                superior = self.anchor(hint) if known else self.configuration(hint)
                about = self._about(superior, lower.subject)
                if known:
                    paths.append((about, superior.token))
                    continue
            except (FetchError, Invalid, Unresolved) as error:
                reasons.append(str(error))
                continue
            above = self._paths(superior, (*seen, lower.subject), reasons)
            paths.extend((about, *path) for path in above)
        return paths

    def anchor(self, anchor: str) -> EntityStatement:
        """The anchor's configuration, signed by a pinned key. Raises FetchError or Invalid."""
        if anchor not in self._anchors:
            raise Invalid(f"{anchor} is not a trust anchor of this deployment.")
        statement = self._statement(entity_identifier.configuration_url(anchor))
        if not statement.is_configuration or statement.subject != anchor:
            raise Invalid(f"{anchor} publishes the configuration of somebody else.")
        statement.check_time(self._clock.now())
        return statement.verified_by(self._anchors[anchor])

    def statement_about(self, anchor: EntityStatement, subject: str) -> EntityStatement:
        """What an anchor, whose configuration was verified, says of a subordinate now. Raises
        FetchError or Invalid; a 404 is a FetchError: it does not vouch."""
        statement = entity_statement.parse(
            self._about(anchor, subject), loopback_http=self._loopback
        )
        if (statement.issuer, statement.subject) != (anchor.subject, subject):
            raise Invalid(f"{anchor.subject} answered with a statement about somebody else.")
        statement.check_time(self._clock.now())
        return statement.verified_by(anchor.keys)

    def is_active(self, token: str, kind: str, subject: str, anchor: EntityStatement) -> bool:
        """Whether the anchor gave this mark of that type to `subject`, and stands by it now."""
        try:
            mark = trust_mark.validate(token, kind, subject, anchor, self._clock.now())
            return self._status(mark, anchor) == trust_mark.ACTIVE
        except (FetchError, Invalid):
            return False

    def _about(self, superior: EntityStatement, subject: str) -> str:
        url = endpoint(superior, "federation_fetch_endpoint")
        return self._statement(with_query(url, sub=subject)).token

    def _statement(self, url: str) -> EntityStatement:
        body = self._fetch.get(url, _STATEMENT).body
        return entity_statement.parse(body.decode("ascii", "replace"), loopback_http=self._loopback)

    def _levels_of(self, chain: TrustChain) -> Sequence[int]:
        anchor = chain.anchor_configuration
        levels = []
        for entry in chain.trust_marks:
            level = trust_mark.level_of_type(anchor.issuer, entry.trust_mark_type)
            if level is None:
                continue
            if self.is_active(entry.trust_mark, entry.trust_mark_type, chain.subject, anchor):
                levels.append(level)
        return levels

    def _status(self, mark: TrustMark, anchor: EntityStatement) -> str:
        url = endpoint(anchor, "federation_trust_mark_status_endpoint")
        answer = self._fetch.post(url, {"trust_mark": mark.token}, _STATUS)
        if answer.status != 200:
            raise Invalid("The trust mark is unknown to its issuer.")
        token = answer.body.decode("ascii", "replace")
        return trust_mark.validate_status(token, mark, anchor.keys, self._clock.now())


def endpoint(statement: EntityStatement, name: str) -> str:
    """The URL that a superior publishes in its federation_entity metadata (§5.1.1)."""
    url = statement.metadata.get("federation_entity", {}).get(name)
    if not isinstance(url, str) or "#" in url:
        raise Invalid(f"{statement.subject} publishes no {name}.")
    return url


def with_query(url: str, **parameters: str) -> str:
    """`url` with these parameters added to its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
