"""The master key, and the keys derived from it — RFC 5869 (HKDF-SHA256).

It comes from a file that only its owner may read, from a credential of the service manager, or
from a PKCS#11 token. Nothing is ever encrypted under the master key itself.
"""

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation import secret_file
from foundation.settings import SettingsError

LENGTH = 32
_HEADER = "civitas-master-key-1:"
_WHAT = "The master key file"


class MasterKey:
    """32 bytes that never leave this object; `derive` is the only way to use them."""

    __slots__ = ("__secret", "_cached", "source")

    def __init__(self, secret: bytes, source: str) -> None:
        if len(secret) != LENGTH:
            raise SettingsError(f"The master key of {source} is not {LENGTH} bytes long.")
        self.__secret = secret
        self.source = source
        # Purposes are constants of the code; the bound only guards against a mistake.
        self._cached = lru_cache(maxsize=1024)(self._derive)

    def __repr__(self) -> str:
        return f"MasterKey({self.source!r})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a master key is never pickled")

    @classmethod
    def load(
        cls, source: str, base: Path = Path(), environ: Mapping[str, str] = os.environ
    ) -> Self:
        """The key that `source` names; a relative `file:` starts at the folder `base`.

        Raises SettingsError with one sentence that says what to do.
        """
        scheme, _, rest = source.partition(":")
        if scheme == "file" and rest:
            path = base / rest
            return cls(_decode(secret_file.read(path, _WHAT), source), source)
        if scheme == "credential" and rest:
            return cls(_decode(_credential(rest, environ), source), source)
        if scheme == "pkcs11" and rest:
            from foundation.pkcs11.token import root_secret

            return cls(root_secret(source, base), source.partition("?")[0])
        raise SettingsError(
            "[keys] master_key must be file:PATH, credential:NAME or a pkcs11: URI (RFC 7512)."
        )

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new key in a 0600 file; an existing file is refused, never overwritten."""
        secret = secrets.token_bytes(LENGTH)
        text = _HEADER + base64.urlsafe_b64encode(secret).decode() + "\n"
        secret_file.create(path, text.encode(), _WHAT)
        return cls(secret, f"file:{path}")

    def derive(self, purpose: str) -> bytes:
        """A 256-bit key for one purpose; different purposes give independent keys."""
        return self._cached(purpose)

    def _derive(self, purpose: str) -> bytes:
        info = b"civitas/1/" + purpose.encode()
        return HKDF(SHA256(), LENGTH, salt=None, info=info).derive(self.__secret)

    def check_value(self) -> bytes:
        """Stored beside the data, so that a wrong master key is noticed before it does harm."""
        return hmac.digest(self.derive("check"), b"civitas master key check", "sha256")


def _decode(content: bytes, source: str) -> bytes:
    try:
        text = content.decode("ascii").strip()
        if not text.startswith(_HEADER):
            raise ValueError
        secret = base64.b64decode(text.removeprefix(_HEADER), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise SettingsError(
            f"The master key of {source} is not one that `civitas init` made: it must be one "
            f'line that starts with "{_HEADER}".'
        ) from None
    return secret


def _credential(name: str, environ: Mapping[str, str]) -> bytes:
    """A credential of the service manager — systemd.exec(5), LoadCredential=.

    Its folder is private to the service, whatever mode the file shows (access may be by ACL).
    """
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory:
        raise SettingsError(
            f"[keys] master_key is credential:{name}, but $CREDENTIALS_DIRECTORY is not set: "
            f"write LoadCredential={name}:/path in the systemd unit, or use file:PATH."
        )
    if "/" in name or name in {".", ".."}:
        raise SettingsError("[keys] master_key credential:NAME takes a name, not a path.")
    try:
        return (Path(directory) / name).read_bytes()
    except OSError as error:
        raise SettingsError(
            f"The credential {name} cannot be read from {directory}: {error.strerror}."
        ) from None
