"""Certificates: profiles, issuing, enrolment over secure transport, revocation."""

from pki import ceremony
from pki.authority import CertificateAuthority, prepare
from pki.certificate import IssuedCertificate, ValidCertificate
from pki.enrolment import Pki
from pki.installing import Installed, Installing
from pki.issuance import Settled
from pki.linking import linking_of
from pki.ports import Admission, Caller, EnrolmentGate
from pki.profile import Profile
from pki.refusals import (
    CertificateRefused,
    EnrolmentRefused,
    EnrolmentUnauthorized,
    EnrolmentWaits,
    RequestRefused,
)
from pki.request import CertificateRequest
from pki.rollover import Rollover, RolloverPlan
from pki.routes import doors
from pki.server_certificate import ServerCertificate
from pki.settings import PkiSettings

SECTIONS = (PkiSettings,)

__all__ = [
    "SECTIONS",
    "Admission",
    "Caller",
    "CertificateAuthority",
    "CertificateRefused",
    "CertificateRequest",
    "EnrolmentGate",
    "EnrolmentRefused",
    "EnrolmentUnauthorized",
    "EnrolmentWaits",
    "Installed",
    "Installing",
    "IssuedCertificate",
    "Pki",
    "PkiSettings",
    "Profile",
    "RequestRefused",
    "Rollover",
    "RolloverPlan",
    "ServerCertificate",
    "Settled",
    "ValidCertificate",
    "ceremony",
    "doors",
    "linking_of",
    "prepare",
]
