"""EST's bodies: certs-only PKCS #7, keys, DER in base64 — RFC 7030 §4, RFC 8951 §3."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable

from starlette.responses import Response

from pki.x509 import der
from pki.x509.certificate import IssuedCertificate

CERTS_ONLY = "application/pkcs7-mime; smime-type=certs-only"
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_NO_CONTENT = der.sequence(der.oid("1.2.840.113549.1.7.1"))
_NOTHING = der.tlv(0x31, b"")
LEFT_OUT = "Civitas-Left-Out"
"""Names, in a list of tokens (RFC 9651 §3.1), what of the request is not in the certificate."""


def certs_only(certificates: Iterable[bytes]) -> Response:
    """Certificates, DER, as a certs-only CMC Simple PKI Response (RFC 5272 §4.1)."""
    return encoded(_signed_by_nobody(certificates), CERTS_ONLY)


def _signed_by_nobody(certificates: Iterable[bytes]) -> bytes:
    """A SignedData without content and signers: its certificates are a SET OF (RFC 5652 §5.1)."""
    held = der.explicit(0, b"".join(sorted(certificates)))
    signed = der.sequence(der.integer(1), _NOTHING, _NO_CONTENT, held, _NOTHING)
    return der.sequence(_SIGNED_DATA, der.explicit(0, signed))


def certificate(issued: IssuedCertificate) -> Response:
    """The one certificate that a request led to."""
    return _telling(certs_only([issued.der]), issued)


def _telling(answer: Response, issued: IssuedCertificate) -> Response:
    if issued.left_out:
        answer.headers[LEFT_OUT] = ", ".join(issued.left_out)
    return answer


def key_and_certificate(pkcs8: bytes, issued: IssuedCertificate) -> Response:
    """Two parts in base64: the key, and the certificate as certs-only (§4.4.2)."""
    boundary = f"est-{secrets.token_hex(16)}"
    body = "".join(
        f"--{boundary}\r\n"
        f"Content-Type: {media_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
        f"{base64.b64encode(part).decode()}\r\n"
        for media_type, part in (
            ("application/pkcs8", pkcs8),
            (CERTS_ONLY, _signed_by_nobody([issued.der])),
        )
    )
    answer = Response(
        f"{body}--{boundary}--\r\n".encode(),
        headers={
            "Content-Type": f"multipart/mixed; boundary={boundary}",
            "Cache-Control": "no-store",
        },
    )
    return _telling(answer, issued)


def encoded(content: bytes, media_type: str) -> Response:
    """DER in base64, in one line: RFC 8951 §3.2.1 wants no header for it, and clients no breaks."""
    return Response(
        base64.b64encode(content),
        headers={
            "Content-Type": media_type,
            # Ignored by RFC 8951, wanted by clients of RFC 7030 alone.
            "Content-Transfer-Encoding": "base64",
            "Cache-Control": "no-store",
        },
    )
