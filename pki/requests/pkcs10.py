"""The structure of a PKCS #10 request, read by hand — RFC 2986 §4, X.690 §11.

So that each fault of a request has its own sentence and field, and that what changes nothing of
what is signed for is no fault: many programs write NULL where an algorithm has no parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki.refusals import RequestRefused
from pki.x509 import der
from pki.x509.der import Element, NotDer
from pki.x509.names import short

MAKE_ANEW = "Make a new request, for example: openssl req -new -key device.key -subj /CN=<device>."
_UTF8 = "Write it as a UTF8String; to enrol a device, the subject may be left empty."
_RSA_PSS = "1.2.840.113549.1.1.10"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_NULL = b"\x05\x00"
_ATTRIBUTES, _SET = 0xA0, 0x31
_PRINTABLE = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"
)
_ASCII = frozenset(range(0x20, 0x7F))
# X.680 §41: which octets a type of string has, and how they are read.
_STRINGS = {
    0x0C: ("UTF8String", None, "utf-8"),
    0x12: ("NumericString", frozenset(b"0123456789 "), "ascii"),
    0x13: ("PrintableString", _PRINTABLE, "ascii"),
    0x14: ("TeletexString", None, "latin-1"),
    0x16: ("IA5String", frozenset(range(0x80)), "ascii"),
    0x1A: ("VisibleString", _ASCII, "ascii"),
    0x1C: ("UniversalString", None, "utf-32-be"),
    0x1E: ("BMPString", None, "utf-16-be"),
}


# What `cryptography` raises for bytes that it does not like; a fuzz test keeps this complete.
UNREADABLE = (
    ValueError,
    TypeError,
    NotImplementedError,
    UnsupportedAlgorithm,
    x509.AttributeNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A request as it is written; nothing is proven, and no value is looked into yet.

    `signed` is what the signature covers, `key` the SubjectPublicKeyInfo, `algorithm` the
    signature's AlgorithmIdentifier without a NULL, each in DER; `key_algorithm` is the key's OID,
    `attributes` are OIDs with the DER of each value.
    """

    signed: bytes
    subject: tuple[tuple[str, str], ...]
    key: bytes
    key_algorithm: str
    attributes: tuple[tuple[str, tuple[bytes, ...]], ...]
    algorithm: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Extension:
    """One that is asked for, its value not looked into yet."""

    oid: str
    value: bytes


def read(data: bytes) -> Written:
    """Raises RequestRefused, which names the field and what is wrong with it."""
    with _reading("request"):
        tag, begin, end = der.read(data)
        if tag != der.SEQUENCE:
            raise NotDer("it is no SEQUENCE")
        if end != len(data):
            more = len(data) - end
            raise _refused(
                "request",
                f"{more} octet{'s' * (more > 1)} follow{'s' * (more == 1)} the end of the request.",
                "Send one certification request, and nothing behind it.",
            )
        info, algorithm, signature = _parts(data, begin, end, 3, "request")
    with _reading("certificationRequestInfo"):
        inside = list(der.elements(data, *_content(data, info, der.SEQUENCE)))
        _version(data, inside)
        subject, key, *attributes = _three(inside)
    return Written(
        signed=data[info[1] : info[3]],
        subject=tuple(_subject(data, subject)),
        key=data[key[1] : key[3]],
        key_algorithm=_key_algorithm(data, key),
        attributes=tuple(_attributes(data, attributes)),
        algorithm=_algorithm(data, algorithm),
        signature=_signature(data, signature),
    )


@contextmanager
def _reading(field: str) -> Iterator[None]:
    """What is no DER becomes a refusal that names the field."""
    try:
        yield
    except NotDer as problem:
        raise _refused(field, f"The {field} is not DER as RFC 2986 writes it: {problem}.") from None


def _refused(field: str, reason: str, next_step: str = MAKE_ANEW) -> RequestRefused:
    return RequestRefused(field, reason, next_step)


def _content(data: bytes, element: Element, tag: int) -> tuple[int, int]:
    if element[0] != tag:
        raise NotDer(f"a tag {element[0]:02X} where {tag:02X} belongs")
    return element[2], element[3]


def _parts(data: bytes, begin: int, end: int, count: int, field: str) -> list[Element]:
    found = list(der.elements(data, begin, end))
    if len(found) != count:
        raise NotDer(f"it has {len(found)} parts, not {count}")
    return found


