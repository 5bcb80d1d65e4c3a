"""XAdES over the files of a container — ETSI EN 319 132-1, XML Signature 1.1.

Nothing is found by its Id: what is signed is where the format has it, and its Id has to be the one
that the reference names. So no element can stand in for another.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from documents.judging import facts
from documents.judging.bounds import Refused
from documents.judging.coverage import vouch
from documents.judging.markup import DS, canonical, is_hash_of, octets, only, parsed

_ROOT = "{http://uri.etsi.org/02918/v1.2.1#}XAdESSignatures"
_X = "{http://uri.etsi.org/01903/v1.3.2#}"
_SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ALGORITHMS = {
    f"{_MORE}{kind}-{name}": (kind, name)
    for kind in ("ecdsa", "rsa")
    for name in ("sha256", "sha384", "sha512")
}


def judge(
    content: bytes, data: Mapping[str, bytes], question: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Raises Refused."""
    root = parsed(content)
    if root.tag != _ROOT or not len(root):
        raise Refused("xml")
    return [_judge(one, data, question) for one in root]


def _judge(
    signature: Any, data: Mapping[str, bytes], question: Mapping[str, Any]
) -> dict[str, Any]:
    if signature.tag != f"{DS}Signature" or not signature.get("Id"):
        raise Refused("xml")
    info, value = only(signature, f"{DS}SignedInfo"), only(signature, f"{DS}SignatureValue")
    properties = _properties(signature)
    signed = only(properties, f"{_X}SignedProperties")
    _check_references(info, signed, data)
    about = only(signed, f"{_X}SignedSignatureProperties")
    certificate, others = _certificates(signature, about)
    intact = _verifies(certificate, info, octets(value))
    token = _token(properties)
    at, proven = _time(token, value, question) if token is not None else (None, False)
    trusted, revoked = asyncio.run(_trust(certificate, others, facts.context(question, at)))
    return facts.said(
        question,
        certificate,
        at,
        _claimed(about),
        intact=intact,
        trusted=trusted,
        revoked_then=revoked,
        proven=proven,
    )


def _properties(signature: Any) -> Any:
    found = [
        one
        for holder in signature.findall(f"{DS}Object")
        for one in holder.findall(f"{_X}QualifyingProperties")
    ]
    if len(found) != 1 or found[0].get("Target") != f"#{signature.get('Id')}":
        raise Refused("wrapping")
    return found[0]


def _check_references(info: Any, signed: Any, data: Mapping[str, bytes]) -> None:
    files: list[Any] = []
    own: list[Any] = []
    for reference in info.findall(f"{DS}Reference"):
        is_own = reference.get("Type") == _SIGNED_PROPERTIES
        (own if is_own else files).append(reference)
        if not is_own and reference.find(f"{DS}Transforms") is not None:
            raise Refused("transform")
    if len(own) != 1 or not signed.get("Id") or own[0].get("URI") != f"#{signed.get('Id')}":
        raise Refused("wrapping")
    transforms = only(own[0], f"{DS}Transforms").findall(f"{DS}Transform")
    if len(transforms) != 1:
        raise Refused("transform")
    if not is_hash_of(own[0], canonical(signed, transforms[0])):
        raise Refused("changed")
    vouch(files, data)


def _certificates(signature: Any, about: Any) -> tuple[Any, list[Any]]:
    """Whose it is: the one that is signed along. And the others that came with it."""
    from asn1crypto import x509

    data = only(only(signature, f"{DS}KeyInfo"), f"{DS}X509Data")
    came = [octets(one) for one in data.findall(f"{DS}X509Certificate")]
    named = about.find(f"{_X}SigningCertificateV2")
    if named is None:
        named = only(about, f"{_X}SigningCertificate")
    first = named.find(f"{_X}Cert")
    if first is None:
        raise Refused("xml")
    digest = only(first, f"{_X}CertDigest")
    own = [der for der in came if is_hash_of(digest, der)]
    if len(own) != 1:
        raise Refused("certificate")
    parsed_certificates = [x509.Certificate.load(der, strict=True) for der in came if der != own[0]]
    return x509.Certificate.load(own[0], strict=True), parsed_certificates


def _verifies(certificate: Any, info: Any, value: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.x509 import load_der_x509_certificate

    kind, name = _ALGORITHMS.get(only(info, f"{DS}SignatureMethod").get("Algorithm"), ("", ""))
    content = canonical(info, only(info, f"{DS}CanonicalizationMethod"))
    key = load_der_x509_certificate(certificate.dump()).public_key()
    try:
        if kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            half = (key.curve.key_size + 7) // 8
            if len(value) != 2 * half:
                return False
            parts = (int.from_bytes(part, "big") for part in (value[:half], value[half:]))
            hashing = getattr(hashes, name.upper())()
            key.verify(encode_dss_signature(*parts), content, ec.ECDSA(hashing))
            return True
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, content, padding.PKCS1v15(), getattr(hashes, name.upper())())
            return True
    except InvalidSignature:
        return False
    raise Refused("algorithm")


def _token(properties: Any) -> tuple[bytes, Any] | None:
    """The time stamp beside the signature, and the canonical form that it is over."""
    stamps = properties.findall(
        f"{_X}UnsignedProperties/{_X}UnsignedSignatureProperties/{_X}SignatureTimeStamp"
    )
    if not stamps:
        return None
    method = only(stamps[0], f"{DS}CanonicalizationMethod")
    return octets(only(stamps[0], f"{_X}EncapsulatedTimeStamp")), method


def _time(
    token: tuple[bytes, Any], value: Any, question: Mapping[str, Any]
) -> tuple[datetime, bool]:
    """What the stamp says, and whether that is proven."""
    from asn1crypto import cms
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko.sign.validation.status import TimestampSignatureStatus

    der, method = token
    stamped = canonical(value, method)
    signed = cms.ContentInfo.load(der, strict=True)["content"]
    facts_of = asyncio.run(
        validate_tst_signed_data(
            signed,
            facts.context(question, None),
            lambda name: hashlib.new(name, stamped).digest(),
        )
    )
    return facts.time_in(signed), facts.is_proof(TimestampSignatureStatus(**facts_of))


async def _trust(certificate: Any, others: list[Any], context: Any) -> tuple[bool, bool]:
    """Whether it leads to our root, for signatures over documents; whether it was revoked."""
    from pyhanko_certvalidator import CertificateValidator
    from pyhanko_certvalidator.errors import (
        PathError,
        RevokedError,
        ValidationError,
    )

    validator = CertificateValidator(certificate, others, validation_context=context)
    try:
        await validator.async_validate_usage({"non_repudiation"})  # type: ignore[no-untyped-call]
    except RevokedError:
        return False, True
    except (PathError, ValidationError):
        return False, False
    return True, False


def _claimed(about: Any) -> datetime | None:
    said = about.findtext(f"{_X}SigningTime")
    try:
        found = datetime.fromisoformat(said.strip()) if said else None
    except ValueError as broken:
        raise Refused("xml") from broken
    return found if found is not None and found.tzinfo is not None else None
