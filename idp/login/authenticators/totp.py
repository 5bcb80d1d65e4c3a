"""Codes of an authenticator app — RFC 6238, RFC 4226 §5.3; NIST SP 800-63B §5.1.4.2, AU-8.

SHA-1, six digits, thirty seconds: what every app reads. The key is sealed at rest. The clock of a
telephone may differ by `[login] totp_drift` steps either way; each step works once.
"""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime

import segno
from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from markupsafe import Markup

from foundation.keys import Keys

DIGITS = 6
STEP = 30
"""Seconds."""
_KEY = 20  # RFC 4226 §4 R6: 160 bits are recommended
_PURPOSE = "login-totp"


class AuthenticatorApps:
    """Makes keys and verifies codes. ``of``: the credential to which a key is bound, by its id."""

    def __init__(self, keys: Keys, drift: int) -> None:
        self._keys = keys
        self._drift = drift

    def new_key(self, of: str) -> bytes:
        """The sealed key of a new app."""
        return self._keys.seal(_PURPOSE, secrets.token_bytes(_KEY), of)

    def text(self, sealed: bytes, of: str) -> str:
        """The key as people type it: base32, in groups of four."""
        written = base64.b32encode(self._keys.open(_PURPOSE, sealed, of)).decode()
        return " ".join(written[at : at + 4] for at in range(0, len(written), 4))

    def picture(self, sealed: bytes, of: str, name: str, issuer: str) -> Markup:
        """The key as a QR code, SVG to stand in a page."""
        address = self._totp(sealed, of).get_provisioning_uri(name, issuer)
        drawn = segno.make_qr(address, error="m")
        # Black on white in a dark theme, too; it scales with the page.
        svg = drawn.svg_inline(light="#fff", border=4, omitsize=True, svgclass="qr")
        return Markup(svg)  # noqa: S704 - drawn here, of modules alone

    def step(self, typed: str, sealed: bytes, of: str, now: datetime) -> int | None:
        """The time step whose code was typed; None for a wrong one. RFC 6238 §5.2: whether the
        step is later than the last one used is the caller's to see."""
        code = digits(typed).encode()
        totp = self._totp(sealed, of)
        present = int(now.timestamp()) // STEP
        found = None
        for step in range(present - self._drift, present + self._drift + 1):
            if constant_time.bytes_eq(totp.generate(step * STEP), code):
                found = step
        return found

    def _totp(self, sealed: bytes, of: str) -> TOTP:
        return TOTP(self._keys.open(_PURPOSE, sealed, of), DIGITS, SHA1(), STEP)  # noqa: S303 - RFC 6238 §1.2


def digits(typed: str) -> str:
    """What was typed, without the spaces and dashes that codes are shown with."""
    return re.sub(r"[\s-]", "", typed[:40])
