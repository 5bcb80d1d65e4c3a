"""Where a process is killed, and what must hold after its restart: data for the tests."""

from __future__ import annotations

from dataclasses import dataclass

BEFORE, AFTER = "before", "after"
BEFORE_COMMIT, AFTER_COMMIT = "before commit", "after commit"


@dataclass(frozen=True)
class Point:
    """`done`: whether the act has happened when the process is gone. `first`: also in the short
    run, and on PostgreSQL."""

    name: str
    moment: str
    function: str
    done: bool
    nth: int = 1
    first: bool = False


ENROL = "idp.register.enrolment.Enrolment"
FINISH = "idp.register.imports.importer.Importer._finish"
IMPORT = (
    Point("before the first row", BEFORE, f"{ENROL}.enrol", False),
    Point("between a person's key and row", BEFORE, f"{ENROL}._establish", False, nth=3),
    Point("before a row's commit", BEFORE_COMMIT, f"{ENROL}._establish", False, nth=4, first=True),
    Point("after a row's commit", AFTER_COMMIT, f"{ENROL}._establish", False, nth=4),
    Point("after the last row", BEFORE, FINISH, False),
    Point("after the end, before it is told", AFTER, FINISH, True),
)

ISSUANCE = "pki.issuing.issuance.Issuance"
ENROLMENT = (
    Point("before the serial is recorded", BEFORE, "pki.store.hold_and_record", False),
    Point("before the record's commit", BEFORE_COMMIT, "pki.store.hold_and_record", False),
    Point("after the record's commit", AFTER_COMMIT, "pki.store.hold_and_record", True),
    Point("between record and sign", BEFORE, f"{ISSUANCE}._sign", True, first=True),
    Point("between sign and record", AFTER, f"{ISSUANCE}._sign", True),
    Point("before the last commit", BEFORE_COMMIT, "pki.store.signed", True),
    Point("after the last commit", AFTER_COMMIT, "pki.store.signed", True),
    Point("before the answer", BEFORE, "pki.est.simple_enrol.certificate", True),
)

PIPELINE = "idp.oauth.grants.pipeline.Pipeline"
REDEMPTION = (
    Point("before the code is looked at", BEFORE, f"{PIPELINE}._consume", False),
    Point("before the commit", BEFORE_COMMIT, "idp.oauth.codes.redeem", False, first=True),
    Point("after the commit", AFTER_COMMIT, "idp.oauth.codes.redeem", True, first=True),
    Point("before the answer", BEFORE, "idp.oauth.tokens.id_token.encode", True),
)

WITHDRAWAL = (
    Point("before the consent ends", BEFORE, "policies.store.withdraw", False),
    Point(
        "between the consent and its tokens",
        BEFORE,
        "idp.oauth.grant_store.end_of_consent",
        False,
    ),
    Point("before the commit", BEFORE_COMMIT, "policies.store.withdraw", False, first=True),
    Point("after the commit", AFTER_COMMIT, "policies.store.withdraw", True),
    Point("before the receipt", BEFORE, "policies.policies.Policies.receipt", True),
)

ACTIVATION = (
    Point("before the commit", BEFORE_COMMIT, "idp.login.store.add", False, first=True),
    Point("after the commit", AFTER_COMMIT, "idp.login.store.add", True),
)

SIGNING = "documents.signing.store"
SIGNATURE = (
    Point("before the consent", BEFORE, f"{SIGNING}.begin", False),
    Point("before the consent's commit", BEFORE_COMMIT, f"{SIGNING}.begin", False),
    Point("between consent and key", BEFORE, "pki.one_act.one_act", False, first=True),
    Point("between key and certificate", BEFORE, "pki.store.hold_and_record", False),
    Point("before the certificate is signed", BEFORE, f"{ISSUANCE}._sign", False),
    Point("before the certificate is there", BEFORE_COMMIT, "pki.store.signed", False),
    Point("between certificate and signature", BEFORE, "documents.signing.formats.sign", False),
    Point("before its entry", AFTER, "documents.signing.formats.sign", False, first=True),
    Point("before the last commit", BEFORE_COMMIT, f"{SIGNING}.conclude", False),
    Point("after the last commit", AFTER_COMMIT, f"{SIGNING}.conclude", True),
)
