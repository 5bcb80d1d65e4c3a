"""Certificates: profiles, issuing, enrolment over secure transport, revocation."""

from pki import ceremony
from pki.authority import CertificateAuthority, prepare
from pki.banning import ban as ban_keys
from pki.banning import digests as digests_of_keys
from pki.certificate import IssuedCertificate, ValidCertificate
from pki.enrolment import Pki
from pki.installing import Installed, Installing
from pki.issuance import Settled
from pki.linking import linking_of
from pki.mass_revocation import Selected, Selection
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
from pki.status.encoding import pem as revocation_list_pem
from pki.status.lists import COMPLETE, DELTA

SECTIONS = (PkiSettings,)

__all__ = [
    "COMPLETE",
    "DELTA",
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
    "Selected",
    "Selection",
    "ServerCertificate",
    "Settled",
    "ValidCertificate",
    "ban_keys",
    "ceremony",
    "digests_of_keys",
    "doors",
    "linking_of",
    "prepare",
    "revocation_list_pem",
]
