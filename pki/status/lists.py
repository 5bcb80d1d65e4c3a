"""Revocation lists: one for each part of what an authority issued, and its delta — RFC 5280 §5.

The newest list of each place is a row, the same for every process. It is made when somebody asks
and a change is not in it yet, or it is getting old; a complete list and its delta are made
together under one number (§5.2.4). A list that an authority elsewhere signed is told as it is.

When none can be made (a full disk, a database that is read-only, a token that is away), the newest
is told for as long as it may be relied on: late is better than nothing to whoever needs one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from foundation import event_loop
from foundation.database import Database
from foundation.errors import NotFound, Unavailable
from pki import store as record
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.issuing.status_links import StatusPlaces
from pki.settings import PkiSettings
from pki.status import store
from pki.status.beginning import begins
from pki.status.encoding import Frame, revocation_list
from pki.status.store import WHOLE

COMPLETE, DELTA = "complete", "delta"
_ATTEMPTS = 3
PAUSE = timedelta(seconds=10)
"""After this long the making of a list that failed is tried again."""
log = logging.getLogger("civitas.pki")

_Place = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A signed list, DER, and until when it may be relied on."""

    der: bytes
    number: int
    this_update: datetime
    next_update: datetime


class NotMade(Exception):
    """Some lists could not be made anew; the message names them and says why."""


