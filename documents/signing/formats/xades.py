"""XAdES over files that lie beside it: baseline B-B and B-T — ETSI EN 319 132-1.

The references hold the files' hashes, so the files themselves are not needed here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from documents.signing.formats.values import is_ecdsa, plain
from documents.signing.formats.xml import DS, EXCLUSIVE, HASH_URIS, element, text, top
from documents.signing.transaction import Document
from pki import CmsSigner, Evidence

XADES = "http://uri.etsi.org/01903/v1.3.2#"
ASIC = "http://uri.etsi.org/02918/v1.2.1#"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"


def signature(
    by: CmsSigner,
    documents: Sequence[Document],
    hash_name: str,
    at: datetime,
    *,
    number: int = 0,
    stamp: Callable[[bytes], bytes] | None = None,
    evidence: Evidence | None = None,
) -> bytes:
    """`META-INF/signatures….xml` over all these files (EN 319 162-1 §4.4.3.2).

    `at` is the time that the signer claims; `number` sets its identifiers apart from those of
    other signatures; `stamp` gives a time-stamp token for the signature's value; with `evidence`
    for later verifiers it is B-LT.
    """
    own = f"S{number}"
    properties = _signed_properties(by, documents, at, own)
    references = [
        _reference(document.digest, hash_name, Id=f"{own}-R{index}", URI=uri_of(document.name))
        for index, document in enumerate(documents)
    ]
    references.append(
        _reference(
            hashlib.new(hash_name, properties.encode()).digest(),
            hash_name,
            element("ds:Transforms", element("ds:Transform", Algorithm=EXCLUSIVE)),
            Type=SIGNED_PROPERTIES,
            URI=f"#{own}-SP",
        )
    )
    algorithm = f"{_MORE}{'ecdsa' if is_ecdsa(by) else 'rsa'}-{hash_name}"
    info = top(
        "ds:SignedInfo",
        DS,
        element("ds:CanonicalizationMethod", Algorithm=EXCLUSIVE),
        element("ds:SignatureMethod", Algorithm=algorithm),
        *references,
    )
    signed = plain(by, hashlib.new(hash_name, info.encode()).digest(), hash_name)
    value = top("ds:SignatureValue", DS, _b64(signed), Id=f"{own}-V")
    unsigned = _unsigned(stamp(value.encode()), own, evidence) if stamp is not None else ""
    certificates = _each("ds:X509Certificate", (by.certificate, *by.chain))
    whole = top(
        "asic:XAdESSignatures",
        ASIC,
        top(
            "ds:Signature",
            DS,
            info,
            value,
            element("ds:KeyInfo", element("ds:X509Data", certificates)),
            element(
                "ds:Object",
                top("xades:QualifyingProperties", XADES, properties, unsigned, Target=f"#{own}"),
            ),
            Id=own,
        ),
    )
    return (HEAD + whole).encode()


def uri_of(name: str) -> str:
    """A file's name as a relative reference: each octet that is not unreserved is escaped."""
    return quote(name, safe="")


def _signed_properties(by: CmsSigner, documents: Sequence[Document], at: datetime, own: str) -> str:
    digest = hashlib.sha256(by.certificate).digest()
    certificate = element(
        "xades:Cert",
        element(
            "xades:CertDigest",
            top("ds:DigestMethod", DS, Algorithm=HASH_URIS["sha256"]),
            top("ds:DigestValue", DS, _b64(digest)),
        ),
    )
    formats = (
        element(
            "xades:DataObjectFormat",
            element("xades:MimeType", text(document.media_type)),
            ObjectReference=f"#{own}-R{index}",
        )
        for index, document in enumerate(documents)
    )
    return top(
        "xades:SignedProperties",
        XADES,
        element(
            "xades:SignedSignatureProperties",
            element("xades:SigningTime", f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"),
            element("xades:SigningCertificateV2", certificate),
        ),
        element("xades:SignedDataObjectProperties", *formats),
        Id=f"{own}-SP",
    )


def _reference(digest: bytes, hash_name: str, transforms: str = "", **attributes: str) -> str:
    return element(
        "ds:Reference",
        transforms,
        element("ds:DigestMethod", Algorithm=HASH_URIS[hash_name]),
        element("ds:DigestValue", _b64(digest)),
        **attributes,
    )


def _unsigned(token: bytes, own: str, evidence: Evidence | None) -> str:
    """EN 319 132-1 §5.3: the stamp is over SignatureValue in canonical form."""
    stamp = element(
        "xades:SignatureTimeStamp",
        element("ds:CanonicalizationMethod", Algorithm=EXCLUSIVE),
        element("xades:EncapsulatedTimeStamp", _b64(token)),
        Id=f"{own}-T",
    )
    kept = _kept(evidence) if evidence is not None else ""
    return element(
        "xades:UnsignedProperties", element("xades:UnsignedSignatureProperties", stamp, kept)
    )


def _kept(evidence: Evidence) -> str:
    """§5.4: certificates, lists and answers."""
    certificates = _each("xades:EncapsulatedX509Certificate", evidence.certificates)
    lists = _each("xades:EncapsulatedCRLValue", evidence.lists)
    answers = _each("xades:EncapsulatedOCSPValue", evidence.answers)
    return element("xades:CertificateValues", certificates) + element(
        "xades:RevocationValues",
        element("xades:CRLValues", lists),
        element("xades:OCSPValues", answers),
    )


def _each(name: str, parts: Sequence[bytes]) -> str:
    return "".join(element(name, _b64(one)) for one in parts)


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
