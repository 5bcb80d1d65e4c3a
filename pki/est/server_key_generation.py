"""A key made here for a device that cannot make its own — RFC 7030 §4.4.

Where a profile allows it, and nowhere else. The key travels inside TLS only: encryption beyond it
(§4.4.1.1, §4.4.1.2) is refused, never left out in silence.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from pki.enrolment import Pki
from pki.est.caller import asked_profile, caller_of, is_pkcs10, needs_name, over_tls
from pki.est.messages import key_and_certificate
from pki.est.refusal import spoken
from pki.issuing.key_making import not_offered


@spoken
def server_key_generation(pki: Pki, request: Request) -> Response:
    """A private key and its certificate, for a caller that simpleenroll would know."""
    over_tls(request)
    asked = asked_profile(pki, request)
    if asked is not None and not asked.keys_made_here:
        raise not_offered(asked.name)
    # With a certificate alone it is a renewal (§4.4), also of one that may only be exchanged.
    caller = caller_of(pki, request, renews="authorization" not in request.headers)
    needs_name(caller)
    is_pkcs10(request)
    name = asked.name if asked is not None else None
    issued, key = pki.enrol_with_key(caller, web.body(request), pki.clock.now(), name)
    return key_and_certificate(key.pkcs8, issued)
