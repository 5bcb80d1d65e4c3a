"""Authenticated encryption of stored values — NIST SP 800-38D (AES-256-GCM).

A sealed value is `version ‖ nonce ‖ ciphertext and tag`. The nonce is 96 random bits, so one key
seals at most 2^32 values; keys are derived per purpose and per person, which stays far below.
The context is authenticated but not stored: a value that is moved elsewhere does not open.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12


class CannotOpen(Exception):
    """A sealed value was changed, moved to another context, or sealed under another key."""


def seal_under(cipher: AESGCM, plaintext: bytes, context: str) -> bytes:
    """version ‖ nonce ‖ ciphertext and tag; the context is authenticated, not stored."""
    nonce = os.urandom(_NONCE)
    return _VERSION + nonce + cipher.encrypt(nonce, plaintext, _VERSION + context.encode())


def open_under(cipher: AESGCM, sealed: bytes, context: str) -> bytes:
    """The plaintext of `seal_under`; raises CannotOpen."""
    if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE + 16:
        raise CannotOpen("not a sealed value of a known version")
    nonce, ciphertext = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        return cipher.decrypt(nonce, ciphertext, _VERSION + context.encode())
    except InvalidTag:
        raise CannotOpen("the sealed value was changed or belongs to another context") from None
