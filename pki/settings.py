"""The `[pki]` section."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from foundation import hosts
from foundation.settings import Section


class PkiSettings(Section):
    """How certificates are issued here. Profiles are data beside the code; this is what differs."""

    section: ClassVar[str] = "pki"
    key_algorithm: Literal["ES256", "ES384", "EdDSA", "RS256"] = "ES256"
    """Of the authorities' keys, when `civitas init` makes them; the others are ML-DSA."""
    root: Literal["here", "offline"] = "here"
    """Where the roots' keys are: sealed here, or made in a ceremony and kept elsewhere."""
    post_quantum: bool = True
    """Whether `civitas init` makes the ML-DSA authorities beside the others."""
    url: str | None = None
    """Where certificates say that lists, answers and issuers are found; plain http, RFC 5280 §8."""
    publish_ahead_days: int = Field(default=30, ge=0)
    """How long a next authority is published before it signs: as long as devices stay away."""
    renewal_grace_days: int = Field(default=30, ge=0, le=3650)
    """How long after its certificate ended a device may still renew it by its old key (EST
    simplereenroll), unless that was revoked meanwhile; 0: not at all."""
    linking: Literal["offered", "required"] = "offered"
    """Whether every EST request must be linked to its TLS connection (RFC 7030 §3.5); needs
    `[server] linking_listen`, where all devices then enrol and renew."""
    crl_hours: int = Field(default=24, ge=1, le=8760)
    """How long a revocation list may be relied on (its nextUpdate)."""
    delta_minutes: int = Field(default=60, ge=2, le=525600)
    """How long a delta list, which tells what changed lately, may be relied on."""
    ocsp_minutes: int = Field(default=60, ge=2, le=10080)
    """How long an answer of the OCSP responder may be relied on (its nextUpdate)."""
    crl_partitions: int = Field(default=32, ge=1, le=4096)
    """Into how many lists each issuing authority made from now on divides its certificates."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = hosts.http_url(value)
        except ValueError as error:
            raise ValueError(f"write an address such as http://pki.example.city: {error}") from None
        if not url.startswith("http://"):
            raise ValueError("write an address such as http://pki.example.city")
        return url
