"""Queries on documents and what is shared of them. What must happen once is one statement."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from documents.locker.document import (
    Asked,
    Content,
    Document,
    Link,
    Mismatch,
    Share,
    Version,
    Wanted,
)
from documents.locker.tables import (
    document_links,
    document_mismatches,
    document_requests,
    document_shares,
    document_versions,
    documents,
)
from foundation.database import UnitOfWork
from foundation.sealing import CannotOpen
from foundation.vault import Erased, Vault

PAGE = 50


def number_index(vault: Vault, issuer: str, kind: str, number: str) -> bytes:
    """The blind index of a document's number; numbers differ by case, as offices write them."""
    return vault.index("document", f"{issuer}\0{kind}\0{number.encode().hex()}")


# ── documents ─────────────────────────────────────────────────────────────────────────


def seal(vault: Vault, person_id: str, document_id: str, content: Content) -> bytes:
    """Raises Erased."""
    said = {
        "number": content.number,
        "name": content.name,
        "birthdate": content.birthdate,
        "fields": dict(content.fields),
    }
    plain = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    return vault.seal(person_id, plain, f"document\0{document_id}")


def by_number(
    uow: UnitOfWork, vault: Vault, issuer: str, kind: str, number: str
) -> Document | None:
    row = uow.one(
        select(documents).where(
            documents.c.issuer == issuer,
            documents.c.kind == kind,
            documents.c.number_index == number_index(vault, issuer, kind, number),
        )
    )
    return None if row is None else _document(vault, row)


def of_person(
    uow: UnitOfWork,
    vault: Vault,
    person_id: str,
    kinds: Collection[tuple[str, str]] | None = None,
    after: int = 0,
    limit: int = PAGE,
) -> list[Document]:
    """Documents of a person, newest first; `kinds`: only these (issuer, kind)."""
    query = select(documents).where(documents.c.person_id == person_id)
    if kinds is not None:
        issuers = {issuer for issuer, _ in kinds}
        query = query.where(
            documents.c.issuer.in_(sorted(issuers)),
            documents.c.kind.in_(sorted({kind for _, kind in kinds})),
        )
    query = query.order_by(documents.c.issued_at.desc(), documents.c.id)
    rows = uow.all(query.limit(limit).offset(after))
    found = [_document(vault, row) for row in rows]
    return [d for d in found if kinds is None or (d.issuer, d.kind) in kinds]


def own(uow: UnitOfWork, vault: Vault, document_id: str, person_id: str) -> Document | None:
    """A person's own document."""
    row = uow.one(
        select(documents).where(documents.c.id == document_id, documents.c.person_id == person_id)
    )
    return None if row is None else _document(vault, row)


def add(uow: UnitOfWork, values: Mapping[str, Any]) -> bool:
    """False when there is a document of this number already."""
    made = postgresql.insert if uow.connection.dialect.name == "postgresql" else sqlite.insert
    added = made(documents).values(**values).on_conflict_do_nothing().returning(documents.c.id)
    return uow.one(added) is not None


def change(uow: UnitOfWork, document: Document, now: datetime, **values: Any) -> bool:
    """Change a document as it was read; False when somebody else changed it since."""
    return (
        uow.changed(
            update(documents)
            .where(
                documents.c.id == document.id,
                documents.c.version == document.version,
                documents.c.state == document.state,
            )
            .values(changed_at=now, **values)
        )
        == 1
    )


def note(
    uow: UnitOfWork,
    document_id: str,
    at: datetime,
    act: str,
    version: int,
    reason: str = "",
    sealed: bytes | None = None,
) -> None:
    """One more step of a document's history; `sealed`: what it said before it was replaced."""
    highest = uow.one(
        select(func.coalesce(func.max(document_versions.c.number), 0)).where(
            document_versions.c.document_id == document_id
        )
    )
    uow.execute(
        insert(document_versions).values(
            document_id=document_id,
            number=(highest[0] if highest else 0) + 1,
            at=at,
            act=act,
            version=version,
            reason=reason,
            sealed=sealed,
        )
    )


def history(uow: UnitOfWork, document_id: str) -> list[Version]:
    """Newest first."""
    v = document_versions.c
    rows = uow.all(
        select(v.number, v.at, v.act, v.version, v.reason)
        .where(v.document_id == document_id)
        .order_by(v.number.desc())
        .limit(PAGE)
    )
    return [Version(row.number, row.at, row.act, row.version, row.reason) for row in rows]


def _document(vault: Vault, row: Row[Any]) -> Document:
    content = None
    try:
        plain = vault.open(row.person_id, row.sealed, f"document\0{row.id}")
        content = Content(**json.loads(plain))
    except (Erased, CannotOpen):
        pass
    return Document(
        row.id,
        row.person_id,
        row.issuer,
        row.kind,
        row.state,
        row.version,
        row.issued_at,
        row.valid_until,
        row.changed_at,
        content,
    )


# ── what does not match ───────────────────────────────────────────────────────────────


def mismatch(
    uow: UnitOfWork, person_id: str, issuer: str, kind: str, what: Sequence[str], now: datetime
) -> None:
    matches(uow, person_id, issuer, kind)
    uow.execute(
        insert(document_mismatches).values(
            person_id=person_id, issuer=issuer, kind=kind, what=list(what), at=now
        )
    )


def matches(uow: UnitOfWork, person_id: str, issuer: str, kind: str) -> None:
    """The office names the person as the register does, by now."""
    m = document_mismatches.c
    uow.execute(
        delete(document_mismatches).where(
            m.person_id == person_id, m.issuer == issuer, m.kind == kind
        )
    )


def mismatches(uow: UnitOfWork, person_id: str) -> list[Mismatch]:
    m = document_mismatches.c
    rows = uow.all(select(document_mismatches).where(m.person_id == person_id).order_by(m.at))
    return [Mismatch(row.issuer, row.kind, tuple(row.what), row.at) for row in rows]


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


def end_shares(
    uow: UnitOfWork,
    person_id: str,
    service: str,
    purpose: str,
    document_ids: Collection[str] | None,
    now: datetime,
) -> int:
    """End what is shared with a service for a purpose; `document_ids`: of these documents only."""
    s = document_shares.c
    theirs = [
        s.person_id == person_id,
        s.service == service,
        s.purpose == purpose,
        s.state == "active",
    ]
    if document_ids is not None:
        theirs.append(s.document_id.in_(sorted(document_ids)))
    return uow.changed(update(document_shares).where(*theirs).values(state="ended", ended_at=now))


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


def end_links(uow: UnitOfWork, document_id: str, link_id: str | None, now: datetime) -> int:
    """End one link of a document, or all."""
    k = document_links.c
    theirs = [k.document_id == document_id, k.state == "active"]
    if link_id is not None:
        theirs.append(k.id == link_id)
    return uow.changed(update(document_links).where(*theirs).values(state="ended", ended_at=now))


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
