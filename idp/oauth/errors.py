"""The protocol's own words for refusals — RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from foundation.errors import (
    BadRequest,
    CivitasError,
    OAuthError,
    Problem,
    ascii_description,
)
from foundation.web import challenge
from idp.oauth import dpop
from idp.oauth.way_back import WayBack


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed."""

    status, code = 400, "invalid_request"


class InvalidClient(OAuthError):
    """Client authentication failed. RFC 6749 §5.2: 401 with a challenge of the scheme used."""

    status, code = 401, "invalid_client"

    def __init__(self, description: str, **more: object) -> None:
        more.setdefault("headers", {"WWW-Authenticate": 'Basic realm="oauth", charset="UTF-8"'})
        super().__init__(description, **more)  # type: ignore[arg-type]


class InvalidGrant(OAuthError):
    """The code, refresh token or verifier is wrong, expired, used up or somebody else's."""

    status, code = 400, "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client is known but not registered for this grant or response type."""

    status, code = 400, "unauthorized_client"


class UnknownUserId(OAuthError):
    """CIBA Core §13: the hint names nobody whom this client may ask."""

    status, code = 400, "unknown_user_id"


class InvalidBindingMessage(OAuthError):
    """CIBA Core §13: the message cannot be shown to a person."""

    status, code = 400, "invalid_binding_message"


class UnsupportedGrantType(OAuthError):
    """No file in `grants/` answers to this grant type."""

    status, code = 400, "unsupported_grant_type"


class UnsupportedTokenType(OAuthError):
    """RFC 7009 §2.2.1."""

    status, code = 400, "unsupported_token_type"


class InvalidScope(OAuthError):
    """A scope that is unknown, malformed, or that the client is not registered for."""

    status, code = 400, "invalid_scope"


class InvalidTarget(OAuthError):
    """RFC 8707 §2: a resource that the client may not ask a token for."""

    status, code = 400, "invalid_target"


class InvalidAuthorizationDetails(OAuthError):
    """RFC 9396 §5: an unknown type, or one that says what it may not."""

    status, code = 400, "invalid_authorization_details"


class UnsupportedResponseType(OAuthError):
    """Anything but `code`."""

    status, code = 400, "unsupported_response_type"


class InvalidRequestObject(OAuthError):
    """RFC 9101 §6: the request object does not verify or says something it may not."""

    status, code = 400, "invalid_request_object"


class RequestUriNotSupported(OAuthError):
    """OpenID Connect Core §6.2: `request_uri` is never fetched (failures 6)."""

    status, code = 400, "request_uri_not_supported"


class RequestNotSupported(OAuthError):
    """OpenID Connect Core §6.1: this client has no key to sign a request object with."""

    status, code = 400, "request_not_supported"


class InvalidMetadata(OAuthError):
    """RFC 7591 §3.2.2: a member of a registration, which the description begins with."""

    status, code = 400, "invalid_client_metadata"


class InvalidRedirectUri(OAuthError):
    """RFC 7591 §3.2.2: a redirect URI that nobody may register."""

    status, code = 400, "invalid_redirect_uri"


class InvalidDpopProof(OAuthError):
    """RFC 9449 §5: the proof does not hold."""

    status, code = 400, "invalid_dpop_proof"


class UseDpopNonce(OAuthError):
    """RFC 9449 §8: the same once more, with the nonce of the header."""

    status, code = 400, "use_dpop_nonce"


class AuthorizationPending(OAuthError):
    """RFC 8628 §3.5: the person has not answered yet."""

    status, code = 400, "authorization_pending"


class AskLessOften(OAuthError):
    """RFC 8628 §3.5: the device asks too often."""

    status, code = 400, "slow_down"


class ExpiredToken(OAuthError):
    """RFC 8628 §3.5: the device code is over."""

    status, code = 400, "expired_token"


class PersonRefused(OAuthError):
    """RFC 8628 §3.5, at the token endpoint."""

    status, code = 400, "access_denied"


class AccessDenied(OAuthError):
    """The person, or the policy, said no."""

    status, code = 403, "access_denied"


class LoginRequired(OAuthError):
    """Nobody suitable is signed in, and `prompt=none` forbids asking."""

    status, code = 400, "login_required"


class ConsentRequired(OAuthError):
    """The person has not been asked yet, and `prompt=none` forbids asking."""

    status, code = 400, "consent_required"


class UnmetAuthenticationRequirements(OAuthError):
    """An essential `acr` was not reached — OpenID Connect Unmet Authentication Requirements 1.0."""

    status, code = 400, "unmet_authentication_requirements"


