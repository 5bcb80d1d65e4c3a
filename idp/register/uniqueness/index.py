"""People by what they are compared by: keyed values in the table, records opened to compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from foundation.database import UnitOfWork
from foundation.vault import Erased, Vault
from idp.register import store
from idp.register.profile import Profile
from idp.register.uniqueness import keys
from idp.register.uniqueness.comparing import Likeness, Rules, compare
from idp.register.uniqueness.tables import DOCUMENT, RECORD, comparison_keys

_KIND, _BYTES = "uniqueness", 8


@dataclass(frozen=True, slots=True)
class Alike:
    """Somebody whose record looks like the one that was asked about."""

    person_id: str
    likeness: Likeness


def write(uow: UnitOfWork, vault: Vault, person_id: str, profile: Profile) -> None:
    """What a record is found by, in place of what it was found by before."""
    old = (comparison_keys.c.person_id == person_id) & (comparison_keys.c.of == RECORD)
    uow.execute(delete(comparison_keys).where(old))
    add(uow, vault, person_id, profile)


def add(uow: UnitOfWork, vault: Vault, person_id: str, profile: Profile) -> None:
    """The same for a record that is new."""
    _insert(uow, person_id, _values(vault, keys.of_record(profile)), RECORD)


def add_documents(uow: UnitOfWork, vault: Vault, person_id: str, references: Iterable[str]) -> None:
    """The numbers of papers that an officer saw."""
    values = _values(vault, keys.of_documents(references))
    theirs = select(comparison_keys.c.value).where(comparison_keys.c.person_id == person_id)
    known = {row.value for row in uow.all(theirs)}
    _insert(uow, person_id, [value for value in values if value not in known], DOCUMENT)


def forget(uow: UnitOfWork, person_id: str) -> None:
    """Nothing is left by which this person would be found."""
    uow.execute(delete(comparison_keys).where(comparison_keys.c.person_id == person_id))


def find(
    uow: UnitOfWork, vault: Vault, person_id: str, profile: Profile, rules: Rules
) -> list[Alike]:
    """Those whose record looks like this one, the most alike first.

    Of those who share a value at most `rules.most_opened` are opened, those who share most first.
    """
    values = [*_values(vault, keys.of_record(profile)), *_documents_of(uow, person_id)]
    shared = (
        select(
            comparison_keys.c.person_id,
            func.count().label("shared"),
            func.min(comparison_keys.c.of).label("of"),
        )
        .where(comparison_keys.c.value.in_(values), comparison_keys.c.person_id != person_id)
        .group_by(comparison_keys.c.person_id)
        .order_by(func.count().desc(), comparison_keys.c.person_id)
        .limit(rules.most_opened)
    )
    found = []
    for row in uow.all(shared):
        try:
            other = store.profile(uow, vault, row.person_id)
        except (Erased, store.NoSuchPerson):
            continue
        likeness = compare(profile, other, rules, row.of == DOCUMENT)
        if likeness.score >= rules.hold:
            found.append(Alike(row.person_id, likeness))
    return sorted(found, key=lambda one: (-one.likeness.score, one.person_id))


def values_of(vault: Vault, profile: Profile) -> list[bytes]:
    """What the table holds for a record."""
    return _values(vault, keys.of_record(profile))


def _values(vault: Vault, made_of: Iterable[str]) -> list[bytes]:
    return sorted({vault.index(_KIND, what)[:_BYTES] for what in made_of})


def _documents_of(uow: UnitOfWork, person_id: str) -> Sequence[bytes]:
    theirs = select(comparison_keys.c.value).where(
        comparison_keys.c.person_id == person_id, comparison_keys.c.of == DOCUMENT
    )
    return [row.value for row in uow.all(theirs)]


def _insert(uow: UnitOfWork, person_id: str, values: Sequence[bytes], of: str) -> None:
    rows = [{"value": value, "person_id": person_id, "of": of} for value in values]
    if rows:
        uow.execute(insert(comparison_keys), rows)
