"""New deployments as copies of one: tables and keys are made once a process for the same settings.

A test that founds a deployment gets files (and a database of PostgreSQL) that another founding has
left, as a second start would find them. What the test does there is its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foundation.clock import Clock, FrozenClock
from foundation.database import DatabaseSettings, metadata
from foundation.settings import Settings
from tests.support import deployments, postgresql

Found = Callable[[Settings, Clock], Callable[[], None]]
"""Makes a new deployment ready, and gives what closes it."""
_Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class _Template:
    files: dict[str, bytes]
    database: str | None


_seen: set[_Key] = set()
_templates: dict[_Key, _Template] = {}


def copied(kind: str, settings: Settings, clock: Clock, found: Found) -> bool:
    """Whether the folder and database of `settings` are ready now, as a copy of what `found` made.

    False where that does not pay or would not be the same: then the caller founds by itself.
    """
    key = _key(kind, settings, clock)
    if key is None:
        return False
    if key not in _seen:  # settings that come once, such as those with a port of their own
        _seen.add(key)
        return False
    if key not in _templates:
        _templates[key] = _made(settings, found)
    template = _templates[key]
    for name, content in template.files.items():
        place = settings.path.parent / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(mode=0o600)
        place.write_bytes(content)
    if template.database is not None:
        url = settings.of(DatabaseSettings).url
        postgresql.server_of(url).copy(template.database, url)
    return True


def _key(kind: str, settings: Settings, clock: Clock) -> _Key | None:
    folder = settings.path.parent
    frozen = isinstance(clock, FrozenClock) and clock.now() == deployments.START
    if not frozen or (folder / "master.key").exists() or deployments.in_token():
        return None
    database = settings.of(DatabaseSettings)
    dialect = database.url.partition(":")[0]
    if database.schema_name or (dialect != "sqlite" and not postgresql.knows(database.url)):
        return None
    chosen = settings.sections()
    chosen[DatabaseSettings] = database.model_copy(update={"url": dialect})
    told = "\n".join(sorted(repr(section) for section in chosen.values()))
    return None if str(folder) in told else (kind, len(metadata.tables), dialect, told)


def _made(settings: Settings, found: Found) -> _Template:
    folder = Path(tempfile.mkdtemp(prefix="civitas-ready-"))
    there = Settings(folder / settings.path.name, settings.sections())
    database = settings.of(DatabaseSettings)
    name = None
    if not database.url.startswith("sqlite"):
        server = postgresql.server_of(database.url)
        name = server.make()
        url = server.url(name)
        there = there.with_sections(database.model_copy(update={"url": url}))
    try:
        found(there, FrozenClock(deployments.START))()
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
    finally:
        shutil.rmtree(folder)
    return _Template(files, name)
