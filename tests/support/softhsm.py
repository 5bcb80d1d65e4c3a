"""A PKCS#11 token in software: SoftHSM, set up once for a test process."""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from foundation import opaque
from foundation.pkcs11.session import session_of
from foundation.pkcs11.uri import TokenUri

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN = "471147"
MOST_TOKENS = 16


@dataclass(frozen=True)
class SoftToken:
    """An initialised token with a name of its own."""

    label: str
    module: str
    pin_file: Path

    def uri(self, key: str | None = None) -> str:
        named = f";object={key}" if key else ""
        return (
            f"pkcs11:token={self.label}{named}"
            f"?module-path={self.module}&pin-source=file:{self.pin_file}"
        )


@contextmanager
def tokens() -> Iterator[Path]:
    """A folder where SoftHSM keeps the tokens of this process, the same each time.

    The module reads its configuration once a process, and sees no token that is made after it was
    loaded: so all tests of a process share one folder, with tokens made before any is used.
    """
    yield _folder()


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="civitas-hsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    _ready.extend(_made(folder) for _ in range(MOST_TOKENS))
    return folder


_ready: list[SoftToken] = []


def new_token(folder: Path) -> SoftToken:
    """A token that no other test uses."""
    assert _ready, f"a process has {MOST_TOKENS} tokens: raise MOST_TOKENS"
    return _ready.pop()


def empty(uri: str) -> None:
    """Destroy every key in a token."""

    def destroy(session: Any) -> None:
        for found in list(session.get_objects()):
            found.destroy()

    session_of(TokenUri.parse(uri, Path())).run(destroy)


def _made(folder: Path) -> SoftToken:
    module = next((m for m in MODULES if Path(m).exists()), None)
    assert module, "SoftHSM is missing: run `make setup`"
    label = opaque.identifier("t")
    pins = ["--pin", PIN, "--so-pin", PIN]
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, *pins],
        check=True,
        capture_output=True,
    )
    pin = folder / f"{label}.pin"
    pin.touch(mode=0o600)
    pin.write_text(PIN)
    return SoftToken(label, module, pin)
