"""Secrets that come from a file: only the owner may be able to read it."""

import os
import stat
from pathlib import Path

from foundation.settings import SettingsError

MAX_BYTES = 4096


def read(path: Path, what: str) -> bytes:
    """The content of `path`; `what` names it in the sentence of a SettingsError.

    The permissions are those of the opened file, so nobody can swap it between look and read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SettingsError(
            f"{what} {path} does not exist: `civitas init` makes it once, "
            f"and a restored deployment needs the one that it was made with."
        ) from None
    except OSError as error:
        raise SettingsError(f"{what} {path} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SettingsError(f"{what} {path} is not a regular file.")
        if status.st_uid != os.geteuid():
            raise SettingsError(
                f"{what} {path} belongs to user {status.st_uid}, but this process runs as "
                f"{os.geteuid()}: give it to that user with `chown`."
            )
        if status.st_mode & 0o077:
            raise SettingsError(
                f"{what} {path} has mode {stat.S_IMODE(status.st_mode):04o}, so others may use "
                f"it: run `chmod 600 {path}`."
            )
        return file.read(MAX_BYTES)


def create(path: Path, content: bytes, what: str) -> None:
    """Write a new 0600 file, durably; an existing one is never overwritten."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"{what} {path} already exists and is never overwritten: everything sealed under it "
            f"would be lost."
        ) from None
    except OSError as error:
        raise SettingsError(f"{what} {path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
