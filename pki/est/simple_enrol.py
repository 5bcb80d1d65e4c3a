"""First enrolment of a device — RFC 7030 §4.2, §4.2.1, §4.2.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from pki.enrolment import Pki
from pki.est.caller import asked_name, caller_of, is_pkcs10, needs_name, over_tls
from pki.est.messages import certificate
from pki.est.refusal import spoken


@spoken
def simple_enrol(pki: Pki, request: Request) -> Response:
    """A certificate for the caller with a one-time token, or with one of another profile."""
    over_tls(request)
    asked = asked_name(pki, request)
    caller = caller_of(pki, request)
    needs_name(caller)
    is_pkcs10(request)
    issued = pki.enrol(caller, web.body(request), pki.clock.now(), asked)
    return certificate(issued)
