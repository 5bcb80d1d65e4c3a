"""What services send and get — CSC API 2.x §11, and the transaction that precedes it."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

import unicodedata2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from documents.signing.errors import CscInvalidRequest
from documents.signing.transaction import (
    HASHES,
    LEVELS,
    OF_FILES,
    Asked,
    Document,
)
from foundation import web
from foundation.errors import Unprocessable, UnsupportedMediaType
from pki import HASH_OIDS

MOST_DOCUMENTS = 20
SCOPE = "documents:sign"
HASH_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("write it on one line, in characters that can be printed")
    return value


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    return value


def _file_name(value: str) -> str:
    if not value.isprintable() or value != value.strip() or set(value) & set("/\\"):
        raise ValueError("write a file's name, without a folder, in characters that can be printed")
    if value in (".", "..", "mimetype") or value.casefold() == "meta-inf":
        raise ValueError("this name has a meaning of its own in a container")
    if unicodedata2.normalize("NFC", value) != value:
        raise ValueError("write it in Unicode's normal form C")
    return value


Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Hash = Annotated[str, Field(min_length=44, max_length=88), AfterValidator(_base64)]
FileName = Annotated[str, Field(max_length=200), AfterValidator(_file_name)]
MediaType = Annotated[
    str, Field(max_length=100, pattern=r"^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$")
]
Oid = Literal["2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class DocumentAsked(_Part):
    """One document, of which only the hash comes here."""

    title: Title = Field(description="What the person knows it as.", examples=["Rental contract"])
    hash: Hash = Field(description="Its hash, base64.")
    name: FileName = Field(
        default="",
        description="Its file's name, which containers and JWS sign along.",
        examples=["contract.pdf"],
    )
    media_type: MediaType = Field(
        default="application/octet-stream", description="What kind of file it is."
    )


class SignatureAsked(_Part):
    """A signature that a person is asked for."""

    documents: list[DocumentAsked] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    hashAlgorithmOID: Oid = Field(  # noqa: N815 - CSC's own name
        default="2.16.840.1.101.3.4.2.1", description="SHA-256, SHA-384 or SHA-512."
    )
    form: Literal["cades", "pades", "raw", "asic-xades", "asic-cades", "jades"] = Field(
        default="cades",
        description="CMS for any file; CMS to put into a PDF; the bare signature over the hash; "
        "XAdES or CAdES over all files, for a container (ASiC-E); a JWS that names all files.",
    )
    conformance_level: Literal["Ades-B-B", "Ades-B-T", "Ades-B-LT", "Ades-B-LTA"] = Field(
        default="Ades-B-B",
        description="With T a time stamp of ours beside the signature; with LT, for a PDF or in "
        "asic-xades, and LTA, for a PDF, what later verifiers need comes along.",
    )
    signatures_before: int = Field(
        default=0, ge=0, le=99, description="How many signatures the container has already."
    )
    level: int = Field(default=0, ge=0, le=4, description="Level of assurance that you need.")
    sub: str = Field(
        default="", max_length=255, description="Who shall sign, by your own pairwise subject."
    )
    return_uri: str = Field(
        default="", max_length=1000, description="One of your redirect URIs, for afterwards."
    )

    def asked(self) -> Asked:
        """Raises Unprocessable."""
        if self.conformance_level not in LEVELS[self.form]:
            raise Unprocessable(
                f"This form has the levels {', '.join(LEVELS[self.form])}.",
                where="conformance_level",
            )
        of_files = self.form in OF_FILES
        if of_files and any(not one.name for one in self.documents):
            raise Unprocessable("This form needs each file's name.", where="documents")
        if of_files and len({one.name for one in self.documents}) < len(self.documents):
            raise Unprocessable("Two files have one name.", where="documents")
        documents = tuple(
            Document(
                one.title,
                _digest(one.hash, self.hashAlgorithmOID),
                # Elsewhere nothing is said of files, so nothing is shown either.
                *((one.name, one.media_type) if of_files else ()),
            )
            for one in self.documents
        )
        return Asked(
            documents,
            self.hashAlgorithmOID,
            self.form,
            self.conformance_level,
            self.signatures_before,
        )


class SignatureStands(BaseModel):
    """Where a signature stands."""

    transaction: str
    state: Literal["waiting", "signing", "signed", "refused", "failed", "expired"]
    url: str = Field(description="Where the person's browser goes.")
    expires_at: str = Field(description="Until when the person may answer.")
    next_step: str
    level: int
    words: list[list[str]] = Field(description="Of each hash, to show beside the document.")
    signatures: list[str] | None = Field(
        default=None, description="One for each document, or one for all files, base64."
    )
    certificates: list[str] | None = Field(
        default=None, description="The person's and those above it but for the root, base64 DER."
    )
    files: dict[str, str] | None = Field(
        default=None, description="What goes into the container beside the files, base64 by name."
    )
    lists: list[str] | None = Field(
        default=None, description="Revocation lists for later verifiers, base64 DER."
    )
    answers: list[str] | None = Field(
        default=None, description="OCSP answers for later verifiers, base64 DER."
    )


def parse(request: Request) -> SignatureAsked:
    try:
        return SignatureAsked.model_validate(web.json_object(request))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unprocessable(f"{where}: {first['msg']}.", where=where) from None


def _digest(written: str, algorithm: str) -> bytes:
    digest, size = base64.b64decode(written), HASH_SIZES[HASHES[algorithm]]
    if len(digest) != size:
        raise Unprocessable(
            f"A hash of this algorithm has {size} octets, this one {len(digest)}.",
            where="documents",
            next_step="Send the hash of the document, not the document.",
        )
    return digest


# ── CSC ───────────────────────────────────────────────────────────────────────────────────


class Body:
    """The JSON of a CSC request: members that we do not know are ignored, as §9 wants it."""

    def __init__(self, request: Request) -> None:
        try:
            self._said = web.json_object(request, CscInvalidRequest)
        except UnsupportedMediaType as refusal:
            raise CscInvalidRequest(refusal.description) from None

    def text(self, name: str, *, required: bool = True) -> str:
        value = self._said.get(name)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not value or len(value) > 4096:
            raise CscInvalidRequest(f"Missing (or invalid type) string parameter {name}")
        return value

    def integer(self, name: str) -> int:
        value = self._said.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise CscInvalidRequest(f"Missing (or invalid type) integer parameter {name}")
        return value

    def hashes(self, said: Any = None) -> tuple[bytes, ...]:
        """`hashes`, or `hash` as version 1 called it."""
        said = self._said if said is None else said
        value = said.get("hashes", said.get("hash")) if isinstance(said, dict) else None
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not 0 < len(value) <= MOST_DOCUMENTS:
            raise CscInvalidRequest("Missing (or invalid type) array parameter hashes")
        try:
            return tuple(base64.b64decode(one, validate=True) for one in value)
        except (binascii.Error, ValueError, TypeError):
            raise CscInvalidRequest("Invalid Base64 hashes string parameter") from None

    def hash_algorithm(self) -> Any:
        """`hashAlgorithmOID`, or `hashAlgo` as version 1 called it."""
        return self._said.get("hashAlgorithmOID", self._said.get("hashAlgo"))

    def array(self, name: str) -> list[Any]:
        value = self._said.get(name)
        if not isinstance(value, list) or not value:
            raise CscInvalidRequest(f"Missing (or invalid type) array parameter {name}")
        return value

    def get(self, name: str) -> Any:
        return self._said.get(name)


def hash_name_of(oid: Any) -> str:
    """By its OID. Raises CscInvalidRequest."""
    for name, known in HASH_OIDS.items():
        if oid == known:
            return name
    raise CscInvalidRequest("Invalid parameter hashAlgorithmOID")
