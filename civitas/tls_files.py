"""The certificate of our own TLS listener, where the operator brings none: made, and renewed."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from civitas.deployment import Deployment
from foundation.settings import Server
from pki import CertificateAuthority


def ensure(deployment: Deployment) -> bool:
    """Issue a server certificate if there is none, or if ours has a third of its life left.

    A certificate that another authority issued is the operator's, and never touched. The server
    takes changed files up while it runs. Returns whether a certificate was issued.
    """
    settings = deployment.ground.settings
    server = settings.of(Server)
    authority = deployment.parts.get("pki")
    if not server.tls_listen or not isinstance(authority, CertificateAuthority):
        return False
    certificate, key = settings.resolve(server.tls_certificate), settings.resolve(server.tls_key)
    if certificate.exists() and not _due(certificate, authority, deployment.ground.clock.now()):
        return False
    host = urlsplit(server.tls_url or server.url).hostname or "localhost"
    issued = authority.issue_server_certificate(
        [host, "127.0.0.1"] if host == "localhost" else [host]
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    _replace(key, issued.key_pem, 0o600)
    _replace(certificate, issued.chain_pem, 0o644)
    return True


def _due(path: Path, authority: CertificateAuthority, now: datetime) -> bool:
    found = x509.load_pem_x509_certificates(path.read_bytes())[0]
    if found.issuer in {a.certificate.subject for a in authority.hierarchy.distrusted()}:
        return True
    if found.issuer not in {a.subject for a in authority.authorities()}:
        return False
    life = found.not_valid_after_utc - found.not_valid_before_utc
    return now > found.not_valid_after_utc - life / 3


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write beside, then rename: nobody ever reads half a file."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
