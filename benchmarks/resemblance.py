"""How long the search for one application takes among a million people.

`python -m benchmarks.resemblance --persons 1000000` founds a deployment on SQLite, writes so many
made-up people straight into its tables (each with a key, a sealed record, and all that people are
compared by), then searches for applications as enrolment does: half of them somebody who is there,
written otherwise, half of them new. It prints the median, p99 and the most, how many records a
search opened, and how many of those who are there were found.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from foundation import opaque
from foundation.clock import SystemClock, microseconds
from foundation.runtime import Runtime
from foundation.sealing import seal_under
from foundation.vault import person_keys
from idp.register import REGISTER_ROW, Profile, Register
from idp.register.uniqueness import index
from idp.register.uniqueness.comparing import shipped
from idp.register.uniqueness.tables import comparison_keys

_SYLLABLES = ("ka", "ri", "to", "me", "la", "no", "si", "vu", "pe", "da", "ho", "ma", "ne", "lu")
_BATCH = 5000
_SEARCHES = 1000


class Names:
    """Given and family names as often as the ranks of Zipf's law say: a few people in a hundred
    have the most frequent one."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._given, self._family = self._made(600, 2), self._made(8000, 3)

    def _made(self, number: int, syllables: int) -> tuple[list[str], list[float]]:
        names = {"".join(self.chance.choices(_SYLLABLES, k=syllables)).title(): None
                 for _ in range(number)}  # fmt: skip
        return list(names), [1 / (rank + 8) for rank in range(len(names))]

    def people(self, first: int, number: int) -> Iterator[Profile]:
        given = self.chance.choices(*self._given, k=2 * number)
        family = self.chance.choices(*self._family, k=number)
        for nth in range(number):
            home = (first + nth) // 3
            second = f" {given[number + nth]}" if nth % 3 == 0 else ""
            yield Profile(
                f"4{first + nth:011}",
                given[nth] + second,
                family[nth],
                date(1940 + self.chance.randrange(70), 1 + self.chance.randrange(12),
                     1 + self.chance.randrange(28)),
                f"{family[nth]} {home % 90 + 1}",
                f"{10_000 + home % 900}",
                "Harbour",
                "",
                "EE",
                f"p{first + nth}@mail.example",
                f"+3725{home:07}",
            )  # fmt: skip


def fill(runtime: Runtime, model: str, names: Names, number: int) -> None:
    """So many people beside `model`, whose row theirs are copies of."""
    from idp.register import store
    from idp.register.tables import persons, reference_identifiers

    with runtime.database.engine.connect() as connection:
        row = dict(
            connection.execute(select(persons).where(persons.c.id == model)).mappings().one()
        )
    guard: Any = runtime.database.guard
    from foundation.row_macs import MAC, binding

    bound = binding(persons)
    vault = runtime.vault
    wrap = vault._wrap
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    lines = runtime.database.engine.raw_connection()
    held = vault.store.engine.raw_connection()
    for raw in (lines, held):
        for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-400000"):
            raw.cursor().execute(f"PRAGMA {pragma}")
    at = microseconds(runtime.clock.now())
    columns = [c.name for c in persons.c]
    began = time.monotonic()
    version = guard.macs.version(bound, row)
    indexed = f"ix_{comparison_keys.name}_person_id"
    lines.cursor().execute(f"DROP INDEX {indexed}")
    found: list[tuple[bytes, str, str]] = []
    for start in range(0, number, _BATCH):
        rows, keys, ids = [], [], []
        for profile in names.people(start, min(_BATCH, number - start)):
            person_id, key = opaque.identifier("per"), os.urandom(32)
            sealed = seal_under(AESGCM(key), profile.to_json(), f"{person_id}\0{store._PROFILE}")
            made = {**row, "id": person_id, "sealed_profile": sealed}
            made[MAC] = guard.macs.make(bound, made, version)
            made |= {"enrolled_at": at, "changed_at": at, "in_person": int(made["in_person"])}
            rows.append([made[name] for name in columns])
            keys.append((person_id, seal_under(wrap, key, person_id), at, None))
            ids.append((person_id, at, None))
            found += [(v, person_id, "record") for v in index.values_of(vault, profile)]
        marks = ", ".join("?" * len(columns))
        cursor = lines.cursor()
        names_of = ", ".join(columns)
        cursor.executemany(
            f"INSERT INTO {reference_identifiers.name} (id, allotted_at, ended_at)"
            " VALUES (?, ?, ?)",
            ids,
        )
        cursor.executemany(f"INSERT INTO {persons.name} ({names_of}) VALUES ({marks})", rows)
        held.cursor().executemany(
            f"INSERT INTO {person_keys.name} (person_id, wrapped, created_at, held_until)"
            " VALUES (?, ?, ?, ?)",
            keys,
        )
        if start % (50 * _BATCH) == 0:
            sys.stderr.write(f"{start:,} people, {time.monotonic() - began:,.0f} s\n")
    # In their order: one by one, each value would touch another page.
    found.sort()
    cursor = lines.cursor()
    cursor.executemany(
        f'INSERT INTO {comparison_keys.name} (value, person_id, "of") VALUES (?, ?, ?)', found
    )
    cursor.execute(f"CREATE INDEX {indexed} ON {comparison_keys.name} (person_id)")
    cursor.execute("ANALYZE")
    for raw in (lines, held):
        raw.commit()
        raw.invalidate()


