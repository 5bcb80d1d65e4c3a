"""Full CMC, which we do not offer, and say so — RFC 7030 §4.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import NotFound
from pki.enrolment import Pki
from pki.est.caller import asked_profile, over_tls
from pki.est.refusal import spoken


@spoken
def full_cmc(pki: Pki, request: Request) -> Response:
    """§4.3 is optional; what is not there is not found, whoever asks."""
    over_tls(request)
    asked_profile(pki, request)
    raise NotFound(
        "Full CMC is not offered.",
        where="fullcmc",
        next_step="Use simpleenroll or simplereenroll.",
    )
