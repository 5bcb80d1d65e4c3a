"""Settings of the broker: `[broker]` of civitas.toml."""

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class BrokerSettings(Section):
    """How long a choice waits and a session lives, and what every provider is asked for.

    `scope` is the same whichever service asks, so that a provider cannot tell services apart.
    """

    section: ClassVar[str] = "broker"
    scope: tuple[str, ...] = ("openid", "profile", "email", "age", "residence")
    """What every provider is asked for, whichever service asks."""
    purpose: str = "identity.sign-in"
    """The purpose that every provider is told."""
    attributes: tuple[str, ...] = (
        "name",
        "given_name",
        "family_name",
        "locale",
        "email",
        "age_over_18",
        "resident_of_city",
    )
    """The claims that every provider is asked for."""
    choice_seconds: int = Field(default=1800, ge=60, le=7200)
    """How long a choice of provider waits."""
    transaction_seconds: int = Field(default=900, ge=60, le=3600)
    """How long a sign-in at a provider may take."""
    session_seconds: int = Field(default=3600, ge=300, le=43_200)
    """Lifetime of a session at the hub, and of the sealed answer in it."""
    remember_days: int = Field(default=180, ge=1, le=400)
    """How long a choice is remembered, if the person asks."""
    choices_per_minute: int = Field(default=60, ge=1)
    """Choices of provider from one address."""