def otherwise(profile: Profile, chance: random.Random) -> Profile:
    """The same person as another office writes them."""
    born = profile.birthdate
    assert isinstance(born, date)
    swapped = date(born.year, born.day, born.month) if born.day <= 12 else born
    given = profile.given_name.replace("ka", "ca").replace("vu", "woo")
    return replace(
        profile,
        civil_number=f"9{chance.randrange(10**11):011}",
        given_name=profile.family_name,
        family_name=given,
        birthdate=swapped,
        email="",
        street_address="",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    from tests.support.deployments import build_runtime, settings_in

    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        runtime = build_runtime(settings_in(Path(folder)), SystemClock())
        register = Register(runtime)
        names = Names(7)
        [one] = Names(8).people(10**9, 1)
        policy = register.proofing.current_policy(runtime.clock.now()).version
        from foundation.audit import SYSTEM

        enrolled = register.enrolment.enrol(one, REGISTER_ROW, SYSTEM, policy, runtime.clock.now())
        fill(runtime, enrolled.person.id, names, asked.persons)
        known = list(Names(7).people(0, min(_BATCH, asked.persons)))
        chance = random.Random(11)
        there = [otherwise(p, chance) for p in chance.sample(known, _SEARCHES // 2)]
        new = list(Names(12).people(2 * 10**9, _SEARCHES // 2))
        took, opened, hits = [], [], 0
        for nth, profile in enumerate([p for pair in zip(there, new, strict=True) for p in pair]):
            began = time.perf_counter()
            with runtime.database.read() as uow:
                alike = index.find(uow, runtime.vault, "per_new", profile, shipped())
            took.append((time.perf_counter() - began) * 1000)
            hits += nth % 2 == 0 and bool(alike)
            with runtime.database.read() as uow:
                values = index.values_of(runtime.vault, profile)
                shared = select(comparison_keys.c.person_id).distinct()
                opened.append(len(uow.all(shared.where(comparison_keys.c.value.in_(values)))))
        with runtime.database.read() as uow:
            rows = uow.one(text("SELECT count(*) AS n FROM register_comparison_keys"))
        took.sort()
        sys.stdout.write(
            f"{asked.persons:,} people, {rows.n if rows else 0:,} values; {len(took)} searches: "
            f"median {statistics.median(took):.1f} ms, p99 {took[int(len(took) * 0.99)]:.1f} ms, "
            f"most {took[-1]:.1f} ms; records that share a value: mean "
            f"{statistics.mean(opened):.1f}, most {max(opened)}; found {hits} of {len(there)} who "
            "are there, written otherwise\n"
        )
        runtime.close()


if __name__ == "__main__":
    main()
