"""What a request should contain — RFC 7030 §4.5, RFC 8951 §4, RFC 9908."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from pki.enrolment import Pki
from pki.est import wanted
from pki.est.caller import asked_profile, caller_of, over_tls
from pki.est.messages import encoded
from pki.est.refusal import spoken

USUAL = "device"


@spoken
def csr_attributes(pki: Pki, request: Request) -> Response:
    """What we like, by label; for a caller that is known, with its names. Anybody may ask."""
    over_tls(request)
    profile = asked_profile(pki, request)
    known = None
    caller = caller_of(pki, request, anybody=True)
    if caller.username is not None or caller.certificate is not None:
        asked = profile.name if profile is not None else None
        known = pki.expected(caller, asked, pki.clock.now())
    if profile is None:
        profile = pki.authority.profiles[known.profile if known is not None else USUAL]
    # §4.5.1: where a link is a must, it is named; on other listeners it could not be made.
    link = pki.linking.required and web.tls_unique(request) is not None
    return encoded(wanted.csr_attributes(profile, known, link=link), "application/csrattrs")
