"""What became of a service's requests: how many a day, and why the last ones were refused — for its
owner, who cannot read our log (RFC 6749 §5.2 tells a program little, on purpose).

A request that goes well costs one addition in memory. A refusal is kept by its reason, not by
request: the same one again is counted. So much of it, and no more: so many reasons of a service,
so many services at a time, written together every few seconds. It is free of people: what came
with a request is left out, but for the words of protocols (`foundation.refusal_lines`).
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import wraps
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from foundation import refusal_lines
from foundation.database import Database, UnitOfWork
from foundation.errors import CivitasError, SeeOther
from idp.oauth import explaining
from idp.oauth.client import Client
from idp.oauth.tables import client_days as days
from idp.oauth.tables import client_refusals as refusals
from idp.oauth.way_back import ASKED

log = logging.getLogger("civitas.oauth")
SIGNED_IN, TOKENS, REFUSED = "signed_in", "tokens", "refused"
MOST_REASONS = 30
MOST_WAITING = 2000
KEPT = timedelta(days=7)
COUNTS_KEPT = timedelta(days=90)
NO_FAILURE = frozenset(
    {
        "access_denied",
        "authorization_pending",
        "consent_required",
        "expired_token",
        "login_required",
        "see_other",
        "slow_down",
        "use_dpop_nonce",
    }
)
"""What a protocol says on its way, and what a person decided: neither is a fault of the service."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason. `said`: what the service was told; `why`: what we know beyond that."""

    place: str
    code: str
    said: str
    why: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """What became of a day's requests."""

    day: date
    signed_in: int = 0
    tokens: int = 0
    refused: int = 0


