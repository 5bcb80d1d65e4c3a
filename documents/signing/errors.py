"""The errors of the Cloud Signature Consortium's API — CSC API 2.x §10."""

from __future__ import annotations

from typing import ClassVar

from foundation.errors import OAuthError


class CscInvalidRequest(OAuthError):
    """A parameter is missing, malformed, or does not fit what the person agreed to."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"


class AuthorizationPending(OAuthError):
    """The person has not answered yet — as RFC 8628 §3.5 says it."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "authorization_pending"


class AccessDenied(OAuthError):
    """The person said no, or did not answer in time."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "access_denied"


class InvalidOtpOrSad(OAuthError):
    """The signature activation data is wrong, or was used."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_sad"
