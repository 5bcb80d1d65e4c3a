"""Renewal of a device's certificate — RFC 7030 §4.2.2."""

from __future__ import annotations

from cryptography import x509
from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from pki import request as certification_request
from pki.enrolment import Pki
from pki.est.caller import caller_of, is_pkcs10, known_label, over_tls
from pki.est.messages import certs_only
from pki.est.refusal import spoken
from pki.refusals import EnrolmentUnauthorized


@spoken
def simple_reenrol(pki: Pki, request: Request) -> Response:
    """A next certificate for the caller who connected with the present one."""
    over_tls(request)
    known_label(pki, request)
    caller = caller_of(pki, request)
    if caller.certificate is None:
        raise EnrolmentUnauthorized(
            "certificate_missing",
            "A renewal is asked for with the certificate that is to be renewed.",
            "Connect by TLS with the present certificate; without one, use simpleenroll.",
        )
    is_pkcs10(request)
    proposed = certification_request.parse(web.body(request))
    issued = pki.renew(caller, proposed, pki.clock.now())
    return certs_only([x509.load_der_x509_certificate(issued.der)])
