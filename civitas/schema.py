"""The tables' one linear history: upgrade it, and refuse to start on another than ours."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table, insert, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from foundation.database import Database, metadata
from foundation.settings import SettingsError

HEAD = "0099"
"""The newest revision in `civitas/migrations/versions`; a test holds it to that."""
_VERSIONS = Path(__file__).parent / "migrations" / "versions"


_revision = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True)
)


def make(database: Database) -> None:
    """Make the tables in an empty database, as they are declared; bring another one up to date.

    The history leads to the same tables (a test compares them), in a hundred steps.
    """
    with _reaching(database):
        database.refuse_a_pooler_untold()
        database.make_schema()
        with database.at_leisure() as connection:
            empty = not inspect(connection).get_table_names(schema=database.schema)
            if empty:
                metadata.create_all(connection)
                _revision.create(connection)
                connection.execute(insert(_revision).values(version_num=HEAD))
    if not empty:
        upgrade(database)


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the tables to `revision`; makes the PostgreSQL schema if it is missing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _reaching(database):
        database.refuse_a_pooler_untold()
        database.make_schema()
    with _reaching(database), database.at_leisure() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def current(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with _reaching(database), database.read() as uow:
        if not inspect(uow.connection).has_table("alembic_version"):
            return None
        row = uow.one(text("SELECT version_num FROM alembic_version"))
        return None if row is None else str(row.version_num)


def check(database: Database) -> None:
    """Refuse a database that is empty, older or newer than this program."""
    with _reaching(database):
        database.refuse_a_pooler_untold()
    found = current(database)
    if found == HEAD:
        return
    if found is None:
        raise SettingsError("The database is empty: run `civitas init` to set it up.")
    # Numbers do not always follow one another in the order of the history.
    if found < HEAD or any(_VERSIONS.glob(f"{found}_*.py")):
        raise SettingsError(
            f"The database is at revision {found}, this program needs {HEAD}: make a backup, then "
            "run `civitas db upgrade`."
        )
    raise SettingsError(
        f"The database is at revision {found}, newer than this program ({HEAD}): install the "
        "newer Civitas, or restore the backup made before the upgrade."
    )


class _reaching:  # noqa: N801 - reads as a word at the call
    """Turns "the database does not answer" into a sentence for the operator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, SQLAlchemyError):
            shown = self._database.engine.url.render_as_string(hide_password=True)
            cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise SettingsError(
                f"The database {shown} cannot be used ({cause}): start it, or correct [database] "
                "url."
            ) from None
