"""Trust marks: what an accreditation looks like on the wire — OpenID Federation 1.0 §7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from idp.federation import jws
from idp.federation.entity_statement import EntityStatement
from idp.federation.jws import Invalid

TYP = "trust-mark+jwt"
CONTENT_TYPE = f"application/{TYP}"
STATUS_TYP = "trust-mark-status-response+jwt"
STATUS_CONTENT_TYPE = f"application/{STATUS_TYP}"

ACTIVE, EXPIRED, REVOKED, INVALID = "active", "expired", "revoked", "invalid"
SUSPENDED = "suspended"
"""Our additional status (§8.4.2 allows it): stopped for now, and may be active again."""


@dataclass(frozen=True, slots=True)
class TrustMark:
    """A mark whose signature and time were verified."""

    token: str
    trust_mark_type: str
    issuer: str
    subject: str
    expires_at: datetime


def type_of_level(authority: str, level: int) -> str:
    """The type identifier of accreditation at `level` by `authority` (a URL of its own)."""
    return f"{authority.removesuffix('/')}/trust-marks/loa-{level}"


def level_of_type(authority: str, trust_mark_type: str) -> int | None:
    """The level that a type stands for, or None when it is not one of `authority`'s levels."""
    for level in (1, 2, 3, 4):
        if trust_mark_type == type_of_level(authority, level):
            return level
    return None


def validate(
    token: str,
    trust_mark_type: str,
    subject: str,
    anchor: EntityStatement,
    now: datetime,
) -> TrustMark:
    """The mark, issued by the anchor itself to `subject` (§7.3). Raises Invalid.

    `anchor` is the verified configuration of the trust anchor. Marks of other issuers need a
    trust chain of their own and are not accepted here; nor is a delegated one.
    """
    unverified = jws.read(token, TYP)
    claimed = unverified.unverified_claims
    if claimed.get("iss") != anchor.issuer:
        raise Invalid("The trust mark was not issued by the trust anchor.")
    trusted = anchor.trust_mark_issuers.get(trust_mark_type)
    if trusted is not None and trusted and anchor.issuer not in trusted:
        raise Invalid("The issuer of the trust mark may not issue marks of this type.")
    if trust_mark_type in anchor.trust_mark_owners or "delegation" in claimed:
        raise Invalid("Delegated trust marks are not accepted.")
    claims = jws.verify(unverified, anchor.keys)
    if claims.get("trust_mark_type") != trust_mark_type:
        raise Invalid("The trust mark is of another type than its entry says.")
    if claims.get("sub") != subject:
        raise Invalid("The trust mark was issued to another entity.")
    expires = jws.check_lifetime(claims, now)
    return TrustMark(token, trust_mark_type, anchor.issuer, subject, expires)


def validate_status(
    answer: str, mark: TrustMark, keys: Sequence[Mapping[str, Any]], now: datetime
) -> str:
    """The status that the mark's issuer gives it now (§8.4.2). Raises Invalid."""
    claims = jws.verify(jws.read(answer, STATUS_TYP), keys)
    if claims.get("iss") != mark.issuer or claims.get("trust_mark") != mark.token:
        raise Invalid("The trust mark status is about something else.")
    age = now - jws.instant(claims, "iat")
    # The answer has no exp, so an old one could be shown again for ever.
    if not -jws.LEEWAY <= age <= 2 * jws.LEEWAY:
        raise Invalid("The trust mark status is not fresh.")
    status = claims.get("status")
    if not isinstance(status, str):
        raise Invalid("The trust mark status is missing.")
    return status
