"""A chip card in software, and what the extension of Web eID makes of it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from idp.login.authenticators.card_issuers import CardIssuer
from pki import CertificateAuthority
from tests.support.devices import csr

POLICY = "2.25.80758992952516551727608640297118453772"


def token_of(
    certificate: x509.Certificate,
    key: Any,
    origin: str,
    nonce: str,
    algorithm: str = "ES256",
) -> dict[str, Any]:
    """The authentication token: the card signs hash(origin) and hash(nonce)."""
    name = f"sha{algorithm[2:]}"
    message = b"".join(hashlib.new(name, text.encode()).digest() for text in (origin, nonce))
    chosen = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[name]
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(chosen)))
    size = (key.key_size + 7) // 8
    return {
        "unverifiedCertificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "algorithm": algorithm,
        "signature": base64.b64encode(r.to_bytes(size, "big") + s.to_bytes(size, "big")).decode(),
        "format": "web-eid:1.0",
        "appVersion": "https://web-eid.eu/web-eid-app/releases/2.5.0+0",
    }


def card_for(
    authority: CertificateAuthority, key: Any, number: str, profile: str = "citizen-card"
) -> x509.Certificate:
    """What our own authority of people certifies of this key and civil number."""
    now = authority.clock.now()
    issued = authority.issue_by_hand(profile, csr(key, None), f"PNOEE-{number}", (), now)
    return x509.load_der_x509_certificate(issued.der)


def issuer_of(authority: CertificateAuthority, **more: Any) -> CardIssuer:
    """Our own authority of people, as an operator would name it."""
    import re

    (people,) = authority.hierarchy.named("people")
    return CardIssuer(
        **{
            "id": "city",
            "label": "Card of the city",
            "certificate": people.certificate,
            "policies": frozenset({POLICY}),
            "certified": True,
            "number": re.compile(r"PNOEE-(\w+)"),
            "responder": "http://pki.example.city/pki/ocsp",
            **more,
        }
    )
