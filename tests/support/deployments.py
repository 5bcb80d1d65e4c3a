"""Deployments for tests: settings in a folder of their own, and the runtime on them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from foundation.clock import Clock
from foundation.database import Database, DatabaseSettings, metadata
from foundation.keys import KeySettings
from foundation.master_key import MasterKey
from foundation.runtime import Runtime, build
from foundation.settings import Development, Jurisdiction, Section, Server, Settings
from foundation.vault import VaultSettings

ROOT = Path(__file__).resolve().parent.parent.parent
Prepare = Callable[[Runtime], None]
IN_TOKEN = "CIVITAS_TESTS_IN_TOKEN"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When every frozen clock begins: a Monday morning, in winter time, after a leap year's end."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings_in(folder: Path, *sections: Section) -> Settings:
    """Settings of a provider on loopback, its state in `folder`; `sections` replace ours."""
    ours = (
        Server(url="http://localhost:8000", listen="127.0.0.1:8000"),
        Development(loopback_http=True),
        Jurisdiction(name="Civitas", city="Tallinn", country="EE", time_zone="Europe/Tallinn"),
        DatabaseSettings(url="sqlite:///civitas.db"),
        VaultSettings(keys="sqlite:///person-keys.db"),
    )
    return Settings(folder / "civitas.toml", {}).with_sections(*ours, *_in_token(), *sections)


def in_token() -> str | None:
    """The PKCS#11 token that every classical key of an authority lives in, if one is chosen."""
    return os.environ.get(IN_TOKEN)


def _in_token() -> tuple[Section, ...]:
    """Where this is set, every classical key of an authority lives in that PKCS#11 token: the
    same tests then hold for a token (`tests/interop/test_keys_in_a_token.py`)."""
    uri = in_token()
    if uri is None:
        return ()
    names = ("root", "devices", "services", "people", "makers")
    uses = tuple(f"{kind}-{name}" for name in names for kind in ("ca", "ocsp"))
    return (KeySettings(pkcs11=uri, in_token=uses),)


def template_folders() -> dict[str, Path]:
    """The folder of pages of every package and suite that has one, by name."""
    suites = ("*/pages", "idp/*/pages", "documents/*/pages")
    found = sorted(folder for suite in suites for folder in ROOT.glob(suite))
    return {folder.parent.name: folder for folder in found if folder.parent.name != "foundation"}


def make_tables(database: Database) -> None:
    """Make the tables of every package that the test has imported, in one go."""
    with database.read() as uow:
        made = inspect(uow.connection).get_table_names(schema=database.schema)
    if made:
        metadata.create_all(database.engine)
        return
    script = _script(database.dialect, len(metadata.tables))
    raw = database.engine.raw_connection()
    try:
        if database.dialect == "sqlite":
            raw.executescript(f"BEGIN;{script};COMMIT")
        else:
            raw.cursor().execute(script)
            raw.commit()
    finally:
        raw.close()


@cache
def _script(dialect: str, tables: int) -> str:
    """What makes all tables and indexes, as one script; `tables` is how many are declared now."""
    found = make_url("sqlite://" if dialect == "sqlite" else "postgresql+psycopg://").get_dialect()
    statements: list[str] = []
    for table in metadata.sorted_tables[:tables]:
        statements.append(str(CreateTable(table).compile(dialect=found())))
        statements += [str(CreateIndex(i).compile(dialect=found())) for i in table.indexes]
    return ";".join(statements)


def ready_runtime(settings: Settings, clock: Clock, prepares: Sequence[Prepare] = ()) -> Runtime:
    """The same as `build_runtime`, but with keys that other tests of this process have as well.
    `prepares`: what packages do at a founding, besides."""
    from tests.support import ready

    def founded(there: Settings, then: Clock) -> Runtime:
        runtime = build_runtime(there, then)
        for prepare in prepares:
            prepare(runtime)
        return runtime

    def found(there: Settings, then: Clock) -> Callable[[], None]:
        return founded(there, then).close

    kind = " ".join(("runtime", *(prepare.__module__ for prepare in prepares)))
    if ready.copied(kind, settings, clock, found):
        return build(settings, template_folders(), clock)
    return founded(settings, clock)


def build_runtime(settings: Settings, clock: Clock) -> Runtime:
    """A runtime with its own master key and tables, ready for use."""
    if not (settings.path.parent / "master.key").exists():
        MasterKey.create(settings.path.parent / "master.key")
    runtime = build(settings, template_folders(), clock)
    make_tables(runtime.database)
    runtime.prepare()
    return runtime


__all__ = [
    "ROOT",
    "START",
    "Prepare",
    "build_runtime",
    "free_port",
    "make_tables",
    "ready_runtime",
    "settings_in",
    "template_folders",
]
