"""Certificates: profiles, issuing, enrolment over secure transport, revocation."""

from pki.authority import CertificateAuthority, prepare, signer_for
from pki.ceremony import Box as RootsBox
from pki.ceremony import Requests as CeremonyRequests
from pki.ceremony import Root, TokenChoice, fingerprint, in_fours
from pki.ceremony import Signed as SignedInCeremony
from pki.ceremony import begin as begin_ceremony
from pki.ceremony import read as read_requests
from pki.ceremony import rehearse as rehearse_ceremony
from pki.ceremony import renew as renew_in_ceremony
from pki.ceremony import sign as sign_in_ceremony
from pki.cms import HASH_OIDS, CmsSigner, signed_data, signing_time
from pki.cms import bare as bare_signature
from pki.cms import signer as cms_signer
from pki.enrolment import Pki
from pki.issuing.issuance import Settled
from pki.issuing.server_certificate import ServerCertificate
from pki.lifecycle.installing import Installed, Installing
from pki.lifecycle.rollover import Rollover, RolloverPlan
from pki.linking import linking_of
from pki.one_act import OneAct
from pki.outlook.board import Attention
from pki.own_signer import CertifiedKey, Job, OwnSigner
from pki.path import PathRefused, trust_in
from pki.path import Rules as PathRules
from pki.ports import Admission, Caller, EnrolmentGate
from pki.profiles.profile import Profile
from pki.recognising import UnknownSigner
from pki.refusals import (
    CertificateRefused,
    EnrolmentRefused,
    EnrolmentUnauthorized,
    EnrolmentWaits,
    RequestRefused,
)
from pki.requests.request import CertificateRequest
from pki.revocation.banning import ban as ban_keys
from pki.revocation.banning import digests as digests_of_keys
from pki.revocation.mass_revocation import Selected, Selection
from pki.revocation.published_list import MOST_OCTETS as MOST_OCTETS_OF_LISTS
from pki.revocation.published_list import PublishedList
from pki.revocation.restoring import void_lists
from pki.revocation.revoking_again import Again, Counted
from pki.routes import routes_of
from pki.settings import PkiSettings
from pki.status.encoding import pem as revocation_list_pem
from pki.status.evidence import Evidence
from pki.status.lists import COMPLETE, DELTA
from pki.store import is_revoked, recorded_since, standing_under
from pki.tables import authorities
from pki.timestamps.request import Refused as TimeStampRefused
from pki.timestamps.settings import TimeStampSettings
from pki.timestamps.stamping import TimeStamping
from pki.x509.certificate import IssuedCertificate, ValidCertificate

SECTIONS = (PkiSettings, TimeStampSettings)

__all__ = [
    "COMPLETE",
    "DELTA",
    "HASH_OIDS",
    "MOST_OCTETS_OF_LISTS",
    "SECTIONS",
    "Admission",
    "Again",
    "Attention",
    "Caller",
    "CeremonyRequests",
    "CertificateAuthority",
    "CertificateRefused",
    "CertificateRequest",
    "CertifiedKey",
    "CmsSigner",
    "Counted",
    "EnrolmentGate",
    "EnrolmentRefused",
    "EnrolmentUnauthorized",
    "EnrolmentWaits",
    "Evidence",
    "Installed",
    "Installing",
    "IssuedCertificate",
    "Job",
    "OneAct",
    "OwnSigner",
    "PathRefused",
    "PathRules",
    "Pki",
    "PkiSettings",
    "Profile",
    "PublishedList",
    "RequestRefused",
    "Rollover",
    "RolloverPlan",
    "Root",
    "RootsBox",
    "Selected",
    "Selection",
    "ServerCertificate",
    "Settled",
    "SignedInCeremony",
    "TimeStampRefused",
    "TimeStampSettings",
    "TimeStamping",
    "TokenChoice",
    "UnknownSigner",
    "ValidCertificate",
    "authorities",
    "ban_keys",
    "bare_signature",
    "begin_ceremony",
    "cms_signer",
    "digests_of_keys",
    "fingerprint",
    "in_fours",
    "is_revoked",
    "linking_of",
    "prepare",
    "read_requests",
    "recorded_since",
    "rehearse_ceremony",
    "renew_in_ceremony",
    "revocation_list_pem",
    "routes_of",
    "sign_in_ceremony",
    "signed_data",
    "signer_for",
    "signing_time",
    "standing_under",
    "trust_in",
    "void_lists",
]
