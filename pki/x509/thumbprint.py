"""The thumbprint by which tokens are bound to a certificate — RFC 8705 §3.1 (`x5t#S256`)."""

from __future__ import annotations

import base64
import hashlib


def x5t_s256(der: bytes) -> str:
    """SHA-256 of the DER certificate, base64url without padding: 43 characters."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode("ascii")
