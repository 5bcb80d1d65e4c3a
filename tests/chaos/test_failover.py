"""The primary dies and the standby takes over: writes find it by themselves, reads go along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from foundation.database import Database
from foundation.middleware import as_refusal
from tests.support import postgresql
from tests.support.postgresql import PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def primary() -> Iterator[PostgreSQL]:
    with postgresql.running() as server:
        yield server


def hosts(url: str, *servers: PostgreSQL, **more: str) -> str:
    query = {"host": tuple(server.host for server in servers), **more}
    return make_url(url).set(query=query).render_as_string(hide_password=False)


def write(database: Database) -> None:
    with database.write() as uow:
        uow.execute(text("INSERT INTO made VALUES (1)"))


def is_standby(database: Database) -> bool:
    with database.read() as uow:
        row = uow.one(text("SELECT pg_is_in_recovery() AS standby"))
    assert row is not None
    return bool(row.standby)


@pytest.mark.parametrize(
    ("ends", "more"),
    [("demote", {"target_session_attrs": "read-write"}), ("stop", {})],
    ids=["the URL says read-write", "the URL names two hosts"],
)
def test_writes_and_reads_go_to_whoever_is_the_primary(
    primary: PostgreSQL, ends: str, more: dict[str, str]
) -> None:
    url = primary.url("postgres")
    alone = Database(url)
    with alone.write() as uow:
        uow.execute(text("CREATE TABLE made (n integer)"))
    alone.close()
    with postgresql.running(copy_of=primary) as standby:
        database = Database(hosts(url, standby, primary, **more))
        write(database)
        assert not is_standby(database)
        getattr(primary, ends)()
        for _ in range(3):
            with pytest.raises(Exception) as caught:
                write(database)
            refused = as_refusal(caught.value)
            assert refused is not None
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        standby.promote()
        write(database)
        assert not is_standby(database)
        write(database)
        database.close()
