"""Whether the certificate of a card was revoked: its issuer's OCSP responder is asked — RFC 6960.

The answer is signed, so it may come by http; the guarded fetch keeps it from our own network. No
answer, or one that proves nothing, opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from foundation.fetch import Fetch, FetchError, FetchFailed
from idp.login.authenticators.web_eid import AWAY, REVOKED, UNKNOWN, Card, Refused

REQUEST, RESPONSE = "application/ocsp-request", "application/ocsp-response"
Ask = Callable[[str, bytes], bytes]
"""Sends a request to a URL; raises FetchError."""
SKEW = timedelta(minutes=5)
_FRESH = timedelta(minutes=15)
"""How old an answer may be that does not say when there will be a newer one."""


def check(card: Card, ask: Ask, now: datetime) -> None:
    """Raises Refused: REVOKED, UNKNOWN to the responder, or AWAY where nothing was proven."""
    url = card.issuer.responder or _named(card.certificate)
    if not url:
        raise Refused(AWAY, "the certificate names no OCSP responder, and the operator none either")
    request = (
        ocsp.OCSPRequestBuilder()
        # RFC 5019 §2.1.1: the hash that every responder knows; nothing rests on its strength.
        .add_certificate(card.certificate, card.issuer.certificate, hashes.SHA1())  # noqa: S303
        .build()
    )
    try:
        content = ask(url, request.public_bytes(serialization.Encoding.DER))
        answer = ocsp.load_der_ocsp_response(content)
    except (FetchError, ValueError) as error:
        raise Refused(AWAY, f"OCSP: {error}") from error
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Refused(AWAY, f"OCSP: {answer.response_status}")
    single = next((one for one in answer.responses if _is_about(one, request)), None)
    if single is None:
        raise Refused(AWAY, "OCSP: an answer about another certificate")
    if not _authentic(answer, card, now):
        raise Refused(AWAY, "OCSP: signed by nobody who may answer")
    if not _is_fresh(single, now):
        raise Refused(AWAY, "OCSP: an answer that is too old, or of the future")
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        raise Refused(REVOKED, "revoked")
    if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        raise Refused(UNKNOWN, "unknown to its issuer")


def responder_of(fetch: Fetch) -> Ask:
    """Asks over the network."""

    def ask(url: str, request: bytes) -> bytes:
        answer = fetch.send(url, request, REQUEST, (RESPONSE,))
        if answer.status != 200:
            raise FetchFailed(f"{url} answered {answer.status}.", answer.status)
        return answer.body

    return ask


def _named(certificate: x509.Certificate) -> str:
    """Where the certificate says that OCSP is asked."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return ""
    urls = (
        one.access_location.value
        for one in access.value
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    )
    return next(urls, "")


def _is_about(single: Any, request: ocsp.OCSPRequest) -> bool:
    """The same CertID that was asked about — RFC 6960 §3.2."""
    return (
        single.serial_number == request.serial_number
        and isinstance(single.hash_algorithm, hashes.SHA1)
        and single.issuer_key_hash == request.issuer_key_hash
        and single.issuer_name_hash == request.issuer_name_hash
    )


def _is_fresh(single: Any, now: datetime) -> bool:
    if single.this_update_utc > now + SKEW:
        return False
    if single.next_update_utc is None:
        return bool(now - single.this_update_utc <= _FRESH)
    return bool(now <= single.next_update_utc + SKEW)


def _authentic(answer: ocsp.OCSPResponse, card: Card, now: datetime) -> bool:
    """Signed by the issuer, by who it named for this, or by whom the operator named — §4.2.2.2."""
    signers = [card.issuer.certificate]
    if card.issuer.responder_certificate is not None:
        signers.append(card.issuer.responder_certificate)
    signers += _delegated(answer.certificates, card, now)
    return any(_signed_by(answer, signer) for signer in signers)


def _delegated(
    sent: Iterable[x509.Certificate], card: Card, now: datetime
) -> list[x509.Certificate]:
    found = []
    for one in sent:
        try:
            uses = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (x509.ExtensionNotFound, ValueError):
            continue
        valid = one.not_valid_before_utc <= now <= one.not_valid_after_utc
        if valid and ExtendedKeyUsageOID.OCSP_SIGNING in uses and card.issuer.issues(one):
            found.append(one)
    return found


def _signed_by(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, chosen = signer.public_key(), answer.signature_hash_algorithm
    signature, signed = answer.signature, answer.tbs_response_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and chosen is not None:
            key.verify(signature, signed, ec.ECDSA(chosen))
        elif isinstance(key, rsa.RSAPublicKey) and chosen is not None:
            key.verify(signature, signed, padding.PKCS1v15(), chosen)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
