"""Person keys on both kinds of key store: made once, held for a while, destroyed for good."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings
from foundation.ground import Ground
from foundation.keys import CannotOpen
from foundation.settings import Settings, SettingsError
from foundation.vault import Erased, Vault, VaultSettings, normalise, person_keys
from tests.support import deployments

ONE_SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> Iterator[Ground]:
    """A ground floor whose key store is of either kind."""
    settings = deployments.settings_in(tmp_path)
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        settings = settings.with_sections(VaultSettings(keys=url))
    laid = deployments.lay_ground(settings, clock)
    yield laid
    laid.close()


@pytest.fixture
def elsewhere(ground: Ground) -> Iterator[Vault]:
    """The same vault as another process has it, with a cache of its own."""
    vault = Vault.load(ground.settings, ground.database, ground.keys, ground.clock)
    yield vault
    vault.close()


def test_a_person_has_a_key_before_anything_is_sealed(ground: Ground) -> None:
    with pytest.raises(Erased):
        ground.vault.seal("per_1", b"name", "profile")
    ground.vault.create("per_1")
    sealed = ground.vault.seal("per_1", b"name", "profile")
    assert ground.vault.open("per_1", sealed, "profile") == b"name"


def test_making_the_key_again_keeps_the_first(ground: Ground, elsewhere: Vault) -> None:
    ground.vault.create("per_1")
    sealed = ground.vault.seal("per_1", b"name", "profile")
    elsewhere.create("per_1")
    ground.vault.create("per_1")
    assert elsewhere.open("per_1", sealed, "profile") == b"name"


def test_a_value_moved_to_another_person_or_context_does_not_open(ground: Ground) -> None:
    ground.vault.create("per_1")
    ground.vault.create("per_2")
    sealed = ground.vault.seal("per_1", b"name", "profile.name")
    for person, context in [("per_2", "profile.name"), ("per_1", "profile.address")]:
        with pytest.raises(CannotOpen):
            ground.vault.open(person, sealed, context)


def test_a_wrapped_key_moved_to_another_person_does_not_open(
    ground: Ground, elsewhere: Vault
) -> None:
    ground.vault.create("per_1")
    ground.vault.create("per_2")
    store = ground.vault.store
    with store.write() as uow:
        row = uow.one(person_keys.select().where(person_keys.c.person_id == "per_1"))
        assert row is not None
        uow.execute(
            person_keys.update()
            .where(person_keys.c.person_id == "per_2")
            .values(wrapped=row.wrapped)
        )
    with pytest.raises(CannotOpen):
        elsewhere.seal("per_2", b"name", "profile")


@pytest.mark.row("privacy", "G-9")
def test_erasure_destroys_what_was_sealed_in_every_process_within_a_second(
    ground: Ground, elsewhere: Vault, clock: FrozenClock
) -> None:
    ground.vault.create("per_1")
    sealed = ground.vault.seal("per_1", b"name", "profile")
    assert elsewhere.open("per_1", sealed, "profile") == b"name"
    ground.vault.erase("per_1")
    with pytest.raises(Erased):
        ground.vault.open("per_1", sealed, "profile")
    clock.advance(ONE_SECOND)
    with pytest.raises(Erased):
        elsewhere.open("per_1", sealed, "profile")
    with pytest.raises(Erased):
        elsewhere.seal("per_1", b"name", "profile")
    elsewhere.create("per_1")  # a new key is another key
    with pytest.raises(CannotOpen):
        elsewhere.open("per_1", sealed, "profile")


def test_an_erased_key_is_not_left_in_the_files_of_the_store(
    settings: Settings, clock: FrozenClock
) -> None:
    ground = deployments.lay_ground(settings, clock)
    ground.vault.create("per_keep")
    ground.vault.create("per_gone")
    with ground.vault.store.read() as uow:
        wrapped = {row.person_id: bytes(row.wrapped) for row in uow.all(person_keys.select())}

    def on_disk() -> bytes:
        return b"".join(f.read_bytes() for f in settings.path.parent.glob("person-keys.db*"))

    assert wrapped["per_gone"] in on_disk()
    ground.vault.erase("per_gone")
    assert wrapped["per_gone"] not in on_disk()
    assert wrapped["per_keep"] in on_disk()
    ground.close()


def test_a_held_key_opens_while_it_is_held_and_again_when_it_comes_back(
    ground: Ground, elsewhere: Vault, clock: FrozenClock
) -> None:
    derived = os.urandom(32)
    ground.vault.hold("per_1", derived, clock.now() + timedelta(minutes=10))
    sealed = ground.vault.seal("per_1", b"consent", "consent")
    assert elsewhere.open("per_1", sealed, "consent") == b"consent"
    clock.advance(timedelta(minutes=10))
    for vault in (ground.vault, elsewhere):
        assert not vault.known("per_1")
        with pytest.raises(Erased):
            vault.open("per_1", sealed, "consent")
    assert ground.vault.expire(clock.now()) == 1
    assert ground.vault.expire(clock.now()) == 0
    ground.vault.hold("per_1", derived, clock.now() + timedelta(minutes=10))
    ground.vault.hold("per_1", derived, clock.now() + timedelta(minutes=20))
    clock.advance(timedelta(minutes=15))
    assert elsewhere.open("per_1", sealed, "consent") == b"consent"


def test_a_held_key_never_replaces_one_that_was_made(ground: Ground, clock: FrozenClock) -> None:
    ground.vault.create("per_1")
    sealed = ground.vault.seal("per_1", b"name", "profile")
    with pytest.raises(ValueError, match="a key of its own"):
        ground.vault.hold("per_1", os.urandom(32), clock.now() + ONE_SECOND)
    assert ground.vault.open("per_1", sealed, "profile") == b"name"


def test_the_cache_of_keys_is_bounded(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vault, "CACHED_KEYS", 3)
    for n in range(6):
        ground.vault.create(f"per_{n}")
        ground.vault.seal(f"per_{n}", b"", "")
    assert ground.vault.cached == 3


def test_a_blind_index_finds_a_value_however_it_was_typed(ground: Ground) -> None:
    index = ground.vault.index
    assert index("name", "Ångström  Anna") == index("name", " ångström anna ")
    assert index("name", "Anna") != index("name", "Anne")
    assert index("name", "Anna") != index("mother", "Anna")
    assert normalise("\tÅSA  B ") == "åsa b"
    assert b"nna" not in index("name", "Anna")


def test_the_key_store_is_never_the_database_itself(tmp_path: Path, clock: FrozenClock) -> None:
    settings = deployments.settings_in(
        tmp_path,
        DatabaseSettings(url="sqlite:///one.db"),
        VaultSettings(keys="sqlite:///./one.db"),
    )
    with pytest.raises(SettingsError, match=r"\[vault\] keys names the same database"):
        deployments.lay_ground(settings, clock)
