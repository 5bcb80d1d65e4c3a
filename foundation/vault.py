"""Personal data at rest: a data key per person, in a store of its own — GDPR Art. 17, 25, 32.

Whoever erases the key erases every copy of what it sealed, backups of the database included. So
person keys live in another database, which those backups do not contain. Look-up by a value is
by blind index, so that no table holds the value.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import ClassVar, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    Column,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from foundation.clock import Clock, Instant
from foundation.database import NAMING, Database, DatabaseSettings
from foundation.keys import Keys
from foundation.sealing import CannotOpen, open_under, seal_under
from foundation.settings import Section, Settings, SettingsError
from foundation.text import fold


class VaultSettings(Section):
    """Where person keys live: a database of its own, kept out of the database's backups."""

    section: ClassVar[str] = "vault"
    keys: str = "sqlite:///person-keys.db"
    """URL of the store of person keys: another database, with other backups; a file: one node."""
    schema_name: str | None = None
    """PostgreSQL schema of that store."""


vault_metadata = MetaData(naming_convention=NAMING)

person_keys = Table(
    "person_keys",
    vault_metadata,
    Column("person_id", String(64), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    # A held key is transient: NULL for one that lives until it is erased.
    Column("held_until", Instant, nullable=True),
)


_KEY_OF = select(person_keys.c.wrapped, person_keys.c.held_until).where(
    person_keys.c.person_id == bindparam("person")
)


class Erased(Exception):
    """There is no key for this person: erased, no longer held, or never made."""


@dataclass(frozen=True, slots=True)
class _Cached:
    cipher: AESGCM
    read_at: datetime
    held_until: datetime | None

    def valid(self, now: datetime, lifetime: timedelta) -> bool:
        young = timedelta(0) <= now - self.read_at < lifetime
        return young and (self.held_until is None or now < self.held_until)


class Vault:
    """Seals and opens under a person's key; safe to share between threads."""

    # A key is read again after this long, so an erasure by another process is obeyed within a
    # second everywhere, while a request that seals five values reads the key once.
    CACHE = timedelta(seconds=1)
    CACHED_KEYS = 4096

    def __init__(
        self, store: Database, keys: Keys, clock: Clock, beside: Database | None = None
    ) -> None:
        """`beside` is the database with the data, which must be another one."""
        self.store = store
        self._beside = beside
        self._keys = keys
        self._clock = clock
        self._wrap = AESGCM(keys.wrapping_key("person-key"))
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def load(cls, settings: Settings, database: Database, keys: Keys, clock: Clock) -> Self:
        """The vault of a deployment; refuses a key store that is in the database itself."""
        chosen = settings.of(VaultSettings)
        data = settings.of(DatabaseSettings)
        store = Database(
            database_url(settings, chosen.keys),
            chosen.schema_name,
            8,
            data.patience,
            pooler=data.pooler,
        )
        if _place(store) == _place(database):
            store.close()
            raise SettingsError(_SAME_DATABASE)
        return cls(store, keys, clock, beside=database)

    def prepare(self) -> None:
        """Make the tables of the key store if they are missing; idempotent."""
        self._refuse_one_database()
        self.store.make_schema()
        vault_metadata.create_all(self.store.engine)

    def _refuse_one_database(self) -> None:
        """Two URLs can lead to one PostgreSQL database; the server itself tells."""
        data = self._beside
        if data is None or {data.dialect, self.store.dialect} != {"postgresql"}:
            return
        if _identity(data) == _identity(self.store):
            raise SettingsError(_SAME_DATABASE)

    def check(self) -> None:
        """Raises SettingsError unless the keys of the people can be read, and stand alone."""
        try:
            self.store.refuse_a_pooler_untold()
            self._refuse_one_database()
            with self.store.read() as uow:
                uow.one(select(person_keys.c.person_id).limit(1))
        except SQLAlchemyError as error:
            where = self.store.engine.url.render_as_string(hide_password=True)
            cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise SettingsError(
                f"The keys of the people at {where} cannot be read ({cause}): start that "
                "database, correct [vault] keys, or restore them from their own backup."
            ) from None

    def close(self) -> None:
        self.store.close()

    # ── a key's life ──────────────────────────────────────────────────────────────────

    def create(self, person_id: str) -> None:
        """Make the person's key; call it before the first row about them is written.

        A key that exists is kept: making it again must never replace it.
        """
        self._insert(person_id, self._wrapped(person_id, os.urandom(32)), None)

    def hold(self, person_id: str, key: bytes, until: datetime) -> None:
        """Hold a key that was derived elsewhere (32 bytes) for as long as the person is here.

        It is stored wrapped, so that every process can use it, and is gone at `until`.
        """
        if len(key) != 32:
            raise ValueError("a person's key has 32 bytes")
        wrapped = self._wrapped(person_id, key)
        if not (
            self._renew(person_id, wrapped, until)
            or self._insert(person_id, wrapped, until)
            or self._renew(person_id, wrapped, until)  # another process held it meanwhile
        ):
            raise ValueError(f"{person_id} has a key of its own: none is held in its place")
        self._forget(person_id)

    def _renew(self, person_id: str, wrapped: bytes, until: datetime) -> bool:
        with self.store.write() as uow:
            held = (person_keys.c.person_id == person_id) & person_keys.c.held_until.isnot(None)
            renewed = update(person_keys).where(held).values(wrapped=wrapped, held_until=until)
            return uow.changed(renewed) == 1

    def _insert(self, person_id: str, wrapped: bytes, until: datetime | None) -> bool:
        """Whether there was no key before."""
        row = {
            "person_id": person_id,
            "wrapped": wrapped,
            "created_at": self._clock.now(),
            "held_until": until,
        }
        try:
            with self.store.write() as uow:
                uow.execute(insert(person_keys).values(row))
        except IntegrityError:
            return False
        return True

    def erase(self, person_id: str) -> None:
        """Destroy the person's key: what it sealed is gone, wherever copies of it are."""
        with self.store.write() as uow:
            uow.execute(delete(person_keys).where(person_keys.c.person_id == person_id))
        self._forget(person_id)
        self._scrub()

    def expire(self, now: datetime) -> int:
        """Destroy the held keys whose time is over: periodic work; how many there were."""
        with self.store.write() as uow:
            gone = uow.changed(delete(person_keys).where(person_keys.c.held_until <= now))
        if gone:
            self._scrub()
        return gone

    def known(self, person_id: str) -> bool:
        """Whether there is a key for this person now."""
        try:
            self._cipher(person_id)
        except Erased:
            return False
        return True

    @property
    def cached(self) -> int:
        """How many keys are in memory now."""
        return len(self._cache)

    # ── sealing ───────────────────────────────────────────────────────────────────────

    def seal(self, person_id: str, plaintext: bytes, context: str) -> bytes:
        """Encrypt under the person's key; opens only with the same context. Raises Erased."""
        return seal_under(self._cipher(person_id), plaintext, f"{person_id}\0{context}")

    def open(self, person_id: str, sealed: bytes, context: str) -> bytes:
        """The plaintext of `seal`; raises Erased, or CannotOpen when it was changed or moved."""
        return open_under(self._cipher(person_id), sealed, f"{person_id}\0{context}")

    def index(self, kind: str, value: str) -> bytes:
        """A blind index (32 bytes): equal for values that a person would call the same."""
        return self._keys.mac("blind-index", f"{kind}\0{normalise(value)}".encode())

    def _cipher(self, person_id: str) -> AESGCM:
        now = self._clock.now()
        with self._lock:
            cached = self._cache.get(person_id)
            if cached is not None and cached.valid(now, self.CACHE):
                self._cache.move_to_end(person_id)
                return cached.cipher
        with self.store.read() as uow:
            row = uow.one(_KEY_OF, {"person": person_id})
        if row is None or (row.held_until is not None and row.held_until <= now):
            self._forget(person_id)
            raise Erased(person_id)
        cipher = AESGCM(open_under(self._wrap, row.wrapped, person_id))
        with self._lock:
            self._cache[person_id] = _Cached(cipher, now, row.held_until)
            self._cache.move_to_end(person_id)
            while len(self._cache) > self.CACHED_KEYS:
                self._cache.popitem(last=False)
        return cipher

    def _wrapped(self, person_id: str, key: bytes) -> bytes:
        return seal_under(self._wrap, key, person_id)

    def _forget(self, person_id: str) -> None:
        with self._lock:
            self._cache.pop(person_id, None)

    def _scrub(self) -> None:
        """Overwrite what deletion leaves behind on disk, as far as the store allows."""
        if self.store.dialect == "sqlite":
            # `secure_delete` zeroes the page; the write-ahead log still has the old one.
            raw = self.store.engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                raw.close()


_SAME_DATABASE = (
    "[vault] keys names the same database as [database] url, and another schema is no other "
    "database: write another one, so that no backup or dump holds the keys of what it contains. "
    "Where keys are there already, `civitas person-keys move --to URL` moves them."
)


def _place(database: Database) -> tuple[object, ...]:
    """What a dump of the whole would hold together, as far as the URL tells."""
    url = database.engine.url
    if database.dialect == "sqlite" and url.database:
        return (Path(url.database).resolve(),)
    query = dict(url.query)
    host = url.host or query.get("host") or "localhost"
    port = url.port or query.get("port") or 5432
    return str(host).lower(), int(str(port)), url.database or url.username


def _identity(database: Database) -> tuple[object, ...]:
    """Which database of which server this is, by whatever address it was reached."""
    with database.read() as uow:
        row = uow.one(text("SELECT current_database(), pg_postmaster_start_time()"))
    return tuple(row or ())


def normalise(value: str) -> str:
    """One form for values that differ in case, width, accents' encoding or spacing only."""
    return " ".join(fold(value).split())


def database_url(settings: Settings, written: str) -> str:
    """A database URL whose relative SQLite file starts at the folder of the settings."""
    try:
        url = make_url(written)
    except ArgumentError:
        return written  # the database says what is wrong with it
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return written
    return url.set(database=str(settings.resolve(url.database))).render_as_string(
        hide_password=False
    )


__all__ = [
    "CannotOpen",
    "Erased",
    "Vault",
    "VaultSettings",
    "database_url",
    "normalise",
    "person_keys",
    "vault_metadata",
]
