"""Who signs credentials, status lists and requests to wallets — RFC 7515 §4.1.6 (`x5c`)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from documents.credentials.sd_jwt import base64url
from foundation.settings import Jurisdiction, Server, Settings
from pki import CertifiedKey, Job

ISSUER_USE, VERIFIER_USE = "credentials", "presentations"


def issuer_job(settings: Settings) -> Job:
    """The key of this service as an issuer."""
    return Job(
        profile="credential-issuer",
        country=settings.of(Jurisdiction).country,
        use=ISSUER_USE,
        holder="credential-issuer",
        common_name="Credentials",
        signs_for=timedelta(days=365),
        names=(f"URI:{settings.of(Server).url}",),
    )


def verifier_job(settings: Settings) -> Job:
    """The key of this service as a verifier."""
    return Job(
        profile="credential-verifier",
        use=VERIFIER_USE,
        holder="credential-verifier",
        common_name="Requests to wallets",
        signs_for=timedelta(days=365),
        names=(f"URI:{settings.of(Server).url}",),
    )


def signed(by: CertifiedKey, typ: str, claims: Mapping[str, Any]) -> str:
    """A compact JWS with its chain of certificates, but for the root (`x5c`)."""
    chain = (by.certificate, *by.chain)
    header = {
        "alg": by.signer.algorithm,
        "typ": typ,
        "kid": by.signer.kid,
        "x5c": [base64.b64encode(der).decode() for der in chain],
    }
    signing_input = f"{_part(header)}.{_part(claims)}"
    return f"{signing_input}.{base64url(by.signer.sign(signing_input.encode()))}"


def certificate_hash(by: CertifiedKey) -> str:
    """The name of a verifier by its certificate (OpenID4VP §5.9.3, `x509_hash`)."""
    return base64url(hashlib.sha256(by.certificate).digest())


def _part(content: Mapping[str, Any]) -> str:
    return base64url(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode())
