"""Person keys on both kinds of key store: made once, held for a while, destroyed for good."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from foundation.clock import FrozenClock
from foundation.database import DatabaseSettings
from foundation.keys import CannotOpen
from foundation.runtime import Runtime
from foundation.settings import Settings, SettingsError
from foundation.vault import Erased, Vault, VaultSettings, normalise, person_keys
from tests.support import deployments

ONE_SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def runtime(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock
) -> Iterator[Runtime]:
    """A runtime whose key store is of either kind."""
    settings = deployments.settings_in(tmp_path)
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        settings = settings.with_sections(VaultSettings(keys=url))
    laid = deployments.build_runtime(settings, clock)
    yield laid
    laid.close()


@pytest.fixture
def elsewhere(runtime: Runtime) -> Iterator[Vault]:
    """The same vault as another process has it, with a cache of its own."""
    vault = Vault.load(runtime.settings, runtime.database, runtime.keys, runtime.clock)
    yield vault
    vault.close()


def test_a_person_has_a_key_before_anything_is_sealed(runtime: Runtime) -> None:
    with pytest.raises(Erased):
        runtime.vault.seal("per_1", b"name", "profile")
    runtime.vault.create("per_1")
    sealed = runtime.vault.seal("per_1", b"name", "profile")
    assert runtime.vault.open("per_1", sealed, "profile") == b"name"


def test_making_the_key_again_keeps_the_first(runtime: Runtime, elsewhere: Vault) -> None:
    runtime.vault.create("per_1")
    sealed = runtime.vault.seal("per_1", b"name", "profile")
    elsewhere.create("per_1")
    runtime.vault.create("per_1")
    assert elsewhere.open("per_1", sealed, "profile") == b"name"


def test_a_value_moved_to_another_person_or_context_does_not_open(runtime: Runtime) -> None:
    runtime.vault.create("per_1")
    runtime.vault.create("per_2")
    sealed = runtime.vault.seal("per_1", b"name", "profile.name")
    for person, context in [("per_2", "profile.name"), ("per_1", "profile.address")]:
        with pytest.raises(CannotOpen):
            runtime.vault.open(person, sealed, context)


def test_a_wrapped_key_moved_to_another_person_does_not_open(
    runtime: Runtime, elsewhere: Vault
) -> None:
    runtime.vault.create("per_1")
    runtime.vault.create("per_2")
    store = runtime.vault.store
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
    runtime: Runtime, elsewhere: Vault, clock: FrozenClock
) -> None:
    runtime.vault.create("per_1")
    sealed = runtime.vault.seal("per_1", b"name", "profile")
    assert elsewhere.open("per_1", sealed, "profile") == b"name"
    runtime.vault.erase("per_1")
    with pytest.raises(Erased):
        runtime.vault.open("per_1", sealed, "profile")
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
    runtime = deployments.build_runtime(settings, clock)
    runtime.vault.create("per_keep")
    runtime.vault.create("per_gone")
    with runtime.vault.store.read() as uow:
        wrapped = {row.person_id: bytes(row.wrapped) for row in uow.all(person_keys.select())}

    def on_disk() -> bytes:
        return b"".join(f.read_bytes() for f in settings.path.parent.glob("person-keys.db*"))

    assert wrapped["per_gone"] in on_disk()
    runtime.vault.erase("per_gone")
    assert wrapped["per_gone"] not in on_disk()
    assert wrapped["per_keep"] in on_disk()
    runtime.close()


def test_a_held_key_opens_while_it_is_held_and_again_when_it_comes_back(
    runtime: Runtime, elsewhere: Vault, clock: FrozenClock
) -> None:
    derived = os.urandom(32)
    runtime.vault.hold("per_1", derived, clock.now() + timedelta(minutes=10))
    sealed = runtime.vault.seal("per_1", b"consent", "consent")
    assert elsewhere.open("per_1", sealed, "consent") == b"consent"
    clock.advance(timedelta(minutes=10))
    for vault in (runtime.vault, elsewhere):
        assert not vault.known("per_1")
        with pytest.raises(Erased):
            vault.open("per_1", sealed, "consent")
    assert runtime.vault.expire(clock.now()) == 1
    assert runtime.vault.expire(clock.now()) == 0
    runtime.vault.hold("per_1", derived, clock.now() + timedelta(minutes=10))
    runtime.vault.hold("per_1", derived, clock.now() + timedelta(minutes=20))
    clock.advance(timedelta(minutes=15))
    assert elsewhere.open("per_1", sealed, "consent") == b"consent"


def test_a_held_key_never_replaces_one_that_was_made(runtime: Runtime, clock: FrozenClock) -> None:
    runtime.vault.create("per_1")
    sealed = runtime.vault.seal("per_1", b"name", "profile")
    with pytest.raises(ValueError, match="a key of its own"):
        runtime.vault.hold("per_1", os.urandom(32), clock.now() + ONE_SECOND)
    assert runtime.vault.open("per_1", sealed, "profile") == b"name"


def test_the_cache_of_keys_is_bounded(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vault, "CACHED_KEYS", 3)
    for n in range(6):
        runtime.vault.create(f"per_{n}")
        runtime.vault.seal(f"per_{n}", b"", "")
    assert runtime.vault.cached == 3


def test_a_blind_index_finds_a_value_however_it_was_typed(runtime: Runtime) -> None:
    index = runtime.vault.index
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
        deployments.build_runtime(settings, clock)
