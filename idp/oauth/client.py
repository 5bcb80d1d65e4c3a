"""A client: who may ask, how it authenticates, what it is registered for — RFC 7591 §2 names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from foundation.cross_origin import origin as origin_of
from idp.oauth import redirects

AUTHENTICATION_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
)
CERTIFICATE_METHODS = ("tls_client_auth", "self_signed_tls_client_auth")
SUBJECT_MEMBERS = (
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
PRE_AUTHORIZED_CODE = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
CIBA = "urn:openid:params:grant-type:ciba"
GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    TOKEN_EXCHANGE,
    DEVICE_CODE,
    PRE_AUTHORIZED_CODE,
    CIBA,
)
OPENID_CREDENTIAL = "openid_credential"
"""The type of authorization in detail by which a wallet asks (OpenID4VCI §5.1.1)."""
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
SIGNING_ALGORITHMS = ("ES256", "RS256")
SIGNALS_READ, SIGNALS_MANAGE = "ssf.read", "ssf.manage"
"""CAEP Interoperability Profile 1.0 §2.7.3: the scopes by which a service has a stream."""
OPENID = "openid"
OFFLINE_ACCESS = "offline_access"


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client, valid by construction (see `registration.parse`).

    `scopes`: what it may ask for. `attributes`: which attributes may ever be released to it.
    `required_attributes`: those without which its service does not work; all others are the
    person's free choice. `attribute_reasons`: why it wants each, in its own words; `name#fr` is the
    one in French (RFC 7591 §2.2). `sector`: clients of one sector see the same pairwise subject.
    `resource`: the URI under which this client itself receives access tokens (RFC 8707).
    `audiences`: the resources that it may ask tokens for.
    `authorization_details_types`: what it may ask to be allowed in detail (RFC 9396 §10).
    `jwks_uri`: where its keys stand, in place of `jwks` (`keys_of_clients`).
    `calls_itself`: a name that nobody vouches for, beside `name`. `registered_itself`: no operator
    looked at it before it was served (RFC 7591 §3).
    `test_only`: nobody signs in at it but its developer and invented residents (`testers`).
    `passes_on`: it asks for a service behind it, whose own question comes after ours.
    `assertion_audience`: whether the single `aud` of its assertions is the issuer, or may be the
    token endpoint as well (failures 7).
    `only_this_method`: its secret is taken in the one place that is registered, not in the other.
    `tls_client_auth_san`: the kind of name (`dns`, `uri`, `ip`, `email`) and the name that its
    certificate has, in place of a subject (RFC 8705 §2.1.2).
    `profile`: a security profile that it keeps to (`profiles`).
    `require_pkce`: without, a request may carry a nonce in place of a challenge (RFC 9700 §2.1.1);
    without `require_nonce` not even that.
    `backchannel_logout_uri`, `frontchannel_logout_uri`: where it is told that a session ended, from
    server to server and in the person's browser. `initiate_login_uri`: where others begin a sign-in
    at it. `declared_in`: the set of the file that made it (`civitas clients apply`).
    `session_management`: its pages may ask in a frame of ours whether a session lives.
    `backchannel_client_notification_endpoint`: where it is told that a person answered what it
    asked them elsewhere; None where it asks us (CIBA Core §4, ping and poll).
    `previous_secret_until`: how long the secret before the last rotation works beside it.
    """

    id: str
    name: str
    kind: Literal["service", "device", "federated"]
    token_endpoint_auth_method: str
    sector: str
    only_this_method: bool = False
    require_pkce: bool = True
    require_nonce: bool = True
    grant_types: frozenset[str] = frozenset({"authorization_code"})
    response_types: frozenset[str] = frozenset({"code"})
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    initiate_login_uri: str | None = None
    session_management: bool = False
    backchannel_client_notification_endpoint: str | None = None
    scopes: frozenset[str] = frozenset()
    purposes: tuple[str, ...] = ()
    attributes: frozenset[str] = frozenset()
    required_attributes: frozenset[str] = frozenset()
    attribute_reasons: Mapping[str, str] = field(default_factory=dict)
    resource: str | None = None
    audiences: tuple[str, ...] = ()
    jwks: tuple[Mapping[str, Any], ...] = ()
    jwks_uri: str | None = None
    id_token_signed_response_alg: str = "ES256"
    authorization_details_types: tuple[str, ...] = ()
    authorization_signed_response_alg: str | None = None
    userinfo_signed_response_alg: str | None = None
    assertion_audience: Literal["issuer", "token_endpoint"] = "issuer"
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san: tuple[str, str] | None = None
    certificate_bound_access_tokens: bool = False
    dpop_bound_access_tokens: bool = False
    require_signed_request_object: bool = False
    require_pushed_authorization_requests: bool = False
    profile: str | None = None
    calls_itself: str | None = None
    registered_itself: bool = False
    test_only: bool = False
    passes_on: bool = False
    policy_uri: str | None = None
    client_uri: str | None = None
    contacts: tuple[str, ...] = ()
    declared_in: str | None = None
    active: bool = True
    removed: bool = False
    secret_mac: bytes | None = field(default=None, repr=False)
    previous_secret_mac: bytes | None = field(default=None, repr=False)
    previous_secret_until: datetime | None = None

    @property
    def is_public(self) -> bool:
        """Whether the client cannot keep a secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def is_wallet(self) -> bool:
        """Whether it takes credentials for the person who holds it (OpenID4VCI)."""
        return OPENID_CREDENTIAL in self.authorization_details_types

    @property
    def token_delivery_mode(self) -> str | None:
        """How it learns what a person answered who is not at it (CIBA Core §5)."""
        if CIBA not in self.grant_types:
            return None
        return "poll" if self.backchannel_client_notification_endpoint is None else "ping"

    @property
    def signs_responses_by(self) -> str:
        """The algorithm of its signed authorization responses: that of its ID tokens, where it
        names none (JARM §3)."""
        return self.authorization_signed_response_alg or self.id_token_signed_response_alg

    def may_prove_by(self, method: str) -> bool:
        """Whether `method` is on for it. A secret is taken in either place: libraries differ in
        where they put it, and it proves the same (RFC 6749 §2.3.1)."""
        registered = self.token_endpoint_auth_method
        either = registered in SECRET_METHODS and not self.only_this_method
        return method == registered or (either and method in SECRET_METHODS)

    def owns_redirect(self, uri: str) -> bool:
        """Whether `uri` is one of the registered redirect URIs, exactly."""
        return any(redirects.matches(registered, uri) for registered in self.redirect_uris)

    def owns_post_logout_redirect(self, uri: str) -> bool:
        """The same for the way back after signing out."""
        return any(redirects.matches(known, uri) for known in self.post_logout_redirect_uris)

    def owns_origin(self, origin: str) -> bool:
        """Whether a browser page of this client has that origin."""
        return any(redirects.matches(origin_of(uri), origin) for uri in self.redirect_uris)

    def purpose_of(self, asked: str | None) -> str | None:
        """The purpose that a request is for: the one asked for, or the only one registered."""
        if asked is not None:
            return asked if asked in self.purposes else None
        return self.purposes[0] if len(self.purposes) == 1 else None


def device_client(device_id: str) -> Client:
    """A device of the registry, as a client: certificate only, client_credentials only."""
    return Client(
        id=device_id,
        name=device_id,
        kind="device",
        token_endpoint_auth_method="tls_client_auth",
        sector=device_id,
        grant_types=frozenset({"client_credentials"}),
        response_types=frozenset(),
        scopes=frozenset({DEVICE_SCOPE}),
        certificate_bound_access_tokens=True,
    )


DEVICE_SCOPE = "device:self"
DEVICE_PREFIXES = ("dev-", "dev_")
"""Devices that were registered before 0.1.0 have the second."""
