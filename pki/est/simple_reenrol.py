"""Renewal of a device's certificate — RFC 7030 §4.2.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from pki.enrolment import Pki
from pki.est.caller import asked_name, caller_of, is_pkcs10, over_tls
from pki.est.messages import certificate
from pki.est.refusal import spoken


@spoken
def simple_reenrol(pki: Pki, request: Request) -> Response:
    """A next certificate for the caller who connected with the present one."""
    over_tls(request)
    asked = asked_name(pki, request)
    caller = caller_of(pki, request, renews=True)
    is_pkcs10(request)
    issued = pki.renew(caller, web.body(request), pki.clock.now(), asked)
    return certificate(issued)
