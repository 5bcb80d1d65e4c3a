"""Distribution of authorities' certificates — RFC 7030 §4.1."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pki.enrolment import Pki
from pki.est.caller import known_label, over_tls
from pki.est.messages import certs_only
from pki.est.refusal import spoken


@spoken
def cacerts(pki: Pki, request: Request) -> Response:
    """The root and the issuing authorities; anybody may ask."""
    over_tls(request)
    known_label(pki, request)
    return certs_only(pki.authority.authorities())
