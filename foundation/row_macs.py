"""Rows that grant something, bound to whom they belong to by a MAC — NIST SP 800-53 SI-7(6).

Beside its table each package says what a row grants: `bound(table, "subject_id", …)`. Whoever
writes the database without our key can then neither move, raise nor insert such a row:
`row_macs.Guard` checks it at each read, and a row whose MAC is wrong is not there. A row that has
given up what it granted (`only_while`) has no MAC any more, and so never gets it back.

`row_mac` is a version of eight bytes, then keyed BLAKE2b (RFC 7693) over table, primary key,
version and columns. What was taken away is remembered beside the person keys (`row_marks`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import Boolean, Column, LargeBinary, Table

from foundation.clock import Instant, microseconds
from foundation.database import Json, metadata

MAC = "row_mac"
NOW = "now"
_SIZE = 32
_VERSION = 8
_BOUND = "bound"
_REFUSING = "refusing"
_UNBOUND = "unbound"


@dataclass(frozen=True, slots=True)
class Once:
    """What works once: after a backup was restored nobody knows whether it was spent since.

    `what` names it for an operator. `only_while`: values of columns outside of which the row is
    spent already, beside those of its binding. `forgotten`: the row is deleted, so that who shows
    what it is for is a stranger, and not somebody who shows it twice.
    """

    what: str
    only_while: Mapping[str, Collection[Any]] = field(default_factory=dict)
    forgotten: bool = False


@dataclass(frozen=True, eq=False)
class Bound:
    """What a row of a table grants, and when that is over.

    `columns`: everything that grants; the primary key is always in. `only_while`: values of
    columns outside of which the row grants nothing, for ever. `remembered`: taking back is kept in
    mind outside of this database, until the instant in the column `until` if there is one; where
    it happens at every turn, "soon", by periodic work.
    `takes`: whether a change from the one row to the other takes something away. `reused`: a key
    that was deleted may come again, as somebody else's. `read_first`: a row is always read, and so
    checked, before it is used up. `ends`: what makes a row of a restored backup safe whose
    grant was taken back since (`civitas check --restored`); NOW stands for that instant, and
    without `ends` the columns of `only_while` get it, or the row is deleted. `once`: it works once,
    and so not at all in a restored backup (`rows.once`).
    """

    table: Table
    columns: tuple[str, ...]
    only_while: Mapping[str, Collection[Any]]
    remembered: bool | Literal["soon"]
    until: str | None
    takes: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
    reused: bool
    read_first: bool
    key: tuple[str, ...]
    ends: Mapping[str, Any] | None
    refusing: bool = False
    once: Once | None = None

    @cached_property
    def covered(self) -> tuple[str, ...]:
        """Columns under the MAC, in their fixed order."""
        return tuple(dict.fromkeys((*self.key, *sorted(self.columns))))

    @cached_property
    def ended(self) -> Mapping[str, Any]:
        """The columns that end the row, and their values; empty where it has to be deleted."""
        if self.ends is not None:
            return self.ends
        return {name: NOW for name, values in self.only_while.items() if values == (None,)}

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """Columns that a check of the row reads."""
        beside = [self.until] if self.until else []
        if not self.refusing:
            beside.append(MAC)
        return tuple(dict.fromkeys((*self.covered, *self.only_while, *beside)))

    @cached_property
    def encoders(self) -> tuple[tuple[str, Callable[[Any], bytes]], ...]:
        return tuple((name, _encoder(self.table.c[name])) for name in self.covered)

    def grants(self, row: Mapping[str, Any]) -> bool:
        """Whether the row still grants anything: only then it has to prove itself."""
        return all(row[name] in values for name, values in self.only_while.items())

    def reference(self, row: Mapping[str, Any]) -> bytes:
        return _joined(encode(row[name]) for name, encode in self.encoders[: len(self.key)])


def bound(
    table: Table,
    *columns: str,
    only_while: Mapping[str, Collection[Any]] | None = None,
    remembered: bool | Literal["soon"] = True,
    until: str | None = None,
    takes: Callable[[Mapping[str, Any], Mapping[str, Any]], bool] = lambda before, after: True,
    reused: bool = False,
    read_first: bool = False,
    key: tuple[str, ...] | None = None,
    ends: Mapping[str, Any] | None = None,
    once: Once | None = None,
) -> Bound:
    """Say what a row of `table` grants; adds the column of its MAC."""
    table.append_column(Column(MAC, LargeBinary, nullable=True))
    key = key or tuple(c.name for c in table.primary_key)
    made = Bound(
        table,
        columns,
        only_while or {},
        remembered,
        until,
        takes,
        reused,
        read_first,
        key,
        ends,
        once=once,
    )
    named = {*made.covered, *made.only_while, *(ends or ()), *filter(None, [until])}
    unknown = (named | set(once.only_while if once else ())) - set(table.c.keys())
    if unknown:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    table.info[_BOUND] = made
    return made


def refuses(table: Table, until: str | None = None) -> None:
    """Say that a row of `table` only takes away, until the instant in `until`: who deletes it finds
    that it is remembered (`UnitOfWork.refused_at`)."""
    key = tuple(c.name for c in table.primary_key)
    table.info[_REFUSING] = Bound(
        table,
        (),
        {},
        True,
        until,
        lambda before, after: True,
        True,
        False,
        key,
        None,
        refusing=True,
    )


def grants_nothing(table: Table, because: str) -> None:
    """Say why nobody gains by changing rows of this table."""
    table.info[_UNBOUND] = because


def held(table: Table, how: str) -> None:
    """Say what else holds rows of this table to what was written."""
    table.info[_UNBOUND] = how


def binding(table: Any) -> Bound | None:
    info = getattr(table, "info", None)
    return None if not info else info.get(_BOUND)


def refusal(table: Any) -> Bound | None:
    info = getattr(table, "info", None)
    return None if not info else info.get(_REFUSING)


def why_unbound(table: Table) -> str | None:
    found: str | None = table.info.get(_UNBOUND)
    return found


def all_bound() -> list[Bound]:
    """The bindings of every table that is declared, in the order of their foreign keys."""
    return [b for b in map(binding, metadata.sorted_tables) if b is not None]


def all_refusing() -> list[Bound]:
    """The tables whose rows only take away."""
    return [b for b in map(refusal, metadata.sorted_tables) if b is not None]


class Macs:
    """Makes and compares MACs under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, bound: Bound, row: Mapping[str, Any], version: int) -> bytes:
        head = version.to_bytes(_VERSION, "big")
        parts = [encode(row[name]) for name, encode in bound.encoders]
        return head + self._digest(bound, parts, head)

    def version(self, bound: Bound, row: Mapping[str, Any]) -> int | None:
        """The version of a row whose MAC is right; None of any other."""
        mac = row[MAC]
        if not isinstance(mac, bytes | memoryview) or len(mac) != _VERSION + _SIZE:
            return None
        mac = bytes(mac)
        head = mac[:_VERSION]
        try:
            parts = [encode(row[name]) for name, encode in bound.encoders]
        except (TypeError, ValueError, AttributeError):
            return None  # what SQLite keeps in a column need not be of its type
        right = hmac.compare_digest(mac[_VERSION:], self._digest(bound, parts, head))
        return int.from_bytes(head, "big") if right else None

    def reference(self, bound: Bound, row: Mapping[str, Any]) -> bytes:
        """A name of the row that says nothing of it: for marks and for the log."""
        said = _joined([bound.table.name.encode(), bound.reference(row)])
        return self._blake(said, 16, b"row reference")

    def of_table(self, bound: Bound) -> bytes:
        """A name for how a table is bound: another one when other columns grant something."""
        said = _joined(part.encode() for part in (bound.table.name, *bound.covered))
        return self._blake(said, 16, b"bound table")

    def _digest(self, bound: Bound, parts: list[bytes], head: bytes) -> bytes:
        said = _joined([bound.table.name.encode(), head, *parts])
        return self._blake(said, _SIZE, b"row mac")

    def _blake(self, said: bytes, size: int, person: bytes) -> bytes:
        return hashlib.blake2b(said, key=self._key, digest_size=size, person=person).digest()


def _joined(parts: Iterable[bytes]) -> bytes:
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def _encoder(column: Column[Any]) -> Callable[[Any], bytes]:
    """One form of a value, before it is written and after it is read, on every database."""
    kind = column.type
    if isinstance(kind, Json):
        encode: Callable[[Any], bytes] = _json
    elif isinstance(kind, Instant):
        encode = _instant
    elif isinstance(kind, Boolean):
        encode = _boolean
    elif isinstance(kind, LargeBinary):
        encode = bytes
    else:
        encode = _plain
    return lambda value: b"" if value is None else b"=" + encode(value)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def _instant(value: Any) -> bytes:
    return b"%d" % microseconds(value)


def _boolean(value: Any) -> bytes:
    return b"1" if value else b"0"


def _plain(value: Any) -> bytes:
    return str.encode(value) if isinstance(value, str) else b"%d" % value
