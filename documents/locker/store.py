"""Queries on documents, their history, and what did not match."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from documents.locker.document import (
    Content,
    Document,
    Mismatch,
    Version,
)
from documents.locker.tables import (
    document_mismatches,
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
    locked: bool = False,
) -> list[Document]:
    """Documents of a person, newest first; `kinds`: only these (issuer, kind). `locked`: they stay
    as they are until the unit of work is done."""
    query = select(documents).where(documents.c.person_id == person_id)
    if kinds is not None:
        issuers = {issuer for issuer, _ in kinds}
        query = query.where(
            documents.c.issuer.in_(sorted(issuers)),
            documents.c.kind.in_(sorted({kind for _, kind in kinds})),
        )
    query = query.order_by(documents.c.issued_at.desc(), documents.c.id)
    query = query.limit(limit).offset(after)
    rows = uow.all(query.with_for_update() if locked else query)
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
