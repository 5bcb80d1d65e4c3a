"""Proof key for code exchange, S256 only — RFC 7636."""

import base64
import hashlib
import hmac
import re

METHODS = ("S256",)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # §4.1
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")  # §4.2: base64url of a SHA-256 is 43 characters


def is_challenge(value: str) -> bool:
    """Whether `value` can be the S256 challenge of some verifier."""
    return _CHALLENGE.fullmatch(value) is not None


def is_verifier(value: str) -> bool:
    """Whether `value` has the form of §4.1."""
    return _VERIFIER.fullmatch(value) is not None


def challenge_of(verifier: str) -> str:
    """BASE64URL(SHA256(verifier)) — §4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def proves(verifier: str, challenge: str) -> bool:
    """Whether `verifier` opens `challenge`, in constant time — §4.6."""
    return is_verifier(verifier) and hmac.compare_digest(challenge_of(verifier), challenge)