class Lists:
    def __init__(
        self,
        database: Database,
        hierarchy: Hierarchy,
        places: StatusPlaces,
        settings: PkiSettings,
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._places = places
        self._valid_for = {
            COMPLETE: timedelta(hours=settings.crl_hours),
            DELTA: timedelta(minutes=settings.delta_minutes),
        }
        # One list is made once, and different ones mostly beside each other.
        self._locks = tuple(event_loop.Lock() for _ in range(16))
        # Where the making failed last, when, and why.
        self._failed: dict[_Place, tuple[datetime, str]] = {}

    def whole(self, name: str, now: datetime) -> Listed:
        """All that an authority revoked, whatever its partition. Raises NotFound, Unavailable."""
        authority = self._authority(name)
        if authority.partitions == 1 and self._key_is_elsewhere(authority):
            return self._told(authority, 0, COMPLETE)
        return self._newest(authority, WHOLE, COMPLETE, now)

    def part(self, name: str, partition: int, kind: str, now: datetime) -> Listed:
        """One partition's list, or its delta. Raises NotFound, Unavailable."""
        authority = self._authority(name)
        if not 0 <= partition < authority.partitions:
            raise NotFound(
                f"{authority.slug} has the lists 0 to {authority.partitions - 1}.",
                where="partition",
                next_step="Take the address from the certificate (cRLDistributionPoints).",
            )
        if self._key_is_elsewhere(authority):
            return self._told(authority, partition, kind)
        return self._newest(authority, partition, kind, now)

    def refresh(self, now: datetime) -> int:
        """Periodic: make anew what was asked for before, and is outdated or getting old.

        Raises NotMade after the last one when some could not be made: so they are known as late.
        """
        with self._database.read() as uow:
            places = store.standing(uow)
        looked_at = 0
        failed: list[str] = []
        for place in places:
            authority = self._hierarchy.by_kid(place.authority_kid)
            if authority is None or not authority.covers(now):
                continue
            if authority.is_root and self._key_is_elsewhere(authority):
                continue  # its lists come from the ceremony
            kind = COMPLETE if place.partition == WHOLE else DELTA
            try:
                self._newest(authority, place.partition, kind, now)
            except Unavailable as unavailable:
                failed.append(f"{_name(authority, place.partition)}: {unavailable.description}")
                continue
            looked_at += 1
            late = self._failed.get((authority.kid, place.partition, kind))
            if late is not None:
                failed.append(f"{_name(authority, place.partition)}: {late[1]}")
        if failed:
            raise NotMade(f"{len(failed)} lists could not be made anew: {'; '.join(failed[:3])}")
        return looked_at

    # ── finding ───────────────────────────────────────────────────────────────────────

    def _authority(self, name: str) -> Authority:
        authority = self._hierarchy.by_slug(name)
        if authority is None:
            raise NotFound(
                "There is no authority of that name.",
                where="authority",
                next_step="`civitas ca list` names them, such as devices-1.",
            )
        return authority

    def _key_is_elsewhere(self, authority: Authority) -> bool:
        try:
            self._hierarchy.private_key(authority)
        except Unavailable:
            return True
        except Exception:  # noqa: BLE001 - a token that is away now was here
            return False
        return False

    def _told(self, authority: Authority, partition: int, kind: str) -> Listed:
        """What the ceremony brought. It is shown also when it is old: who reads it sees that."""
        with self._database.read() as uow:
            row = store.newest(uow, authority.kid, partition, kind)
        if row is not None:
            return _listed(row)
        if kind == DELTA:
            raise NotFound(
                f"{authority.slug} signs complete lists only.",
                where="partition",
                next_step="Fetch the list without -delta.",
            )
        raise Unavailable(
            f"The key of {authority.slug} is not here, and no list of it was installed.",
            next_step="Have its custodians sign one, and run `civitas ca install` on their answer.",
        )

    def _newest(self, authority: Authority, partition: int, kind: str, now: datetime) -> Listed:
        place = authority.kid, partition, kind
        found = self._current(authority, partition, kind, now)
        if found is not None:
            self._failed.pop(place, None)
            return found
        with self._locks[hash((authority.kid, partition)) % len(self._locks)]:
            failed_at, why = self._failed.get(place, (None, ""))
            if failed_at is None or not timedelta(0) <= now - failed_at < PAUSE:
                try:
                    found = event_loop.in_thread(self._made, authority, partition, kind, now)
                    self._failed.pop(place, None)
                    return found
                except Exception as error:  # whatever hinders: what was signed holds
                    why = error.description if isinstance(error, Unavailable) else _shown(error)
                    if place not in self._failed:  # said once, not with every request
                        log.exception("%s cannot be made anew", _name(authority, partition))
                    self._failed[place] = now, why
        return self._still_good(authority, partition, kind, now, why)

    def _made(self, authority: Authority, partition: int, kind: str, now: datetime) -> Listed:
        found: Listed | None = None
        for _ in range(_ATTEMPTS):
            found = self._current(authority, partition, kind, now)
            # Where another process was faster, its list stands: the number decided.
            if found is not None or self._make(authority, partition, now):
                break
        return found or self._stands(authority, partition, kind)

    def _still_good(
        self, authority: Authority, partition: int, kind: str, now: datetime, why: str
    ) -> Listed:
        """The last list while it may be relied on. Raises Unavailable when there is none."""
        with self._database.read() as uow:
            row = store.newest(uow, authority.kid, partition, kind)
        if row is not None and row.next_update > now:
            return _listed(row)
        ended = "none was made yet" if row is None else f"the last one ended {row.next_update}"
        raise Unavailable(
            f"{_name(authority, partition)} cannot be made now, and {ended}.",
            next_step="Ask again in some seconds.",
            detail=why,
            headers={"Retry-After": str(int(PAUSE.total_seconds()))},
        )

    def _current(
        self, authority: Authority, partition: int, kind: str, now: datetime
    ) -> Listed | None:
        """The newest list, if it is young and nothing changed since."""
        with self._database.read() as uow:
            row = store.newest(uow, authority.kid, partition, kind)
            if row is None:
                return None
            age, life = now - row.this_update, self._valid_for[kind]
            if not timedelta(0) <= age < life / (4 if kind == COMPLETE else 2):
                return None
            if row.number <= store.least(uow, authority.kid):
                return None  # a higher one was published before a backup was restored
            if store.reflected(uow, authority.kid, partition, row.this_update) != row.changes:
                return None
        return _listed(row)

    def _stands(self, authority: Authority, partition: int, kind: str) -> Listed:
        with self._database.read() as uow:
            row = store.newest(uow, authority.kid, partition, kind)
        assert row is not None  # noqa: S101 - a list is never taken away
        return _listed(row)

    # ── making ────────────────────────────────────────────────────────────────────────

    def _make(self, authority: Authority, partition: int, now: datetime) -> bool:
        """Sign the next list, with its delta where it has one; whether it became the newest."""
        private_key = self._hierarchy.private_key(authority)
        ended = now - self._valid_for[COMPLETE]  # §5: an entry outlives its certificate by a list
        with self._database.read() as uow:
            # In this order: what is committed in between makes the list look outdated, not new.
            changes = store.reflected(uow, authority.kid, partition, now)
            last = store.newest(uow, authority.kid, partition, COMPLETE)
            last_delta = store.newest(uow, authority.kid, partition, DELTA)
            entries = store.entries(uow, authority.kid, partition, ended)
            # Grows by itself. Fine enough to be ahead of all that is made in the meantime, the
            # clock helps after the restoration of an older database.
            before = max(last.number if last is not None else 0, store.least(uow, authority.kid))
            number = max(before + 1, store.microseconds(now))
            base, base_at = self._base(number, last, last_delta, now)
            since = base_at - store.OVERLAP
            changed = (
                store.changes(uow, authority.kid, partition, since, ended)
                if partition != WHOLE
                else ()
            )
        # What is told begins with the newest in it, in a complete list as in its delta.
        soonest = int(now.timestamp())
        seconds = (at // 1_000_000 for _, at, _ in (*entries, *changed))
        newest = max((at for at in seconds if at <= soonest), default=0)
        told = begins(now, [datetime.fromtimestamp(newest, UTC)])
        made: list[dict[str, Any]] = [
            {
                "kind": COMPLETE,
                "next_update": now + self._valid_for[COMPLETE],
                "der": revocation_list(
                    self._frame(authority, partition, number, told, now, None),
                    entries,
                    private_key,
                ),
            }
        ]
        if partition != WHOLE:
            made.append(
                {
                    "kind": DELTA,
                    "next_update": now + self._valid_for[DELTA],
                    "base_number": base,
                    "base_at": base_at,
                    "der": revocation_list(
                        self._frame(authority, partition, number, told, now, base),
                        changed,
                        private_key,
                    ),
                }
            )
        with self._database.write() as uow:
            return all(
                record.put_list(
                    uow,
                    authority_kid=authority.kid,
                    partition=partition,
                    number=number,
                    this_update=now,
                    changes=changes,
                    **each,
                )
                for each in made
            )

    def _base(
        self, number: int, last: Row[Any] | None, delta: Row[Any] | None, now: datetime
    ) -> tuple[int, datetime]:
        """From which list on the delta continues: one that somebody may still rely on."""
        # A list from a day that is still to come is none that a delta could continue: what changes
        # until then would be in no delta.
        if last is None or last.this_update > now:
            return number, now
        if delta is None or not timedelta(0) <= now - delta.base_at <= self._valid_for[COMPLETE]:
            return last.number, last.this_update
        return delta.base_number, delta.base_at

    def _frame(
        self,
        authority: Authority,
        partition: int,
        number: int,
        told: datetime,
        now: datetime,
        base: int | None,
    ) -> Frame:
        kind = COMPLETE if base is None else DELTA
        whole, until = partition == WHOLE, now + self._valid_for[kind]
        place = None if whole else self._places.revocation_list(authority.slug, partition)
        fresher = (
            None
            if whole or base is not None
            else self._places.delta_list(authority.slug, partition)
        )
        return Frame(authority.certificate, number, told, until, place, fresher, base)


def _name(authority: Authority, partition: int) -> str:
    return f"list {authority.slug}" + ("" if partition == WHOLE else f"/{partition}")


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _listed(row: Row[Any]) -> Listed:
    return Listed(row.der, row.number, row.this_update, row.next_update)
