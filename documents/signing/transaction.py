"""A signature that a service asks for: what is signed, and where it stands — CSC API 2.x §8."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WAITING, SIGNING, SIGNED, REFUSED, FAILED, EXPIRED = (
    "waiting", "signing", "signed", "refused", "failed", "expired",
)  # fmt: skip
RAW, CADES, PADES = "raw", "cades", "pades"
"""A bare signature over the hash; CMS for any file (ETSI EN 319 122); CMS for a PDF (319 142)."""
B, T = "Ades-B-B", "Ades-B-T"
HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_WORDS = 8
_BITS = 10


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of one: the title that the service gives it, and its hash."""

    title: str
    digest: bytes

    @property
    def words(self) -> tuple[str, ...]:
        """The beginning of the hash, 80 bits, as words that two people can compare."""
        from shamir_mnemonic.wordlist import WORDLIST

        number = int.from_bytes(hashlib.sha256(self.digest).digest()[:10], "big")
        places = (number >> _BITS * (_WORDS - 1 - i) & (1 << _BITS) - 1 for i in range(_WORDS))
        return tuple(WORDLIST[place] for place in places)


@dataclass(frozen=True, slots=True)
class Asked:
    """All that decides what is signed. `conformance` T has a time stamp beside the signature."""

    documents: tuple[Document, ...]
    algorithm: str
    form: str
    conformance: str

    @property
    def hash_name(self) -> str:
        return HASHES[self.algorithm]

    def as_json(self) -> dict[str, Any]:
        return {
            "documents": [[d.title, d.digest.hex()] for d in self.documents],
            "algorithm": self.algorithm,
            "form": self.form,
            "conformance": self.conformance,
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Asked:
        return cls(
            tuple(Document(title, bytes.fromhex(digest)) for title, digest in said["documents"]),
            said["algorithm"],
            said["form"],
            said["conformance"],
        )


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: a signature for each document, DER, and certificates from the person's up
    to the one below the root."""

    signatures: tuple[bytes, ...]
    certificates: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "signatures": [one.hex() for one in self.signatures],
            "certificates": [one.hex() for one in self.certificates],
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Made:
        return cls(
            tuple(map(bytes.fromhex, said["signatures"])),
            tuple(map(bytes.fromhex, said["certificates"])),
        )


@dataclass(frozen=True, slots=True)
class Transaction:
    """`person_id` None: whoever opens the page may sign. `made` is there once it is signed."""

    id: str
    service_id: str
    person_id: str | None
    level: int
    asked: Asked
    return_uri: str
    state: str
    expires_at: datetime
    decided_at: datetime | None
    made: Made | None
    has_sad: bool

    @property
    def path(self) -> str:
        return f"/sign/{self.id}"

    def state_at(self, now: datetime) -> str:
        return EXPIRED if self.state == WAITING and now >= self.expires_at else self.state
