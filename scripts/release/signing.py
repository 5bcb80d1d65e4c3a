"""Checksums of a release's files, and a signature of them in minisign's format.

`minisign -Vm SHA256SUMS -p key.pub`, then `sha256sum -c SHA256SUMS`, is all that a user needs.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import sys
from pathlib import Path

import minisign

from scripts.release.stop import Stop

PASSWORD = "RELEASE_KEY_PASSWORD"


def checksums(folder: Path) -> Path:
    """Write `SHA256SUMS` of every file in the folder, in the form that `sha256sum -c` reads."""
    sums = folder / "SHA256SUMS"
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != sums.name)
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    sums.write_text("".join(lines), encoding="utf-8")
    return sums


def sign(file: Path, key: Path, comment: str) -> Path:
    """Write the signature beside the file; raises Stop when the key cannot be used.

    `comment` is covered by the signature. A key under a password takes it from the environment
    or asks for it; it is never an argument, which every user of the machine could read.
    """
    try:
        with minisign.SecretKey.from_file(key) as secret:
            if secret.is_encrypted():
                secret.decrypt(_password(key))
            signature = secret.sign(file.read_bytes(), trusted_comment=comment)
    except (OSError, ValueError, minisign.Error) as problem:
        raise Stop(f"{key} cannot sign: {problem or type(problem).__name__}") from None
    written = file.with_name(f"{file.name}.minisig")
    written.write_bytes(bytes(signature))
    return written


def _password(key: Path) -> str:
    if (given := os.environ.get(PASSWORD)) is not None:
        return given
    if not sys.stdin.isatty():
        raise Stop(f"{key} is under a password: give it in {PASSWORD}")
    return getpass.getpass(f"Password of {key}: ")
