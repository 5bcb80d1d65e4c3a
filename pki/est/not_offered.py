"""Operations of EST that we do not offer, and say so — RFC 7030 §4.3, §4.4."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import NotFound
from pki.enrolment import Pki
from pki.est.caller import over_tls
from pki.est.refusal import spoken


@spoken
def server_key_generation(pki: Pki, request: Request) -> Response:
    """§4.4 is optional. A key made elsewhere would be known elsewhere."""
    over_tls(request)
    raise NotFound(
        "Key generation by the server is not offered: a device's key never leaves the device.",
        where="serverkeygen",
        next_step="Make the key on the device and use simpleenroll.",
    )


@spoken
def full_cmc(pki: Pki, request: Request) -> Response:
    """§4.3 is optional."""
    over_tls(request)
    raise NotFound(
        "Full CMC is not offered.",
        where="fullcmc",
        next_step="Use simpleenroll or simplereenroll.",
    )
