"""Each column that says when something is over, and who reads it — X.1253 9.2-6, GDPR art. 5.

An end that nobody reads keeps what it should end: a test walks all tables and finds such a column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column

from foundation.clock import Instant

_ENDS = re.compile(r"(^|_)(expires_at|ends_at|until|not_after)$")


@dataclass(frozen=True, slots=True)
class End:
    """`deleted_by`: the module that deletes the row some time after its end; None when it is kept,
    and then `why`. `read_by`: the module that takes the end for the end."""

    read_by: str
    deleted_by: str | None
    why: str = ""


_OAUTH = "idp.oauth"
_CREDENTIALS = "documents.credentials"
_LOCKER = "documents.locker.document"
_TERMS = "idp.register.retention"

ENDS: Mapping[str, End] = {
    "broker_sessions.expires_at": End("idp.broker.store", "idp.broker.store"),
    "broker_transactions.expires_at": End("idp.broker.store", "idp.broker.store"),
    "consents.not_after": End(
        "policies.store", None, "the record of a consent is the person's and the controller's proof"
    ),
    "credential_batches.expires_at": End(f"{_CREDENTIALS}.store", f"{_CREDENTIALS}.store"),
    "credential_copies.expires_at": End(f"{_CREDENTIALS}.store", f"{_CREDENTIALS}.store"),
    "credential_ends.expires_at": End(f"{_CREDENTIALS}.store", f"{_CREDENTIALS}.store"),
    "credential_nonces.expires_at": End(f"{_CREDENTIALS}.store", f"{_CREDENTIALS}.store"),
    "developer_trials.expires_at": End("idp.developers.store", "idp.developers.store"),
    "device_changeovers.ends_at": End(
        "device_registry.changing_over", None, "one row a change of keys: the history of a fleet"
    ),
    "device_credentials.not_after": End(
        "device_registry.renewal", None, "which certificate was whose, for as long as the device is"
    ),
    "enrolment_tokens.expires_at": End(
        "device_registry.gate", None, "a digest: which token led to which certificate"
    ),
    "document_links.not_after": End(_LOCKER, None, "who could see a document, and until when"),
    "document_requests.expires_at": End(
        "documents.locker.asking", "documents.locker.sharing_store"
    ),
    "document_shares.not_after": End(_LOCKER, None, "who could see a document, and until when"),
    "documents.valid_until": End(_LOCKER, None, "the document is its person's"),
    "federation_marks.expires_at": End("idp.federation.store", "idp.federation.store"),
    "federation_own_marks.expires_at": End(
        "idp.federation.own_marks", "idp.federation.store", "replaced by the next ones"
    ),
    "login_challenges.expires_at": End("idp.login.challenges", "idp.login.challenges"),
    "login_enrolments.expires_at": End("idp.login.enrolments", "idp.login.enrolments"),
    "login_failures.until": End("idp.login.failures", "idp.login.failures"),
    "login_sessions.ends_at": End("idp.login.sessions", "idp.login.sessions"),
    "oauth_assertions.expires_at": End(f"{_OAUTH}.assertions", f"{_OAUTH}.assertions"),
    "oauth_clients.previous_secret_until": End(
        f"{_OAUTH}.clients", None, "the row is the client; the secret before is dead from then on"
    ),
    "oauth_codes.expires_at": End(f"{_OAUTH}.codes", f"{_OAUTH}.codes"),
    "oauth_consent_answers.not_after": End(f"{_OAUTH}.answers", f"{_OAUTH}.answers"),
    "oauth_cut_offs.issued_until": End(
        f"{_OAUTH}.cut_offs", None, "one row a client: tokens from before it stay dead"
    ),
    "oauth_backchannel_requests.expires_at": End(
        f"{_OAUTH}.backchannel_requests", f"{_OAUTH}.backchannel_requests"
    ),
    "oauth_device_codes.expires_at": End(f"{_OAUTH}.device_codes", f"{_OAUTH}.device_codes"),
    "oauth_grants.expires_at": End(f"{_OAUTH}.grant", f"{_OAUTH}.grant_store"),
    "oauth_initial_access_tokens.expires_at": End(
        f"{_OAUTH}.dynamic.tokens", f"{_OAUTH}.dynamic.tokens"
    ),
    "oauth_pre_authorized_codes.expires_at": End(
        f"{_OAUTH}.pre_authorized_codes", f"{_OAUTH}.pre_authorized_codes"
    ),
    "oauth_pushed_requests.expires_at": End(
        f"{_OAUTH}.pushed_requests", f"{_OAUTH}.pushed_requests"
    ),
    "oauth_refresh_tokens.expires_at": End(f"{_OAUTH}.refresh_tokens", f"{_OAUTH}.refresh_tokens"),
    "oauth_revoked_tokens.expires_at": End(f"{_OAUTH}.sweeping", f"{_OAUTH}.sweeping"),
    "oauth_transactions.expires_at": End(
        f"{_OAUTH}.authorization.transaction", f"{_OAUTH}.authorization.transaction"
    ),
    "person_keys.held_until": End("foundation.vault", "foundation.vault"),
    "pki_authorities.recover_until": End(
        "pki.lifecycle.compromise", None, "an authority stays on record for ever"
    ),
    "pki_certificates.not_after": End(
        "pki.issuing.issuance", None, "no certificate of ours is ever unknown to us (RFC 5280)"
    ),
    "presentation_requests.expires_at": End(
        f"{_CREDENTIALS}.presenting.store", f"{_CREDENTIALS}.presenting.store"
    ),
    "presentation_requests.kept_until": End(
        f"{_CREDENTIALS}.presenting.store", f"{_CREDENTIALS}.presenting.store"
    ),
    "register_activation_codes.expires_at": End("idp.register.activation", _TERMS),
    "register_contact_codes.expires_at": End(
        "idp.register.applications.contact", "idp.register.applications.sweeping"
    ),
    "register_corrections.keep_until": End("idp.register.corrections", _TERMS),
    "register_lookups.until": End("idp.register.lookup", _TERMS),
    "register_notices.keep_until": End("idp.register.notices", "idp.register.notices"),
    "register_online_applications.expires_at": End(
        "idp.register.applications.store", "idp.register.applications.sweeping"
    ),
    "register_proofing_decisions.keep_until": End(_TERMS, _TERMS),
    "register_recoveries.expires_at": End("idp.register.recovery", "idp.register.recoveries"),
    "register_staff_invitations.expires_at": End("idp.register.staff", _TERMS),
    "register_staff_recoveries.expires_at": End("idp.register.staff_changes", _TERMS),
    "row_marks.until": End("foundation.rows.marks", "foundation.rows.marks"),
    "row_marks_owed.until": End(
        "foundation.rows.marks", "foundation.rows.marks", "handed on within seconds"
    ),
    "signing_keys.published_until": End(
        "foundation.signing_keys", None, "what was ever signed stays verifiable"
    ),
    "signing_keys.signs_until": End(
        "foundation.signing_keys", None, "what was ever signed stays verifiable"
    ),
    "signing_transactions.expires_at": End(
        "documents.signing.store",
        "documents.signing.store",
        "kept for the service",
    ),
    "signing_transactions.kept_until": End("documents.signing.store", "documents.signing.store"),
}


def says_when_over(column: Column[object]) -> bool:
    """Whether a column holds the end of what its row is about."""
    return isinstance(column.type, Instant) and _ENDS.search(column.name) is not None
