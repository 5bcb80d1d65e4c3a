"""The authorities' certificates — RFC 7468 §5, RFC 2585 §4.1, RFC 5280 §4.2.2.1."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import NotFound
from pki.enrolment import Pki
from pki.hierarchy import hierarchy

_KEEP = {"Cache-Control": "public, max-age=3600"}


def authorities_pem(pki: Pki, request: Request) -> Response:
    """The root first, then the issuing authorities: `openssl verify -CAfile` takes it.

    Never a distrusted one: others rely on this file.
    """
    return Response(
        hierarchy.pem(pki.authority.authorities()),
        media_type="application/pem-certificate-chain",
        headers=_KEEP,
    )


def authority_file(pki: Pki, request: Request) -> Response:
    """`devices-1.cer`: its certificate, DER. `root-2.p7c`: that and every other one for its key."""
    name, _, kind = request.path_params["file"].rpartition(".")
    authority = pki.authority.hierarchy.by_slug(name) if kind in ("cer", "p7c") else None
    if authority is None:
        raise NotFound(
            "There is no authority of that name.",
            where="path",
            next_step="Take the address from a certificate (caIssuers): it ends in .cer or .p7c.",
        )
    if kind == "cer":
        der = authority.certificate.public_bytes(Encoding.DER)
        return Response(der, media_type="application/pkix-cert", headers=_KEEP)
    key = authority.certificate.public_key()
    crosses = [c for c in pki.authority.hierarchy.cross_certificates() if c.public_key() == key]
    return Response(
        pkcs7.serialize_certificates([authority.certificate, *crosses], Encoding.DER),
        media_type="application/pkcs7-mime",
        headers=_KEEP,
    )
