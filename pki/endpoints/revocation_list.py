"""Revocation lists — RFC 5280 §5, RFC 2585 §4.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pki.enrolment import Pki


def revocation_list(pki: Pki, request: Request) -> Response:
    """The full list, DER, of the authority in the path: devices unless another is named."""
    name = request.path_params.get("authority", "devices")
    return Response(
        pki.authority.crl(name, pki.clock.now()),
        media_type="application/pkix-crl",
        headers={"Cache-Control": "public, max-age=60"},
    )
