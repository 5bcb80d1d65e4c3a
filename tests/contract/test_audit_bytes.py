"""How much of a disk an audited act takes, all tables and indexes of the audit together."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from foundation import opaque
from foundation.audit.entry import Actor
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from tests.support.audits import sequence

ACTS, AT_ONCE = 4000, 100
MOST = {"sqlite": 600, "postgresql": 1050}
"""See `docs/decisions/0045-…`; of PostgreSQL's a third is what a row and an entry of an index carry
there besides what is in them."""
ON_SQLITE = """
SELECT sum(pgsize) FROM dbstat JOIN sqlite_master ON sqlite_master.name = dbstat.name
WHERE tbl_name LIKE 'audit~_%' ESCAPE '~'
"""
ON_POSTGRESQL = r"""
SELECT sum(pg_relation_size(oid) + coalesce(pg_relation_size(reltoastrelid), 0)
           + pg_indexes_size(oid))
FROM pg_class WHERE relkind = 'r' AND relname LIKE 'audit\_%'
AND relnamespace = current_schema()::regnamespace
"""


def test_an_audited_act_takes_few_bytes(any_runtime: Runtime, clock: FrozenClock) -> None:
    """What `policies` records of a question of a service about one person."""
    people = [opaque.identifier("per") for _ in range(100)]
    for person in people:
        any_runtime.vault.create(person)
    before = size(any_runtime)
    for start in range(0, ACTS, AT_ONCE):
        with any_runtime.database.write() as uow:
            for number in range(start, start + AT_ONCE):
                details = {
                    "service": "cli_parking",
                    "purpose": "parking-permit",
                    "attributes": ["resident_in_district"],
                    "asked": "verify",
                    "rule_digest": "".join(f"{(n * 37) % 256:02x}" for n in range(32)),
                    "ground": {"kind": "consent", "id": opaque.identifier("cns")},
                    "obligations": ["notify"],
                }
                who, service = people[number % len(people)], Actor("service", "cli_parking")
                any_runtime.audit.record(uow, "data.verified", service, [who], details)
                clock.advance(timedelta(milliseconds=40))
        sequence(any_runtime)
    each = (size(any_runtime) - before) / ACTS
    assert each <= MOST[any_runtime.database.dialect]
    assert any_runtime.audit.tree.verify().ok


def size(runtime: Runtime) -> int:
    if runtime.database.dialect == "sqlite":
        with runtime.database.read() as uow:
            return int(uow.execute(text(ON_SQLITE)).scalar_one())
    engine = runtime.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))
        return int(connection.execute(text(ON_POSTGRESQL)).scalar_one())
