"""Passwords that others have used and lost, looked up offline — NIST SP 800-63B §5.1.1.2, AU-2.

Two lists. A short one comes along: `common_passwords.txt.gz`, the passwords of eight characters and
more that @zxcvbn-ts/language-common 4.1.3 ships (MIT licence, © 2012-2016 Dan Wheeler and Dropbox,
© 2021 @zxcvbn-ts), in lower case, sorted. A long one is the operator's: `[login]
breached_passwords` names a file as "Have I Been Pwned" gives it out, one `SHA-1:COUNT` a line, in
the order of the hashes. It stays on disk: a look-up reads some forty blocks of it. No password and
no part of its hash leaves the machine.
"""

from __future__ import annotations

import gzip
import os
import re
from functools import cache
from hashlib import sha1
from pathlib import Path

from foundation.settings import SettingsError

_COMMON = Path(__file__).with_name("common_passwords.txt.gz")
_LINE = re.compile(rb"[0-9A-F]{40}(:[0-9]+)?\r?\n?")
_LONGEST_LINE = 128
_LOOKED_AT = 64
"""Lines whose order is looked at when the file is opened."""


class BreachedPasswords:
    """Whether a password is on a list that guessers have. Safe to share between threads."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the operator's file, if there is one. Raises SettingsError when it is none."""
        self._file: int | None = None
        self._size = 0
        if path is None:
            return
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SettingsError(
                f"[login] breached_passwords: {path} cannot be read: {error.strerror}."
            ) from error
        self._size = os.fstat(self._file).st_size
        self._check(self._file, path)

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def has(self, password: str) -> bool:
        """`password` as it is hashed: in NFC."""
        return password.lower() in common() or self._on_file(password)

    def _on_file(self, password: str) -> bool:
        if self._file is None:
            return False
        # What the list is made of; nothing is protected by this hash.
        wanted = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, self._size
        while low < high:
            middle = (low + high) // 2
            start, line = self._line_from(self._file, middle, low)
            if start >= high:
                # No line begins in the upper half: what is left is the first one.
                high = middle
                continue
            found = line[:40]
            if found == wanted:
                return True
            if found < wanted:
                low = start + len(line)
            else:
                high = middle
        return False

    @staticmethod
    def _line_from(file: int, position: int, begins: int) -> tuple[int, bytes]:
        """The first whole line at or after `position`, and where it starts; a line starts at
        `begins`."""
        if position > begins:
            # From the byte before: a line that starts exactly here counts.
            ahead = os.pread(file, _LONGEST_LINE, position - 1)
            end = ahead.find(b"\n")
            if end < 0:
                return os.fstat(file).st_size, b""
            position += end
        line, newline, _ = os.pread(file, _LONGEST_LINE, position).partition(b"\n")
        return position, line + newline

    def _check(self, file: int, path: Path) -> None:
        """A wrong file, or one in another order, would let every password pass in silence."""
        before = b""
        for step in range(_LOOKED_AT):
            _, line = self._line_from(file, self._size * step // _LOOKED_AT, 0)
            if not line and step:
                continue
            if not _LINE.fullmatch(line) or line[:40] < before:
                raise SettingsError(
                    f"[login] breached_passwords: {path} is no list of SHA-1 hashes in their "
                    "order, one HASH:COUNT a line. Get it with the downloader of Have I Been "
                    "Pwned, as a single file."
                )
            before = line[:40]


@cache
def common() -> frozenset[str]:
    """The list that comes along."""
    with gzip.open(_COMMON, "rt", encoding="utf-8") as file:
        return frozenset(file.read().splitlines())
