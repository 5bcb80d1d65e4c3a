"""A PKCS #10 request, parsed once at the door — RFC 2986, RFC 7030 §4.2.1, RFC 8951 §3.1."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import AttributeOID, ExtensionOID

from foundation.errors import PayloadTooLarge
from pki.names import attributes, written
from pki.public_key import PublicKey, describe
from pki.refusals import RequestRefused

LARGEST = 16_384
_EXTENSION_REQUEST = frozenset({"1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14"})
_CHALLENGE_PASSWORD = AttributeOID.CHALLENGE_PASSWORD.dotted_string
_PEM = re.compile(
    rb"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(?P<body>[A-Za-z0-9+/=\s]+)"
    rb"-----END (?:NEW )?CERTIFICATE REQUEST-----"
)
# What `cryptography` raises for bytes that it does not like; a fuzz test keeps this complete.
_UNREADABLE = (
    ValueError,
    TypeError,
    NotImplementedError,
    UnsupportedAlgorithm,
    x509.AttributeNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_MAKE_ANEW = "Make a new request, for example: openssl req -new -key device.key -subj /CN=<device>."
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What a request proposes. Its signature was checked, so the caller holds the private key.

    `extensions` maps the dotted OID of each proposed extension to its value; `names` are the
    proposed alternative names as `KIND:value`; `attributes` are the other attributes' OIDs.
    `challenge_password` is what its attribute says. Of a key that was made here for the caller,
    `made_for` is the digest of the key that stood in its place.
    """

    public_key: PublicKey
    signature_hash: str | None
    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    extensions: Mapping[str, x509.ExtensionType]
    attributes: tuple[str, ...]
    challenge_password: str | None = field(default=None, repr=False)
    made_for: str | None = None

    @property
    def has_challenge_password(self) -> bool:
        return _CHALLENGE_PASSWORD in self.attributes


def parse(body: bytes, made: PublicKey | None = None) -> CertificateRequest:
    """The request in `body`: DER, PEM, or base64 with or without line breaks.

    Raises RequestRefused, which names the field, for anything else, and when the signature
    does not prove possession of the private key. `made` is a key that was made here: what the
    request says of a key, and its signature, is then ignored (RFC 7030 §4.4.1).
    """
    request = _field("request", lambda: x509.load_der_x509_csr(decode(body)))
    made_for = None
    if made is None:
        key = _field("subjectPKInfo", lambda: describe(request.public_key()))
        _possession(request)
        hash_used = _field("signatureAlgorithm", lambda: request.signature_hash_algorithm)
    else:
        key, hash_used = made, None
        made_for = hashlib.sha256(request.tbs_certrequest_bytes).hexdigest()
    subject = _field("subject", lambda: attributes(request.subject))
    extensions = _field("extensionRequest", lambda: _extensions(request))
    others = _field("attributes", lambda: [a.oid.dotted_string for a in request.attributes])
    return CertificateRequest(
        public_key=key,
        signature_hash=hash_used.name if hash_used is not None else None,
        subject=subject,
        names=_names(extensions),
        extensions=extensions,
        attributes=tuple(oid for oid in others if oid not in _EXTENSION_REQUEST),
        challenge_password=_field("attributes.challengePassword", lambda: _challenge(request)),
        made_for=made_for,
    )


def decode(body: bytes) -> bytes:
    """The DER inside `body`. Content-Transfer-Encoding says nothing (RFC 8951 §3.1), so look."""
    if len(body) > LARGEST:
        raise PayloadTooLarge(
            f"The request is larger than {LARGEST} bytes.",
            where="request",
            next_step="Send one certification request, and nothing beside it.",
        )
    if body[:1] == b"\x30":
        return body
    pem = _PEM.search(body)
    text = b"".join((pem["body"] if pem else body).split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RequestRefused(
            "request", "The request is neither DER, nor PEM, nor base64.", _MAKE_ANEW
        ) from None


def _field(name: str, read: Callable[[], T]) -> T:
    """Read one field; whatever the parser dislikes becomes a refusal that names the field."""
    try:
        return read()
    except RequestRefused:
        raise
    except _UNREADABLE as error:
        raise RequestRefused(
            name, f"The {name} cannot be read as RFC 2986 writes it.", _MAKE_ANEW, detail=str(error)
        ) from error


def _possession(request: x509.CertificateSigningRequest) -> None:
    try:
        proven = _field("signature", lambda: request.is_signature_valid)
    except InvalidSignature:
        proven = False
    if not proven:
        raise RequestRefused(
            "signature",
            "The request is not signed by the private key of the public key that it carries.",
            "Sign the request with the device's own private key.",
        )


def _extensions(request: x509.CertificateSigningRequest) -> dict[str, Any]:
    return {e.oid.dotted_string: e.value for e in request.extensions}


def _challenge(request: x509.CertificateSigningRequest) -> str | None:
    for attribute in request.attributes:
        if attribute.oid == AttributeOID.CHALLENGE_PASSWORD:
            return str(attribute.value, "utf-8")
    return None


def _names(extensions: Mapping[str, x509.ExtensionType]) -> tuple[str, ...]:
    found = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string)
    if not isinstance(found, x509.SubjectAlternativeName):
        return ()
    return tuple(written(name) for name in found)
