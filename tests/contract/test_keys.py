"""Signing keys on both databases: one first key, and rotation that every process sees."""

from datetime import timedelta
from threading import Barrier, Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.clock import FrozenClock
from foundation.keys import CannotOpen, Keys, KeySettings, NoKey, signing_keys
from foundation.runtime import Runtime
from foundation.settings import Settings

AHEAD = timedelta(seconds=KeySettings().publish_ahead_seconds)
KEEP = timedelta(hours=KeySettings().keep_published_hours)
ONE_SECOND = timedelta(seconds=1)


def another_process(runtime: Runtime, settings: Settings) -> Keys:
    """Keys with a cache of their own, as another process has them."""
    return Keys.load(settings, runtime.database, runtime.clock)


def test_the_first_key_signs_at_once_and_ensure_keeps_it(any_runtime: Runtime) -> None:
    keys = any_runtime.keys
    with pytest.raises(NoKey, match="civitas init"):
        keys.signer("jwt")
    keys.ensure("jwt", "ES256")
    kid = keys.signer("jwt").kid
    keys.ensure("jwt", "ES256")
    assert [key.kid for key in keys.published("jwt")] == [kid]
    assert keys.published("jwt")[0].state == "signing"


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256"])
def test_a_signature_verifies_with_what_is_published(any_runtime: Runtime, algorithm: str) -> None:
    keys = any_runtime.keys
    keys.ensure("jwt", algorithm)
    signer = keys.signer("jwt")
    published = keys.jwk(keys.published("jwt")[0])
    assert (published["kid"], published["alg"], published["use"]) == (signer.kid, algorithm, "sig")
    assert not published.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
    token = jwt.encode({"sub": "x"}, signer.private_key, algorithm=algorithm)
    public = jwt.PyJWK(published)
    assert jwt.decode(token, public, algorithms=[algorithm]) == {"sub": "x"}
    head, _, signature = token.rpartition(".")
    own = jwt.utils.base64url_encode(signer.sign(head.encode())).decode()
    assert jwt.decode(f"{head}.{own}", public, algorithms=[algorithm]) == {"sub": "x"}
    assert len(own) == len(signature)


def test_a_new_key_is_published_before_it_signs_and_an_old_one_after(
    any_runtime: Runtime, any_settings: Settings, clock: FrozenClock
) -> None:
    here, there = any_runtime.keys, another_process(any_runtime, any_settings)
    here.ensure("jwt", "ES256")
    old = here.signer("jwt").kid
    assert there.signer("jwt").kid == old
    new = here.rotate("jwt", clock.now())
    clock.advance(ONE_SECOND)
    for keys in (here, there):
        states = [(key.kid, key.state) for key in keys.published("jwt")]
        assert states == [(old, "signing"), (new, "waiting")]
        assert keys.signer("jwt").kid == old
    clock.advance(AHEAD)
    for keys in (here, there):
        states = [(key.kid, key.state) for key in keys.published("jwt")]
        assert states == [(old, "published"), (new, "signing")]
        assert keys.signer("jwt").kid == new
    clock.advance(KEEP)
    for keys in (here, there):
        assert [key.kid for key in keys.published("jwt")] == [new]
        assert [key.kid for key in keys.history("jwt")] == [old, new]
    found = here.by_kid(old)
    assert found is not None
    assert found.state == "retired"
    assert here.by_kid("unknown") is None


def test_two_rotations_at_once_make_one_key(any_runtime: Runtime, any_settings: Settings) -> None:
    any_runtime.keys.ensure("jwt", "ES256")
    processes = [another_process(any_runtime, any_settings) for _ in range(4)]
    start = Barrier(4)
    answers: list[str] = []

    def rotate(keys: Keys) -> None:
        start.wait()
        answers.append(keys.rotate("jwt", any_runtime.clock.now()))

    run([Thread(target=rotate, args=(keys,)) for keys in processes])
    assert len(answers) == 4
    assert len(set(answers)) == 1
    with any_runtime.database.read() as uow:
        assert len(uow.all(signing_keys.select())) == 3  # "audit" and two of "jwt"


def test_eight_first_keys_at_once_are_one(any_runtime: Runtime, any_settings: Settings) -> None:
    processes = [another_process(any_runtime, any_settings) for _ in range(8)]
    start = Barrier(8)

    def ensure(keys: Keys) -> None:
        start.wait()
        keys.ensure("receipt", "ES256")

    run([Thread(target=ensure, args=(keys,)) for keys in processes])
    assert len({keys.signer("receipt").kid for keys in processes}) == 1


def test_rotation_is_due_by_age_and_idempotent(any_runtime: Runtime, clock: FrozenClock) -> None:
    keys = any_runtime.keys
    keys.ensure("jwt", "ES256")
    keys.ensure("receipt", "ES256")
    assert keys.rotate_due(clock.now()) == ()
    clock.advance(timedelta(days=KeySettings().rotate_after_days))
    assert keys.rotate_due(clock.now()) == ("jwt",)
    assert keys.rotate_due(clock.now()) == ()
    clock.advance(AHEAD)
    assert keys.rotate_due(clock.now()) == ()
    assert len(keys.published("jwt")) == 2
    assert len(keys.published("receipt")) == 1


def test_a_revoked_key_neither_signs_nor_is_published(
    any_runtime: Runtime, any_settings: Settings, clock: FrozenClock
) -> None:
    here, there = any_runtime.keys, another_process(any_runtime, any_settings)
    here.ensure("jwt", "ES256")
    stolen = there.signer("jwt").kid
    here.revoke(stolen, clock.now())
    clock.advance(ONE_SECOND)
    for keys in (here, there):
        assert keys.published("jwt") == ()
        with pytest.raises(NoKey):
            keys.signer("jwt")
    replacement = here.rotate("jwt", clock.now())
    assert here.signer("jwt").kid == replacement  # nobody waits for a key that replaces none


def test_rotation_may_change_the_algorithm(any_runtime: Runtime, clock: FrozenClock) -> None:
    keys = any_runtime.keys
    keys.ensure("jwt", "RS256")
    keys.rotate("jwt", clock.now(), algorithm="ES256")
    clock.advance(AHEAD)
    assert keys.signer("jwt").algorithm == "ES256"
    assert isinstance(keys.signer("jwt").private_key, ec.EllipticCurvePrivateKey)


def test_a_sealed_private_key_cannot_stand_in_for_another(
    any_runtime: Runtime, any_settings: Settings
) -> None:
    any_runtime.keys.ensure("jwt", "ES256")
    any_runtime.keys.ensure("receipt", "ES256")
    table = signing_keys
    with any_runtime.database.write() as uow:
        row = uow.one(table.select().where(table.c.use == "receipt"))
        assert row is not None
        uow.execute(table.update().where(table.c.use == "jwt").values(sealed=row.sealed))
    with pytest.raises(CannotOpen):
        another_process(any_runtime, any_settings).signer("jwt")


def run(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
