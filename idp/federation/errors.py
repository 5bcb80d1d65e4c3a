"""Error responses of the federation endpoints — OpenID Federation 1.0 §8.9."""

from typing import ClassVar

from foundation.errors import OAuthError


class FederationError(OAuthError):
    """`error` and `error_description` as JSON, with the status that §8.9 gives it."""


class InvalidRequest(FederationError):
    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"


class InvalidTrustAnchor(FederationError):
    status: ClassVar[int] = 404
    code: ClassVar[str] = "invalid_trust_anchor"


class InvalidTrustChain(FederationError):
    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_trust_chain"


class NotFound(FederationError):
    status: ClassVar[int] = 404
    code: ClassVar[str] = "not_found"


class UnsupportedParameter(FederationError):
    status: ClassVar[int] = 400
    code: ClassVar[str] = "unsupported_parameter"
