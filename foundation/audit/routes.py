"""Public routes of the audit: checkpoint, entries, proofs — RFC 9162 §2.1, C2SP tlog-checkpoint.

Open to everybody: what they show names nobody. Only what a checkpoint was signed for is shown.
"""

import base64
import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from foundation.audit import Audit
from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.log import TreeBroken
from foundation.audit.signed_tree import NothingSigned
from foundation.audit.tree import Span
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound, Unavailable
from foundation.web import Route

MOST = 1000
_LARGEST = 2**53 - 1  # what a JSON number carries everywhere
TREE = "RFC 9162 §2.1"
NOTE = "C2SP tlog-checkpoint"

Number = Annotated[int, Query(ge=0, le=_LARGEST, description="Counted from 0.")]
Count = Annotated[int, Query(ge=1, le=MOST, description="At most this many, and at most 1000.")]
Size = Annotated[
    int | None,
    Query(ge=1, le=_LARGEST, description="Leaves of the tree; the newest checkpoint's if absent."),
]


OldSize = Annotated[int, Query(ge=1, le=_LARGEST, description="Leaves of the older tree.")]
_TEXT = {"response_class": PlainTextResponse}


class Entry(BaseModel):
    """An event as everybody may see it; its leaf hash is computed from these two members."""

    index: int = Field(description="The number of its leaf, from 0.")
    event_id: str
    open: str = Field(description="The exact JSON text that the leaf hashes.")
    sealed: list[str] = Field(description="Hex SHA-256 of each sealed part, in order.")


class Entries(BaseModel):
    """A run of entries."""

    tree_size: int = Field(description="Leaves of the newest signed tree.")
    entries: list[Entry]


class Leaves(BaseModel):
    """A run of leaf hashes, base64, from `start`."""

    tree_size: int
    start: int
    leaves: list[str]


class Proof(BaseModel):
    """Hashes, base64, from the lowest upwards (RFC 9162 §2.1.3, §2.1.4)."""

    tree_size: int
    proof: list[str]


Cosigned = Annotated[bool, Query(description="The newest checkpoint that a witness has cosigned.")]


def checkpoint(audit: Audit, cosigned: Cosigned = False) -> PlainTextResponse:
    """The newest signed checkpoint, a signed note: origin, tree size and root.

    Witnesses' cosignatures (C2SP tlog-cosignature) are further lines of the note.
    """
    try:
        note = audit.tree.checkpoint(cosigned=cosigned)
    except NothingSigned:
        if cosigned:
            raise NotFound(
                "No checkpoint is cosigned by a witness.",
                where="cosigned",
                next_step="Leave it out for the newest checkpoint.",
            ) from None
        raise _too_early() from None
    return PlainTextResponse(note, headers={"Cache-Control": "no-cache"})


def key(audit: Audit) -> PlainTextResponse:
    """The verifier keys of the checkpoints, a line each, the newest first."""
    text = "".join(f"{verifier}\n" for verifier in audit.tree.verifier_keys())
    return PlainTextResponse(text, headers={"Cache-Control": "no-cache"})


def entries(audit: Audit, start: Number = 0, count: Count = 100) -> Entries:
    """Public entries of the leaves from `start`: enough to compute every leaf again."""
    with audit.database.read() as uow:
        size = _signed(audit, uow)
        shown = audit_log.entries(uow, start, _within(start, count, size))
    listed = [
        Entry(
            index=one.index,
            event_id=one.event_id,
            # Bytes that are not ours any more are shown as they are, so that it can be seen.
            open=one.open.decode("utf-8", "replace"),
            sealed=[digest.hex() for digest in one.sealed_digests],
        )
        for one in shown
    ]
    return Entries(tree_size=size, entries=listed)


def leaves(audit: Audit, start: Number = 0, count: Count = 100) -> Leaves:
    """Leaf hashes from `start`, as the tree has them."""
    with audit.database.read() as uow:
        size = _signed(audit, uow)
        shown = audit_log.leaf_hashes(uow, start, _within(start, count, size))
    return Leaves(tree_size=size, start=start, leaves=_encoded(digest for _, digest in shown))


def inclusion(audit: Audit, index: Number, size: Size = None) -> Proof:
    """The proof that the leaf `index` is in the tree of `size` leaves (§2.1.3)."""
    with audit.database.read() as uow:
        newest = _signed(audit, uow)
        size = _asked(size, newest, "size")
        if index >= size:
            raise NotFound(
                f"The tree of {size} leaves has no leaf {index}.",
                where="index",
                next_step="Ask for a smaller index, or again in some seconds.",
            )
        spans = audit_tree.inclusion_spans(index, size)
        return Proof(tree_size=size, proof=_prove(uow, spans))


def consistency(audit: Audit, old: OldSize, new: Size = None) -> Proof:
    """The proof that the tree of `old` leaves is the start of the tree of `new` (§2.1.4)."""
    with audit.database.read() as uow:
        newest = _signed(audit, uow)
        new = _asked(new, newest, "new")
        if old > new:
            raise BadRequest(
                f"A tree of {old} leaves cannot be the start of one of {new}.",
                where="old",
                next_step="Give the smaller size as old.",
            )
        spans = audit_tree.consistency_spans(old, new)
        return Proof(tree_size=new, proof=_prove(uow, spans))


def routes_of(audit: Audit) -> tuple[Route, ...]:
    """Every public route of the audit."""
    return (
        _route("checkpoint", partial(checkpoint, audit), NOTE, _TEXT),
        _route("key", partial(key, audit), "C2SP signed-note", _TEXT),
        _route("entries", partial(entries, audit), TREE),
        _route("leaves", partial(leaves, audit), TREE),
        _route("proof/inclusion", partial(inclusion, audit), TREE),
        _route("proof/consistency", partial(consistency, audit), TREE),
    )


def _route(
    name: str,
    endpoint: partial[Any],
    specification: str,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Route:
    told = {
        "summary": f"Audit {name.replace('/', ': ')}",
        "description": inspect.getdoc(endpoint.func),
    }
    path = f"/audit/{name}"
    return Route(("GET",), path, endpoint, specification, api=True, options={**told, **options})


def _signed(audit: Audit, uow: UnitOfWork) -> int:
    """The size of the newest signed tree: nothing beyond it is shown."""
    size = audit.tree.signed_size(uow)
    if size is None:
        raise _too_early()
    return size


def _too_early() -> Unavailable:
    return Unavailable(
        "No checkpoint is signed yet.",
        next_step="Ask again in some seconds; if it stays so, `civitas work` is not running.",
        headers={"Retry-After": "2"},
    )


def _within(start: int, count: int, size: int) -> int:
    if start > size:
        raise NotFound(
            f"The signed tree has {size} leaves, so none starts at {start}.",
            where="start",
            next_step="Start below the tree's size.",
        )
    return min(count, size - start)


def _asked(asked: int | None, newest: int, where: str) -> int:
    if asked is None:
        return newest
    if asked > newest:
        raise NotFound(
            f"The newest signed tree has {newest} leaves, fewer than {asked}.",
            where=where,
            next_step="Leave the size out for the newest tree, or ask again in some seconds.",
        )
    return asked


def _prove(uow: UnitOfWork, spans: Sequence[Span]) -> list[str]:
    try:
        hashes = audit_tree.assemble(spans, audit_log.fetch(uow, audit_tree.positions(spans)))
    except TreeBroken:
        raise Conflict(
            "Parts of the stored tree are missing, so this cannot be proven.",
            next_step="Keep your checkpoint and tell the regulator.",
        ) from None
    return _encoded(hashes)


def _encoded(hashes: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(digest).decode() for digest in hashes]
