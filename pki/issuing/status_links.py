"""Where a certificate says that its status is found — RFC 5280 §4.2.1.13, §4.2.2.1, RFC 5019 §5.

Plain http on purpose (RFC 5280 §8): what is fetched is signed, and a client that checks a
certificate cannot be asked to check another one first.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from foundation.settings import Server

_THIS_MACHINE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class StatusLinks:
    """Addresses written into one certificate; `authority` is its issuer's short name."""

    issuer_certificate: str
    revocation_list: str
    responder: str


@dataclass(frozen=True, slots=True)
class StatusPlaces:
    """Where this deployment publishes: `base` such as `http://pki.example.city`."""

    base: str

    def issuer_certificate(self, authority: str) -> str:
        return f"{self.base}/pki/authorities/{authority}.cer"

    def revocation_list(self, authority: str, partition: int) -> str:
        return f"{self.base}/pki/crl/{authority}/{partition}.crl"

    def delta_list(self, authority: str, partition: int) -> str:
        return f"{self.base}/pki/crl/{authority}/{partition}-delta.crl"

    @property
    def responder(self) -> str:
        return f"{self.base}/pki/ocsp"

    def links(self, authority: str, partition: int) -> StatusLinks:
        return StatusLinks(
            self.issuer_certificate(authority),
            self.revocation_list(authority, partition),
            self.responder,
        )


def places(server: Server, written: str | None) -> StatusPlaces:
    """`[pki] url`, or the host of `[server] url` by plain http."""
    if written is not None:
        return StatusPlaces(written.rstrip("/"))
    parts = urlsplit(server.url)
    port = f":{parts.port}" if parts.port is not None and parts.scheme == "http" else ""
    host = parts.hostname or _THIS_MACHINE
    if host == "localhost":
        host = _THIS_MACHINE  # no fully qualified name, which an address in a certificate must have
    return StatusPlaces(f"http://[{host}]{port}" if ":" in host else f"http://{host}{port}")
