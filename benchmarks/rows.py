"""Many persons with their devices, consents and events, written straight into the tables.

One person who was enrolled, activated and asked, and one device that was enrolled, are the model:
their rows are copied with other identifiers, digests and instants. Each row that grants something
carries a right MAC, each event its own and a leaf in the signed tree. What is sealed stays as it is
in the model, of the right length, and opens for nobody: whoever is measured is one of the others.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import cycle, islice
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.schema import UniqueConstraint
from sqlalchemy.types import TypeDecorator

from foundation.audit import log as audit_log
from foundation.audit import mac as audit_mac
from foundation.audit import tables as audit_tables
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import Checkpoint
from foundation.audit.entry import entry, sealed_digest
from foundation.database import Database, count_on, metadata
from foundation.row_macs import MAC, binding
from foundation.vault import person_keys

COPIED = (
    "register_identifiers",
    "register_applications",
    "register_proofing_decisions",
    "register_persons",
    "register_blind_indexes",
    "register_history",
    "register_sign_in_names",
    "register_activation_codes",
    "register_search_tokens",
    "register_comparison_keys",
    "register_notices",
    "login_credentials",
    "consents",
    "oauth_pairwise_subjects",
    "oauth_consent_answers",
    "oauth_reviews",
    "devices",
    "device_credentials",
    "device_state_events",
    "device_ownership_events",
    "enrolment_tokens",
    "pki_certificates",
    "pki_held_keys",
)
MOST_OF_ONE = 4
BATCH = 500
# Shorter ones are words, such as a kind or a purpose.
_IDENTIFIER = 20
_KIND = re.compile(r"(?:[a-z]{2,6}[_:-])+")

_AUDIT = (audit_tables.events, audit_tables.subjects, audit_tables.leaves, audit_tables.nodes)
Row = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Parts:
    """What of a deployment is needed to write as it does."""

    database: Database
    store: Database
    """Where the keys of persons are."""
    guard: Any
    keys: Any
    audit: Any


class Growing:
    """Copies of one person and one device, as many as are asked for."""

    def __init__(self, parts: Parts, device: str, events_each: int, now: datetime) -> None:
        self._parts = parts
        self._events_each = events_each
        rows, identifiers = _model(parts.database, device)
        self._copies = [_Copy(table, row, identifiers, parts) for table, row in rows]
        self._tokens = {
            token: _begins(token) for copy in self._copies for token in copy.places.values()
        }
        self._tables = [t for t in metadata.sorted_tables if t.name in COPIED]
        [self._person] = [row["id"] for table, row in rows if table.name == "register_persons"]
        self._key = _key_of(parts.store)
        self._events = _events(parts, self._person)
        self._now = now.replace(microsecond=0)

    def grow(self, persons: int, say: Say) -> None:
        """Write `persons` copies, and sign the tree over their events."""
        self._parts.audit.tree.sequence(self._now)
        with self._parts.database.read() as uow:
            size = audit_log.size(uow)
            edge = audit_tree.cover((0, size))
            known = audit_log.fetch(uow, edge)
        frontier = [known[piece] for piece in edge]
        self._number = self._last_number()
        written = _Writer(self._parts.database, {*COPIED, *(t.name for t in _AUDIT)})
        keys = _Writer(self._parts.store, set())
        began = time.monotonic()
        for start in range(0, persons, BATCH):
            numbers = range(start, min(start + BATCH, persons))
            batch: dict[str, list[Row]] = defaultdict(list)
            people = []
            for number in numbers:
                names = self._names(number)
                people.append(names[self._person])
                for copy in self._copies:
                    batch[copy.table.name].append(copy.of(names))
            for table in self._tables:
                written.write(table, batch[table.name])
            size, frontier = self._record(written, people, size, frontier)
            keys.write(person_keys, [self._key_for(person) for person in people])
            if start and start % (20 * BATCH) == 0:
                say(f"{start:,} persons, {time.monotonic() - began:,.0f} s")
        written.done()
        keys.done()
        with self._parts.database.at_leisure() as connection:
            count_on(connection, audit_tables.events)
        self._sign(size, frontier)

    def _last_number(self) -> int:
        last = select(func.max(audit_tables.events.c.number))
        with self._parts.database.engine.connect() as connection:
            return connection.execute(last).scalar() or 0

    def _names(self, number: int) -> Mapping[Any, Any]:
        return {token: _another(token, begins, number) for token, begins in self._tokens.items()}

    def _key_for(self, person: str) -> Row:
        name = blake2b(person.encode(), digest_size=32).hexdigest()
        return {**self._key, "person_id": name, "held_until": None}

    # ── events ────────────────────────────────────────────────────────────────────────

    def _record(
        self, written: _Writer, people: Sequence[str], size: int, frontier: list[bytes]
    ) -> tuple[int, list[bytes]]:
        events: list[Row] = []
        lines: list[Row] = []
        leaves: list[Row] = []
        for person in people:
            subject = self._parts.audit._subject(person)
            for nth, (event, theirs) in enumerate(islice(cycle(self._events), self._events_each)):
                made, about, leaf = self._event(event, theirs, person, nth, subject)
                events.append(made)
                lines += about
                leaves.append(
                    {"leaf_index": size + len(leaves), "event": made["number"], "hash": leaf}
                )
        hashes = [leaf["hash"] for leaf in leaves]
        above, frontier = audit_tree.append(size, frontier, hashes)
        written.write(audit_tables.events, events)
        written.write(audit_tables.subjects, lines)
        written.write(audit_tables.leaves, leaves)
        nodes = [
            {"level": lv, "position": place, "hash": h}
            for lv, place, h in above
            if lv >= audit_tables.LOWEST
        ]
        written.write(audit_tables.nodes, nodes)
        return size + len(leaves), frontier

    def _event(
        self, event: Row, theirs: Sequence[Row], person: str, nth: int, subject: bytes
    ) -> tuple[Row, list[Row], bytes]:
        self._number += 1
        digest = blake2b(f"{person}/{nth}".encode(), digest_size=32).hexdigest()
        identifier = f"evt_{digest[:22]}"
        # Over the year that is past, in no order.
        seconds = int(digest[22:30], 16) % 31_000_000
        at = self._now - timedelta(seconds=seconds)
        public = event["open"].replace(event["id"].encode(), identifier.encode())
        public = public.replace(
            event["at"].isoformat(timespec="milliseconds").encode(),
            at.isoformat(timespec="milliseconds").encode(),
        )
        lines = [
            {
                **line,
                "event": self._number,
                "subject": subject if line["position"] >= 0 else line["subject"],
                "at": at,
            }
            for line in theirs
        ]
        mac = audit_mac.of_event(
            self._parts.keys.mac, identifier, event["kind"], audit_mac.raw(at), public, lines
        )
        made = {**event, "id": identifier, "at": at, "open": public, "mac": mac}
        made["number"] = self._number
        digests = [sealed_digest(line["sealed"]) for line in lines if line["position"] >= 0]
        return made, lines, audit_tree.leaf_hash(entry(public, digests))

    def _sign(self, size: int, frontier: Sequence[bytes]) -> None:
        tree, now = self._parts.audit.tree, self._now
        checkpoint = Checkpoint(tree.origin, size, audit_tree.fold(frontier))
        note = tree._note(checkpoint)
        with self._parts.database.write() as uow:
            uow.execute(
                insert(audit_tables.checkpoints).values(
                    tree_size=size, root=checkpoint.root, note=note, at=now
                )
            )
        tree.marks.raise_to(checkpoint, note, now)


class _Copy:
    """One row of the model, and where in it something is another's in each copy."""

    def __init__(self, table: Table, row: Row, identifiers: Collection[str], parts: Parts) -> None:
        self.table = table
        self._row = row
        self._bound = binding(table)
        self._macs = parts.guard.macs
        self._version: int | None = None
        if self._bound is not None and row[MAC] is not None:
            self._version = self._macs.version(self._bound, row)
            assert self._version is not None, table.name
        digests = _unique(table)
        self.places: Mapping[str, str | bytes] = {
            name: value
            for name, value in row.items()
            if (isinstance(value, str) and value in identifiers)
            or (isinstance(value, bytes) and name in digests)
        }

    def of(self, names: Mapping[Any, Any]) -> Row:
        row = {**self._row, **{column: names[token] for column, token in self.places.items()}}
        if self._version is not None:
            row[MAC] = self._macs.make(self._bound, row, self._version)
        return row


