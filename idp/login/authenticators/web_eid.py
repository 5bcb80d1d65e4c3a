"""Chip cards by Web eID: the token, verified — Web eID authentication token 1.0, 1.1.

A browser extension has the card sign over the hash of the page's origin and the hash of our nonce,
and sends the certificate along. The certificate counts where an issuing authority that the operator
named signed it (`card_issuers`); whether it was revoked is asked apart (`revocation`).
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from idp.login.authenticators.card_issuers import CardIssuer, CardIssuers

FORMATS = frozenset({"web-eid:1", "web-eid:1.0", "web-eid:1.1"})
_NONCE = 32  # 256 bits, as the specification asks
_MOST = 16_384
_LEAST_RSA = 2048
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
ALGORITHMS = frozenset((*_CURVES, *(f"{kind}{size}" for kind in ("PS", "RS") for size in _HASHES)))

FORMAT, SIGNATURE, ISSUER, CERTIFICATE, POLICY, ENDED, REVOKED, UNKNOWN, AWAY = (
    *("format", "signature", "issuer", "certificate", "policy"),
    *("ended", "revoked", "unknown", "away"),
)


class Refused(Exception):
    """A token that does not prove what it should. `why`: one of the words above; the message is for
    the log."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(f"card: {detail}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Card:
    """What a token proved: who issued the certificate, and what is in it. `number`: the civil
    number that the issuer vouches for; empty where its rule has none."""

    certificate: x509.Certificate
    issuer: CardIssuer
    number: str

    @property
    def lookup(self) -> bytes:
        """What a card is found by: its key."""
        return lookup_of(self.certificate)


def new_nonce() -> str:
    """44 characters of base64: 256 bits, used once."""
    return base64.b64encode(secrets.token_bytes(_NONCE)).decode()


def lookup_of(certificate: x509.Certificate) -> bytes:
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(b"web-eid\0" + public).digest()


def verify(
    token: Mapping[str, Any],
    nonce: str,
    origins: Iterable[str],
    issuers: CardIssuers,
    now: datetime,
) -> Card:
    """The card of a token that was made for this nonce on a page of one of these origins.

    Raises Refused. Whether the certificate was revoked is not looked at here.
    """
    if token.get("format") not in FORMATS:
        raise Refused(FORMAT, "not of a format web-eid:1.0 or 1.1")
    algorithm = token.get("algorithm")
    if algorithm not in ALGORITHMS:
        raise Refused(FORMAT, "an algorithm that the specification does not name")
    certificate = _certificate(_bytes(token, "unverifiedCertificate"))
    signature = _bytes(token, "signature")
    issuer = issuers.of(certificate)
    if issuer is None:
        raise Refused(ISSUER, "no authority that is trusted here issued the certificate")
    _check_certificate(certificate, issuer, now)
    if not any(_signed(certificate, algorithm, signature, one, nonce) for one in origins):
        raise Refused(SIGNATURE, "the signature is over another origin, nonce, or by another key")
    return Card(certificate, issuer, issuer.number_of(_serial_number(certificate)))


def _bytes(token: Mapping[str, Any], name: str) -> bytes:
    written = token.get(name)
    if not isinstance(written, str) or not 0 < len(written) <= _MOST:
        raise Refused(FORMAT, f"{name} is missing, or too long")
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(FORMAT, f"{name} is not base64") from error


def _certificate(der: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        known = all(
            not isinstance(one.value, x509.UnrecognizedExtension)
            for one in certificate.extensions
            if one.critical
        )
    except ValueError as error:
        raise Refused(FORMAT, "the certificate cannot be read") from error
    if not known:
        raise Refused(CERTIFICATE, "a critical extension that is not understood")
    return certificate


def _check_certificate(certificate: x509.Certificate, issuer: CardIssuer, now: datetime) -> None:
    for one in (issuer.certificate, certificate):
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            raise Refused(ENDED, "a certificate is not valid yet, or no longer")
    if _is_authority(certificate):
        raise Refused(CERTIFICATE, "the certificate of an authority")
    usage = _extension(certificate, x509.KeyUsage)
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is None or not usage.digital_signature:
        raise Refused(CERTIFICATE, "its key is not for digital signatures")
    if extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in extended:
        raise Refused(CERTIFICATE, "its key is not for signing in")
    policies = _extension(certificate, x509.CertificatePolicies) or ()
    found = {policy.policy_identifier.dotted_string for policy in policies}
    if not found & issuer.policies:
        raise Refused(POLICY, "none of its policies is accepted from this authority")


def _is_authority(certificate: x509.Certificate) -> bool:
    basic = _extension(certificate, x509.BasicConstraints)
    return basic is not None and basic.ca


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _serial_number(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(found[0].value) if len(found) == 1 else ""


def _signed(
    certificate: x509.Certificate, algorithm: str, signature: bytes, origin: str, nonce: str
) -> bool:
    """Whether the card signed hash(origin) and hash(nonce), one after the other."""
    chosen = _HASHES[algorithm[2:]]
    message = _digest(chosen, origin) + _digest(chosen, nonce)
    key = certificate.public_key()
    try:
        if algorithm in _CURVES:
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            if key.curve.name != _CURVES[algorithm]:
                return False
            key.verify(_der(signature, key.key_size), message, ec.ECDSA(chosen))
            return True
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_RSA:
            return False
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if algorithm.startswith("PS"):
            scheme = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
        key.verify(signature, message, scheme, chosen)
    except (InvalidSignature, ValueError):
        return False
    return True


def _digest(chosen: hashes.HashAlgorithm, text: str) -> bytes:
    made = hashes.Hash(chosen)
    made.update(text.encode())
    return made.finalize()


def _der(signature: bytes, bits: int) -> bytes:
    """r and s side by side, each of the length of the curve's order — RFC 7518 §3.4."""
    size = (bits + 7) // 8
    if len(signature) != 2 * size:
        raise ValueError("r and s have another length")
    r, s = signature[:size], signature[size:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
