"""A next key for an authority, planned, begun and watched — RFC 4210 §4.4, RFC 7030 §4.1.3.

The next authority is certified and published first, and signs when its time has come; what the
earlier one issued stays good until it ends. A next root and the present one certify each other,
so whoever knows either of them trusts both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from foundation.audit import SYSTEM
from foundation.clock import begun
from foundation.errors import Conflict, NotFound
from foundation.nearest import instead
from foundation.runtime import Runtime
from pki.hierarchy.hierarchy import Authority, Hierarchy, key_use
from pki.hierarchy.plan import Planned
from pki.lifecycle.founding import Founding
from pki.settings import PkiSettings

# An authority's own key is kept as long as there may be something for it to list as revoked.
_KEPT = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class RolloverPlan:
    """What a change of keys would do. `by_ceremony`: its root is elsewhere and has to certify it.

    `last_end` is when the last certificate of the present authority will have ended.
    """

    authority: str
    present: str
    next: str
    signs_from: datetime
    last_end: datetime
    by_ceremony: bool


class Rollover:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = runtime.settings.of(PkiSettings)
        self._founding = Founding(runtime)
        self._hierarchy: Hierarchy = self._founding.hierarchy

    def plan(self, name: str, now: datetime, ahead: timedelta | None = None) -> RolloverPlan:
        """What `begin` would do. Raises NotFound, or Conflict while another change is under way."""
        planned = self._planned(name)
        self._hierarchy.read_again()
        standing = self._hierarchy.named(name)
        if not standing:
            raise NotFound(
                f"There is no authority {name} to renew.",
                where="authority",
                next_step="`civitas ca list` names those that stand.",
            )
        present = standing[-1]
        begins = present.certificate.not_valid_before_utc
        # One that a clock made which was ahead is no change under way: another takes its place.
        if present.signs_from is not None and present.signs_from > now and begun(begins, now):
            raise Conflict(
                f"{present.slug} was begun already, and signs from {present.signs_from:%Y-%m-%d}.",
                next_step="Wait for it; `civitas ca list` shows when.",
            )
        if any(c.planned.name == name for c in self._founding.waiting()):
            raise Conflict(
                f"A next key of {name} waits for its ceremony.",
                next_step="Take `civitas ca requests` there; its answer to `civitas ca install`.",
            )
        if planned.is_root and self._settings.root == "offline":
            raise Conflict(
                f"The key of {name} is not here.",
                next_step=f"Run `civitas ca ceremony renew BOX {name}`, then `civitas ca install`.",
            )
        return RolloverPlan(
            authority=name,
            present=present.slug,
            next=f"{name}-{present.generation + 1}",
            signs_from=now + self._ahead(ahead),
            last_end=present.certificate.not_valid_after_utc,
            by_ceremony=not planned.is_root and self._settings.root == "offline",
        )

    def begin(
        self, name: str, now: datetime, ahead: timedelta | None = None
    ) -> tuple[Authority, ...]:
        """Make the next key, and certify it if its root is here; the authorities that are new."""
        plan = self.plan(name, now, ahead)
        self._runtime.keys.rotate(key_use(name), now, keep=_KEPT, ahead=timedelta(0))
        with self._runtime.database.write() as uow:
            self._runtime.audit.record(
                uow,
                "authority.rollover_begun",
                SYSTEM,
                details={"authority": plan.present, "next": plan.next},
            )
        return self._founding.establish(now, self._ahead(ahead))

    def _ahead(self, ahead: timedelta | None) -> timedelta:
        return timedelta(days=self._settings.publish_ahead_days) if ahead is None else ahead

    def _planned(self, name: str) -> Planned:
        try:
            return self._hierarchy.plan[name]
        except KeyError:
            raise NotFound(
                f"There is no authority {name} in the plan.",
                where="authority",
                next_step=instead(name, self._hierarchy.plan, "Name"),
            ) from None
