"""The level at which our own authorities vouch for us now — OpenID Federation 1.0 §3.1, §6, §7.3.

What we hand on is worth no more than we are: a broker between a provider of level 3 and a service
is part of that sign-in, and is accredited itself.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from foundation.fetch import FetchError
from foundation.runtime import Runtime
from idp.federation import store, trust_mark
from idp.federation.entity_statement import EntityStatement
from idp.federation.jws import Invalid
from idp.federation.own_marks import OwnMarks
from idp.federation.resolution import Resolution, Unresolved
from policies import level_of_acr

log = logging.getLogger("civitas.federation")
NOT_VOUCHED_FOR = 0


class OwnStanding:
    """Asks every authority that we name; the lowest answer counts."""

    def __init__(
        self,
        runtime: Runtime,
        resolution: Resolution,
        own_marks: OwnMarks,
        entity_id: str,
        authorities: Sequence[str],
    ) -> None:
        self._runtime = runtime
        self._resolution = resolution
        self._own_marks = own_marks
        self._entity_id = entity_id
        self._authorities = tuple(authorities)

    def level(self) -> int | None:
        """Our level; None when we were taken up without one; 0 while somebody that we answer to
        does not vouch for us, or cannot be asked."""
        found = [self._at(authority) for authority in self._authorities]
        return min((level for level in found if level is not None), default=None)

    def _at(self, authority: str) -> int | None:
        try:
            anchor = self._resolution.anchor(authority)
            statement = self._resolution.statement_about(anchor, self._entity_id)
            marked = self._marked(anchor)
        except (FetchError, Invalid, Unresolved) as reason:
            log.warning("%s does not vouch for us: %s", authority, reason)
            return NOT_VOUCHED_FOR
        bounds = [level for level in (_named(statement), marked) if level is not None]
        return min(bounds, default=None)

    def _marked(self, anchor: EntityStatement) -> int | None:
        """The level of our active mark. What we hold may be of yesterday: then we ask anew."""
        held = self._active(anchor)
        if held is None:
            self._own_marks.renew()
            held = self._active(anchor)
        return held

    def _active(self, anchor: EntityStatement) -> int | None:
        with self._runtime.database.read() as uow:
            held = store.own_marks(uow, self._runtime.clock.now())
        levels = []
        for kind, token in held:
            level = trust_mark.level_of_type(anchor.issuer, kind)
            if level is not None and self._resolution.is_active(
                token, kind, self._entity_id, anchor
            ):
                levels.append(level)
        return max(levels, default=None)


def _named(statement: EntityStatement) -> int | None:
    """The highest level that the statement allows us to assert, if it says anything of it."""
    policy = (statement.metadata_policy or {}).get("openid_provider", {})
    operators = policy.get("acr_values_supported") if isinstance(policy, dict) else None
    if not isinstance(operators, dict):
        return None
    named = [
        value
        for operator in ("value", "subset_of", "one_of")
        for value in (operators.get(operator) or ())
        if isinstance(operators.get(operator), list)
    ]
    levels = [level_of_acr(value) for value in named if isinstance(value, str)]
    return max((level for level in levels if level is not None), default=None)
