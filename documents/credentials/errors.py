"""Refusals in the words of OpenID4VCI §8.3.1 and §11.3."""

from __future__ import annotations

from foundation.errors import OAuthError


class InvalidCredentialRequest(OAuthError):
    """The request misses something, or says it twice."""

    status, code = 400, "invalid_credential_request"


class UnknownConfiguration(OAuthError):
    """There is no such kind of credential, or it was not allowed to this wallet."""

    status, code = 400, "unknown_credential_configuration"


class UnknownIdentifier(OAuthError):
    """There is no such credential for this wallet."""

    status, code = 400, "unknown_credential_identifier"


class InvalidProof(OAuthError):
    """A proof of a key does not hold."""

    status, code = 400, "invalid_proof"


class InvalidNonce(OAuthError):
    """A proof of a key has no nonce of ours, or one that was used."""

    status, code = 400, "invalid_nonce"


class InvalidEncryption(OAuthError):
    """Encrypted answers are not offered."""

    status, code = 400, "invalid_encryption_parameters"


class CredentialDenied(OAuthError):
    """It is not given, and asking again changes nothing."""

    status, code = 400, "credential_request_denied"


class InvalidTransactionId(OAuthError):
    """There is nothing that this wallet waits for by this transaction_id (§9.3)."""

    status, code = 400, "invalid_transaction_id"


class InvalidNotificationId(OAuthError):
    status, code = 400, "invalid_notification_id"


class InvalidNotification(OAuthError):
    status, code = 400, "invalid_notification_request"
