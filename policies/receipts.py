"""Consent receipts: signed records in the shape of ISO/IEC TS 27560 — RFC 7515, RFC 7519, RFC 8725.

A receipt can be made again at any time from the record; the same state gives the same content.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt
from jwt import PyJWK

from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from policies.catalogue import Catalogue
from policies.consent import Consent
from policies.settings import PoliciesSettings

USE = "receipt"
TYPE = "consent-receipt+jwt"
SCHEMA = "ISO/IEC TS 27560:2023"
DPV = "https://w3id.org/dpv#"
# Only given consents are valid for processing; the vocabulary has a word for each other state.
STATES = {
    "active": "ConsentGiven",
    "withdrawn": "ConsentWithdrawn",
    "expired": "ConsentExpired",
    "replaced": "ConsentInvalidated",
    "refused": "ConsentRefused",
}
EVENTS = {
    "active": "given",
    "withdrawn": "withdrawn",
    "expired": "expired",
    "replaced": "replaced",
    "refused": "refused",
}
RIGHTS = ("access", "rectification", "erasure", "restriction", "portability", "withdrawal")


class NotAReceipt(Exception):
    """The token is not a receipt that this service signed."""


class Receipts:
    """Signs and verifies receipts of one deployment."""

    def __init__(self, runtime: Runtime, catalogue: Catalogue) -> None:
        self._runtime = runtime
        self._catalogue = catalogue
        self._issuer = runtime.settings.of(Server).url

    def sign(self, consent: Consent) -> str:
        """The receipt of a consent in its present state: a compact JWS, `typ` set."""
        signer = self._runtime.keys.signer(USE)
        header = {"alg": signer.algorithm, "kid": signer.kid, "typ": TYPE}
        at = consent.ended_at or consent.given_at
        claims = {
            "iss": self._issuer,
            "iat": int(at.timestamp()),
            "jti": f"{consent.id}.{EVENTS[consent.state]}",
            **self._record(consent),
        }
        signed = f"{_part(header)}.{_part(claims)}"
        return f"{signed}.{_base64url(signer.sign(signed.encode()))}"

    def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a receipt; raises NotAReceipt. The algorithm is that of the key."""
        try:
            unverified_header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise NotAReceipt(f"this is not a signed token: {error}") from None
        if unverified_header.get("typ") != TYPE:
            raise NotAReceipt("the token is of another type")
        key = self._runtime.keys.by_kid(str(unverified_header.get("kid", "")))
        if key is None or key.use != USE or key.state == "revoked":
            raise NotAReceipt("the token names no key of ours for receipts")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                PyJWK(self._runtime.keys.jwk(key)),
                algorithms=[key.algorithm],
                issuer=self._issuer,
                options={"require": ["iss", "iat", "jti"], "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise NotAReceipt(f"the receipt does not verify: {error}") from None
        return claims

    def keys(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that verifies receipts — RFC 7517 §5."""
        keys = self._runtime.keys
        return {"keys": [keys.jwk(key) for key in keys.published(USE)]}

    def _record(self, consent: Consent) -> dict[str, Any]:
        jurisdiction = self._runtime.settings.of(Jurisdiction)
        return {
            "header": {
                "schema_version": SCHEMA,
                "record_id": consent.id,
                "pii_principal_id": self._principal(consent),
            },
            "processing": {
                "privacy_notice": {
                    "version": consent.notice_version,
                    "text": consent.notice.text if consent.notice else None,
                    "sha256": consent.notice_digest.hex(),
                },
                "language": consent.notice_language,
                "purposes": [self._purpose(consent)],
                "jurisdiction": jurisdiction.country,
                "storage_locations": [jurisdiction.country],
                "recipient_third_parties": [consent.service],
                "withdrawal_method": f"{self._issuer}/account",
                "privacy_rights": list(RIGHTS),
                "authority": consent.giver.authority or consent.giver.kind,
            },
            "party_identification": [self._controller(), _recipient(consent)],
            "event": _events(consent),
        }

    def _purpose(self, consent: Consent) -> dict[str, Any]:
        purpose = self._catalogue.purposes.get(consent.purpose)
        return {
            "purpose_id": consent.purpose,
            "purpose": purpose.sentence if purpose else consent.purpose,
            "purpose_type": DPV + (purpose.dpv if purpose else "Purpose"),
            "lawful_basis": "consent",
            "explicit": consent.explicit,
            "pii_information": [self._information(name) for name in consent.attributes],
            "pii_not_given": list(consent.refused),
            "pii_controllers": ["controller"],
            "retention_period": f"P{consent.retention_days}D",
            "collection_method": "verified identity register",
            "uses_left": consent.uses_left,
        }

    def _information(self, name: str) -> dict[str, Any]:
        row = self._catalogue.attributes.get(name)
        if row is None:
            return {"pii_type": "", "pii_attribute_id": name, "special_pii_category": False}
        kind = self._catalogue.classes[row.data_class]
        return {
            "pii_type": row.data_class,
            "pii_attribute_id": name,
            "pii_optional": True,
            "special_pii_category": kind.special,
        }

    def _controller(self) -> dict[str, Any]:
        chosen = self._runtime.settings.of(PoliciesSettings)
        return {
            "party_id": "controller",
            "party_name": chosen.controller or self._runtime.settings.of(Jurisdiction).name,
            "party_role": "pii_controller",
            "party_contact": chosen.controller_contact or self._issuer,
            "party_type": "public authority",
        }

    def _principal(self, consent: Consent) -> str:
        """A pseudonym for this record alone: a receipt that is shown around joins nothing."""
        named = f"{consent.person_id}\0{consent.id}".encode()
        return _base64url(self._runtime.keys.mac("receipt-principal", named)[:16])


def _recipient(consent: Consent) -> dict[str, Any]:
    return {
        "party_id": consent.service,
        "party_name": consent.service_name,
        "party_role": "recipient",
        "party_contact": None,
        "party_type": "service",
    }


def _events(consent: Consent) -> list[dict[str, Any]]:
    first = "refused" if not consent.attributes and consent.state != "active" else "active"
    events = [_event(consent, first, consent.given_at)]
    if consent.ended_at is not None:
        events.append(_event(consent, consent.state, consent.ended_at))
    return events


def _event(consent: Consent, state: str, at: datetime) -> dict[str, Any]:
    return {
        "event_time": at.isoformat(),
        "valid_from": consent.not_before.isoformat(),
        "valid_until": consent.not_after.isoformat(),
        "entity_id": "principal" if consent.giver.kind == "self" else consent.giver.kind,
        "event_type": DPV + ("ExplicitlyExpressedConsent" if consent.explicit else "Consent"),
        "state": DPV + STATES[state],
        "act": EVENTS[state],
    }


def _part(content: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