# ── certificationRequestInfo ──────────────────────────────────────────────────────────────


def _version(data: bytes, inside: list[Element]) -> None:
    with _reading("version"):
        if not inside or inside[0][0] != der.INTEGER:
            raise NotDer("it is missing")
        content = data[inside[0][2] : inside[0][3]]
        if not content or (content[0] in (0, 0xFF) and len(content) > 1 and not content[1] & 0x80):
            raise NotDer("an INTEGER that is not the shortest")
    version = int.from_bytes(content, "big", signed=True)
    if version != 0:
        shown = version if len(content) <= 4 else "a large number"
        raise _refused(
            "version",
            f"The version is written as {shown}; RFC 2986 §4.1 knows 0 only, which means v1.",
            "Write version 0.",
        )


def _three(inside: list[Element]) -> list[Element]:
    """Subject, key and attributes, behind the version."""
    if len(inside) == 3 and inside[2][0] == der.SEQUENCE:
        raise _refused(
            "attributes",
            "The attributes are missing; RFC 2986 §4.1 wants the field even when it is empty.",
            "Write the empty field, A0 00, behind subjectPKInfo, and sign it with the rest.",
        )
    if len(inside) != 4 or inside[3][0] != _ATTRIBUTES:
        raise NotDer("it is not a version, a subject, a key, and attributes")
    return inside[1:]


def _subject(data: bytes, subject: Element) -> Iterator[tuple[str, str]]:
    with _reading("subject"):
        for relative in der.elements(data, *_content(data, subject, der.SEQUENCE)):
            pairs = _set(data, relative, "subject")
            if not pairs:
                raise NotDer("an empty RelativeDistinguishedName")
            for pair in pairs:
                oid, value = _parts(data, *_content(data, pair, der.SEQUENCE), 2, "subject")
                name = short(_oid(data, oid))
                yield name, _text(data, value, f"subject.{name}")


def _text(data: bytes, value: Element, field: str) -> str:
    """A string of whichever type."""
    tag, _, begin, end = value
    if tag not in _STRINGS:
        raise _refused(field, f"The value, of the tag {tag:02X}, is no string (X.680 §41).", _UTF8)
    called, has, encoding = _STRINGS[tag]
    content = data[begin:end]
    foreign = next((octet for octet in content if has is not None and octet not in has), None)
    if foreign is not None:
        shown = f'"{chr(foreign)}"' if foreign in _ASCII else f"octet {foreign:02X}"
        raise _refused(field, f"The value is a {called}, which has no {shown} (X.680 §41).", _UTF8)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise _refused(
            field, f"The value is a {called}, but its octets are none of that type.", _UTF8
        ) from None


def _key_algorithm(data: bytes, key: Element) -> str:
    field = "subjectPKInfo"
    with _reading(field):
        algorithm, bits = _parts(data, *_content(data, key, der.SEQUENCE), 2, field)
        oid, parameters = _identified(data, algorithm)
        _content(data, bits, der.BITS)
        if oid == _EC_PUBLIC_KEY and parameters in (b"", _NULL):
            raise _refused(
                field,
                "The key names no curve (RFC 5480 §2.1.1).",
                "Write the curve's OID as the parameters of the key's algorithm.",
            )
    return oid


# ── attributes ────────────────────────────────────────────────────────────────────────────


