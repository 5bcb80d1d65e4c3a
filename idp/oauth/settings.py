"""Settings of the authorization server: `[oauth]` of civitas.toml."""

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class OAuthSettings(Section):
    """Lifetimes in seconds, limits in attempts. Access tokens never outlive five minutes."""

    section: ClassVar[str] = "oauth"
    access_token_seconds: int = Field(default=300, ge=30, le=300)
    """Lifetime of an access token."""
    id_token_seconds: int = Field(default=300, ge=30, le=3600)
    """Lifetime of an ID token."""
    code_seconds: int = Field(default=60, ge=10, le=60)
    """Lifetime of an authorization code."""
    transaction_seconds: int = Field(default=1800, ge=60, le=7200)
    """How long an authorization request waits for the person."""
    pushed_request_seconds: int = Field(default=60, ge=10, le=599)
    """How long a pushed authorization request waits for its browser."""
    require_pushed_authorization_requests: bool = False
    """Every service must push its requests (RFC 9126), also those of the federation."""
    dpop_nonces: bool = True
    """A DPoP proof needs a nonce of ours, which costs a client's first request a repetition."""
    device_code_seconds: int = Field(default=600, ge=60, le=1800)
    """How long a device without a browser waits for its person (RFC 8628)."""
    device_codes_per_minute: int = Field(default=20, ge=1)
    """Codes of devices from one address, asked for or typed."""
    backchannel_seconds: int = Field(default=300, ge=30, le=1800)
    """How long what a service asks a person elsewhere waits for their answer (CIBA)."""
    backchannel_requests_per_minute: int = Field(default=10, ge=1)
    """How often one service may ask the same person."""
    offer_seconds: int = Field(default=600, ge=60, le=1800)
    """How long a credential that a person has ready waits for their wallet (OpenID4VCI)."""
    session_grant_seconds: int = Field(default=12 * 3600, ge=300, le=86_400)
    """Lifetime of a grant without `offline_access`, refreshes included."""
    offline_grant_seconds: int = Field(default=30 * 86_400, ge=3600, le=366 * 86_400)
    """Lifetime of a grant with `offline_access`, refreshes included."""
    client_failures_per_minute: int = Field(default=20, ge=1)
    """Failed authentications of one client from one address."""
    authorize_per_minute: int = Field(default=120, ge=1)
    """Authorization requests from one address."""
    unknown_clients_per_minute: int = Field(default=20, ge=1)
    """Names from one address that we ask the federation about, and nobody vouches for."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of browser clients, beyond those of registered redirect URIs of public clients."""


class ClientsSettings(Section):
    """Services that register themselves (RFC 7591), without an operator who looks at each first."""

    section: ClassVar[str] = "clients"
    dynamic_registration: bool = False
    """Services may register themselves at `/oauth/register`."""
    initial_access_tokens: bool = True
    """Who registers a service shows a token that the operator made (`civitas clients invite`)."""
    dynamic_scope: tuple[str, ...] = ("openid", "profile", "email", "age", "residence")
    """What a service that registers itself may ask people for; whatever it asks is their choice."""
    dynamic_purpose: str = "identity.sign-in"
    """What people are told that such a service signs them in for."""
    dynamic_without_pkce: bool = False
    """Such a service may leave PKCE out, if it keeps a secret or a key, and sends a nonce. A stolen
    code is then found out by the service alone."""
    registrations_per_minute: int = Field(default=10, ge=1)
    """Registrations, and looks at one, from one address."""
