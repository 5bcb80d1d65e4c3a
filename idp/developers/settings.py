"""Settings of the integrators' place: `[developers]` of civitas.toml."""

from typing import ClassVar, Literal

from pydantic import Field

from foundation.settings import Section


class DevelopersSettings(Section):
    """Services that developers register in the browser."""

    section: ClassVar[str] = "developers"
    self_service: Literal["off", "test"] = "off"
    """`test`: any citizen may register test services. Otherwise those alone who were invited, by
    `civitas staff invite --role developer`."""
    test_scope: tuple[str, ...] = (
        "openid",
        "profile",
        "email",
        "phone",
        "address",
        "age",
        "residence",
        "offline_access",
    )
    """What a test service may ask its developer and invented residents for."""
    test_purpose: str = "identity.sign-in"
    """What a test service signs people in for."""
    services_each: int = Field(default=20, ge=1, le=1000)
    """How many services one developer may have in test."""
    trial_seconds: int = Field(default=900, ge=60, le=3600)
    """How long a sign-in that is being tried may take."""
