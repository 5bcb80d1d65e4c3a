"""A token that was away is well again by itself, and a wrong PIN is shown to it once."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pkcs11 as api
import pytest

from foundation import algorithms
from foundation.algorithms import PrivateKey
from foundation.errors import Unavailable
from foundation.keys import Keys, KeySettings
from foundation.pkcs11 import session as pkcs11_session
from foundation.pkcs11.session import PinRefused, Session, session_of
from foundation.pkcs11.token import Token
from foundation.pkcs11.uri import TokenUri
from foundation.readiness import not_signing
from foundation.settings import Settings, SettingsError
from tests.support import deployments, softhsm
from tests.support.softhsm import SoftToken

ERRORS = [
    error
    for error in vars(api.exceptions).values()
    if isinstance(error, type) and issubclass(error, api.PKCS11Error)
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with softhsm.tokens() as folder:
        yield folder


@pytest.fixture(scope="module")
def token(folder: Path) -> SoftToken:
    return softhsm.new_token(folder)


@pytest.fixture
def session(token: SoftToken) -> Session:
    return session_of(TokenUri.parse(token.uri(), Path()))


@pytest.fixture(scope="module")
def key(token: SoftToken) -> PrivateKey:
    return Token(token.uri()).generate("away", "ES256")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the next attempt."""
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "_YOUNG"):
        monkeypatch.setattr(pkcs11_session, name, 0.0)


@contextmanager
def away(folder: Path) -> Iterator[None]:
    (folder / "tokens").rename(folder / "elsewhere")
    try:
        yield
    finally:
        (folder / "elsewhere").rename(folder / "tokens")


def signs(key: PrivateKey) -> bool:
    algorithms.verify("ES256", key.public_key(), algorithms.sign("ES256", key, b"x"), b"x")
    return True


@pytest.mark.row("failures", "24")
def test_a_token_that_was_away_signs_again_when_it_is_back(folder: Path, key: PrivateKey) -> None:
    for _ in range(2):
        assert signs(key)
        with away(folder):
            for _ in range(3):
                with pytest.raises(Unavailable) as refused:
                    signs(key)
                assert int(refused.value.headers["Retry-After"]) >= 0
                assert refused.value.next_step
        assert signs(key)


def test_an_empty_slot_is_no_lost_token_either(folder: Path, key: PrivateKey) -> None:
    with away(folder):
        (folder / "tokens").mkdir()
        with pytest.raises(Unavailable):
            signs(key)
        (folder / "tokens").rmdir()
    assert signs(key)


def test_a_key_is_made_once_the_token_is_back(folder: Path, token: SoftToken) -> None:
    made = Token(token.uri())
    with away(folder), pytest.raises(Unavailable):
        made.generate("later", "ES256")
    assert signs(made.generate("later", "ES256"))
    with pytest.raises(Unavailable, match="does not sign"):
        made.generate("later", "ES256")  # never two of one name


@pytest.mark.parametrize("call", ["C_Finalize", "C_CloseAllSessions"])
def test_what_the_module_forgot_is_made_anew(token: SoftToken, key: PrivateKey, call: str) -> None:
    assert signs(key)
    slot = api.lib(token.module).get_token(token_label=token.label).slot.slot_id
    module = ctypes.CDLL(token.module)
    given = ctypes.c_void_p(None) if call == "C_Finalize" else ctypes.c_ulong(slot)
    assert getattr(module, call)(given) == 0
    assert signs(key)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_whatever_may_mean_that_the_session_is_gone_is_answered_with_another_one(
    session: Session, error: type[api.PKCS11Error]
) -> None:
    seen: list[api.Session] = []

    def work(opened: api.Session) -> str:
        seen.append(opened)
        if len(seen) == 1:
            raise error
        return "done"

    if error in (*pkcs11_session._ASKED_WRONGLY, *pkcs11_session._PIN):
        with pytest.raises(error):
            session.run(work)
        assert len(seen) == 1
    else:
        assert session.run(work) == "done"
        assert seen[0] is not seen[1]


def test_a_key_of_its_own_kind_of_trouble_does_not_cost_the_others_their_session(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pkcs11_session, "_YOUNG", 60.0)
    seen: list[api.Session] = []

    def work(opened: api.Session) -> None:
        seen.append(opened)
        raise api.NoSuchKey

    session._close()
    for _ in range(3):
        with pytest.raises(api.NoSuchKey):
            session.run(work)
    assert len(seen) == 3
    assert len(set(map(id, seen))) == 1


