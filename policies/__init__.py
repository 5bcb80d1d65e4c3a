"""Levels of assurance, purposes, consents, and the one decision on every release of data."""

from policies.catalogue import (
    Attribute,
    AuthorizationType,
    Catalogue,
    Control,
    DataClass,
    DetailField,
    Purpose,
)
from policies.consent import Consent, Giver, Notice, Standing
from policies.consents import OWN_SERVICE
from policies.endpoints.receipts import shown as consent_shown
from policies.evaluations import DecisionPoint
from policies.evidence import Held, conformance
from policies.levels import (
    Level,
    PasskeyEvidence,
    Proofing,
    SessionLevel,
    Used,
    acr_of,
    authenticator_of_passkey,
    level_of_acr,
)
from policies.loading import extended
from policies.policies import Policies, prepare
from policies.ports import Ended, EndsWithConsent, Subjects
from policies.question import Decision, Deny, Facts, Ground, Known, Permit, Question
from policies.receipts import NotAReceipt
from policies.routes import receipt_routes, routes_of
from policies.settings import PoliciesSettings
from policies.withdrawal import Receipt, Withdrawal

SECTIONS = (PoliciesSettings,)

__all__ = [
    "OWN_SERVICE",
    "SECTIONS",
    "Attribute",
    "AuthorizationType",
    "Catalogue",
    "Consent",
    "Control",
    "DataClass",
    "Decision",
    "DecisionPoint",
    "Deny",
    "DetailField",
    "Ended",
    "EndsWithConsent",
    "Facts",
    "Giver",
    "Ground",
    "Held",
    "Known",
    "Level",
    "NotAReceipt",
    "Notice",
    "PasskeyEvidence",
    "Permit",
    "Policies",
    "PoliciesSettings",
    "Proofing",
    "Purpose",
    "Question",
    "Receipt",
    "SessionLevel",
    "Standing",
    "Subjects",
    "Used",
    "Withdrawal",
    "acr_of",
    "authenticator_of_passkey",
    "conformance",
    "consent_shown",
    "extended",
    "level_of_acr",
    "prepare",
    "receipt_routes",
    "routes_of",
]
