"""Every check on an authorization request, in order — RFC 6749 §4.1.2.1, RFC 7636 §4.4.1, RFC 9700.

The first two protect the redirect: while they have not passed, the answer is a page of ours.
A check that is missing here is missing in the product; there is no other list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from idp.oauth import details, dpop, pkce, profiles, resources, scopes
from idp.oauth.authorization.request import (
    MOST_CHARACTERS,
    MalformedClaims,
    UncheckedRequest,
    claims_wanted,
)
from idp.oauth.client import OFFLINE_ACCESS, OPENID, OPENID_CREDENTIAL, Client
from idp.oauth.errors import (
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    RequestUriNotSupported,
    UnsupportedResponseType,
    UnusableRequest,
)
from idp.oauth.way_back import RESPONSE_MODES, SIGNED, response_mode

PROMPTS = frozenset({"none", "login", "consent", "select_account"})


WITH_A_MEANING = (
    *("client_id", "response_type", "response_mode", "redirect_uri", "scope", "purpose", "state"),
    *("nonce", "prompt", "max_age", "acr_values", "claims", "ui_locales", "resource"),
    *("code_challenge", "code_challenge_method", "login_hint", "id_token_hint", "request_uri"),
    *("dpop_jkt", "authorization_details"),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """A request beside the client that it names."""

    request: UncheckedRequest
    client: Client
    issuer: str
    must_be_pushed: bool = False
    detail_types: details.Types = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        return self.request.get(name)


def client_may_ask(asked: Examined) -> None:
    """The client is active and registered for the code flow."""
    if not asked.client.active:
        raise UnusableRequest(
            "This service is suspended.",
            where="client_id",
            next_step="Ask the service; nothing about you was given to it.",
        )
    if "authorization_code" not in asked.client.grant_types:
        raise UnusableRequest(
            "This client is not registered to sign people in.",
            where="client_id",
            next_step="Register the client for the grant type authorization_code.",
        )


def exact_redirect_uri(asked: Examined) -> None:
    """The redirect URI is there, and is one that was registered, exactly (failures 1)."""
    uri = asked.get("redirect_uri")
    if uri is None or not asked.client.owns_redirect(uri):
        raise UnusableRequest(
            "The service sent an address to return to that it has not registered.",
            where="redirect_uri",
            next_step="Go back to the service and start again; if it happens again, tell them.",
        )


def moderate_size(asked: Examined) -> None:
    """No single parameter that means something is absurdly long, or there twice."""
    for name in WITH_A_MEANING:
        if len(asked.get(name) or "") > MOST_CHARACTERS:
            raise InvalidRequest(f"{name} is longer than {MOST_CHARACTERS} characters")


def no_request_uri(asked: Examined) -> None:
    """`request_uri` is refused: nothing is ever fetched for a request (failures 6)."""
    if asked.get("request_uri") is not None:
        raise RequestUriNotSupported("request_uri is not supported; send the parameters themselves")


def response_type_code(asked: Examined) -> None:
    """Code only: no token ever travels in a URL (RFC 9700 §2.1.2)."""
    response_type = asked.get("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is missing; send response_type=code")
    if response_type != "code" or "code" not in asked.client.response_types:
        raise UnsupportedResponseType("only response_type=code is supported")


def known_response_mode(asked: Examined) -> None:
    """The answer travels in one of the ways that there are."""
    if asked.get("response_mode") not in (None, *RESPONSE_MODES):
        raise InvalidRequest(f"response_mode must be one of {', '.join(RESPONSE_MODES)}")


def pkce_s256(asked: Examined) -> None:
    """A challenge by S256 is there (failures 2); a nonce where the client may go without one."""
    challenge = asked.get("code_challenge")
    if challenge is None:
        _nonce_instead(asked)
        return
    if asked.get("code_challenge_method") not in pkce.METHODS:
        raise InvalidRequest("code_challenge_method must be S256")
    if not pkce.is_challenge(challenge):
        raise InvalidRequest("code_challenge must be the base64url form of a SHA-256 digest")


def _nonce_instead(asked: Examined) -> None:
    """RFC 9700 §2.1.1: a confidential client of OpenID Connect may rely on its nonce."""
    if asked.client.require_pkce or asked.get("code_challenge_method") is not None:
        raise InvalidRequest("code_challenge is missing; PKCE with S256 is required (RFC 7636)")
    if asked.get("nonce") is None and asked.client.require_nonce:
        raise InvalidRequest(
            "nonce is missing; this client may leave out the code_challenge only beside a nonce "
            "that it compares with the one in the ID token (RFC 9700 §2.1.1)"
        )


def registered_scope(asked: Examined) -> None:
    """Every scope value is registered for this client."""
    text = asked.get("scope")
    if text is None and asked.client.is_wallet and asked.get("authorization_details") is not None:
        return  # a wallet says in detail what it is to hold (OpenID4VCI §5.1.1)
    try:
        wanted = scopes.parse(text or "")
    except scopes.MalformedScope:
        raise InvalidScope("scope is missing or malformed; send at least scope=openid") from None
    for scope in wanted:
        if scope not in asked.client.scopes:
            registered = " ".join(sorted(asked.client.scopes))
            raise InvalidScope(
                f"this client is not registered for the scope {scope}; it may ask for: {registered}"
            )
    if OPENID not in wanted and not _for_a_wallet(asked, wanted):
        raise InvalidScope("scope must contain openid")
    if OFFLINE_ACCESS in wanted and "refresh_token" not in asked.client.grant_types:
        raise InvalidScope("offline_access needs the grant type refresh_token")


def _for_a_wallet(asked: Examined, wanted: Collection[str]) -> bool:
    """Whether it asks for credentials, and so for no ID token (OpenID4VCI §5.1.2)."""
    if not asked.client.is_wallet or OPENID_CREDENTIAL not in asked.detail_types:
        return False
    fields = asked.detail_types[OPENID_CREDENTIAL].fields
    offered = fields["credential_configuration_id"].values
    return any(scope in offered for scope in wanted) or bool(asked.get("authorization_details"))


def registered_purpose(asked: Examined) -> None:
    """There is one purpose, and the client is registered for it (privacy G-1, P-3)."""
    if asked.client.purpose_of(asked.get("purpose")) is None:
        listed = ", ".join(asked.client.purposes) or "none"
        raise InvalidRequest(f"purpose must be one that is registered for this client: {listed}")


def known_prompt(asked: Examined) -> None:
    """`prompt` holds known words, and `none` stands alone."""
    words = (asked.get("prompt") or "").split()
    if not set(words) <= PROMPTS:
        raise InvalidRequest("prompt must be of none, login, consent, select_account")
    if "none" in words and len(words) > 1:
        raise InvalidRequest("prompt=none must stand alone")


def max_age_in_seconds(asked: Examined) -> None:
    """`max_age` is a number of seconds."""
    value = asked.get("max_age")
    if value is not None and not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise InvalidRequest("max_age must be a number of seconds")


def well_formed_claims(asked: Examined) -> None:
    """`claims` is the JSON of OpenID Connect Core §5.5."""
    try:
        claims_wanted(asked.get("claims"))
    except MalformedClaims as reason:
        raise InvalidRequest(f"claims is malformed: {reason}") from None


def registered_resource(asked: Examined) -> None:
    """The resource is one that this client may ask tokens for (RFC 8707 §2), or this server."""
    resource = asked.get("resource")
    if resource is None or resources.is_ours(resource, asked.issuer):
        return
    if resource not in asked.client.audiences:
        raise InvalidTarget("this client is not registered for that resource")


def known_details(asked: Examined) -> None:
    """What is asked for in detail is of a registered type, and says what that may (RFC 9396 §5)."""
    try:
        details.parse(asked.get("authorization_details"), asked.detail_types, asked.client)
    except details.Unusable as reason:
        raise InvalidAuthorizationDetails(f"authorization_details: {reason}") from None


def thumbprint_of_a_key(asked: Examined) -> None:
    """`dpop_jkt` is a thumbprint by SHA-256 (RFC 9449 §10)."""
    named = asked.get("dpop_jkt")
    if named is not None and not dpop.is_thumbprint(named):
        raise InvalidRequest("dpop_jkt must be the base64url form of a SHA-256 thumbprint")


def signed_when_it_must_be(asked: Examined) -> None:
    """A client that must sign its requests did (RFC 9101 §10.5)."""
    if asked.client.require_signed_request_object and not asked.request.signed:
        raise InvalidRequest("this client must send its request as a signed request object")


def pushed_when_it_must_be(asked: Examined) -> None:
    """A client that must push its requests did (RFC 9126 §6)."""
    must = asked.must_be_pushed or asked.client.require_pushed_authorization_requests
    if must and asked.request.pushed is None:
        raise InvalidRequest(
            "this request must be pushed first, to the pushed_authorization_request_endpoint "
            "(RFC 9126)"
        )


def signed_answer_when_it_must_be(asked: Examined) -> None:
    """A client of FAPI 2.0 Message Signing asks for a signed answer (§5.4)."""
    must = asked.client.profile == profiles.MESSAGE_SIGNING
    mode = response_mode(asked.get("response_mode"), asked.get("response_type"))
    if must and not mode.endswith(SIGNED):
        raise InvalidRequest(
            "response_mode must be jwt, or another one that is signed, for this client "
            "(FAPI 2.0 Message Signing)"
        )


Check = Callable[[Examined], None]

ON_DEVICES: tuple[Check, ...] = (
    moderate_size,
    registered_scope,
    registered_purpose,
    well_formed_claims,
    registered_resource,
    known_details,
)
"""What a device without a browser may ask is the same; the rest of a request it has not."""
BEFORE_REDIRECT: tuple[Check, ...] = (
    client_may_ask,
    exact_redirect_uri,
)
CHECKS: tuple[Check, ...] = (
    pushed_when_it_must_be,
    signed_when_it_must_be,
    no_request_uri,
    moderate_size,
    response_type_code,
    signed_answer_when_it_must_be,
    known_response_mode,
    pkce_s256,
    registered_scope,
    registered_purpose,
    known_prompt,
    max_age_in_seconds,
    well_formed_claims,
    registered_resource,
    thumbprint_of_a_key,
    known_details,
)
