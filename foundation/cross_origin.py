"""Which pages of other origins may read an answer — Fetch Standard §3.2 (CORS), RFC 6454 §6.

Never with cookies: an answer is read by who could have asked for it without a browser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXPOSED = "WWW-Authenticate, Retry-After, DPoP-Nonce"
"""What tells a program why it was refused, when to come back, and with what (RFC 9449 §8)."""


def origin(uri: str) -> str:
    """Scheme, host and port of an absolute URI as a browser's Origin header writes them: a default
    port is left out (RFC 6454 §6.2)."""
    parts = urlsplit(uri)
    written = f"{parts.scheme}://{parts.netloc}".lower()
    default = _DEFAULT_PORTS.get(parts.scheme)
    return written.removesuffix(f":{default}") if default else written


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """`allows`: whether pages of an origin may read the answers of a route, refusals included;
    None where every page may."""

    allows: Callable[[str], bool] | None = None

    def headers(self, asking: str | None) -> dict[str, str]:
        """What an answer says to the page of the origin `asking`; None when no page asks."""
        if self.allows is None:
            return {"access-control-allow-origin": "*", "access-control-expose-headers": _EXPOSED}
        # Caches know that the answer differs, also from one that no page asked for.
        said = {"vary": "Origin"}
        if asking is not None and self.allows(asking):
            said["access-control-allow-origin"] = asking
            said["access-control-expose-headers"] = _EXPOSED
        return said


ANY_PAGE = CrossOrigin()
"""For what is public: metadata and keys."""
