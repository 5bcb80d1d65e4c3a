"""Revoked again, as the last published lists say — after an older database was restored.

A list is what the world was told: it has the serials, reasons and dates that the backup does not
know. Serials that were issued after the backup are put on record as revoked, so that lists and
OCSP answers go on to say so; RFC 5280 §3.3 wants each on a list beyond its certificate's end, which
is not known any more, so they stay until their authority ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Row, insert, select, update

from foundation.audit import Actor, Audit
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.row_macs import MAC, binding
from foundation.rows.guard import Guard
from foundation.rows.inspection import BROUGHT_BACK
from pki import store as record
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.revocation.published_list import PublishedList, Statement, read
from pki.revocation.revocation import BANS_THE_KEY, RELEASE, Revocation
from pki.status import store
from pki.status.store import HOLD
from pki.tables import certificates

BATCH = 200
LOST = "lost"
"""Profile and holder of a certificate of which only its serial is known."""
_C = certificates.c
Said = Mapping[str, Statement]


@dataclass(slots=True)
class Counted:
    """What became of the serials that the lists of one authority name.

    `unknown` were issued after the backup, and are on record as revoked now; of those that a delta
    only takes off hold, `unknown_good`, nothing is known here; of `key_unknown` the key is
    known to others, and cannot be banned. `of_others`: serials that another
    authority issued. `held`: on hold here, though newer lists do not name them.
    """

    named: int = 0
    revoked: int = 0
    on_hold: int = 0
    released: int = 0
    already: int = 0
    unknown: int = 0
    unknown_good: int = 0
    key_unknown: int = 0
    of_others: int = 0
    held: list[str] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return self.revoked + self.on_hold + self.released + self.unknown


@dataclass(frozen=True, slots=True)
class Again:
    """The lists, in the order in which they were taken, and what they changed, by authority."""

    lists: tuple[PublishedList, ...]
    counted: Mapping[str, Counted]
    missing: tuple[str, ...] = ()
    """Places that had certificates and of which no complete list was among these."""

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "lists": [
                {
                    "source": one.source,
                    "authority": one.authority.slug,
                    "kind": "complete" if one.is_complete else "delta",
                    "partition": one.partition,
                    "number": one.number,
                    "base": one.base,
                    "this_update": one.this_update,
                    "next_update": one.next_update,
                    "entries": len(one.said),
                }
                for one in self.lists
            ],
            "authorities": {slug: asdict(counted) for slug, counted in self.counted.items()},
        }


class RevokingAgain:
    def __init__(
        self,
        database: Database,
        guard: Guard,
        audit: Audit,
        hierarchy: Hierarchy,
        revocation: Revocation,
    ) -> None:
        self._database = database
        self._guard = guard
        self._audit = audit
        self._hierarchy = hierarchy
        self._revocation = revocation

    def read(self, files: Sequence[tuple[str, bytes]]) -> tuple[PublishedList, ...]:
        """The lists in these files, oldest first, each verified. Raises BadRequest."""
        authorities = {a.kid: a for a in (*self._hierarchy.all(), *self._hierarchy.distrusted())}
        lists = [one for name, each in files for one in read(each, name, authorities.values())]
        # Of one number, what is complete speaks before what only changed.
        return tuple(sorted(lists, key=lambda x: (x.number, not x.is_complete)))

    def apply(
        self,
        lists: Sequence[PublishedList],
        actor: Actor,
        clock: Clock,
        *,
        dry_run: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Again:
        """Make the record say what the newest of these lists say of each serial.

        In batches: who was interrupted runs the same again. Then every next list has a higher
        number than these.
        """
        counted: dict[str, Counted] = {}
        done = 0
        for authority in {one.authority.kid: one.authority for one in lists}.values():
            theirs = [one for one in lists if one.authority.kid == authority.kid]
            count = counted[authority.slug] = Counted()
            said = _newest(theirs)
            count.named = len(said)
            for batch in _batches(said):
                with self._database.read() as uow:
                    known = _known(uow, batch)
                acts = _acts(batch, known, authority, count)
                if acts and not dry_run:
                    self._act(acts, known, authority, theirs[-1], actor, clock.now())
                done += len(batch)
                progress(done)
            count.held = self._held(theirs, said)
            if not dry_run:
                self._surpass(authority, theirs, clock.now())
        return Again(tuple(lists), counted, self._missing(lists, clock.now()))

    def restored(self) -> datetime | None:
        """As of when the backup was, if one was restored and that is known."""
        with self._database.read() as uow:
            known = [row.base_at for row in store.restored(uow) if row.base_at is not None]
        return max(known, default=None)

    def _missing(self, lists: Sequence[PublishedList], now: datetime) -> tuple[str, ...]:
        told = {(x.authority.kid, x.partition) for x in lists if x.is_complete}
        with self._database.read() as uow:
            places = store.places_in_use(uow, now)
        missing = []
        for kid, partition in places:
            authority = self._hierarchy.by_kid(kid)
            if authority is not None and not {(kid, None), (kid, partition)} & told:
                slug = authority.slug
                missing.append(slug if authority.partitions == 1 else f"{slug}/{partition}")
        return tuple(missing)

    def _act(
        self,
        acts: Said,
        known: Mapping[str, Row[Any]],
        authority: Authority,
        newest: PublishedList,
        actor: Actor,
        now: datetime,
    ) -> None:
        with self._database.write() as uow:
            lost = [
                _lost(serial, acts[serial], authority, now)
                for serial in sorted(acts.keys() - known)
            ]
            if lost:
                uow.execute(insert(certificates), lost)
            for serial in sorted(acts.keys() & known):
                row, statement = known[serial], acts[serial]
                if statement.reason == RELEASE:
                    self._revocation.change(uow, (serial,), RELEASE, now)
                else:
                    self._revoke(uow, row, statement, now)
            told = {"authority": authority.slug, "list": newest.number, "serials": list(acts)}
            told["published"] = newest.this_update.isoformat()
            self._audit.record(uow, "certificates.revoked-again", actor, details=told)

    def _revoke(self, uow: UnitOfWork, row: Row[Any], statement: Statement, now: datetime) -> None:
        """As of the list's own date."""
        said = {
            "state": "issued",  # where the backup knew it as begun only: it was signed since
            "revoked_at": statement.at,
            "revocation_reason": statement.reason,
            "status_changed_at": store.moment(now),
        }
        if row.state == "void":
            said["reference"] = f"{LOST}:{row.serial}"  # its leave led to another one here
        this = update(certificates).where(_C.serial == row.serial).values(said)
        if not uow.changed(this) and statement.reason == HOLD:
            self._hold_older(uow, row, said)
        if statement.reason in BANS_THE_KEY and row.profile != LOST:
            self._revocation.end_keys(uow, [row], statement.reason, now)

    def _hold_older(self, uow: UnitOfWork, row: Row[Any], said: Mapping[str, Any]) -> None:
        """The guard refuses a row that was revoked or held since the backup. On hold it is right
        again; one that somebody else wrote is given up for good."""
        bound = binding(certificates)
        assert bound is not None  # noqa: S101 - it is declared so
        ours = self._guard.inspection.verdicts(bound, [row._asdict()]) == [BROUGHT_BACK]
        new = dict(said) if ours else {**said, "revocation_reason": "unspecified"}
        mac = uow.row_mac(certificates, {**row._asdict(), **new}) if ours else None
        uow.connection.execute(
            update(certificates).where(_C.serial == row.serial).values({**new, MAC: mac})
        )

    def _held(self, lists: Sequence[PublishedList], said: Said) -> list[str]:
        """On hold here since before a complete list that does not name them: taken off since?"""
        held: list[str] = []
        kid = lists[0].authority.kid
        with self._database.read() as uow:
            rows = uow.all(
                select(_C.serial, _C.status_changed_at).where(
                    _C.authority_kid == kid, _C.state == "issued", _C.revocation_reason == HOLD
                )
            )
        for row in rows:
            if row.serial not in said and any(
                one.is_complete
                and one.covers(row.serial)
                and row.status_changed_at < one.this_update
                for one in lists
            ):
                held.append(row.serial)
        return sorted(held)

    def _surpass(self, authority: Authority, lists: Sequence[PublishedList], now: datetime) -> None:
        with self._database.write() as uow:
            store.surpass(uow, authority.kid, max(one.number for one in lists), now)
            if self._hierarchy.holds(authority):
                return
            # Nobody can sign the next one here: the published one itself is told on.
            for one in lists:
                if one.is_complete and one.partition is None and one.next_update is not None:
                    record.put_list(
                        uow,
                        authority_kid=authority.kid,
                        partition=0,
                        kind="complete",
                        number=one.number,
                        this_update=one.this_update,
                        next_update=one.next_update,
                        der=one.der,
                    )