def test_a_token_that_is_away_is_looked_for_once_in_a_while_not_for_each_request(
    folder: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pkcs11_session, "FIRST_PAUSE", 60.0)
    monkeypatch.setattr(pkcs11_session, "LONGEST_PAUSE", 60.0)
    looked: list[str] = []
    begins = pkcs11_session._Module.begin_anew

    def counted(module: pkcs11_session._Module) -> None:
        looked.append("begun")
        begins(module)

    monkeypatch.setattr(pkcs11_session._Module, "begin_anew", counted)
    with away(folder):
        for _ in range(5):
            with pytest.raises(Unavailable):
                signs(key)
    assert len(looked) == 1
    for session in pkcs11_session._sessions.values():
        session._not_before = 0.0
    assert signs(key)


def test_a_call_that_does_not_come_back_holds_the_others_up_for_a_bounded_time(
    session: Session, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pkcs11_session, "PATIENCE", 0.1)
    inside, over = threading.Event(), threading.Event()

    def hang(_: api.Session) -> None:
        inside.set()
        over.wait(60)

    hanging = threading.Thread(target=session.run, args=(hang,))
    hanging.start()
    inside.wait(60)
    try:
        with pytest.raises(Unavailable):
            signs(key)
    finally:
        over.set()
        hanging.join()
    assert signs(key)


def test_a_wrong_pin_is_shown_to_the_token_once_and_the_corrected_one_opens_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = softhsm.new_token(folder)
    token.pin_file.write_text("000000")
    shown: list[str] = []
    logs_in = Session._log_in

    def counted(session: Session, pin: str) -> api.Session:
        shown.append(pin)
        return logs_in(session, pin)

    monkeypatch.setattr(Session, "_log_in", counted)
    session = session_of(TokenUri.parse(token.uri(), Path()))
    for _ in range(5):
        with pytest.raises(PinRefused, match="correct the file"):
            session.run(lambda opened: opened)
    assert PinRefused.exit_code == 78
    assert shown == ["000000"]
    token.pin_file.write_text(softhsm.PIN)
    session.run(lambda opened: opened)
    assert shown == ["000000", softhsm.PIN]


def test_a_token_that_would_lock_is_not_tried(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LastTry:
        flags = api.TokenFlag.USER_PIN_FINAL_TRY

    session._close()
    monkeypatch.setattr(pkcs11_session._Module, "token", lambda module, label: LastTry())
    with pytest.raises(PinRefused, match="log in once with its own tool"):
        session.run(lambda opened: opened)
    monkeypatch.undo()
    session._not_before = 0.0
    session.run(lambda opened: opened)


def test_another_pin_of_a_token_opens_the_next_session(folder: Path) -> None:
    token = softhsm.new_token(folder)
    given = Token(token.uri(), pin=softhsm.PIN)
    given.change_pin(softhsm.PIN, "998877")
    session_of(TokenUri.parse(token.uri(), Path()), "998877")._close()
    assert signs(given.generate("after", "ES256"))


@pytest.mark.row("failures", "24")
def test_readiness_signs_with_every_key_that_is_published(
    folder: Path, settings: Settings, token: SoftToken, clock: object
) -> None:
    in_token = settings.with_sections(KeySettings(pkcs11=token.uri(), in_token=("receipt",)))
    runtime = deployments.build_runtime(in_token, clock)  # type: ignore[arg-type]
    runtime.keys.ensure("receipt", "ES256")
    runtime.keys.ensure("jwt", "ES256")
    runtime.keys.ensure("ca-root", "ML-DSA-65")
    assert not_signing(runtime.keys) == ()
    with away(folder):
        assert not_signing(runtime.keys) == ("receipt",)
        fresh = Keys.load(in_token, runtime.database, runtime.clock)
        assert not_signing(fresh) == ("receipt",)
    assert not_signing(runtime.keys) == ()
    Token(token.uri()).destroy(label_of(runtime.keys))
    session_of(TokenUri.parse(token.uri(), Path()))._close()
    assert not_signing(runtime.keys) == ("receipt",)
    runtime.close()


def label_of(keys: Keys) -> str:
    [row] = keys._generations("receipt", keys._clock.now())
    assert row.label is not None
    return row.label


def test_a_missing_module_says_so(token: SoftToken) -> None:
    uri = token.uri().replace(token.module, "/nowhere.so")
    with pytest.raises(SettingsError, match="does not exist"):
        session_of(TokenUri.parse(uri, Path())).run(lambda opened: opened)
