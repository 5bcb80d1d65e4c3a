"""Time stamps over HTTP — RFC 3161 §3.4.

Every answer of the protocol has the status 200, also one that says why there is no stamp.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import UnsupportedMediaType
from foundation.web import body, client_network, media_type
from pki.enrolment import Pki

MEDIA_TYPE = "application/timestamp-reply"


def time_stamp(pki: Pki, request: Request) -> Response:
    """The body is the request, DER."""
    if media_type(request) != "application/timestamp-query":
        raise UnsupportedMediaType(
            "Send the request as application/timestamp-query.",
            where="Content-Type",
            next_step="RFC 3161 §3.4 says how; `openssl ts -query` writes the request.",
        )
    found = pki.authority.time_stamping.answer(body(request), client_network(request))
    return Response(found, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