class _Writer:
    """Inserts as the driver does it fastest; the deployment is not running."""

    def __init__(self, database: Database, tables: Collection[str]) -> None:
        self._connection = database.engine.raw_connection()
        self._dialect = database.engine.dialect
        cursor = self._connection.cursor()
        if self._dialect.name == "sqlite":
            for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-1000000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.execute(
                "SELECT name, tbl_name, sql FROM sqlite_master"
                " WHERE type = 'index' AND sql IS NOT NULL"
            )
        else:
            cursor.execute(
                "SELECT indexname, tablename, indexdef FROM pg_indexes"
                " WHERE schemaname = current_schema()"
                " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            )
        # Made anew afterwards: growing them row by row takes many times as long.
        found = [index for index in cursor.fetchall() if index[1] in tables]
        self._indexes = [made for _, _, made in found]
        for name, _, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
        self._connection.commit()

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        if not rows:
            return
        columns = [table.c[name] for name in rows[0]]
        raw = [
            (c.name, c.type.process_bind_param if isinstance(c.type, TypeDecorator) else None)
            for c in columns
        ]
        dialect = self._dialect
        values = [
            [row[name] if make is None else make(row[name], dialect) for name, make in raw]
            for row in rows
        ]
        names = ", ".join(f'"{c.name}"' for c in columns)
        cursor = self._connection.cursor()
        if dialect.name == "sqlite":
            marks = ", ".join("?" * len(columns))
            cursor.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', values)
        else:
            with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
                for value in values:
                    copy.write_row(value)
        self._connection.commit()

    def done(self) -> None:
        """Statistics as autovacuum would have made them; the log is folded in."""
        cursor = self._connection.cursor()
        for made in self._indexes:
            cursor.execute(made)
        self._connection.commit()
        if self._dialect.name == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            self._connection.driver_connection.autocommit = True  # type: ignore[union-attr]
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        # Its settings go with it, not back into the pool.
        self._connection.invalidate()


def _model(database: Database, device: str) -> tuple[list[tuple[Table, Row]], Collection[str]]:
    """The rows of one person and of `device`, those that others name first, and what in them
    identifies somebody or something that a copy has as well."""
    tables = [table for table in metadata.sorted_tables if table.name in COPIED]
    others = [t for t in metadata.sorted_tables if t.name not in COPIED]
    with database.engine.connect() as connection:
        rows = {t: [dict(r) for r in connection.execute(select(t)).mappings()] for t in tables}
        shared = {
            value
            for table in others
            if table.primary_key.columns and not table.name.startswith("audit_")
            for row in connection.execute(select(*table.primary_key))
            for value in row
        }
    person = next(r["id"] for t in tables if t.name == "register_persons" for r in rows[t]
                  if r["state"] == "active")  # fmt: skip
    known = {person, device}
    taken: dict[tuple[str, int], tuple[Table, Row]] = {}
    before = -1
    while len(taken) != before:
        before = len(taken)
        for table in tables:
            unique = _unique(table)
            for place, row in enumerate(rows[table]):
                words = {name: value for name, value in row.items() if isinstance(value, str)}
                if known.isdisjoint(words.values()):
                    continue
                taken[table.name, place] = (table, row)
                own = (value for name, value in words.items() if name in unique)
                known |= {value for value in own if len(value) >= _IDENTIFIER} - shared
    kept = []
    for table in tables:
        kept += [found for (name, _), found in taken.items() if name == table.name][:MOST_OF_ONE]
    return kept, known


def _unique(table: Table) -> set[str]:
    """Columns in which no two rows, or few, are alike."""
    found = {column.name for column in table.primary_key}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            found |= {column.name for column in constraint.columns}
    for index in table.indexes:
        if index.unique:
            found |= {column.name for column in index.columns}
    return found


def _begins(token: str | bytes) -> str:
    """What says of which kind an identifier is."""
    found = None if isinstance(token, bytes) else _KIND.match(token)
    return found[0] if found else ""


def _another(token: str | bytes, begins: str, number: int) -> str | bytes:
    """In the place of `token`, for the copy of this number: as long, and of the same kind."""
    if isinstance(token, bytes):
        said = token + number.to_bytes(8, "big")
        return blake2b(said, digest_size=len(token)).digest()
    said = f"{token}/{number}".encode()
    rest = len(token) - len(begins)
    return begins + blake2b(said, digest_size=(rest + 1) // 2).hexdigest()[:rest]


def _key_of(store: Database) -> Row:
    with store.engine.connect() as connection:
        found = connection.execute(select(person_keys).limit(1)).mappings().one()
        return dict(found)


def _events(parts: Parts, person: str) -> list[tuple[Row, list[Row]]]:
    """The events that concern this person alone, with their lines in order."""
    events, subjects = audit_tables.events, audit_tables.subjects
    with parts.database.engine.connect() as connection:
        lines: dict[int, list[Row]] = defaultdict(list)
        ordered = select(subjects).order_by(subjects.c.event, subjects.c.position)
        for line in connection.execute(ordered).mappings():
            lines[line["event"]].append(dict(line))
        found = [dict(row) for row in connection.execute(select(events)).mappings()]
    subject = parts.audit._subject(person)

    def concerned(event: Row) -> list[bytes]:
        return [line["subject"] for line in lines[event["number"]] if line["position"] >= 0]

    return [(each, lines[each["number"]]) for each in found if concerned(each) == [subject]]
