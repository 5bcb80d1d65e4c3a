"""Revocation of one certificate or of thousands — RFC 5280 §5.3.1, RFC 3647 §4.9.

In batches, each one unit of work with one audit event that lists its serials: the tree has every
one of them, and 10,000 revocations cost fifty events. A certificate that is done is left alone, so
whoever was interrupted runs the same again and the rest is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Row, or_, select

from foundation.audit import Actor, Audit
from foundation.clock import Clock
from foundation.database import Database, UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound
from foundation.nearest import instead
from pki.hierarchy.hierarchy import Hierarchy
from pki.profiles.profile import Profile
from pki.revocation.revocation import REASONS, RELEASE, Revocation
from pki.status.store import HOLD
from pki.tables import certificates

BATCH = 200
_C = certificates.c


@dataclass(frozen=True, slots=True)
class Selection:
    """Which certificates: what all of the given criteria fit. At least one has to be given.

    `serials` in hex, also as programs print them (`0A:1B…`); `authority` a short name such as
    `devices-1`.
    """

    serials: tuple[str, ...] = ()
    holder: str | None = None
    profile: str | None = None
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """A certificate that would be, or was, revoked."""

    serial: str
    holder: str
    profile: str
    not_after: datetime


class MassRevocation:
    def __init__(
        self,
        database: Database,
        audit: Audit,
        hierarchy: Hierarchy,
        profiles: Sequence[Profile],
        revocation: Revocation,
    ) -> None:
        self._database = database
        self._audit = audit
        self._hierarchy = hierarchy
        self._responders = [p.name for p in profiles if p.status == "responder"]
        self._authorities = {p.name for p in profiles if p.authority}
        self._revocation = revocation

    def select(self, wanted: Selection, reason: str, now: datetime) -> Iterator[Selected]:
        """Who is concerned: issued, not expired, and not yet as `reason` would make them.

        Raises BadRequest or NotFound for a criterion that cannot be, Conflict where an authority
        would be concerned: without its successor nobody could be certified.
        """
        conditions = self._conditions(wanted, reason, now)
        serials = [_normal(one) for one in wanted.serials]
        if serials:
            for batch in _batches(serials):
                yield from self._page([*conditions, _C.serial.in_(batch)], None)
            return
        last: str | None = None
        while page := self._page(conditions, last):
            yield from page
            last = page[-1].serial

    def unknown(self, wanted: Selection) -> list[str]:
        """The serials of `wanted` that this deployment never issued, as they were given."""
        given = {_normal(one): one for one in wanted.serials}
        for batch in _batches(list(given)):
            known = select(_C.serial).where(_C.serial.in_(batch), _C.state == "issued")
            with self._database.read() as uow:
                for row in uow.all(known):
                    given.pop(row.serial, None)
        return list(given.values())

    def is_nobody(self, wanted: Selection) -> bool:
        """Whether no certificate at all fits, revoked or not: then it is misspelt, not done."""
        with self._database.read() as uow:
            found = uow.one(select(_C.serial).where(*self._fitting(wanted)).limit(1))
        return found is None

    def revoke(
        self,
        wanted: Selection,
        reason: str,
        actor: Actor,
        clock: Clock,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Revoke them all, or with the reason removeFromCRL take them off hold; how many.

        Each batch bears the instant at which it is written: lists look only a little way back.
        """
        done = 0
        for batch in _batches([one.serial for one in self.select(wanted, reason, clock.now())]):
            with self._database.write() as uow:
                changed = self._revocation.change(uow, batch, reason, clock.now())
                if changed:
                    self._tell(uow, wanted, changed, reason, actor)
            done += len(changed)
            progress(done)
        return done

    def _tell(
        self,
        uow: UnitOfWork,
        wanted: Selection,
        serials: Sequence[str],
        reason: str,
        actor: Actor,
    ) -> None:
        by = {"holder": wanted.holder, "profile": wanted.profile, "authority": wanted.authority}
        self._audit.record(
            uow,
            "certificates.released" if reason == RELEASE else "certificates.revoked",
            actor,
            details={
                "reason": reason,
                "by": {name: value for name, value in by.items() if value is not None},
                "serials": list(serials),
            },
        )

    def _page(self, conditions: Sequence[Any], after: str | None) -> list[Selected]:
        more = [_C.serial > after] if after is not None else []
        with self._database.read() as uow:
            rows = uow.all(
                select(_C.serial, _C.holder, _C.profile, _C.not_after)
                .where(*conditions, *more)
                .order_by(_C.serial)
                .limit(BATCH)
            )
        found = [_selected(row) for row in rows]
        for one in found:
            if one.profile in self._authorities:
                raise Conflict(
                    f"{one.serial} is the certificate of an authority, {one.holder}.",
                    where="serial",
                    next_step="Use `civitas ca compromise`, which puts a successor in its place.",
                )
        return found

    def _conditions(self, wanted: Selection, reason: str, now: datetime) -> list[Any]:
        if reason not in REASONS and reason != RELEASE:
            raise BadRequest(
                f"{reason} is not a reason of RFC 5280.",
                where="reason",
                next_step=instead(reason, (*REASONS, RELEASE), "Use"),
            )
        held = _C.revocation_reason == HOLD
        free = _C.revoked_at.is_(None)
        fits = held if reason == RELEASE else free if reason == HOLD else or_(free, held)
        if wanted == Selection():
            raise BadRequest(
                "Nothing says which certificates are meant.",
                next_step="Name serials, a holder, a profile or an authority.",
            )
        return [*self._fitting(wanted), _C.not_after > now, fits]

    def _fitting(self, wanted: Selection) -> list[Any]:
        conditions = [_C.state == "issued"]
        if wanted.holder is not None:
            conditions.append(_C.holder == wanted.holder)
        if wanted.profile is not None:
            conditions.append(_C.profile == wanted.profile)
        elif not wanted.serials:
            # They tell of the others; clients never ask about them (RFC 6960 §4.2.2.2.1).
            conditions.append(_C.profile.not_in(self._responders))
        if wanted.authority is not None:
            conditions.append(_C.authority_kid == self._kid(wanted.authority))
        return conditions

    def _kid(self, slug: str) -> str:
        for authority in self._hierarchy.all():
            if authority.slug == slug:
                return authority.kid
        raise NotFound(
            f"There is no authority {slug}.",
            where="authority",
            next_step=instead(slug, [a.slug for a in self._hierarchy.all()], "Name"),
        )


def _normal(serial: str) -> str:
    """As it stands on record: hex without leading zeros."""
    plain = serial.strip().lower().removeprefix("0x").replace(":", "").replace(" ", "")
    try:
        return f"{int(plain, 16):x}"
    except ValueError:
        raise BadRequest(
            f"{serial[:60]} is not a serial number.",
            where="serial",
            next_step="Write it in hex, as `openssl x509 -serial` prints it.",
        ) from None


def _batches(serials: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(serials))
    while batch := list(islice(rest, BATCH)):
        yield batch


def _selected(row: Row[Any]) -> Selected:
    return Selected(row.serial, row.holder, row.profile, row.not_after)
