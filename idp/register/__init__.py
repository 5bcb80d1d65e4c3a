"""The identity register: persons, proofing, activation, staff — ISO/IEC 24760-1, 29115 §10.1."""

from idp.register.activation import (
    CODE_LENGTH,
    CodeRefused,
    IssuedCode,
    OpenActivation,
    characters_of_code,
)
from idp.register.applications import ApplicationSettings, OnlineApplications
from idp.register.applications import routes_of as application_routes
from idp.register.claims import KnownPerson
from idp.register.corrections import texts_of
from idp.register.csv_files import csv_text
from idp.register.desk import Desk
from idp.register.endpoints.desk_person import ARCHIVE
from idp.register.enrolment import REGISTER_ROW, Enrolled
from idp.register.evidence import Evidence, Findings
from idp.register.freezing import Frozen
from idp.register.identity_life import IdentityLife
from idp.register.imports import (
    FileRefused,
    Foreseen,
    Importer,
    ImportReport,
    Progress,
    RefusedRow,
    Remark,
)
from idp.register.life import State, TransitionRefused
from idp.register.lookup import check as purpose_sentence
from idp.register.lost import Lost, WrongBirthDate
from idp.register.notice_settings import NoticeSettings
from idp.register.notices import Notice
from idp.register.oversight import AuditedDecision, Measure, audited_decisions, officers_measures
from idp.register.person import Person, Step
from idp.register.ports import EndsWithIdentity
from idp.register.profile import Profile, WrongField, civil_number
from idp.register.profile_form import HINTS as FIELD_HINTS
from idp.register.profile_form import LABELS as FIELD_LABELS
from idp.register.profile_form import profile_of
from idp.register.proofing import Decision, ProofingRefused
from idp.register.proofing_policy import ProofingPolicies, UnpublishedPolicy
from idp.register.reasons import checked_reason
from idp.register.recoveries import Recoveries
from idp.register.recovery import DESK, POST
from idp.register.recovery import Recovery as WayBack
from idp.register.register import Register
from idp.register.routes import routes_of
from idp.register.settings import RegisterSettings
from idp.register.sign_in_names import NameTaken
from idp.register.sign_in_names import check as checked_sign_in_name
from idp.register.sign_in_names import written as sign_in_name_as_written
from idp.register.staff import ROLES, InvitationRefused, Role, StaffMember
from idp.register.staff_changes import Recovery, StaffChanges
from idp.register.store import AlreadyEnrolled, NoSuchPerson
from idp.register.subject import Subject, SubjectKind

SECTIONS = (RegisterSettings, NoticeSettings, ApplicationSettings)

__all__ = [
    "ARCHIVE",
    "CODE_LENGTH",
    "DESK",
    "FIELD_HINTS",
    "FIELD_LABELS",
    "POST",
    "REGISTER_ROW",
    "ROLES",
    "SECTIONS",
    "AlreadyEnrolled",
    "ApplicationSettings",
    "AuditedDecision",
    "CodeRefused",
    "Decision",
    "Desk",
    "EndsWithIdentity",
    "Enrolled",
    "Evidence",
    "FileRefused",
    "Findings",
    "Foreseen",
    "Frozen",
    "IdentityLife",
    "ImportReport",
    "Importer",
    "InvitationRefused",
    "IssuedCode",
    "KnownPerson",
    "Lost",
    "Measure",
    "NameTaken",
    "NoSuchPerson",
    "Notice",
    "NoticeSettings",
    "OnlineApplications",
    "OpenActivation",
    "Person",
    "Profile",
    "Progress",
    "ProofingPolicies",
    "ProofingRefused",
    "Recoveries",
    "Recovery",
    "RefusedRow",
    "Register",
    "RegisterSettings",
    "Remark",
    "Role",
    "StaffChanges",
    "StaffMember",
    "State",
    "Step",
    "Subject",
    "SubjectKind",
    "TransitionRefused",
    "UnpublishedPolicy",
    "WayBack",
    "WrongBirthDate",
    "WrongField",
    "application_routes",
    "audited_decisions",
    "characters_of_code",
    "checked_reason",
    "checked_sign_in_name",
    "civil_number",
    "csv_text",
    "officers_measures",
    "profile_of",
    "purpose_sentence",
    "routes_of",
    "sign_in_name_as_written",
    "texts_of",
]
