"""OCSP over HTTP — RFC 6960 §A.1, RFC 5019 §5, §6.

Every answer of the protocol has the status 200, also one that says that the request was bad.
"""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import UnsupportedMediaType
from foundation.web import body, media_type
from pki.endpoints.caching import cacheable
from pki.enrolment import Pki
from pki.status.responding import Answer

MEDIA_TYPE = "application/ocsp-response"
MOST_OCTETS = 16 * 1024
"""Of a request that is sent by POST."""
MOST_IN_PATH = 4096


def ocsp_post(pki: Pki, request: Request) -> Response:
    """The body is the request, DER."""
    if media_type(request) != "application/ocsp-request":
        raise UnsupportedMediaType(
            "Send the request as application/ocsp-request.",
            where="Content-Type",
            next_step="RFC 6960 §A.1.1 says how; a browser cannot ask here.",
        )
    found = pki.authority.responding.answer(body(request), pki.clock.now())
    return Response(found.der, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def ocsp_get(pki: Pki, request: Request) -> Response:
    """The path's end is the request: base64 of DER, percent-encoded or, as some do it, not."""
    now = pki.clock.now()
    found = pki.authority.responding.answer(_decoded(request.path_params["request"]), now)
    if not found.lasting or found.this_update is None or found.next_update is None:
        return _only_now(found)
    return cacheable(request, found.der, MEDIA_TYPE, found.this_update, found.next_update, now)


def _only_now(found: Answer) -> Response:
    return Response(found.der, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _decoded(text: str) -> bytes:
    """What is not base64 is no request either, and is answered so: it decodes to nothing."""
    if len(text) > MOST_IN_PATH:
        return b""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
