"""What one audit event says openly, and the bytes that its leaf in the tree hashes.

The open part names nobody: actor and persons appear as references made for this event alone, so
two events about one person cannot be linked by an outsider. The sealed part is hashed before it
enters the leaf, so an outsider can compute every leaf from what is public, and the tree verifies
after a person's key is destroyed.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Literal

from foundation.audit.compact import packed, unpacked

ActorKind = Literal["citizen", "staff", "service", "device", "system"]
HEADER = b"civitas-audit-entry-1\n"
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. Only the kind is public."""

    kind: ActorKind
    id: str


SYSTEM = Actor("system", "civitas")


def on_the_record(at: datetime) -> datetime:
    """An instant as the audit keeps it, in whole milliseconds: stored and open form agree."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def open_part(
    event_id: str, kind: str, at: datetime, actor: ActorKind, actor_ref: str, refs: Sequence[str]
) -> bytes:
    """The public JSON of an event; exactly these bytes are stored, shown and hashed."""
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is not the kind of an event: write words.like_this")
    return json.dumps(
        {
            "id": event_id,
            "kind": kind,
            "at": at.isoformat(timespec="milliseconds"),
            "actor": {"kind": actor, "ref": actor_ref},
            "persons": list(refs),
        },
        separators=(",", ":"),
        ensure_ascii=True,
    ).encode()


def entry(open_bytes: bytes, sealed_digests: Iterable[bytes]) -> bytes:
    """What a leaf hashes: a header, the open JSON, and a hex SHA-256 a sealed part, in lines."""
    lines = b"".join(digest.hex().encode() + b"\n" for digest in sealed_digests)
    return HEADER + open_bytes + b"\n" + lines


def sealed_digest(sealed: bytes) -> bytes:
    return sha256(sealed).digest()


def sealed_part(actor: Actor, details: Mapping[str, Any]) -> bytes:
    """The plaintext that is sealed: who exactly, and what exactly."""
    content = {"actor": actor.id, "details": details}
    return packed(
        json.dumps(content, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()
    )


def read_sealed(plaintext: bytes) -> Mapping[str, Any]:
    """Actor and details, from the plaintext of a sealed part of any age."""
    content: Mapping[str, Any] = json.loads(unpacked(plaintext))
    return content


def refs_of(public: bytes) -> Mapping[int, str]:
    """The reference that each line has in the open part, by its position; the actor's is -1. Raises
    ValueError where that is not an open part of ours."""
    try:
        told = json.loads(public)
        persons, actor = told["persons"], told["actor"]["ref"]
        if not isinstance(persons, list):
            raise TypeError
        return {-1: str(actor), **{n: str(ref) for n, ref in enumerate(persons)}}
    except (KeyError, TypeError, RecursionError):
        raise ValueError("not the open part of an event") from None


def _plain(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a detail of an event")
