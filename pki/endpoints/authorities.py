"""The authorities' certificates as PEM — RFC 7468 §5."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pki.enrolment import Pki


def authorities_pem(pki: Pki, request: Request) -> Response:
    """The root first, then the issuing authorities: `openssl verify -CAfile` takes it."""
    return Response(
        pki.authority.trust_anchors(),
        media_type="application/pem-certificate-chain",
        headers={"Cache-Control": "public, max-age=3600"},
    )
