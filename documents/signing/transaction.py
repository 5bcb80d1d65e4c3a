"""A signature that a service asks for: what is signed, and where it stands — CSC API 2.x §8."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WAITING, SIGNING, SIGNED, REFUSED, FAILED, EXPIRED = (
    "waiting", "signing", "signed", "refused", "failed", "expired",
)  # fmt: skip
RAW, CADES, PADES = "raw", "cades", "pades"
"""A bare signature over the hash; CMS for any file (ETSI EN 319 122); CMS for a PDF (319 142)."""
ASIC_XADES, ASIC_CADES, JADES = "asic-xades", "asic-cades", "jades"
"""One signature over all files: in a container (EN 319 162), or as JWS (TS 119 182)."""
OF_FILES = frozenset((ASIC_XADES, ASIC_CADES, JADES))
"""These name each file, and sign the name along."""
B, T, LT, LTA = "Ades-B-B", "Ades-B-T", "Ades-B-LT", "Ades-B-LTA"
LEVELS = {
    RAW: (B,),
    CADES: (B, T),
    PADES: (B, T, LT, LTA),
    ASIC_XADES: (B, T, LT),
    ASIC_CADES: (B, T),
    JADES: (B, T),
}
HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_WORDS = 8
_BITS = 10


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of one: the title that the service gives it, and its hash; and where the
    signature names its file, that name and what kind of file it is."""

    title: str
    digest: bytes
    name: str = ""
    media_type: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The beginning of the hash, 80 bits, as words that two people can compare."""
        from shamir_mnemonic.wordlist import WORDLIST

        number = int.from_bytes(hashlib.sha256(self.digest).digest()[:10], "big")
        places = (number >> _BITS * (_WORDS - 1 - i) & (1 << _BITS) - 1 for i in range(_WORDS))
        return tuple(WORDLIST[place] for place in places)


@dataclass(frozen=True, slots=True)
class Asked:
    """All that decides what is signed. `conformance` T has a time stamp beside the signature, LT
    and LTA what later verifiers need besides. `number`: how many signatures a container has.
    """

    documents: tuple[Document, ...]
    algorithm: str
    form: str
    conformance: str
    number: int = 0

    @property
    def hash_name(self) -> str:
        return HASHES[self.algorithm]

    def as_json(self) -> dict[str, Any]:
        return {
            "documents": [[d.title, d.digest.hex(), d.name, d.media_type] for d in self.documents],
            "algorithm": self.algorithm,
            "form": self.form,
            "conformance": self.conformance,
            "number": self.number,
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Asked:
        return cls(
            tuple(
                Document(title, bytes.fromhex(digest), *file)
                for title, digest, *file in said["documents"]
            ),
            said["algorithm"],
            said["form"],
            said["conformance"],
            said.get("number", 0),
        )

    @property
    def is_stamped(self) -> bool:
        return self.conformance != B

    @property
    def is_for_later(self) -> bool:
        """Whether what later verifiers need goes along."""
        return self.conformance in (LT, LTA)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: a signature for each document, or one for all, and certificates, DER, from
    the person's up to the one below the root; with it, for later verifiers.

    `files`: what goes into a container, by name. `lists` and `answers`: revocation lists and OCSP
    answers for later verifiers, DER.
    """

    signatures: tuple[bytes, ...]
    certificates: tuple[bytes, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    lists: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "signatures": [one.hex() for one in self.signatures],
            "certificates": [one.hex() for one in self.certificates],
            "files": {name: content.hex() for name, content in self.files.items()},
            "lists": [one.hex() for one in self.lists],
            "answers": [one.hex() for one in self.answers],
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Made:
        return cls(
            tuple(map(bytes.fromhex, said["signatures"])),
            tuple(map(bytes.fromhex, said["certificates"])),
            {name: bytes.fromhex(content) for name, content in said.get("files", {}).items()},
            tuple(map(bytes.fromhex, said.get("lists", ()))),
            tuple(map(bytes.fromhex, said.get("answers", ()))),
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
