"""What binds an event to this deployment's master key — RFC 2104 (HMAC-SHA256).

A row that somebody wrote into the database without the key does not carry it: the sequencer gives
such an event no leaf. The leaf's own bytes are public and have no MAC in them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, select, type_coerce, update

from foundation.audit.entry import refs_of, sealed_digest
from foundation.audit.tables import events, subjects, waiting
from foundation.clock import Instant
from foundation.database import UnitOfWork

PURPOSE = "audit-event"

Mac = Callable[[str, bytes], bytes]
"""`Keys.mac`: of a purpose and some bytes."""
Line = Mapping[str, Any]
"""A row of `audit_subjects`: of position, subject and sealed."""
BATCH = 500

# As stored: what somebody else wrote there need not be an instant.
RAW_AT = type_coerce(events.c.at, BigInteger).label("raw_at")
LINE = (subjects.c.position, subjects.c.subject, subjects.c.sealed)
# Not under the MAC: the event's own instant is, and a line's is compared with that.
LINE_AT = type_coerce(subjects.c.at, BigInteger).label("line_at")
EVENT = (events.c.number, events.c.id, events.c.kind, RAW_AT, events.c.open, events.c.mac)


def raw(at: datetime) -> int | None:
    """An instant as the column stores it."""
    return Instant().process_bind_param(at, None)  # type: ignore[arg-type]


def of_event(
    mac: Mac,
    event_id: object,
    kind: object,
    raw_at: object,
    public: bytes,
    lines: Iterable[Line],
) -> bytes:
    """The MAC of an event and of each line about whom it concerns, at its position, with the
    reference that the open part has for it. Raises ValueError where it has none."""
    parts = [_text(event_id), _text(kind), _text(raw_at), bytes(public)]
    refs = refs_of(public)
    for line in lines:
        sealed = line["sealed"]
        parts += [
            _text(line["position"]),
            bytes(line["subject"] or b""),
            _text(refs.get(line["position"])),
            b"" if sealed is None else sealed_digest(bytes(sealed)),
        ]
    return mac(PURPOSE, b"".join(len(part).to_bytes(4, "big") + part for part in parts))


def is_genuine(mac: Mac, event: Row[Any], lines: Iterable[Row[Any]]) -> bool:
    """Whether the rows are those that were recorded; `event` has EVENT, `lines` LINE, in order."""
    return _fits(mac, event, [_line(line) for line in lines if line.position is not None])


def in_their_place(event: Row[Any], lines: Iterable[Row[Any]]) -> bool:
    """Whether each of the lines, with LINE_AT, stands in a ledger where its event does. One without
    an instant does: `audit.pages` takes the event's."""
    return all(line.line_at is None or line.line_at == event.raw_at for line in lines)


def _line(row: Row[Any]) -> Line:
    return {column.name: getattr(row, column.name) for column in LINE}


def _fits(mac: Mac, event: Row[Any], lines: Iterable[Line]) -> bool:
    try:
        expected = of_event(mac, event.id, event.kind, event.raw_at, event.open, lines)
        return hmac.compare_digest(expected, bytes(event.mac or b""))
    except (TypeError, ValueError):
        return False  # a value of another type than ours


def _text(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


# ── what changes a MAC on purpose ──────────────────────────────────────────────────────


def forget(uow: UnitOfWork, mac: Mac, subject: bytes) -> None:
    """Take a person's index out of their events; what was genuine before stays so."""
    taken = uow.all(
        update(subjects)
        .where(subjects.c.subject == subject)
        .values(subject=None)
        .returning(subjects.c.event, subjects.c.position)
    )
    positions: dict[int, set[int]] = {}
    for row in taken:
        positions.setdefault(row.event, set()).add(row.position)
    for start in range(0, len(positions), BATCH):
        some = list(positions)[start : start + BATCH]
        for event, lines in _with_lines(uow, events.c.number.in_(some)):
            before = [
                {**line, "subject": subject}
                if line["position"] in positions[event.number]
                else line
                for line in lines
            ]
            if _fits(mac, event, before):
                _write(uow, mac, event, lines)


def adopt(uow: UnitOfWork, mac: Mac) -> int:
    """Give the waiting events of a deployment that knew no MACs theirs; how many."""
    queued = select(waiting.c.event).where(waiting.c.state == 1)
    found = _with_lines(uow, events.c.number.in_(queued) & events.c.mac.is_(None))
    for event, lines in found:
        _write(uow, mac, event, lines)
    return len(found)


def _write(uow: UnitOfWork, mac: Mac, event: Row[Any], lines: Iterable[Line]) -> None:
    value = of_event(mac, event.id, event.kind, event.raw_at, event.open, lines)
    uow.execute(update(events).where(events.c.number == event.number).values(mac=value))


def _with_lines(uow: UnitOfWork, which: Any) -> list[tuple[Row[Any], list[Line]]]:
    found = uow.all(select(*EVENT).where(which))
    lines: dict[int, list[Line]] = {}
    for line in uow.all(
        select(subjects.c.event, *LINE)
        .where(subjects.c.event.in_(select(events.c.number).where(which)))
        .order_by(subjects.c.event, subjects.c.position)
    ):
        lines.setdefault(line.event, []).append(_line(line))
    return [(event, lines.get(event.number, [])) for event in found]
