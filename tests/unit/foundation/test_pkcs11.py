"""Keys in a PKCS#11 token: SoftHSM signs, and nothing of ours ever sees the private key."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import jwt
import pkcs11 as api
import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from foundation.clock import FrozenClock
from foundation.keys import Keys, KeySettings, signing_keys
from foundation.master_key import MasterKey
from foundation.pkcs11.keys import TokenEC, TokenRSA
from foundation.pkcs11.token import Token, create_root
from foundation.settings import Settings, SettingsError
from tests.support import deployments, softhsm
from tests.support.softhsm import SoftToken

ALGORITHMS = {
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "EdDSA": None,
    "RS256": hashes.SHA256(),
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with softhsm.tokens() as folder:
        yield folder


@pytest.fixture(scope="module")
def token(folder: Path, another_token: SoftToken) -> SoftToken:
    return softhsm.new_token(folder)


@pytest.fixture(scope="module")
def another_token(folder: Path) -> SoftToken:
    """Made first: a module that is loaded does not see new tokens."""
    return softhsm.new_token(folder)


@pytest.fixture
def in_token(settings: Settings, token: SoftToken) -> Settings:
    """Settings whose keys of "jwt" and "ca" are made in the token."""
    return settings.with_sections(KeySettings(pkcs11=token.uri(), in_token=("jwt", "ca")))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_signs_with_a_key_in_the_token(token: SoftToken, algorithm: str) -> None:
    key = Token(token.uri()).generate(f"jwt {algorithm}", algorithm)
    signed = jwt.encode({"sub": "x"}, key, algorithm=algorithm)
    assert jwt.decode(signed, key.public_key(), algorithms=[algorithm]) == {"sub": "x"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_x509_builder_signs_with_a_key_in_the_token(
    token: SoftToken, algorithm: str, clock: FrozenClock
) -> None:
    key = Token(token.uri()).generate(f"ca {algorithm}", algorithm)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(clock.now())
        .not_valid_after(clock.now() + timedelta(days=1))
        .sign(key, ALGORITHMS[algorithm])
    )
    certificate.verify_directly_issued_by(certificate)


def test_a_key_in_the_token_never_leaves_it(token: SoftToken) -> None:
    made = Token(token.uri())
    for algorithm in ALGORITHMS:
        key = made.generate(f"kept {algorithm}", algorithm)
        with pytest.raises(UnsupportedAlgorithm):
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert copy.deepcopy(copy.copy(key)) is key
    session = api.lib(token.module).get_token(token_label=token.label).open()
    for found in session.get_objects({api.Attribute.CLASS: api.ObjectClass.PRIVATE_KEY}):
        assert found[api.Attribute.SENSITIVE]
        assert not found[api.Attribute.EXTRACTABLE]
    session.close()


def test_a_digest_can_be_signed_and_what_tokens_cannot_do_is_refused(token: SoftToken) -> None:
    made = Token(token.uri())
    key = made.generate("digest", "ES256")
    assert isinstance(key, TokenEC)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"data")
    signature = key.sign(digest.finalize(), ec.ECDSA(Prehashed(hashes.SHA256())))
    key.public_key().verify(signature, b"data", ec.ECDSA(hashes.SHA256()))
    rsa = made.generate("rsa", "RS256")
    assert isinstance(rsa, TokenRSA)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    with pytest.raises(UnsupportedAlgorithm):
        rsa.sign(b"data", pss, hashes.SHA256())


def test_eight_threads_sign_with_one_token(token: SoftToken) -> None:
    key = Token(token.uri()).generate("threads", "ES256")
    good: list[bool] = []

    def sign() -> None:
        for n in range(25):
            signed = jwt.encode({"n": n}, key, algorithm="ES256")
            good.append(jwt.decode(signed, key.public_key(), ["ES256"]) == {"n": n})

    threads = [Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 200


def test_signing_keys_of_a_deployment_rotate_in_the_token(
    in_token: Settings, clock: FrozenClock
) -> None:
    runtime = deployments.build_runtime(in_token, clock)
    runtime.keys.ensure("jwt", "ES256")
    runtime.keys.ensure("receipt", "ES256")
    old = runtime.keys.signer("jwt")
    assert isinstance(old.private_key, TokenEC)
    assert not isinstance(runtime.keys.signer("receipt").private_key, TokenEC)
    assert len(old.sign(b"data")) == 64
    runtime.keys.rotate("jwt", clock.now())
    clock.advance(timedelta(days=2))
    elsewhere = Keys.load(in_token, runtime.database, clock)
    new = elsewhere.signer("jwt")
    assert new.kid != old.kid
    assert isinstance(new.private_key, TokenEC)
    with runtime.database.read() as uow:
        rows = uow.all(signing_keys.select().where(signing_keys.c.use == "jwt"))
    assert [row.sealed for row in rows] == [None, None]
    without = Keys.load(in_token.with_sections(KeySettings()), runtime.database, clock)
    with pytest.raises(SettingsError, match="in a PKCS#11 token"):
        without.signer("jwt")
    runtime.close()


def test_the_master_key_comes_from_a_secret_that_stays_in_the_token(token: SoftToken) -> None:
    uri = token.uri("civitas-master")
    with pytest.raises(SettingsError, match="civitas init"):
        MasterKey.load(uri)
    create_root(uri)
    first, second = MasterKey.load(uri), MasterKey.load(uri)
    assert first.check_value() == second.check_value()
    with pytest.raises(SettingsError, match="never replaced"):
        create_root(uri)
    create_root(token.uri("another"))
    assert MasterKey.load(token.uri("another")).check_value() != first.check_value()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("pkcs11:token=x", "module-path="),
        ("pkcs11:?module-path=/m&pin-source=file:/p", "token="),
        ("pkcs11:token=x?module-path=/m&pin-value=1234", "never written in the settings"),
        ("pkcs11:token=x;slot=1?module-path=/m&pin-source=file:/p", "'slot'"),
        ("pkcs11:token=x;token=y?module-path=/m&pin-source=file:/p", "repeated"),
        ("pkcs11:token=x;object=k?module-path=/m&pin-source=file:/nowhere", "does not exist"),
    ],
)
def test_a_uri_that_cannot_work_says_what_to_write(uri: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        MasterKey.load(uri)


def test_a_wrong_pin_a_missing_token_and_a_readable_pin_file_stop_the_start(
    folder: Path, token: SoftToken, another_token: SoftToken
) -> None:
    wrong = SoftToken(another_token.label, token.module, folder / "wrong.pin")
    wrong.pin_file.touch(mode=0o600)
    wrong.pin_file.write_text("000000")
    with pytest.raises(SettingsError, match=r"PIN in .* does not open"):
        MasterKey.load(wrong.uri("k"))
    missing = SoftToken("missing", token.module, token.pin_file)
    with pytest.raises(SettingsError, match="no PKCS#11 token 'missing'"):
        MasterKey.load(missing.uri("k"))
    wrong.pin_file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        MasterKey.load(wrong.uri("k"))


def test_keys_in_a_token_need_the_name_of_the_token(settings: Settings) -> None:
    MasterKey.create(settings.path.parent / "master.key")
    changed = settings.with_sections(KeySettings(in_token=("jwt",)))
    with pytest.raises(SettingsError, match=r"write pkcs11 = "):
        deployments.build_runtime(changed, FrozenClock(deployments.START))
