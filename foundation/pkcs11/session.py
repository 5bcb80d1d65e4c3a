"""One session with a PKCS#11 token, made anew when the token was away — OASIS PKCS#11 v3.1 §5.

python-pkcs11 initialises a module for a single thread, so every call to a module goes through
one lock. A login belongs to the process, not to a session, so there is one session a token.

What a module knows of slots, logins and handles may be void as a whole after its token was gone:
where a new session does not come about, the module is finalised and initialised (§5.4), at most
every few seconds; meanwhile whoever asks is refused at once. A PIN that was refused is never shown
to the token again: three times, and it locks.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import pkcs11 as api

from foundation import secret_file
from foundation.event_loop import in_thread
from foundation.pkcs11.uri import TokenUri
from foundation.settings import SettingsError

T = TypeVar("T")
log = logging.getLogger("civitas.token")
PATIENCE = 10.0
"""Seconds for which a call waits for another one that does not come back."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
_YOUNG = 1.0

# The session, the login or the handles are gone; nothing else can be the matter.
_GONE = (
    api.DeviceRemoved,
    api.KeyHandleInvalid,
    api.ObjectHandleInvalid,
    api.SessionClosed,
    api.SessionHandleInvalid,
    api.TokenNotPresent,
    api.UserNotLoggedIn,
)
# A token that was never away would refuse the same again. All else, such as CKR_GENERAL_ERROR, a
# key that is not found or a vendor's own code, may mean that it was.
_ASKED_WRONGLY = (
    api.ArgumentsBad,
    api.AttributeReadOnly,
    api.AttributeSensitive,
    api.AttributeTypeInvalid,
    api.AttributeValueInvalid,
    api.DataInvalid,
    api.DataLenRange,
    api.DomainParamsInvalid,
    api.FunctionNotSupported,
    api.FunctionRejected,
    api.KeySizeRange,
    api.KeyTypeInconsistent,
    api.KeyUnextractable,
    api.MechanismInvalid,
    api.MechanismParamInvalid,
    api.MultipleObjectsReturned,
    api.MultipleTokensReturned,
    api.PublicKeyInvalid,
    api.TemplateIncomplete,
    api.TemplateInconsistent,
    api.TokenWriteProtected,
)
_PIN = (api.PinExpired, api.PinIncorrect, api.PinInvalid, api.PinLenRange, api.PinLocked,
        api.UserPinNotInitialized)  # fmt: skip


class PinRefused(SettingsError):
    """The token does not take this PIN: only another one is tried."""

    exit_code = 78  # EX_CONFIG: the unit does not start the service again by itself


class _Module:
    """A loaded module: one call at a time, and what all its sessions lose together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sessions: list[Session] = []
        self._lock = Lock()
        self._busy_since: float | None = None
        self._stale = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The module to oneself. Raises SettingsError where a call before does not come back."""
        since = self._busy_since
        left = PATIENCE if since is None else since + PATIENCE - time.monotonic()
        if not self._lock.acquire(timeout=max(0.0, left)):
            raise SettingsError(
                f"The PKCS#11 module {self.path} has not come back from a call for "
                f"{PATIENCE:.0f} seconds: see its manual."
            )
        self._busy_since = time.monotonic()
        try:
            yield
        finally:
            self._busy_since = None
            self._lock.release()

    def token(self, label: str) -> Any:
        if self._stale:
            self.begin_anew()
        return api.lib(str(self.path)).get_token(token_label=label)

    def begin_anew(self) -> None:
        """C_Finalize and C_Initialize: no session, login or handle outlives that."""
        self._stale = True
        for session in self.sessions:
            session.forget()
        module = api.lib(str(self.path))
        ended = True
        try:
            module.finalize()
        except api.PKCS11Error:  # a module that was not initialised any more, most likely
            ended = False
        try:
            api.lib(str(self.path))
        except api.PKCS11Error:
            if ended:
                raise
            # It ends neither nor begins: as a new process would have it.
            api.unload(str(self.path))
            api.lib(str(self.path))
        self._stale = False

    def forked(self) -> None:
        """A fork does not inherit the login (§5.4): begin anew in the child."""
        self._lock, self._busy_since, self._stale = Lock(), None, True
        for session in self.sessions:
            session.forget()


