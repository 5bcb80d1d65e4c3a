"""Certificates as facts: one that we issued, one that a caller presented and we validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that stands in the record; `serial` in hex, `thumbprint` as `x5t#S256`.

    `reference` is the leave under which it was issued, `public_key` the SHA-256 of its
    SubjectPublicKeyInfo in hex, `der` the certificate itself. `left_out` names what the request
    carried and the certificate does not (`lint.left_out`).
    """

    serial: str
    reference: str
    holder: str
    profile: str
    public_key: str
    thumbprint: str
    not_before: datetime
    not_after: datetime
    der: bytes = field(repr=False)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidCertificate:
    """A client certificate after every check of `validate_client`; nothing else makes one.

    `subject` and `names` are what a renewal must repeat (RFC 7030 §4.2.2).
    """

    serial: str
    holder: str
    profile: str
    thumbprint: str
    public_key: str
    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
