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
    purpose: str = "identity.sign-in"
    attributes: tuple[str, ...] = (
        "name",
        "given_name",
        "family_name",
        "locale",
        "email",
        "age_over_18",
        "resident_of_city",
    )
    choice_seconds: int = Field(default=1800, ge=60, le=7200)
    transaction_seconds: int = Field(default=900, ge=60, le=3600)
    session_seconds: int = Field(default=3600, ge=300, le=43_200)
    remember_days: int = Field(default=180, ge=1, le=400)
    choices_per_minute: int = Field(default=60, ge=1)
