"""A PKCS#11 token in software: SoftHSM, set up once for a test process."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundation import opaque

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN = "471147"


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
    """A folder where SoftHSM keeps the tokens of this process, gone afterwards.

    The module reads its configuration once a process, so there is one folder for all tests.
    """
    folder = Path(tempfile.mkdtemp(prefix="civitas-hsm-"))
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_token(folder: Path) -> SoftToken:
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