class Watching:
    """Counts in memory, writes together, tells the owner."""

    def __init__(self, database: Database, now: Callable[[], datetime], zone: str) -> None:
        self._database = database
        self._now = now
        self._zone = ZoneInfo(zone)
        self._lock = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._refusals: dict[tuple[str, bytes], dict[str, Any]] = {}

    # ── while requests are answered ───────────────────────────────────────────────────

    def went_well(self, client: Client, kind: str) -> None:
        """One more; `kind` is SIGNED_IN or TOKENS. Devices are too many to count each of them."""
        if client.kind == "device":
            return
        key = client.id, kind
        with self._lock:
            if key in self._counts or len(self._counts) < MOST_WAITING:
                self._counts[key] += 1

    def refused(self, request: Request, error: CivitasError) -> None:
        """A refusal of a request that names a client of ours."""
        client: Client | None = request.scope.get(ASKED)
        status, code = error.told
        if (
            client is None
            or client.kind == "device"
            or code in NO_FAILURE
            or status >= 500
            or isinstance(error, SeeOther)
        ):
            return
        route = request.scope.get("civitas.route")
        place = str(getattr(route, "path", request.url.path))
        said = refusal_lines.reason(error, request)[:300]
        why = explaining.why(client, error, request)[:500]
        digest = hashlib.sha256(f"{place}\0{code}\0{said}\0{why}".encode()).digest()[:16]
        now = self._now()
        with self._lock:
            if (client.id, REFUSED) in self._counts or len(self._counts) < MOST_WAITING:
                self._counts[client.id, REFUSED] += 1
            found = self._refusals.get((client.id, digest))
            if found is not None:
                found["times"] += 1
                found["last_at"] = now
            elif self._room_for(client.id):
                self._refusals[client.id, digest] = {
                    "client_id": client.id,
                    "digest": digest,
                    "place": place[:100],
                    "code": code[:64],
                    "said": said,
                    "why": why,
                    "times": 1,
                    "first_at": now,
                    "last_at": now,
                }

    def watched(self, endpoint: Callable[..., Response]) -> Callable[..., Response]:
        """The endpoint, whose refusals are kept."""

        @wraps(endpoint)
        def answer(*known: Any) -> Response:
            try:
                return endpoint(*known)
            except CivitasError as error:
                self.refused(known[-1], error)
                raise

        return answer

    def _room_for(self, client_id: str) -> bool:
        if len(self._refusals) >= MOST_WAITING:
            return False
        return sum(known == client_id for known, _ in self._refusals) < MOST_REASONS

    # ── what is kept ──────────────────────────────────────────────────────────────────

    def write_down(self) -> None:
        """Everything since the last time, in one unit of work."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            found, self._refusals = self._refusals, {}
        if not counts and not found:
            return
        day = self._day(self._now()).isoformat()
        try:
            with self._database.write() as uow:
                for (client_id, kind), times in sorted(counts.items()):
                    _count(uow, client_id, day, kind, times)
                for _, row in sorted(found.items()):
                    _note(uow, row)
                for client_id in sorted({client_id for client_id, _ in found}):
                    _only_the_last(uow, client_id)
        except SQLAlchemyError as error:
            log.warning("what became of requests could not be written down: %s", error)

    def refusals_of(self, client_id: str) -> Sequence[Refusal]:
        """Why its last requests were refused, the latest first."""
        self.write_down()
        query = select(refusals).where(refusals.c.client_id == client_id)
        with self._database.read() as uow:
            rows = uow.all(query.order_by(refusals.c.last_at.desc(), refusals.c.digest))
        return [
            Refusal(r.place, r.code, r.said, r.why, r.times, r.first_at, r.last_at) for r in rows
        ]

    def days_of(self, client_id: str, most: int = 14) -> Sequence[Day]:
        """The last days, also those without any request; the latest is today."""
        return self.days_of_all([client_id], most)[client_id]

    def days_of_all(self, client_ids: Sequence[str], most: int = 14) -> dict[str, Sequence[Day]]:
        """The same of several."""
        self.write_down()
        today = self._day(self._now())
        listed = [today - timedelta(days=back) for back in range(most - 1, -1, -1)]
        query = select(days).where(
            days.c.client_id.in_(client_ids), days.c.day >= listed[0].isoformat()
        )
        found: dict[tuple[str, str], dict[str, int]] = {}
        with self._database.read() as uow:
            for row in uow.all(query):
                found.setdefault((row.client_id, row.day), {})[row.kind] = row.times
        return {
            client_id: [Day(day, **found.get((client_id, day.isoformat()), {})) for day in listed]
            for client_id in client_ids
        }

    def _day(self, now: datetime) -> date:
        return now.astimezone(self._zone).date()


def sweep(uow: UnitOfWork, before: datetime) -> int:
    """Refusals of more than a week ago, and counts of a quarter."""
    gone = uow.changed(delete(refusals).where(refusals.c.last_at < before - KEPT))
    oldest = (before - COUNTS_KEPT).date().isoformat()
    return gone + uow.changed(delete(days).where(days.c.day < oldest))


def _count(uow: UnitOfWork, client_id: str, day: str, kind: str, times: int) -> None:
    row = {"client_id": client_id, "day": day, "kind": kind, "times": times}
    statement = _insert(uow)(days).values(row)
    uow.execute(
        statement.on_conflict_do_update(
            index_elements=[days.c.client_id, days.c.day, days.c.kind],
            set_={"times": days.c.times + times},
        )
    )


def _note(uow: UnitOfWork, row: dict[str, Any]) -> None:
    statement = _insert(uow)(refusals).values(row)
    uow.execute(
        statement.on_conflict_do_update(
            index_elements=[refusals.c.client_id, refusals.c.digest],
            set_={"times": refusals.c.times + row["times"], "last_at": row["last_at"]},
        )
    )


def _only_the_last(uow: UnitOfWork, client_id: str) -> None:
    of_it = refusals.c.client_id == client_id
    count = uow.one(select(func.count().label("times")).select_from(refusals).where(of_it))
    if count is None or count.times <= MOST_REASONS:
        return
    kept = (
        select(refusals.c.digest)
        .where(of_it)
        .order_by(refusals.c.last_at.desc(), refusals.c.digest)
    )
    last = [row.digest for row in uow.all(kept.limit(MOST_REASONS))]
    uow.execute(delete(refusals).where(of_it, refusals.c.digest.not_in(last)))


def _insert(uow: UnitOfWork) -> Any:
    return postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
