"""The roots' box: a folder away from the net, with keys that only several people open together.

`box.json` holds certificates, the record of what was signed, and the private keys: sealed under
the secret of the custodians, or in a PKCS#11 token whose PIN is derived from that secret.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from foundation import algorithms, secret_file
from foundation.sealing import CannotOpen, open_under, seal_under
from foundation.settings import SettingsError
from foundation.signing_keys import thumbprint
from pki.hierarchy.hierarchy import Authority
from pki.refusals import CeremonyRefused

FILE = "box.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Root:
    """One root: `certificate` PEM; `sealed` base64, or `label` of the key in the token."""

    name: str
    generation: int
    algorithm: str
    certificate: str
    sealed: str | None = None
    label: str | None = None

    @property
    def slug(self) -> str:
        return f"{self.name}-{self.generation}"

    @property
    def authority(self) -> Authority:
        certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        kid = thumbprint(certificate.public_key())  # type: ignore[arg-type]
        return Authority(self.name, self.generation, kid, certificate, kid, 1)


@dataclass
class Box:
    """What the folder holds. `record` is every certificate that its roots signed, in order.

    `seal` authenticates all the rest under the custodians' secret: whoever has the medium alone can
    read it, and change nothing unseen.
    """

    folder: Path
    city: str
    country: str
    custodians: tuple[str, ...]
    threshold: int
    check: str
    token: str | None = None
    roots: list[Root] = field(default_factory=list)
    crosses: list[str] = field(default_factory=list)
    record: list[dict[str, Any]] = field(default_factory=list)
    revoked: list[dict[str, Any]] = field(default_factory=list)
    lists: int = 0
    ceremonies: int = 0
    seal: str = ""

    @classmethod
    def new(
        cls,
        folder: Path,
        city: str,
        country: str,
        custodians: tuple[str, ...],
        threshold: int,
        secret: bytes,
    ) -> Self:
        """An empty box in a new or empty folder. Raises CeremonyRefused where one stands."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CeremonyRefused(
                f"{folder} is not empty.",
                "Name a new folder: a box is never overwritten.",
                where="box",
            )
        check = _derived(secret, "check").hex()
        return cls(folder, city, country, custodians, threshold, check)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The box in `folder`. Raises CeremonyRefused."""
        try:
            written = json.loads((folder / FILE).read_text("utf-8"))
            if written.pop("version") != VERSION:
                raise ValueError("another version")
            written["roots"] = [Root(**root) for root in written["roots"]]
            written["custodians"] = tuple(written["custodians"])
            return cls(folder=folder, **written)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CeremonyRefused(
                f"{folder} holds no box of this program's version.",
                "Name the folder that `civitas ca ceremony begin` made.",
                where="box",
                detail=str(error),
            ) from error

    def mac(self, secret: bytes) -> str:
        """HMAC-SHA256 over everything but the folder and the seal itself, hex."""
        content = {k: v for k, v in asdict(self).items() if k not in ("folder", "seal")}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        return hmac.digest(_derived(secret, "box"), canonical, "sha256").hex()

    def write(self) -> None:
        """Written beside, then renamed: a box is never half a box."""
        content = asdict(self)
        content.pop("folder")
        text = json.dumps({"version": VERSION, **content}, indent=1, ensure_ascii=False)
        beside = self.folder / f"{FILE}.new"
        beside.unlink(missing_ok=True)
        try:
            secret_file.create(beside, text.encode(), "The box")
        except SettingsError as error:
            raise CeremonyRefused(
                str(error), "Use a medium that can be written.", where="box"
            ) from error
        beside.replace(self.folder / FILE)

    def newest(self, name: str) -> Root | None:
        return max(
            (root for root in self.roots if root.name == name),
            key=lambda root: root.generation,
            default=None,
        )


class OpenBox:
    """A box whose custodians are present: it makes keys and gives them out to sign."""

    def __init__(self, box: Box, secret: bytes) -> None:
        if not hmac.compare_digest(_derived(secret, "check").hex(), box.check):
            raise CeremonyRefused(
                "These words open another box.",
                "Bring the words that were written down for this one.",
                where="words",
            )
        # A new box has no seal yet, and nothing in it that could have been changed.
        if (box.seal or box.roots) and not hmac.compare_digest(box.mac(secret), box.seal):
            raise CeremonyRefused(
                "The box was changed since the last ceremony.",
                "Use another copy of the box, and find out who had this one.",
                where="box",
            )
        self.box = box
        self._secret = secret
        self._cipher = AESGCM(_derived(secret, "keys"))
        self._pin = base64.b32encode(_derived(secret, "pin"))[:16].decode().lower()

    def save(self) -> None:
        """Seal the box as it is now, and write it."""
        self.box.seal = self.box.mac(self._secret)
        self.box.write()

    def make_key(self, slug: str, algorithm: str) -> tuple[Any, dict[str, str]]:
        """A new private key, and how the box keeps it: the fields of its `Root`."""
        if self.box.token is not None and algorithm not in algorithms.ML_DSA:
            label = f"civitas {slug} {os.urandom(6).hex()}"
            return self._token().generate(label, algorithm), {"label": label}
        key = algorithms.generate(algorithm)
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = seal_under(self._cipher, der, slug)
        return key, {"sealed": base64.b64encode(sealed).decode()}

    @contextmanager
    def key(self, root: Root) -> Iterator[Any]:
        """The private key of a root, to sign with."""
        if root.label is not None:
            public = root.authority.certificate.public_key()
            yield self._token().private_key(root.label, root.algorithm, public)
            return
        try:
            sealed = base64.b64decode(root.sealed or "")
            der = open_under(self._cipher, sealed, root.slug)
        except (CannotOpen, ValueError) as error:
            raise CeremonyRefused(
                f"The key of {root.slug} was changed in its box.",
                "Use another copy of the box; this one is damaged.",
                where="box",
            ) from error
        key = algorithms.checked(root.algorithm, load_der_private_key(der, None))
        if key.public_key() != root.authority.certificate.public_key():
            raise CeremonyRefused(
                f"The key of {root.slug} is not that of its certificate.",
                "Use another copy of the box; this one is damaged.",
                where="box",
            )
        yield key

    def _token(self) -> Any:
        """The token, its PIN derived from the custodians' secret and never written down."""
        from foundation.pkcs11.token import Token

        return Token(self.box.token or "", self.box.folder, pin=self._pin)

    def take_token(self, uri: str, initial_pin: Path) -> None:
        """Keep keys in this token from now on, under a PIN that only the custodians have.

        `uri` says token= and module-path= (RFC 7512); `initial_pin` is the file with its PIN.
        """
        from foundation.pkcs11.token import Token

        token = Token(f"{uri}&pin-source=file:{initial_pin.resolve()}")
        old = secret_file.read(initial_pin, "The PIN file").decode().strip()
        token.change_pin(old, self._pin)
        self.box.token = uri


def _derived(secret: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, None, b"civitas roots/" + purpose.encode()).derive(secret)
