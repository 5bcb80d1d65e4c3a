"""Lint before anything is signed: the draft, read back, says what the profile says — RFC 5280 §4.

The draft is signed with a throw-away key, so that what is looked at is a whole certificate whose
signed part is byte for byte the one that the authority will sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from pki import drafting
from pki.lint import key_usages
from pki.names import written


class DraftRefused(Exception):
    """We were about to sign something that the profile does not say: a defect of ours."""


def examine(draft: drafting.Draft, issuer: x509.Certificate, private_key: Any) -> x509.Certificate:
    """The draft as a certificate of nobody, after every check: `drafting.signed_anew` makes it the
    authority's. Raises DraftRefused."""
    certificate = drafting.sign(draft, issuer, _throw_away(_kind(private_key)))
    wrong = _wrong(certificate, draft, issuer)
    if wrong is not None:
        raise DraftRefused(wrong)
    return certificate


def _wrong(
    certificate: x509.Certificate, draft: drafting.Draft, issuer: x509.Certificate
) -> str | None:
    profile = draft.profile
    extensions: dict[Any, Any] = {e.oid: e for e in certificate.extensions}
    expected = {
        ExtensionOID.BASIC_CONSTRAINTS: True,
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: False,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: False,
    }
    if profile.extended_key_usage:
        expected[ExtensionOID.EXTENDED_KEY_USAGE] = False
    if draft.alternative_names:
        expected[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] = False
    if {oid: e.critical for oid, e in extensions.items()} != expected:
        return "extensions differ from the profile"
    if extensions[ExtensionOID.BASIC_CONSTRAINTS].value.ca != profile.authority:
        return "basicConstraints differ from the profile"
    usage = extensions[ExtensionOID.KEY_USAGE].value
    if not isinstance(usage, x509.KeyUsage) or key_usages(usage) != profile.key_usage:
        return "keyUsage differs from the profile"
    if draft.alternative_names:
        names = extensions[ExtensionOID.SUBJECT_ALTERNATIVE_NAME].value
        if [written(name) for name in names] != list(draft.alternative_names):
            return "subjectAltName differs from the admission"
    return _wrong_frame(certificate, draft, issuer)


def _wrong_frame(
    certificate: x509.Certificate, draft: drafting.Draft, issuer: x509.Certificate
) -> str | None:
    if certificate.serial_number.bit_length() > 159 or certificate.serial_number <= 0:
        return "the serial number is not a positive number of at most 159 bits"
    if certificate.not_valid_after_utc > issuer.not_valid_after_utc:
        return "it would outlive its issuer"
    if certificate.issuer != issuer.subject:
        return "the issuer's name differs"
    if draft.public_key == issuer.public_key():
        return "it carries the issuer's own key"
    return None


_GENERATE: Mapping[str, tuple[type, Callable[[], Any]]] = {
    "EC": (ec.EllipticCurvePrivateKey, lambda: ec.generate_private_key(ec.SECP256R1())),
    "RSA": (rsa.RSAPrivateKey, lambda: rsa.generate_private_key(65537, 2048)),
    "Ed25519": (ed25519.Ed25519PrivateKey, ed25519.Ed25519PrivateKey.generate),
}


def _kind(private_key: Any) -> str:
    """The kind of the authority's key, whether in software or in a token."""
    for kind, (interface, _) in _GENERATE.items():
        if isinstance(private_key, interface):
            return kind
    raise DraftRefused(f"an authority cannot sign with {type(private_key).__name__}")


@lru_cache(maxsize=4)
def _throw_away(kind: str) -> Any:
    return _GENERATE[kind][1]()
