"""What a request should contain — RFC 7030 §4.5, RFC 8951 §4."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pki.enrolment import Pki
from pki.est import messages
from pki.est.caller import known_label, over_tls
from pki.est.refusal import spoken


@spoken
def csr_attributes(pki: Pki, request: Request) -> Response:
    """Attributes that we like; the profile decides whatever the request says."""
    over_tls(request)
    known_label(pki, request)
    return messages.encoded(messages.csr_attributes(), "application/csrattrs")