def _attributes(data: bytes, found: list[Element]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    with _reading("attributes"):
        for attribute in _set(data, found[0], "attributes", _ATTRIBUTES):
            kind, values = _parts(data, *_content(data, attribute, der.SEQUENCE), 2, "attributes")
            oid = _oid(data, kind)
            with _reading(f"attributes.{oid}"):
                inside = _set(data, values, f"attributes.{oid}")
                if not inside:
                    raise NotDer("it has no value")
                yield oid, tuple(data[one[1] : one[3]] for one in inside)


def _set(data: bytes, element: Element, field: str, tag: int = _SET) -> list[Element]:
    """The elements of a SET OF, which X.690 §11.6 wants in the order of their encodings."""
    found = list(der.elements(data, *_content(data, element, tag)))
    encoded = [data[one[1] : one[3]] for one in found]
    if encoded != sorted(encoded):
        raise _refused(
            field,
            f"The elements of the SET OF in {field} are not in the order of DER (X.690 §11.6).",
            "Sort them by their encodings before the request is signed.",
        )
    return found


def extensions(value: bytes) -> Iterator[Extension]:
    """What one value of an extensionRequest asks for — RFC 2985 §5.4.2, RFC 5280 §4.1."""
    field = "extensionRequest"
    with _reading(field):
        for one in der.elements(value, *der.only(value, der.SEQUENCE)):
            kind, *critical, content = _two_or_three(value, one)
            oid = _oid(value, kind)
            if critical:
                _critical(value[critical[0][2] : critical[0][3]], f"{field}.{oid}")
            begin, end = _content(value, content, der.OCTETS)
            yield Extension(oid, value[begin:end])


def _two_or_three(value: bytes, one: Element) -> list[Element]:
    found = list(der.elements(value, *_content(value, one, der.SEQUENCE)))
    if len(found) not in (2, 3) or (len(found) == 3 and found[1][0] != der.BOOLEAN):
        raise NotDer("an extension is an OID, perhaps a BOOLEAN, and an OCTET STRING")
    return found


def _critical(said: bytes, field: str) -> None:
    if said == b"\x00":
        raise _refused(
            field,
            "The extension says critical FALSE, which is the DEFAULT: DER leaves it out "
            "(X.690 §11.5).",
            "Leave the BOOLEAN out where it is FALSE.",
        )
    if said != b"\xff":
        raise _refused(
            field,
            "The extension's BOOLEAN critical is not written as DER writes TRUE (X.690 §11.1).",
            "Write TRUE as the one octet FF.",
        )


def text(value: bytes) -> str | None:
    """A string that is an attribute's value; None for what is none."""
    try:
        tag, begin, end = der.read(value)
        return _text(value, (tag, 0, begin, end), "")
    except (NotDer, RequestRefused):
        return None


# ── the signature ─────────────────────────────────────────────────────────────────────────


def _algorithm(data: bytes, algorithm: Element) -> bytes:
    """Without a NULL: Mbed TLS 2.28 and TPM providers write one for ECDSA (RFC 5758 §3.2), RSA has
    it (RFC 4055 §5), and nothing of it is signed."""
    field = "signatureAlgorithm"
    with _reading(field):
        oid, parameters = _identified(data, algorithm)
        if oid != _RSA_PSS and parameters not in (b"", _NULL):
            raise _refused(
                field,
                f"The algorithm {oid} has no parameters, but the request writes some.",
                "Leave the parameters out, or write NULL.",
            )
        if oid == _RSA_PSS and parameters in (b"", _NULL):
            raise _refused(
                field,
                "RSASSA-PSS without parameters means SHA-1, which is broken (RFC 4055 §3.1).",
                "Write the parameters, with SHA-256 or better.",
            )
        return der.sequence(der.oid(oid), parameters if oid == _RSA_PSS else b"")


def _signature(data: bytes, signature: Element) -> bytes:
    with _reading("signature"):
        begin, end = _content(data, signature, der.BITS)
        if end == begin or data[begin]:
            raise NotDer("a BIT STRING that is no whole number of octets")
        return data[begin + 1 : end]


def _identified(data: bytes, algorithm: Element) -> tuple[str, bytes]:
    """The OID of an AlgorithmIdentifier, and its parameters in DER."""
    found = list(der.elements(data, *_content(data, algorithm, der.SEQUENCE)))
    if len(found) not in (1, 2):
        raise NotDer("an algorithm is an OID and perhaps parameters")
    return _oid(data, found[0]), data[found[0][3] : algorithm[3]]


def _oid(data: bytes, element: Element) -> str:
    begin, end = _content(data, element, der.OID)
    return der.dotted(data[begin:end])


# ── what is looked into by `cryptography` ─────────────────────────────────────────────────


ANY_KEY = der.sequence(der.sequence(der.oid("1.3.101.112")), der.bits(bytes(32)))
"""Stands for a key that is not looked at."""


def presented(
    key: bytes, algorithm: bytes, extensions: bytes = b""
) -> x509.CertificateSigningRequest:
    """A request that holds these parts, which `cryptography` can look into one by one."""
    empty = der.sequence()
    info = der.sequence(der.integer(0), empty, key, der.tlv(0xA0, extensions))
    return x509.load_der_x509_csr(der.sequence(info, algorithm, der.bits(b"")))
