"""Signed checkpoints of the audit tree — C2SP tlog-checkpoint, signed-note and tlog-cosignature
(Ed25519)."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"
COSIGNATURE = b"\x04"
"""The kind of a witness's key: Ed25519 over a statement with a time (C2SP tlog-cosignature)."""
_DASH = "— "


class InvalidCheckpoint(Exception):
    """A checkpoint or verifier key that is malformed, foreign or not signed by the key."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who signs a log's checkpoints: `name+hash+key` in signed-note's encoding."""

    name: str
    public_key: bytes
    kind: bytes = _ED25519

    @property
    def key_id(self) -> bytes:
        """Four bytes that say which key signed."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.public_key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(self.kind + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str, kind: bytes = _ED25519) -> Self:
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        if not name or len(raw) != 33 or raw[:1] != kind:
            raise InvalidCheckpoint("this is not an Ed25519 verifier key (name+hash+key)")
        key = cls(name, raw[1:], kind)
        if key.key_id.hex() != key_id:
            raise InvalidCheckpoint("the verifier key's hash does not fit its name and key")
        return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of the tree that `origin` vouches for."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def note(self, signature: bytes, key: VerifierKey) -> str:
        """The signed note; `signature` is Ed25519 over `body()`."""
        encoded = base64.b64encode(key.key_id + signature).decode()
        return f"{self.body()}\n{_DASH}{key.name} {encoded}\n"


def open_note(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint of a note that one of `keys` signed; raises InvalidCheckpoint."""
    body, found, signatures = note.rpartition("\n\n")
    if not found or not signatures.endswith("\n"):
        raise InvalidCheckpoint("this is not a signed note")
    body += "\n"
    checkpoint = _parse(body)
    known = {(key.name, key.key_id): key for key in keys}
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_DASH).rpartition(" ")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidCheckpoint("a signature line is malformed") from None
        key = known.get((name, raw[:4]))
        if key is None or not line.startswith(_DASH):
            continue  # signed-note: a signature by an unknown key is passed over
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw[4:], body.encode())
        except InvalidSignature:
            raise InvalidCheckpoint(f"the signature of {name} does not verify") from None
        if checkpoint.origin != key.name:
            raise InvalidCheckpoint("the checkpoint speaks for another log than its signer's")
        return checkpoint
    raise InvalidCheckpoint("no signature by a known key of this log")


def cosigned_at(note: str, line: str, key: VerifierKey) -> int | None:
    """When the witness cosigned the note, in POSIX seconds, as `line` says; None: not its line.

    Raises InvalidCheckpoint when the line names the key and does not verify.
    """
    body, found, _ = note.rpartition("\n\n")
    name, _, encoded = line.removeprefix(_DASH).rpartition(" ")
    if not found or not line.startswith(_DASH) or name != key.name:
        return None
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCheckpoint("a signature line is malformed") from None
    if raw[:4] != key.key_id:
        return None
    time = int.from_bytes(raw[4:12], "big")
    if len(raw) != 4 + 8 + 64 or not 0 < time < 2**63:
        raise InvalidCheckpoint(f"the cosignature of {name} is malformed")
    said = f"cosignature/v1\ntime {time}\n{body}\n".encode()
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw[12:], said)
    except InvalidSignature:
        raise InvalidCheckpoint(f"the cosignature of {name} does not verify") from None
    return time


def _parse(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise InvalidCheckpoint("a checkpoint has an origin, a size and a root")
    size, encoded = lines[1], lines[2]
    if not (size.isascii() and size.isdigit()) or (size != "0" and size.startswith("0")):
        raise InvalidCheckpoint("the size of the checkpoint is not a decimal number")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCheckpoint("the root of the checkpoint is not base64") from None
    if len(root) != 32 or len(size) > 19:
        raise InvalidCheckpoint("the root of the checkpoint is not a SHA-256 hash")
    return Checkpoint(lines[0], int(size), root)
