"""The whole story, told by the command that tells it, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from sqlalchemy import text

from foundation.database import Database
from tests.support import pgbouncer
from tests.support.postgresql import PostgreSQL


def tour(*arguments: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "civitas", "tour", "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    steps: list[dict[str, object]] = json.loads(done.stdout)["steps"]
    assert (done.returncode == 0) == all(step["ok"] for step in steps)
    return steps


@pytest.mark.timeout(600)
def test_the_tour_is_green_on_sqlite() -> None:
    steps = tour()
    assert len(steps) == 11
    assert [step for step in steps if not step["ok"]] == []


@pytest.mark.slow(minutes=2)
@pytest.mark.timeout(900)
def test_the_tour_is_green_on_postgresql_and_drops_only_its_own(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.write() as uow:
        uow.execute(text("CREATE SCHEMA precious"))
    steps = tour("--database", postgres_url)
    assert [step for step in steps if not step["ok"]] == []
    query = "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg%'"
    with database.read() as uow:
        left = {row[0] for row in uow.all(text(query))}
    database.close()
    assert left == {"public", "information_schema", "precious"}


@pytest.mark.slow(minutes=2)
@pytest.mark.timeout(900)
@pytest.mark.skipif(pgbouncer.program() is None, reason="pgbouncer is not installed")
def test_the_tour_is_green_by_two_workers_behind_pgbouncer(
    postgresql_server: PostgreSQL, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAS_SERVER__WORKERS", "2")
    monkeypatch.setenv("CIVITAS_DATABASE__POOLER", "transaction")
    with pgbouncer.running(postgresql_server, size=10) as pooler:
        steps = tour("--database", pooler.url(postgres_url))
    assert len(steps) == 11
    assert [step for step in steps if not step["ok"]] == []
