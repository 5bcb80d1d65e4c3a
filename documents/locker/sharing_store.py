"""Queries on what was asked for, shared with services, and given away by links. What must happen
once is one statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, case, delete, insert, select, update

from documents.locker.document import Asked, Link, Share, Wanted
from documents.locker.store import PAGE
from documents.locker.tables import document_links, document_requests, document_shares
from foundation.database import UnitOfWork

# ── requests ──────────────────────────────────────────────────────────────────────────


def ask(uow: UnitOfWork, asked: Asked) -> None:
    uow.execute(
        insert(document_requests).values(
            id=asked.id,
            person_id=asked.person_id,
            service=asked.service,
            service_name=asked.service_name,
            purpose=asked.purpose,
            wanted=[[one.claim, list(one.parts)] for one in asked.wanted],
            return_to=asked.return_to,
            state="asked",
            asked_at=asked.asked_at,
            expires_at=asked.expires_at,
        )
    )


def asked(uow: UnitOfWork, request_id: str) -> Asked | None:
    row = uow.one(select(document_requests).where(document_requests.c.id == request_id))
    return None if row is None else _asked(row)


def waiting(uow: UnitOfWork, person_id: str, now: datetime) -> list[Asked]:
    """Requests that wait for this person's answer, oldest first."""
    r = document_requests.c
    rows = uow.all(
        select(document_requests)
        .where(r.person_id == person_id, r.state == "asked", r.expires_at > now)
        .order_by(r.asked_at)
        .limit(PAGE)
    )
    return [_asked(row) for row in rows]


def answer(uow: UnitOfWork, asked: Asked, state: str, now: datetime) -> bool:
    """False when it was answered already, or its time is over."""
    r = document_requests.c
    return (
        uow.changed(
            update(document_requests)
            .where(r.id == asked.id, r.state == "asked", r.expires_at > now)
            .values(state=state, answered_at=now)
        )
        == 1
    )


def sweep(uow: UnitOfWork, before: datetime, most: int) -> int:
    """Delete requests that ended long ago."""
    r = document_requests.c
    over = select(r.id).where(r.expires_at < before).limit(most)
    return uow.changed(delete(document_requests).where(r.id.in_(over)))


def _asked(row: Row[Any]) -> Asked:
    return Asked(
        row.id,
        row.person_id,
        row.service,
        row.service_name,
        row.purpose,
        tuple(Wanted(claim, tuple(parts)) for claim, parts in row.wanted),
        row.return_to,
        row.state,
        row.asked_at,
        row.expires_at,
    )


# ── shares ────────────────────────────────────────────────────────────────────────────


def share(uow: UnitOfWork, given: Share) -> None:
    """A newer share of the same document with the same service takes the place of the older."""
    s = document_shares.c
    uow.execute(
        update(document_shares)
        .where(s.document_id == given.document_id, s.service == given.service, s.state == "active")
        .values(state="ended", ended_at=given.given_at)
    )
    uow.execute(
        insert(document_shares).values(
            id=given.id,
            request_id=given.request_id,
            document_id=given.document_id,
            person_id=given.person_id,
            service=given.service,
            purpose=given.purpose,
            parts=list(given.parts),
            uses_left=given.uses_left,
            state="active",
            given_at=given.given_at,
            not_after=given.not_after,
        )
    )


def share_with(uow: UnitOfWork, document_id: str, service: str) -> Share | None:
    """The share of a document with a service that stands, or the last one that ended."""
    s = document_shares.c
    row = uow.one(
        select(document_shares)
        .where(s.document_id == document_id, s.service == service)
        .order_by(case((s.state == "active", 0), else_=1), s.given_at.desc(), s.id)
        .limit(1)
    )
    return None if row is None else _share(row)


def shares_of_request(uow: UnitOfWork, request_id: str) -> list[Share]:
    s = document_shares.c
    rows = uow.all(select(document_shares).where(s.request_id == request_id).order_by(s.id))
    return [_share(row) for row in rows]


def shares_of_document(uow: UnitOfWork, document_id: str) -> list[Share]:
    """Newest first."""
    s = document_shares.c
    rows = uow.all(
        select(document_shares)
        .where(s.document_id == document_id)
        .order_by(s.given_at.desc(), s.id)
        .limit(PAGE)
    )
    return [_share(row) for row in rows]


def end_shares(uow: UnitOfWork, person_id: str, service: str, purpose: str, now: datetime) -> int:
    """End what is shared with a service for a purpose."""
    s = document_shares.c
    return uow.changed(
        update(document_shares)
        .where(
            s.person_id == person_id,
            s.service == service,
            s.purpose == purpose,
            s.state == "active",
        )
        .values(state="ended", ended_at=now)
    )


def use_up(uow: UnitOfWork, table: Table, row_id: str) -> bool:
    """Count one use of a share or a link that has a number of them; False when none is left."""
    return (
        uow.changed(
            update(table)
            .where(table.c.id == row_id, table.c.state == "active", table.c.uses_left > 0)
            .values(uses_left=table.c.uses_left - 1)
        )
        == 1
    )


def _share(row: Row[Any]) -> Share:
    return Share(
        row.id,
        row.request_id,
        row.document_id,
        row.person_id,
        row.service,
        row.purpose,
        tuple(row.parts),
        row.uses_left,
        row.state,
        row.given_at,
        row.not_after,
        row.ended_at,
    )


# ── links ─────────────────────────────────────────────────────────────────────────────


def add_link(uow: UnitOfWork, link: Link, digest: bytes) -> None:
    uow.execute(
        insert(document_links).values(
            id=link.id,
            document_id=link.document_id,
            person_id=link.person_id,
            digest=digest,
            parts=list(link.parts),
            uses_left=link.uses_left,
            state="active",
            made_at=link.made_at,
            not_after=link.not_after,
        )
    )


def link(uow: UnitOfWork, digest: bytes) -> Link | None:
    row = uow.one(select(document_links).where(document_links.c.digest == digest))
    return None if row is None else _link(row)


def links_of_document(uow: UnitOfWork, document_id: str) -> list[Link]:
    """Newest first."""
    k = document_links.c
    rows = uow.all(
        select(document_links)
        .where(k.document_id == document_id)
        .order_by(k.made_at.desc(), k.id)
        .limit(PAGE)
    )
    return [_link(row) for row in rows]


def end_link(uow: UnitOfWork, document_id: str, link_id: str, now: datetime) -> bool:
    """End one link of a document; False when it had ended."""
    k = document_links.c
    theirs = (k.document_id == document_id) & (k.id == link_id) & (k.state == "active")
    return uow.changed(update(document_links).where(theirs).values(state="ended", ended_at=now)) > 0


def end_all_of_person(uow: UnitOfWork, person_id: str, now: datetime) -> int:
    """Shares and links of a person whose identity ended."""
    ended = 0
    for table in (document_shares, document_links):
        theirs = (table.c.person_id == person_id) & (table.c.state == "active")
        ended += uow.changed(update(table).where(theirs).values(state="ended", ended_at=now))
    return ended


def _link(row: Row[Any]) -> Link:
    return Link(
        row.id,
        row.document_id,
        row.person_id,
        tuple(row.parts),
        row.uses_left,
        row.state,
        row.made_at,
        row.not_after,
        row.ended_at,
    )
