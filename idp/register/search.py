"""Search by name and birth date where names are sealed: keyed words, cut short — GDPR art. 25, 32.

Each word of a name gives a keyed value for its first letters (2, 3, 4, 6, 9; of scripts with many
letters the first one, too), without case and accents; so does the birth date. The values are cut to
32 bits of the MAC: whoever has the database without the key learns which people may share a
beginning, and no name. Who searches opens the records of the few that are left, and compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.vault import Erased, Vault
from idp.register import store
from idp.register.life import State
from idp.register.places import spellings
from idp.register.profile import Profile
from idp.register.tables import persons, search_tokens

MOST_SHOWN = 20
_MOST_OPENED = 200
_LENGTHS = (2, 3, 4, 6, 9)
_BYTES = 4
_KIND = "search"


@dataclass(frozen=True, slots=True)
class Found:
    """One of the people who were found, with what tells them apart."""

    person_id: str
    name: str
    birthdate: object
    locality: str


@dataclass(frozen=True, slots=True)
class Result:
    """`people` is empty where more than MOST_SHOWN match; `number` may be a lower bound then."""

    people: tuple[Found, ...]
    number: int

    @property
    def too_many(self) -> bool:
        return self.number > MOST_SHOWN


def index(uow: UnitOfWork, vault: Vault, person_id: str, profile: Profile) -> None:
    """The values of a record, in place of those of before."""
    uow.execute(delete(search_tokens).where(search_tokens.c.person_id == person_id))
    values = {_value(vault, what) for what in _of(profile)}
    rows = [{"value": value, "person_id": person_id} for value in sorted(values)]
    if rows:
        uow.execute(insert(search_tokens), rows)


def find(uow: UnitOfWork, vault: Vault, name: str, birthdate: str, leave_out: str | None) -> Result:
    """People each of whose written words begins a word of their name, and who were born then (an
    ISO date, or its beginning). `leave_out`: nobody finds their own record."""
    asked = [_begin(word) for word in _words(name)]
    born = [f"born {birthdate}"] if birthdate else []
    wanted = {_value(vault, what) for what in (*asked, *born)}
    if not wanted:
        return Result((), 0)
    query = (
        select(search_tokens.c.person_id)
        .join_from(search_tokens, persons, persons.c.id == search_tokens.c.person_id)
        .where(search_tokens.c.value.in_(wanted), persons.c.state != State.ARCHIVED)
        .group_by(search_tokens.c.person_id)
        .having(func.count() == len(wanted))
        .limit(_MOST_OPENED + 1)
    )
    ids = [row.person_id for row in uow.all(query)]
    if len(ids) > _MOST_OPENED:
        return Result((), len(ids))
    found = []
    for person_id in ids:
        try:
            profile = store.profile(uow, vault, person_id)
        except Erased:
            continue
        if person_id != leave_out and _matches(profile, name, birthdate):
            found.append(Found(person_id, profile.name, profile.birthdate, profile.locality))
    if len(found) > MOST_SHOWN:
        return Result((), len(found))
    return Result(tuple(sorted(found, key=lambda one: (one.name, one.person_id))), len(found))


def fill(runtime: Runtime, at_once: int = 200) -> int:
    """Periodic work: values for records of before there was a search; how many."""
    filled = 0
    indexed = select(search_tokens.c.person_id).where(search_tokens.c.person_id == persons.c.id)
    after = ""
    while True:
        query = select(persons.c.id).where(
            persons.c.id > after, persons.c.state != State.ARCHIVED, ~indexed.exists()
        )
        with runtime.database.read() as uow:
            ids = [row.id for row in uow.all(query.order_by(persons.c.id).limit(at_once))]
        if not ids:
            return filled
        after = ids[-1]
        with runtime.database.write() as uow:
            for person_id in ids:
                try:
                    profile = store.profile(uow, runtime.vault, person_id)
                except (Erased, store.NoSuchPerson):
                    continue
                index(uow, runtime.vault, person_id, profile)
                filled += 1


def _of(profile: Profile) -> Iterable[str]:
    for word in _all_words(profile.name):
        yield _whole(word)
        yield from (word[:n] for n in _lengths(word))
    born = profile.birthdate.isoformat()
    yield from (f"born {born[:n]}" for n in (4, 7, 10) if n <= len(born))


def _begin(word: str) -> str:
    """The longest beginning of a written word that records have."""
    lengths = _lengths(word)
    return word[: lengths[-1]] if lengths else _whole(word)


def _lengths(word: str) -> list[int]:
    lengths = _LENGTHS if word[0].isascii() else (1, *_LENGTHS)
    return [n for n in lengths if n <= len(word)]


def _whole(word: str) -> str:
    return f"word {word}"


def _all_words(name: str) -> set[str]:
    """Words without case and accents, umlauts in both spellings."""
    return {word for form in spellings(name) for word in form.split()}


def _words(name: str) -> list[str]:
    """Those of one spelling, as they are searched for."""
    forms = sorted(spellings(name), key=lambda form: (len(form), form))
    return forms[0].split() if forms else []


def _matches(profile: Profile, name: str, birthdate: str) -> bool:
    words = _all_words(profile.name)
    named = all(any(word.startswith(one) for word in words) for one in _words(name))
    return named and profile.birthdate.isoformat().startswith(birthdate)


def _value(vault: Vault, what: str) -> bytes:
    return vault.index(_KIND, what)[:_BYTES]
