"""Who had a hand in an identity so far: one person alone makes none — ISO/IEC 29115 EN-4, CM-5.

Read from the record at the moment of the decision. Who imported a person does not proof them,
and no code leaves for a person in whom only one member of staff had a hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from foundation.errors import Forbidden
from idp.register.tables import corrections, persons, proofing_decisions

# What an envelope shows.
ADDRESS = frozenset({"given_name", "family_name", "street_address", "postal_code", "locality",
    "region", "country"})  # fmt: skip


def importer(uow: UnitOfWork, person_id: str) -> Actor | None:
    """Who made the enrolling decision."""
    row = uow.one(
        select(proofing_decisions.c.officer_kind, proofing_decisions.c.officer)
        .join_from(persons, proofing_decisions, persons.c.enrolled_by == proofing_decisions.c.id)
        .where(persons.c.id == person_id)
    )
    return None if row is None else Actor(row.officer_kind, row.officer)


def hands(uow: UnitOfWork, person_id: str) -> set[Actor]:
    """Everybody who decided that this person is who they say."""
    rows = uow.all(
        select(proofing_decisions).where(
            proofing_decisions.c.person_id == person_id, proofing_decisions.c.result == "accepted"
        )
    )
    found = {Actor(row.officer_kind, row.officer) for row in rows}
    return found | {Actor("staff", row.second_officer) for row in rows if row.second_officer}


def own_cases(uow: UnitOfWork, by: Actor, person_ids: Sequence[str]) -> set[str]:
    """Which of these people this actor had a hand in."""
    query = select(proofing_decisions.c.person_id).where(
        proofing_decisions.c.person_id.in_(person_ids),
        proofing_decisions.c.result == "accepted",
        _by(by),
    )
    return {row.person_id for row in uow.all(query)}


def _by(actor: Actor) -> ColumnElement[bool]:
    first = (proofing_decisions.c.officer_kind == actor.kind) & (
        proofing_decisions.c.officer == actor.id
    )
    if actor.kind != "staff":
        return first
    return first | (proofing_decisions.c.second_officer == actor.id)


def refuse_importer(uow: UnitOfWork, audit: Audit, person_id: str, by: Actor) -> None:
    """Raises Forbidden for who imported this person; the attempt is kept."""
    if importer(uow, person_id) != by:
        return

    def keep(later: UnitOfWork) -> None:
        audit.record(later, "register.one-person-refused", by, [person_id], {})

    raise Forbidden(
        "You imported this person.",
        next_step="Ask a colleague to check them: one person imports, another one checks.",
        consequence=keep,
    )


def wrote_address_alone(uow: UnitOfWork, person_id: str, by: Actor) -> bool:
    """Whether the address that the person has now is the word of this actor only."""
    query = select(corrections).where(
        corrections.c.person_id == person_id, corrections.c.state == "done"
    )
    rows = uow.all(query.order_by(corrections.c.done_at.desc(), corrections.c.id))
    last = next((row for row in rows if ADDRESS & set(row.fields)), None)
    return last is not None and not last.second and Actor(last.by_kind, last.by_id) == by


def refuse_address_writer(uow: UnitOfWork, audit: Audit, person_id: str, by: Actor) -> None:
    """Raises Forbidden for who alone wrote the address that the person has now: a letter with a
    code would go wherever they want."""
    if not wrote_address_alone(uow, person_id, by):
        return

    def keep(later: UnitOfWork) -> None:
        audit.record(later, "register.one-person-refused", by, [person_id], {})

    raise Forbidden(
        "You corrected this address yourself.",
        next_step="Ask a colleague for the letter: an address and a letter need two people.",
        consequence=keep,
    )


def had_a_hand(uow: UnitOfWork, by: Actor, since: datetime) -> list[tuple[str, str]]:
    """(decision, person) of all accepted cases of one member of staff since then."""
    decided = proofing_decisions.c.officer == by.id, proofing_decisions.c.decided_at >= since
    confirmed = (
        proofing_decisions.c.second_officer == by.id,
        proofing_decisions.c.confirmed_at >= since,
    )
    query = select(proofing_decisions.c.id, proofing_decisions.c.person_id).where(
        proofing_decisions.c.result == "accepted",
        or_(decided[0] & decided[1], confirmed[0] & confirmed[1]),
    )
    return [(row.id, row.person_id) for row in uow.all(query)]