def _newest(lists: Sequence[PublishedList]) -> dict[str, Statement]:
    """The last word on each serial; a hold that a later complete list leaves out was taken off."""
    said: dict[str, Statement] = {}
    for one in lists:
        if one.is_complete:
            for serial, statement in said.items():
                if statement.reason == HOLD and one.covers(serial) and serial not in one.said:
                    said[serial] = Statement(one.this_update, RELEASE)
        said |= one.said
    return said


def _batches(said: Said) -> Iterator[dict[str, Statement]]:
    rest = iter(said.items())
    while batch := dict(islice(rest, BATCH)):
        yield batch


def _known(uow: UnitOfWork, batch: Said) -> dict[str, Row[Any]]:
    """Past the guard: a row that it refuses is there all the same."""
    rows = uow.connection.execute(select(certificates).where(_C.serial.in_(list(batch))))
    return {row.serial: row for row in rows}


def _acts(
    batch: Said, known: Mapping[str, Row[Any]], authority: Authority, count: Counted
) -> dict[str, Statement]:
    """Of a batch, what the record does not say yet; the rest is counted only."""
    acts: dict[str, Statement] = {}
    for serial, statement in batch.items():
        row = known.get(serial)
        if row is not None and row.authority_kid != authority.kid:
            count.of_others += 1
        elif row is None and statement.reason == RELEASE:
            count.unknown_good += 1
        elif row is None:
            count.unknown += 1
            count.key_unknown += statement.reason in BANS_THE_KEY
            acts[serial] = statement
        elif statement.reason == RELEASE:
            if _is_on_hold(row) and row.status_changed_at <= statement.at:
                count.released += 1
                acts[serial] = statement
            else:
                count.already += 1
        elif _says(row, statement):
            count.already += 1
        else:
            count.revoked += statement.reason != HOLD
            count.on_hold += statement.reason == HOLD
            acts[serial] = statement
    return acts


