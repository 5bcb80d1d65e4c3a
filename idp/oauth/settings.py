"""Settings of the authorization server: `[oauth]` of civitas.toml."""

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class OAuthSettings(Section):
    """Lifetimes in seconds, limits in attempts. Access tokens never outlive five minutes."""

    section: ClassVar[str] = "oauth"
    access_token_seconds: int = Field(default=300, ge=30, le=300)
    id_token_seconds: int = Field(default=300, ge=30, le=3600)
    code_seconds: int = Field(default=60, ge=10, le=60)
    transaction_seconds: int = Field(default=1800, ge=60, le=7200)
    session_grant_seconds: int = Field(default=12 * 3600, ge=300, le=86_400)
    offline_grant_seconds: int = Field(default=30 * 86_400, ge=3600, le=366 * 86_400)
    client_failures_per_minute: int = Field(default=20, ge=1)
    authorize_per_minute: int = Field(default=120, ge=1)
    allowed_origins: tuple[str, ...] = ()
    """Origins of browser clients, beyond those of registered redirect URIs of public clients."""
