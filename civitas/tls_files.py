"""The certificate of our own TLS listener, where the operator brings none: made, and renewed."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from civitas.deployment import Deployment
from foundation.settings import Server, Settings
from pki import Attention, CertificateAuthority

_SOON = timedelta(days=21)


def work_of(settings: Settings) -> str:
    """The name of the periodic work that looks after this machine's files: each machine has its
    own, and one of its processes does it."""
    place = f"{socket.gethostname()}\0{settings.resolve(settings.of(Server).tls_certificate)}"
    return f"tls certificate {sha256(place.encode()).hexdigest()[:8]}"


def ensure(deployment: Deployment) -> bool:
    """Issue a server certificate if there is none, if ours has a third of its life left, or if it
    has not begun: a clock that was ahead made it.

    A certificate that another authority issued is the operator's, and never touched. The server
    takes changed files up while it runs. Returns whether a certificate was issued.
    """
    settings = deployment.runtime.settings
    server = settings.of(Server)
    authority = deployment.parts.get("pki")
    if not server.tls_listen or not isinstance(authority, CertificateAuthority):
        return False
    certificate, key = settings.resolve(server.tls_certificate), settings.resolve(server.tls_key)
    if certificate.exists() and not _due(certificate, authority, deployment.runtime.clock.now()):
        return False
    host = urlsplit(server.tls_url or server.url).hostname or "localhost"
    issued = authority.issue_server_certificate(
        [host, "127.0.0.1"] if host == "localhost" else [host]
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    _replace(key, issued.key_pem, 0o600)
    _replace(certificate, issued.chain_pem, 0o644)
    return True


def attention(deployment: Deployment, now: datetime) -> Sequence[Attention]:
    """What an operator has to know of the certificate of our listener: ours is renewed by itself,
    another authority's is looked at here."""
    settings = deployment.runtime.settings
    server = settings.of(Server)
    path = settings.resolve(server.tls_certificate)
    if not server.tls_listen or not path.exists():
        return ()
    found = certificate_in(path)
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    if begins > now:
        reason, by = f"It begins on {begins:%Y-%m-%d %H:%M}, which is later than now.", now
    elif ends - min(_SOON, (ends - begins) / 4) <= now:
        reason, by = f"It {'ended' if ends <= now else 'ends'} on {ends:%Y-%m-%d}.", ends
    else:
        return ()
    step = "Check this machine's clock; put another certificate there, or remove both files: "
    return (Attention(str(path), reason, f"{step}`civitas serve` then makes its own.", by),)


def certificate_in(path: Path) -> x509.Certificate:
    """The first of a PEM file: the listener's own."""
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def _due(path: Path, authority: CertificateAuthority, now: datetime) -> bool:
    found = certificate_in(path)
    if found.issuer in {a.certificate.subject for a in authority.hierarchy.distrusted()}:
        return True
    if found.issuer not in {a.subject for a in authority.authorities()}:
        return False
    life = found.not_valid_after_utc - found.not_valid_before_utc
    last_third = found.not_valid_after_utc - life / 3
    return not found.not_valid_before_utc <= now <= last_third


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
