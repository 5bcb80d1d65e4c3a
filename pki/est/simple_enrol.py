"""First enrolment of a device — RFC 7030 §4.2, §4.2.1, §4.2.3."""

from __future__ import annotations

from cryptography import x509
from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from pki.enrolment import Pki
from pki.est.caller import asked_name, caller_of, is_pkcs10, over_tls
from pki.est.messages import certs_only
from pki.est.refusal import spoken
from pki.refusals import EnrolmentUnauthorized


@spoken
def simple_enrol(pki: Pki, request: Request) -> Response:
    """A certificate for the caller with a one-time token, or with one of another profile."""
    over_tls(request)
    asked = asked_name(pki, request)
    caller = caller_of(pki, request)
    if caller.username is None and caller.certificate is None:
        raise EnrolmentUnauthorized(
            "token_missing",
            "A first enrolment needs the device's id and its one-time token.",
            "Send them by HTTP Basic: the id as user, the token as password.",
        )
    is_pkcs10(request)
    issued = pki.enrol(caller, web.body(request), pki.clock.now(), asked)
    return certs_only([x509.load_der_x509_certificate(issued.der)])