class SlowDown(OAuthError):
    """Too many attempts from this source; `Retry-After` says when to come back."""

    status, code = 429, "temporarily_unavailable"


class BearerError(OAuthError):
    """A refusal at a protected resource; the challenge repeats the error — RFC 6750 §3."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "invalid_token"
    scheme: ClassVar[str] = "Bearer"
    told_more: ClassVar[Mapping[str, str]] = {}

    def render(self, request: Request) -> Response:
        text = ascii_description(self.description)
        more = {"error": self.code, "error_description": text, **self.told_more}
        said = challenge(request, self.scheme, realm="civitas", **more)
        self.headers.setdefault("WWW-Authenticate", said)
        return super().render(request)


class InvalidToken(BearerError):
    """The access token is expired, revoked, malformed, or bound to another certificate."""

    status, code = 401, "invalid_token"


class MissingToken(BearerError):
    """RFC 6750 §3.1: a request without any authentication gets a challenge without an error."""

    status, code = 401, "invalid_token"

    def render(self, request: Request) -> Response:
        by_key = " ".join(dpop.ALGORITHMS)
        self.headers["WWW-Authenticate"] = (
            f'{challenge(request, realm="civitas")}, DPoP algs="{by_key}"'
        )
        return super().render(request)


class DpopError(BearerError):
    """A refusal of a token that came by the scheme DPoP — RFC 9449 §7.1, §9."""

    scheme = "DPoP"
    told_more: ClassVar[Mapping[str, str]] = {"algs": " ".join(dpop.ALGORITHMS)}


class InvalidDpopToken(DpopError):
    """The token is bound to another key, or to none."""

    status, code = 401, "invalid_token"


class InvalidProofAtResource(DpopError):
    """The proof does not hold."""

    status, code = 401, "invalid_dpop_proof"


class NonceAtResource(DpopError):
    """The same once more, with the nonce of the header."""

    status, code = 401, "use_dpop_nonce"


class InsufficientScope(BearerError):
    """The token is good but not for this."""

    status, code = 403, "insufficient_scope"


class BadBearerRequest(BearerError):
    """A bearer token sent in two ways at once, or a malformed request — RFC 6750 §3.1."""

    status, code = 400, "invalid_request"


class UnusableRequest(BadRequest):
    """An authorization request that must not be answered by a redirect — RFC 6749 §4.1.2.1.

    Rendered as a page of ours: the redirect URI or the client is not to be trusted.
    """

    status, code = 400, "unusable_authorization_request"


class Redirected(OAuthError):
    """An authorization error that goes back to the client, with `state` and `iss` — RFC 9207 §2."""

    status, code = 303, "redirected"

    def __init__(
        self,
        cause: OAuthError,
        *,
        way_back: WayBack,
        issuer: str,
        respond: Callable[[Request, str], Response] | None = None,
    ) -> None:
        """`respond`: how it leaves; without one it is only asked where."""
        super().__init__(cause.description, detail=cause.detail, consequence=cause.consequence)
        self.cause = cause
        self.way_back = way_back
        self.issuer = issuer
        self.respond = respond

    @property
    def told(self) -> tuple[int, str]:
        return self.status, self.cause.code

    @property
    def location(self) -> str:
        """The place where the client reads the error, as its response mode says."""
        return self.way_back.place(
            {
                "error": self.cause.code,
                "error_description": ascii_description(self.description),
                "iss": self.issuer,
            }
        )

    def render(self, request: Request) -> Response:
        if self.respond is None:
            raise TypeError("this answer was only asked where it goes")
        return self.respond(request, self.location)


class TemporarilyUnavailable(OAuthError):
    """§5.2 has no word for a 503; this is that of §4.1.2.1."""

    status, code = 503, "temporarily_unavailable"


class ServerError(OAuthError):
    """A defect of ours, in the word of §4.1.2.1."""

    status, code = 500, "server_error"


_OUTAGES: Mapping[int, type[OAuthError]] = {503: TemporarilyUnavailable, 500: ServerError}


def said(request: Request, problem: Problem) -> CivitasError:
    """What goes wrong around an endpoint that programs ask: they find `error` there, too."""
    kind = _OUTAGES.get(problem.status)
    if kind is None:
        return problem
    where = f"[{problem.where}]" if problem.where else None
    words = filter(None, (problem.description, where, problem.next_step))
    return kind(" ".join(words), headers=problem.headers)
