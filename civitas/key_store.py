"""Where person keys live: a database of their own, made when it is missing, and moved to."""

from __future__ import annotations

import json
import re

from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from foundation.database import Database
from foundation.settings import SettingsError
from foundation.vault import vault_metadata

BATCH = 1000
_DUPLICATE_DATABASE = "42P04"


def beside(database: str) -> str:
    """The URL of the key store that `init` writes for a PostgreSQL: the same server, and another
    database, which no dump of the first holds."""
    url = make_url(database)
    name = url.database or url.username or "civitas"
    return url.set(database=f"{name}_keys").render_as_string(hide_password=False)


def make_database(written: str, through: str) -> bool:
    """Make the PostgreSQL database of a key store if it is missing; whether it was.

    `through` is the URL of a database on the same server, from which it can be made. Raises
    SettingsError with the exact SQL when this role may not.
    """
    try:
        url, near = make_url(written), make_url(through)
    except ArgumentError:
        return False  # whoever opens it says what is wrong
    if url.get_backend_name() != "postgresql" or near.get_backend_name() != "postgresql":
        return False
    if not _is_missing(url):
        return False
    statement = f"CREATE DATABASE {_quoted(url.database or '')}"
    engine = create_engine(near, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            if url.username and url.username != near.username:
                statement += f" OWNER {_quoted(url.username)}"
            connection.execute(text(statement))
    except (OperationalError, ProgrammingError) as error:
        if getattr(error.orig, "sqlstate", None) == _DUPLICATE_DATABASE:
            return False  # another process was first
        owner = url.username or "the role of this deployment"
        raise SettingsError(
            f"The database {url.database} for the person keys does not exist, and this role may "
            f"not make it: have an administrator of that server run "
            f"`CREATE DATABASE {_quoted(url.database or '')} OWNER {_quoted(owner)};`, then run "
            "this again. Or name another store: --person-keys URL at `civitas init`."
        ) from None
    finally:
        engine.dispose()
    return True


def _is_missing(url: URL) -> bool:
    engine = create_engine(url, connect_args={"connect_timeout": 10})
    try:
        with engine.connect():
            return False
    except OperationalError as error:
        # psycopg gives a failed connection no SQLSTATE; the server's sentence has the name.
        return f'database "{url.database}" does not exist' in str(error.orig)
    finally:
        engine.dispose()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# ── moving ─────────────────────────────────────────────────────────────────────────────


def copy(source: Database, target: Database) -> int:
    """Copy all that a key store has into another, in one transaction; how many keys.

    What is in the target already must be of the source: an interrupted move is done again.
    """
    keys = 0
    with source.snapshot() as reading, target.write() as writing:
        there = set(inspect(reading.connection).get_table_names())
        for table in vault_metadata.sorted_tables:
            if table.name not in there:
                continue
            rows = [dict(row._mapping) for row in reading.all(select(table))]
            known = {tuple(row.values()) for row in rows}
            if any(tuple(row) not in known for row in writing.all(select(table))):
                raise SettingsError(
                    "The new store holds other keys already: name an empty database."
                )
            writing.execute(table.delete())
            for start in range(0, len(rows), BATCH):
                writing.execute(table.insert(), rows[start : start + BATCH])
            if table.name == "person_keys":
                keys = len(rows)
    return keys


def drop(store: Database) -> None:
    """Destroy the old store's tables; PostgreSQL gives their files back to the disk."""
    with store.write() as uow:
        vault_metadata.drop_all(uow.connection)


def written_in(text_of_config: str, url: str, schema: str | None) -> str:
    """The configuration with another key store; raises SettingsError where it is not plain."""
    section = re.search(r"^\[vault\][^\n]*\n(?:(?!\[).*\n?)*", text_of_config, re.MULTILINE)
    if section is None:
        return f"{text_of_config.rstrip()}\n\n[vault]\n{_lines(url, schema)}"
    kept = [
        line
        for line in section[0].splitlines()[1:]
        if not re.match(r"\s*(keys|schema_name)\s*=", line)
    ]
    rest = "\n".join(kept).strip("\n")
    new = "[vault]\n" + _lines(url, schema) + (rest + "\n" if rest else "") + "\n"
    return text_of_config[: section.start()] + new + text_of_config[section.end() :]


def _lines(url: str, schema: str | None) -> str:
    lines = f"keys = {json.dumps(url, ensure_ascii=False)}\n"
    return lines + (f"schema_name = {json.dumps(schema)}\n" if schema else "")
