"""Distribution of authorities' certificates — RFC 7030 §4.1."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import Response

from pki.authority import is_post_quantum
from pki.enrolment import Pki
from pki.est.caller import asked_profile, over_tls
from pki.est.messages import certs_only
from pki.est.refusal import spoken
from pki.profiles.profile import Profile


@spoken
def cacerts(pki: Pki, request: Request) -> Response:
    """The roots and the issuing authorities of the label's family; anybody may ask."""
    over_tls(request)
    family = _family(pki, asked_profile(pki, request))
    return certs_only(
        certificate.public_bytes(Encoding.DER) for certificate in pki.authority.authorities(family)
    )


def _family(pki: Pki, asked: Profile | None) -> str:
    """A client that trusts classical roots learns nothing from ML-DSA, nor the other way."""
    if asked is None or asked.issuer is None:
        return ""
    issuers = pki.authority.hierarchy.named(asked.issuer)
    return "mldsa" if issuers and is_post_quantum(issuers[-1]) else ""
