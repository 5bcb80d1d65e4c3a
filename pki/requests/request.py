"""A PKCS #10 request, parsed once at the door — RFC 2986, RFC 7030 §4.2.1, RFC 8951 §3.1."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AttributeOID, ExtensionOID

from foundation.errors import PayloadTooLarge
from pki.refusals import RequestRefused
from pki.requests import pkcs10, possession
from pki.requests.pkcs10 import MAKE_ANEW
from pki.x509 import der, names
from pki.x509.public_key import PublicKey

LARGEST = 16_384
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_EXTENSION_REQUEST = frozenset({EXTENSION_REQUEST, "1.3.6.1.4.1.311.2.1.14"})  # Microsoft's
CHALLENGE_PASSWORD = AttributeOID.CHALLENGE_PASSWORD.dotted_string
_PEM = re.compile(
    rb"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(?P<body>[A-Za-z0-9+/=\s]+)"
    rb"-----END (?:NEW )?CERTIFICATE REQUEST-----"
)
_BEGIN = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]{1,40})-----")
_CALLED = {
    oid.dotted_string: name
    for oid, name in (
        (ExtensionOID.BASIC_CONSTRAINTS, "basicConstraints"),
        (ExtensionOID.KEY_USAGE, "keyUsage"),
        (ExtensionOID.EXTENDED_KEY_USAGE, "extKeyUsage"),
        (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, "subjectAltName"),
        (ExtensionOID.SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier"),
    )
}
# What its parser says of a value inside an extension, and what that means.
_KINDS = {
    "EncodedDefault": "it writes out a DEFAULT, which DER leaves out (X.690 §11.5)",
    "ExtraData": "octets follow its end",
    "InvalidSetOrdering": "its SET OF is not in the order of DER (X.690 §11.6)",
    "ShortData": "it ends too soon",
    "UnexpectedTag": "a value in it has another type than RFC 5280 gives it",
}
# Stands for a part of a request that is not looked at.
_ANY_ALGORITHM = der.sequence(der.oid("1.3.101.112"))


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What a request proposes. Its signature was checked, so the caller holds the private key.

    `extensions` maps the dotted OID of each proposed extension to its value, wherever it was
    proposed; `names` are the proposed alternative names as `KIND:value`; `attributes` are the other
    attributes' OIDs; `challenge_password` is what that attribute says. Of a key that was made here
    for the caller, `made_for` is the digest of the request that stood in its place.
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
        return CHALLENGE_PASSWORD in self.attributes


def parse(body: bytes, made: PublicKey | None = None) -> CertificateRequest:
    """The request in `body`: DER, PEM, or base64 with or without line breaks.

    Raises RequestRefused, which names the field, for anything else, and when the signature
    does not prove possession of the private key. `made` is a key that was made here: what the
    request says of a key, and its signature, is then ignored (RFC 7030 §4.4.1).
    """
    written = pkcs10.read(decode(body))
    if made is None:
        key = possession.key_of(written)
        hash_used, made_for = possession.proven(written, key), None
    else:
        key, hash_used = made, None
        made_for = hashlib.sha256(written.signed).hexdigest()
    extensions = _extensions(written)
    others = tuple(oid for oid, _ in written.attributes if oid not in _EXTENSION_REQUEST)
    return CertificateRequest(
        public_key=key,
        signature_hash=hash_used,
        subject=written.subject,
        names=_names(extensions),
        extensions=extensions,
        attributes=others,
        challenge_password=_challenge(written),
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
    found = [pem["body"] for pem in _PEM.finditer(body)]
    if len(found) > 1:
        raise RequestRefused(
            "request",
            f"There are {len(found)} certification requests in one body.",
            "Send one certification request, and nothing beside it.",
        )
    if not found and (begins := _BEGIN.search(body)):
        label = begins["label"].decode()
        raise RequestRefused(
            "request",
            "The request's PEM has no end, or holds what is no base64."
            if label.endswith("CERTIFICATE REQUEST")
            else f"What the PEM holds is of the kind {label}, not CERTIFICATE REQUEST.",
            MAKE_ANEW,
        )
    text = b"".join((found[0] if found else body).split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RequestRefused(
            "request", "The request is neither DER, nor PEM, nor base64.", MAKE_ANEW
        ) from None


def _extensions(written: pkcs10.Written) -> dict[str, Any]:
    """All that is asked for, in however many attributes: each is examined like the first."""
    found: dict[str, Any] = {}
    for oid, values in written.attributes:
        for value in values if oid in _EXTENSION_REQUEST else ():
            for extension in pkcs10.extensions(value):
                proposed = _value(extension)
                if found.setdefault(extension.oid, proposed) != proposed:
                    raise RequestRefused(
                        called(extension.oid),
                        "The request asks for this extension twice, each time for something else.",
                        "Ask for it once.",
                    )
    return found


def _value(extension: pkcs10.Extension) -> x509.ExtensionType:
    one = der.sequence(der.extension(extension.oid, extension.value))
    asked = der.sequence(der.oid(EXTENSION_REQUEST), der.tlv(0x31, one))
    try:
        (read,) = pkcs10.presented(pkcs10.ANY_KEY, _ANY_ALGORITHM, asked).extensions
    except pkcs10.UNREADABLE as error:
        kind = re.search(r"kind: (\w+)", str(error))
        why = _KINDS.get(kind[1] if kind else "", "RFC 5280 §4.2 has no such value")
        raise RequestRefused(
            called(extension.oid),
            f"The value of the extension cannot be read: {why}.",
            "Write it in DER, as RFC 5280 §4.2 does, or leave the extension out.",
            detail=str(error),
        ) from error
    value: x509.ExtensionType = read.value
    return value


def called(oid: str) -> str:
    """Where a refusal says that an extension is."""
    return _CALLED.get(oid, f"extensionRequest.{oid}")


def _challenge(written: pkcs10.Written) -> str | None:
    for oid, values in written.attributes:
        if oid == CHALLENGE_PASSWORD:
            return pkcs10.text(values[0]) if len(values) == 1 else None
    return None


def _names(extensions: Mapping[str, x509.ExtensionType]) -> tuple[str, ...]:
    found = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string)
    if not isinstance(found, x509.SubjectAlternativeName):
        return ()
    return tuple(names.written(name) for name in found)