class Session:
    """The one session of this process with a token; opened when first needed."""

    def __init__(self, uri: TokenUri, module: _Module, pin: str | None) -> None:
        self._uri = uri
        self._module = module
        self._pin = pin
        self._opened: api.Session | None = None
        self._opened_at = 0.0
        self._found: dict[str, Any] = {}
        self._refused_pin: str | None = None
        self._pause = 0.0
        self._not_before = 0.0
        self._why = ""

    def run(self, work: Callable[[api.Session], T], *, again: bool = True) -> T:
        """Work with the session; where it was gone with another one, unless not `again`.

        Raises PKCS11Error, and SettingsError with a sentence where there is no session to be had.
        A token may take its time: from the event loop it is asked in a thread.
        """
        return in_thread(self._run, work, again)

    def _run(self, work: Callable[[api.Session], T], again: bool) -> T:
        with self._module.turn():
            session = self._session()
            try:
                return work(session)
            except api.PKCS11Error as error:
                if not self._may_be_gone(error):
                    raise
                log.warning(
                    "the session with the token %r is gone (%s): another one is opened",
                    self._uri.token,
                    _said(error),
                )
                self._close()
                if not again:
                    raise
            return work(self._session())

    def _may_be_gone(self, error: api.PKCS11Error) -> bool:
        if isinstance(error, _GONE):
            return True
        # A session that was made a moment ago is not made anew for what may be a key's own fault.
        young = time.monotonic() - self._opened_at < _YOUNG
        return not young and not isinstance(error, (*_ASKED_WRONGLY, *_PIN))

    def private(self, session: api.Session, label: str) -> Any:
        if label not in self._found:
            self._found[label] = session.get_key(
                object_class=api.ObjectClass.PRIVATE_KEY, label=label
            )
        return self._found[label]

    def change_pin(self, old: str, new: str) -> None:
        """Never tried twice: the first time it may have been changed."""
        self.run(lambda session: session.set_pin(old, new), again=False)
        if self._pin is not None:
            self._pin = new

    def opens_by(self, uri: TokenUri, pin: str | None) -> None:
        """Another place of the PIN counts from the next session on."""
        self._uri, self._pin = uri, pin

    def forget(self) -> None:
        """The session is not there any more."""
        self._opened = None
        self._found.clear()

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        self._found.clear()
        if opened is not None:
            # Or the next login is refused as the second one.
            with suppress(api.PKCS11Error):
                opened.close()

    def _session(self) -> api.Session:
        if self._opened is None:
            pin = self._pin if self._pin is not None else self._pin_in_file()
            if pin == self._refused_pin:
                raise self._does_not_open("refused before")
            if time.monotonic() < self._not_before:
                raise SettingsError(self._why)
            try:
                self._opened = self._open(pin)
            except SettingsError as error:
                self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
                self._not_before, self._why = time.monotonic() + self._pause, str(error)
                raise
            self._opened_at, self._pause, self._not_before = time.monotonic(), 0.0, 0.0
        return self._opened

    def _open(self, pin: str) -> api.Session:
        uri = self._uri
        if not uri.module.exists():
            raise SettingsError(
                f"The PKCS#11 module {uri.module} does not exist: install it, or correct "
                f"module-path."
            )
        try:
            try:
                return self._log_in(pin)
            except (*_PIN, PinRefused):
                raise
            except api.PKCS11Error:
                self._module.begin_anew()
                return self._log_in(pin)
        except _PIN as error:
            self._refused_pin = pin
            raise self._does_not_open(type(error).__name__) from None
        except api.NoSuchToken:
            raise SettingsError(
                f"There is no PKCS#11 token {uri.token!r}: plug it in, or initialise it."
            ) from None
        except api.PKCS11Error as error:
            raise SettingsError(
                f"The PKCS#11 token {uri.token!r} cannot be used ({_said(error)}): see the manual "
                f"of its module."
            ) from None

    def _log_in(self, pin: str) -> api.Session:
        token = self._module.token(self._uri.token)
        if token.flags & (api.TokenFlag.USER_PIN_FINAL_TRY | api.TokenFlag.USER_PIN_LOCKED):
            # A service that is started again and again would lock it.
            raise PinRefused(
                f"The token {self._uri.token!r} locks, or is locked, after one more wrong PIN: "
                "log in once with its own tool, then start again."
            )
        opened: api.Session = token.open(rw=True, user_pin=pin)
        return opened

    def _pin_in_file(self) -> str:
        assert self._uri.pin is not None  # noqa: S101 - `TokenUri.parse` demands one of the two
        return secret_file.read(self._uri.pin, "The PIN file").decode().strip()

    def _does_not_open(self, why: str) -> PinRefused:
        uri = self._uri
        return PinRefused(
            f"The PIN {f'in {uri.pin} ' if uri.pin else ''}does not open the token {uri.token!r} "
            f"({why}): correct the file before the token locks."
        )


def _said(error: BaseException) -> str:
    """python-pkcs11 has a class for most codes, and words for a few and for a vendor's own."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


_modules: dict[Path, _Module] = {}
_sessions: dict[tuple[Path, str], Session] = {}
_registry = Lock()


def session_of(uri: TokenUri, pin: str | None = None) -> Session:
    """The session of this process with that token; `pin` instead of the file that the URI names."""
    with _registry:
        module = _modules.setdefault(uri.module, _Module(uri.module))
        known = _sessions.get((uri.module, uri.token))
        if known is None:
            known = _sessions[uri.module, uri.token] = Session(uri, module, pin)
            module.sessions.append(known)
        known.opens_by(uri, pin)
        return known


def _forked() -> None:
    for module in _modules.values():
        module.forked()


os.register_at_fork(after_in_child=_forked)
