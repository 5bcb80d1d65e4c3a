"""The years ahead: when authorities and certificates end, and what needs attention before.

Sources: RFC 5280 §4.1.2.5; CA/Browser Forum and ETSI EN 319 411-1 §6.3 ask for a watch like this.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from foundation.database import Database
from foundation.errors import Unavailable
from foundation.keys import Keys
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.hierarchy.inventory import AuthorityStanding, inventory
from pki.outlook import store as outlook_store
from pki.profiles.profile import Profile
from pki.status import store as status

log = logging.getLogger("civitas.pki")
MONTHS = 24
_REMIND = timedelta(days=90)
_ROOTS_LIST = timedelta(days=45)
_SOON = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something to do: about which authority, why, what, and by when."""

    authority: str
    reason: str
    next_step: str
    by: datetime


@dataclass(frozen=True, slots=True)
class Board:
    """`months`: the first day of each month ahead, and how many certificates of each profile end
    in it. `attention` is sorted, the most urgent first."""

    now: datetime
    authorities: tuple[AuthorityStanding, ...]
    months: tuple[tuple[date, Mapping[str, int]], ...]
    attention: tuple[Attention, ...]


class Outlook:
    """Looks ahead, for the page, the command line and the alerts."""

    def __init__(
        self,
        database: Database,
        hierarchy: Hierarchy,
        keys: Keys,
        profiles: Mapping[str, Profile],
        ahead: timedelta,
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._keys = keys
        self._profiles = profiles
        self._ahead = ahead
        self.also: list[Callable[[datetime], Sequence[Attention]]] = []
        """Who else knows of certificates that need attention: `civitas`, of its TLS listener's."""

    def board(self, now: datetime) -> Board:
        standings = inventory(self._hierarchy, self._keys)
        with self._database.read() as uow:
            ending = outlook_store.ending(uow, now)
        return Board(now, standings, _by_month(ending, now), self.attention(now))

    def attention(self, now: datetime) -> tuple[Attention, ...]:
        """What an operator should do in time; empty when all is well."""
        self._hierarchy.read_again()
        found = [
            *(a for authority in self._newest() for a in self._ends(authority, now)),
            *self._nobody_signs(now),
            *self._not_begun(now),
            *(a for look in self.also for a in look(now)),
            *self._old_lists(now),
            *self._late_lists(now),
            *self._restored(now),
        ]
        return tuple(sorted(found, key=lambda attention: attention.by))

    def alert(self, now: datetime) -> int:
        """Periodic work: a warning in the log for each; how many there are."""
        found = self.attention(now)
        for one in found:
            log.warning("%s: %s %s By %s.", one.authority, one.reason, one.next_step,
                        one.by.date().isoformat())  # fmt: skip
        return len(found)

    def _newest(self) -> Sequence[Authority]:
        newest = {authority.name: authority for authority in sorted(
            self._hierarchy.all(), key=lambda a: a.generation
        )}  # fmt: skip
        return tuple(newest.values())

    def _ends(self, authority: Authority, now: datetime) -> Sequence[Attention]:
        """A next key has to be published before this one's end cuts certificates short."""
        longest = max(
            (p.lifetime for p in self._profiles.values()
             if p.lifetime is not None and self._issues(authority, p)),
            default=timedelta(0),
        )  # fmt: skip
        by = authority.certificate.not_valid_after_utc - longest - self._ahead
        # A quarter of a year is what a ceremony with several people takes to be called together.
        if by - timedelta(days=90) > now:
            return ()
        ends = authority.certificate.not_valid_after_utc.date().isoformat()
        roll = f"`civitas ca roll {authority.name}`"
        if authority.is_root and not self._hierarchy.holds(authority):
            roll = f"`civitas ca ceremony renew BOX {authority.name}`"
        return (Attention(authority.slug, f"It ends on {ends}.", f"Run {roll}.", by),)

    def _issues(self, authority: Authority, profile: Profile) -> bool:
        if authority.is_root:
            return profile.authority and profile.status != "anchor"
        return profile.issuer == authority.name

    def _nobody_signs(self, now: datetime) -> Sequence[Attention]:
        missing = []
        for name in sorted({p.issuer for p in self._profiles.values() if p.issuer is not None}):
            if name in self._hierarchy.plan and self._hierarchy.named(name):
                try:
                    self._hierarchy.signing(name)
                except Unavailable as unavailable:
                    missing.append(
                        Attention(name, unavailable.description, unavailable.next_step or "", now)
                    )
        return missing

    def _not_begun(self, now: datetime) -> Sequence[Attention]:
        """What a clock that was ahead certified: nobody takes it before that day (§4.1.2.5)."""
        with self._database.read() as uow:
            waiting = outlook_store.not_begun(uow, now + _SOON)
        authorities = [
            Attention(
                a.slug,
                f"Its certificate begins on {a.certificate.not_valid_before_utc:%Y-%m-%d}: a clock "
                "was ahead.",
                f"Set the clock right, then run `civitas ca roll {a.name}`.",
                now,
            )
            for a in self._newest()
            if a.certificate.not_valid_before_utc > now + _SOON
        ]
        return authorities + [
            Attention(
                profile,
                f"{number} good certificates begin later than now, the first on {first:%Y-%m-%d}: "
                "a clock was ahead.",
                "Their holders renew them, or get others; `civitas ca list` names authorities.",
                now,
            )
            for profile, number, first in waiting
        ]

    def _old_lists(self, now: datetime) -> Sequence[Attention]:
        """The list of a root that is elsewhere comes from a ceremony only."""
        with self._database.read() as uow:
            ends = outlook_store.lists_end(uow)
        return [
            Attention(
                root.slug,
                "Its revocation list ends soon.",
                "Run `civitas ca requests`, the ceremony, `civitas ca install`.",
                ends[root.kid],
            )
            for root in self._hierarchy.roots()
            if not self._hierarchy.holds(root)
            and root.kid in ends
            and ends[root.kid] - _ROOTS_LIST <= now
        ]

    def _late_lists(self, now: datetime) -> Sequence[Attention]:
        """A list is made anew after a quarter of its life: one that is older could not be."""
        with self._database.read() as uow:
            rows = status.standing_until(uow)
        late: dict[str, datetime] = {}
        for row in rows:
            authority = self._hierarchy.by_kid(row.authority_kid)
            half = row.this_update + (row.next_update - row.this_update) / 2
            if authority is None or not authority.covers(now) or now < half:
                continue
            if not authority.is_root or self._hierarchy.holds(authority):
                end = min(row.next_update, late.get(authority.slug, row.next_update))
                late[authority.slug] = end
        return [
            Attention(
                slug,
                "Its revocation list could not be made anew, and ends soon.",
                "Look at /readyz and the log: a full disk, a read-only database, a token away.",
                end,
            )
            for slug, end in late.items()
        ]

    def _restored(self, now: datetime) -> Sequence[Attention]:
        """Until the last published list was shown, whoever was revoked since is good again."""
        with self._database.read() as uow:
            rows = status.restored(uow)
        found = []
        for row in rows:
            authority = self._hierarchy.by_kid(row.authority_kid)
            if authority is None or row.base_number or now - row.this_update > _REMIND:
                continue
            of = f", of {row.base_at.isoformat(timespec='minutes')}," if row.base_at else ""
            found.append(
                Attention(
                    authority.slug,
                    f"A backup{of} was restored: what was revoked since is good again.",
                    "Run `civitas ca revoke --from-list` with the last published lists.",
                    row.this_update,
                )
            )
        return found


def _by_month(
    ending: Sequence[tuple[date, str, int]], now: datetime
) -> tuple[tuple[date, Mapping[str, int]], ...]:
    counted: defaultdict[date, Counter[str]] = defaultdict(Counter)
    for day, profile, number in ending:
        counted[day.replace(day=1)][profile] += number
    months, month = [], now.date().replace(day=1)
    for _ in range(MONTHS):
        months.append((month, dict(counted[month])))
        month = (month + timedelta(days=32)).replace(day=1)
    return tuple(months)
