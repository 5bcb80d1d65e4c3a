"""A deployment that burnt down: restored in a new folder, it goes on as if nothing had been."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from civitas.tour.deployments import Deployed
from civitas.tour.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
def test_who_was_signed_in_still_is_after_a_restore_into_a_new_folder(
    world: World, tmp_path: Path
) -> None:
    operator = world.staff(world.provider, "operator")
    world.provider.civitas("backup", str(tmp_path / "database.backup"))
    world.provider.civitas("backup", "--person-keys", str(tmp_path / "keys.backup"))
    world.provider.stop()
    old = world.provider.folder
    new = Deployed("restored", tmp_path / "restored", world.provider.url, world.provider.tls_url)
    new.folder.mkdir()
    for kept in ("civitas.toml", "master.key"):
        shutil.copy2(old / kept, new.folder / kept)
    shutil.rmtree(old)
    new.civitas("restore", str(tmp_path / "database.backup"))
    new.civitas("restore", "--person-keys", str(tmp_path / "keys.backup"))
    new.civitas("audit", "resume", "--reason", "a fire")  # if more was signed since the backup
    new.civitas("audit", "verify")
    new.civitas("init")
    new.start()
    try:
        operator.get(f"{new.url}/devices/new")
        assert operator.url == f"{new.url}/devices/new", "sent to sign in again"
        new.civitas("audit", "verify", "--url", new.url)
    finally:
        new.stop()