def _is_on_hold(row: Row[Any]) -> bool:
    return bool(row.state == "issued" and row.revocation_reason == HOLD)


def _says(row: Row[Any], statement: Statement) -> bool:
    """Whether it is revoked already, for good or as lightly, or was taken off that very hold; a key
    that is known to others is banned even where "revoked" is on record without the reason."""
    if row.state != "issued":
        return False
    if row.revoked_at is None:
        changed = row.status_changed_at
        return statement.reason == HOLD and changed is not None and changed >= statement.at
    if row.revocation_reason == HOLD:
        return statement.reason == HOLD
    return statement.reason not in BANS_THE_KEY or row.revocation_reason in BANS_THE_KEY


def _lost(serial: str, statement: Statement, authority: Authority, now: datetime) -> dict[str, Any]:
    certificate = authority.certificate
    return {
        "serial": serial,
        "state": "issued",
        "authority_kid": authority.kid,
        "partition": int(serial, 16) % authority.partitions,
        "profile": LOST,
        "holder": LOST,
        "reference": f"{LOST}:{serial}",
        "public_key": f"{LOST}:{serial}",  # nobody else's: what ends a key ends no other
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "recorded_at": now,
        "revoked_at": statement.at,
        "revocation_reason": statement.reason,
        "status_changed_at": now,
    }
