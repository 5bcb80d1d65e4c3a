"""EST's bodies: certs-only PKCS #7, CSR attributes, in base64 — RFC 7030 §4, RFC 8951 §3."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from starlette.responses import Response

CERTS_ONLY = "application/pkcs7-mime; smime-type=certs-only"


def certs_only(certificates: Sequence[x509.Certificate]) -> Response:
    """Certificates as a certs-only CMC Simple PKI Response (RFC 5272 §4.1)."""
    der = pkcs7.serialize_certificates(list(certificates), Encoding.DER)
    return encoded(der, CERTS_ONLY)


def encoded(der: bytes, media_type: str) -> Response:
    """DER in base64, in one line: RFC 8951 §3.2.1 wants no header for it, and clients no breaks."""
    return Response(
        base64.b64encode(der),
        headers={
            "Content-Type": media_type,
            # Ignored by RFC 8951, wanted by clients of RFC 7030 alone.
            "Content-Transfer-Encoding": "base64",
            "Cache-Control": "no-store",
        },
    )


class _Values(core.SetOf):  # type: ignore[misc]
    _child_spec = core.ObjectIdentifier


class _Attribute(core.Sequence):  # type: ignore[misc]
    _fields = [("type", core.ObjectIdentifier), ("values", _Values)]  # noqa: RUF012


class _AttrOrOid(core.Choice):  # type: ignore[misc]
    _alternatives = [("oid", core.ObjectIdentifier), ("attribute", _Attribute)]  # noqa: RUF012


class _CsrAttrs(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _AttrOrOid


def csr_attributes() -> bytes:
    """What we would like to see in a request: an EC key on P-256, signed by ECDSA with SHA-256."""
    ec_public_key, p256, ecdsa_sha256 = (
        "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2",
    )  # fmt: skip
    return bytes(
        _CsrAttrs(
            [
                _AttrOrOid("attribute", {"type": ec_public_key, "values": [p256]}),
                _AttrOrOid("oid", ecdsa_sha256),
            ]
        ).dump()
    )
