"""Who calls EST: TLS first, then a certificate or a name with a token — RFC 7030 §3.2.3, §3.3."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request

from foundation import web
from foundation.errors import BadRequest, Forbidden, NotFound, UnsupportedMediaType
from pki.enrolment import Pki
from pki.ports import Caller
from pki.profiles.profile import Profile
from pki.refusals import CertificateRefused, EnrolmentRefused, EnrolmentUnauthorized
from pki.x509.certificate import ValidCertificate

LONGEST_CREDENTIALS = 512


def over_tls(request: Request) -> None:
    """§3.3: EST is spoken over TLS only, on loopback and in development too."""
    if not web.is_secure(request):
        raise Forbidden(
            "EST is served over TLS only; this connection is plain http.",
            where="connection",
            next_step="Use the https address of this server.",
        )


def asked_profile(pki: Pki, request: Request) -> Profile | None:
    """§3.2.2: an optional label chooses the profile. None without one; raises NotFound."""
    label = request.path_params.get("label")
    labels = {p.est_label: p for p in pki.authority.profiles.values() if p.est_label is not None}
    if label is None:
        return None
    if label not in labels:
        raise NotFound(
            "There is no EST service under that label.",
            where="label",
            next_step=f"Use one of {', '.join(sorted(labels))}, or no label.",
        )
    return labels[label]


def asked_name(pki: Pki, request: Request) -> str | None:
    """The name of the profile that the label chooses."""
    asked = asked_profile(pki, request)
    return asked.name if asked is not None else None


def is_pkcs10(request: Request) -> None:
    if web.media_type(request) != "application/pkcs10":
        raise UnsupportedMediaType(
            "A certification request is sent as application/pkcs10.",
            where="Content-Type",
            next_step="Set Content-Type: application/pkcs10.",
        )


def caller_of(pki: Pki, request: Request, *, renews: bool = False, anybody: bool = False) -> Caller:
    """The caller, as far as TLS and the Authorization header show. Raises on a bad certificate,
    unless a token is there by which the caller may be known, or `anybody` may ask.

    `renews`: a certificate that is good for nothing but its own exchange counts too, and a token
    does not.
    """
    username, secret = _basic(request)
    optional = anybody or (username is not None and not renews)
    return Caller(
        username,
        secret,
        _certificate(pki, request, renews, optional=optional),
        web.client_network(request),
        web.tls_unique(request),
    )


def needs_name(caller: Caller) -> None:
    """§3.2.3: who shows nothing is asked for it, before anything else is said."""
    if caller.username is None and caller.certificate is None:
        raise EnrolmentUnauthorized(
            "token_missing",
            "A first enrolment needs the device's id and its one-time token.",
            "Send them by HTTP Basic: the id as user, the token as password.",
        )


def _certificate(
    pki: Pki, request: Request, renews: bool, *, optional: bool
) -> ValidCertificate | None:
    """`optional`: one that is not good is as none. A device that has its maker's certificate, or an
    expired one, presents it in every handshake."""
    authority, now = pki.authority, pki.clock.now()
    validate = authority.validate_renewal if renews else authority.validate_client
    try:
        presented = web.client_certificate(request)
        return validate(presented, now) if presented is not None else None
    except BadRequest:
        if not optional:
            raise
        return None
    except CertificateRefused as refusal:
        if refusal.reason != "suspended":
            if not optional:
                raise
            return None
        # Who calls is proven; a token in its place would not help.
        raise EnrolmentRefused(
            refusal.reason, refusal.description, refusal.next_step or "Ask the operator."
        ) from refusal


def _basic(request: Request) -> tuple[str | None, str | None]:
    header = request.headers.get("authorization")
    if header is None:
        return None, None
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic" or len(encoded) > LONGEST_CREDENTIALS:
            raise ValueError(scheme)
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        if not decoded.isprintable():  # RFC 7617 §2: no control characters
            raise ValueError("control character")
    except (binascii.Error, ValueError):
        raise EnrolmentUnauthorized(
            "credentials_malformed",
            "The Authorization header is not HTTP Basic as RFC 7617 writes it.",
            "Send the device's id as user and its one-time token as password.",
        ) from None
    username, colon, secret = decoded.partition(":")
    return (username, secret) if colon else (username, "")
